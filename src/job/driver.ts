/**
 * The driver: starts a job, keeps it alive, ends it. It performs what the pure machines decide.
 *
 *  D1  One launch at a time; a failure while a launch is under way makes that launch stale
 *      (`#launchId`), and what a stale launch still does has no effect.
 *  D2  A failure first revokes the epoch in shared memory, so that no task goes on, and only then
 *      is anything else done about it.
 *  D3  The checkpoint to restore is chosen after `settle`: a manifest on its way counts if it lands.
 *  D4  What a host reports for another epoch is dropped.
 *  D5  The job ends exactly once, through `#end`.
 */

import { EventEmitter } from 'node:events';
import { deferred } from '../base/deferred.js';
import { HoldfastError } from '../base/errors.js';
import { type Failure, failureToError, toFailure } from '../base/failure.js';
import { seededRandom } from '../base/random.js';
import type { CheckpointStore, Manifest } from '../checkpoint/store.js';
import type { JobPlan } from '../stream/plan.js';
import { planJob } from '../stream/planner.js';
import type { SourceSplit } from '../stream/source.js';
import {
  Supervisor,
  type SupervisorCommand,
  type SupervisorEvent,
} from '../supervisor/supervisor.js';
import { CheckpointDriver } from './checkpoint-driver.js';
import { CollectedRows } from './collected-rows.js';
import { isFatal } from './fatal.js';
import type { HostSpawner } from './host-link.js';
import type { HostEvent, KillCause } from './host-protocol.js';
import { Incident } from './incident.js';
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
import { SinkCommitter } from './sink-committer.js';
import { type SlotFailure, Slots } from './slots.js';

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
  readonly #supervisor: Supervisor;
  readonly #finished = deferred<JobResult>();
  readonly #collected = new CollectedRows();
  readonly #startedMs = performance.now();
  #status: JobStatus = 'starting';
  #plan: JobPlan | undefined;
  #checkpoints: CheckpointDriver | undefined;
  #launcher: Launcher | undefined;
  #splits: Readonly<Record<string, readonly SourceSplit[]>> | undefined;
  #epoch = 0;
  #launchId = 0;
  #toStart = new Set<number>();
  #incident: Incident | undefined;
  #restarts = 0;
  #attempt = 0;
  #stopping: { readonly drain: boolean } | undefined;
  #ended = false;
  #firstLaunch: { failed: (error: unknown) => void } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(given: DriverOptions) {
    this.#given = given;
    this.#options = given.options;
    this.run = given.run;
    this.#finished.promise.catch(() => {});
    this.#slots = new Slots({
      options: given.options,
      spawn: given.spawn,
      onEvent: (slot, event) => this.#hostEvent(slot, event),
      onFailure: (failure) => this.#slotFailed(failure),
    });
    this.#supervisor = new Supervisor({
      children: Array.from({ length: given.options.parallelism }, (_, slot) => childOf(slot)),
      strategy: 'one-for-all',
      restart: given.options.restart,
      random: seededRandom(Date.now()),
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
    const firstLaunch = deferred<void>();
    this.#firstLaunch = { failed: firstLaunch.reject };
    try {
      const graph = await this.#slots.open();
      this.#plan = planJob(graph, {
        slots: this.#options.parallelism,
        keyGroups: this.#options.keyGroups,
      });
      this.#prepare(this.#plan);
      const { manifest } = this.#given;
      if (manifest?.final === true) {
        await this.#launcher!.recommit(manifest);
        await this.#end('finished');
        return;
      }
      if (manifest === undefined) this.#splits = await this.#launcher!.listSplits();
      const running = new Promise<void>((resolve) => {
        this.#onRunning = resolve;
      });
      this.#supervise({ kind: 'start' });
      await Promise.race([running, firstLaunch.promise]);
    } catch (error) {
      const shown = this.#mapError(error);
      await this.#fail(shown);
      throw shown;
    } finally {
      this.#firstLaunch = undefined;
    }
  }

  #onRunning: () => void = () => {};

  #prepare(plan: JobPlan): void {
    const sinks = plan.graph.nodes.filter((node) => node.kind === 'sink');
    const committer = new SinkCommitter(sinks, this.run, async (operator, checkpoint, list) => {
      const slot = this.#slots.info().find((info) => this.#slots.isAlive(info.slot))?.slot ?? 0;
      await this.#slots.link(slot).call('commit', [operator, checkpoint, list]);
    });
    this.#checkpoints = new CheckpointDriver({
      options: this.#options,
      store: this.#given.store,
      run: this.run,
      committer,
      trigger: (epoch, checkpoint, final) => {
        if (final && this.#status === 'running') this.#setStatus('finishing');
        this.#tellAll('trigger', epoch, checkpoint);
      },
      abort: (epoch, checkpoint) => this.#tellAll('abort', epoch, checkpoint),
      onEvent: (event) => this.events.emit('checkpoint', event),
      onDurable: (pending) => this.#collected.append(pending),
      onCommitted: (pending) => this.#committed(pending),
      onGiveUp: (failure) => this.#regionFailed(failure.slot ?? 0, failure, undefined, 0),
      endsJob: () => this.#stopping === undefined,
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
  }

  #tellAll(method: 'trigger' | 'abort', epoch: number, checkpoint: number): void {
    for (let slot = 0; slot < this.#options.parallelism; slot += 1) {
      // A thread that cannot be told is dying: its death is what matters, and it is reported.
      if (this.#slots.isAlive(slot)) {
        this.#slots
          .link(slot)
          .call(method, [epoch, checkpoint])
          .catch(() => {});
      }
    }
  }

  // ---- what hosts and threads report -----------------------------------------------------------

  #hostEvent(slot: number, event: HostEvent): void {
    if (event.kind === 'ready' || event.kind === 'load-failed') return;
    if (this.#ended || event.epoch !== this.#epoch) return; // D4
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
        this.#regionFailed(slot, { ...event.failure, slot }, undefined, 0);
        return;
      case 'task-ended':
        this.#checkpoints!.taskEnded(event.epoch, event.vertex, event.instance);
        return;
      case 'first-output':
        this.#incident?.output(performance.now());
        this.#recovered();
        return;
      case 'restored-visible':
        // Later restores go back to a checkpoint whose rows are known here already.
        if (this.#restarts === 0 && this.#incident === undefined) {
          this.#collected.restore(event.operator, event.rows);
        }
        return;
      case 'print':
        this.#options.print(event.line);
    }
  }

  #slotFailed(report: SlotFailure): void {
    this.#regionFailed(report.slot, report.failure, report.ordered, report.detectMs);
  }

  // ---- failure and recovery --------------------------------------------------------------------

  #regionFailed(slot: number, raw: Failure, ordered: string | undefined, detectMs: number): void {
    if (this.#ended) return;
    this.#slots.revokeEpoch(); // D2
    this.#launchId += 1; // D1
    const failure = this.#given.mapFailure(raw);
    if (this.#epoch !== 0) {
      this.#recovered();
      this.#epoch = 0;
      this.#checkpoints?.stopped();
      // What fails while coming up again belongs to the incident that made it necessary.
      this.#incident ??= new Incident({
        failure,
        slot,
        cause: ordered ?? failure.kind,
        detectMs,
        sourceRecords: this.progress().sourceRecords,
        nowMs: performance.now(),
      });
    }
    this.events.emit('failure', failure);
    this.#options.logger?.warn({ failure }, 'a part of the job failed');
    if (isFatal(failure)) {
      const error = failureToError(failure);
      if (this.#firstLaunch !== undefined) this.#firstLaunch.failed(error);
      else void this.#fail(error);
      return;
    }
    if (this.#stopping === undefined) this.#setStatus('restarting');
    this.#supervise({
      kind: 'child-ended',
      child: childOf(slot),
      reason: 'abnormal',
      failure,
    });
  }

  #supervise(event: SupervisorEvent): void {
    if (this.#ended) return;
    const commands = this.#supervisor.handle(event, performance.now());
    for (const command of commands) this.#perform(command);
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const due = this.#supervisor.nextDeadline();
    if (due === undefined || this.#ended) return;
    const waitMs = due - performance.now();
    // A back-off of a few ms is not worth a timer's granularity.
    if (waitMs <= 0) this.#timer = setTimeout(() => this.#supervise({ kind: 'tick' }), 0);
    else this.#timer = setTimeout(() => this.#supervise({ kind: 'tick' }), Math.ceil(waitMs));
  }

  #perform(command: SupervisorCommand): void {
    switch (command.kind) {
      case 'stop-child':
        void this.#fence(slotOf(command.child));
        return;
      case 'start-child':
        this.#attempt = command.attempt;
        this.#toStart.add(slotOf(command.child));
        // All slots start together; the last request starts the launch.
        if (this.#toStart.size === 1) queueMicrotask(() => void this.#launch());
        return;
      case 'restarting':
        this.#attempt = command.attempt;
        this.#options.logger?.info(
          { attempt: command.attempt, delayMs: command.delayMs },
          'restarting from the last checkpoint',
        );
        return;
      case 'escalate':
        void this.#escalate(command.failure, command.attempts);
        return;
      case 'stopped':
        return;
    }
  }

  async #fence(slot: number): Promise<void> {
    await this.#slots.fence(slot, this.#options.restart.resetTimeoutMs);
    this.#supervise({ kind: 'child-ended', child: childOf(slot), reason: 'shutdown' });
  }

  async #launch(): Promise<void> {
    this.#launchId += 1;
    const id = this.#launchId;
    const stale = () => this.#launchId !== id || this.#ended;
    const slots = [...this.#toStart];
    this.#toStart.clear();
    const launched = await this.#launcher!.launch({
      splits: this.#splits,
      stale,
      onEpoch: (epoch) => {
        this.#epoch = epoch;
      },
      onDeployed: (manifest) => {
        const last = Math.max(manifest?.checkpoint ?? 0, this.#given.lastCheckpoint);
        this.#checkpoints!.started(this.plan, this.#epoch, last);
      },
    });
    if (stale() || launched.kind === 'stale') return;
    if (launched.kind === 'failed') {
      if (this.#firstLaunch !== undefined && launched.deterministic) {
        this.#firstLaunch.failed(failureToError(this.#given.mapFailure(launched.failure)));
        return;
      }
      this.#regionFailed(launched.slot, launched.failure, undefined, 0);
      return;
    }
    for (const slot of slots) this.#supervise({ kind: 'child-started', child: childOf(slot) });
    this.#running(launched.manifest, launched.respawned);
  }

  #running(manifest: Manifest | undefined, respawned: readonly number[]): void {
    this.#incident?.running({
      epoch: this.#epoch,
      attempt: this.#attempt,
      checkpoint: manifest?.checkpoint,
      restoredRecords: recordsIn(manifest),
      respawned,
      nowMs: performance.now(),
    });
    if (this.#incident !== undefined) this.#restarts += 1;
    else this.#slots.refillSpares();
    if (this.#incident?.hasOutput === true) this.#recovered();
    if (this.#stopping === undefined) this.#setStatus('running');
    if (this.#stopping !== undefined) this.#applyStop(this.#stopping);
    this.#onRunning();
  }

  /** The first record of the epoch reached a sink, or will not any more. */
  #recovered(): void {
    const event = this.#incident?.recovered(performance.now());
    if (event !== undefined) {
      this.#incident = undefined;
      this.events.emit('restarted', event);
      this.#slots.refillSpares();
    }
  }

  async #escalate(failure: Failure, attempts: number): Promise<void> {
    const root = failureToError(failure);
    const error =
      attempts === 0
        ? root
        : new HoldfastError(
            'ERR_HOLDFAST_RESTART_BUDGET',
            `gave up after ${attempts} restarts without a completed checkpoint between them; the last ` +
              `failure was: ${root.message}`,
            { cause: root, details: { ...root.details, attempts } },
          );
    if (this.#firstLaunch !== undefined) this.#firstLaunch.failed(error);
    else await this.#fail(error);
  }

  // ---- checkpoints, stop, end ------------------------------------------------------------------

  #committed(pending: PendingCheckpoint): void {
    this.#supervise({ kind: 'progress' });
    if (pending.final) void this.#end(this.#stopping === undefined ? 'finished' : 'stopped');
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
      if (this.#epoch !== 0 && this.#incident?.isDown !== true) this.#applyStop(this.#stopping);
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
    const epoch = this.#epoch;
    this.#checkpoints!.request('stop').then(
      () => this.#end('stopped'),
      (error) => {
        // A failure of the region is answered by a restart, which stops again.
        if (this.#epoch === epoch && !this.#ended) void this.#fail(this.#mapError(error));
      },
    );
  }

  async cancel(): Promise<void> {
    if (this.#ended) return;
    await this.#close(
      'canceled',
      new HoldfastError('ERR_HOLDFAST_CANCELED', 'the job was canceled.'),
    );
  }

  async #fail(error: Error): Promise<void> {
    if (!this.#ended) await this.#close('failed', error);
  }

  async #end(status: 'finished' | 'stopped'): Promise<void> {
    if (this.#ended) return; // D5
    this.#recovered();
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
      if (status === 'finished') {
        const { collected: _, ...mark } = result;
        await this.#given.store?.markFinished({
          run: this.run,
          checkpoint: this.#checkpoints?.latest?.checkpoint,
          result: mark,
        });
      }
    } catch (error) {
      await this.#fail(this.#mapError(error));
      return;
    }
    await this.#close(status, result);
  }

  async #close(status: JobStatus, outcome: JobResult | Error): Promise<void> {
    this.#ended = true;
    this.#launchId += 1;
    clearTimeout(this.#timer);
    this.#slots.revokeEpoch();
    this.#checkpoints?.close();
    await this.#slots.close(!(outcome instanceof Error));
    await this.#checkpoints?.settle();
    await this.#given.store?.close().catch(() => {});
    this.#setStatus(status);
    if (outcome instanceof Error) this.#finished.reject(outcome);
    else this.#finished.resolve(outcome);
  }

  async metrics(): Promise<JobMetrics> {
    const operators: JobMetrics['operators'][number][] = [];
    for (let slot = 0; slot < this.#options.parallelism; slot += 1) {
      if (!this.#slots.isAlive(slot) || this.#ended) continue;
      const answer = await this.#slots
        .link(slot)
        .call('metrics', [], { timeoutMs: 1_000 })
        .catch(() => undefined);
      if (answer !== undefined) operators.push(...answer.tasks);
    }
    return {
      status: this.#status,
      progress: this.progress(),
      restarts: this.#restarts,
      slots: this.slots(),
      operators,
      checkpoints: {
        completed: this.#checkpoints?.completed ?? 0,
        failed: this.#checkpoints?.failed ?? 0,
        last: this.#checkpoints?.lastEvent,
      },
    };
  }

  #setStatus(status: JobStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.events.emit('status', status);
  }

  #mapError(error: unknown): Error {
    const mapped = this.#given.mapFailure(toFailure(error, 'internal'));
    return error instanceof HoldfastError ? error : failureToError(mapped);
  }
}

const childOf = (slot: number): string => `slot-${slot}`;
const slotOf = (child: string): number => Number(child.slice('slot-'.length));

function notRunning(status: JobStatus): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_NOT_RUNNING', `the job is ${status}, not running.`);
}
