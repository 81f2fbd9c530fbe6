/** Panes of numbers: rows of shared memory, each with its pane in the first word. */

import { canonicalKey, type PrimitiveKey, shownKey } from '../../hashring/canonical-key.js';
import type { Capture, OperatorContext, RestoredSection } from '../operator.js';
import { ownKey } from '../state/own-key.js';
import { SEGMENT_MASK, SEGMENT_SHIFT } from '../state/row-layout.js';
import { type RowCopier, RowTable } from '../state/row-table.js';
import type { StateDescription } from '../state/state-layout.js';
import type { KeyRun } from './key-run.js';
import { ownedGroup } from './operator-key.js';
import type { Pane, PaneStore } from './pane.js';
import { RowRun, RowsOfRuns } from './row-run.js';
import { type NumericFunctions, undoing } from './row-shape.js';

/** Words of a row: key reference, what the pane is called, accumulators. */
const STORED_WORD = 1;
const ACCUMULATORS_WORD = 2;

export class RowPanes implements PaneStore<number> {
  readonly state: StateDescription;
  readonly #functions: NumericFunctions;
  #add: NumericFunctions['add'];
  readonly #table: RowTable;
  /** Undefined until there is a run. */
  #rows: RowsOfRuns | undefined;
  #context!: OperatorContext;

  /** @param evolve as in the options of a row table; a row has its pane before its accumulators */
  constructor(
    functions: NumericFunctions,
    state: StateDescription,
    evolve: (operator: string, before: string, lead: number) => RowCopier,
  ) {
    this.state = state;
    this.#functions = functions;
    this.#add = functions.add;
    this.#table = new RowTable({
      words: functions.words + 1,
      layout: state.layout,
      evolve: (before) => evolve(this.#context.operator, before, ACCUMULATORS_WORD),
    });
  }

  open(context: OperatorContext): void {
    this.#context = context;
    if (context.undoes === true) this.#add = undoing(this.#functions.add, this.#functions.words);
    if (context.incremental === true) this.#table.track();
    this.#table.overlap(context.maxConcurrent ?? 1);
  }

  newSlots(): Map<PrimitiveKey, number> {
    return new Map();
  }

  add(
    pane: Pane<number>,
    canonical: PrimitiveKey,
    key: unknown,
    group: number,
    record: unknown,
  ): number {
    const table = this.#table;
    const known = pane.slots.get(canonical);
    const row = known ?? this.#create(pane, canonical, key, group);
    if (row < table.guardRows) table.protect(row);
    const data = table.segments[row >> SEGMENT_SHIFT]!;
    try {
      this.#add(data, (row & SEGMENT_MASK) * table.stride + ACCUMULATORS_WORD, record);
    } catch (error) {
      if (known === undefined) {
        pane.slots.delete(canonical);
        table.release(row);
      }
      throw error;
    }
    return row;
  }

  newRun(canonical: PrimitiveKey, key: unknown): KeyRun<number> {
    this.#rows ??= new RowsOfRuns(this.#table, ACCUMULATORS_WORD, this.#functions);
    return new RowRun(canonical, key, this.#rows);
  }

  groupOf(row: number): number {
    return this.#table.groupOf(row);
  }

  keyOf(canonical: PrimitiveKey, row: number): unknown {
    const own = ownKey(canonical);
    if (own !== undefined) return own;
    // Former versions kept the key as the first record had it.
    return shownKey(this.#table.keyOf(row));
  }

  row(pane: Pane<number>, canonical: PrimitiveKey, row: number): unknown {
    const table = this.#table;
    const key = this.keyOf(canonical, row);
    const data = table.segments[row >> SEGMENT_SHIFT]!;
    const at = (row & SEGMENT_MASK) * table.stride + ACCUMULATORS_WORD;
    return this.#functions.row(data, at, key, pane.start, pane.end);
  }

  release(row: number): void {
    this.#table.release(row);
  }

  drop(): void {}

  capture(checkpoint: number, base: number | undefined): Capture {
    return this.#table.capture(this.state.section, checkpoint, base);
  }

  restore(
    section: RestoredSection,
    owns: (group: number) => boolean,
    alive: () => void,
    paneOf: (stored: number) => Pane<number>,
  ): void {
    const table = this.#table;
    table.restore(
      section,
      owns,
      (row, entry) => {
        const data = table.segments[row >> SEGMENT_SHIFT]!;
        const stored = data[(row & SEGMENT_MASK) * table.stride + STORED_WORD]!;
        paneOf(stored).slots.set(canonicalKey(entry.key), row);
      },
      alive,
    );
  }

  #create(pane: Pane<number>, canonical: PrimitiveKey, key: unknown, givenGroup: number): number {
    const group = ownedGroup(this.#context, key, givenGroup);
    const table = this.#table;
    const row = table.create(group, key);
    const data = table.segments[row >> SEGMENT_SHIFT]!;
    const at = (row & SEGMENT_MASK) * table.stride;
    data[at + STORED_WORD] = pane.stored;
    this.#functions.init(data, at + ACCUMULATORS_WORD);
    // A text may be a piece of a whole frame's; the key read back stands for itself.
    const own = typeof canonical === 'string' ? canonicalKey(table.keyOf(row)) : canonical;
    pane.slots.set(own, row);
    return row;
  }
}
