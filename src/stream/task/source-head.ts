/**
 * The head of a source task: reads the instance's splits, one at a time, in list order.
 *
 *  H1  A record counts as emitted once the chain has been called with it; the position in a snapshot is
 *      that of the next one. A snapshot is taken between two records, so nothing is in between.
 *  H2  `position` is asked for only while no poll is under way; when a batch is used up, its end is noted
 *      before the next poll.
 *  H3  A promise of a poll means rest: the task is woken when it settles. What settles after `close`
 *      is ignored.
 *  H4  What is wrong with a source fails its task, in `emit`, and never the thread: no error leaves a
 *      promise's callback.
 *  H5  How many records of a split were read lies in shared memory, the one in work included: after the
 *      thread's death it tells which record that was.
 */

import { assert } from '../../base/assert.js';
import { HoldfastError } from '../../base/errors.js';
import { NOT_BEHIND } from '../../channels/element.js';
import { isThenable } from '../api/callbacks.js';
import type { Receiver, RestoredSection, SplitObserver, StateSection } from '../operator.js';
import type { Source, SourceBatch, SourceReader, SourceSplit } from '../source.js';
import { openInTime } from './opening.js';
import { checkBatch, checkReader } from './source-checks.js';
import {
  encodeSplits,
  freshSplits,
  restoreSplits,
  type SourceState,
  type SplitProgress,
} from './source-splits.js';
import type { TaskGate } from './task-gate.js';
import type { CapturedTask } from './task-types.js';

export interface SourceHeadOptions {
  readonly source: Source<unknown>;
  readonly operator: string;
  readonly instance: number;
  readonly parallelism: number;
  readonly splits: readonly SourceSplit[] | undefined;
  readonly gate: TaskGate;
  readonly output: Receiver;
  /** Where rejected input goes. */
  readonly rejected: Receiver | undefined;
  /** Told which split a record comes from. */
  readonly observers: SplitObserver;
  /** Told what is read: see TaskCallbacks. */
  readonly reading: (splits: readonly string[], records: SharedArrayBuffer) => void;
  readonly wake: () => void;
}

/** What the reader is up to. */
type Reading =
  /** A batch is at hand, or a poll may be made. */
  | { readonly kind: 'ready' }
  /** A promise is under way. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** All splits are finished. */
  | { readonly kind: 'ended' };

const READY: Reading = { kind: 'ready' };
const WAITING: Reading = { kind: 'waiting' };

export class SourceHead {
  readonly #given: SourceHeadOptions;
  #splits: readonly SplitProgress[] = [];
  #records = 0;
  /** By place in `#splits`: what was read of each, with the record in work (H5). */
  #counts = new Float64Array(new SharedArrayBuffer(0));
  #reading: Reading = READY;
  #current: SplitProgress | undefined;
  /** Of the current one in `#splits`. */
  #place = -1;
  #reader: SourceReader<unknown> | undefined;
  #batch: SourceBatch<unknown> | undefined;
  #at = 0;
  /** Next index into `batch.rejected`. */
  #rejectedAt = 0;
  readonly #closing = new AbortController();

  constructor(given: SourceHeadOptions) {
    this.#given = given;
  }

  open(restored: readonly RestoredSection[]): void {
    const { instance, parallelism, splits, operator } = this.#given;
    const state =
      restoreSplits(restored, instance, parallelism) ??
      (splits === undefined ? undefined : freshSplits(splits, instance, parallelism));
    if (state === undefined) {
      throw new HoldfastError(
        'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
        `the checkpoint holds no positions of source '${operator}'. Give the source the id it had with ` +
          ".uid(), or start afresh with restore: 'none'.",
      );
    }
    this.#splits = state.splits;
    this.#records = state.records;
    const counts = new SharedArrayBuffer(8 * state.splits.length);
    this.#counts = new Float64Array(counts);
    this.#splits.forEach(({ records }, at) => {
      this.#counts[at] = records;
    });
    this.#given.reading(
      this.#splits.map(({ split }) => split.id),
      counts,
    );
    this.#next();
  }

  /** Records emitted since the job's first start. */
  get records(): number {
    return this.#records;
  }

  /** The same, for a manifest. */
  get counted(): CapturedTask['sourceRecords'][number] {
    const { operator, instance } = this.#given;
    const splits = Float64Array.from(this.#splits, ({ records }) => records);
    return { operator, instance, records: this.#records, splits };
  }

  /**
   * It has not come as far in every split.
   * @param reached records read of all its splits together, then of each; those of each may be missing
   */
  isBehind([all = 0, ...splits]: readonly number[]): boolean {
    if (splits.length === 0) return this.#records < all;
    return this.#splits.some(
      ({ records, finished }, at) => !finished && records < (splits[at] ?? 0),
    );
  }

  get ended(): boolean {
    return this.#reading.kind === 'ended';
  }

  /** `emit` would do something. */
  get ready(): boolean {
    return this.#reading.kind === 'ready' || this.#reading.kind === 'failed';
  }

  /**
   * Emits until the gate says pause, the batch ends, or there is nothing to emit now.
   * @returns whether anything was done
   */
  emit(): boolean {
    switch (this.#reading.kind) {
      case 'failed':
        throw this.#reading.error;
      case 'ready':
        if (this.#batch === undefined) this.#read();
        else this.#emitBatch(this.#batch);
        return true;
      default:
        return false;
    }
  }

  /** Is the batch at hand used up, so that this is a good moment to settle? */
  get atBatchEnd(): boolean {
    return this.#batch === undefined;
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  capture(): StateSection {
    const current = this.#current;
    if (current !== undefined && this.#batch !== undefined) {
      current.position = this.#reader!.position(this.#at);
    }
    const state: SourceState = { splits: this.#splits, records: this.#records };
    return encodeSplits(state, this.#given.parallelism);
  }

  /**
   * The record being emitted, or where reading stands; for messages.
   * @param record a record emitted before (`TaskGate.record`) that is meant instead
   */
  describe(record?: number): string | undefined {
    if (record !== undefined) return this.#describeEarlier(record);
    try {
      if (this.#batch === undefined) return this.#current?.split.id;
      return this.#reader?.describe(this.#at);
    } catch {
      return this.#current?.split.id;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
  }

  /** By its own position while its batch is at hand, later by how far back it was. */
  #describeEarlier(record: number): string {
    const back = this.#records - record;
    const batch = this.#batch;
    try {
      if (batch !== undefined && back <= this.#at) return this.#reader!.describe(this.#at - back);
    } catch {
      // A reader that cannot say is no reason to say nothing.
    }
    return `${back} records before ${batch === undefined ? 'the next one of ' : ''}${this.describe()}`;
  }

  #emitBatch(batch: SourceBatch<unknown>): void {
    const { gate, observers } = this.#given;
    const { length } = batch.records;
    const current = this.#current!;
    const before = this.#at;
    const first = this.#records - before;
    const place = this.#place;
    const read = current.records - before;
    observers.begin(current.index);
    try {
      while (this.#at < length) {
        const at = this.#at;
        gate.record = first + at;
        this.#counts[place] = read + at + 1;
        this.#emitRecord(batch, at);
        this.#at = at + 1;
        gate.tick();
        if (gate.pause) break;
      }
    } finally {
      this.#records += this.#at - before;
      current.records += this.#at - before;
    }
    if (this.#at === length) this.#usedUp();
  }

  #emitRecord({ records, timestamps, rejected }: SourceBatch<unknown>, at: number): void {
    if (rejected !== undefined && rejected[this.#rejectedAt] === at) {
      this.#rejectedAt += 1;
      this.#reject(records[at]);
      return;
    }
    const timestamp = timestamps === undefined ? Number.NaN : timestamps[at]!;
    this.#given.output.onElement(records[at], timestamp, 0, NOT_BEHIND);
  }

  #reject(record: unknown): void {
    const { rejected } = this.#given;
    assert(rejected !== undefined, 'a source rejects records only to a side output that is read');
    rejected.onElement(record, Number.NaN, 0, NOT_BEHIND);
  }

  /** The batch is done: its end is where a restore would go on (H2). */
  #usedUp(): void {
    this.#current!.position = this.#reader!.position(this.#at);
    this.#batch = undefined;
  }

  #read(): void {
    const { gate } = this.#given;
    gate.tick();
    const reader = this.#reader;
    if (reader === undefined) {
      this.#await(this.#openSplit(), () => {});
      return;
    }
    const polled = reader.poll();
    if (isThenable(polled)) {
      this.#await(Promise.resolve(polled), (batch) => this.#take(batch));
    } else {
      this.#take(polled);
    }
  }

  async #openSplit(): Promise<void> {
    const { source, operator, instance, gate } = this.#given;
    const current = this.#current!;
    const opening = source.open(current.split, current.position, {
      operator,
      instance,
      alive: () => gate.tick(),
    });
    const reader = await openInTime('source', operator, opening, this.#closing.signal);
    if (this.#closed) await reader?.close();
    else this.#reader = checkReader(operator, reader);
  }

  #take(polled: unknown): void {
    const batch = checkBatch(this.#given.operator, polled);
    this.#at = 0;
    this.#rejectedAt = 0;
    if (batch !== undefined) {
      if (batch.records.length > 0) this.#batch = batch;
      return;
    }
    const reader = this.#reader;
    this.#reader = undefined;
    const current = this.#current!;
    current.finished = true;
    this.#given.observers.finish(current.index);
    this.#next();
    // It has given all it had: what closing it may have to say is of no consequence.
    void (async () => reader?.close())().catch(() => {});
  }

  #next(): void {
    this.#place = this.#splits.findIndex((split) => !split.finished);
    this.#current = this.#splits[this.#place];
    if (this.#current !== undefined) this.#given.observers.add(this.#current.index);
    this.#reading = this.#current === undefined ? { kind: 'ended' } : READY;
  }

  #await<T>(promise: Promise<T>, then: (value: T) => void): void {
    this.#reading = WAITING;
    promise.then(
      (value) => {
        if (this.#closed) return;
        this.#reading = READY;
        try {
          then(value);
        } catch (error) {
          this.#reading = { kind: 'failed', error }; // H4
        }
        this.#given.wake();
      },
      (error: unknown) => {
        if (this.#closed) return;
        this.#reading = { kind: 'failed', error };
        this.#given.wake();
      },
    );
  }
}
