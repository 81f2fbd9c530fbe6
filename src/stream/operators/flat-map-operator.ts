/**
 * Any number of records out for each record in. The operator reads the callback's iterable as long as there is room.
 * When the task has to pause, the operator keeps its place and reads on later (operator.ts, O2). So an endless or
 * enormous answer takes no memory and blocks nobody.
 */

import { HoldfastError } from '../../base/errors.js';
import { NOT_BEHIND } from '../../channels/element.js';
import { asyncCallbackError, describeValue, isThenable } from '../api/callbacks.js';
import type { Operator, OperatorContext, Turn } from '../operator.js';
import { StatelessOperator } from './stateless-operator.js';

export function flatMapOperator(fn: (record: never) => unknown): () => Operator {
  return () => new FlatMapOperator(fn as (record: unknown) => unknown);
}

class FlatMapOperator extends StatelessOperator {
  readonly #fn: (record: unknown) => unknown;
  #turn!: Turn;
  #alive!: () => void;
  /** What is left of the answer being read. Arrays, the usual answer, are read by index. */
  #items: readonly unknown[] | undefined;
  #at = 0;
  #iterator: Iterator<unknown> | undefined;
  #timestamp = Number.NaN;
  #behind = NOT_BEHIND;

  constructor(fn: (record: unknown) => unknown) {
    super();
    this.#fn = fn;
  }

  override open(context: OperatorContext): void {
    super.open(context);
    this.#turn = context.turn;
    this.#alive = () => context.alive();
  }

  get suspended(): boolean {
    return this.#items !== undefined || this.#iterator !== undefined;
  }

  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    const fn = this.#fn;
    const result = fn(record);
    this.#timestamp = timestamp;
    this.#behind = behind;
    if (Array.isArray(result)) {
      this.#items = result;
      this.#at = 0;
      this.#readItems(result);
    } else {
      this.#iterator = iteratorOf(result);
      this.#readIterator(this.#iterator);
    }
  }

  resume(): void {
    if (this.#items !== undefined) this.#readItems(this.#items);
    else if (this.#iterator !== undefined) this.#readIterator(this.#iterator);
  }

  close(): void {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    // So that a generator's `finally` runs.
    iterator?.return?.();
  }

  #readItems(items: readonly unknown[]): void {
    while (this.#at < items.length) {
      const record = items[this.#at];
      this.#at += 1;
      // `list.map(async …)`: an answer that looks right, but its records are promises.
      if (isThenable(record)) throw asyncCallbackError('flatMap');
      this.output.onElement(record, this.#timestamp, 0, this.#behind);
      this.#alive();
      if (this.#turn.pause && this.#at < items.length) return;
    }
    this.#items = undefined;
  }

  #readIterator(iterator: Iterator<unknown>): void {
    for (;;) {
      const next = iterator.next();
      if (next.done === true) break;
      if (isThenable(next.value)) throw asyncCallbackError('flatMap');
      this.output.onElement(next.value, this.#timestamp, 0, this.#behind);
      this.#alive();
      if (this.#turn.pause) return;
    }
    this.#iterator = undefined;
  }
}

function iteratorOf(result: unknown): Iterator<unknown> {
  if (typeof result === 'string') throw notIterable(result, 'Texts are not taken apart');
  const iterable = result as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined;
  if (typeof iterable?.[Symbol.iterator] === 'function') return iterable[Symbol.iterator]!();
  if (isThenable(result) || typeof iterable?.[Symbol.asyncIterator] === 'function') {
    throw asyncCallbackError('flatMap');
  }
  throw notIterable(result, 'It cannot be iterated over');
}

function notIterable(result: unknown, why: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    `the callback of flatMap gave ${describeValue(result)}. ${why}: return an array or another ` +
      'iterable of records; an empty array for no records.',
  );
}
