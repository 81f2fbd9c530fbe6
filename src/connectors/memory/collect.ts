/**
 * Rows for `job.collected(name)`: exactly once, visible per completed checkpoint.
 *
 *  C1  All rows of an instance are its state. Each row is encoded once, when it is written. A snapshot closes a
 *      chunk that never changes again, so old rows cost a snapshot nothing but their bytes.
 *  C2  A row becomes visible with the checkpoint whose snapshot holds it. When that checkpoint is given up, its
 *      rows are put in front of those that wait for the next one; when several are given up, the newest comes first.
 */

import { HoldfastError } from '../../base/errors.js';
import { recordKeeper } from '../../channels/record-keeper.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeRows } from '../../codec/encoded-rows.js';
import { encodeValue } from '../../codec/value-codec.js';
import type { Sink, SinkContext, SinkPrepared, SinkWriter } from '../../stream/sink.js';
import { checkText } from '../options.js';
import { KeptCuts } from './kept-cuts.js';
import { SharedChunks } from './shared-chunks.js';

/** The most rows of one name, over all instances. */
export const COLLECT_ROWS_MAX = 1_000_000;

/**
 * A sink whose rows `job.collected(name)` shows: for results that fit into memory. It holds at most 1 000 000
 * rows in all. An instance that gets more by itself fails at once with ERR_HOLDFAST_COLLECT_LIMIT; where several
 * instances exceed the limit together, the checkpoint that would show the rows fails with it. docs/values.md tells
 * what may be in a row; a row with anything else fails with ERR_HOLDFAST_UNSUPPORTED_VALUE.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function collect(name: string): Sink<unknown> {
  checkText('collect.name', name);
  return {
    kind: 'collect',
    collectName: name,
    open: (context) => new CollectWriter(name, context),
  };
}

export function collectLimit(name: string, limit = COLLECT_ROWS_MAX): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_COLLECT_LIMIT',
    `collect('${name}') holds ${limit} rows, which is its limit. ` +
      'Write results of this size to files: ndjsonFiles(directory).',
    { details: { name, limit } },
  );
}

class CollectWriter implements SinkWriter<unknown> {
  readonly #name: string;
  readonly #limit: number;
  readonly #chunks = new SharedChunks();
  readonly #open = new ByteWriter();
  /** Keeps rows as they were written, although the job may change the record later. */
  readonly #keeper = recordKeeper('checked', 'row');
  /** Rows of the restored checkpoint, until `visible` has given them. */
  #restored: unknown[] | undefined;
  /** Rows for the next snapshot. */
  #rows: unknown[] = [];
  readonly #cuts = new KeptCuts<unknown>();
  /** Number of all rows of this instance. */
  #count: number;

  constructor(name: string, context: SinkContext, limit = COLLECT_ROWS_MAX) {
    this.#name = name;
    this.#limit = limit;
    const restored: unknown[] = [];
    for (const { bytes } of context.restored) {
      if (bytes.length === 0) continue;
      decodeRows(bytes, `rows of collect('${name}')`, restored);
      this.#chunks.append(bytes);
    }
    this.#restored = restored;
    this.#count = restored.length;
  }

  write(record: unknown): void {
    if (this.#count >= this.#limit) {
      throw collectLimit(this.#name, this.#limit);
    }
    encodeValue(this.#open, record, 'row');
    this.#rows.push(this.#keeper.keep(record));
    this.#count += 1;
  }

  prepare(checkpoint: number): SinkPrepared {
    const rows = this.#rows;
    if (this.#open.position > 0) {
      this.#chunks.append(this.#open.written());
      this.#open.reset();
    }
    this.#rows = [];
    this.#cuts.add(checkpoint, rows);
    return { visible: rows, state: this.#chunks.all };
  }

  abort(checkpoint: number): void {
    const rows = this.#cuts.take(checkpoint);
    if (rows !== undefined) this.#rows = [...rows, ...this.#rows];
  }

  visible(): readonly unknown[] {
    const restored = this.#restored ?? [];
    this.#restored = undefined;
    return restored;
  }

  close(): void {}
}
