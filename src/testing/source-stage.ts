/**
 * The place where a case of a source is played: readers that follow each other, or work side by side, over one input.
 *
 *  G1  Splits and positions pass through a snapshot wherever they would in a job, so only data comes back.
 *  G2  Every error names the clause and says what was seen.
 *  G3  Everything that the source promises has a deadline.
 */

import { isDeepStrictEqual } from 'node:util';
import { clipped } from '../base/clipped.js';
import { HoldfastError } from '../base/errors.js';
import { inTime } from '../base/in-time.js';
import { isError } from '../base/realm.js';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../codec/value-codec.js';
import type { Source, SourceBatch, SourceReader, SourceSplit } from '../stream/source.js';
import type { SourceConformanceOptions } from './source-options.js';

export const SOURCE_TIMEOUT_MS = 10_000;
export const SOURCE_RECORDS = 200;
const SHOWN_MAX = 120;

export class SourceStage {
  readonly #options: SourceConformanceOptions<unknown>;
  readonly #clause: string;
  readonly #readers: SourceReader<unknown>[] = [];

  constructor(options: SourceConformanceOptions<unknown>, clause: string) {
    this.#options = options;
    this.#clause = clause;
  }

  /** Most records that are read of a split. */
  get most(): number {
    return this.#options.most ?? SOURCE_RECORDS;
  }

  /** The source of a new process. */
  source(): Source<unknown> {
    return this.#options.create();
  }

  async splits(source: Source<unknown>): Promise<readonly SourceSplit[]> {
    const splits = await this.inTime('splits() has not settled', source.splits());
    if (!Array.isArray(splits)) throw this.fault('splits() gives no array');
    return splits as readonly SourceSplit[];
  }

  /** The value as it comes back from a snapshot (G1). */
  kept<V>(what: string, value: V): V {
    let back: unknown;
    try {
      const writer = new ByteWriter();
      encodeValue(writer, value);
      back = decodeValue(new ByteReader(writer.take()));
    } catch (error) {
      throw this.fault(`${what} cannot be kept in a snapshot: ${shown(value)}`, error);
    }
    if (isDeepStrictEqual(back, value)) return back as V;
    throw this.fault(
      `${what} comes back from a snapshot as ${shown(back)}, not as ${shown(value)}`,
    );
  }

  /** @param instance the instance that reads; after a change of parallelism it is another one */
  open(
    source: Source<unknown>,
    split: SourceSplit,
    position?: unknown,
    instance = 0,
  ): Promise<SourceReader<unknown>> {
    return this.#open(source, split, position, instance, false);
  }

  /** Opens a split as it is opened to find out where it stands in time. */
  touch(source: Source<unknown>, split: SourceSplit): Promise<SourceReader<unknown>> {
    return this.#open(source, split, undefined, 0, true);
  }

  async #open(
    source: Source<unknown>,
    split: SourceSplit,
    position: unknown,
    instance: number,
    isTouch: boolean,
  ): Promise<SourceReader<unknown>> {
    const kept = this.kept(`split '${split.id}'`, split);
    const from = position === undefined ? undefined : this.kept('a position', position);
    const opening = source.open(kept, from, {
      operator: 'source',
      instance,
      run: 'conformance',
      epoch: this.#readers.length + 1,
      incarnation: this.#readers.length + 1,
      checkpoints: undefined,
      ...(isTouch ? { isTouch } : {}),
      alive: () => {},
    });
    const reader = await this.inTime(`open() of split '${split.id}' has not settled`, opening);
    for (const method of ['poll', 'position', 'describe', 'close'] as const) {
      if (typeof (reader as Partial<SourceReader<unknown>> | undefined)?.[method] === 'function')
        continue;
      throw this.fault(`open() of split '${split.id}' gives a reader without ${method}()`);
    }
    this.#readers.push(reader);
    return reader;
  }

  /** @returns undefined at the split's end */
  async poll(reader: SourceReader<unknown>): Promise<SourceBatch<unknown> | undefined> {
    const batch = await this.inTime('poll() has not settled', Promise.resolve(reader.poll()));
    if (batch !== undefined && !Array.isArray(batch.records)) {
      throw this.fault(`poll() gives ${shown(batch)}, which has no records`);
    }
    return batch;
  }

  /** Polls until there are records; undefined at the split's end. */
  async batch(reader: SourceReader<unknown>): Promise<SourceBatch<unknown> | undefined> {
    for (;;) {
      const batch = await this.poll(reader);
      if (batch === undefined || batch.records.length > 0) return batch;
    }
  }

  /** Reads on: at most `most` records. */
  async read(reader: SourceReader<unknown>, most = this.most): Promise<unknown[]> {
    const records: unknown[] = [];
    while (records.length < most) {
      const batch = await this.batch(reader);
      if (batch === undefined) break;
      records.push(...batch.records);
    }
    return records.slice(0, most);
  }

  /** What a split holds, as far as the kit reads it. */
  async wanted(split: SourceSplit): Promise<readonly unknown[]> {
    const known = await this.#options.records?.(split);
    if (known !== undefined) return known.slice(0, this.most);
    const reader = await this.open(this.source(), split);
    const records = await this.read(reader);
    await this.close(reader);
    return records;
  }

  /** Calls `act` with each split of a source, and with the split's records. */
  async each(
    act: (source: Source<unknown>, split: SourceSplit, wanted: readonly unknown[]) => Promise<void>,
  ): Promise<void> {
    const source = this.source();
    for (const split of await this.splits(source)) {
      await act(source, split, await this.wanted(split));
    }
  }

  async close(reader: SourceReader<unknown>): Promise<void> {
    await this.inTime('close() has not settled', Promise.resolve(reader.close()));
  }

  /** Expects these records, in this order. @param when completes `… , record 3 is …` */
  expect(when: string, given: readonly unknown[], wanted: readonly unknown[]): void {
    for (const [at, record] of wanted.entries()) {
      if (at >= given.length) {
        throw this.fault(`${when}, ${given.length} records come instead of ${wanted.length}`);
      }
      if (!isDeepStrictEqual(given[at], record)) {
        throw this.fault(
          `${when}, record ${at} is ${shown(given[at])} instead of ${shown(record)}`,
        );
      }
    }
    if (given.length > wanted.length) {
      throw this.fault(`${when}, ${given.length} records come instead of ${wanted.length}`);
    }
  }

  check(holds: boolean, what: string): void {
    if (!holds) throw this.fault(what);
  }

  /** G3 */
  async inTime<V>(what: string, promise: V | PromiseLike<V>): Promise<V> {
    const ms = this.#options.timeoutMs ?? SOURCE_TIMEOUT_MS;
    return await inTime(Promise.resolve(promise), ms, () => this.fault(`${what} within ${ms} ms`));
  }

  /** G2 */
  fault(what: string, cause?: unknown): HoldfastError {
    const why = isError(cause) ? ` (${cause.message})` : '';
    return new HoldfastError(
      'ERR_HOLDFAST_SOURCE_CONTRACT',
      `clause '${this.#clause}' of the contract of sources is broken: ${what}${why}.`,
      { ...(cause === undefined ? {} : { cause }), details: { clause: this.#clause } },
    );
  }

  /** Closes what is still open. Errors of that are no part of the case. */
  async end(): Promise<void> {
    for (const reader of this.#readers) await this.close(reader).catch(() => {});
  }
}

export function shown(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, (_, part: unknown) =>
      typeof part === 'bigint' ? `${part}n` : part,
    );
  } catch {
    // The value is circular, or a getter throws.
  }
  return clipped(text ?? String(value), SHOWN_MAX);
}
