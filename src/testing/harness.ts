/** What a test sees of a job or an operator that it drives: clock, outputs, counters, state, timers, snapshots. */

import { copyCheckpoint } from '../checkpoint/copy-checkpoint.js';
import { MemoryStore } from '../checkpoint/memory-store.js';
import { openSavepoint } from '../checkpoint/savepoint.js';
import { registerCodecs } from '../codec/codec-registry.js';
import { canonicalKey } from '../hashring/canonical-key.js';
import { checkedArguments } from '../stream/api/job-arguments.js';
import type { JobDefinition } from '../stream/api/job-definition.js';
import { buildGraph } from '../stream/graph/graph-builder.js';
import type { KeptKey } from '../stream/operator.js';
import { BUILTIN_SINKS } from '../workloads/streams/builtin-sinks.js';
import { graphByHand, type HandGraph, keptKeys, named } from './hand-graph.js';
import { HandTasks } from './hand-tasks.js';
import type { Emitted, KeptSink } from './kept-sink.js';
import { HandClock } from './test-clock.js';
import { HandTestInput } from './test-input.js';
import type { ResolvedTestOptions } from './test-options.js';
import {
  contentsOf,
  type SnapshotContents,
  snapshotOf,
  type TestSnapshot,
} from './test-snapshot.js';

const KEY_GROUPS = 1_024;

/** The clock that the job goes by: timers of the clock, idle inputs, `ctx.now`. It stands still until it is told. */
export interface TestClock {
  /** What it shows, in ms since the epoch. */
  readonly now: number;
  /** Lets `ms` pass. What is due on the way happens in the order of time, each when the clock shows its time. */
  advance(ms: number): void;
}

/** A timer of a key. */
export interface TestTimer {
  readonly key: unknown;
  /** When it fires, in ms since the epoch. */
  readonly time: number;
  /** By event time, or by the clock. */
  readonly kind: 'eventTime' | 'processingTime';
}

/** What a harness is made of. */
export interface HarnessParts {
  readonly hand: HandGraph;
  readonly tasks: HandTasks;
  readonly clock: HandClock;
  readonly store: MemoryStore;
}

/** @typeParam O records of the outputs, where nobody says otherwise */
export abstract class Harness<O> {
  readonly clock: TestClock;
  readonly #parts: HarnessParts;
  readonly #sinkMeant: string | undefined;

  /** @internal @param sink the one that is meant when nobody says otherwise */
  constructor(parts: HarnessParts, sink?: string) {
    const { clock, tasks } = parts;
    this.#parts = parts;
    this.#sinkMeant = sink;
    this.clock = {
      get now() {
        return clock.now();
      },
      advance: (ms) => tasks.advance(ms),
    };
  }

  /**
   * All records that have come to a sink, since the start or the restore.
   * @param sink its uid, its name, or the name of a `collect`; needed where there are several
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, which lists the sinks
   */
  output<T = O>(sink?: string): T[] {
    return this.#sink(sink).emitted.map(({ record }) => record as T);
  }

  /** The records that have come to a sink since it was asked last. @throws HoldfastError as `output` */
  take<T = O>(sink?: string): T[] {
    return this.#sink(sink)
      .take()
      .map(({ record }) => record as T);
  }

  /** As `output`, with their event times. @throws HoldfastError as `output` */
  emitted<T = O>(sink?: string): Emitted<T>[] {
    return this.#sink(sink).emitted.map((one) => ({ ...one })) as Emitted<T>[];
  }

  /** What operators have counted since the job's first start: `lateRecords`, `deadLetters`, … */
  get counters(): Readonly<Record<string, number>> {
    this.#parts.tasks.check();
    return this.#parts.tasks.counters;
  }

  /**
   * What an operator keeps for a key, by the names of its states: values, lists as arrays, maps as Maps; undefined
   * when it keeps nothing.
   * @param operator its uid, or its name; needed where several operators have state to show
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
   */
  state(key: unknown, operator?: string): Readonly<Record<string, unknown>> | undefined {
    const wanted = canonicalKey(key);
    const found = this.#kept(operator).find((kept) => Object.is(canonicalKey(kept.key), wanted));
    return found?.state;
  }

  /**
   * The timers that are set, in the order of time; at the same time in that of their keys as texts.
   * @throws HoldfastError as `state`
   */
  timers(operator?: string): TestTimer[] {
    return this.#kept(operator)
      .flatMap(({ key, timers }) => timers.map((timer) => ({ key, ...timer })))
      .sort((a, b) => a.time - b.time || (textOf(a.key) < textOf(b.key) ? -1 : 1));
  }

  /** A checkpoint of all state, timers and times: `restore` goes on from it, as often as you like. */
  async snapshot(): Promise<TestSnapshot> {
    const { tasks, hand, clock, store } = this.#parts;
    const manifest = await tasks.snapshot();
    const times = hand.inputs.flatMap(({ node, times: [time] }) =>
      time === undefined ? [] : [[node.id, time.timeMs] as const],
    );
    return snapshotOf({
      manifest,
      store,
      nowMs: clock.now(),
      times: Object.fromEntries(times),
      ended: hand.inputs.filter(({ source }) => source.isEnded).map(({ node }) => node.id),
    });
  }

  /** Ends all inputs, and waits for all that is still to come of them. */
  async end(): Promise<void> {
    const { tasks, hand } = this.#parts;
    tasks.check();
    for (const { source } of hand.inputs) source.end();
    await tasks.until(() => tasks.hasEnded);
  }

  /** Closes operators: for those that hold something of the world. */
  async close(): Promise<void> {
    await this.#parts.tasks.close();
  }

  protected inputOf(name?: string): HandTestInput {
    const { hand, tasks } = this.#parts;
    return new HandTestInput(named(hand.inputs, 'input', name), tasks);
  }

  #sink(name = this.#sinkMeant): KeptSink {
    this.#parts.tasks.check();
    return named(this.#parts.hand.outputs, 'sink', name).sink;
  }

  #kept(name: string | undefined): readonly KeptKey[] {
    this.#parts.tasks.check();
    const { operators } = this.#parts.hand;
    const showing = operators.filter(({ instances }) => instances[0]?.inspect !== undefined);
    const found =
      name === undefined
        ? named(showing, 'operator with named states')
        : named(operators, 'operator', name);
    return keptKeys(found);
  }
}

const textOf = (key: unknown): string => String(canonicalKey(key));

/**
 * Makes all that a harness needs: the graph by hand, its tasks, and what they go on from.
 * @param timedByHand ids of `withTimestamps` that only hold the place of what the test says
 * @throws HoldfastError as `run` and a deployment would
 */
export async function openParts(
  definition: JobDefinition,
  options: ResolvedTestOptions,
  timedByHand: readonly string[] = [],
): Promise<HarnessParts> {
  const args = await checkedArguments(definition, options.args);
  const graph = buildGraph(definition, args, BUILTIN_SINKS);
  registerCodecs(graph.codecs);
  const hand = graphByHand(graph, options.isStingy, timedByHand);
  const from = await restored(options.restore);
  const store = new MemoryStore();
  await store.acquire();
  const clock = new HandClock(options.startMs ?? from?.nowMs ?? 0);
  try {
    // A copy: what is taken from now on stands beside it, and others may go on from the same.
    const manifest = from && (await copyCheckpoint(from.store, from.manifest, store));
    for (const { node, source, times } of hand.inputs) {
      for (const time of times) time.timeMs = from?.times[node.id] ?? time.timeMs;
      if (from?.ended.includes(node.id) === true) source.end();
    }
    const tasks = await HandTasks.open({
      ...options,
      hand,
      clock,
      store,
      keyGroups: options.keyGroups ?? manifest?.keyGroups ?? KEY_GROUPS,
      restored: manifest,
    });
    return { hand, tasks, clock, store };
  } finally {
    await from?.close();
  }
}

type Origin = SnapshotContents & { close(): Promise<void> };

async function restored(given: ResolvedTestOptions['restore']): Promise<Origin | undefined> {
  if (given === undefined) return undefined;
  if (typeof given !== 'string') return { ...contentsOf(given), close: async () => {} };
  const { store, manifest } = await openSavepoint(given);
  return {
    manifest,
    store,
    nowMs: manifest.createdAtMs,
    times: {},
    ended: [],
    close: () => store.close(),
  };
}
