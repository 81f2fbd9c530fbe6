/**
 * Decides what becomes of a job: pure. An event and `now` go in, commands come out. What follows a death stands here in
 * one place, `handle`, in the order in which it happens:
 *
 *   failed ──▶ its regions go down, their slots are fenced, the supervisors told
 *          ──▶ it escalates to the region's group, which decides: `restarting`, then `launch`, or the job is given up
 *   fenced ──▶ when all slots have forgotten the region, what it goes back to is read, and it is launched
 *   deploying, deployed, launched ──▶ checkpoints begin again; the job runs when all regions do
 *   first-output ──▶ the incident is over, and told
 *
 *  D1  The job ends exactly once: it is *ending* from then on, and nothing changes how.
 *  D2  What a host reports for another epoch is dropped.
 *  D3  A start that was not answered fails with its cause at once where a restart would only meet it again.
 *      Once tasks have run, the start is answered, and the failure is the job's.
 */

import { assert } from '../../base/assert.js';
import { isFatalCode } from '../../base/error-codes.js';
import { failureToError } from '../../base/failure.js';
import type { Random } from '../../base/random.js';
import type { TreeNode } from '../../supervisor/supervision-tree.js';
import { budgetError, hopelessError } from '../job-errors.js';
import type { JobStatus } from '../job-types.js';
import type { DriverCommand, FailedEvent, JobMachineEvent, LaunchEvent } from './driver-events.js';
import type { Group } from './groups.js';
import { Progress } from './progress.js';
import { Region } from './region.js';
import { EQUAL_FAILURES_MAX } from './repeated-failure.js';
import { type Decision, Supervision, type SupervisionEvent } from './supervision.js';

type JobState =
  /** Threads load the job, its plan is made, and what it starts from is read. */
  | { readonly kind: 'opening' }
  /** Not all regions are up. `isFinal`: its last checkpoint is triggered, perhaps before all threads said that they run. */
  | { readonly kind: 'starting' | 'restarting' | 'running'; readonly isFinal: boolean }
  /** `shown`: until everything is closed. */
  | { readonly kind: 'ending'; readonly shown: JobStatus }
  | { readonly kind: 'ended'; readonly shown: JobStatus };

interface StopRequest {
  readonly drain: boolean;
  /** Counts how often sources were stopped for it. */
  readonly order: number;
}

/** What there is once the job has a plan. */
interface Planned {
  readonly groups: readonly Group[];
  readonly regions: readonly Region[];
  readonly supervision: Supervision;
  readonly progress: Progress;
}

export class JobMachine {
  readonly #random: Random;
  #state: JobState = { kind: 'opening' };
  #planned: Planned | undefined;
  #isAnswered = false;
  /** A stop on request outlives failures: whenever all regions run again, their sources are stopped again. */
  #stop: StopRequest | undefined;
  #commands: DriverCommand[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  get status(): JobStatus {
    const state = this.#state;
    if ('shown' in state) return state.shown;
    if (this.#stop !== undefined) return 'stopping';
    if (state.kind === 'opening') return 'starting';
    return state.kind === 'running' && state.isFinal ? 'finishing' : state.kind;
  }

  /** Its end is certain. */
  get isOver(): boolean {
    return 'shown' in this.#state;
  }

  get isStopping(): boolean {
    return this.#stop !== undefined;
  }

  get regions(): readonly Region[] {
    return this.#planned?.regions ?? [];
  }

  get groups(): readonly Group[] {
    return this.#planned?.groups ?? [];
  }

  get restarts(): number {
    return this.regions.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  /** The supervisors as they stand. */
  describe(now: number): TreeNode | undefined {
    return this.#planned?.supervision.describe(now);
  }

  /** The region whose hosts may report under this epoch; undefined: none may (D2). */
  regionOf(epoch: number): Region | undefined {
    if (this.isOver) return undefined;
    return this.regions.find((region) => region.epoch === epoch);
  }

  /** A launch or a look ahead of this round has no effect any more (R2). */
  isStale(region: number, round: number): boolean {
    return this.isOver || this.regions[region]!.round !== round;
  }

  nextDeadline(): number | undefined {
    return this.isOver ? undefined : this.#planned?.supervision.nextDeadline();
  }

  /** @param now milliseconds of a clock that does not go back */
  handle(event: JobMachineEvent, now: number): readonly DriverCommand[] {
    const before = this.status;
    this.#commands = [];
    if (event.kind === 'closed') this.#closed(event.status);
    else if (!this.isOver) this.#handle(event, now); // D1
    const { status } = this;
    if (status !== before) this.#commands.push({ kind: 'tell-status', status });
    return this.#commands;
  }

  #handle(event: Exclude<JobMachineEvent, { kind: 'closed' }>, now: number): void {
    switch (event.kind) {
      // ---- from a failure to the first new record ------------------------------------------------
      case 'failed':
        this.#failed(event, now);
        return;
      case 'fenced':
        this.regions[event.region]!.fenced(event.slot, this.#commands);
        return;
      case 'tick':
        this.#supervise(event, now);
        return;
      case 'deploying':
      case 'deployed':
      case 'launched':
        if (!this.isStale(event.region, event.round)) this.#launching(event, now);
        return;
      case 'first-output':
        this.regionOf(event.epoch)?.output(now, this.#commands);
        return;
      case 'task-ended': {
        const { epoch, vertex, instance } = event;
        const region = this.regionOf(epoch)?.plan.index;
        if (region === undefined) return; // D2
        this.#supervise({ kind: 'task-ended', region, vertex, instance }, now);
        return;
      }
      // ---- the start -----------------------------------------------------------------------------
      case 'planned':
        this.#plan(event);
        return;
      case 'prepared':
        this.#become({ kind: 'starting', isFinal: false });
        this.#supervise({ kind: 'start' }, now);
        return;
      case 'nothing-left':
        this.#end('finished', now);
        return;
      case 'not-prepared':
        this.#fail(event.error);
        return;
      // ---- checkpoints ---------------------------------------------------------------------------
      case 'final-triggered':
        assert('isFinal' in this.#state, `a job that is ${this.#state.kind} takes no checkpoint`);
        this.#state = { ...this.#state, isFinal: true };
        return;
      case 'durable':
        this.#planned!.progress.durable(event.checkpoint, event.points);
        return;
      case 'committed':
        this.#committed(event, now);
        return;
      // ---- requests ------------------------------------------------------------------------------
      case 'stop':
        if (this.#stop !== undefined) return;
        this.#stop = { drain: event.drain, order: 0 };
        if (this.#state.kind === 'running') this.#stopSources(this.#stop);
        return;
      case 'stop-checkpoint':
        // The final checkpoint ends the job by itself. If a commit was interrupted, the restart that makes up for it
        // stops the sources again.
        if (!event.isFinal && event.isCommitted) this.#end('stopped', now);
        return;
      case 'no-stop-checkpoint': {
        // All input was processed before the stop came: only the commit has to be waited for.
        if (event.isFinal) return;
        // When a region has failed, a restart follows, and stops the sources again.
        const isNewest = this.#state.kind === 'running' && this.#stop?.order === event.order;
        if (isNewest) this.#fail(event.error);
        return;
      }
      case 'cancel':
        this.#close('canceled', event.error);
    }
  }

  #failed(event: FailedEvent, now: number): void {
    const { failure, launch } = event;
    if (launch !== undefined) {
      const [{ region }] = event.regions as [FailedEvent['regions'][0]];
      if (this.isStale(region, launch.round)) return;
      if (launch.deterministic && !this.#isAnswered) {
        this.#giveUp(failureToError(failure)); // D3
        return;
      }
    }
    const concerned = event.regions.map(({ region, tasks }) => ({
      region: this.regions[region]!,
      tasks,
    }));
    this.#commands.push({ kind: 'tell-failure', failure });
    if (isFatalCode(failure.code)) {
      const hasRun = concerned.some(({ region }) => region.hasRun);
      this.#giveUp(failureToError(failure), hasRun);
      return;
    }
    for (const { region } of concerned) {
      const times = region.repeated.heard(failure, now);
      if (times >= EQUAL_FAILURES_MAX && !region.isPatient) {
        this.#giveUp(hopelessError(failure, times));
        return;
      }
    }
    for (const { region, tasks } of concerned) {
      const known = region.epoch === undefined ? [] : tasks;
      this.#planned!.progress.failed(region.plan.index, known);
      region.failed(event, known, now, this.#commands);
      const { part, slot } = event;
      const { index } = region.plan;
      this.#supervise({ kind: 'region-failed', region: index, part, slot, failure }, now);
      if (this.isOver) return;
      // Before the first launch there is nothing to restart: that launch gets another thread.
      if (this.#state.kind !== 'opening') this.#become({ kind: 'restarting', isFinal: false });
    }
  }

  /** Tells the supervisors, and has done what they decide. */
  #supervise(event: SupervisionEvent, now: number): void {
    const { supervision } = this.#planned!;
    for (const decision of supervision.handle(event, now)) {
      if (this.isOver) return;
      this.#perform(decision, now);
    }
  }

  #perform(decision: Decision, now: number): void {
    const commands = this.#commands;
    switch (decision.kind) {
      case 'restarting': {
        const { regions, attempt, delayMs } = decision;
        commands.push({ kind: 'tell-restarting', attempt, delayMs });
        const slots = new Set(regions.flatMap((region) => this.regions[region]!.plan.slots));
        commands.push({ kind: 'replace-threads', slots: [...slots] });
        for (const region of regions) this.regions[region]!.expectLaunch(commands);
        return;
      }
      case 'launch':
        this.regions[decision.region]!.launch(decision.attempt, commands);
        return;
      case 'stop':
        this.regions[decision.region]!.stop(decision.because, now, commands);
        this.#become({ kind: 'restarting', isFinal: false });
        return;
      case 'give-up':
        this.#giveUp(budgetError(decision.failure, decision.attempts));
        return;
      case 'ended':
        this.#end('finished', now);
    }
  }

  #launching(event: LaunchEvent, now: number): void {
    const region = this.regions[event.region]!;
    switch (event.kind) {
      case 'deploying':
        region.deploying(event);
        this.#planned!.progress.restored(event.region, event.checkpoint);
        return;
      case 'deployed':
        region.deployed(this.#commands);
        return;
      case 'launched':
        region.launched(event, now, this.#commands);
        this.#supervise({ kind: 'region-started', region: event.region }, now);
        if (this.regions.every(({ isUp }) => isUp)) this.#running();
    }
  }

  #running(): void {
    const isFinal = 'isFinal' in this.#state && this.#state.isFinal;
    this.#become({ kind: 'running', isFinal });
    if (this.#stop !== undefined) this.#stopSources(this.#stop);
    this.#answer();
  }

  #plan({ plan, groups }: Extract<JobMachineEvent, { kind: 'planned' }>): void {
    assert(this.#planned === undefined, 'a job is planned once');
    const regions = plan.regions.map((region) => {
      const { restart } = groups.find((group) => group.regions.includes(region.index))!;
      return new Region(region, isPatient(restart));
    });
    const supervision = new Supervision(plan, groups, this.#random);
    const progress = new Progress(groups.map((group) => group.regions));
    this.#planned = { groups, regions, supervision, progress };
  }

  #committed(
    { final, points }: Extract<JobMachineEvent, { kind: 'committed' }>,
    now: number,
  ): void {
    const { progress, groups } = this.#planned!;
    for (const group of progress.completed(points)) {
      this.#supervise({ kind: 'progress', group }, now);
      for (const region of groups[group]!.regions) this.regions[region]!.repeated.forget();
    }
    if (!final) return;
    // With `drain` no region has ended by itself.
    if (this.#stop?.drain !== true) this.#supervise({ kind: 'completed' }, now);
    // A region that has failed meanwhile has nothing left for which to be restarted.
    if (!this.isOver) this.#end('finished', now);
  }

  #stopSources({ drain, order }: StopRequest): void {
    this.#stop = { drain, order: order + 1 };
    this.#commands.push({ kind: 'stop-sources', drain });
    if (!drain) this.#commands.push({ kind: 'take-stop-checkpoint', order: order + 1 });
  }

  #answer(): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#commands.push({ kind: 'answer-start' });
  }

  /** @param hasRun tasks ran when it failed (D3) */
  #giveUp(error: Error, hasRun = this.#hasRun): void {
    if (hasRun) this.#answer();
    this.#fail(error);
  }

  get #hasRun(): boolean {
    return this.regions.some((region) => region.hasRun && region.lastFailure !== undefined);
  }

  #end(status: 'finished' | 'stopped', now: number): void {
    this.#become({ kind: 'ending', shown: this.status });
    for (const region of this.regions) region.settle(now, this.#commands);
    this.#commands.push({ kind: 'end', status });
  }

  #fail(error: Error): void {
    this.#close('failed', error);
  }

  #close(status: 'failed' | 'canceled', error: Error): void {
    this.#become({ kind: 'ending', shown: this.status });
    this.#commands.push({ kind: 'close', status, error });
  }

  #closed(status: JobStatus): void {
    assert(this.#state.kind === 'ending', `a job that is ${this.#state.kind} cannot be closed`);
    this.#become({ kind: 'ended', shown: status });
  }

  #become(state: JobState): void {
    assert(
      NEXT[this.#state.kind].includes(state.kind),
      `a job that is ${this.#state.kind} cannot be ${state.kind}`,
    );
    this.#state = state;
  }
}

/** Which state may follow which. */
const NEXT: Readonly<Record<JobState['kind'], readonly JobState['kind'][]>> = {
  opening: ['starting', 'ending'],
  starting: ['restarting', 'running', 'ending'],
  restarting: ['restarting', 'running', 'ending'],
  running: ['restarting', 'ending'],
  ending: ['ended'],
  ended: [],
};

/** Was the strategy told never to give up? */
function isPatient(restart: Group['restart']): boolean {
  if (restart.kind === 'fixed-delay') return restart.attempts === Number.POSITIVE_INFINITY;
  return restart.kind === 'exponential-backoff' && restart.maxAttempts === Number.POSITIVE_INFINITY;
}
