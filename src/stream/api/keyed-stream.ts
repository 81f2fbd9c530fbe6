/** A stream grouped by key: state per key, windows, and all that a `DataStream` can do. */

import type { EdgeDraft } from '../graph/graph-draft.js';
import { keyedAggregateOperator } from '../operators/keyed-aggregate-operator.js';
import { keyedReduceOperator } from '../operators/keyed-reduce-operator.js';
import { aggregatedState } from '../operators/row-shape.js';
import {
  type AggregationResults,
  type AggregationSpec,
  count,
  describeAggregations,
  max,
  min,
  type NumberSelector,
  requireAggregations,
  sum,
} from './aggregations.js';
import { checkCallback } from './callbacks.js';
import { DataStream } from './data-stream.js';
import type { KeySelector } from './key-selector.js';
import { reducedState, type StateVersion } from './state-version.js';
import type { StreamOrigin } from './stream-origin.js';
import { WindowedStream } from './windowed-stream.js';
import { requireWindow, type WindowDefinition } from './windows.js';

/** The row of a keyed aggregate. */
export type KeyedRow<K, A> = Flat<{ key: K } & AggregationResults<A>>;

/** The same type, shown as one object. */
export type Flat<X> = { [P in keyof X]: X[P] };

export class KeyedStream<T, K> extends DataStream<T> {
  /** Its types are erased, so that a stream of a subtype is a stream of the supertype. */
  readonly #select: KeySelector;

  /** @internal */
  constructor(origin: StreamOrigin, select: (record: T) => K) {
    super(origin);
    this.#select = select as KeySelector;
  }

  /** Emits, for each record, how many its key has had. */
  count(): DataStream<number> {
    return this.#value('count', count());
  }

  /**
   * Emits, for each record, the sum of its key so far. Plain float64 additions. null and undefined
   * are skipped; the sum is null until something was counted.
   */
  sum(select: (record: T) => number): DataStream<number>;
  sum(select: NumberSelector<T>): DataStream<number | null>;
  sum(select: NumberSelector<T>): DataStream<number | null> {
    return this.#value('sum', sum(select));
  }

  /** Emits, for each record, the least value of its key so far; null and undefined are skipped. */
  min(select: (record: T) => number): DataStream<number>;
  min(select: NumberSelector<T>): DataStream<number | null>;
  min(select: NumberSelector<T>): DataStream<number | null> {
    return this.#value('min', min(select));
  }

  /** Emits, for each record, the greatest value of its key so far; null and undefined are skipped. */
  max(select: (record: T) => number): DataStream<number>;
  max(select: NumberSelector<T>): DataStream<number | null>;
  max(select: NumberSelector<T>): DataStream<number | null> {
    return this.#value('max', max(select));
  }

  /**
   * Folds the records of a key into one, and emits it for each record. `fn` must not change its
   * arguments: the earlier result may be part of a snapshot being written.
   * @param state a version and a migration, for when results of before are no results of now
   */
  reduce(fn: (reduced: T, record: T) => T, state: StateVersion<T> = {}): DataStream<T> {
    checkCallback(fn, 'reduce');
    const { parameters, description } = reducedState(state);
    return this.operator('reduce', {
      stateful: true,
      parameters,
      states: [description],
      create: keyedReduceOperator(this.#select, fn, state),
    });
  }

  /** Emits, for each record, the row `{ key, …answers }` of its key so far. */
  aggregate<A extends AggregationSpec<T>>(spec: A): DataStream<KeyedRow<K, A>> {
    requireAggregations(spec, ['key']);
    return this.operator('aggregate', {
      stateful: true,
      parameters: { aggregations: describeAggregations(spec) },
      states: [aggregatedState(spec)],
      create: keyedAggregateOperator(this.#select, spec, 'row'),
    });
  }

  /** Cuts the records of each key into windows of event time; needs `withTimestamps` upstream. */
  window(window: WindowDefinition): WindowedStream<T, K> {
    requireWindow(window);
    return new WindowedStream({
      draft: this.origin.draft,
      inputs: () => this.inputs(),
      select: this.#select,
      window,
      allowedLatenessMs: 0,
      lateTag: undefined,
    });
  }

  protected override inputs(): readonly EdgeDraft[] {
    return this.origin.edges.map(({ from, tag }) => ({
      from,
      partition: 'hash',
      key: this.#select,
      tag,
    }));
  }

  #value<R>(type: string, aggregation: AggregationSpec<T>[string]): DataStream<R> {
    const spec = { value: aggregation };
    return this.operator(type, {
      stateful: true,
      parameters: { aggregations: describeAggregations(spec) },
      states: [aggregatedState(spec)],
      create: keyedAggregateOperator(this.#select, spec, 'value'),
    });
  }
}
