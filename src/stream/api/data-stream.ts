/** A stream of records while the graph is being drawn. Methods draw; nothing runs here. */

import { HoldfastError } from '../../base/errors.js';
import type { Partition } from '../graph/graph.js';
import type { EdgeDraft, NewNode } from '../graph/graph-draft.js';
import { filterOperator } from '../operators/filter-operator.js';
import { flatMapOperator } from '../operators/flat-map-operator.js';
import { mapOperator } from '../operators/map-operator.js';
import { timestampsOperator } from '../operators/timestamps-operator.js';
import type { Sink } from '../sink.js';
import type { PrintOptions } from './builtin-sinks.js';
import { checkCallback, describeValue, type NotPromise } from './callbacks.js';
import type { Key } from './key-selector.js';
import type { KeyedStream } from './keyed-stream.js';
import { StreamOrigin } from './stream-origin.js';
import { StreamSink } from './stream-sink.js';
import { requireWholeMs } from './windows.js';

export interface TimestampOptions {
  /** How far, in ms, a record may lag behind the latest one before it counts as late. Default 0. */
  readonly outOfOrdernessMs?: number | undefined;
}

/** The type of a stream's records. */
export type RecordOf<S> = S extends DataStream<infer T> ? T : never;

export class DataStream<T> {
  protected readonly origin: StreamOrigin;

  /** @internal Streams come from `env.from` and from other streams. */
  constructor(origin: StreamOrigin) {
    this.origin = origin;
  }

  /**
   * One record in, one record out. `fn` is synchronous.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK (as all methods here
   *   that take a function)
   */
  map<O>(fn: (record: T) => NotPromise<O>): DataStream<O> {
    checkCallback(fn, 'map');
    return this.operator('map', { create: mapOperator(fn) });
  }

  /** Keeps the records for which `fn` says so; a type guard narrows the stream. */
  filter<S extends T>(fn: (record: T) => record is S): DataStream<S>;
  filter(fn: (record: T) => boolean): DataStream<T>;
  filter(fn: (record: T) => boolean): DataStream<T> {
    checkCallback(fn, 'filter');
    return this.operator('filter', { create: filterOperator(fn) });
  }

  /** One record in, any number out: `fn` gives an array or another iterable, e.g. a generator. */
  flatMap<O>(fn: (record: T) => Iterable<O>): DataStream<O> {
    checkCallback(fn, 'flatMap');
    return this.operator('flatMap', { create: flatMapOperator(fn) });
  }

  /**
   * Gives each record its event time (ms since the epoch, a finite number) and makes watermarks from
   * them. Put it as close to the source as possible.
   */
  withTimestamps(fn: (record: T) => number, options: TimestampOptions = {}): DataStream<T> {
    checkCallback(fn, 'withTimestamps');
    const outOfOrdernessMs = options.outOfOrdernessMs ?? 0;
    requireWholeMs('withTimestamps(…, { outOfOrdernessMs })', outOfOrdernessMs, 0);
    return this.operator('timestamps', {
      stateful: true,
      parameters: { outOfOrdernessMs },
      create: timestampsOperator(fn, { outOfOrdernessMs }),
    });
  }

  /**
   * Groups records by key: all records of a key meet in one operator instance, in order. Keys are
   * strings, numbers, bigints, booleans, null, Dates, and tuples of these.
   */
  keyBy<const K extends Key>(fn: (record: T) => K): KeyedStream<T, K> {
    checkCallback(fn, 'keyBy');
    return this.origin.draft.makeKeyed(this.origin, fn);
  }

  /** The records of this stream and of the others, in no particular order among them. */
  union<S extends readonly DataStream<unknown>[]>(
    ...others: S
  ): DataStream<T | RecordOf<S[number]>> {
    const edges = [...this.inputs()];
    for (const other of others) {
      if (!(other instanceof DataStream)) {
        throw new HoldfastError(
          'ERR_HOLDFAST_BAD_OPTION',
          `union(…) needs streams of this job, but was given ${describeValue(other)}.`,
        );
      }
      if (other.origin.draft !== this.origin.draft) {
        throw new HoldfastError(
          'ERR_HOLDFAST_JOB_BUILD',
          'union(…) was given a stream that another call of the build function made. Streams belong ' +
            'to the `env` they came from; keep none in module-level variables.',
        );
      }
      edges.push(...other.inputs());
    }
    return new DataStream(StreamOrigin.ofEdges(this.origin.draft, 'union', edges));
  }

  /** Deals records to the next operator's instances in turn. */
  rebalance(): DataStream<T> {
    return this.#repartition('rebalance');
  }

  /** Gives every record to every instance of the next operator. */
  broadcast(): DataStream<T> {
    return this.#repartition('broadcast');
  }

  /**
   * What the operator just made puts aside under `tag`: late records (`sideOutputLate`), malformed
   * input (a source's `malformed` option). Name the type: `sideOutput<RejectedRecord>('bad')`.
   * @throws HoldfastError ERR_HOLDFAST_JOB_BUILD when that operator has no such side output
   */
  sideOutput<X>(tag: string): DataStream<X> {
    return new DataStream(this.origin.side(tag));
  }

  /** Ends in a sink. */
  sinkTo(sink: Sink<T>): StreamSink {
    if (typeof sink !== 'object' || sink === null || typeof sink.open !== 'function') {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `sinkTo(…) needs a sink such as ndjsonFiles('out'), but was given ${describeValue(sink)}.`,
      );
    }
    return this.#end(sink, sink.stateless !== true);
  }

  /** Ends in rows that `job.collected(name)` and the job's result show; at most 1 000 000. */
  collect(name: string): StreamSink {
    return this.sinkTo(this.origin.draft.sinks.collect(name));
  }

  /** Ends in lines on the console. */
  print(options?: PrintOptions): StreamSink {
    return this.#end(this.origin.draft.sinks.print(options), false);
  }

  /** Names the operator just made: for people, and for its id when it has no uid. */
  name(name: string): this {
    this.origin.draft.label(this.origin.node(), 'name', name);
    return this;
  }

  /** The id under which the operator just made finds its state in checkpoints; unique in the job. */
  uid(uid: string): this {
    this.origin.draft.label(this.origin.node(), 'uid', uid);
    return this;
  }

  /** Instances of the operator just made, at most the job's parallelism, which is the default. */
  parallelism(instances: number): this {
    this.origin.draft.parallelism(this.origin.node(), instances);
    return this;
  }

  /** The edges that the next operator reads. */
  protected inputs(): readonly EdgeDraft[] {
    return this.origin.edges;
  }

  protected operator<O>(type: string, node: Omit<NewNode, 'kind' | 'type'>): DataStream<O> {
    const added = this.origin.draft.add({
      ...node,
      kind: 'operator',
      type,
      inputs: this.inputs(),
    });
    return new DataStream(StreamOrigin.ofNode(this.origin.draft, added));
  }

  #end(sink: Sink<T>, stateful: boolean): StreamSink {
    const node = this.origin.draft.add({
      kind: 'sink',
      type: sink.kind,
      stateful,
      inputs: this.inputs(),
      sink: sink as Sink<unknown>,
    });
    return new StreamSink(this.origin.draft, node);
  }

  #repartition(partition: Partition): DataStream<T> {
    const edges = this.origin.edges.map(({ from, tag }) => ({
      from,
      partition,
      key: undefined,
      tag,
    }));
    return new DataStream(StreamOrigin.ofEdges(this.origin.draft, partition, edges));
  }
}
