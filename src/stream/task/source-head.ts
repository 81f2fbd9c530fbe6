/**
 * The head of a source task: emits what its splits give, record by record.
 *
 *  H1  A record counts as emitted once the chain has been called with it; the position in a snapshot is
 *      that of the next one. A snapshot is taken between two records, so nothing is in between.
 *  H2  bounded-splits.ts and flowing-splits.ts decide which split is read next; split-reader.ts opens, polls and
 *      closes it.
 *  H3  An error of a source fails its task, and is thrown in `emit`. It never ends the thread.
 *  H4  Shared memory holds how many records of each split were read, the one in work included. After the
 *      thread's death it tells which record was in work. A trace tells the same after the death of the process.
 *  H5  Splits that are discovered are read from then on, and the next snapshot holds them.
 */

import { assert } from '../../base/assert.js';
import { HoldfastError } from '../../base/errors.js';
import { NOT_BEHIND } from '../../channels/element.js';
import type { SplitTrace } from '../../threads/split-trace.js';
import type { Receiver, RestoredSection, StateSection } from '../operator.js';
import type { Source, SourceBatch, SourceContext, SourceLife, SourceSplit } from '../source.js';
import { BoundedSplits } from './bounded-splits.js';
import { EndedReaders } from './ended-readers.js';
import { FlowingSplits } from './flowing-splits.js';
import type { ObservedSplits } from './observed-splits.js';
import { OpenReaders } from './open-readers.js';
import type { SourceAlignment } from './source-alignment.js';
import {
  type Dealing,
  encodeSplits,
  freshSplit,
  freshSplits,
  isOwn,
  restoreSplits,
  type SplitProgress,
  splitKey,
} from './source-splits.js';
import { SplitDiscovery } from './split-discovery.js';
import { SplitReader, type SplitReaderOptions } from './split-reader.js';
import { NO_SPLIT, TIME_MAX_MS } from './split-times.js';
import type { TaskGate } from './task-gate.js';
import type { CapturedTask } from './task-types.js';
import type { HeldTime } from './time-holder.js';

export interface SourceHeadOptions {
  readonly source: Source<unknown>;
  readonly operator: string;
  readonly instance: number;
  readonly parallelism: number;
  readonly life: SourceLife;
  readonly splits: readonly SourceSplit[] | undefined;
  readonly gate: TaskGate;
  readonly output: Receiver;
  /** Receives rejected input. */
  readonly rejected: Receiver | undefined;
  /** The operators that are told which split a record comes from. */
  readonly observers: ObservedSplits;
  /** Tells which splits are read: see TaskCallbacks. */
  readonly reading: (splits: readonly string[], records: SharedArrayBuffer) => void;
  /** Tells whoever outlives this process which records were read; undefined: there is nobody. */
  readonly trace: SplitTrace | undefined;
  /** What the region's source tasks know of each other's time; undefined: there is no other source task. */
  readonly alignment: SourceAlignment | undefined;
  /** Readers that may be open at a time. */
  readonly maxOpenSplits: number;
  readonly wake: () => void;
}

/** Positions at a checkpoint, for readers that want to hear when it is complete. */
type Positions = readonly {
  readonly reader: SplitReader;
  readonly position: unknown;
  readonly finished: boolean;
}[];

export class SourceHead {
  readonly #given: SourceHeadOptions;
  readonly #dealing: Dealing;
  /** Readers of bounded splits, and of the others. */
  readonly #open: { readonly bounded: OpenReaders; readonly flowing: OpenReaders };
  readonly #ended: EndedReaders;
  readonly #readerOptions: Omit<SplitReaderOptions, 'open'>;
  /** By the split's place in the instance's list. */
  readonly #readers: SplitReader[] = [];
  readonly #byIndex = new Map<number, SplitReader>();
  #bounded!: BoundedSplits;
  #flowing!: FlowingSplits;
  readonly #discovery: SplitDiscovery | undefined;
  #nextIndex = 0;
  #unfinished = 0;
  #records = 0;
  /** By place: how many records of each split were read, the record in work included (H4). */
  #counts = new Float64Array(new SharedArrayBuffer(0));
  /** By place, where there is a trace: `splitKey`. */
  #keys: Float64Array | undefined;
  /** `emit` may be able to do something that it could not do before. */
  #isStirred = true;
  /** The split to be read on, when its batch is used up and all that is to be done is to poll it. */
  #usedUp: SplitReader | undefined;
  /** The split whose records are being emitted, or were emitted last. */
  #current: SplitReader | undefined;
  readonly #positions = new Map<number, Positions>();
  #closed = false;

  constructor(given: SourceHeadOptions) {
    this.#given = given;
    const { source, operator, instance, parallelism, gate, maxOpenSplits } = given;
    this.#dealing = { instance, parallelism, byId: source.discover !== undefined };
    this.#open = {
      bounded: new OpenReaders(maxOpenSplits),
      flowing: new OpenReaders(maxOpenSplits),
    };
    this.#ended = new EndedReaders(maxOpenSplits, [this.#open.bounded, this.#open.flowing]);
    const wake = (): void => {
      this.#isStirred = true;
      if (!this.#closed) given.wake();
    };
    const alive = (): void => gate.tick();
    const context: SourceContext = { ...given.life, operator, instance, alive };
    this.#readerOptions = { source, context, gate, wake };
    this.#discovery =
      source.discover === undefined ? undefined : new SplitDiscovery(source, context, wake);
  }

  open(restored: readonly RestoredSection[]): void {
    const { splits, operator, observers, alignment } = this.#given;
    const state =
      restoreSplits(restored, this.#dealing) ??
      (splits === undefined ? undefined : freshSplits(splits, this.#dealing));
    if (state === undefined) {
      throw new HoldfastError(
        'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
        `the checkpoint holds no positions of source '${operator}'. Give the source the id it had with ` +
          ".uid(), or start afresh with restore: 'none'.",
      );
    }
    const ended = (reader: SplitReader): void => this.#finish(reader);
    const { bounded, flowing } = this.#open;
    this.#bounded = new BoundedSplits({ observers, open: bounded, alignment, ended });
    const mayDrift = (timeMs: number): boolean => this.#mayDrift(timeMs);
    this.#flowing = new FlowingSplits({ observers, open: flowing, ended, mayDrift });
    this.#nextIndex = state.nextIndex;
    this.#records = state.records;
    this.#add(state.splits);
    this.#discovery?.begin();
    this.#tellTime();
    // A source without a bounded split holds nobody up, and is perhaps never asked to emit.
    const isFree = this.#bounded.count === 0;
    alignment?.tellBound(isFree ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
  }

  /** Records emitted since the job's first start. */
  get records(): number {
    return this.#records;
  }

  /** The same, as a manifest counts it. */
  get counted(): CapturedTask['sourceRecords'][number] {
    const { operator, instance } = this.#given;
    const splits = Float64Array.from(this.#readers, ({ progress }) => progress.records);
    return { operator, instance, records: this.#records, splits, keys: this.#keys };
  }

  /**
   * Has it come less far than that in any split, or in all together where nothing is known of each?
   * @param reached records read of all its splits together, then of each split; the latter may be missing
   */
  isBehind([all = 0, ...splits]: readonly number[]): boolean {
    if (splits.length === 0) return this.#records < all;
    return this.#readers.some(
      ({ progress, place }) => !progress.finished && progress.records < (splits[place] ?? 0),
    );
  }

  get ended(): boolean {
    return this.#unfinished === 0 && this.#discovery?.isOpen !== true;
  }

  /** Would `emit` do something? */
  get ready(): boolean {
    return this.#isStirred || this.#usedUp !== undefined || this.#next() !== undefined;
  }

  /** There is no batch that reading has stopped in: a good moment to settle. */
  get atBatchEnd(): boolean {
    return this.#current?.batch === undefined;
  }

  /** When time alone makes something due (performance.now() ms). */
  get dueMs(): number | undefined {
    return this.#flowing.dueMs;
  }

  /** The split that holds the task's time, or that there is none yet; undefined: nothing does. */
  get held(): HeldTime | undefined {
    const { operator, observers } = this.#given;
    const { holder } = observers;
    if (holder === undefined || this.ended) return undefined;
    const split = this.#byIndex.get(holder.index)?.progress.split.id;
    return { ...holder, operator, split, sources: [operator] };
  }

  /** The chain has settled: those that were found idle hold up other sources no more. */
  settled(): void {
    this.#tellTime();
  }

  /** Something has become due. */
  stir(): void {
    this.#isStirred = true;
  }

  /** Could the split have given a record at any time since then, as far as this task is concerned? */
  wasAsked(index: number, sinceMs: number): boolean {
    if (index === NO_SPLIT) return this.#discovery?.hasFound === false;
    const reader = this.#byIndex.get(index);
    return reader !== undefined && (reader.kind === 'polling' || reader.fedMs >= sinceMs);
  }

  /**
   * Emits some records, or does what has to be done first.
   * @returns whether anything was done
   */
  emit(): boolean {
    this.#given.gate.tick();
    this.#poll();
    if (this.#isStirred) {
      this.#isStirred = false;
      if (this.#advance()) this.#isStirred = true;
    }
    const next = this.#next();
    if (next === undefined) return this.#isStirred;
    const { chunkRecords } = next.bounded ? this.#bounded : this.#flowing;
    this.#emitBatch(next, next.batch!, next.at + chunkRecords);
    if (this.#flowing.count === 0 && this.#bounded.goesOnWith(next)) {
      this.#tellTime();
      if (next.batch === undefined) this.#usedUp = next;
    } else this.#isStirred = true;
    return true;
  }

  capture(checkpoint: number): StateSection {
    this.#given.trace?.snapshot();
    const positions: Positions[number][] = [];
    for (const reader of this.#readers) {
      reader.note();
      const { position, finished } = reader.progress;
      if (reader.hearsCommits) positions.push({ reader, position, finished });
    }
    if (positions.length > 0) this.#positions.set(checkpoint, positions);
    const splits = this.#readers.map(({ progress }) => progress);
    const state = { splits, nextIndex: this.#nextIndex, records: this.#records };
    return encodeSplits(state, this.#given.parallelism);
  }

  /** The checkpoint is complete and committed: readers hear of it, and no more of it and older ones. */
  committed(checkpoint: number): void {
    for (const { reader, position, finished } of this.#positions.get(checkpoint) ?? []) {
      reader.committed(checkpoint, position);
      if (finished) this.#ended.release(reader);
    }
    for (const older of this.#positions.keys()) {
      if (older <= checkpoint) this.#positions.delete(older);
    }
  }

  /** The record being emitted, or where reading stands; for messages. */
  describe(): string | undefined {
    const current = this.#current;
    if (current === undefined) return this.#readers.find(isUnfinished)?.progress.split.id;
    return current.batch === undefined ? current.progress.split.id : current.describe(current.at);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#discovery?.close();
    const closing = await Promise.allSettled(this.#readers.map((reader) => reader.close()));
    for (const result of closing) if (result.status === 'rejected') throw result.reason;
  }

  /** Whatever can be done without emitting. True when anything was done. */
  #advance(): boolean {
    const found = this.#discovery?.take();
    if (found !== undefined) this.#discovered(found);
    const isFlowing = this.#flowing.count > 0 && this.#flowing.advance(performance.now());
    const isBounded = this.#bounded.advance();
    this.#ended.makeRoom();
    this.#share();
    this.#tellTime();
    return isFlowing || isBounded || found !== undefined;
  }

  #poll(): void {
    const reader = this.#usedUp;
    if (reader === undefined) return;
    this.#usedUp = undefined;
    if (this.#isStirred) return; // Then this is done with everything else.
    reader.advance();
    if (reader.batch === undefined) this.#isStirred = true;
  }

  #next(): SplitReader | undefined {
    const flowing = this.#flowing.count === 0 ? undefined : this.#flowing.next();
    const bounded = this.#bounded.next;
    if (flowing === undefined || bounded === undefined) {
      if (flowing !== undefined) return flowing;
      return bounded !== undefined && this.#mayDrift(this.#ownMs(bounded)) ? bounded : undefined;
    }
    if (!this.#mayDrift(this.#ownMs(bounded))) return flowing;
    if (!this.#given.observers.areTimed) return this.#current === flowing ? bounded : flowing;
    return this.#ownMs(bounded) <= this.#ownMs(flowing) ? bounded : flowing;
  }

  #ownMs({ index }: SplitReader): number {
    const { observers } = this.#given;
    return observers.areTimed ? observers.ownMs(index) : Number.NEGATIVE_INFINITY;
  }

  #mayDrift(timeMs: number): boolean {
    const { alignment, observers } = this.#given;
    const { maxDriftMs } = observers;
    if (alignment === undefined || maxDriftMs === undefined) return true;
    return alignment.mayDrift(timeMs, maxDriftMs);
  }

  #tellTime(): void {
    this.#given.alignment?.tellTime(
      this.ended ? Number.POSITIVE_INFINITY : this.#given.observers.leastMs,
    );
  }

  #add(splits: readonly SplitProgress[]): void {
    const added = splits.map((progress) => {
      const bounded = progress.split.bounded ?? this.#given.source.bounded ?? false;
      const open = bounded ? this.#open.bounded : this.#open.flowing;
      const options = { ...this.#readerOptions, open };
      const reader = new SplitReader(options, progress, this.#readers.length, bounded);
      this.#readers.push(reader);
      this.#byIndex.set(reader.index, reader);
      return reader;
    });
    const counts = new SharedArrayBuffer(8 * this.#readers.length);
    this.#counts = new Float64Array(counts);
    for (const { place, progress } of this.#readers) this.#counts[place] = progress.records;
    this.#given.reading(
      this.#readers.map(({ progress }) => progress.split.id),
      counts,
    );
    this.#beginTrace();
    const unfinished = added.filter(isUnfinished);
    this.#unfinished += unfinished.length;
    for (const { index, progress } of unfinished) {
      this.#given.observers.add(index, progress.split.earliestMs);
    }
    this.#bounded.add(unfinished.filter(({ bounded }) => bounded));
    this.#flowing.add(unfinished.filter(({ bounded }) => !bounded));
    this.#share();
  }

  #beginTrace(): void {
    const { trace, operator } = this.#given;
    if (trace === undefined) return;
    this.#keys = Float64Array.from(this.#readers, ({ progress }) =>
      splitKey(operator, progress.split.id),
    );
    trace.begin(this.#keys, this.#counts);
  }

  /** Bounded splits and others have half of the readers each, while there are both; at least one. */
  #share(): void {
    const { bounded, flowing } = this.#open;
    const { maxOpenSplits } = this.#given;
    const areBoth = this.#bounded.count > 0 && this.#flowing.count > 0;
    bounded.max = areBoth ? Math.max(1, Math.floor(maxOpenSplits / 2)) : maxOpenSplits;
    flowing.max = areBoth ? Math.max(1, maxOpenSplits - bounded.max) : maxOpenSplits;
  }

  #discovered(splits: readonly SourceSplit[]): void {
    const known = new Set(this.#readers.map(({ progress }) => progress.split.id));
    const own = splits.filter(({ id }) => !known.has(id) && isOwn(id, this.#dealing));
    this.#add(
      own.map((split) => {
        const index = this.#nextIndex;
        this.#nextIndex += this.#dealing.parallelism;
        return freshSplit(split, index);
      }),
    );
  }

  #finish(reader: SplitReader): void {
    reader.progress.finished = true;
    this.#unfinished -= 1;
    this.#given.observers.finish(reader.index);
    if (this.#current === reader) this.#current = undefined;
    if (reader.hearsCommits) this.#ended.keep(reader);
  }

  #emitBatch(reader: SplitReader, batch: SourceBatch<unknown>, until: number): void {
    const { gate, observers, trace } = this.#given;
    const { progress, place } = reader;
    const end = Math.min(until, batch.records.length);
    const before = reader.at;
    const first = this.#records - before;
    const read = progress.records - before;
    this.#current = reader;
    if (before < end) trace?.reads(place, read + before + 1);
    observers.begin(reader.index);
    const { records, timestamps, rejected } = batch;
    const isPlain = timestamps === undefined && rejected === undefined;
    const counts = this.#counts;
    const { output } = this.#given;
    try {
      for (let { at } = reader; at < end; ) {
        gate.record = first + at;
        counts[place] = read + at + 1;
        if (isPlain) output.onElement(records[at], Number.NaN, 0, NOT_BEHIND);
        else this.#emitRecord(reader, batch, at);
        at += 1;
        reader.at = at;
        gate.tick();
        if (gate.pause) break;
      }
    } finally {
      this.#records += reader.at - before;
      progress.records += reader.at - before;
    }
    reader.fedMs = performance.now();
    if (reader.at === batch.records.length) reader.usedUp();
  }

  #emitRecord(reader: SplitReader, batch: SourceBatch<unknown>, at: number): void {
    const { records, timestamps, rejected } = batch;
    if (rejected !== undefined && rejected[reader.rejectedAt] === at) {
      reader.rejectedAt += 1;
      this.#reject(records[at]);
      return;
    }
    let timestamp = Number.NaN;
    if (timestamps !== undefined) {
      timestamp = timestamps[at]!;
      // NaN, for none, is no number beyond these.
      if (timestamp > TIME_MAX_MS || timestamp < -TIME_MAX_MS) {
        throw badTimestamp(this.#given.operator, reader.describe(at), timestamp);
      }
    }
    this.#given.output.onElement(records[at], timestamp, 0, NOT_BEHIND);
  }

  #reject(record: unknown): void {
    const { rejected } = this.#given;
    assert(rejected !== undefined, 'a source rejects records only to a side output that is read');
    rejected.onElement(record, Number.NaN, 0, NOT_BEHIND);
  }
}

function isUnfinished({ progress }: SplitReader): boolean {
  return !progress.finished;
}

function badTimestamp(operator: string, place: string, given: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_NO_TIMESTAMP',
    `source '${operator}' gave ${given} as the event time of a record (${place}): it is a number of ` +
      'milliseconds that a Date can hold, ±8.64e15 at most, or NaN for none.',
    { details: { operator, timeMs: given } },
  );
}
