/**
 * A region on its threads: a connected part of the graph, which fails and recovers as one and by
 * itself. It performs what its supervisor decides.
 *
 *  R1  A failure first revokes the region's leases in shared memory, so that none of its tasks goes on,
 *      and only then is anything else done about it.
 *  R2  One launch at a time; a failure while one is under way makes it stale (`#launchId`), and what
 *      a stale launch still does has no effect.
 *  R3  A launch waits for every fence under way: one that comes to its deadline ends its thread, which
 *      must not be one that is being deployed to. The slot that failed is fenced as the others are, when
 *      its thread lives: what it closes may never close.
 *  R4  What fails while the region comes up again belongs to the incident that brought it down: one
 *      `restarted` for each time that it runs again.
 */

import { type Failure, failureToError } from '../../base/failure.js';
import type { Manifest } from '../../checkpoint/store.js';
import type { Slots } from '../../pool/slots.js';
import type { JobPlan, PlanRegion } from '../../stream/graph/plan.js';
import { tasksOn } from '../../stream/graph/planner.js';
import type { SourceSplit } from '../../stream/source.js';
import type { Lease } from '../../threads/lease.js';
import { type CheckpointDriver, taskKey } from '../checkpoints/checkpoint-driver.js';
import { recordsIn } from '../checkpoints/make-manifest.js';
import type { JobProgress, RestartedEvent } from '../job-types.js';
import { Incident } from './incident.js';
import type { Launcher } from './launcher.js';
import type { Progress, TaskPoint } from './progress.js';
import { RepeatedFailure } from './repeated-failure.js';

/** What its supervisor hears of it. */
export type RegionEvent =
  | { readonly kind: 'child-started' }
  | { readonly kind: 'child-ended'; readonly reason: 'abnormal'; readonly failure: Failure }
  | { readonly kind: 'child-ended'; readonly reason: 'shutdown' };

export interface RegionOptions {
  readonly plan: PlanRegion;
  readonly job: JobPlan;
  readonly progress: Progress;
  /** How long a thread may take to stop the region's tasks before it is ended. */
  readonly resetTimeoutMs: number;
  readonly slots: Slots;
  readonly launcher: Launcher;
  readonly checkpoints: CheckpointDriver;
  readonly mapFailure: (failure: Failure) => Failure;
  readonly supervise: (event: RegionEvent) => void;
  /** A launch has failed: to be treated as every failure of the region is. */
  readonly onLaunchFailed: (slot: number, failure: Failure) => void;
  readonly onDown: () => void;
  readonly onRunning: () => void;
  readonly onRestarted: (event: RestartedEvent) => void;
  /** No restart would help. */
  readonly onGivenUp: (error: Error) => void;
  /** Until the job has run for the first time, what would fail again in the same way is not tried again. */
  readonly isFirstLaunch: () => boolean;
}

/** Why a region goes down. */
export interface RegionFailure {
  readonly slot: number;
  readonly failure: Failure;
  /** What `kill` had been asked for. */
  readonly ordered?: string | undefined;
  /** From the cause to now; 0 when not known. */
  readonly detectMs?: number | undefined;
}

export class Region {
  readonly plan: PlanRegion;
  readonly #given: RegionOptions;
  #splits: Readonly<Record<string, readonly SourceSplit[]>> | undefined;
  /** 0 while it is down. */
  #epoch = 0;
  #launchId = 0;
  /** How often its leases were revoked. */
  #revoked = 0;
  /** Of the newest deployment, by slot; revoked while it is down. */
  #leases: ReadonlyMap<number, Lease> = new Map();
  /** Fences under way, by slot (R3). */
  readonly #fences = new Map<number, Promise<void>>();
  /** Of its newest deployment, by source task: records read of each split, in shared memory. */
  readonly #reading = new Map<string, Float64Array>();
  /** By source task: the furthest that it has been at a failure. */
  readonly #reached = new Map<string, readonly number[]>();
  #incident: Incident | undefined;
  #lastFailure: Failure | undefined;
  readonly #lastFailureOn = new Map<number, Failure>();
  #upSinceMs: number | undefined;
  #restarts = 0;
  #attempt = 0;
  #closed = false;
  /** Its tasks have been deployed once: what fails from then on is the job's failure, not its start's. */
  hasRun = false;
  readonly repeated = new RepeatedFailure();

  constructor(given: RegionOptions) {
    this.#given = given;
    this.plan = given.plan;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get lastFailure(): Failure | undefined {
    return this.#lastFailure;
  }

  lastFailureOn(slot: number): Failure | undefined {
    return this.#lastFailureOn.get(slot);
  }

  /** `performance.now()` of the moment since which all its tasks run; undefined while they do not. */
  get upSinceMs(): number | undefined {
    return this.isUp ? this.#upSinceMs : undefined;
  }

  /** All its tasks run. */
  get isUp(): boolean {
    return this.#upSinceMs !== undefined;
  }

  /** Of its newest deployment, dead threads included. */
  progress(): JobProgress {
    return sumProgress([...this.#leases.values()]);
  }

  /** @param splits of all sources, on a fresh start */
  prepare(splits: Readonly<Record<string, readonly SourceSplit[]>> | undefined): void {
    this.#splits = splits;
  }

  /** None of its tasks goes on (R1), no launch has an effect any more (R2). */
  revoke(): void {
    for (const lease of this.#leases.values()) lease.revoke();
    this.#launchId += 1;
    this.#revoked += 1;
  }

  /** A part of it has failed. */
  failed(given: RegionFailure): void {
    if (this.#closed) return;
    this.revoke();
    this.#lastFailure = given.failure;
    this.#lastFailureOn.set(given.slot, given.failure);
    const points = this.#epoch === 0 ? [] : this.#points();
    this.#given.progress.failed(this.plan.index, points);
    this.#reach(points);
    this.#goDown(given);
    this.#fenceAll();
    const { failure } = given;
    this.#given.supervise({ kind: 'child-ended', reason: 'abnormal', failure });
    // Its supervisor may have given up, and with that the job has ended: nothing is restarted then.
    if (!this.#closed) this.#given.onDown();
  }

  /** Its supervisor takes it down, for a failure elsewhere or for the end. */
  stop(because: Failure | undefined): void {
    if (this.#closed) return;
    this.revoke();
    if (because !== undefined) {
      this.#goDown({ slot: because.slot ?? this.plan.slots[0]!, failure: because });
      this.#given.onDown();
    }
    this.#fenceAll();
    void Promise.all(this.#fences.values()).then(() => {
      if (!this.#closed) this.#given.supervise({ kind: 'child-ended', reason: 'shutdown' });
    });
  }

  /**
   * It will be launched after the back-off: missing threads may start, and what it goes back to may be
   * read, meanwhile. What fails in that is met again by the launch, and told from there.
   */
  expectLaunch(): void {
    const { slots, launcher } = this.#given;
    const revoked = this.#revoked;
    const stale = () => this.#revoked !== revoked;
    for (const slot of this.plan.slots) {
      if (!slots.isAlive(slot)) slots.ensure(slot).catch(() => {});
    }
    // What its tasks staged is swept when none of them can stage any more.
    void Promise.all(this.#fences.values()).then(() => {
      if (!stale()) launcher.prefetch(this.plan, stale);
    });
  }

  /** A source task tells where it counts what it reads. */
  reading(vertex: number, instance: number, records: SharedArrayBuffer): void {
    this.#reading.set(taskKey(vertex, instance), new Float64Array(records));
  }

  /** A record of the epoch has reached a sink. */
  output(): void {
    this.#incident?.output(performance.now());
    this.settle();
  }

  /** Tells of the restart that is behind us, if one is; also when no record followed it. */
  settle(): void {
    const event = this.#incident?.recovered(performance.now());
    if (event === undefined) return;
    this.#incident = undefined;
    this.#given.onRestarted(event);
    if (!this.#closed) this.#given.slots.refillSpares();
  }

  close(): void {
    this.#closed = true;
    this.revoke();
  }

  /** @param attempt restarts since the last progress, this one included; 0: the first start */
  async launch(attempt: number): Promise<void> {
    const { launcher, checkpoints, mapFailure } = this.#given;
    this.#attempt = attempt;
    this.#launchId += 1;
    const id = this.#launchId;
    const stale = () => this.#launchId !== id;
    await Promise.all(this.#fences.values()); // R3
    if (stale()) return;
    const launched = await launcher.launch({
      region: this.plan,
      splits: this.#splits,
      reached: Object.fromEntries(this.#reached),
      stale,
      onEpoch: ({ epoch, leases, checkpoint }) => {
        this.#epoch = epoch;
        this.#leases = leases;
        this.#reading.clear();
        this.#given.progress.restored(this.plan.index, checkpoint);
      },
      onDeployed: () => {
        this.hasRun = true;
        checkpoints.up(this.plan.index, this.#epoch);
      },
    });
    if (stale() || launched.kind === 'stale') return;
    if (launched.kind === 'running') {
      this.#given.supervise({ kind: 'child-started' });
      this.#running(launched.manifest, launched.respawned);
    } else if (launched.deterministic && this.#given.isFirstLaunch()) {
      this.#given.onGivenUp(failureToError(mapFailure(launched.failure)));
    } else {
      this.#given.onLaunchFailed(launched.slot, launched.failure);
    }
  }

  #goDown({ slot, failure, ordered, detectMs = 0 }: RegionFailure): void {
    this.#upSinceMs = undefined;
    if (this.#epoch === 0) return;
    this.settle();
    this.#epoch = 0;
    this.#given.checkpoints.down(this.plan.index);
    // R4
    this.#incident ??= new Incident({
      region: this.plan.id,
      failure,
      slot,
      cause: ordered ?? failure.kind,
      detectMs,
      sourceRecords: this.progress().sourceRecords,
      nowMs: performance.now(),
    });
  }

  #reach(points: readonly TaskPoint[]): void {
    for (const { task, splits } of points) {
      const before = this.#reached.get(task) ?? [];
      if (splits === undefined || splits.length < before.length) continue;
      this.#reached.set(
        task,
        splits.map((count, at) => Math.max(count, before[at] ?? 0)),
      );
    }
  }

  /** Where its tasks stand, those on dead threads as well. */
  #points(): readonly TaskPoint[] {
    const { job } = this.#given;
    return [...this.#leases].flatMap(([slot, lease]) =>
      tasksOn(job, this.plan.index, slot).map(({ vertex, instance }, index): TaskPoint => {
        const { records, firingMs } = lease.mark(index);
        const isSource = job.graph.nodes[vertex.nodes[0]!]!.kind === 'source';
        const task = taskKey(vertex.index, instance);
        return {
          task,
          splits: isSource ? [records, ...(this.#reading.get(task) ?? [])] : undefined,
          records,
          timeMs: firingMs,
        };
      }),
    );
  }

  #fenceAll(): void {
    const { slots, resetTimeoutMs } = this.#given;
    for (const slot of this.plan.slots) {
      if (this.#fences.has(slot) || !slots.isAlive(slot)) continue;
      const fence = slots.fence(slot, this.plan.index, resetTimeoutMs).then(() => {
        this.#fences.delete(slot);
      });
      this.#fences.set(slot, fence);
    }
  }

  #running(manifest: Manifest | undefined, respawned: readonly number[]): void {
    this.#upSinceMs = performance.now();
    const incident = this.#incident;
    if (incident === undefined) {
      this.#given.slots.refillSpares();
    } else {
      this.#restarts += 1;
      incident.running({
        epoch: this.#epoch,
        attempt: this.#attempt,
        checkpoint: manifest?.checkpoint,
        restoredRecords: recordsIn(manifest, this.plan.operators),
        respawned,
      });
      if (incident.hasOutput) this.settle();
    }
    this.#given.onRunning();
  }
}

export function sumProgress(parts: readonly JobProgress[]): JobProgress {
  let [sourceRecords, sinkRecords] = [0, 0];
  for (const part of parts) {
    sourceRecords += part.sourceRecords;
    sinkRecords += part.sinkRecords;
  }
  return { sourceRecords, sinkRecords };
}
