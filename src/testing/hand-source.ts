/**
 * A source whose records a test hands in, one at a time. Its reader waits in a thenable that settles in place. So what
 * is handed in is with the task at once, and the test needs no promise.
 */

import { recordCopy } from '../connectors/record-copy.js';
import type {
  RejectedRecord,
  Source,
  SourceBatch,
  SourceReader,
  SourceSplit,
} from '../stream/source.js';

const SPLIT = 'by hand';

export class HandSource implements Source<unknown> {
  readonly kind: string;
  readonly rejectTag: string | undefined;
  readonly #readers = new Set<HandReader>();
  /** Handed in before there was a reader: behind a restore none is opened while records in flight hold it back. */
  readonly #early: Batch[] = [];
  #isEnded = false;

  /** @param stands for this source; has its kind, and its side output */
  constructor({ kind, rejectTag }: Pick<Source<unknown>, 'kind' | 'rejectTag'>) {
    this.kind = kind;
    this.rejectTag = rejectTag;
  }

  splits(): Promise<readonly SourceSplit[]> {
    return Promise.resolve([{ id: SPLIT }]);
  }

  async open(_split: SourceSplit, position: unknown): Promise<SourceReader<unknown>> {
    const reader = new HandReader(position, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    for (const batch of this.#early.splice(0)) reader.hand(batch);
    if (this.#isEnded) reader.hand(undefined);
    return reader;
  }

  /** There is nothing more to be handed in. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Something was handed in that the task has not taken yet. */
  get isAhead(): boolean {
    return this.#early.length > 0 || [...this.#readers].some((reader) => reader.isAhead);
  }

  /** @param timestamp event time in ms; NaN for none */
  element(record: unknown, timestamp: number): void {
    const timestamps = Number.isNaN(timestamp) ? undefined : Float64Array.of(timestamp);
    this.#hand({ records: [recordCopy(record).record], timestamps });
  }

  reject(record: RejectedRecord): void {
    this.#hand({ records: [{ ...record }], rejected: [0] });
  }

  /** All splits come to their end. */
  end(): void {
    this.#isEnded = true;
    for (const reader of [...this.#readers]) reader.hand(undefined);
  }

  /** To the first reader, where a savepoint has several. */
  #hand(batch: Batch): void {
    const [reader] = this.#readers;
    if (reader === undefined) this.#early.push(batch);
    else reader.hand(batch);
  }
}

type Batch = SourceBatch<unknown> | undefined;

class HandReader implements SourceReader<unknown> {
  readonly #closed: () => void;
  /** What was handed in and not polled yet; `undefined` is the end. */
  readonly #batches: Batch[] = [];
  #waiting: ((batch: Batch) => void) | undefined;
  /** Number of the first record of the batch polled last, and of the next batch. */
  #first = 0;
  #next = 0;

  constructor(position: unknown, closed: () => void) {
    this.#next = typeof position === 'number' ? position : 0;
    this.#closed = closed;
  }

  get isAhead(): boolean {
    return this.#batches.length > 0;
  }

  hand(batch: Batch): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#batches.push(batch);
    else waiting(this.#polled(batch));
  }

  poll(): Batch | Promise<Batch> {
    if (this.#batches.length > 0) return this.#polled(this.#batches.shift());
    const pending: PromiseLike<Batch> = {
      // biome-ignore lint/suspicious/noThenProperty: it has to settle in place, which no promise does
      then: ((resolve: (batch: Batch) => void) => {
        this.#waiting = resolve;
      }) as PromiseLike<Batch>['then'],
    };
    return pending as Promise<Batch>;
  }

  position(taken: number): number {
    return this.#first + taken;
  }

  describe(index: number): string {
    return `element ${this.#first + index + 1}`;
  }

  close(): void {
    this.#closed();
  }

  #polled(batch: Batch): Batch {
    this.#first = this.#next;
    this.#next += batch?.records.length ?? 0;
    return batch;
  }
}
