/** Keyed aggregation over numbers: one row of shared memory per key. This is the hottest path there is. */

import { shownKey } from '../../hashring/canonical-key.js';
import type { KeySelector } from '../api/key-selector.js';
import type { Capture, OperatorContext, RestoredSection } from '../operator.js';
import { withCapture } from '../state/captures.js';
import { CellTable } from '../state/cell-table.js';
import { BITS_PER_WORD, DistinctValues } from '../state/distinct-values.js';
import { shapeOfRows } from '../state/row-image.js';
import { RowIndex } from '../state/row-index.js';
import { SEGMENT_MASK, SEGMENT_SHIFT } from '../state/row-layout.js';
import { corruptRows } from '../state/row-section.js';
import { RowTable } from '../state/row-table.js';
import { DISTINCT, parseLayout, type StateDescription } from '../state/state-layout.js';
import type { Row } from './changes.js';
import { KeyedOperator } from './keyed-operator.js';
import { groupOf, requireKey } from './operator-key.js';
import { type NumericFunctions, undoing } from './row-shape.js';
import type { DistinctCounts, RowAdd, RunningFunctions } from './running-shape.js';
import { type FormerCell, rowEvolution } from './state-evolution.js';

/** Words of a row before the accumulators: the key's reference. */
const LEAD_WORDS = 1;

export class KeyedRowsOperator extends KeyedOperator {
  readonly #functions: NumericFunctions;
  #add: RowAdd;
  readonly #table: RowTable;
  readonly #stride: number;
  readonly #state: StateDescription;
  /** Undefined: nothing counts different values; so is `#values`. */
  readonly #distinct: DistinctCounts | undefined;
  readonly #values: DistinctValues | undefined;
  #index!: RowIndex;
  /** While it opens. */
  #restored: readonly RestoredSection[] = [];

  constructor(key: KeySelector, running: RunningFunctions, state: StateDescription) {
    super(key, state);
    const { functions, counters, distinct } = running;
    const { layout } = state;
    this.#functions = functions;
    this.#state = state;
    this.#table = new RowTable({
      words: functions.words,
      layout,
      evolve: (before) => rowEvolution(this.context.operator, before, state, counters, LEAD_WORDS),
    });
    this.#stride = this.#table.stride;
    this.#distinct = distinct;
    this.#values =
      distinct &&
      new DistinctValues({
        counts: distinct.counts,
        layout,
        evolve: (before) => distinct.evolve(this.context.operator, before),
      });
    this.#add = distinct === undefined ? functions.add : distinct.add(this.#values!);
  }

  override open(context: OperatorContext, restored: readonly RestoredSection[]): void {
    for (const table of [this.#table, this.#values]) {
      if (context.incremental === true) table?.track();
      table?.overlap(context.maxConcurrent ?? 1);
    }
    if (context.undoes === true) this.#add = undoing(this.#add, this.#functions.words);
    this.#index = new RowIndex(this.#table, context.keyGroups, (group) => context.ownsGroup(group));
    this.#restored = restored;
    super.open(context, restored);
    this.#restored = [];
  }

  protected restore(
    section: RestoredSection,
    owns: (group: number) => boolean,
    alive: () => void,
  ): void {
    if (section.name !== this.#state.section) {
      this.#restoreCells(section, owns, alive);
      return;
    }
    const index = this.#index;
    const values = this.#values;
    /** Where the section's rows are now. */
    const places: number[] = [];
    this.#table.restore(
      section,
      owns,
      (row, entry) => {
        index.add(entry.group, entry.key, row);
        if (values !== undefined) places[entry.row] = row;
      },
      alive,
    );
    if (values === undefined) return;
    const placeOf = (row: number) => placed(places, row);
    if (values.restore(this.#restored, section, placeOf, owns, alive)) return;
    const { entries } = parseLayout(shapeOfRows(section.bytes).layout);
    if (entries.some(({ type }) => type === DISTINCT)) {
      throw corruptRows('the values of its distinct counts are missing');
    }
  }

  /** Former versions kept distinct counts, and all that stood beside them, in cells. */
  #restoreCells(
    section: RestoredSection,
    owns: (group: number) => boolean,
    alive: () => void,
  ): void {
    const { operator } = this.context;
    const cells = new CellTable({
      operator,
      layout: this.#state.layout,
      evolve: (before) => this.#distinct!.formerCell(operator, before),
    });
    cells.restore(section, owns, alive);
    for (const bucket of cells.buckets.values()) {
      for (const { group, key, value } of bucket.cells.values()) {
        alive();
        this.#takeCell(group, key, value as FormerCell);
      }
    }
  }

  #takeCell(group: number, key: unknown, { numbers, met }: FormerCell): void {
    const row = this.#create(group, key);
    const data = this.#table.segments[row >> SEGMENT_SHIFT]!;
    const at = (row & SEGMENT_MASK) * this.#stride + 1;
    for (const [word, number] of numbers.entries()) data[at + word] = number;
    for (const [count, values] of met.entries()) {
      const word = Math.floor(count / BITS_PER_WORD);
      const bit = 1 << (count & (BITS_PER_WORD - 1));
      for (const one of values ?? []) this.#values!.note(row, group, one, word, bit);
    }
  }

  onElement(record: unknown, timestamp: number, givenGroup: number, behind: number): void {
    const select = this.select;
    const selected = requireKey(select(record));
    const group = groupOf(this.context, selected, givenGroup);
    const table = this.#table;
    const known = this.#index.find(group, selected);
    const key = shownKey(selected); // What is no key was refused by now.
    const row = known < 0 ? this.#create(group, key) : known;
    if (row < table.guardRows) table.protect(row);
    const data = table.segments[row >> SEGMENT_SHIFT]!;
    const at = (row & SEGMENT_MASK) * this.#stride + 1;
    const functions = this.#functions;
    const { changes } = this;
    const before =
      changes === undefined || known < 0 ? undefined : functions.row(data, at, key, 0, 0);
    try {
      this.#add(data, at, record, row, group);
    } catch (error) {
      if (known < 0) this.#index.remove(group, key, row);
      throw error;
    }
    const after = functions.row(data, at, key, 0, 0);
    this.output.onElement(after, timestamp, 0, behind);
    changes?.emitChanged(before as Row | undefined, after as Row, timestamp, behind);
  }

  capture(checkpoint: number, base?: number): Capture {
    const rows = this.#table.capture(this.#state.section, checkpoint, base);
    const values = this.#values?.capture(checkpoint, base);
    return values === undefined ? rows : withCapture(rows, values);
  }

  #create(group: number, key: unknown): number {
    const row = this.#index.create(group, key);
    const data = this.#table.segments[row >> SEGMENT_SHIFT]!;
    this.#functions.init(data, (row & SEGMENT_MASK) * this.#stride + 1);
    return row;
  }
}

function placed(places: readonly number[], row: number): number {
  const place = places[row];
  if (place === undefined) throw corruptRows(`a value is of row ${row}, which is not there`);
  return place;
}
