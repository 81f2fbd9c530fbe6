/**
 * The driver of a job: it performs what the job's machine (job-machine.ts) decides, and brings it the events.
 *
 *  E1  One event after the other: what is told while one is handled waits behind it.
 *  E2  A failure first revokes the leases of its regions, before the machine or anybody else hears of it (R1).
 *  D2  What a host reports for another epoch is dropped.
 */

import { DeadlineTimer } from '../../base/deadline-timer.js';
import { deferred } from '../../base/deferred.js';
import { HoldfastError } from '../../base/errors.js';
import { EventLine } from '../../base/event-line.js';
import { type Failure, failureToError, toFailure } from '../../base/failure.js';
import { seededRandom } from '../../base/random.js';
import { SafeEmitter } from '../../base/safe-emitter.js';
import type { KillCause } from '../../host/host-protocol.js';
import { Pool } from '../../pool/pool.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import { sumCounters } from '../../stream/task/task-meter.js';
import { graphMismatch } from '../../workloads/streams/graph-mismatch.js';
import type { StreamEvent, StreamPool, Streams } from '../../workloads/streams/stream-types.js';
import { NO_CHECKPOINTS } from '../checkpoints/checkpoint-driver.js';
import { CollectedRows } from '../checkpoints/collected-rows.js';
import { type PendingCheckpoint, reachedSplits, recordsIn } from '../checkpoints/make-manifest.js';
import { regionPoints } from '../checkpoints/region-points.js';
import { canceledError, needsCheckpoints, notRunning } from '../job-errors.js';
import type {
  JobEvents,
  JobMetrics,
  JobProgress,
  JobResult,
  JobStatus,
  JobTreeNode,
  SlotInfo,
  StopOptions,
} from '../job-types.js';
import type { ResolvedOptions } from '../options.js';
import { finishedMark } from '../recovery/collected-state.js';
import { type Deployment, sumProgress } from './deployment.js';
import type { DriverCommand, DriverEvent, FailedEvent, JobMachineEvent } from './driver-events.js';
import { takeReport } from './host-reports.js';
import { JobMachine } from './job-machine.js';
import { jobTree } from './job-tree.js';
import { LastSavepoint, savepointTarget } from './last-savepoint.js';
import { type DriverOptions, openJob, type World } from './opening.js';

export class JobDriver {
  readonly events = new SafeEmitter<JobEvents>();
  readonly run: string;
  readonly #given: DriverOptions;
  readonly #options: ResolvedOptions;
  readonly #job = new JobMachine(seededRandom(Date.now()));
  readonly #slots: StreamPool;
  readonly #started = deferred<void>();
  readonly #finished = deferred<JobResult>();
  readonly #collected = new CollectedRows();
  readonly #startedMs = performance.now();
  /** E1 */
  readonly #line = new EventLine<DriverEvent>(
    (event) => this.#handle(event),
    () => this.#timer.set(this.#job.nextDeadline()),
  );
  readonly #timer = new DeadlineTimer(() => this.tell({ kind: 'tick' }));
  #world: World | undefined;
  #lastSavepoint: LastSavepoint | undefined;
  /** Settles when all threads have heard that the newest checkpoint is committed. */
  #told: Promise<void> | undefined;
  /** What the tasks told when the job ended. */
  #lastMetrics: JobMetrics['operators'] = [];

  constructor(given: DriverOptions) {
    this.#given = given;
    this.#options = given.options;
    this.run = given.run;
    this.#started.promise.catch(() => {});
    this.#finished.promise.catch(() => {});
    this.#slots = new Pool<Streams>({
      options: given.options,
      spawn: given.spawn,
      mismatch: graphMismatch,
      onEvent: (slot, event) => this.tell({ kind: 'host', slot, event }),
      onChange: (info) => this.#slotChanged(info),
      onBeat: (beat) => this.#world?.heapGuard.beat(beat),
      onFailure: (failed) => this.tell({ kind: 'thread-failed', failed }),
    });
  }

  // ---- events ----------------------------------------------------------------------------------

  /** Everything that happens to the job comes through here. */
  tell(event: DriverEvent): void {
    if (this.#line.isHandling) {
      for (const region of this.#concerned(event)) this.#deployment(region).revoke(); // E2
    }
    // Where the user's `print` throws, it is the process's to handle.
    this.#line.tell(event);
  }

  #handle(event: DriverEvent): void {
    switch (event.kind) {
      case 'host':
        this.#hostEvent(event.slot, event.event);
        return;
      case 'thread-failed': {
        const { except: _, ...failed } = event.failed;
        if (this.#on(failed.slot).length === 0) this.#idleThreadDied(failed);
        else this.#failed(this.#concerned(event), { ...failed, part: { kind: 'slot' } });
        return;
      }
      case 'launch-failed': {
        const { round, slot, failure, deterministic } = event;
        const launch = { round, deterministic };
        this.#failed(this.#concerned(event), { slot, failure, launch, part: { kind: 'region' } });
        return;
      }
      case 'checkpoints-failed': {
        const { failure } = event;
        const slot = failure.slot ?? 0;
        this.#failed(this.#concerned(event), { slot, failure, part: { kind: 'region' } });
        return;
      }
      case 'deploying': {
        const { leases, ...deploying } = event;
        if (this.#job.isStale(event.region, event.round)) return;
        const deployment = this.#deployment(event.region);
        const reachedRecords = deployment.progress().sourceRecords;
        deployment.begin(leases);
        this.#decide({ ...deploying, reachedRecords });
        return;
      }
      case 'checkpoint-told':
        this.events.tell('checkpoint', event.event);
        return;
      case 'checkpoint-durable': {
        const { checkpoint } = event.pending;
        const points = regionPoints(this.plan, event.pending);
        this.#decide({ kind: 'durable', checkpoint, points });
        this.#collected.append(event.pending, this.plan.graph);
        return;
      }
      case 'checkpoint-committed':
        this.#committed(event.pending);
        return;
      default:
        this.#decide(event);
    }
  }

  /** Whom the event concerns, if it tells of a failure. */
  #concerned(event: DriverEvent): readonly number[] {
    const { isOver, regions } = this.#job;
    if (isOver) return [];
    switch (event.kind) {
      case 'thread-failed': {
        const { slot, except } = event.failed;
        return this.#on(slot).filter((region) => region !== except);
      }
      case 'host': {
        const told = event.event;
        if (told.kind !== 'task-failed') return [];
        return indexesOf(regions.filter(({ epoch }) => epoch === told.epoch));
      }
      case 'launch-failed':
        return this.#job.isStale(event.region, event.round) ? [] : [event.region];
      case 'checkpoints-failed': {
        const { operator = '' } = event.failure;
        const own = regions.filter(({ plan }) => plan.operators.includes(operator));
        return indexesOf(own.length > 0 ? own : regions);
      }
      default:
        return [];
    }
  }

  /** Regions that have tasks on the slot. */
  #on(slot: number): readonly number[] {
    return indexesOf(this.#job.regions.filter(({ plan }) => plan.slots.includes(slot)));
  }

  /** The pool tells of a slot that has lost its thread before it tells why. */
  #slotChanged(info: SlotInfo): void {
    if (info.verdict === 'dead' && !this.#job.isOver) {
      for (const region of this.#on(info.slot)) this.#deployment(region).revoke(); // E2
    }
    this.events.tell('slot', info);
  }

  /**
   * These regions have failed, all for one reason. None of their tasks goes on from here: that comes first, whatever
   * listeners do meanwhile (R1).
   */
  #failed(concerned: readonly number[], given: Omit<FailedEvent, 'kind' | 'regions'>): void {
    if (this.#job.isOver || concerned.length === 0) return;
    for (const region of concerned) this.#deployment(region).revoke();
    const failure = this.#given.mapFailure(given.failure);
    const regions = concerned.map((region) => {
      return { region, tasks: this.#deployment(region).points() };
    });
    this.#decide({ ...given, kind: 'failed', failure, regions });
  }

  /** A thread without tasks has died: nothing has to go back to a checkpoint. */
  #idleThreadDied({ slot, failure }: { readonly slot: number; readonly failure: Failure }): void {
    if (this.#job.isOver || this.#world === undefined) return;
    const replaced = this.#slots.replaceIdle(slot);
    const words = replaced ? 'is replaced' : 'is not replaced any more';
    this.#options.logger?.warn({ failure }, `a thread without tasks has died, and ${words}`);
  }

  #hostEvent(slot: number, event: StreamEvent): void {
    const region = this.#job.regionOf(event.epoch);
    if (region === undefined) return; // D2
    const { index } = region.plan;
    switch (event.kind) {
      case 'task-failed': {
        const { vertex, instance } = event;
        const part = { kind: 'task', vertex, instance } as const;
        this.#failed([index], { slot, part, failure: { ...event.failure, slot } });
        return;
      }
      case 'first-output':
        this.#decide({ kind: 'first-output', epoch: event.epoch });
        return;
      case 'task-ended': {
        const { kind, epoch, vertex, instance } = event;
        this.#decide({ kind, epoch, vertex, instance });
        this.#world!.checkpoints.taskEnded(epoch, vertex, instance);
        return;
      }
      default: {
        if (event.kind === 'captured' && event.incarnation !== this.#slots.incarnation(slot))
          return;
        const failure = takeReport(event, {
          given: this.#given,
          world: this.#world!,
          deployment: this.#deployment(index),
          collected: this.#collected,
        });
        if (failure !== undefined) {
          const part = { kind: 'slot' } as const;
          this.#failed([index], { slot, part, failure: { ...failure, slot } });
        }
      }
    }
  }

  #committed(pending: PendingCheckpoint): void {
    this.#given.watch?.onCommitted(reachedSplits(pending));
    this.#told = this.#slots.tellAll('committed', [pending.epochs, pending.checkpoint]);
    const points = regionPoints(this.plan, pending);
    this.#decide({ kind: 'committed', final: pending.final, points });
  }

  // ---- what the job's machine decides ----------------------------------------------------------

  #decide(event: JobMachineEvent): void {
    for (const command of this.#job.handle(event, performance.now())) this.#perform(command);
  }

  #perform(command: DriverCommand): void {
    switch (command.kind) {
      case 'revoke':
        this.#deployment(command.region).revoke();
        return;
      case 'fence':
        for (const slot of command.slots) void this.#fence(command.region, slot);
        return;
      case 'replace-threads':
        // If that fails, the launch meets the failure again, and tells it.
        for (const slot of command.slots) {
          if (!this.#slots.isAlive(slot)) this.#slots.ensure(slot).catch(() => {});
        }
        return;
      case 'prefetch':
        this.#world!.launcher.prefetch(this.plan.regions[command.region]!, command.round);
        return;
      case 'launch': {
        const { round, reached } = command;
        const region = this.plan.regions[command.region]!;
        void this.#world!.launcher.launch({ region, round, reached });
        return;
      }
      case 'region-up':
        this.#world!.checkpoints.up(command.region, command.epoch);
        return;
      case 'region-down':
        this.#world!.checkpoints.down(command.region);
        return;
      case 'refill-spares':
        this.#slots.refillSpares();
        return;
      case 'stop-sources':
        void this.#slots.askAll('stopSources', [command.drain]);
        return;
      case 'take-stop-checkpoint':
        this.#takeStopCheckpoint(command.order);
        return;
      case 'answer-start':
        this.#started.resolve();
        return;
      case 'tell-failure': {
        const { failure } = command;
        this.events.tell('failure', failure);
        this.#options.logger?.warn({ failure }, 'a part of the job failed');
        return;
      }
      case 'tell-restarting': {
        const { attempt, delayMs } = command;
        this.#options.logger?.info({ attempt, delayMs }, 'restarting from the last checkpoint');
        return;
      }
      case 'tell-restarted':
        this.events.tell('restarted', command.event);
        return;
      case 'tell-status':
        this.events.tell('status', command.status);
        return;
      case 'end':
        void this.#end(command.status);
        return;
      case 'close':
        void this.#close(command.status, command.error);
    }
  }

  async #fence(region: number, slot: number): Promise<void> {
    // How long a thread may take to stop the region's tasks; then the thread is ended.
    const { resetTimeoutMs } = this.#job.groups.find(({ regions }) =>
      regions.includes(region),
    )!.restart;
    if (this.#slots.isAlive(slot)) await this.#slots.fence(slot, region, resetTimeoutMs);
    this.tell({ kind: 'fenced', region, slot });
  }

  #takeStopCheckpoint(order: number): void {
    const { checkpoints, commits } = this.#world!;
    checkpoints.request('stop').then(
      (checkpoint) => {
        const isCommitted = commits.isCommitted(checkpoint);
        this.tell({ kind: 'stop-checkpoint', isCommitted, isFinal: commits.isFinal });
      },
      (error) => {
        const { isFinal } = commits;
        this.tell({ kind: 'no-stop-checkpoint', order, isFinal, error: this.#mapError(error) });
      },
    );
  }

  // ---- the start -------------------------------------------------------------------------------

  /** Resolves when all tasks run; rejects, with everything closed, when the job cannot start. */
  async start(): Promise<void> {
    openJob({
      given: this.#given,
      slots: this.#slots,
      job: this.#job,
      events: this.events,
      collected: this.#collected,
      tell: (event) => this.tell(event),
      onWorld: (world) => {
        this.#world = world;
      },
    }).catch((error) => this.tell({ kind: 'not-prepared', error: this.#mapError(error) }));
    await this.#started.promise;
  }

  // ---- the end ---------------------------------------------------------------------------------

  async #end(status: 'finished' | 'stopped'): Promise<void> {
    // Without a lease no reader would hear of the last checkpoint, nor acknowledge what is in it.
    await this.#told;
    this.#revokeAll();
    this.#lastMetrics = await this.#slots.lastMetrics();
    const { commits, checkpoints, plan } = this.#world!;
    const result: JobResult = {
      job: plan.graph.job,
      run: this.run,
      status,
      sourceRecords: recordsIn(commits.latest) || this.progress().sourceRecords,
      checkpoints: checkpoints.completed,
      restarts: this.#job.restarts,
      durationMs: performance.now() - this.#startedMs,
      counters: sumCounters(this.#lastMetrics),
      collected: this.#collected.all(plan.graph),
    };
    try {
      if (commits.latest?.final === true) {
        const mark = finishedMark(result, commits.latest.checkpoint, plan.graph);
        await this.#given.store?.markFinished(mark);
      }
    } catch (error) {
      await this.#close('failed', failureToError(toFailure(error, 'checkpoint')));
      return;
    }
    await this.#close(status, result);
  }

  async #close(status: JobStatus, outcome: JobResult | Error): Promise<void> {
    this.#timer.set(undefined);
    this.#revokeAll();
    this.#world?.checkpoints.close();
    await this.#slots.close(!(outcome instanceof Error));
    await this.#world?.commits.settle();
    await this.#world?.launcher.settle();
    const latest = outcome instanceof Error ? undefined : this.#world?.commits.latest;
    await this.#lastSavepoint?.save(this.#given.store, latest);
    await this.#given.store?.close().catch(() => {});
    this.tell({ kind: 'closed', status });
    if (outcome instanceof Error) {
      this.#finished.reject(outcome);
      this.#started.reject(outcome);
    } else {
      this.#finished.resolve(outcome);
      this.#started.resolve();
    }
  }

  #revokeAll(): void {
    for (const deployment of this.#world?.deployments ?? []) deployment.revoke();
  }

  // ---- what the job's face asks ----------------------------------------------------------------

  get status(): JobStatus {
    return this.#job.status;
  }

  get finished(): Promise<JobResult> {
    return this.#finished.promise;
  }

  get plan(): JobPlan {
    return this.#planned().plan;
  }

  tree(): JobTreeNode {
    const { plan } = this.#planned();
    const now = performance.now();
    const { groups, regions } = this.#job;
    const root = this.#job.describe(now)!;
    return jobTree({ plan, groups, regions, slots: this.slots(), root, now });
  }

  slots(): readonly SlotInfo[] {
    return this.#slots.info();
  }

  progress(): JobProgress {
    const deployments = this.#world?.deployments ?? [];
    return sumProgress(deployments.map((deployment) => deployment.progress()));
  }

  collected(name: string): readonly unknown[] {
    return this.#collected.of(name, this.plan.graph);
  }

  kill(slot: number, cause: KillCause | 'terminate'): void {
    this.#slots.kill(slot, cause);
  }

  async metrics(): Promise<JobMetrics> {
    const { isOver, status, restarts } = this.#job;
    return {
      status,
      progress: this.progress(),
      restarts,
      slots: this.slots(),
      operators: isOver ? this.#lastMetrics : await this.#slots.metrics(),
      checkpoints: this.#world?.checkpoints.metrics() ?? NO_CHECKPOINTS,
    };
  }

  async checkpointNow(): Promise<number> {
    if (this.#given.store === undefined) throw needsCheckpoints('checkpointNow');
    return await this.#running().checkpoints.request('manual');
  }

  /** @returns the id of the checkpoint that was copied */
  async savepoint(directory: string): Promise<number> {
    const target = await savepointTarget(this.#given.store, directory);
    try {
      return await this.#running().checkpoints.savepoint(target);
    } finally {
      await target.close();
    }
  }

  async stop({ drain = false, savepoint }: StopOptions): Promise<JobResult> {
    const isOver = () => this.#job.isOver || this.#job.isStopping;
    if (savepoint === undefined) {
      if (!isOver()) this.tell({ kind: 'stop', drain });
      return await this.#finished.promise;
    }
    const target = await savepointTarget(this.#given.store, savepoint);
    if (isOver()) {
      await target.close();
      throw notRunning(this.#job.status);
    }
    const lastSavepoint = new LastSavepoint(target);
    this.#lastSavepoint = lastSavepoint;
    this.tell({ kind: 'stop', drain });
    const result = await this.#finished.promise;
    lastSavepoint.checkSaved();
    return result;
  }

  /** @param reason the reason of an aborted signal */
  async cancel(reason?: unknown): Promise<void> {
    this.tell({ kind: 'cancel', error: canceledError(reason) });
    await this.#finished.promise.catch(() => {});
  }

  #planned(): World {
    if (this.#world === undefined) throw notRunning(this.#job.status);
    return this.#world;
  }

  #running(): World {
    if (this.#job.isOver) throw notRunning(this.#job.status);
    return this.#planned();
  }

  #deployment(region: number): Deployment {
    return this.#world!.deployments[region]!;
  }

  #mapError(error: unknown): Error {
    const mapped = this.#given.mapFailure(toFailure(error, 'internal'));
    return error instanceof HoldfastError ? error : failureToError(mapped);
  }
}

function indexesOf(regions: readonly { readonly plan: { readonly index: number } }[]): number[] {
  return regions.map(({ plan }) => plan.index);
}
