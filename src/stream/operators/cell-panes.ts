/** Panes of any immutable values: a bucket of cells per pane. */

import { type RecordKeeper, recordKeeper } from '../../channels/record-keeper.js';
import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { Capture, OperatorContext, RestoredSection } from '../operator.js';
import type { Cell, CellBucket, MappedCells } from '../state/cell.js';
import { CellTable } from '../state/cell-table.js';
import { detachedKey } from '../state/detached.js';
import type { StateDescription } from '../state/state-layout.js';
import type { CellFold } from './cell-fold.js';
import { type CellMerge, CellRun } from './cell-run.js';
import type { KeyRun } from './key-run.js';
import { ownedGroup } from './operator-key.js';
import type { Pane, PaneStore } from './pane.js';

export class CellPanes implements PaneStore<Cell> {
  readonly state: StateDescription;
  readonly #fold: CellFold;
  readonly #merge: CellMerge = {
    // The fold may keep parts of what it is given, and change them later.
    merge: (before, after) => this.#fold.merge!(this.#kept(before), this.#kept(after)),
    row: (value, key, start, end) =>
      this.#fold.row(this.#kept(value), detachedKey(key), start, end),
  };
  #context!: OperatorContext;
  #table!: CellTable;
  #keeper: RecordKeeper | undefined;

  constructor(fold: CellFold, state: StateDescription) {
    this.#fold = fold;
    this.state = state;
  }

  open(context: OperatorContext): void {
    this.#context = context;
    const { operator, records } = context;
    this.#keeper = this.#fold.isUsers ? recordKeeper(records, 'state') : undefined;
    this.#table = new CellTable({
      operator,
      layout: this.state.layout,
      evolve: (before) => this.#fold.evolution(operator, before, this.state),
    });
    if (context.incremental === true) this.#table.track();
  }

  newSlots(stored: number): Map<PrimitiveKey, Cell> {
    return this.#table.bucket(stored).cells;
  }

  add(
    pane: Pane<Cell>,
    canonical: PrimitiveKey,
    key: unknown,
    group: number,
    record: unknown,
    timestamp: number,
  ): Cell {
    const table = this.#table;
    const cell = pane.slots.get(canonical);
    if (cell === undefined) return this.#create(pane, key, group, record, timestamp);
    // Saved before the fold, which may change the cell's value in place.
    if (cell.seen < table.active) table.save(this.#bucketOf(pane), cell);
    if (this.#context.undoes !== true) {
      table.set(cell, this.#kept(this.#fold.add(cell.value, record, timestamp)));
      return cell;
    }
    const before = this.#fold.copy(cell.value);
    try {
      table.set(cell, this.#kept(this.#fold.add(cell.value, record, timestamp)));
    } catch (error) {
      table.set(cell, before);
      throw error;
    }
    return cell;
  }

  newRun(canonical: PrimitiveKey, key: unknown): KeyRun<Cell> {
    return new CellRun(canonical, key, this.#merge);
  }

  groupOf(cell: Cell): number {
    return cell.group;
  }

  keyOf(_canonical: PrimitiveKey, cell: Cell): unknown {
    return cell.key;
  }

  row(pane: Pane<Cell>, _canonical: PrimitiveKey, cell: Cell): unknown {
    // Copies: the value may stay in state, and the key does.
    return this.#fold.row(this.#kept(cell.value), detachedKey(cell.key), pane.start, pane.end);
  }

  release(cell: Cell, pane: Pane<Cell>): void {
    this.#table.delete(this.#bucketOf(pane), cell);
  }

  drop(pane: Pane<Cell>): void {
    this.#table.drop(this.#bucketOf(pane));
  }

  capture(checkpoint: number, base: number | undefined): Capture {
    return this.#table.capture(this.state.section, checkpoint, base);
  }

  restore(
    section: RestoredSection,
    owns: (group: number) => boolean,
    alive: () => void,
    paneOf: (stored: number) => Pane<Cell>,
  ): void {
    this.#table.restore(section, owns, alive);
    for (const stored of this.#table.buckets.keys()) paneOf(stored);
  }

  #kept(value: unknown): unknown {
    return this.#keeper === undefined ? value : this.#keeper.keep(value);
  }

  #bucketOf(pane: Pane<Cell>): CellBucket<MappedCells> {
    return this.#table.bucket(pane.stored);
  }

  #create(
    pane: Pane<Cell>,
    key: unknown,
    givenGroup: number,
    record: unknown,
    timestamp: number,
  ): Cell {
    const group = ownedGroup(this.#context, key, givenGroup);
    return this.#table.create(
      this.#bucketOf(pane),
      group,
      detachedKey(key),
      this.#kept(this.#fold.first(record, timestamp)),
    );
  }
}
