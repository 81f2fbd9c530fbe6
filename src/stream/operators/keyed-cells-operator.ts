/** Keyed folds over any immutable value: one cell per key, in buckets by key group. */

import { assert } from '../../base/assert.js';
import { type RecordKeeper, recordKeeper } from '../../channels/record-keeper.js';
import { shownKey } from '../../hashring/canonical-key.js';
import type { KeySelector } from '../api/key-selector.js';
import type { Capture, OperatorContext, RestoredSection } from '../operator.js';
import type { Cell } from '../state/cell.js';
import { CellTable } from '../state/cell-table.js';
import { detachedKey } from '../state/detached.js';
import { KeyCells } from '../state/key-cells.js';
import type { StateDescription } from '../state/state-layout.js';
import type { CellFold } from './cell-fold.js';
import type { Row } from './changes.js';
import { KeyedOperator } from './keyed-operator.js';
import { canonicalOfSelected, groupOf } from './operator-key.js';

export class KeyedCellsOperator extends KeyedOperator {
  readonly #fold: CellFold;
  readonly #state: StateDescription;
  #table!: CellTable<KeyCells>;
  #keeper: RecordKeeper | undefined;
  readonly #cells = new KeyCells();

  constructor(key: KeySelector, fold: CellFold, state: StateDescription) {
    super(key, state);
    this.#fold = fold;
    this.#state = state;
  }

  override open(context: OperatorContext, restored: readonly RestoredSection[]): void {
    const { operator, records } = context;
    this.#keeper = this.#fold.isUsers ? recordKeeper(records, 'state') : undefined;
    this.#table = new CellTable({
      operator,
      layout: this.#state.layout,
      evolve: (before) => this.#fold.evolution(operator, before, this.#state),
      cells: this.#cells,
    });
    if (context.incremental === true) this.#table.track();
    super.open(context, restored);
  }

  protected restore(
    section: RestoredSection,
    owns: (group: number) => boolean,
    alive: () => void,
  ): void {
    this.#table.restore(section, owns, alive);
  }

  onElement(record: unknown, timestamp: number, givenGroup: number, behind: number): void {
    const select = this.select;
    const selected = select(record);
    const canonical = canonicalOfSelected(selected);
    const key = shownKey(selected);
    const group = groupOf(this.context, key, givenGroup);
    const table = this.#table;
    const fold = this.#fold;
    const keeper = this.#keeper;
    const undoes = this.context.undoes === true;
    const known = this.#cells.find(key, group, canonical);
    // Saved before the fold, which may change the cell's value in place.
    if (known !== undefined && known.seen < table.active) table.save(table.bucket(), known);
    const before = undoes && known !== undefined ? fold.copy(known.value) : undefined;
    const { changes } = this;
    const rowBefore =
      changes === undefined || known === undefined ? undefined : fold.row(known.value, key, 0, 0);
    let cell = known;
    let row: unknown;
    try {
      const value =
        known === undefined
          ? fold.first(record, timestamp)
          : fold.add(known.value, record, timestamp);
      const kept = keeper === undefined ? value : keeper.keep(value);
      if (cell === undefined) cell = this.#create(group, key, kept);
      else table.set(cell, kept);
      row = fold.row(value, key, 0, 0);
    } catch (error) {
      if (undoes) {
        if (known !== undefined) table.set(known, before);
        else if (cell !== undefined) table.delete(table.bucket(), cell);
      }
      throw error;
    }
    // State has kept a copy, so the value itself may go on.
    this.output.onElement(row, timestamp, 0, behind);
    changes?.emitChanged(rowBefore as Row | undefined, row as Row, timestamp, behind);
  }

  capture(checkpoint: number, base?: number): Capture {
    return this.#table.capture(this.#state.section, checkpoint, base);
  }

  #create(group: number, key: unknown, value: unknown): Cell {
    assert(
      this.context.ownsGroup(group),
      `a record of key group ${group} reached an instance without it`,
    );
    const table = this.#table;
    return table.create(table.bucket(), group, detachedKey(key), value);
  }
}
