/**
 * A region as the job's machine knows it: pure. A region is a connected part of the graph, which fails and recovers as
 * one and independently of other regions.
 *
 *   down ──ordered──▶ fencing ──all fenced──▶ launching ──▶ deploying ──▶ up
 *    ▲                   │                        │             │         │
 *    └── failed, or stopped by its supervisor ────┴─────────────┴─────────┘
 *
 *  R1  A failure first revokes the region's leases in shared memory, so that none of its tasks goes on.
 *      Only then is anything else done about it.
 *  R2  One launch at a time. Each revocation begins another *round*, and whatever a launch of an earlier round still
 *      does has no effect.
 *  R3  A launch waits for every fence under way. A fence that misses its deadline ends its thread, and tasks
 *      must not be deployed to that thread. If the thread of the failed slot lives, that slot is fenced, too:
 *      what it closes may never close.
 *  R4  What fails while the region comes up again belongs to the incident that brought it down: `restarted`
 *      is told once for each time that the region runs again.
 */

import { assert } from '../../base/assert.js';
import type { Failure } from '../../base/failure.js';
import type { PlanRegion } from '../../stream/graph/plan.js';
import type { DriverCommand, FailedEvent, LaunchEvent } from './driver-events.js';
import { Incident } from './incident.js';
import type { TaskPoint } from './progress.js';
import { RepeatedFailure } from './repeated-failure.js';

export type RegionState =
  /** None of its tasks goes on. `isExpected`: a restart follows, for which something can be read meanwhile. */
  | { readonly kind: 'down'; readonly isExpected: boolean }
  /** Its launch is ordered, and waits for fences (R3). */
  | { readonly kind: 'fencing'; readonly attempt: number }
  | { readonly kind: 'launching'; readonly attempt: number }
  /** Hosts may report under the epoch; not all tasks run yet. */
  | {
      readonly kind: 'deploying';
      readonly attempt: number;
      readonly epoch: number;
      readonly checkpoint: number | undefined;
    }
  /** All its tasks run, since `sinceMs`. */
  | { readonly kind: 'up'; readonly epoch: number; readonly sinceMs: number };

type Commands = DriverCommand[];

export class Region {
  readonly plan: PlanRegion;
  /** Does its group never give up? */
  readonly isPatient: boolean;
  readonly repeated = new RepeatedFailure();
  #state: RegionState = { kind: 'down', isExpected: false };
  #round = 0;
  /** Slots that have not forgotten its tasks yet (R3). */
  readonly #fences = new Set<number>();
  /** By source task: the furthest that it had come at any failure. */
  readonly #reached = new Map<string, readonly number[]>();
  #incident: Incident | undefined;
  #lastFailure: Failure | undefined;
  #restarts = 0;
  #hasRun = false;

  constructor(plan: PlanRegion, isPatient: boolean) {
    this.plan = plan;
    this.isPatient = isPatient;
  }

  get state(): RegionState {
    return this.#state;
  }

  /** Counts revocations (R2). */
  get round(): number {
    return this.#round;
  }

  /** Under which its hosts may report; undefined: under none. */
  get epoch(): number | undefined {
    return 'epoch' in this.#state ? this.#state.epoch : undefined;
  }

  get isUp(): boolean {
    return this.#state.kind === 'up';
  }

  get upSinceMs(): number | undefined {
    return this.#state.kind === 'up' ? this.#state.sinceMs : undefined;
  }

  /** Its tasks have been deployed once: from then on a failure is the job's, not its start's. */
  get hasRun(): boolean {
    return this.#hasRun;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get lastFailure(): Failure | undefined {
    return this.#lastFailure;
  }

  /** A part of it has failed, and its leases are revoked (R1). Its supervisor is to be told next. */
  failed(event: FailedEvent, tasks: readonly TaskPoint[], now: number, commands: Commands): void {
    this.#lastFailure = event.failure;
    this.#reach(tasks);
    this.#goDown(event, now, commands);
  }

  /**
   * Its supervisor takes it down, and knows that this is done by revoking its leases.
   * @param because the failure elsewhere in its group
   */
  stop(because: Failure, now: number, commands: Commands): void {
    commands.push({ kind: 'revoke', region: this.plan.index });
    const slot = because.slot ?? this.plan.slots[0]!;
    this.#goDown({ slot, failure: because }, now, commands);
  }

  /** It will be launched after the back-off: what it goes back to may be read meanwhile. */
  expectLaunch(commands: Commands): void {
    if (this.#state.kind !== 'down') return;
    this.#state = { kind: 'down', isExpected: true };
    this.#goOn(commands);
  }

  /** Its supervisor orders a launch. */
  launch(attempt: number, commands: Commands): void {
    assert(this.#state.kind === 'down', `region ${this.plan.id} is ${this.#state.kind}, not down`);
    this.#state = { kind: 'fencing', attempt };
    this.#goOn(commands);
  }

  fenced(slot: number, commands: Commands): void {
    this.#fences.delete(slot);
    this.#goOn(commands);
  }

  deploying(event: Extract<LaunchEvent, { kind: 'deploying' }>): void {
    const { kind, epoch, checkpoint, reachedRecords } = event;
    assert(this.#state.kind === 'launching', `region ${this.plan.id} is ${this.#state.kind}`);
    this.#state = { kind, attempt: this.#state.attempt, epoch, checkpoint };
    this.#incident?.lost(reachedRecords);
  }

  deployed(commands: Commands): void {
    assert(this.#state.kind === 'deploying', `region ${this.plan.id} is ${this.#state.kind}`);
    this.#hasRun = true;
    commands.push({ kind: 'region-up', region: this.plan.index, epoch: this.#state.epoch });
  }

  launched(
    { checkpoint, restoredRecords, respawned }: Extract<LaunchEvent, { kind: 'launched' }>,
    now: number,
    commands: Commands,
  ): void {
    assert(this.#state.kind === 'deploying', `region ${this.plan.id} is ${this.#state.kind}`);
    const { epoch, attempt } = this.#state;
    this.#state = { kind: 'up', epoch, sinceMs: now };
    if (this.#incident === undefined) {
      commands.push({ kind: 'refill-spares' });
      return;
    }
    this.#restarts += 1;
    this.#incident.running({ epoch, attempt, checkpoint, restoredRecords, respawned });
    if (this.#incident.hasOutput) this.#recovered(now, commands);
  }

  /** A record of its epoch has reached a sink. */
  output(now: number, commands: Commands): void {
    this.#incident?.output(now);
    this.#recovered(now, commands);
  }

  /** Tells of the last restart if it was not told yet; also when no record followed it. @returns whether it was */
  settle(now: number, commands: Commands): boolean {
    const event = this.#incident?.recovered(now);
    if (event === undefined) return false;
    this.#incident = undefined;
    commands.push({ kind: 'tell-restarted', event });
    return true;
  }

  #recovered(now: number, commands: Commands): void {
    if (this.settle(now, commands)) commands.push({ kind: 'refill-spares' });
  }

  /** What waits for fences goes on when there is none. */
  #goOn(commands: Commands): void {
    if (this.#fences.size > 0) return; // R3
    const { index } = this.plan;
    const round = this.#round;
    if (this.#state.kind === 'down' && this.#state.isExpected) {
      this.#state = { kind: 'down', isExpected: false };
      commands.push({ kind: 'prefetch', region: index, round });
    } else if (this.#state.kind === 'fencing') {
      this.#state = { kind: 'launching', attempt: this.#state.attempt };
      const reached = Object.fromEntries(this.#reached);
      commands.push({ kind: 'launch', region: index, round, reached });
    }
  }

  #goDown(
    {
      slot,
      failure,
      ordered,
      detectMs = 0,
    }: Pick<FailedEvent, 'slot' | 'failure' | 'ordered' | 'detectMs'>,
    now: number,
    commands: Commands,
  ): void {
    this.#round += 1; // R2
    if (this.epoch !== undefined) {
      this.#recovered(now, commands);
      commands.push({ kind: 'region-down', region: this.plan.index });
      // R4
      this.#incident ??= new Incident({
        region: this.plan.id,
        failure,
        slot,
        cause: ordered ?? failure.kind,
        detectMs,
        nowMs: now,
      });
    }
    this.#state = { kind: 'down', isExpected: false };
    this.#fence(commands);
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

  #fence(commands: Commands): void {
    const slots = this.plan.slots.filter((slot) => !this.#fences.has(slot));
    for (const slot of slots) this.#fences.add(slot);
    if (slots.length > 0) commands.push({ kind: 'fence', region: this.plan.index, slots });
  }
}
