/**
 * The driver: starts a job, ends it, and is what its face asks. What fails in between is the business
 * of the regions and their supervisors.
 *
 *  D1  The job ends exactly once, through `#close`. Once its end is certain, no failure undoes it.
 *  D2  What a host reports for another epoch is dropped.
 */

import { EventEmitter } from 'node:events';
import { type Deferred, deferred } from '../base/deferred.js';
import { HoldfastError, isHoldfastError } from '../base/errors.js';
import { type Failure, failureToError, toFailure } from '../base/failure.js';
import type { CheckpointStore, Manifest } from '../checkpoint/store.js';
import type { JobPlan, PlanRegion } from '../stream/plan.js';
import { planJob } from '../stream/planner.js';
import { CheckpointDriver } from './checkpoint-driver.js';
import { CollectedRows } from './collected-rows.js';
import { collectSinks, readCollected } from './collected-state.js';
import { isFatal } from './fatal.js';
import type { HostSpawner } from './host-link.js';
import type { HostEvent, KillCause } from './host-protocol.js';
import type {
  JobEvents,
  JobMetrics,
  JobProgress,
  JobResult,
  JobStatus,
  SlotInfo,
} from './job-types.js';
import { Launcher } from './launcher.js';
import { type PendingCheckpoint, recordsIn } from './make-manifest.js';
import type { ResolvedOptions } from './options.js';
import { Region, type RegionFailure } from './region.js';
import { SinkCommitter } from './sink-committer.js';
import { Slots } from './slots.js';
import { Supervision } from './supervision.js';

export interface DriverOptions {
  readonly options: ResolvedOptions;
  readonly spawn: HostSpawner;
  readonly store: CheckpointStore | undefined;
  /** The checkpoint to start from, and the greatest id ever used in the store. */
  readonly manifest: Manifest | undefined;
  readonly lastCheckpoint: number;
  readonly run: string;
  /** Makes stacks point into the user's own source. */
  readonly mapFailure: (failure: Failure) => Failure;
}

export class JobDriver {
  readonly events = new EventEmitter<JobEvents>();
  readonly run: string;
  readonly #given: DriverOptions;
  readonly #options: ResolvedOptions;
  readonly #slots: Slots;
  readonly #finished = deferred<JobResult>();
  readonly #collected = new CollectedRows();
  readonly #startedMs = performance.now();
  #status: JobStatus = 'starting';
  #plan: JobPlan | undefined;
  #checkpoints: CheckpointDriver | undefined;
  #launcher: Launcher | undefined;
  #regions: readonly Region[] = [];
  #supervision: Supervision | undefined;
  #stopping: { readonly drain: boolean } | undefined;
  #ended = false;
  /** What the tasks had to say when the job ended. */
  #lastMetrics: JobMetrics['operators'] = [];
  /** While `start` has not answered. */
  #first: Deferred<void> | undefined;

  constructor(given: DriverOptions) {
    this.#given = given;
    this.#options = given.options;
    this.run = given.run;
    this.#finished.promise.catch(() => {});
    this.#slots = new Slots({
      options: given.options,
      spawn: given.spawn,
      onEvent: (slot, event) => this.#hostEvent(slot, event),
      onChange: (info) => this.#emit('slot', info),
      onFailure: ({ except, ...report }) =>
        this.#failed(
          this.#regions.filter(
            ({ plan }) => plan.slots.includes(report.slot) && plan.index !== except,
          ),
          report,
        ),
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

  slots(): readonly SlotInfo[] {
    return this.#slots.info();
  }

  progress(): JobProgress {
    let [sourceRecords, sinkRecords] = [0, 0];
    for (const region of this.#regions) {
      const progress = region.progress();
      sourceRecords += progress.sourceRecords;
      sinkRecords += progress.sinkRecords;
    }
    return { sourceRecords, sinkRecords };
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
      // Whatever it waits for, the end of the job ends it.
      await Promise.race([first.promise, this.#begin().then(() => first.promise)]);
    } catch (error) {
      await this.#fail(this.#mapError(error));
      // Rejects with that, or with what had ended the job before.
      await this.#finished.promise;
    } finally {
      this.#first = undefined;
    }
  }

  async #begin(): Promise<void> {
    const graph = await this.#slots.open();
    if (this.#ended) return;
    this.#plan = planJob(graph, {
      slots: this.#options.parallelism,
      keyGroups: this.#options.keyGroups,
    });
    this.#prepare(this.#plan);
    const { manifest } = this.#given;
    if (manifest?.final === true) {
      await this.#launcher!.recommit(manifest);
      await this.#showCollected(manifest);
      await this.#end('finished');
      return;
    }
    const splits = manifest === undefined ? await this.#launcher!.listSplits() : undefined;
    if (this.#ended) return;
    await this.#launcher!.prepareStart();
    if (this.#ended) return;
    for (const region of this.#regions) region.prepare(splits);
    this.#supervision!.start();
  }

  /** All was processed in an earlier life: no task will tell what its rows were. */
  async #showCollected(manifest: Manifest): Promise<void> {
    const graph = this.plan.graph;
    for (const { id, collectName } of graph.nodes) {
      if (collectName === undefined) continue;
      const rows = await readCollected(this.#given.store!, manifest, { [collectName]: [id] });
      this.#collected.restore(id, 0, rows[collectName]!);
    }
  }

  #prepare(plan: JobPlan): void {
    const sinks = plan.graph.nodes.filter((node) => node.kind === 'sink');
    const committer = new SinkCommitter(sinks, this.run, async (operator, checkpoint, list) => {
      const { timeoutMs } = this.#options.checkpoint;
      await this.#slots.anyLink().call('commit', [operator, checkpoint, list], { timeoutMs });
    });
    this.#checkpoints = new CheckpointDriver({
      plan,
      options: this.#options,
      store: this.#given.store,
      run: this.run,
      committer,
      lastCheckpoint: Math.max(this.#given.lastCheckpoint, this.#given.manifest?.checkpoint ?? 0),
      trigger: (epochs, checkpoint, final, base) => {
        if (final && this.#status === 'running') this.#setStatus('finishing');
        this.#slots.tellAll('trigger', [epochs, checkpoint, base]);
      },
      abort: (epochs, checkpoint) => this.#slots.tellAll('abort', [epochs, checkpoint]),
      onEvent: (event) => this.#emit('checkpoint', event),
      onDurable: (pending) => this.#collected.append(pending),
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
    this.#launcher = new Launcher({
      plan,
      options: this.#options,
      run: this.run,
      slots: this.#slots,
      store: this.#given.store,
      committer,
      checkpoints: this.#checkpoints,
    });
    this.#regions = plan.regions.map((region) => this.#makeRegion(region));
    this.#supervision = new Supervision({
      regions: plan.regions.map(({ id }) => id),
      restart: this.#options.restart,
      launch: (region, attempt) => void this.#regions[region]!.launch(attempt),
      stop: (region) => this.#regions[region]!.stop(undefined),
      onRestarting: (attempt, delayMs) =>
        this.#options.logger?.info({ attempt, delayMs }, 'restarting from the last checkpoint'),
      onGivenUp: (failure, attempts) => this.#givenUp(budgetError(failure, attempts)),
    });
  }

  #makeRegion(plan: PlanRegion): Region {
    const region: Region = new Region({
      plan,
      options: this.#options,
      slots: this.#slots,
      launcher: this.#launcher!,
      checkpoints: this.#checkpoints!,
      mapFailure: this.#given.mapFailure,
      supervise: (event) => this.#supervision!.region(plan.index, event),
      onLaunchFailed: (slot, failure) => this.#failed([region], { slot, failure }),
      onDown: () => {
        if (this.#stopping === undefined) this.#setStatus('restarting');
      },
      onRunning: () => this.#running(),
      onRestarted: (event) => this.#emit('restarted', event),
      onGivenUp: (error) => this.#givenUp(error),
      isFirstLaunch: () => this.#first !== undefined,
    });
    return region;
  }

  #givenUp(error: Error): void {
    if (this.#first !== undefined) this.#first.reject(error);
    else void this.#fail(error);
  }

  get #isUp(): boolean {
    return this.#regions.length > 0 && this.#regions.every(({ isUp }) => isUp);
  }

  #running(): void {
    if (!this.#isUp) return;
    if (this.#stopping === undefined) this.#setStatus('running');
    else this.#applyStop(this.#stopping);
    this.#first?.resolve();
  }

  /** These regions have failed, for one and the same reason. */
  #failed(regions: readonly Region[], given: RegionFailure): void {
    if (this.#ended || regions.length === 0) return;
    for (const region of regions) region.revoke(); // At once, whatever listeners do meanwhile.
    const failure = this.#given.mapFailure(given.failure);
    this.#emit('failure', failure);
    this.#options.logger?.warn({ failure }, 'a part of the job failed');
    if (isFatal(failure)) this.#givenUp(failureToError(failure));
    else for (const region of regions) region.failed({ ...given, failure });
  }

  // ---- what hosts and threads report -----------------------------------------------------------

  #hostEvent(slot: number, event: HostEvent): void {
    if (event.kind === 'ready' || event.kind === 'load-failed') return;
    const region = this.#regions.find(({ epoch }) => epoch !== 0 && epoch === event.epoch);
    if (this.#ended || region === undefined) return; // D2
    switch (event.kind) {
      case 'captured':
        if (event.incarnation !== this.#slots.incarnation(slot)) return;
        void this.#checkpoints!.captured(event);
        return;
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
      case 'first-output':
        region.output();
        return;
      case 'restored-visible':
        // Once there is a newer checkpoint, restores go back to one whose rows are known here.
        if (this.#checkpoints!.latest === this.#given.manifest) {
          this.#collected.restore(event.operator, event.instance, event.rows);
        }
        return;
      case 'print':
        this.#options.print(event.line);
    }
  }

  // ---- checkpoints, stop, end ------------------------------------------------------------------

  #committed(pending: PendingCheckpoint): void {
    this.#supervision!.progressed();
    if (pending.final) void this.#end(this.#stopping?.drain === true ? 'stopped' : 'finished');
  }

  async checkpointNow(): Promise<number> {
    if (this.#given.store === undefined) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        'checkpointNow needs checkpoints: give run a checkpoint.directory.',
      );
    }
    if (this.#checkpoints === undefined || this.#ended) throw notRunning(this.#status);
    return await this.#checkpoints.request('manual');
  }

  async stop(drain: boolean): Promise<JobResult> {
    if (!this.#ended && this.#stopping === undefined) {
      this.#stopping = { drain };
      this.#setStatus('stopping');
      if (this.#isUp) this.#applyStop(this.#stopping);
    }
    return await this.#finished.promise;
  }

  #applyStop(stopping: { readonly drain: boolean }): void {
    for (let slot = 0; slot < this.#options.parallelism; slot += 1) {
      if (this.#slots.isAlive(slot)) {
        this.#slots
          .link(slot)
          .call('stopSources', [stopping.drain])
          .catch(() => {});
      }
    }
    if (stopping.drain) return; // The ends travel through, the final checkpoint follows.
    const checkpoints = this.#checkpoints!;
    const { generation } = checkpoints;
    checkpoints.request('stop').then(
      // The final checkpoint, if it was that one, ends the job by itself; and the restart that makes up
      // for a commit that was interrupted stops again.
      (checkpoint) => {
        if (!checkpoints.isFinal && checkpoint <= checkpoints.committed) void this.#end('stopped');
      },
      (error) => {
        // All input was processed before the stop came: nothing but the commit is left to wait for.
        if (checkpoints.isFinal) return;
        // A failure of a region is answered by a restart, which stops again.
        if (checkpoints.generation === generation && !this.#ended)
          void this.#fail(this.#mapError(error));
      },
    );
  }

  /** @param reason what an aborted signal gave */
  async cancel(reason?: unknown): Promise<void> {
    if (this.#ended) {
      await this.#finished.promise.catch(() => {});
      return;
    }
    await this.#close('canceled', canceledError(reason));
  }

  async #fail(error: Error): Promise<void> {
    if (!this.#ended) await this.#close('failed', error);
  }

  async #end(status: 'finished' | 'stopped'): Promise<void> {
    if (this.#ended) return; // D1
    this.#ended = true;
    this.#closeRegions();
    for (const region of this.#regions) region.settle();
    this.#lastMetrics = await this.#slots.operatorMetrics();
    const result: JobResult = {
      job: this.plan.graph.job,
      run: this.run,
      status,
      sourceRecords: recordsIn(this.#checkpoints?.latest) || this.progress().sourceRecords,
      checkpoints: this.#checkpoints?.completed ?? 0,
      restarts: this.#restarts,
      durationMs: performance.now() - this.#startedMs,
      collected: this.#collected.all(this.plan.graph),
    };
    try {
      if (this.#checkpoints?.latest?.final === true) {
        const { collected: _, ...figures } = result;
        const mark = { ...figures, collectSinks: collectSinks(this.plan.graph) };
        await this.#given.store?.markFinished({
          run: this.run,
          checkpoint: this.#checkpoints.latest.checkpoint,
          result: mark,
        });
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
      operators: this.#ended ? this.#lastMetrics : await this.#slots.operatorMetrics(),
      checkpoints: {
        completed: this.#checkpoints?.completed ?? 0,
        failed: this.#checkpoints?.failed ?? 0,
        last: this.#checkpoints?.lastEvent,
      },
    };
  }

  /** What a listener throws is its process's to handle, as with every emitter; the job goes on. */
  #emit<E extends keyof JobEvents>(event: E, ...args: JobEvents[E]): void {
    try {
      this.events.emit(event, ...(args as never));
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  #setStatus(status: JobStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.#emit('status', status);
  }

  #mapError(error: unknown): Error {
    const mapped = this.#given.mapFailure(toFailure(error, 'internal'));
    return error instanceof HoldfastError ? error : failureToError(mapped);
  }
}

export function canceledError(reason?: unknown): HoldfastError {
  if (isHoldfastError(reason, 'ERR_HOLDFAST_CANCELED')) return reason;
  const options = reason === undefined ? {} : { cause: reason };
  return new HoldfastError('ERR_HOLDFAST_CANCELED', 'the job was canceled.', options);
}

function notRunning(status: JobStatus): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_NOT_RUNNING', `the job is ${status}, not running.`);
}

function budgetError(failure: Failure, attempts: number): Error {
  const root = failureToError(failure);
  if (attempts === 0) return root;
  return new HoldfastError(
    'ERR_HOLDFAST_RESTART_BUDGET',
    `gave up after ${attempts} restarts without a completed checkpoint between them; the last ` +
      `failure was: ${root.message}`,
    { cause: root, details: { ...root.details, attempts } },
  );
}
