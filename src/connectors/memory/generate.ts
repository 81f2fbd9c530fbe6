/**
 * Makes records by a function of their index.
 *
 * The order of the records follows from how indexes are dealt to splits:
 *
 *  G1  With a `count` and no rate, splits are consecutive ranges, many more than there are instances
 *      (up to 256, of 256 records at least). Instance k of p reads ranges k, k + p, k + 2p…, so the indexes
 *      of an instance only grow, and all instances stay within p ranges of each other.
 *  G2  Without a `count` a split never ends. There is one split, unless `splits` asks for more. Then split s has
 *      the indexes i ≡ s (mod splits), and the splits are read side by side.
 *  G3  With a rate the layout is that of G2, also with a `count`. One split keeps the whole rate in index order.
 *      Several splits keep a share each and count as unbounded, so that a split that waits for the clock
 *      stops no other.
 *
 * The loop of `poll` is the hot path of benchmarks: one call of the user's function and one store
 * per record.
 */

import { HoldfastError } from '../../base/errors.js';
import { badOption, checkNumber, checkObject } from '../../base/option-checks.js';
import { messageOf } from '../../base/realm.js';
import type { Source, SourceBatch, SourceReader } from '../../stream/source.js';
import { checkFunction } from '../options.js';
import { recordCopy } from '../record-copy.js';
import { positionField, splitChanged } from '../split-check.js';
import { Pace } from './pace.js';
import { rangeSplits } from './ranges.js';

const BATCH_RECORDS = 512;
const RANGE_RECORDS_MIN = 256;
const RANGES_MAX = 256;
const SPLITS_MAX = 65_536;

export interface GenerateOptions<T> {
  /** How many records; without it the source never ends. */
  readonly count?: number | undefined;
  /** Records per second of wall clock, over all splits. Without it records come as fast as they are taken. */
  readonly ratePerSecond?: number | undefined;
  /**
   * Into how many parts the indexes are divided. Default: with a `count` and no rate up to 256
   * consecutive ranges; otherwise 1.
   */
  readonly splits?: number | undefined;
  /** Event time of a record in ms; NaN when it has none. */
  readonly timestamp?: ((record: T, index: number) => number) | undefined;
}

interface GenerateSplit {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  readonly step?: number;
  readonly total: number;
  readonly [key: string]: unknown;
}

/**
 * A source of `make(0)`, `make(1)`, … The function must give the same record for the same index
 * whenever it is called, because records are made again after a failure.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function generate<T>(
  make: (index: number) => T & (T extends PromiseLike<unknown> ? never : T),
  options?: GenerateOptions<T>,
): Source<T> {
  const kind = 'generate';
  checkFunction('generate.function', make);
  const given = checkObject<GenerateOptions<T>>(kind, options, [
    'count',
    'ratePerSecond',
    'splits',
    'timestamp',
  ]);
  const { count, ratePerSecond, timestamp } = given;
  checkNumber('generate.count', count, undefined, {
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    integer: true,
  });
  checkNumber('generate.splits', given.splits, 1, { min: 1, max: SPLITS_MAX, integer: true });
  if (timestamp !== undefined) checkFunction('generate.timestamp', timestamp);
  if (ratePerSecond !== undefined && !(ratePerSecond > 0 && Number.isFinite(ratePerSecond))) {
    throw badOption('generate.ratePerSecond', ratePerSecond, 'a finite number above 0');
  }
  const total = count ?? Number.MAX_SAFE_INTEGER;
  const ranged = count !== undefined && ratePerSecond === undefined;
  const stride = given.splits ?? 1;
  const listed: readonly GenerateSplit[] = ranged
    ? rangeSplits(kind, total, given.splits ?? defaultRanges(total))
    : Array.from({ length: Math.min(stride, total) }, (_, s) => ({
        id: stride === 1 ? kind : `${kind}[${s} of ${stride}]`,
        from: s,
        to: total,
        step: stride,
        total,
      }));
  return {
    kind,
    bounded: ranged || (count !== undefined && listed.length <= 1),
    timed: given.timestamp !== undefined,
    async splits() {
      return listed;
    },
    async open(split, position) {
      const { id, from, to, step = 1, total: before } = split as GenerateSplit;
      if (before !== total || step !== (ranged ? 1 : stride)) {
        throw splitChanged(kind, id, 'count, ratePerSecond or splits of the source are others now');
      }
      const start =
        position === undefined
          ? from
          : positionField(kind, id, position, 'next', from, to + step - 1);
      const pace = ratePerSecond === undefined ? undefined : new Pace(ratePerSecond / stride);
      return new GenerateReader<T>(make, timestamp, start, to, step, pace);
    },
  };
}

function defaultRanges(count: number): number {
  return Math.min(RANGES_MAX, Math.ceil(count / RANGE_RECORDS_MIN));
}

class GenerateReader<T> implements SourceReader<T> {
  readonly #make: (index: number) => T;
  readonly #timestamp: ((record: T, index: number) => number) | undefined;
  readonly #to: number;
  readonly #step: number;
  readonly #pace: Pace | undefined;
  #batchStart: number;
  #next: number;
  /** What the user's function has thrown behind the records of the last batch; the next poll throws it. */
  #failure: HoldfastError | undefined;
  /** Does the user's function put one object into several records? Known with the first batch. */
  #shares: boolean | undefined;

  constructor(
    make: (index: number) => T,
    timestamp: ((record: T, index: number) => number) | undefined,
    from: number,
    to: number,
    step: number,
    pace: Pace | undefined,
  ) {
    this.#make = make;
    this.#timestamp = timestamp;
    this.#batchStart = from;
    this.#next = from;
    this.#to = to;
    this.#step = step;
    this.#pace = pace;
  }

  poll(): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined> {
    this.#batchStart = this.#next;
    if (this.#failure !== undefined) throw this.#failure;
    const left = Math.ceil((this.#to - this.#next) / this.#step);
    if (left <= 0) return undefined;
    if (this.#pace === undefined) return this.#batch(Math.min(BATCH_RECORDS, left));
    const due = this.#pace.due();
    if (due > 0) {
      const batch = this.#batch(Math.min(BATCH_RECORDS, left, due));
      this.#pace.took(batch.records.length);
      return batch;
    }
    return this.#pace.wait().then(() => ({ records: [] }));
  }

  #batch(most: number): SourceBatch<T> {
    if (this.#shares === true) return this.#copies(most);
    const records: T[] = new Array(most);
    const timestamps = this.#timestamp === undefined ? undefined : new Float64Array(most);
    const failed = this.#fill(records, timestamps);
    const index = this.#next + records.length * this.#step;
    if (failed !== undefined) {
      // The records before the failing one are emitted first, so that the failure names its own record.
      this.#failure = generateError(failed.error, index);
      if (records.length === 0) throw this.#failure;
    }
    refusePromise(records[0]);
    if (this.#shares === undefined && this.#findsShared(records, index)) {
      this.#failure = undefined;
      return this.#copies(most);
    }
    this.#next = index;
    return { records, timestamps: timestamps?.subarray(0, records.length) };
  }

  /** What was thrown; then `records` ends before that record. */
  #fill(
    records: T[],
    timestamps: Float64Array | undefined,
  ): { readonly error: unknown } | undefined {
    const make = this.#make;
    const timestamp = this.#timestamp;
    return timestamp === undefined || timestamps === undefined
      ? fill(records, make, this.#next, this.#step)
      : fillTimed(records, timestamps, { make, timestamp, from: this.#next, step: this.#step });
  }

  /** @param next index of the record behind these */
  #findsShared(records: readonly T[], next: number): boolean {
    if (records.length > 1) {
      this.#shares = shareObjects(records[0], records[1]);
    } else if (this.#failure === undefined && next < this.#to) {
      try {
        this.#shares = shareObjects(records[0], this.#make(next));
      } catch {
        // The function throws again when the turn of this index comes.
      }
    }
    return this.#shares === true;
  }

  /**
   * Where all records are one object, making the next would overwrite those at hand, also those of other splits.
   * So each record is copied before the next one is made. A record that cannot be copied is a batch of its own.
   */
  #copies(most: number): SourceBatch<T> {
    const records: T[] = [];
    const times: number[] = [];
    while (records.length < most) {
      const index = this.#next + records.length * this.#step;
      try {
        const made = this.#make(index);
        const { record, isCopy } = recordCopy(made);
        if (!isCopy && records.length > 0) break;
        if (this.#timestamp !== undefined) times.push(this.#timestamp(made, index));
        records.push(record);
        if (!isCopy) break;
      } catch (error) {
        this.#failure = generateError(error, index);
        if (records.length === 0) throw this.#failure;
        break;
      }
    }
    this.#next += records.length * this.#step;
    const isTimed = this.#timestamp !== undefined;
    return { records, timestamps: isTimed ? Float64Array.from(times) : undefined };
  }

  position(taken: number): { readonly next: number } {
    return { next: this.#batchStart + taken * this.#step };
  }

  describe(index: number): string {
    return `index ${this.#batchStart + index * this.#step}`;
  }

  close(): void {
    this.#pace?.stop();
  }
}

/**
 * A function of its own, with nothing behind the loop: V8 keeps code that it has compiled for a loop under way, even when what
 * comes behind the loop finds other objects than it was compiled for, and gives that code up anew in each batch.
 *
 * @returns what was thrown; then `records` ends before that record
 */
function fill<T>(
  records: T[],
  make: (index: number) => T,
  from: number,
  step: number,
): { readonly error: unknown } | undefined {
  const { length } = records;
  let done = 0;
  try {
    for (let index = from; done < length; done += 1, index += step) records[done] = make(index);
  } catch (error) {
    records.length = done;
    return { error };
  }
  return undefined;
}

/** The same, where the records have times. */
function fillTimed<T>(
  records: T[],
  timestamps: Float64Array,
  how: {
    readonly make: (index: number) => T;
    readonly timestamp: (record: T, index: number) => number;
    readonly from: number;
    readonly step: number;
  },
): { readonly error: unknown } | undefined {
  const { make, timestamp, from, step } = how;
  const { length } = records;
  let done = 0;
  try {
    for (let index = from; done < length; done += 1, index += step) {
      const record = make(index);
      records[done] = record;
      timestamps[done] = timestamp(record, index);
    }
  } catch (error) {
    records.length = done;
    return { error };
  }
  return undefined;
}

/** Are two records one object, or do they share an object as a property? */
function shareObjects(first: unknown, second: unknown): boolean {
  if (typeof first !== 'object' || first === null) return false;
  if (first === second) return true;
  if (typeof second !== 'object' || second === null) return false;
  const parts = Object.values(first).filter((part) => typeof part === 'object' && part !== null);
  return parts.length > 0 && Object.values(second).some((part) => parts.includes(part));
}

/** Called once per batch, because a function that returns one promise returns nothing else. */
function refusePromise(record: unknown): void {
  if (typeof record !== 'object' || record === null) return;
  if (typeof (record as { then?: unknown }).then !== 'function') return;
  throw new HoldfastError(
    'ERR_HOLDFAST_ASYNC_CALLBACK',
    'generate: the function returned a promise. It must return the record itself; what has to be ' +
      'awaited belongs in front of the job, or in a source of your own.',
  );
}

function generateError(error: unknown, index: number): HoldfastError {
  const message = messageOf(error);
  return new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    `generate: the function failed for index ${index}: ${message}`,
    { cause: error, details: { index } },
  );
}
