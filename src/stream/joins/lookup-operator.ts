/**
 * Looks rows of a bounded table up, for each record.
 *
 *  L1  The table is read to its end before the first record is taken. So the answer never depends on which was faster.
 *  L2  It is broadcast state (broadcast-state.ts), so a restore gives the table that the job began with, though the
 *      source holds another one by then. An incremental checkpoint writes it once.
 *  L3  A key has one row as a rule, which lies in a state of its own; those of a key with several lie in another.
 */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import { BROADCAST_SECTION } from '../api/broadcast.js';
import type { Key, KeySelector } from '../api/key-selector.js';
import { map } from '../api/state-specs.js';
import type { Capture, Operator, OperatorContext, RestoredSection } from '../operator.js';
import { BroadcastState } from '../operators/broadcast-state.js';
import { CallbackOutput } from '../operators/callback-output.js';
import { keyOfSelected } from '../operators/operator-key.js';
import { StatelessOperator } from '../operators/stateless-operator.js';
import type { Source } from '../source.js';
import type { MapHandle } from '../state/map-handle.js';
import { isNullKey, pairOf, type Select } from './join-sides.js';
import { KeyTypes } from './key-types.js';
import { readTable } from './read-table.js';

/** By the canonical form of their keys (L3). */
export const TABLE_STATE = {
  row: map<string, unknown>(),
  rows: map<string, readonly unknown[]>(),
};

export interface Lookup {
  readonly source: Source<unknown>;
  /** Of a record, and of a row of the table. */
  readonly key: KeySelector;
  readonly tableKey: KeySelector;
  readonly keepsUnmatched: boolean;
  readonly select: Select;
}

export function lookupOperator(lookup: Lookup): () => Operator {
  return () => new LookupOperator(lookup);
}

class LookupOperator extends StatelessOperator {
  readonly #lookup: Lookup;
  readonly #pair: ReturnType<typeof pairOf>;
  readonly #out = new CallbackOutput('lookup');
  #context!: OperatorContext;
  #table!: BroadcastState;
  #isClosed = false;

  constructor(lookup: Lookup) {
    super();
    const keys = new KeyTypes('lookup');
    const key = keys.watched('left', lookup.key);
    const tableKey = keys.watched('right', lookup.tableKey);
    this.#lookup = { ...lookup, key, tableKey };
    this.#pair = pairOf('lookup', lookup.select);
  }

  override open(
    context: OperatorContext,
    restored: readonly RestoredSection[] = [],
  ): void | Promise<void> {
    super.open(context);
    this.#context = context;
    this.#out.open(context);
    this.#table = new BroadcastState(TABLE_STATE, context, restored);
    if (!restored.some(({ name }) => name === BROADCAST_SECTION)) return this.#read(); // L2
  }

  get suspended(): boolean {
    return this.#out.suspended;
  }

  resume(): void {
    this.#out.resume();
  }

  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    const { key: select, keepsUnmatched } = this.#lookup;
    const key = (select as (record: unknown) => Key)(record);
    const canonical = keyOfSelected(key);
    const isNull = isNullKey(key);
    this.#table.begin(false);
    this.#out.begin(timestamp, behind);
    try {
      const rows = isNull ? [] : this.#rowsOf(canonical);
      for (const row of rows) this.#out.emit(this.#pair('left', record, row, key));
      if (rows.length === 0 && keepsUnmatched) {
        this.#out.emit(this.#pair('left', record, null, key));
      } else if (isNull) {
        this.#context.count('nullKeys', 1);
      }
    } catch (error) {
      this.#out.drop();
      this.#table.failed();
      throw error;
    }
    this.#table.end();
    this.#out.end();
  }

  capture(checkpoint: number, base?: number): Capture {
    return this.#table.capture(checkpoint, base);
  }

  close(): void {
    this.#isClosed = true;
  }

  /** L3 */
  get #maps(): Readonly<Record<keyof typeof TABLE_STATE, MapHandle>> {
    return this.#table.handles as unknown as Readonly<Record<keyof typeof TABLE_STATE, MapHandle>>;
  }

  /** In copies that may be given away. */
  #rowsOf(key: PrimitiveKey): readonly unknown[] {
    const { row, rows } = this.#maps;
    const only = row.get(key);
    if (only !== undefined) return [only];
    return (rows.get(key) as readonly unknown[] | undefined) ?? [];
  }

  async #read(): Promise<void> {
    const { source, tableKey } = this.#lookup;
    const byKey = new Map<PrimitiveKey, unknown[]>();
    const take = (record: unknown): void => {
      const key = (tableKey as (record: unknown) => Key)(record);
      const canonical = keyOfSelected(key);
      if (isNullKey(key)) return; // It equals no other.
      const rows = byKey.get(canonical);
      if (rows === undefined) byKey.set(canonical, [record]);
      else rows.push(record);
    };
    await readTable(source, this.#context, take, () => !this.#isClosed);
    if (this.#isClosed) return;
    const maps = this.#maps;
    this.#table.begin(true);
    for (const [key, rows] of byKey) {
      if (rows.length === 1 && rows[0] !== undefined) maps.row.set(key, rows[0]);
      else maps.rows.set(key, rows);
    }
    this.#table.end();
  }
}
