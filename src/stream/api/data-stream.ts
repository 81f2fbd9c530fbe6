/**
 * The stream face: what a build function draws with. Methods draw; nothing runs here.
 *
 * A `DataStream` is keyed into a `KeyedStream`, which is divided into a `WindowedStream`, which is folded into a
 * `DataStream` again; two are connected into `ConnectedStreams`, which are processed into one. They name each other,
 * so they share a file: apart they would import each other in a circle.
 */

import { HoldfastError } from '../../base/errors.js';
import { badOption, checkObject } from '../../base/option-checks.js';
import type { DeadLetter, ErrorPolicy } from '../dead-letter.js';
import type { Partition } from '../graph/graph.js';
import type { EdgeDraft, GraphDraft, NewNode } from '../graph/graph-draft.js';
import { requireTimes } from '../graph/require-times.js';
import {
  coGroupNode,
  equalJoinNode,
  intervalJoinNode,
  type JoinNode,
  latestJoinNode,
  lookupNode,
} from '../joins/join-nodes.js';
import type {
  CoGroupOptions,
  IntervalJoinOptions,
  JoinKind,
  JoinLatestOptions,
  JoinOptions,
  LookupOptions,
  WindowJoinOptions,
} from '../joins/join-options.js';
import { asChangelogOperator } from '../operators/as-changelog-operator.js';
import { type AsyncWork, asyncOperator } from '../operators/async-operator.js';
import { changeFilterOperator, changeMapOperator } from '../operators/change-rows-operator.js';
import { ofRow } from '../operators/changes.js';
import { firstSpec, latestSpec } from '../operators/distinct.js';
import { filterOperator } from '../operators/filter-operator.js';
import { flatMapOperator } from '../operators/flat-map-operator.js';
import { keyedAggregateOperator } from '../operators/keyed-aggregate-operator.js';
import { keyedReduceOperator } from '../operators/keyed-reduce-operator.js';
import { mapOperator } from '../operators/map-operator.js';
import { PoolWork } from '../operators/pool-work.js';
import { operatorOf, processOperator } from '../operators/process-operator.js';
import { retractingAggregateSpec } from '../operators/retracting-aggregate.js';
import {
  ALL_WINDOW_FIELDS,
  CHANGE_FIELDS,
  KEYED_FIELDS,
  WINDOW_FIELDS,
} from '../operators/row-shape.js';
import { runningState } from '../operators/running-shape.js';
import { timestampsOperator } from '../operators/timestamps-operator.js';
import { topNSpec } from '../operators/top-n.js';
import { replacedLastOperator, upsertsSpec } from '../operators/upserts.js';
import { windowChangesSpec } from '../operators/window-changes.js';
import {
  aggregateWindows,
  type FoldedWindows,
  processWindows,
  reduceWindows,
  type WindowedInput,
} from '../operators/window-folds.js';
import type { Sink, UpsertSink } from '../sink.js';
import type { Source } from '../source.js';
import type { AllWindowRow, KeyedRow, NoneOf, RowOf } from './aggregate-rows.js';
import {
  type AggregationSpec,
  count,
  describeAggregations,
  max,
  min,
  type NumberSelector,
  requireAggregations,
  sum,
} from './aggregations.js';
import {
  type AsyncCall,
  type AsyncMapOptions,
  checkAsyncMap,
  orderParameter,
} from './async-map.js';
import { BroadcastStream, describeBroadcast, requireBroadcastState } from './broadcast.js';
import type { PrintOptions } from './builtin-sinks.js';
import { checkCallback, describeValue, type NotPromise, requireFunction } from './callbacks.js';
import {
  CHANGES_TAG,
  type Change,
  type ChangeKind,
  distinctPlan,
  type FirstOptions,
  type IfRow,
  type LatestOptions,
  type Ranked,
  requireNoChangeField,
  requireRetractable,
  requireUpserts,
  rowsOfTrigger,
  type TableOptions,
  type TopNOptions,
  type TopNPlan,
  tableKey,
  topNPlan,
} from './changelog.js';
import {
  type BroadcastSpec,
  type ConnectedSide,
  type ConnectSpec,
  connectedInputs,
  type KeyedBroadcastSpec,
  type KeyedConnectSpec,
  requireSameKeying,
} from './connect.js';
import {
  drawn,
  drawnInChain,
  hashed,
  NO_KEY,
  preAggregated,
  processed,
  putsFailedAside,
  ROW_KEY,
  repartitioned,
} from './drawing.js';
import type { Key, KeySelector } from './key-selector.js';
import { checkPoolMap, type PoolMapOptions } from './pool-map.js';
import {
  describeSlots,
  type ElementSpec,
  type ProcessSpec,
  requireProcess,
  type StateSpecs,
  slotsOf,
} from './process.js';
import {
  requireAggregationTimes,
  requireDistinctTimes,
  requireEvictorTimes,
  requireStateTimes,
} from './required-times.js';
import {
  type LateTags,
  type NoTags,
  requireTag,
  type SideOutputSpecs,
  type SideTags,
} from './side-outputs.js';
import { reducedState, type StateVersion } from './state-version.js';
import { StreamOrigin } from './stream-origin.js';
import { StreamSink } from './stream-sink.js';
import { TIMESTAMP_OPTIONS, type TimestampOptions } from './timestamp-options.js';
import {
  type Evictor,
  partialOf,
  requireEvictor,
  requireTrigger,
  type Trigger,
  type TriggerOptions,
} from './triggers.js';
import { requireWindowProcess, type WindowProcessSpec } from './window-process.js';
import {
  type AlignedWindow,
  goesByEventTime,
  isAligned,
  requireWholeMs,
  requireWindow,
  type SessionWindow,
  type WindowDefinition,
} from './windows.js';

/** The type of a stream's records. */
export type RecordOf<S> = S extends DataStream<infer T, infer _> ? T : never;

/** A stream whose operator puts aside the records on which it fails. Only the job knows the type of these. */
export interface WithDeadLetters<Tag extends string> {
  sideOutput(tag: Tag): DataStream<DeadLetter<unknown>>;
  sideOutput<X extends DeadLetter<unknown>>(tag: Tag): DataStream<X>;
}

/**
 * Records of type `T`.
 *
 * @typeParam Tags what the operator that made the stream puts aside: names of side outputs, with the type of
 *   their records
 */
export class DataStream<T, Tags = NoTags> {
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

  /** One record in, any number out: `fn` gives an array or another iterable, e.g. a generator; no text. */
  flatMap<O>(fn: (record: T) => Iterable<O> & object): DataStream<O> {
    checkCallback(fn, 'flatMap');
    return this.operator('flatMap', { create: flatMapOperator(fn) });
  }

  /**
   * One record in, one out, of a promise: for each record `fn` calls a service, say, with up to `capacity` records in
   * flight. Those are part of a checkpoint. After a restart they are called again: each result goes on exactly once, but
   * a call is made at least once, so what it does elsewhere should be keyed by something in the record.
   */
  mapAsync<O>(
    fn: (record: T, call: AsyncCall) => PromiseLike<O>,
    options?: AsyncMapOptions,
  ): DataStream<O> {
    requireFunction(fn, 'mapAsync');
    const settings = checkAsyncMap(options);
    const call = fn as AsyncWork['call'];
    return this.operator('mapAsync', {
      stateful: true,
      parameters: orderParameter(settings),
      create: asyncOperator('mapAsync', () => ({ call }), settings),
    });
  }

  /**
   * One record in, one record out, computed on threads of the operator's own: for each record, a function that the module
   * exports is called there. `url` is that of a local file: `new URL('./hash.ts', import.meta.url)`. The function gets
   * `(record, { attempt, timestamp })` and gives the result or a promise of it. All else is as with `mapAsync`.
   */
  mapOnPool<O>(url: URL | string, options?: PoolMapOptions): DataStream<O> {
    const settings = checkPoolMap(url, options);
    return this.operator('mapOnPool', {
      stateful: true,
      parameters: orderParameter(settings),
      module: settings.url,
      create: asyncOperator('mapOnPool', () => new PoolWork(settings), settings),
    });
  }

  /**
   * Gives each record its event time (ms since the epoch, a finite number) and makes watermarks from
   * them. Put it as close to the source as possible.
   */
  withTimestamps(fn: (record: T) => number, options: TimestampOptions<T> = {}): DataStream<T> {
    checkCallback(fn, 'withTimestamps');
    const given = checkObject('withTimestamps', options, TIMESTAMP_OPTIONS);
    const { watermarks, idleAfterMs, maxFutureMs, maxDriftMs } = given;
    if (watermarks !== undefined) {
      checkCallback(watermarks, 'withTimestamps(…, { watermarks })');
      if (given.outOfOrdernessMs !== undefined) {
        const allowed = 'nothing beside `watermarks`, which says what outOfOrdernessMs would';
        throw badOption('withTimestamps.outOfOrdernessMs', given.outOfOrdernessMs, allowed);
      }
    }
    const outOfOrdernessMs = given.outOfOrdernessMs ?? 0;
    requireWholeMs('withTimestamps(…, { outOfOrdernessMs })', outOfOrdernessMs, 0);
    for (const [name, value] of Object.entries({ idleAfterMs, maxFutureMs, maxDriftMs })) {
      if (value !== undefined) requireWholeMs(`withTimestamps(…, { ${name} })`, value, 1);
    }
    const times = { watermarks, outOfOrdernessMs, idleAfterMs, maxFutureMs, maxDriftMs };
    return this.operator('timestamps', {
      stateful: true,
      parameters: watermarks === undefined ? { outOfOrdernessMs } : { watermarks: 'own' },
      create: timestampsOperator(fn, times),
    });
  }

  /**
   * Groups records by key: all records of a key meet in one operator instance, in order. Keys are
   * strings, numbers, bigints, booleans, null, Dates, and tuples of these.
   */
  keyBy<const K extends Key>(fn: (record: T) => K): KeyedStream<T, K> {
    checkCallback(fn, 'keyBy');
    return new KeyedStream(this.origin, fn);
  }

  /**
   * Keeps one record of each value that `select` gives: the first one that comes (with `ttlMs`: the first one since the
   * last was forgotten).
   */
  distinctBy<const K extends Key>(select: (record: T) => K, options?: FirstOptions): DataStream<T>;
  /** The same, by what decides: the last record, or the first by time. Its row changes, so this is a changelog. */
  distinctBy<R, const K extends Key>(
    this: DataStream<R, unknown>,
    select: (record: R) => K,
    options: LatestOptions<R> & IfRow<R, unknown>,
  ): ChangelogStream<R>;
  distinctBy(select: (record: T) => Key, options?: unknown): unknown {
    checkCallback(select, 'distinctBy');
    const plan = distinctPlan(options);
    requireDistinctTimes(plan, this.origin.edges);
    const key = this.within(select);
    if (plan.keep === 'first' && plan.by.length === 0) {
      return new DataStream(processed(this.origin, 'first', key, firstSpec(plan)));
    }
    const { keep } = plan;
    return new ChangelogStream(processed(this.origin, 'distinct', key, latestSpec(plan), { keep }));
  }

  /**
   * Takes records that are changes already: their own field `change` tells of what kind. A `-U` and a `+U` go on as
   * `-D` and `+I`, because nobody knows whether they stand side by side. All changes of a row have to come in their
   * order, from one split of a source.
   * @throws HoldfastError ERR_HOLDFAST_JOB_BUILD, when the job is planned, behind `rebalance`, `broadcast`, changes of
   *   parallelism, and what waits for promises with `ordered: false`, which keep no order
   */
  asChangelog<R extends { readonly change: ChangeKind }>(
    this: DataStream<R, unknown>,
  ): ChangelogStream<Omit<R, 'change'>>;
  /** The same, where `kindOf` tells of what kind: `() => '+I'` for records that are all new rows. */
  asChangelog<R>(
    this: DataStream<R, unknown>,
    kindOf: ((record: R) => ChangeKind) & IfRow<R, unknown>,
  ): ChangelogStream<R>;
  asChangelog(kindOf?: (record: T) => ChangeKind): unknown {
    if (kindOf !== undefined) checkCallback(kindOf, 'asChangelog');
    const inputs = this.inputs();
    return new ChangelogStream(
      drawn(this.origin.draft, {
        type: 'changelog',
        inputs,
        create: asChangelogOperator(kindOf),
        // As many instances as what it reads has, so that the changes keep their order.
        inChain: inputs.length === 1 && inputs[0]!.partition === 'forward',
      }),
    );
  }

  /**
   * Cuts all records together into windows of event time. The operator that follows has one instance, whatever
   * the parallelism: fold what can be folded by key before.
   */
  windowAll(window: AlignedWindow): AllWindowedStream<T> {
    requireWindow(window, 'windowAll(window)');
    const { kind } = window as WindowDefinition;
    if (!isAligned(window)) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `windowAll(…) takes windows that are the same for all keys, and sessions and the like ('${kind}') are each key's ` +
          "own. For those of all records together give them one key: keyBy(() => 'all').window(…).",
      );
    }
    return new AllWindowedStream(
      new WindowedStream({
        draft: this.origin.draft,
        inputs: () => this.origin.edges,
        key: NO_KEY,
        window,
        allowedLatenessMs: 0,
        lateTag: undefined,
        trigger: undefined,
        evictor: undefined,
        isAll: true,
        preAggregates: false,
      }),
    );
  }

  /** The records of this stream and of the others, in no particular order among them. */
  union<S extends readonly DataStream<unknown>[]>(
    ...others: S
  ): DataStream<T | RecordOf<S[number]>> {
    const edges = [...this.inputs()];
    for (const other of others) {
      this.#requireOwn(other, 'union');
      edges.push(...other.inputs());
    }
    return new DataStream(StreamOrigin.ofEdges(this.origin.draft, 'union', edges));
  }

  /**
   * Calls `onElement` for each record, which emits any number, also to side outputs. State and timers are of a key: see
   * `process` behind `keyBy`. Write the type of what is emitted where it differs from the records':
   * `out: Output<Alert>`.
   */
  process<O = T, P extends SideOutputSpecs = NoTags>(
    spec: ElementSpec<T, O, P>,
  ): DataStream<O, SideTags<P>> {
    requireProcess(spec, ['onElement'], false);
    return this.operator('process', {
      tags: Object.keys(spec.sideOutputs ?? {}),
      create: processOperator(undefined, spec),
    });
  }

  /**
   * This stream (the left one) and another (the right one), for an operator that takes records of both and knows which
   * of them each is. A stream may be connected to itself. To a stream with broadcast state, `rules.broadcast(state)`,
   * any stream may be connected.
   * @throws HoldfastError ERR_HOLDFAST_JOB_BUILD for a stream of another job, or when one of the two is keyed and the
   *   other is not
   */
  connect<R, B extends StateSpecs>(
    other: BroadcastStream<R, B>,
  ): BroadcastConnectedStreams<T, R, B>;
  connect<R>(other: DataStream<R>): ConnectedStreams<T, R>;
  connect(other: unknown): unknown {
    if (other instanceof BroadcastStream) {
      this.#requireDraft(other.origin, 'connect');
      const { origin, state } = other;
      const edges = repartitioned(origin, 'broadcast');
      return new Connection(this.origin.draft, this.side(), { edges, select: undefined }, state);
    }
    return new Connection(this.origin.draft, ...this.sides(other, 'connect'));
  }

  /**
   * Joins each record with the rows of a table that have its key. The table is a bounded source, which every instance
   * reads to the end before it takes the first record, so the answer is the same on every run; it is kept in
   * checkpoints, so it is the same after a restart.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK
   */
  lookup<R, const K extends Key, O, const J extends 'inner' | 'left' = 'inner'>(
    table: Source<R>,
    options: LookupOptions<T, R, K, J, O>,
  ): DataStream<O> {
    return this.operator('lookup', lookupNode(table, options));
  }

  /** Deals records to the next operator's instances in turn. */
  rebalance(): DataStream<T> {
    return this.#repartition('rebalance');
  }

  /** Gives every record to every instance of the next operator. */
  broadcast(): DataStream<T>;
  /**
   * A stream that writes state which every instance of an operator has: `stream.connect(rules.broadcast({ rules:
   * map<string, Rule>() })).process(…)`.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
   */
  broadcast<B extends StateSpecs>(state: B): BroadcastStream<T, B>;
  broadcast(state?: unknown): unknown {
    if (state === undefined) return this.#repartition('broadcast');
    requireBroadcastState(state);
    return new BroadcastStream(this.origin, state);
  }

  /**
   * What the operator just made puts aside under `tag`: late records (`sideOutputLate`), malformed
   * input (a source's `malformed` option), records on which it failed (`onError`), what `process` declares as
   * `sideOutputs`. The stream's type knows the names and the records; of a source's
   * it knows the records alone.
   * @throws HoldfastError ERR_HOLDFAST_JOB_BUILD when that operator has no such side output
   */
  sideOutput<N extends keyof Tags & string>(tag: N): DataStream<Tags[N]>;
  /** The caller tells the type of the records, which must be true of them. */
  sideOutput<X>(
    tag: { [N in keyof Tags]: Tags[N] extends X ? N : never }[keyof Tags] & string,
  ): DataStream<X>;
  sideOutput(tag: string): DataStream<unknown> {
    return new DataStream(this.origin.side(tag));
  }

  /** Ends in a sink. */
  sinkTo(sink: Sink<T>, ...more: readonly never[]): StreamSink<never> {
    if (more.length > 0) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        'sinkTo(sink, { key }) keeps the table of a changelog, and this is a stream of plain records. Leave the options ' +
          "out, or make a changelog of it: .distinctBy((record) => record.id, { keep: 'last' }).",
      );
    }
    if (typeof sink !== 'object' || sink === null || typeof sink.open !== 'function') {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `sinkTo(…) needs a sink such as ndjsonFiles('out'), but was given ${describeValue(sink)}.`,
      );
    }
    return this.#end(sink, sink.stateless !== true);
  }

  /** Ends in rows that `job.collected(name)` and the job's result show; at most 1 000 000. */
  collect<const N extends string>(name: N): StreamSink<{ readonly [K in N]: T }> {
    return this.sinkTo(this.origin.draft.sinks.collect(name));
  }

  /** Ends in lines on the console. */
  print(options?: PrintOptions): StreamSink<never> {
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

  /**
   * What happens to a record on which the callbacks of the operator just made throw. `'fail'`, the default: the
   * job fails and restarts. `'drop'`: the record is left out and counted (`deadLetters` in the metrics). With
   * `{ sideOutput: tag }` it is counted, and read as a `DeadLetter` with `.sideOutput(tag)`; name the type
   * of its records if it matters: `.sideOutput<DeadLetter<Order>>(tag)`. What the operator would have emitted
   * and changed for the record is undone. After `keyBy`, give the policy to the operator that
   * follows: the key selector belongs to that operator.
   */
  onError(policy: 'fail' | 'drop'): this;
  onError<const L extends string>(
    policy: Readonly<Record<'sideOutput', L>>,
  ): this & WithDeadLetters<L>;
  onError(policy: ErrorPolicy): this & WithDeadLetters<string>;
  onError(policy: ErrorPolicy): unknown {
    this.origin.draft.onError(this.origin.node(), policy);
    return this;
  }

  /** The edges that the next operator reads. */
  protected inputs(): readonly EdgeDraft[] {
    return this.origin.edges;
  }

  /** The key of records that `select` tells apart. */
  protected within(select: KeySelector): KeySelector {
    return select;
  }

  /** This stream as one of two that are connected. */
  protected side(): ConnectedSide {
    return { edges: this.inputs(), select: undefined };
  }

  /** This stream and another one, which is keyed if and only if this one is. */
  protected sides(other: unknown, method: string): readonly [ConnectedSide, ConnectedSide] {
    this.#requireOwn(other, method);
    const [left, right] = [this.side(), other.side()];
    requireSameKeying(left, right, method);
    return [left, right];
  }

  protected operator<O, X = NoTags>(
    type: string,
    node: Omit<NewNode, 'kind' | 'type'>,
  ): DataStream<O, X> {
    return new DataStream(drawn(this.origin.draft, { ...node, type, inputs: this.inputs() }));
  }

  #requireOwn(other: unknown, method: string): asserts other is DataStream<unknown> {
    if (!(other instanceof DataStream)) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `${method}(…) needs streams of this job, but was given ${describeValue(other)}.${asRecordsHint(other)}`,
      );
    }
    this.#requireDraft(other.origin, method);
  }

  #requireDraft({ draft }: StreamOrigin, method: string): void {
    if (draft === this.origin.draft) return;
    throw new HoldfastError(
      'ERR_HOLDFAST_JOB_BUILD',
      `${method}(…) was given a stream that another call of the build function made. Streams belong ` +
        'to the `env` they came from; keep none in module-level variables.',
    );
  }

  #end(sink: Sink<T>, stateful: boolean): StreamSink<never> {
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
    const edges = repartitioned(this.origin, partition);
    return new DataStream(StreamOrigin.ofEdges(this.origin.draft, partition, edges));
  }
}

/** A stream grouped by key: state per key, windows, and all that a `DataStream` can do. */
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
   * Folds the records of a key into one, and emits it for each record; the first one as it is, without `fn`.
   *
   * `reduced` is the key's result so far: a copy that nobody else holds, which `fn` may change and give back.
   * What it gives is emitted, and a copy of it kept. (With `records: 'trusted'` nothing is copied, and it
   * must change neither; with `'frozen'` it cannot.) When it throws, the job goes back to its last checkpoint,
   * or, with `onError`, the key to its result of before.
   * @param state a version and a migration, for when former results do not fit any more
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

  /** Emits, for each record, the row `{ key, …answers }` of its key so far. `toChangelog` says what it replaces. */
  aggregate<A extends AggregationSpec<T>>(
    spec: A & NoneOf<'key'>,
  ): AggregatedStream<KeyedRow<K, A>> {
    requireAggregations(spec, KEYED_FIELDS);
    return new AggregatedStream(this.#folded('aggregate', spec, 'row'), aggregateChanges);
  }

  /**
   * The first `n` records of each key in an order that `by` gives, the greatest ahead, as a changelog: a record that
   * enters is `+I`, one that leaves `-D`; with `rank`, a rank that gets another record is `-U`, `+U`.
   */
  topN<R, const Rank extends string = never>(
    this: KeyedStream<R, unknown>,
    n: number,
    options: TopNOptions<R, Rank> & IfRow<R, unknown>,
  ): ChangelogStream<Ranked<R, Rank>>;
  topN(n: number, options: unknown): unknown {
    const plan = topNPlan(n, options);
    return new ChangelogStream(
      processed(this.origin, 'top-n', this.#select, topNSpec(plan, 'rows'), topNParameters(plan)),
    );
  }

  /**
   * Calls `onElement` for each record, with state of the record's key, and `onTimer` when a timer's time has come.
   * Write the type of what is emitted where it differs from the records': `out: Output<Alert>`.
   */
  override process<
    S extends StateSpecs = Readonly<Record<never, never>>,
    O = T,
    P extends SideOutputSpecs = NoTags,
  >(spec: ProcessSpec<T, K, S, O, P>): DataStream<O, SideTags<P>> {
    requireProcess(spec, ['onElement'], true);
    requireStateTimes(spec.state, this.origin.edges);
    return this.operator('process', {
      stateful: true,
      states: [describeSlots(slotsOf(spec))],
      tags: Object.keys(spec.sideOutputs ?? {}),
      create: processOperator(this.#select, spec),
    });
  }

  /**
   * Cuts the records of each key into windows. Those of event time need `withTimestamps` upstream; windows of a number of
   * records, of the clock, and the global one do not.
   */
  window<W extends WindowDefinition>(window: W): WindowedStream<T, K, never, W> {
    requireWindow(window, 'window(window)');
    return new WindowedStream({
      draft: this.origin.draft,
      inputs: () => this.origin.edges,
      key: this.#select,
      window,
      allowedLatenessMs: 0,
      lateTag: undefined,
      isAll: false,
      trigger: undefined,
      evictor: undefined,
      preAggregates: false,
    });
  }

  /**
   * This stream and another that has keys of the same type: records of one key meet in one instance, whichever stream
   * they are of. The callbacks get the key as `ctx.key`, and share its state. Or this stream and one with broadcast
   * state.
   * @throws HoldfastError ERR_HOLDFAST_JOB_BUILD for a stream of another job, or one that is not keyed
   */
  override connect<R, B extends StateSpecs>(
    other: BroadcastStream<R, B>,
  ): KeyedBroadcastConnectedStreams<T, R, K, B>;
  override connect<R>(other: KeyedStream<R, K>): KeyedConnectedStreams<T, R, K>;
  override connect(other: never): unknown {
    return super.connect(other);
  }

  /**
   * Joins rows of one key whose times are near: `lowerMs ≤ right − left ≤ upperMs`. A pair is emitted as soon as both rows
   * are there, with the greater of their times; a row without a partner, if `kind` asks for it, when none can come
   * any more. Rows that are late are counted, or go to side outputs.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION; ERR_HOLDFAST_NO_TIMESTAMP, ERR_HOLDFAST_JOB_BUILD for streams that
   *   cannot be joined so (as all joins)
   */
  intervalJoin<
    R,
    O,
    const J extends JoinKind = 'inner',
    const LT extends string = never,
    const RT extends string = never,
  >(
    other: KeyedStream<R, K>,
    options: IntervalJoinOptions<T, R, K, J, O, LT, RT>,
  ): DataStream<O, LateTags<T, LT> & LateTags<R, RT>> {
    return this.#join(other, intervalJoinNode(options));
  }

  /** Joins rows of one key and window, at the window's end. */
  join<
    R,
    O,
    const J extends JoinKind = 'inner',
    const LT extends string = never,
    const RT extends string = never,
  >(
    other: KeyedStream<R, K>,
    options: WindowJoinOptions<T, R, K, J, O, LT, RT>,
  ): DataStream<O, LateTags<T, LT> & LateTags<R, RT>>;
  /**
   * Joins rows of one key: all of them, for which all are kept for good, or those whose times are less than `ttlMs`
   * apart. A pair is emitted as soon as both rows are there.
   */
  join<R, O>(other: KeyedStream<R, K>, options: JoinOptions<T, R, K, O>): DataStream<O>;
  join(other: unknown, options: unknown): unknown {
    return this.#join(other, equalJoinNode(options));
  }

  /** Makes one row of all that the two streams have of a key in a window, at its end. */
  coGroup<R, O, const LT extends string = never, const RT extends string = never>(
    other: KeyedStream<R, K>,
    options: CoGroupOptions<T, R, K, O, LT, RT>,
  ): DataStream<O, LateTags<T, LT> & LateTags<R, RT>> {
    return this.#join(other, coGroupNode(options));
  }

  /**
   * Joins each row with the version of its key that was in force at its time: the record of `versions` with the last
   * time up to it. The row is emitted when event time has come to it. Of a changelog it is the row that was there then: one
   * that was taken back is no version from that time on.
   * @throws HoldfastError ERR_HOLDFAST_CHANGELOG, as a failure of the job, when a row is taken back that was never there
   */
  joinLatest<R, O, const J extends 'inner' | 'left' = 'inner', const LT extends string = never>(
    versions: KeyedStream<R, K> | KeyedChangelog<R, K>,
    options: JoinLatestOptions<T, R, K, J, O, LT>,
  ): DataStream<O, LateTags<T, LT>> {
    return versions instanceof KeyedChangelog
      ? this.#join(versions.asRecords(), latestJoinNode(options, 'changes'))
      : this.#join(versions, latestJoinNode(options, 'versions'));
  }

  #join<O, X>(other: unknown, { method, needsTimes, node }: JoinNode): DataStream<O, X> {
    const [left, right] = this.sides(other, method);
    if (needsTimes) {
      requireTimes(`${method}(…)`, 'left stream', left.edges);
      requireTimes(`${method}(…)`, 'right stream', right.edges);
    }
    const { type, ...parts } = node([
      { name: 'onLeft', key: left.select },
      { name: 'onRight', key: right.select },
    ]);
    const inputs = connectedInputs(left.edges, right.edges);
    return new DataStream(drawn(this.origin.draft, { ...parts, type, stateful: true, inputs }));
  }

  protected override side(): ConnectedSide {
    return { edges: this.inputs(), select: this.#select };
  }

  protected override inputs(): readonly EdgeDraft[] {
    return hashed(this.origin.edges, this.#select);
  }

  protected override within(select: KeySelector): KeySelector {
    const key = this.#select as (record: unknown) => unknown;
    const other = select as (record: unknown) => unknown;
    return ((record: unknown) => [key(record), other(record)]) as KeySelector;
  }

  #value<R>(type: string, aggregation: AggregationSpec<T>[string]): DataStream<R> {
    return new DataStream(this.#folded(type, { value: aggregation }, 'value'));
  }

  #folded(type: string, spec: AggregationSpec<T>, emits: 'row' | 'value'): StreamOrigin {
    requireAggregationTimes(spec, this.origin.edges);
    return drawn(this.origin.draft, {
      type,
      inputs: this.inputs(),
      stateful: true,
      parameters: { aggregations: describeAggregations(spec) },
      states: [runningState(spec)],
      create: keyedAggregateOperator(this.#select, spec, emits),
    });
  }
}

/**
 * Rows that replace each other: that of a key's next record replaces that of the one before, and a window that fires
 * again replaces what it has emitted.
 */
export class AggregatedStream<T, Tags = NoTags> extends DataStream<T, Tags> {
  readonly #changes: (rows: StreamOrigin) => StreamOrigin;

  /** @internal */
  constructor(origin: StreamOrigin, changes: (rows: StreamOrigin) => StreamOrigin) {
    super(origin);
    this.#changes = changes;
  }

  /**
   * The same rows, with what becomes of them: one that replaces none is `+I`, each other is `+U` behind the one that it
   * replaces, `-U`. What leaves the row as it was emits nothing. A session that others have become part of is `+I` behind
   * these, which are `-D`. State is that of the aggregate; but an operator that reads the changelog has to begin together
   * with it (docs/changelogs.md, *Changing a job with a changelog*).
   */
  toChangelog<R>(this: AggregatedStream<R, unknown>): IfRow<R, ChangelogStream<R>>;
  toChangelog(): unknown {
    requireNoChangeField(this.origin.node().parameters?.['aggregations']);
    return new ChangelogStream(this.#changes(this.origin));
  }
}

/** What becomes of the rows of a keyed aggregate: it tells. */
function aggregateChanges({ draft, edges }: StreamOrigin): StreamOrigin {
  const { from } = edges[0]!;
  draft.tellChanges(from);
  return StreamOrigin.ofNode(draft, from, CHANGES_TAG);
}

/**
 * Rows of type `T` that also say when they are replaced or gone. As a record each has one more field, `change`; callbacks
 * are given the row without it, and have to answer alike for equal rows, since a row is taken back as it came.
 */
export class ChangelogStream<T> {
  readonly #origin: StreamOrigin;

  /** @internal */
  constructor(origin: StreamOrigin) {
    this.#origin = origin;
  }

  /** One row for each row: an object without a field `change`. `fn` is synchronous. */
  map<O>(fn: (row: T) => NotPromise<O> & IfRow<O, unknown>): ChangelogStream<O> {
    checkCallback(fn, 'map');
    return this.#inChain('map-changes', changeMapOperator(fn));
  }

  /**
   * Keeps the rows for which `fn` says so. Where a row passes and the one that it replaces does not, it is `+I`; the
   * other way round `-D`. What takes back a row that did not pass does not pass either.
   */
  filter<S extends T>(fn: (row: T) => row is S): ChangelogStream<S>;
  filter(fn: (row: T) => boolean): ChangelogStream<T>;
  filter(fn: (row: T) => boolean): ChangelogStream<T> {
    checkCallback(fn, 'filter');
    return this.#inChain('filter-changes', changeFilterOperator(fn));
  }

  /** Groups rows by key. A row whose replacement has another key leaves its group, and the other one enters its own. */
  keyBy<const K extends Key>(fn: (row: T) => K): KeyedChangelog<T, K> {
    checkCallback(fn, 'keyBy');
    return new KeyedChangelog(this.#origin, ofRow(fn) as KeySelector);
  }

  /**
   * Ends in a table that `job.collected(name)` and the job's result show: the newest row under each key, as of the newest
   * completed checkpoint; at most 1 000 000 rows. One instance keeps it.
   */
  collectTable<const K extends Key, const N extends string>(
    name: N,
    options: TableOptions<T, K>,
  ): StreamSink<{ readonly [M in N]: T }> {
    const sink = this.#upsert(this.#origin.draft.sinks.collectTable(name), options);
    return sink.parallelism(1);
  }

  /**
   * Ends in a sink that keeps a table: it gets `{ key, row }` for each change of what is under a key, and null for the
   * row when there is none any more.
   * @throws HoldfastError ERR_HOLDFAST_CANNOT_RETRACT for a sink that can only add
   */
  sinkTo<const K extends Key>(
    sink: UpsertSink<T, K>,
    options: TableOptions<T, K>,
  ): StreamSink<never> {
    requireUpserts(sink);
    return this.#upsert(sink, options);
  }

  /** The changes as plain records, with their field `change`: to be written as they are, say. */
  asRecords(): DataStream<Change<T>> {
    return new DataStream(this.#origin);
  }

  /** As of a `DataStream`. */
  name(name: string): this {
    this.asRecords().name(name);
    return this;
  }

  /** As of a `DataStream`. */
  uid(uid: string): this {
    this.asRecords().uid(uid);
    return this;
  }

  /** As of a `DataStream`. `map` and `filter` have the parallelism of the operator that makes their rows. */
  parallelism(instances: number): this {
    this.asRecords().parallelism(instances);
    return this;
  }

  /** As of a `DataStream`. A row on which a callback fails is put aside when it comes, and when it is taken back. */
  onError(policy: 'fail' | 'drop'): this;
  onError<const L extends string>(
    policy: Readonly<Record<'sideOutput', L>>,
  ): this & WithDeadLetters<L>;
  onError(policy: ErrorPolicy): unknown {
    this.#origin.draft.onError(this.#origin.node(), policy);
    return this;
  }

  /** As of a `DataStream`: what `onError({ sideOutput })` has put aside. */
  sideOutput(tag: never): DataStream<unknown> {
    return new DataStream(this.#origin.side(tag));
  }

  #upsert(sink: Sink<never>, options: unknown): StreamSink<never> {
    const { draft } = this.#origin;
    const key = ofRow(tableKey(options)) as KeySelector;
    const swapped = drawnInChain(this.#origin, 'replaced-last', replacedLastOperator);
    const table = processed(swapped, 'table', key, upsertsSpec);
    const node = draft.add({
      kind: 'sink',
      type: sink.kind,
      stateful: sink.stateless !== true,
      inputs: hashed(table.edges, ROW_KEY),
      sink: sink as Sink<unknown>,
    });
    return new StreamSink(draft, node);
  }

  #inChain<O>(type: string, create: NewNode['create']): ChangelogStream<O> {
    return new ChangelogStream(drawnInChain(this.#origin, type, create));
  }
}

/** A changelog grouped by key. */
export class KeyedChangelog<T, K> {
  readonly #origin: StreamOrigin;
  readonly #select: KeySelector;

  /** @internal */
  constructor(origin: StreamOrigin, select: KeySelector) {
    this.#origin = origin;
    this.#select = select;
  }

  /** The changes as plain records, as of a `ChangelogStream`, grouped by the same key. */
  asRecords(): KeyedStream<Change<T>, K> {
    return new KeyedStream(this.#origin, this.#select as never);
  }

  /**
   * The row `{ key, …answers }` over the rows that each key has: a row that is replaced or gone counts no longer. A key
   * without rows has none (`-D`). Sums are exact, and refused where they cannot be shown (ERR_HOLDFAST_INEXACT_SUM).
   * @throws HoldfastError ERR_HOLDFAST_CANNOT_RETRACT for an aggregation that can only add
   */
  aggregate<A extends AggregationSpec<T>>(
    spec: A & NoneOf<'key' | 'change'>,
  ): ChangelogStream<KeyedRow<K, A>> {
    requireAggregations(spec, CHANGE_FIELDS);
    requireRetractable(spec);
    const aggregations = describeAggregations(spec);
    return new ChangelogStream(
      processed(this.#origin, 'aggregate-changes', this.#select, retractingAggregateSpec(spec), {
        aggregations,
      }),
    );
  }

  /** As of a `KeyedStream`, over the rows that each key has. All of them are kept. */
  topN<const Rank extends string = never>(
    n: number,
    options: TopNOptions<T, Rank>,
  ): ChangelogStream<Ranked<T, Rank>> {
    const plan = topNPlan(n, options);
    const spec = topNSpec(plan, 'changes');
    return new ChangelogStream(
      processed(this.#origin, 'top-n-changes', this.#select, spec, topNParameters(plan)),
    );
  }
}

/** What to do with a changelog where a stream of plain records is wanted. */
function asRecordsHint(given: unknown): string {
  const isChangelog = given instanceof ChangelogStream || given instanceof KeyedChangelog;
  return isChangelog
    ? " Its changes as plain records, with a field 'change', are .asRecords() of a changelog."
    : '';
}

function topNParameters({ n, rank, state }: TopNPlan): NewNode['parameters'] {
  return { n, rank: rank ?? null, version: state.version ?? 1 };
}

/** Two streams, for one operator. @typeParam L records of the left one @typeParam R records of the right one */
export interface ConnectedStreams<L, R> {
  /**
   * Calls `onLeft` or `onRight` with each record, one at a time; what they emit is the stream. Records of one stream
   * keep their order. Between the streams there is none: whichever record comes first is processed first. Name the
   * type of what is emitted where the callbacks take it: `onLeft(order, ctx, out: Output<Row>)`.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK
   */
  process<O = L | R, P extends SideOutputSpecs = NoTags>(
    spec: ConnectSpec<L, R, O, P>,
  ): DataStream<O, SideTags<P>>;
}

/** Two keyed streams, for one operator with state and timers for each key. @typeParam K keys */
export interface KeyedConnectedStreams<L, R, K> {
  /** As of `ConnectedStreams`; `onLeft` and `onRight` share the states of their key, and `onTimer` has them as well. */
  process<
    S extends StateSpecs = Readonly<Record<never, never>>,
    O = L | R,
    P extends SideOutputSpecs = NoTags,
  >(spec: KeyedConnectSpec<L, R, K, S, O, P>): DataStream<O, SideTags<P>>;
}

/** A stream, and one that writes broadcast state. @typeParam B the states */
export interface BroadcastConnectedStreams<L, R, B> {
  /** As of `ConnectedStreams`; `onRight` writes `ctx.broadcast`, on every instance, and `onLeft` reads it. */
  process<O = L, P extends SideOutputSpecs = NoTags>(
    spec: BroadcastSpec<L, R, B, O, P>,
  ): DataStream<O, SideTags<P>>;
}

/** A keyed stream, and one that writes broadcast state. */
export interface KeyedBroadcastConnectedStreams<L, R, K, B> {
  /** As of `BroadcastConnectedStreams`; `onLeft` and `onTimer` have the states of their key as well. */
  process<
    S extends StateSpecs = Readonly<Record<never, never>>,
    O = L,
    P extends SideOutputSpecs = NoTags,
  >(spec: KeyedBroadcastSpec<L, R, K, S, B, O, P>): DataStream<O, SideTags<P>>;
}

/** Connected streams of any kind: the types of the four tell what a spec may have. */
class Connection {
  readonly #draft: GraphDraft;
  readonly #left: ConnectedSide;
  readonly #right: ConnectedSide;
  readonly #broadcast: StateSpecs | undefined;

  /** @param broadcast the states that the right stream writes */
  constructor(
    draft: GraphDraft,
    left: ConnectedSide,
    right: ConnectedSide,
    broadcast?: StateSpecs,
  ) {
    this.#draft = draft;
    this.#left = left;
    this.#right = right;
    this.#broadcast = broadcast;
  }

  process(spec: unknown): DataStream<unknown> {
    const [left, right, broadcast] = [this.#left, this.#right, this.#broadcast];
    requireProcess(spec, ['onLeft', 'onRight'], left.select !== undefined);
    const slots = slotsOf(spec);
    const states = [
      ...(slots.length === 0 ? [] : [describeSlots(slots)]),
      ...(broadcast === undefined ? [] : [describeBroadcast(broadcast)]),
    ];
    return new DataStream(
      drawn(this.#draft, {
        type: 'connect',
        stateful: states.length > 0,
        states,
        inputs: connectedInputs(left.edges, right.edges),
        tags: Object.keys(spec.sideOutputs ?? {}),
        create: operatorOf(spec, {
          inputs: [
            { name: 'onLeft', key: left.select },
            { name: 'onRight', key: right.select },
          ],
          broadcast,
        }),
      }),
    );
  }
}

interface WindowedOrigin extends WindowedInput {
  readonly draft: GraphDraft;
  /** What is to be divided, before it is keyed. */
  readonly inputs: () => readonly EdgeDraft[];
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION for a window that has been given another one already */
function refuseSecond(option: string, first: unknown, second: unknown): void {
  if (first === undefined || first === second) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${option} was given twice for one window: ${describeValue(first)}, then ${describeValue(second)}. Give it once.`,
  );
}

/** A keyed stream divided into windows: says what to do with late records, then how to fold a window. */
export class WindowedStream<
  T,
  K,
  Late extends string = never,
  W extends WindowDefinition = WindowDefinition,
> {
  readonly #origin: WindowedOrigin;

  /** @internal */
  constructor(origin: WindowedOrigin) {
    this.#origin = origin;
  }

  /**
   * Keeps a window for `ms` of event time after its end: each late record within that time fires it
   * again. Default 0.
   */
  allowedLateness(ms: number): WindowedStream<T, K, Late, W> {
    requireWholeMs('allowedLateness(ms)', ms, 0);
    refuseSecond('allowedLateness(ms)', this.#origin.allowedLatenessMs || undefined, ms);
    return new WindowedStream({ ...this.#origin, allowedLatenessMs: ms });
  }

  /**
   * Sends records that came too late to the side output `tag` of the folded stream, instead of only
   * counting them (`lateRecords` in the metrics). Read it there with `.sideOutput(tag)`.
   */
  sideOutputLate<const L extends string>(tag: L): WindowedStream<T, K, L, W> {
    requireTag('sideOutputLate(tag)', tag);
    refuseSecond('sideOutputLate(tag)', this.#origin.lateTag, tag);
    return new WindowedStream({ ...this.#origin, lateTag: tag });
  }

  /**
   * Says when a window fires, in the place of its end: `eventTimeTrigger({ earlyMs })`, `countTrigger(n)`, or one of your
   * own. With a trigger a window is kept by key: it costs more, and, where windows overlap, once for each of them.
   * @param options `{ partial: 'emit' }`: a window that is over fires once more with what the trigger has left
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION; from the fold, for windows that take none
   */
  trigger<S>(trigger: Trigger<T, S>, options: TriggerOptions = {}): WindowedStream<T, K, Late, W> {
    requireTrigger(trigger, 'trigger(…)');
    refuseSecond('trigger(…)', this.#origin.trigger, trigger);
    const partial = partialOf(options);
    return new WindowedStream({ ...this.#origin, trigger: trigger as Trigger<never>, partial });
  }

  /**
   * Says which records a window keeps, each time before it fires: `countEvictor(n)`, `timeEvictor(ms)`, or one of your own.
   * The window holds its records then, whatever is made of them.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION; from the fold, for windows that take none
   */
  evictor(evictor: Evictor<T>): WindowedStream<T, K, Late, W> {
    requireEvictor(evictor);
    refuseSecond('evictor(…)', this.#origin.evictor, evictor);
    return new WindowedStream({ ...this.#origin, evictor });
  }

  /**
   * Aggregates in two phases: each instance puts together what it has of a key and slice of time, and sends that instead of
   * the records. It pays where keys have many records each, and most where few keys have them all. What is aggregated has
   * to have a `merge`. Of two instances nobody's records are the later ones, so what the order of records decides (the
   * first of equal ones, say) is as with records of several splits. It keeps no state, so a job may take it up or leave it.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, from the fold, for windows that are not the same for all keys, and
   *   together with a trigger, an evictor or `sideOutputLate`
   */
  preAggregate(): WindowedStream<T, K, Late, W> {
    return new WindowedStream({ ...this.#origin, preAggregates: true });
  }

  /**
   * Calls `onWindow` with all records of a window when it fires; what it emits is the stream. The window holds its records,
   * so prefer `aggregate` where it will do. Write the type of what is emitted where it differs from the records':
   * `out: Output<Row>`.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK
   */
  process<O = T>(spec: WindowProcessSpec<T, K, O>): DataStream<O, LateTags<T, Late>> {
    requireWindowProcess(spec);
    return new DataStream(this.#operator('window-process', {}, processWindows(this.#origin, spec)));
  }

  /** Folds the records of a window into one, emitted when the window fires. `fn` may change `reduced` and give it back. */
  reduce(
    fn: (reduced: T, record: T) => T,
    state: StateVersion<T> = {},
  ): DataStream<T, LateTags<T, Late>> {
    checkCallback(fn, 'reduce');
    const { parameters } = reducedState(state);
    return new DataStream(
      this.#operator('window-reduce', parameters, reduceWindows(this.#origin, fn, state)),
    );
  }

  /** Emits `{ key, windowStart, windowEnd, …answers }` when a window fires; of a number of records, `{ key, …answers }`. */
  aggregate<A extends AggregationSpec<T>>(
    spec: A &
      NoneOf<'key' | 'windowStart' | 'windowEnd' | (W extends SessionWindow ? 'replaces' : never)>,
  ): AggregatedStream<RowOf<W, K, A>, LateTags<T, Late>> {
    const { window, isAll, allowedLatenessMs, trigger } = this.#origin;
    const isSession = window.kind === 'session';
    const fields = isAll ? ALL_WINDOW_FIELDS : WINDOW_FIELDS;
    requireAggregations(spec, isSession ? [...fields, 'replaces'] : fields);
    requireAggregationTimes(spec, this.#origin.inputs());
    const parameters = { aggregations: describeAggregations(spec) };
    const rows = this.#operator(
      'window-aggregate',
      parameters,
      aggregateWindows(this.#origin, spec),
    );
    return new AggregatedStream(rows, (origin) => {
      if (trigger !== undefined) throw rowsOfTrigger();
      const changes = windowChangesSpec(allowedLatenessMs, isSession ? 0 : -1);
      const key = isAll ? NO_KEY : ROW_KEY;
      return processed(origin, 'window-changes', key, changes, undefined, true);
    });
  }

  #parameters(): NonNullable<NewNode['parameters']> {
    const { window, allowedLatenessMs, lateTag, trigger, partial, evictor } = this.#origin;
    return {
      window: { ...window },
      allowedLatenessMs,
      lateTag: lateTag ?? null,
      // Only where there is one: graphs without keep their hash.
      ...(trigger === undefined ? {} : { trigger: trigger.name ?? 'own' }),
      ...(partial === undefined ? {} : { partial }),
      ...(evictor === undefined ? {} : { evictor: true }),
    };
  }

  #operator(
    type: string,
    parameters: NewNode['parameters'],
    { state, create, createFirst }: FoldedWindows,
  ): StreamOrigin {
    const { draft, inputs, key, window, lateTag, isAll, evictor } = this.#origin;
    const given = inputs();
    if (goesByEventTime(window)) requireTimes(`window${isAll ? 'All' : ''}(…)`, 'stream', given);
    requireEvictorTimes(evictor, given);
    const edges =
      createFirst === undefined
        ? hashed(given, key)
        : preAggregated(draft, given, key, () => createFirst(putsFailedAside(rows)));
    const rows: StreamOrigin = drawn(draft, {
      type: isAll ? type.replace('window', 'window-all') : type,
      stateful: true,
      parameters: { ...this.#parameters(), ...parameters },
      states: [state],
      create,
      inputs: edges,
      tags: lateTag === undefined ? [] : [lateTag],
    });
    if (isAll) draft.parallelism(rows.node(), 1);
    return rows;
  }
}

/** A stream without keys divided into windows. */
export class AllWindowedStream<T, Late extends string = never> {
  readonly #windows: WindowedStream<T, null, Late, AlignedWindow>;

  /** @internal */
  constructor(windows: WindowedStream<T, null, Late, AlignedWindow>) {
    this.#windows = windows;
  }

  /** As on a keyed stream's windows. */
  allowedLateness(ms: number): AllWindowedStream<T, Late> {
    return new AllWindowedStream(this.#windows.allowedLateness(ms));
  }

  /** As on a keyed stream's windows. */
  sideOutputLate<const L extends string>(tag: L): AllWindowedStream<T, L> {
    return new AllWindowedStream(this.#windows.sideOutputLate(tag));
  }

  /** As on a keyed stream's windows. */
  trigger<S>(trigger: Trigger<T, S>, options?: TriggerOptions): AllWindowedStream<T, Late> {
    return new AllWindowedStream(this.#windows.trigger(trigger, options));
  }

  /** As on a keyed stream's windows. */
  evictor(evictor: Evictor<T>): AllWindowedStream<T, Late> {
    return new AllWindowedStream(this.#windows.evictor(evictor));
  }

  /** As on a keyed stream's windows. It pays, since all records would go to one instance. */
  preAggregate(): AllWindowedStream<T, Late> {
    return new AllWindowedStream(this.#windows.preAggregate());
  }

  /** As on a keyed stream's windows; the key is null. */
  process<O = T>(spec: WindowProcessSpec<T, null, O>): DataStream<O, LateTags<T, Late>> {
    return this.#windows.process(spec);
  }

  /** Folds the records of a window into one, emitted when the window fires. */
  reduce(
    fn: (reduced: T, record: T) => T,
    state: StateVersion<T> = {},
  ): DataStream<T, LateTags<T, Late>> {
    return this.#windows.reduce(fn, state);
  }

  /** Emits `{ windowStart, windowEnd, …answers }` when a window fires. */
  aggregate<A extends AggregationSpec<T>>(
    spec: A & NoneOf<'windowStart' | 'windowEnd'>,
  ): AggregatedStream<AllWindowRow<A>, LateTags<T, Late>> {
    return this.#windows.aggregate(spec as never) as AggregatedStream<never, LateTags<T, Late>>;
  }
}
