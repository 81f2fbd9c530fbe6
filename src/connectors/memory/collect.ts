/**
 * Rows for `job.collected(name)`: exactly once, visible per completed checkpoint.
 *
 *  C1  All rows of an instance are its state. Each is encoded once, when it is written; a cut closes a
 *      chunk that never changes again, so a snapshot of old rows costs nothing but their bytes.
 *  C2  A row is visible with the checkpoint of its cut. When that checkpoint is given up, its rows are
 *      put in front of the next cut's; when several are, the newest one's first.
 *  C3  Chunks lie in shared memory: they are kept here and read elsewhere, so they must not be
 *      transferred away. Neighbouring chunks of about the same size are joined, so that a long job has
 *      a few dozen of them, not one per checkpoint.
 */

import { HoldfastError } from '../../base/errors.js';
import { recordKeeper } from '../../channels/record-keeper.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeRows } from '../../codec/encoded-rows.js';
import { encodeValue } from '../../codec/value-codec.js';
import type { Sink, SinkContext, SinkPrepared, SinkWriter } from '../../stream/sink.js';
import { checkText } from '../options.js';

/** Of one name, all instances together. */
export const COLLECT_ROWS_MAX = 1_000_000;
/** Only checkpoints in flight are ever given up, which are 8 at most; one more, in case an abort is late. */
const CUTS_KEPT = 9;

/**
 * A sink whose rows `job.collected(name)` shows: for results that fit into memory. At most 1 000 000
 * rows in all, ERR_HOLDFAST_COLLECT_LIMIT beyond: an instance that has so many by itself fails there and
 * then, otherwise the checkpoint that would show too many does. What may be in a
 * row is told in docs/values.md; ERR_HOLDFAST_UNSUPPORTED_VALUE otherwise.
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

interface Cut {
  readonly checkpoint: number;
  readonly rows: readonly unknown[];
}

class CollectWriter implements SinkWriter<unknown> {
  readonly #name: string;
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #open = new ByteWriter();
  /** What is shown is what was written, whatever becomes of the record. */
  readonly #keeper = recordKeeper('checked', 'row');
  /** Shown once, then forgotten. */
  #restored: unknown[] | undefined;
  /** Not yet part of a cut that may still complete. */
  #rows: unknown[] = [];
  #cuts: Cut[] = [];
  /** All of this instance. */
  #count: number;

  constructor(name: string, context: SinkContext, limit = COLLECT_ROWS_MAX) {
    this.#name = name;
    this.#limit = limit;
    const restored: unknown[] = [];
    for (const { bytes } of context.restored) {
      if (bytes.length === 0) continue;
      decodeRows(bytes, `rows of collect('${name}')`, restored);
      this.#keep(bytes);
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
      this.#keep(this.#open.written());
      this.#open.reset();
    }
    this.#rows = [];
    this.#cuts = [...this.#cuts, { checkpoint, rows }].slice(-CUTS_KEPT);
    return { visible: rows, state: [...this.#chunks] };
  }

  abort(checkpoint: number): void {
    const cut = this.#cuts.find((one) => one.checkpoint === checkpoint);
    if (cut === undefined) return;
    this.#cuts = this.#cuts.filter((one) => one !== cut);
    this.#rows = [...cut.rows, ...this.#rows];
  }

  visible(): readonly unknown[] {
    const restored = this.#restored ?? [];
    this.#restored = undefined;
    return restored;
  }

  close(): void {}

  /** Appends a copy in shared memory (C3). */
  #keep(bytes: Uint8Array): void {
    let joined: readonly Uint8Array[] = [bytes];
    let length = bytes.length;
    for (;;) {
      const last = this.#chunks.at(-1);
      if (last === undefined || last.length > length) break;
      this.#chunks.pop();
      joined = [last, ...joined];
      length += last.length;
    }
    const chunk = new Uint8Array(new SharedArrayBuffer(length));
    let at = 0;
    for (const part of joined) {
      chunk.set(part, at);
      at += part.length;
    }
    this.#chunks.push(chunk);
  }
}
