/**
 * The driver: starts a job, ends it, and is what its face asks. What fails in between is the
 * region's business.
 *
 *  D1  The job ends exactly once, through `#close`. Once its end is certain, no failure undoes it.
 *  D2  What a host reports for another epoch is dropped.
 */

import { EventEmitter } from 'node:events';
import { type Deferred, deferred } from '../base/deferred.js';
import { HoldfastError, isHoldfastError } from '../base/errors.js';
import { type Failure, failureToError, toFailure } from '../base/failure.js';
import type { CheckpointStore, Manifest } from '../checkpoint/store.js';
import type { JobPlan } from '../stream/plan.js';
import { planJob } from '../stream/planner.js';
import { CheckpointDriver } from './checkpoint-driver.js';
import { CollectedRows } from './collected-rows.js';
import { collectSinks, readCollected } from './collected-state.js';
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
import { Region } from './region.js';
import { SinkCommitter } from './sink-committer.js';
import { Slots } from './slots.js';

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
  #region: Region | undefined;
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
      onFailure: (report) =>
        this.#region?.failed(report.slot, report.failure, report.ordered, report.detectMs),
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
    return {
      sourceRecords: this.#slots.sum((block) => block.sourceRecords),
      sinkRecords: this.#slots.sum((block) => block.sinkRecords),
    };
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
    if (!this.#ended) this.#region!.start(splits);
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
      options: this.#options,
      store: this.#given.store,
      run: this.run,
      committer,
      trigger: (epoch, checkpoint, final) => {
        if (final && this.#status === 'running') this.#setStatus('finishing');
        this.#slots.tellAll('trigger', [epoch, checkpoint]);
      },
      abort: (epoch, checkpoint) => this.#slots.tellAll('abort', [epoch, checkpoint]),
      onEvent: (event) => this.#emit('checkpoint', event),
      onDurable: (pending) => this.#collected.append(pending),
      onCommitted: (pending) => this.#committed(pending),
      onGiveUp: (failure) => this.#region!.failed(failure.slot ?? 0, failure),
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
    this.#region = new Region({
      plan,
      options: this.#options,
      slots: this.#slots,
      launcher: this.#launcher,
      checkpoints: this.#checkpoints,
      lastCheckpoint: this.#given.lastCheckpoint,
      mapFailure: this.#given.mapFailure,
      progress: () => this.progress(),
      onFailure: (failure) => this.#emit('failure', failure),
      onDown: () => {
        if (this.#stopping === undefined) this.#setStatus('restarting');
      },
      onRunning: () => this.#running(),
      onRestarted: (event) => this.#emit('restarted', event),
      onGivenUp: (error) => {
        if (this.#first !== undefined) this.#first.reject(error);
        else void this.#fail(error);
      },
      isFirstLaunch: () => this.#first !== undefined,
    });
  }

  #running(): void {
    if (this.#stopping === undefined) this.#setStatus('running');
    else this.#applyStop(this.#stopping);
    this.#first?.resolve();
  }

  // ---- what hosts and threads report -----------------------------------------------------------

  #hostEvent(slot: number, event: HostEvent): void {
    if (event.kind === 'ready' || event.kind === 'load-failed') return;
    if (this.#ended || event.epoch !== this.#region?.epoch) return; // D2
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
        this.#region.failed(slot, { ...event.failure, slot });
        return;
      case 'task-ended':
        this.#checkpoints!.taskEnded(event.epoch, event.vertex, event.instance);
        return;
      case 'first-output':
        this.#region.output();
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
    this.#region!.progressed();
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
      if (this.#region?.isUp === true) this.#applyStop(this.#stopping);
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
    const epoch = this.#region!.epoch;
    const checkpoints = this.#checkpoints!;
    checkpoints.request('stop').then(
      // The final checkpoint, if it was that one, ends the job by itself; and the restart that makes up
      // for a commit that was interrupted stops again.
      (checkpoint) => {
        if (!checkpoints.isFinal && checkpoint <= checkpoints.committed) void this.#end('stopped');
      },
      (error) => {
        // All input was processed before the stop came: nothing but the commit is left to wait for.
        if (checkpoints.isFinal) return;
        // A failure of the region is answered by a restart, which stops again.
        if (this.#region!.epoch === epoch && !this.#ended) void this.#fail(this.#mapError(error));
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
    this.#region?.close();
    this.#region?.settle();
    this.#lastMetrics = await this.#slots.operatorMetrics();
    const result: JobResult = {
      job: this.plan.graph.job,
      run: this.run,
      status,
      sourceRecords: recordsIn(this.#checkpoints?.latest) || this.progress().sourceRecords,
      checkpoints: this.#checkpoints?.completed ?? 0,
      restarts: this.#region?.restarts ?? 0,
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
    this.#region?.close();
    this.#slots.revokeEpoch();
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

  async metrics(): Promise<JobMetrics> {
    return {
      status: this.#status,
      progress: this.progress(),
      restarts: this.#region?.restarts ?? 0,
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
