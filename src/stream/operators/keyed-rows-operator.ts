/** Keyed aggregation over numbers: one row of shared memory per key. This is the hottest path there is. */

import { shownKey } from '../../hashring/canonical-key.js';
import type { KeySelector } from '../api/key-selector.js';
import type { Capture, OperatorContext, RestoredSection } from '../operator.js';
import { RowIndex } from '../state/row-index.js';
import { SEGMENT_MASK, SEGMENT_SHIFT } from '../state/row-layout.js';
import { type RowCopier, RowTable } from '../state/row-table.js';
import type { StateDescription } from '../state/state-layout.js';
import type { Row } from './changes.js';
import { KeyedOperator } from './keyed-operator.js';
import { groupOf, keyOfSelected } from './operator-key.js';
import { type NumericFunctions, undoing } from './row-shape.js';

/** Words of a row before the accumulators: the key's reference. */
const LEAD_WORDS = 1;

export class KeyedRowsOperator extends KeyedOperator {
  readonly #functions: NumericFunctions;
  #add: NumericFunctions['add'];
  readonly #table: RowTable;
  readonly #stride: number;
  readonly #section: string;
  #index!: RowIndex;

  /** @param evolve as in the options of a row table */
  constructor(
    key: KeySelector,
    functions: NumericFunctions,
    state: StateDescription,
    evolve: (operator: string, before: string, lead: number) => RowCopier,
  ) {
    super(key, state);
    this.#functions = functions;
    this.#add = functions.add;
    this.#section = state.section;
    this.#table = new RowTable({
      words: functions.words,
      layout: state.layout,
      evolve: (before) => evolve(this.context.operator, before, LEAD_WORDS),
    });
    this.#stride = this.#table.stride;
  }

  override open(context: OperatorContext, restored: readonly RestoredSection[]): void {
    if (context.incremental === true) this.#table.track();
    if (context.undoes === true) this.#add = undoing(this.#functions);
    this.#table.overlap(context.maxConcurrent ?? 1);
    this.#index = new RowIndex(this.#table, context.keyGroups, (group) => context.ownsGroup(group));
    super.open(context, restored);
  }

  protected restore(
    section: RestoredSection,
    owns: (group: number) => boolean,
    alive: () => void,
  ): void {
    const index = this.#index;
    this.#table.restore(
      section,
      owns,
      (row, entry) => index.add(entry.group, entry.key, row),
      alive,
    );
  }

  onElement(record: unknown, timestamp: number, givenGroup: number, behind: number): void {
    const select = this.select;
    const selected = select(record);
    const canonical = keyOfSelected(selected);
    const key = shownKey(selected);
    const group = groupOf(this.context, key, givenGroup);
    const table = this.#table;
    const known = this.#index.find(group, canonical);
    const row = known < 0 ? this.#create(group, key) : known;
    if (row < table.guardRows) table.protect(row);
    const data = table.segments[row >> SEGMENT_SHIFT]!;
    const at = (row & SEGMENT_MASK) * this.#stride + 1;
    const functions = this.#functions;
    const { changes } = this;
    const before =
      changes === undefined || known < 0 ? undefined : functions.row(data, at, key, 0, 0);
    try {
      this.#add(data, at, record);
    } catch (error) {
      if (known < 0) this.#index.remove(group, canonical, row);
      throw error;
    }
    const after = functions.row(data, at, key, 0, 0);
    this.output.onElement(after, timestamp, 0, behind);
    changes?.emitChanged(before as Row | undefined, after as Row, timestamp, behind);
  }

  capture(checkpoint: number, base?: number): Capture {
    return this.#table.capture(this.#section, checkpoint, base);
  }

  #create(group: number, key: unknown): number {
    const row = this.#index.create(group, key);
    const data = this.#table.segments[row >> SEGMENT_SHIFT]!;
    this.#functions.init(data, (row & SEGMENT_MASK) * this.#stride + 1);
    return row;
  }
}
