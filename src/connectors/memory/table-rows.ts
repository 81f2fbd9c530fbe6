/**
 * A table as its changes: entries `[key, row]`, the later one of a key counts, and null takes the row away. Rows are kept as
 * bytes, since not every thread that handles them knows the job's codecs.
 */

import { decodeRows, encodeRows } from '../../codec/encoded-rows.js';
import type { PrimitiveKey } from '../../hashring/canonical-key.js';

export type TableEntry = readonly [key: PrimitiveKey, row: Uint8Array | null];

export class TableRows {
  readonly #rows = new Map<PrimitiveKey, Uint8Array>();
  /** All rows, one after the other; undefined: to be made. */
  #bytes: Uint8Array | undefined;

  get size(): number {
    return this.#rows.size;
  }

  set([key, row]: TableEntry): void {
    if (row === null) this.#rows.delete(key);
    else this.#rows.set(key, row);
    this.#bytes = undefined;
  }

  /** @param bytes encoded entries @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT */
  apply(bytes: Uint8Array): void {
    const entries: unknown[] = [];
    decodeRows(bytes, 'entries of a table', entries);
    for (const entry of entries) this.set(entry as TableEntry);
  }

  /** The rows of all keys, encoded. */
  get bytes(): Uint8Array {
    this.#bytes ??= new Uint8Array(Buffer.concat([...this.#rows.values()]));
    return this.#bytes;
  }

  /** An entry for each row. */
  get entries(): readonly TableEntry[] {
    return [...this.#rows];
  }

  get encodedEntries(): Uint8Array {
    return encodeRows(this.entries).bytes;
  }
}
