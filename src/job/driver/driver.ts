/**
 * The driver starts a job and ends it, and answers what the job's face asks. Failures in between are handled by the
 * regions and their supervisors.
 *
 *  D1  The job ends exactly once, through `#close`. Once its end is certain, no failure changes it.
 *  D2  What a host reports for another epoch is dropped.
 */

import { type Deferred, deferred } from '../../base/deferred.js';
import { isFatalCode } from '../../base/error-codes.js';
import { HoldfastError } from '../../base/errors.js';
import { type Failure, failureToError, toFailure } from '../../base/failure.js';
import type { CheckpointStore, Manifest } from '../../checkpoint/store.js';
import { checkDistinctTargets } from '../../connectors/committers.js';
import type { KillCause } from '../../host/host-protocol.js';
import { compileModules } from '../../module/compile-module.js';
import { HeapGuard } from '../../pool/heap-guard.js';
import { Pool } from '../../pool/pool.js';
import { requireModeForChangelogs } from '../../stream/graph/changelog-readers.js';
import type { JobPlan, PlanRegion } from '../../stream/graph/plan.js';
import { planJob } from '../../stream/graph/planner.js';
import { sumCounters } from '../../stream/task/task-meter.js';
import { describeHolder } from '../../stream/task/time-holder.js';
import { graphMismatch } from '../../workloads/streams/graph-mismatch.js';
import type {
  StreamEvent,
  StreamPool,
  StreamSpawner,
  Streams,
} from '../../workloads/streams/stream-types.js';
import { CheckpointDriver, checkpointMetrics } from '../checkpoints/checkpoint-driver.js';
import { CollectedRows } from '../checkpoints/collected-rows.js';
import { type PendingCheckpoint, reachedSplits, recordsIn } from '../checkpoints/make-manifest.js';
import { regionPoints } from '../checkpoints/region-points.js';
import {
  type CommitInWorker,
  type CreateCommitter,
  SinkCommitter,
} from '../checkpoints/sink-committer.js';
import { JobEmitter } from '../job-emitter.js';
import {
  budgetError,
  canceledError,
  hopelessError,
  needsCheckpoints,
  notRunning,
} from '../job-errors.js';
import type {
  JobMetrics,
  JobProgress,
  JobResult,
  JobStatus,
  JobTreeNode,
  SlotInfo,
  StopOptions,
} from '../job-types.js';
import type { JobWatch } from '../job-watch.js';
import type { ResolvedOptions } from '../options.js';
import { finishedMark, restoreCollected } from '../recovery/collected-state.js';
import { checkFinal } from '../recovery/final-checkpoint.js';
import { tellNotices } from '../safe-logger.js';
import { type Group, planGroups } from './groups.js';
import { jobTree } from './job-tree.js';
import { Launcher } from './launcher.js';
import { Progress } from './progress.js';
import { Region, type RegionFailure, sumProgress } from './region.js';
import { EQUAL_FAILURES_MAX } from './repeated-failure.js';
import { Stopping, savepointTarget } from './stopping.js';
import { Supervision } from './supervision.js';

export interface DriverOptions {
  readonly options: ResolvedOptions;
  readonly spawn: StreamSpawner;
  readonly store: CheckpointStore | undefined;
  /** The checkpoint to start from; beside it the greatest id ever used in the store. */
  readonly manifest: Manifest | undefined;
  readonly lastCheckpoint: number;
  readonly run: string;
  /** Makes the stacks of a failure point into the user's own source. */
  readonly mapFailure: (failure: Failure) => Failure;
  /** By default the connectors' function. */
  readonly createCommitter?: CreateCommitter | undefined;
  readonly watch?: JobWatch | undefined;
}

export class JobDriver {
  readonly events = new JobEmitter();
  readonly run: string;
  readonly #given: DriverOptions;
  readonly #options: ResolvedOptions;
  readonly #slots: StreamPool;
  readonly #finished = deferred<JobResult>();
  readonly #collected = new CollectedRows();
  readonly #startedMs = performance.now();
  #status: JobStatus = 'starting';
  /** The final checkpoint was asked for; perhaps before all threads have said that they run. */
  #isFinishing = false;
  #plan: JobPlan | undefined;
  #checkpoints: CheckpointDriver | undefined;
  #launcher: Launcher | undefined;
  #regions: readonly Region[] = [];
  #groups: readonly Group[] = [];
  #supervision: Supervision | undefined;
  #progress: Progress | undefined;
  #stopping: Stopping | undefined;
  #heapGuard: HeapGuard | undefined;
  #ended = false;
  /** Settles when all threads have heard that the newest checkpoint is committed. */
  #told: Promise<void> | undefined;
  /** What the tasks told when the job ended. */
  #lastMetrics: JobMetrics['operators'] = [];
  /** Set while `start` has not answered. */
  #first: Deferred<void> | undefined;

  constructor(given: DriverOptions) {
    this.#given = given;
    this.#options = given.options;
    this.run = given.run;
    this.#finished.promise.catch(() => {});
    this.#slots = new Pool<Streams>({
      options: given.options,
      spawn: given.spawn,
      mismatch: graphMismatch,
      onEvent: (slot, event) => this.#hostEvent(slot, event),
      onChange: (info) => this.events.tell('slot', info),
      onBeat: (beat) => this.#heapGuard?.beat(beat),
      onFailure: ({ except, ...report }) => {
        const here = this.#regions.filter(({ plan }) => plan.slots.includes(report.slot));
        if (here.length === 0) this.#idleThreadDied(report);
        else
          this.#failed(
            here.filter(({ plan }) => plan.index !== except),
            report,
          );
      },
    });
  }

  get status(): JobStatus {
    return this.#status;
  }

  get finished(): Promise<JobResult> {
    return this.#finished.promise;
  }

  get plan(): JobPlan {
    if (this.#plan === undefined) throw notRunning(this.#status);
    return this.#plan;
  }

  tree(): JobTreeNode {
    if (this.#supervision === undefined) throw notRunning(this.#status);
    const now = performance.now();
    return jobTree({
      plan: this.plan,
      groups: this.#groups,
      regions: this.#regions,
      slots: this.slots(),
      root: this.#supervision.describe(now),
      now,
    });
  }

  slots(): readonly SlotInfo[] {
    return this.#slots.info();
  }

  progress(): JobProgress {
    return sumProgress(this.#regions.map((region) => region.progress()));
  }

  collected(name: string): readonly unknown[] {
    return this.#collected.of(name, this.plan.graph);
  }

  kill(slot: number, cause: KillCause | 'terminate'): void {
    this.#slots.kill(slot, cause);
  }

  /** Resolves when all tasks run; rejects, with everything closed, when the job cannot start. */
  async start(): Promise<void> {
    const first = deferred<void>();
    this.#first = first;
    try {
      // The end of the job ends the start, whatever that waits for.
      await Promise.race([first.promise, this.#begin().then(() => first.promise)]);
    } catch (error) {
      await this.#fail(this.#mapError(error));
      // Rejects with this error, or with the one that had ended the job before.
      await this.#finished.promise;
    } finally {
      this.#first = undefined;
    }
  }

  async #begin(): Promise<void> {
    const graph = await this.#slots.open();
    if (this.#ended) return;
    const plan = planJob(graph, {
      slots: this.#options.parallelism,
      keyGroups: this.#options.keyGroups,
    });
    requireModeForChangelogs(graph, this.#options.checkpoint.mode);
    const modules = graph.nodes.flatMap(({ module }) => module ?? []);
    this.#plan = modules.length === 0 ? plan : { ...plan, modules: await compileModules(modules) };
    if (this.#ended) return;
    tellNotices(this.#plan.notices, this.#options.logger);
    this.#prepare(this.#plan);
    const { manifest } = this.#given;
    if (manifest?.final === true) {
      await checkFinal(this.#given.store!, manifest);
      await this.#launcher!.recommit(manifest);
      // The process that took that checkpoint may have lost the store before it could prune.
      await this.#given.store?.prune(this.#options.checkpoint.retain).catch(() => {});
      // No task runs that could tell its rows, so they are read from the checkpoint.
      await restoreCollected(this.#given.store!, manifest, this.plan.graph, this.#collected);
      await this.#end('finished');
      return;
    }
    const splits = await this.#launcher!.listSplits(manifest);
    if (this.#ended) return;
    await this.#launcher!.prepareStart();
    if (this.#ended) return;
    for (const region of this.#regions) region.prepare(splits);
    this.#supervision!.start();
  }

  #prepare(plan: JobPlan): void {
    const sinks = plan.graph.nodes.filter((node) => node.kind === 'sink');
    checkDistinctTargets(sinks, this.#options.checkpoint.directory);
    const inWorker: CommitInWorker = async (operator, checkpoint, list) => {
      const { timeoutMs } = this.#options.checkpoint;
      const link = this.#slots.anyLink(plan.regions.flatMap(({ slots }) => slots));
      await link.ask('commit', [operator, checkpoint, list], { timeoutMs });
    };
    const committer = new SinkCommitter(sinks, this.run, inWorker, this.#given.createCommitter);
    this.#checkpoints = new CheckpointDriver({
      plan,
      options: this.#options,
      store: this.#given.store,
      run: this.run,
      committer,
      lastCheckpoint: Math.max(this.#given.lastCheckpoint, this.#given.manifest?.checkpoint ?? 0),
      trigger: (epochs, checkpoint, final, base) => {
        if (final) this.#isFinishing = true;
        if (final && this.#status === 'running') this.#setStatus('finishing');
        void this.#slots.tellAll('trigger', [epochs, checkpoint, base]);
      },
      abort: (epochs, checkpoint) => void this.#slots.tellAll('abort', [epochs, checkpoint]),
      onEvent: (event) => this.events.tell('checkpoint', event),
      onDurable: (pending) => {
        this.#progress!.durable(pending.checkpoint, regionPoints(plan, pending));
        this.#collected.append(pending, plan.graph);
      },
      onCommitted: (pending) => this.#committed(pending),
      onGiveUp: (failure) => {
        const concerned = this.#regions.filter(({ plan: { operators } }) =>
          operators.includes(failure.operator ?? ''),
        );
        const slot = failure.slot ?? 0;
        this.#failed(concerned.length > 0 ? concerned : this.#regions, { slot, failure });
      },
    });
    this.#checkpoints.latest = this.#given.manifest;
    const checkpoints = this.#checkpoints;
    this.#heapGuard = new HeapGuard({
      options: this.#options,
      incarnation: (slot) => this.#slots.incarnation(slot),
      retire: (slot, failure, cause) => this.#slots.retire(slot, failure, cause),
      mayRestart: () => this.#status === 'running' && !this.#ended && this.#isUp,
      checkpoint: () => checkpoints.request('manual'),
      onPressure: (event) => this.events.tell('pressure', event),
    });
    this.#launcher = new Launcher({
      plan,
      options: this.#options,
      run: this.run,
      slots: this.#slots,
      store: this.#given.store,
      committer,
      checkpoints: this.#checkpoints,
      trace: this.#given.watch?.trace,
    });
    this.#groups = planGroups(plan, this.#options.supervision.groups, this.#options.restart);
    this.#progress = new Progress(this.#groups.map(({ regions }) => regions));
    this.#regions = plan.regions.map((region) => this.#makeRegion(region));
    this.#supervision = new Supervision({
      groups: this.#groups,
      launch: (region, attempt) => void this.#regions[region]!.launch(attempt),
      stop: (region, because) => this.#regions[region]!.stop(because),
      onRestarting: (regions, attempt, delayMs) => {
        this.#options.logger?.info({ attempt, delayMs }, 'restarting from the last checkpoint');
        for (const region of regions) this.#regions[region]!.expectLaunch();
      },
      onGivenUp: (failure, attempts) => this.#givenUp(budgetError(failure, attempts)),
      onEnded: () => void this.#end('finished'),
    });
  }

  #makeRegion(plan: PlanRegion): Region {
    const group = this.#groups.find(({ regions }) => regions.includes(plan.index))!;
    const region: Region = new Region({
      plan,
      job: this.plan,
      progress: this.#progress!,
      resetTimeoutMs: group.restart.resetTimeoutMs,
      slots: this.#slots,
      launcher: this.#launcher!,
      checkpoints: this.#checkpoints!,
      mapFailure: this.#given.mapFailure,
      supervise: (event) => this.#supervision!.region(plan.index, event),
      onLaunchFailed: (slot, failure) => this.#failed([region], { slot, failure }),
      onDown: () => {
        this.#isFinishing = false;
        if (this.#stopping === undefined) this.#setStatus('restarting');
      },
      onRunning: () => this.#running(),
      onRestarted: (event) => this.events.tell('restarted', event),
      onGivenUp: (error) => this.#givenUp(error),
      isFirstLaunch: () => this.#first !== undefined,
    });
    return region;
  }

  /** @param hasRun tasks ran when it failed: the start is answered, whether or not it was already */
  #givenUp(error: Error, hasRun = this.#hasRun): void {
    if (hasRun) this.#first?.resolve();
    if (this.#first === undefined || hasRun) void this.#fail(error);
    else this.#first.reject(error);
  }

  get #hasRun(): boolean {
    return this.#regions.some((region) => region.hasRun && region.lastFailure !== undefined);
  }

  get #isUp(): boolean {
    return this.#regions.length > 0 && this.#regions.every(({ isUp }) => isUp);
  }

  #running(): void {
    if (!this.#isUp) return;
    if (this.#stopping === undefined) this.#setStatus(this.#isFinishing ? 'finishing' : 'running');
    else this.#applyStop();
    this.#first?.resolve();
  }

  /** These regions have failed, all for one reason. */
  #failed(regions: readonly Region[], given: RegionFailure): void {
    if (this.#ended || regions.length === 0) return;
    for (const region of regions) region.revoke(); // First of all, whatever listeners do meanwhile.
    const failure = this.#given.mapFailure(given.failure);
    this.events.tell('failure', failure);
    this.#options.logger?.warn({ failure }, 'a part of the job failed');
    if (isFatalCode(failure.code)) {
      const hasRun = regions.some((region) => region.hasRun);
      this.#givenUp(failureToError(failure), hasRun);
      return;
    }
    for (const region of regions) {
      const times = region.repeated.heard(failure, performance.now());
      if (times >= EQUAL_FAILURES_MAX && !this.#isPatient(region)) {
        this.#givenUp(hopelessError(failure, times));
        return;
      }
    }
    for (const region of regions) region.failed({ ...given, failure });
  }

  /** Was the strategy of the region's group told never to give up? */
  #isPatient({ plan }: Region): boolean {
    const { restart } = this.#groups.find(({ regions }) => regions.includes(plan.index))!;
    if (restart.kind === 'fixed-delay') return restart.attempts === Number.POSITIVE_INFINITY;
    return (
      restart.kind === 'exponential-backoff' && restart.maxAttempts === Number.POSITIVE_INFINITY
    );
  }

  /** A thread without tasks has died: nothing has to go back to a checkpoint. */
  #idleThreadDied({ slot, failure }: RegionFailure): void {
    if (this.#ended || this.#plan === undefined) return;
    const replaced = this.#slots.replaceIdle(slot);
    const words = replaced ? 'is replaced' : 'is not replaced any more';
    this.#options.logger?.warn({ failure }, `a thread without tasks has died, and ${words}`);
  }

  // ---- what hosts and threads report -----------------------------------------------------------

  #hostEvent(slot: number, event: StreamEvent): void {
    const region = this.#regions.find(({ epoch }) => epoch !== 0 && epoch === event.epoch);
    if (this.#ended || region === undefined) return; // D2
    switch (event.kind) {
      case 'captured': {
        if (event.incarnation !== this.#slots.incarnation(slot)) return;
        const tooMany = this.#collected.announce(event, this.plan.graph);
        if (tooMany === undefined) void this.#checkpoints!.captured(event);
        else this.#failed([region], { slot, failure: toFailure(tooMany, 'sink', { slot }) });
        return;
      }
      case 'declined':
        this.#checkpoints!.declined(
          event.epoch,
          event.checkpoint,
          event.vertex,
          event.instance,
          this.#given.mapFailure(event.failure),
        );
        return;
      case 'task-failed':
        this.#failed([region], { slot, failure: { ...event.failure, slot } });
        return;
      case 'task-ended':
        this.#checkpoints!.taskEnded(event.epoch, event.vertex, event.instance);
        return;
      case 'reading':
        region.reading(event.vertex, event.instance, event.records);
        return;
      case 'first-output':
        region.output();
        return;
      case 'restored-visible':
        // Restores go back to a newer checkpoint once there is one, and its rows are known here.
        if (this.#checkpoints!.latest === this.#given.manifest) {
          this.#collected.restore(event.operator, event.instance, event.rows, this.plan.graph);
        }
        return;
      case 'holding': {
        const { instance, holder } = event;
        this.#options.logger?.warn(
          { instance, ...holder },
          `event time waits for ${describeHolder(holder, instance)}, and windows with it. Whoever rests no longer ` +
            'holds time back after idleAfterMs of withTimestamps, where that is given',
        );
        return;
      }
      case 'print':
        this.#options.print(event.line);
    }
  }

  // ---- checkpoints, stop, end ------------------------------------------------------------------

  #committed(pending: PendingCheckpoint): void {
    for (const group of this.#progress!.completed(regionPoints(this.plan, pending))) {
      this.#supervision!.progressed(group);
      for (const region of this.#groups[group]!.regions) this.#regions[region]!.repeated.forget();
    }
    this.#given.watch?.onCommitted(reachedSplits(pending));
    this.#told = this.#slots.tellAll('committed', [pending.epochs, pending.checkpoint]);
    if (!pending.final) return;
    if (this.#stopping?.drain === true) {
      void this.#end('finished');
      return;
    }
    this.#supervision!.completed();
    // A region that has failed meanwhile has nothing left for which to be restarted.
    setImmediate(() => void this.#end('finished'));
  }

  async checkpointNow(): Promise<number> {
    if (this.#given.store === undefined) {
      throw needsCheckpoints('checkpointNow');
    }
    if (this.#checkpoints === undefined || this.#ended) throw notRunning(this.#status);
    return await this.#checkpoints.request('manual');
  }

  /** @returns the id of the checkpoint that was copied */
  async savepoint(directory: string): Promise<number> {
    const target = await savepointTarget(this.#given.store, directory);
    try {
      if (this.#checkpoints === undefined || this.#ended) throw notRunning(this.#status);
      return await this.#checkpoints.savepoint(target);
    } finally {
      await target.close();
    }
  }

  async stop({ drain = false, savepoint }: StopOptions): Promise<JobResult> {
    if (savepoint !== undefined || (!this.#ended && this.#stopping === undefined)) {
      const target =
        savepoint === undefined ? undefined : await savepointTarget(this.#given.store, savepoint);
      if (this.#ended || this.#stopping !== undefined) {
        await target?.close();
        throw notRunning(this.#status);
      }
      this.#stopping = new Stopping({ drain, savepoint: target });
      this.#setStatus('stopping');
      if (this.#isUp) this.#applyStop();
    }
    const result = await this.#finished.promise;
    if (savepoint !== undefined) this.#stopping?.checkSaved();
    return result;
  }

  #applyStop(): void {
    this.#stopping!.apply({
      slots: this.#slots,
      checkpoints: this.#checkpoints!,
      onStopped: () => void this.#end('stopped'),
      onFailed: (error) => {
        if (!this.#ended) void this.#fail(this.#mapError(error));
      },
    });
  }

  /** @param reason the reason of an aborted signal */
  async cancel(reason?: unknown): Promise<void> {
    if (this.#ended) await this.#finished.promise.catch(() => {});
    else await this.#close('canceled', canceledError(reason));
  }

  async #fail(error: Error): Promise<void> {
    if (!this.#ended) await this.#close('failed', error);
  }

  async #end(status: 'finished' | 'stopped'): Promise<void> {
    if (this.#ended) return; // D1
    this.#ended = true;
    this.#supervision?.close();
    // Without a lease no reader would hear of the last checkpoint, nor acknowledge what is in it.
    await this.#told;
    this.#closeRegions();
    for (const region of this.#regions) region.settle();
    this.#lastMetrics = await this.#slots.lastMetrics();
    const result: JobResult = {
      job: this.plan.graph.job,
      run: this.run,
      status,
      sourceRecords: recordsIn(this.#checkpoints?.latest) || this.progress().sourceRecords,
      checkpoints: this.#checkpoints?.completed ?? 0,
      restarts: this.#restarts,
      durationMs: performance.now() - this.#startedMs,
      counters: sumCounters(this.#lastMetrics),
      collected: this.#collected.all(this.plan.graph),
    };
    try {
      if (this.#checkpoints?.latest?.final === true) {
        const { checkpoint } = this.#checkpoints.latest;
        const mark = finishedMark(result, checkpoint, this.plan.graph);
        await this.#given.store?.markFinished(mark);
      }
    } catch (error) {
      await this.#close('failed', failureToError(toFailure(error, 'checkpoint')));
      return;
    }
    await this.#close(status, result);
  }

  async #close(status: JobStatus, outcome: JobResult | Error): Promise<void> {
    this.#ended = true;
    this.#closeRegions();
    this.#checkpoints?.close();
    await this.#slots.close(!(outcome instanceof Error));
    await this.#checkpoints?.settle();
    await this.#launcher?.settle();
    await this.#stopping?.save(
      this.#given.store,
      outcome instanceof Error ? undefined : this.#checkpoints?.latest,
    );
    await this.#given.store?.close().catch(() => {});
    this.#setStatus(status);
    if (outcome instanceof Error) {
      this.#finished.reject(outcome);
      this.#first?.reject(outcome);
    } else {
      this.#finished.resolve(outcome);
      this.#first?.resolve();
    }
  }

  #closeRegions(): void {
    this.#supervision?.close();
    for (const region of this.#regions) region.close();
  }

  get #restarts(): number {
    return this.#regions.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  async metrics(): Promise<JobMetrics> {
    return {
      status: this.#status,
      progress: this.progress(),
      restarts: this.#restarts,
      slots: this.slots(),
      operators: this.#ended ? this.#lastMetrics : await this.#slots.metrics(),
      checkpoints: checkpointMetrics(this.#checkpoints),
    };
  }

  #setStatus(status: JobStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.events.tell('status', status);
  }

  #mapError(error: unknown): Error {
    const mapped = this.#given.mapFailure(toFailure(error, 'internal'));
    return error instanceof HoldfastError ? error : failureToError(mapped);
  }
}
