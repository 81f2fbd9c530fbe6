import { badOption } from '../../base/option-checks.js';
import type { Source, SourceBatch, SourceReader } from '../../stream/source.js';
import { recordCopy } from '../record-copy.js';
import { positionField, splitChanged } from '../split-check.js';
import { type RangeSplit, rangeSplits } from './ranges.js';

const BATCH_RECORDS = 512;
/** For fewer items one split is faster than several. */
const SPLIT_FROM_ITEMS = 1_000;
const SPLITS_MAX = 16;

/**
 * A source over items in memory, for tests and small tables. The items are copied into an array here, once per
 * thread: the job's build function runs in every thread and must give the same items each time. Operators get copies
 * of the items, so a job that changes a record does not change what is read again after a failure. Fewer than
 * 1 000 items are one split; more are 16 consecutive ranges.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION when `items` is not iterable, or a text
 */
export function fromCollection<T>(items: Iterable<T> & object): Source<T> {
  // A text is iterable, but nobody wants its characters as records.
  const given = items as Iterable<T> | string | undefined | null;
  if (typeof given === 'string' || typeof given?.[Symbol.iterator] !== 'function') {
    throw badOption('fromCollection.items', items, 'an array or another iterable');
  }
  // A generator may give one object again and again.
  const all = Array.isArray(items)
    ? Array.from(items)
    : Array.from(items, (item) => recordCopy(item).record);
  const kind = 'fromCollection';
  return {
    kind,
    bounded: true,
    timed: false,
    async splits() {
      return rangeSplits(kind, all.length, all.length < SPLIT_FROM_ITEMS ? 1 : SPLITS_MAX);
    },
    async open(split, position) {
      const { id, from, to, total } = split as RangeSplit;
      if (total !== all.length) {
        throw splitChanged(kind, id, `the collection has ${all.length} items instead of ${total}`);
      }
      const start =
        position === undefined ? from : positionField(kind, id, position, 'next', from, to);
      return new CollectionReader(all, start, to);
    },
  };
}

class CollectionReader<T> implements SourceReader<T> {
  readonly #items: readonly T[];
  readonly #to: number;
  #batchStart: number;
  #next: number;

  constructor(items: readonly T[], from: number, to: number) {
    this.#items = items;
    this.#batchStart = from;
    this.#next = from;
    this.#to = to;
  }

  poll(): SourceBatch<T> | undefined {
    this.#batchStart = this.#next;
    if (this.#next >= this.#to) return undefined;
    this.#next = Math.min(this.#to, this.#next + BATCH_RECORDS);
    const items = this.#items.slice(this.#batchStart, this.#next);
    return { records: items.map((item) => recordCopy(item).record) };
  }

  position(taken: number): { readonly next: number } {
    return { next: this.#batchStart + taken };
  }

  describe(index: number): string {
    return `item ${this.#batchStart + index} of the collection`;
  }

  close(): void {}
}
