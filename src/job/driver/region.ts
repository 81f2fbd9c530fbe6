/**
 * A region on its threads: a connected part of the graph, which fails and recovers as one and independently of other
 * regions. It performs what its supervisor decides.
 *
 *  R1  A failure first revokes the region's leases in shared memory, so that none of its tasks goes on.
 *      Only then is anything else done about it.
 *  R2  One launch at a time. A failure while a launch is under way makes the launch stale (`#launchId`), and
 *      whatever a stale launch still does has no effect.
 *  R3  A launch waits for every fence under way. A fence that misses its deadline ends its thread, and tasks
 *      must not be deployed to that thread. If the thread of the failed slot lives, that slot is fenced, too:
 *      what it closes may never close.
 *  R4  What fails while the region comes up again belongs to the incident that brought it down: `restarted`
 *      is told once for each time that the region runs again.
 */

import { type Failure, failureToError } from '../../base/failure.js';
import type { Manifest } from '../../checkpoint/store.js';
import type { JobPlan, PlanRegion } from '../../stream/graph/plan.js';
import { tasksOn } from '../../stream/graph/planner.js';
import type { SourceSplit } from '../../stream/source.js';
import type { Lease } from '../../threads/lease.js';
import type { StreamPool } from '../../workloads/streams/stream-types.js';
import { type CheckpointDriver, taskKey } from '../checkpoints/checkpoint-driver.js';
import { recordsIn } from '../checkpoints/make-manifest.js';
import type { JobProgress, RestartedEvent } from '../job-types.js';
import { Incident } from './incident.js';
import type { Launcher } from './launcher.js';
import type { Progress, TaskPoint } from './progress.js';
import { RepeatedFailure } from './repeated-failure.js';

/** What the supervisor is told of the region. */
export type RegionEvent =
  | { readonly kind: 'child-started' }
  | { readonly kind: 'child-ended'; readonly reason: 'abnormal'; readonly failure: Failure }
  | { readonly kind: 'child-ended'; readonly reason: 'shutdown' };

export interface RegionOptions {
  readonly plan: PlanRegion;
  readonly job: JobPlan;
  readonly progress: Progress;
  /** How long a thread may take to stop the region's tasks; then the thread is ended. */
  readonly resetTimeoutMs: number;
  readonly slots: StreamPool;
  readonly launcher: Launcher;
  readonly checkpoints: CheckpointDriver;
  readonly mapFailure: (failure: Failure) => Failure;
  readonly supervise: (event: RegionEvent) => void;
  /** A launch has failed. This is to be handled like every failure of the region. */
  readonly onLaunchFailed: (slot: number, failure: Failure) => void;
  readonly onDown: () => void;
  readonly onRunning: () => void;
  readonly onRestarted: (event: RestartedEvent) => void;
  /** The region is given up, because no restart would help. */
  readonly onGivenUp: (error: Error) => void;
  /** The job has not run yet: what would fail again in the same way is not tried again. */
  readonly isFirstLaunch: () => boolean;
}

/** Why a region goes down. */
export interface RegionFailure {
  readonly slot: number;
  readonly failure: Failure;
  /** The `kill` that had been ordered. */
  readonly ordered?: string | undefined;
  /** Time from the cause to now; 0 when not known. */
  readonly detectMs?: number | undefined;
}

export class Region {
  readonly plan: PlanRegion;
  readonly #given: RegionOptions;
  #splits: Readonly<Record<string, readonly SourceSplit[]>> | undefined;
  /** 0 while the region is down. */
  #epoch = 0;
  #launchId = 0;
  /** How often the region's leases were revoked. */
  #revoked = 0;
  /** Leases of the newest deployment, by slot; revoked while the region is down. */
  #leases: ReadonlyMap<number, Lease> = new Map();
  /** Fences under way, by slot (R3). */
  readonly #fences = new Map<number, Promise<void>>();
  /** By source task of the newest deployment: records read of each split, in shared memory. */
  readonly #reading = new Map<string, Float64Array>();
  /** By source task: the furthest that it had come at any failure. */
  readonly #reached = new Map<string, readonly number[]>();
  #incident: Incident | undefined;
  #lastFailure: Failure | undefined;
  readonly #lastFailureOn = new Map<number, Failure>();
  #upSinceMs: number | undefined;
  #restarts = 0;
  #attempt = 0;
  #closed = false;
  /** The region's tasks have been deployed once: from then on a failure is the job's, not its start's. */
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

  /** Progress of the newest deployment, dead threads included. */
  progress(): JobProgress {
    return sumProgress([...this.#leases.values()]);
  }

  /** @param splits of all sources; only on a fresh start */
  prepare(splits: Readonly<Record<string, readonly SourceSplit[]>> | undefined): void {
    this.#splits = splits;
  }

  /** From now on none of its tasks goes on (R1), and no launch has an effect (R2). */
  revoke(): void {
    for (const lease of this.#leases.values()) lease.revoke();
    this.#launchId += 1;
    this.#revoked += 1;
  }

  /** A part of the region has failed. */
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
    // If its supervisor has given up, the job has ended with that: nothing is restarted then.
    if (!this.#closed) this.#given.onDown();
  }

  /** Its supervisor takes the region down, because of a failure elsewhere or for the end. */
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
   * The region will be launched after the back-off. Meanwhile missing threads may start, and what the region goes
   * back to may be read. If that fails, the launch meets the failure again, and tells it.
   */
  expectLaunch(): void {
    const { slots, launcher } = this.#given;
    const revoked = this.#revoked;
    const stale = () => this.#revoked !== revoked;
    for (const slot of this.plan.slots) {
      if (!slots.isAlive(slot)) slots.ensure(slot).catch(() => {});
    }
    // What its tasks staged is swept once none of them can stage any more.
    void Promise.all(this.#fences.values()).then(() => {
      if (!stale()) launcher.prefetch(this.plan, stale);
    });
  }

  /** A source task tells where in shared memory it counts what it reads. */
  reading(vertex: number, instance: number, records: SharedArrayBuffer): void {
    this.#reading.set(taskKey(vertex, instance), new Float64Array(records));
  }

  /** A record of the new epoch has reached a sink. */
  output(): void {
    this.#incident?.output(performance.now());
    this.settle();
  }

  /** Tells of the last restart if it was not told yet; also when no record followed it. */
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

  /** Where the region's tasks stand, those on dead threads included. */
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
