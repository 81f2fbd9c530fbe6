/** A keyed stream cut into windows: says what to do with late records, then how to fold a window. */

import { HoldfastError } from '../../base/errors.js';
import type { EdgeDraft, GraphDraft, NewNode } from '../graph/graph-draft.js';
import { aggregatedState } from '../operators/row-shape.js';
import { windowAggregateOperator } from '../operators/window-aggregate-operator.js';
import { windowedState } from '../operators/window-operator.js';
import { windowReduceOperator } from '../operators/window-reduce-operator.js';
import {
  type AggregationResults,
  type AggregationSpec,
  describeAggregations,
  requireAggregations,
} from './aggregations.js';
import { checkCallback, describeValue } from './callbacks.js';
import { DataStream } from './data-stream.js';
import type { KeySelector } from './key-selector.js';
import type { Flat } from './keyed-stream.js';
import { reducedState, type StateVersion } from './state-version.js';
import { StreamOrigin } from './stream-origin.js';
import { requireWholeMs, type WindowDefinition } from './windows.js';

/** The row of a windowed aggregate: `windowStart` (inclusive) and `windowEnd` (exclusive) in ms. */
export type WindowRow<K, A> = Flat<
  { key: K; windowStart: number; windowEnd: number } & AggregationResults<A>
>;

/** @internal */
export interface WindowedOrigin {
  readonly draft: GraphDraft;
  readonly inputs: () => readonly EdgeDraft[];
  readonly select: KeySelector;
  readonly window: WindowDefinition;
  readonly allowedLatenessMs: number;
  readonly lateTag: string | undefined;
}

export class WindowedStream<T, K> {
  readonly #origin: WindowedOrigin;

  /** @internal */
  constructor(origin: WindowedOrigin) {
    this.#origin = origin;
  }

  /**
   * Keeps a window for `ms` of event time after its end: each late record within that time fires it
   * again. Default 0.
   */
  allowedLateness(ms: number): WindowedStream<T, K> {
    requireWholeMs('allowedLateness(ms)', ms, 0);
    return new WindowedStream({ ...this.#origin, allowedLatenessMs: ms });
  }

  /**
   * Sends records that came too late to the side output `tag` of the folded stream, instead of only
   * counting them (`lateRecords` in the metrics). Read it there with `.sideOutput<T>(tag)`.
   */
  sideOutputLate(tag: string): WindowedStream<T, K> {
    if (typeof tag !== 'string' || tag === '') {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `sideOutputLate(tag) needs a name for the side output, but was given ${describeValue(tag)}.`,
      );
    }
    return new WindowedStream({ ...this.#origin, lateTag: tag });
  }

  /** Folds the records of a window into one, emitted when the window fires. `fn` changes neither argument. */
  reduce(fn: (reduced: T, record: T) => T, state: StateVersion<T> = {}): DataStream<T> {
    checkCallback(fn, 'reduce');
    const { select, window } = this.#origin;
    const { parameters, description } = reducedState(state);
    return this.#operator('window-reduce', {
      parameters: { ...this.#parameters(), ...parameters },
      states: [windowedState(window, description)],
      create: windowReduceOperator(select, window, this.#lateness(), fn, state),
    });
  }

  /** Emits `{ key, windowStart, windowEnd, …answers }` when a window fires. */
  aggregate<A extends AggregationSpec<T>>(spec: A): DataStream<WindowRow<K, A>> {
    requireAggregations(spec, ['key', 'windowStart', 'windowEnd']);
    const { select, window } = this.#origin;
    return this.#operator('window-aggregate', {
      parameters: { ...this.#parameters(), aggregations: describeAggregations(spec) },
      states: [windowedState(window, aggregatedState(spec))],
      create: windowAggregateOperator(select, window, this.#lateness(), spec),
    });
  }

  #lateness(): { allowedLatenessMs: number; lateTag: string | undefined } {
    return { allowedLatenessMs: this.#origin.allowedLatenessMs, lateTag: this.#origin.lateTag };
  }

  #parameters(): NonNullable<NewNode['parameters']> {
    const { window, allowedLatenessMs, lateTag } = this.#origin;
    return { window: { ...window }, allowedLatenessMs, lateTag: lateTag ?? null };
  }

  #operator<O>(
    type: string,
    node: Pick<NewNode, 'parameters' | 'states' | 'create'>,
  ): DataStream<O> {
    const { draft, inputs, lateTag } = this.#origin;
    const added = draft.add({
      ...node,
      kind: 'operator',
      type,
      stateful: true,
      inputs: inputs(),
      tags: lateTag === undefined ? [] : [lateTag],
    });
    return new DataStream(StreamOrigin.ofNode(draft, added));
  }
}
