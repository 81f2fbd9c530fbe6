/**
 * The final table of a changelog for `job.collected(name)`: the newest row of each key, visible per completed checkpoint.
 *
 *  C1  There is one instance. Its state is all changes of the table, encoded, chunk by chunk; when they are far more than
 *      rows, the rows take their place. So a snapshot costs what has changed, and no more memory than twice the table.
 *  C2  What has changed since the last checkpoint becomes visible with the one whose snapshot holds it. When that is
 *      given up, its changes come before those that wait for the next one.
 */

import { ByteWriter } from '../../codec/byte-writer.js';
import { encodeRows } from '../../codec/encoded-rows.js';
import { encodeValue } from '../../codec/value-codec.js';
import { canonicalKey, type PrimitiveKey } from '../../hashring/canonical-key.js';
import type { Sink, SinkContext, SinkPrepared, SinkWriter, Upsert } from '../../stream/sink.js';
import { checkText } from '../options.js';
import { COLLECT_ROWS_MAX, collectLimit } from './collect.js';
import { KeptCuts } from './kept-cuts.js';
import { SharedChunks } from './shared-chunks.js';
import { type TableEntry, TableRows } from './table-rows.js';

/** So many entries more than twice the rows are no reason to begin anew. */
const ENTRIES_SPARE = 1_024;

/**
 * A sink that keeps a table of at most 1 000 000 rows, which `job.collected(name)` shows.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function collectTable(name: string): Sink<Upsert<unknown>> {
  checkText('collectTable.name', name);
  return {
    kind: 'collectTable',
    collectName: name,
    collectsTable: true,
    upserts: true,
    open: (context) => new TableWriter(name, context),
  };
}

export class TableWriter implements SinkWriter<Upsert<unknown>> {
  readonly #name: string;
  readonly #limit: number;
  readonly #table = new TableRows();
  readonly #chunks = new SharedChunks();
  /** Number of entries in the chunks. */
  #entries = 0;
  #changes = new Map<PrimitiveKey, Uint8Array | null>();
  readonly #cuts = new KeptCuts<TableEntry>();
  readonly #writer = new ByteWriter();

  constructor(name: string, context: Pick<SinkContext, 'restored'>, limit = COLLECT_ROWS_MAX) {
    this.#name = name;
    this.#limit = limit;
    for (const { bytes } of context.restored) this.#table.apply(bytes);
    this.#beginAnew();
  }

  write({ key, row }: Upsert<unknown>): void {
    const canonical = canonicalKey(key);
    const bytes = row === null ? null : this.#encoded(row);
    this.#table.set([canonical, bytes]);
    this.#changes.set(canonical, bytes);
    if (this.#table.size > this.#limit) throw collectLimit(this.#name, this.#limit);
  }

  prepare(checkpoint: number): SinkPrepared {
    const changes = [...this.#changes];
    this.#changes = new Map();
    this.#cuts.add(checkpoint, changes);
    this.#entries += changes.length;
    if (this.#entries > 2 * this.#table.size + ENTRIES_SPARE) this.#beginAnew();
    else if (changes.length > 0) this.#chunks.append(encodeRows(changes).bytes);
    return { visible: changes, state: this.#chunks.all };
  }

  abort(checkpoint: number): void {
    const changes = this.#cuts.take(checkpoint);
    if (changes !== undefined) this.#changes = new Map([...changes, ...this.#changes]);
  }

  visible(): readonly unknown[] {
    return this.#table.entries;
  }

  close(): void {}

  #encoded(row: unknown): Uint8Array {
    this.#writer.reset();
    encodeValue(this.#writer, row, 'row 0');
    return this.#writer.take();
  }

  #beginAnew(): void {
    this.#chunks.clear();
    this.#entries = this.#table.size;
    if (this.#entries > 0) this.#chunks.append(this.#table.encodedEntries);
  }
}
