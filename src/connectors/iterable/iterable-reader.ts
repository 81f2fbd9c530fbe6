/**
 * Reads an iterable that cannot begin anew: first the records of a journal, then those of the iterable.
 *
 *  R1  With a journal, a record is in it before it is emitted. So whatever was emitted can be emitted again.
 *  R2  The iterable is asked for one record at a time, as `for await` would ask. Records that come without waiting
 *      are gathered into one batch.
 *  R3  While the journal is at its bound nothing is read. The next complete checkpoint shortens it.
 *  R4  The iterable may give one object again and again: records are copied as they come. One that cannot be
 *      copied ends its batch, and is emitted before the next one is asked for.
 *  R5  What came before the iterable failed is given first. So a failure is at the record that it belongs to, and the
 *      next life goes on behind what this one was given.
 */

import { HoldfastError } from '../../base/errors.js';
import { messageOf } from '../../base/realm.js';
import type { SourceBatch, SourceReader } from '../../stream/source.js';
import { recordCopy } from '../record-copy.js';
import type { Journal } from './journal.js';

const BATCH_RECORDS = 512;

export type MakeIterable<T> = (from: number) => AsyncIterable<T> | Iterable<T>;

export interface IterableReaderOptions<T> {
  readonly name: string;
  readonly operator: string;
  readonly make: MakeIterable<T>;
  /** Number of the first record to give. */
  readonly from: number;
  /** Undefined when the job takes no checkpoints: then nothing is read again. */
  readonly journal: Journal | undefined;
  /** Most bytes of the journal. */
  readonly maxBytes: number;
  /** Number of checkpoints that may be restored. The journal is kept for the oldest of them. */
  readonly retain: number;
}

type Next<T> = Promise<IteratorResult<T>>;

export class IterableReader<T> implements SourceReader<T> {
  readonly #given: IterableReaderOptions<T>;
  /** Numbers of the first record in the last batch and in the next one. */
  #first: number;
  #next: number;
  #iterator: AsyncIterator<T> | Iterator<T> | undefined;
  /** The record that was asked for and has not come yet. */
  #pending: Next<T> | undefined;
  #ended = false;
  #closed = false;
  /** Positions in the newest complete checkpoints, oldest first. */
  #committed: number[] = [];
  #onRoom: () => void = () => {};
  /** A failure to shorten the journal, or one of the iterable behind records that were given; the next poll throws it. */
  #failure: { readonly error: unknown } | undefined;

  constructor(given: IterableReaderOptions<T>) {
    this.#given = given;
    this.#first = given.from;
    this.#next = given.from;
  }

  async poll(): Promise<SourceBatch<T> | undefined> {
    const { journal, maxBytes } = this.#given;
    if (this.#failure !== undefined) throw this.#failure.error;
    if (journal !== undefined && this.#next < journal.end) {
      return this.#give((await journal.read(this.#next)) as readonly T[]);
    }
    if (journal !== undefined && journal.bytes > maxBytes) {
      // R3
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve;
      });
      return { records: [] };
    }
    const records = await this.#gather();
    if (this.#closed) return { records: [] };
    if (records.length === 0) return undefined;
    await journal?.append(records); // R1
    return this.#give(records);
  }

  position(taken: number): number {
    return this.#first + taken;
  }

  describe(index: number): string {
    return `record ${this.#first + index} of ${this.#given.name}`;
  }

  committed(_checkpoint: number, position: unknown): void {
    const { journal, retain } = this.#given;
    if (journal === undefined || typeof position !== 'number') return;
    this.#committed = [...this.#committed, position].slice(-retain);
    if (this.#committed.length < retain) return;
    journal.dropBefore(this.#committed[0]!).then(
      () => this.#onRoom(),
      (error: unknown) => {
        this.#failure = { error };
        this.#onRoom();
      },
    );
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#onRoom();
    // An iterable that is waiting for something may never answer, so this does not wait for it.
    void (async () => this.#iterator?.return?.())().catch(() => {});
    await this.#given.journal?.close();
  }

  #give(records: readonly T[]): SourceBatch<T> {
    this.#first = this.#next;
    this.#next += records.length;
    return { records };
  }

  /** R2, R4. @returns the next records; none at the end */
  async #gather(): Promise<T[]> {
    const records: T[] = [];
    const here = new Promise<'not yet'>((resolve) => setImmediate(resolve, 'not yet'));
    while (!this.#ended && !this.#closed && records.length < BATCH_RECORDS) {
      this.#pending ??= this.#ask();
      const next = records.length === 0 ? this.#pending : Promise.race([this.#pending, here]);
      let result: Awaited<typeof next>;
      try {
        result = await next;
      } catch (cause) {
        const error = this.#failed(cause, this.#next + records.length);
        if (records.length === 0) throw error;
        this.#failure = { error }; // R5
        break;
      }
      if (result === 'not yet') break;
      this.#pending = undefined;
      if (result.done === true) {
        this.#ended = true;
        break;
      }
      const { record, isCopy } = recordCopy(result.value);
      records.push(record);
      if (!isCopy) break;
    }
    return records;
  }

  async #ask(): Next<T> {
    this.#iterator ??= this.#begin();
    return await this.#iterator.next();
  }

  #begin(): AsyncIterator<T> | Iterator<T> {
    const iterable = this.#given.make(this.#next) as AsyncIterable<T> & Iterable<T>;
    if (typeof iterable === 'string') throw new TypeError('the function gives a text');
    if (typeof iterable?.[Symbol.asyncIterator] === 'function')
      return iterable[Symbol.asyncIterator]();
    if (typeof iterable?.[Symbol.iterator] === 'function') return iterable[Symbol.iterator]();
    throw new TypeError('the function gives nothing that can be iterated over');
  }

  /** @param record number of the record that it was asked for: so many came before, in all lives together */
  #failed(cause: unknown, record: number): HoldfastError {
    const { name, operator } = this.#given;
    const where =
      record === 0
        ? 'before its first record'
        : `after ${record} record${record === 1 ? '' : 's'}, before record ${record} (they count from 0)`;
    return new HoldfastError(
      'ERR_HOLDFAST_SOURCE',
      `source '${operator}' (${name}): it failed ${where}: ${messageOf(cause)}`,
      { cause, details: { operator, record } },
    );
  }
}
