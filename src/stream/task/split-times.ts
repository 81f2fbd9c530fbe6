/**
 * How far time has come in each split that a task reads: the one place where a split's time is kept.
 *
 *  X1  A split's *own time* is its highest timestamp − the allowed disorder − 1. It never goes back, and
 *      depends on the split's records alone: not on what else is read, by whom, or how fast. So it can tell
 *      which of a split's records is behind.
 *  X2  The *watermark* is the least of the own times of the splits that are neither finished nor idle. It never
 *      goes back (I23): the snapshot holds the last one that was said, and no later one is less.
 *  X3  A split that has not spoken holds the watermark as well: at −∞, at the bound that its source declares,
 *      or, once it was *touched*, at what the time of its first record allows.
 *  X4  An idle split does not hold the watermark. A split is idle when it could have given a record for
 *      `idleAfterMs` and gave none; the time during which nobody asked it does not count. When it gives a record,
 *      it counts again at its own time, and the watermark waits for it where it stands (I25).
 *  X5  When all splits are idle, the watermark does not go on to the latest of them. It stays, or goes on to the
 *      least of those that have spoken: a split that never spoke does not hold it back by falling idle last.
 *  X6  Records that come from other tasks, and are not read from splits, count as one split (`ONLY_SPLIT`).
 *  X7  An instance without a split may still get one, of whichever time: it holds the watermark like a split that
 *      has not spoken, and falls idle like one (`NO_SPLIT`). Once it has a split, that one holds the watermark.
 *  X8  Where the job makes its watermarks itself, a split's own time is the highest one that the split's generator has said, and
 *      nothing is known of it by a touch. Splits are read by the timestamps that were seen of them.
 *  X9  A snapshot keeps times by the split's place in the list of all splits, so whoever reads the split finds
 *      its time.
 */

import { assert } from '../../base/assert.js';
import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import type { WatermarkFactory } from '../api/watermarks.js';
import type { RestoredSection, SplitObserver, StateSection } from '../operator.js';
import { earliestTime } from '../state/time-section.js';
import { LeastFirst } from './least-first.js';
import { SplitGenerator } from './split-generator.js';

const SECTION = 'split-times';
const VERSION = 1;
/** With what generators have said in the place of highest timestamps, and with their states (X8). */
const SAID_VERSION = 2;
const IDLE = 1;
const HAS_STATE = 2;
/** Section of 0.1.0: the highest timestamp of the instance, over all its splits. */
const FORMER_SECTION = 'time';

/** The range of a Date, in ms on either side of 1970. A timestamp beyond it would make all later records late. */
export const TIME_MAX_MS = 8.64e15;

/** The one split of a task that reads none (X6). */
export const ONLY_SPLIT = 0;

/** Stands for the splits of an instance that has none, and may get one (X7). */
export const NO_SPLIT = -1;

/** Idleness is judged this often, as a share of the time after which a split is idle. */
const JUDGED_EVERY = 1 / 16;

const NEVER = Number.NEGATIVE_INFINITY;

export interface SplitTimesOptions {
  /** How far behind the highest timestamp of its split a record may be without being late, in ms. */
  readonly outOfOrdernessMs: number;
  /** Makes the generator of a split (X8). Default: time follows from the highest timestamp (X1). */
  readonly watermarks?: WatermarkFactory<never> | undefined;
  /** After how many ms without a record a split is idle (X4). Default: never. */
  readonly idleAfterMs?: number | undefined;
  /** How far ahead of other sources this one may be read, in ms. Default: as far as it comes. */
  readonly maxDriftMs?: number | undefined;
}

interface SplitTime {
  readonly index: number;
  /** The highest timestamp, or what was said by its generator (X8); −∞ until it has spoken. */
  highestMs: number;
  /** Where there are generators: the highest timestamp that was seen; −∞ for none. */
  seenMs: number;
  readonly generator: SplitGenerator | undefined;
  /** No record of the split is earlier; −∞ when the source declares no bound. */
  readonly earliestMs: number;
  idle: boolean;
  /** The split has given a record since idleness was judged last. */
  spoke: boolean;
  /** Since when the split could have given a record and gave none, on the caller's clock. */
  quietSinceMs: number | undefined;
}

/** A split's time as a snapshot has it. */
interface RestoredTime {
  readonly highestMs: number;
  readonly idle: boolean;
  /** Of its generator. */
  readonly state?: Uint8Array | undefined;
}

export class SplitTimes implements SplitObserver {
  readonly maxDriftMs: number | undefined;
  readonly #lagMs: number;
  readonly #create: WatermarkFactory<never> | undefined;
  /** The record that `observe` is told of, for generators. */
  #record: unknown;
  readonly #idleAfterMs: number;
  readonly #splits = new Map<number, SplitTime>();
  /** The splits that hold the watermark (X2). */
  readonly #holding: LeastFirst<SplitTime>;
  /** The same splits, by how far they are read: with generators that is not how far they hold. */
  readonly #reading: LeastFirst<SplitTime>;
  #current: SplitTime;
  /** It counts while there is no split (X7). */
  #none: SplitTime;
  #saidMs = NEVER;
  /** The highest timestamp of all splits. */
  #latestMs = NEVER;
  /** When idleness was judged last. */
  #judgedMs = NEVER;
  /** The least that time had reached before splits were found idle. */
  #reachedMs = NEVER;
  readonly #restored = new Map<number, RestoredTime>();
  /** The highest timestamp that a restored instance without times per split, or with other splits, had seen (X6). */
  #restoredMs = NEVER;

  constructor({ outOfOrdernessMs, watermarks, idleAfterMs, maxDriftMs }: SplitTimesOptions) {
    this.maxDriftMs = maxDriftMs;
    this.#create = watermarks;
    this.#lagMs = watermarks === undefined ? outOfOrdernessMs + 1 : 0;
    this.#current = this.#stray();
    this.#none = this.#stray();
    this.#idleAfterMs = idleAfterMs ?? Number.POSITIVE_INFINITY;
    this.#holding = new LeastFirst((split) => this.#ownMs(split));
    this.#reading =
      watermarks === undefined ? this.#holding : new LeastFirst((split) => this.#readMs(split));
  }

  /**
   * Goes on where these sections stood; after a change of parallelism, those of all former instances.
   * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT
   */
  restore(sections: readonly RestoredSection[]): void {
    const highest = earliestTime(FORMER_SECTION, sections);
    const said = highest === NEVER ? [] : [highest - this.#lagMs];
    const instances = highest === NEVER ? [] : [highest];
    for (const section of sections) {
      if (section.name !== SECTION) continue;
      const { saidMs, splits } = decode(section.bytes, this.#create === undefined, this.#lagMs);
      said.push(saidMs);
      if (splits.size > 0) {
        instances.push(Math.min(...[...splits.values()].map(({ highestMs }) => highestMs)));
      }
      for (const [index, time] of splits) this.#restored.set(index, time);
    }
    if (said.length > 0) this.#saidMs = Math.min(...said);
    if (instances.length > 0) this.#restoredMs = Math.min(...instances);
  }

  /**
   * The split counts from now on, at the time with which it was restored.
   * @param earliestMs no record of it is earlier
   */
  add(index: number, earliestMs = NEVER): void {
    assert(!this.#splits.has(index), `split ${index} is added once`);
    const restored = this.#restored.get(index);
    this.#restored.delete(index);
    this.#none = this.#stray();
    this.#add(index, restored ?? { highestMs: NEVER, idle: false }, earliestMs);
  }

  /** From now on all records are of one split (X6). */
  addOnly(): void {
    const restored = [...this.#restored.values()];
    const idle = restored.length > 0 && restored.every((one) => one.idle);
    // What several generators knew cannot be put together.
    const state = restored.length === 1 ? restored[0]!.state : undefined;
    this.#restored.clear();
    this.#add(ONLY_SPLIT, { highestMs: this.#restoredMs, idle, state }, NEVER);
    this.begin(ONLY_SPLIT);
  }

  /** The records that follow are of this split. */
  begin(index: number): void {
    this.#current = this.#split(index);
  }

  /**
   * The current split has a record of this time.
   * @returns the split's own time just before it: a record at or below that time is behind (X1)
   */
  observe(timeMs: number): number {
    if (this.#create !== undefined) return this.#observeSaid(timeMs);
    const split = this.#current;
    const before = split.highestMs - this.#lagMs;
    if (timeMs > split.highestMs) {
      split.highestMs = timeMs;
      if (timeMs > this.#latestMs) this.#latestMs = timeMs;
    }
    split.spoke = true;
    if (split.idle) this.#wakeUp(split);
    return before;
  }

  /** Keeps the record for the next `observe`, where generators look at it. @returns the same */
  hand(record: unknown): unknown {
    this.#record = record;
    return record;
  }

  /** As `observe` (X8). */
  #observeSaid(timeMs: number): number {
    const split = this.#current;
    const before = split.highestMs;
    const saidMs = split.generator!.said(timeMs, this.#record);
    if (timeMs > split.seenMs) split.seenMs = timeMs;
    if (saidMs > split.highestMs) {
      split.highestMs = saidMs;
      if (saidMs > this.#latestMs) this.#latestMs = saidMs;
    }
    split.spoke = true;
    if (split.idle) this.#wakeUp(split);
    return before;
  }

  /** The split's next record has this time (X3). */
  touch(index: number, timeMs: number): void {
    const split = this.#split(index);
    if (this.#create !== undefined) split.seenMs = Math.max(split.seenMs, timeMs);
    else if (timeMs > split.highestMs) split.highestMs = timeMs;
  }

  /** Has it spoken, was it touched, or has its source declared a bound? */
  isKnown(index: number): boolean {
    return this.ownMs(index) > NEVER;
  }

  /** The time at which the split holds the watermark when it is not idle; with generators, at which it stands. */
  ownMs(index: number): number {
    return this.#readMs(this.#split(index));
  }

  /** The split has no more records. */
  finish(index: number): void {
    const split = this.#split(index);
    if (!split.idle) this.#letGo(split);
    this.#splits.delete(index);
    if (this.#current === split) this.#current = this.#stray();
  }

  /** The watermark that was said last; −∞ when none was. */
  get saidMs(): number {
    return this.#saidMs;
  }

  /** The watermark to be said now; undefined while it has not grown. It counts as said (X2). */
  advance(): number | undefined {
    const timeMs = Math.max(this.#reachedMs, this.#leastMs());
    if (timeMs <= this.#saidMs) return undefined;
    this.#saidMs = timeMs;
    return timeMs;
  }

  /** All input is over, and the watermark +∞ was said. */
  end(): void {
    this.#saidMs = Number.POSITIVE_INFINITY;
  }

  /**
   * The least `ownMs` of a split that holds the watermark: nobody is to be read too far ahead of it. +∞ when no split
   * does, or all is over.
   */
  get leastMs(): number {
    const least = this.#reading.least();
    return least === undefined || this.#isOver() ? Number.POSITIVE_INFINITY : this.#readMs(least);
  }

  /** The split that holds the watermark, or `NO_SPLIT`; undefined when none does. */
  get holder(): SplitObserver['holder'] {
    if (this.isIdle || this.#isOver()) return undefined;
    const least = this.#holding.least();
    if (least === undefined) return { index: NO_SPLIT, ownMs: this.#saidMs, isBehind: false };
    const ownMs = this.#ownMs(least);
    return { index: least.index, ownMs, isBehind: this.#latestMs - this.#lagMs > ownMs };
  }

  /** All splits are idle; or there is none, and has been none for long. */
  get isIdle(): boolean {
    if (this.#isOver() || this.#holding.size > 0) return false;
    return this.#splits.size > 0 || this.#none.idle;
  }

  /** Those that may be idle. */
  #judged(): Iterable<SplitTime> {
    return this.#splits.size > 0 ? this.#splits.values() : [this.#none];
  }

  #isOver(): boolean {
    return this.#saidMs === Number.POSITIVE_INFINITY;
  }

  /** No split that goes on has ever said a time: what was said is of splits that are over. */
  get isSilent(): boolean {
    return this.#leastSpokenMs() === NEVER;
  }

  /**
   * Finds out which splits are idle (X4).
   * @param now on any clock in ms that does not go back
   * @param wasAsked could the split have given a record at any time since then? Of `NO_SPLIT`: was it looked for splits?
   */
  judge(now: number, wasAsked: (index: number, sinceMs: number) => boolean): void {
    if (this.#idleAfterMs === Number.POSITIVE_INFINITY) return;
    const due: SplitTime[] = [];
    const sinceMs = this.#judgedMs;
    if (now < sinceMs + this.#idleAfterMs * JUDGED_EVERY) return;
    this.#judgedMs = now;
    for (const split of this.#judged()) {
      if (split.idle) continue;
      const { spoke } = split;
      split.spoke = false;
      if (split.quietSinceMs === undefined || spoke) split.quietSinceMs = now;
      // Splits that take turns at being open are asked only now and then: the time in between does not count.
      else if (!wasAsked(split.index, sinceMs)) split.quietSinceMs += now - sinceMs;
      else if (now >= split.quietSinceMs + this.#idleAfterMs) due.push(split);
    }
    this.#rest(due);
  }

  /** Lets splits fall idle in the order in which they fell quiet, as if judged then: time goes on between (X5). */
  #rest(due: SplitTime[]): void {
    due.sort((a, b) => a.quietSinceMs! - b.quietSinceMs!);
    let before: number | undefined;
    for (const split of due) {
      if (split.quietSinceMs !== before)
        this.#reachedMs = Math.max(this.#reachedMs, this.#leastMs());
      before = split.quietSinceMs;
      split.idle = true;
      this.#letGo(split);
    }
  }

  #leastMs(): number {
    const least = this.#holding.least();
    return least === undefined ? this.#leastSpokenMs() : this.#ownMs(least);
  }

  /** The least time of the splits that have spoken; −∞ when none has. It counts when all are idle (X5). */
  #leastSpokenMs(): number {
    let leastMs = Number.POSITIVE_INFINITY;
    for (const split of this.#splits.values()) {
      const ownMs = this.#ownMs(split);
      if (ownMs > NEVER && ownMs < leastMs) leastMs = ownMs;
    }
    return leastMs === Number.POSITIVE_INFINITY ? NEVER : leastMs;
  }

  /** When a split may become idle by time alone, on the clock of `judge`; undefined: none. */
  get idleDueMs(): number | undefined {
    if (this.#idleAfterMs === Number.POSITIVE_INFINITY || this.#isOver()) return undefined;
    let due = Number.POSITIVE_INFINITY;
    for (const { idle, quietSinceMs } of this.#judged()) {
      if (idle) continue;
      // Who was not judged yet has to be, or it would never fall idle when nothing else happens.
      const since = quietSinceMs === undefined ? NEVER : quietSinceMs;
      due = Math.min(due, since + this.#idleAfterMs);
    }
    if (due === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(due, this.#judgedMs + this.#idleAfterMs * JUDGED_EVERY);
  }

  /** @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE for the state of a generator, and what that throws */
  capture(): StateSection {
    const writer = new ByteWriter(16 + this.#splits.size * 13);
    writer.u8(this.#create === undefined ? VERSION : SAID_VERSION);
    writer.f64(this.#saidMs);
    for (const { index, highestMs, idle, generator } of this.#splits.values()) {
      const state = generator?.capture();
      writer.u32(index);
      writer.u8((idle ? IDLE : 0) | (state === undefined ? 0 : HAS_STATE));
      writer.f64(highestMs);
      if (state === undefined) continue;
      writer.u32(state.byteLength);
      writer.raw(state);
    }
    return { name: SECTION, chunks: [writer.take()] };
  }

  #add(index: number, { highestMs, idle, state }: RestoredTime, earliestMs: number): void {
    const split: SplitTime = { ...this.#fresh(index, state), highestMs, earliestMs, idle };
    this.#splits.set(index, split);
    if (!idle) this.#hold(split);
  }

  #fresh(index: number, state: Uint8Array | undefined): SplitTime {
    const create = this.#create;
    return {
      index,
      highestMs: NEVER,
      seenMs: NEVER,
      generator: create && new SplitGenerator(create, TIME_MAX_MS, state),
      earliestMs: NEVER,
      idle: false,
      spoke: false,
      quietSinceMs: undefined,
    };
  }

  /** For records that are of no split here (they were in flight in a checkpoint of another parallelism), and for none. */
  #stray(): SplitTime {
    return this.#fresh(NO_SPLIT, undefined);
  }

  #split(index: number): SplitTime {
    const split = this.#splits.get(index);
    assert(split !== undefined, `split ${index} has been added and is not finished`);
    return split;
  }

  #wakeUp(split: SplitTime): void {
    split.idle = false;
    split.quietSinceMs = undefined;
    this.#hold(split);
  }

  #hold(split: SplitTime): void {
    this.#holding.add(split);
    if (this.#reading !== this.#holding) this.#reading.add(split);
  }

  #letGo(split: SplitTime): void {
    this.#holding.remove(split);
    if (this.#reading !== this.#holding) this.#reading.remove(split);
  }

  /** X8: who waits for a split waits for what is read of it. What its generator says may never come, or stay behind. */
  #readMs(split: SplitTime): number {
    return Math.max(this.#ownMs(split), split.seenMs);
  }

  #ownMs({ highestMs, earliestMs }: SplitTime): number {
    return Math.max(highestMs - this.#lagMs, earliestMs - 1);
  }
}

/**
 * @param byTimestamps what is restored goes by highest timestamps (X1), of which it is `lagMs` behind
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT
 */
function decode(
  bytes: Uint8Array,
  byTimestamps: boolean,
  lagMs: number,
): {
  readonly saidMs: number;
  readonly splits: ReadonlyMap<number, RestoredTime>;
} {
  const reader = new ByteReader(bytes, { what: 'times of splits' });
  const version = reader.u8();
  if (version !== VERSION && version !== SAID_VERSION) {
    throw reader.corrupt(`version ${version} is unknown`, 0);
  }
  const wereTimestamps = version === VERSION;
  const saidMs = reader.f64();
  const splits = new Map<number, RestoredTime>();
  while (reader.remaining > 0) {
    const index = reader.u32();
    const flags = reader.u8();
    const writtenMs = reader.f64();
    const state = (flags & HAS_STATE) === 0 ? undefined : reader.copy(reader.u32());
    // Of another kind of watermarks it is known how far the split had come, or the whole instance.
    const highestMs =
      wereTimestamps === byTimestamps ? writtenMs : byTimestamps ? writtenMs + lagMs : saidMs;
    splits.set(index, { idle: (flags & IDLE) !== 0, highestMs, state });
  }
  return { saidMs, splits };
}
