/**
 * The tasks of a job, all of them in the calling thread, driven by hand: made, connected and restored as a deployment
 * makes them (workloads/streams/wiring.ts), and run to rest after each thing that a test hands in.
 *
 *  H1  At rest nothing is in flight: tasks are run upstream before downstream, until none of them moves.
 *  H2  A snapshot is a checkpoint: barriers pass, parts are written to a store in memory, a manifest is made of them, and
 *      the recovery plan reads it.
 *  H3  What a task tells later, from a promise, is worked off as soon as it is told. A failure is thrown then by whatever
 *      the test calls next, and by all that it calls after that.
 */

import { HoldfastError } from '../base/errors.js';
import { type Failure, failureToError } from '../base/failure.js';
import { badOption } from '../base/option-checks.js';
import type { RecordsMode } from '../channels/record-keeper.js';
import type { CheckpointStore, Manifest } from '../checkpoint/store.js';
import { makeManifest } from '../job/checkpoints/make-manifest.js';
import { baseOf, writePart } from '../job/checkpoints/part-writer.js';
import { isKnown, planRecovery, replayedBarrierOf } from '../job/recovery/recovery-plan.js';
import { readRestores } from '../job/recovery/restore-reader.js';
import { compileModules } from '../module/compile-module.js';
import { graphData } from '../stream/graph/graph-builder.js';
import type { JobPlan } from '../stream/graph/plan.js';
import { planChannels, planJob } from '../stream/graph/planner.js';
import type { SourceSplit } from '../stream/source.js';
import { splitsIn } from '../stream/task/source-splits.js';
import { sumCounters } from '../stream/task/task-meter.js';
import { MAX_OPEN_SPLITS } from '../stream/task/task-types.js';
import { ControlBlock } from '../threads/control-block.js';
import { Lease } from '../threads/lease.js';
import type {
  CapturedPart,
  DeploySpec,
  StreamEvent,
  TaskRestore,
} from '../workloads/streams/stream-types.js';
import { baseFor, type TaskActor, wireTasks } from '../workloads/streams/wiring.js';
import type { HandGraph } from './hand-graph.js';
import type { HandClock } from './test-clock.js';

const RUN = 'test';
const EPOCH = 1;
const CHANNEL_BYTES = 65_536;

export interface HandTasksOptions {
  readonly hand: HandGraph;
  readonly clock: HandClock;
  readonly parallelism: number;
  readonly keyGroups: number;
  readonly records: RecordsMode;
  /** Snapshots build on earlier ones. */
  readonly incremental: boolean;
  /** Where snapshots are; held by these tasks alone. */
  readonly store: CheckpointStore;
  /** The checkpoint in the store from which they go on. */
  readonly restored: Manifest | undefined;
}

export class HandTasks {
  readonly #given: HandTasksOptions;
  #plan: JobPlan;
  readonly #tasks: TaskActor[] = [];
  #failure: Failure | undefined;
  #isPumping = false;
  #isClosed = false;
  /** A task has asked to be run again. */
  #isWoken = false;
  #ended = 0;
  #captured: CapturedPart[] = [];
  #checkpoint: number;
  #base: Manifest | undefined;
  /** Called when something was worked off. */
  #heard: () => void = () => {};

  /** @throws HoldfastError as a deployment of the job would */
  static async open(options: HandTasksOptions): Promise<HandTasks> {
    const tasks = new HandTasks(options);
    await tasks.#open();
    return tasks;
  }

  private constructor(options: HandTasksOptions) {
    this.#given = options;
    const { parallelism: slots, keyGroups } = options;
    const plan = planJob(graphData(options.hand.graph), { slots, keyGroups });
    this.#plan = inOneSlot(plan);
    this.#checkpoint = options.restored?.checkpoint ?? 0;
    this.#base = options.restored;
  }

  /** All inputs have ended, and everything has come to the sinks. */
  get hasEnded(): boolean {
    return this.#ended === this.#tasks.length;
  }

  get counters(): Readonly<Record<string, number>> {
    return sumCounters(this.#tasks.map(({ task }) => task.metrics()));
  }

  /**
   * Runs all tasks to rest.
   * @throws HoldfastError what has failed, as the job would tell it; ERR_HOLDFAST_NOT_RUNNING when they were closed
   */
  run(): void {
    this.requireOpen();
    this.#pump();
    this.check();
  }

  /** @throws HoldfastError what has failed, as the job would tell it */
  check(): void {
    if (this.#failure !== undefined) throw failureToError(this.#failure);
  }

  /** @throws HoldfastError as `run` */
  requireOpen(): void {
    this.check();
    if (!this.#isClosed) return;
    throw new HoldfastError(
      'ERR_HOLDFAST_NOT_RUNNING',
      'the test has closed what it drives, so nothing more can be done with it. Let close() come last.',
    );
  }

  /**
   * Lets time pass; what is due on the way happens when the clock shows its time.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION; as `run`
   */
  advance(ms: number): void {
    if (!Number.isFinite(ms) || ms < 0) {
      throw badOption('clock.advance(ms)', ms, 'a number of milliseconds of at least 0');
    }
    const { clock } = this.#given;
    const untilMs = clock.elapsed() + ms;
    for (;;) {
      const dueMs = this.#dueMs;
      if (dueMs >= untilMs) break;
      clock.advance(dueMs - clock.elapsed());
      this.run();
    }
    clock.advance(untilMs - clock.elapsed());
    this.run();
  }

  /** Takes a checkpoint (H2). */
  async snapshot(): Promise<Manifest> {
    this.run();
    const { store, incremental, clock, hand } = this.#given;
    const isAhead = () => hand.inputs.some(({ source }) => source.isAhead);
    if (isAhead()) await this.until(() => !isAhead()); // What was handed in is in the snapshot.
    const base = incremental ? this.#base : undefined;
    this.#checkpoint += 1;
    const checkpoint = this.#checkpoint;
    const on = base && baseOf(this.#plan, base);
    this.#captured = [];
    for (const { task, cell } of this.#tasks) {
      cell.tell({ kind: 'trigger', checkpoint, base: baseFor(on, task) });
    }
    await this.until(() => this.#captured.length === this.#tasks.length);
    const captured = this.#captured;
    const parts = [];
    for (const part of captured)
      parts.push(await writePart(store, this.#plan, part, base, undefined));
    const final = this.hasEnded;
    const manifest = makeManifest({
      plan: this.#plan,
      run: RUN,
      mode: 'exactly-once',
      pending: { checkpoint, epochs: [EPOCH], final, base, parts, captured },
      createdAtMs: clock.now(),
    });
    await store.writeManifest(manifest);
    this.#base = await store.readManifest(checkpoint);
    for (const { cell } of this.#tasks) cell.tell({ kind: 'committed', checkpoint });
    this.run();
    return this.#base;
  }

  /** Waits, where something is left to a promise, until that holds. @throws HoldfastError as `run` */
  async until(holds: () => boolean): Promise<void> {
    for (;;) {
      this.run();
      if (holds()) return;
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#heard();
    await Promise.all(this.#tasks.map(({ cell }) => cell.stop()));
  }

  async #open(): Promise<void> {
    const { hand, clock, restored, store } = this.#given;
    const urls = hand.graph.nodes.flatMap(({ module }) => module ?? []);
    if (urls.length > 0) this.#plan = { ...this.#plan, modules: await compileModules(urls) };
    const plan = this.#plan;
    const restores =
      restored === undefined ? [] : await readRestores(planRecovery(restored, plan), store);
    const splits: Record<string, readonly SourceSplit[]> = {};
    for (const { node, source } of hand.inputs) if (hasEnded(restores, node.id)) source.end();
    for (const { node, source } of hand.inputs) {
      if (!isKnown(restored, node.id)) splits[node.id] = await source.splits();
    }
    for (const { index } of plan.regions) {
      const spec = this.#spec(index, restores, splits);
      const tasks = wireTasks({
        spec,
        graph: hand.graph,
        block: new ControlBlock(),
        lease: new Lease(spec.lease),
        clock,
        report: (event) => this.#report(event),
        failed: () => {},
        wake: () => this.#wake(),
      });
      this.#tasks.push(...tasks);
    }
    for (const { task } of this.#tasks) await task.open();
    for (const { cell } of this.#tasks) cell.start();
    // Readers are opened in promises.
    do {
      this.#isWoken = false;
      this.run();
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#isWoken);
  }

  #spec(
    region: number,
    restores: readonly TaskRestore[],
    splits: Readonly<Record<string, readonly SourceSplit[]>>,
  ): DeploySpec {
    const { records, incremental, restored } = this.#given;
    const plan = this.#plan;
    const { vertices } = plan.regions[region]!;
    const tasks = vertices.reduce((sum, index) => sum + plan.vertices[index]!.parallelism, 0);
    return {
      region,
      slot: 0,
      epoch: EPOCH,
      incarnation: EPOCH,
      run: RUN,
      plan,
      lease: Lease.of(EPOCH, tasks).shared,
      reached: {},
      backlog: new SharedArrayBuffer(4),
      blocks: [undefined],
      channels: planChannels(plan)
        .filter(({ edge }) => vertices.includes(plan.edges[edge]!.toVertex))
        .map((channel) => ({ ...channel, ring: undefined })),
      restores,
      splits,
      mode: 'exactly-once',
      alignedTimeoutMs: Number.POSITIVE_INFINITY,
      prepareTimeoutMs: Number.POSITIVE_INFINITY,
      replayedBarrier: restored && replayedBarrierOf(restored, plan),
      checkpoints: undefined,
      incremental,
      maxConcurrent: 1,
      bufferTimeoutMs: 0,
      records,
      maxOpenSplits: MAX_OPEN_SPLITS,
      trace: undefined,
      alignment: undefined,
      channelCapacityBytes: CHANNEL_BYTES,
    };
  }

  /** When time alone gives an operator something to do next (clock.elapsed()); +∞ for never. */
  get #dueMs(): number {
    const now = this.#given.clock.elapsed();
    let leastMs = Number.POSITIVE_INFINITY;
    for (const { instances } of this.#given.hand.operators) {
      for (const { dueMs } of instances)
        if (dueMs !== undefined && dueMs > now && dueMs < leastMs) leastMs = dueMs;
    }
    return leastMs;
  }

  /** H1 */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#failure === undefined && (this.#round() || this.#release())) {}
    } finally {
      this.#isPumping = false;
    }
    this.#heard();
  }

  #round(): boolean {
    let moved = false;
    for (const { cell } of this.#tasks) {
      cell.flushDue(this.#laterMs);
      while (cell.run(Number.POSITIVE_INFINITY)) moved = true;
      cell.flushDue(this.#laterMs);
    }
    return moved;
  }

  /** Later than whatever is due by now, on the test's clock or on the machine's. */
  get #laterMs(): number {
    return Math.max(performance.now(), this.#given.clock.elapsed()) + 1;
  }

  /** Sinks take more again. */
  #release(): boolean {
    return this.#given.hand.outputs.filter(({ sink }) => sink.release()).length > 0;
  }

  /** H3 */
  #wake(): void {
    this.#isWoken = true;
    if (!this.#isPumping) queueMicrotask(() => this.#pump());
  }

  #report(event: StreamEvent): void {
    if (event.kind === 'captured') this.#captured.push(event);
    else if (event.kind === 'task-ended') this.#ended += 1;
    else if (event.kind === 'task-failed' || event.kind === 'declined') {
      this.#failure ??= event.failure;
    }
  }
}

/** Had all splits of the source ended, in what is restored? */
function hasEnded(restores: readonly TaskRestore[], source: string): boolean {
  const splits = restores.flatMap(({ operators }) =>
    operators
      .filter(({ operator }) => operator === source)
      .flatMap(({ sections }) =>
        sections.flatMap(({ name, bytes }) => splitsIn(name, bytes) ?? []),
      ),
  );
  return splits.length > 0 && splits.every(({ finished }) => finished);
}

/** The same plan with all its tasks in the calling thread. */
function inOneSlot(plan: JobPlan): JobPlan {
  return {
    ...plan,
    slots: 1,
    vertices: plan.vertices.map((vertex) => ({ ...vertex, slots: vertex.slots.map(() => 0) })),
    regions: plan.regions.map((region) => ({ ...region, slots: [0] })),
  };
}
