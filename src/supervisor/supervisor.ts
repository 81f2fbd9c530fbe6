/**
 * One supervisor and its children, as a pure machine: an event and `now` in, commands out.
 *
 * The words and the order of things are Erlang/OTP's (`supervisor.erl`). The back-off is added, and with it time:
 * what OTP does in one breath (stop a group, start it again) is here a *sequence* with answers in between, and
 * any other event may come meanwhile. There is at most one sequence: the
 * boot, or the restart of a group. `one-for-one` restarts each child by itself, beside the boot.
 *
 *   boot:   starting ─▶ (over)          restart:   stopping ─▶ waiting ─▶ starting ─▶ (over)
 *
 *  V1  Every abnormal end of a starting or running child has exactly one answer: `restarting`, or,
 *      when the budget is spent, giving up. A restart that fails to start is such an end. Temporary
 *      children, and transient ones that end normally, need no answer.
 *  V2  A child that ends while it is being stopped, or is going to be, is collateral: no answer, no cost.
 *      A transient child that ends by itself is *done*, also in that case: no restart of its group starts
 *      it again, while it would start a child that was stopped.
 *  V3  An end answers the order that was given. What a former incarnation says changes nothing, nor
 *      does a `shutdown` without an incarnation that no `stop-child` asked for.
 *  V4  In a sequence a child starts when the one before has answered, and is stopped when the one
 *      after it is down. A restart's first start waits for the last stop and for the delay, which
 *      runs from the failure. Dynamic children are stopped all together.
 *  V5  `escalate` or `stopped` comes once all children are down: exactly one of them, exactly once,
 *      and only replies come after it. A `stop` does not lose a failure that has spent the budget.
 *  V6  A failure in a sequence replaces it by one that covers it: both are suffixes of the list.
 *      The later of two delays counts.
 *  V7  The cost of an event follows the children that it concerns, not all: ten thousand start and stop in
 *      linear time.
 *  V8  Each request has exactly one reply.
 */

import { assert } from '../base/assert.js';
import type { Failure } from '../base/failure.js';
import type { Random } from '../base/random.js';
import { type Child, describeChild, isAlive } from './child-list.js';
import { ChildOrders } from './child-orders.js';
import { ChildSequence } from './child-sequence.js';
import {
  checkSupervisorSpec,
  type ResolvedSupervisorSpec,
  type SupervisorSpec,
} from './child-spec.js';
import { notStarted, stopFailure, unexplainedEnd, unwantedEnd } from './end-failures.js';
import { refusal, requestedSpec } from './refusals.js';
import { RestartBudget } from './restart-budget.js';
import type {
  AdministrationEvent,
  AdministrationResult,
  ChildCounts,
  ChildEvent,
  ChildInfo,
  EndReason,
  ReportContext,
  RequestToken,
  SupervisorCommand,
  SupervisorEvent,
} from './supervisor-protocol.js';

export type { SupervisorCommand, SupervisorEvent } from './supervisor-protocol.js';

type Why =
  | { readonly kind: 'giving-up'; readonly failure: Failure; readonly attempts: number }
  | { readonly kind: 'shutdown' | 'auto-shutdown' };

type Phase =
  | { readonly kind: 'new' }
  | { readonly kind: 'running' }
  | { readonly kind: 'ending'; readonly why: Why }
  | { readonly kind: 'ended' };

type Commands = SupervisorCommand[];

export class Supervisor {
  readonly #spec: ResolvedSupervisorSpec;
  readonly #isDynamic: boolean;
  readonly #isGroup: boolean;
  readonly #budget: RestartBudget;
  readonly #orders: ChildOrders;
  readonly #sequence: ChildSequence;
  #phase: Phase = { kind: 'new' };
  #booting = 0;

  /**
   * @param nextIncarnation shared by supervisors whose children must not be mistaken for each other
   * @throws HoldfastError ERR_HOLDFAST_BAD_CHILD_SPEC
   */
  constructor(spec: SupervisorSpec, random: Random, nextIncarnation: () => number = counter()) {
    this.#spec = checkSupervisorSpec(spec);
    this.#isDynamic = this.#spec.strategy === 'simple-one-for-one';
    this.#isGroup = this.#spec.strategy === 'one-for-all' || this.#spec.strategy === 'rest-for-one';
    this.#budget = new RestartBudget(this.#spec, random);
    this.#orders = new ChildOrders(nextIncarnation);
    this.#sequence = new ChildSequence(this.#orders);
    if (!this.#isDynamic) for (const child of this.#spec.children) this.#children.add(child);
  }

  get #children(): ChildOrders['children'] {
    return this.#orders.children;
  }

  /** The supervisor runs, and every child has answered the first start. */
  get hasStarted(): boolean {
    return this.#phase.kind === 'running' && this.#booting === 0;
  }

  get phase(): 'new' | 'running' | 'ending' | 'ended' {
    return this.#phase.kind;
  }

  /** @param now milliseconds of a clock that does not go back */
  handle(event: SupervisorEvent, now: number): readonly SupervisorCommand[] {
    const commands: SupervisorCommand[] = [];
    switch (event.kind) {
      case 'start':
        if (this.#phase.kind === 'ended') break;
        assert(this.#phase.kind === 'new', 'a supervisor is started once');
        this.#boot();
        break;
      case 'child-started':
      case 'start-ignored':
      case 'start-failed':
      case 'child-ended':
        this.#heard(event, now, commands);
        break;
      case 'start-child':
      case 'terminate-child':
      case 'restart-child':
      case 'delete-child':
        this.#requested(event, now, commands);
        break;
      case 'progress':
        this.#budget.progress();
        break;
      case 'tick':
        break;
      case 'stop':
        this.#end({ kind: 'shutdown' }, now, commands);
        break;
      case 'kill':
        this.#end({ kind: 'shutdown' }, now, commands, true);
    }
    this.#settle(now, commands);
    return commands;
  }

  /** When the next `tick` has something to do; undefined: not before another event. */
  nextDeadline(): number | undefined {
    const earliestMs = Math.min(
      this.#orders.nextDeadline() ?? Infinity,
      this.#sequence.nextDeadline() ?? Infinity,
    );
    return earliestMs === Infinity ? undefined : earliestMs;
  }

  get strategy(): ResolvedSupervisorSpec['strategy'] {
    return this.#spec.strategy;
  }

  /** What is left of the budget, in words. */
  describeBudget(now: number): string {
    return this.#budget.describe(now);
  }

  /** Tells of one child; a `simple-one-for-one` tells of one dynamic child. Undefined: there is none. */
  info(id: string): ChildInfo | undefined {
    const child = this.#children.get(id);
    return child === undefined ? undefined : describeChild(child);
  }

  counts(): ChildCounts {
    let active = 0;
    let supervisors = 0;
    for (const { state, spec } of this.#children) {
      if (state === 'running' || state === 'stopping') active += 1;
      if (spec.type === 'supervisor') supervisors += 1;
    }
    const { size } = this.#children;
    const specs = this.#isDynamic ? 1 : size;
    return { specs, active, supervisors, workers: size - supervisors };
  }

  /** Ids in the order in which they start. */
  list(): readonly string[] {
    return Array.from(this.#children, ({ spec }) => spec.id);
  }

  which(): readonly ChildInfo[] {
    return Array.from(this.#children, describeChild);
  }

  #boot(): void {
    this.#phase = { kind: 'running' };
    for (const child of this.#children) {
      child.booting = true;
      this.#booting += 1;
      this.#children.set(child, 'waiting');
    }
    this.#sequence.boot();
  }

  #heard(event: ChildEvent, now: number, commands: Commands): void {
    const child = this.#children.get(event.child);
    if (child === undefined || !isAlive(child)) return; // V2
    if (event.incarnation !== undefined && event.incarnation !== child.incarnation) return; // V3
    switch (event.kind) {
      case 'child-started':
        if (child.state === 'starting') this.#started(child, commands);
        return;
      case 'start-ignored':
        if (child.state === 'running') return;
        if (child.state === 'starting') this.#answer(child, 'ignored', commands);
        this.#down(child, commands);
        return;
      case 'start-failed':
        this.#ended(child, 'abnormal', event.failure, now, commands);
        return;
      case 'child-ended': {
        const isAsked = child.state === 'stopping' || event.incarnation !== undefined;
        if (event.reason === 'shutdown' && !isAsked) return; // V3
        const isForeign = event.reason === 'killed' && child.killed === 'no';
        const reason = isForeign ? 'abnormal' : event.reason;
        this.#ended(child, reason, event.failure, now, commands);
      }
    }
  }

  #started(child: Child, commands: Commands): void {
    this.#children.set(child, 'running');
    this.#booted(child);
    this.#answer(child, 'started', commands);
  }

  #booted(child: Child): void {
    if (!child.booting) return;
    child.booting = false;
    this.#booting -= 1;
  }

  #ended(
    child: Child,
    reason: EndReason,
    failure: Failure | undefined,
    now: number,
    commands: Commands,
  ): void {
    const { state, fate, spec } = child;
    const isOfItself = reason === 'normal' || (reason === 'shutdown' && state !== 'stopping');
    child.done = isOfItself && spec.restart === 'transient';
    if (fate !== 'none' || this.#phase.kind === 'ending') {
      const told = stopFailure(child, reason, failure);
      if (told !== undefined) this.#report(child, told, 'shutdown-error', commands);
      this.#down(child, commands); // V2
      return;
    }
    if (reason === 'abnormal' && state === 'starting') {
      this.#startFailed(child, failure ?? unexplainedEnd(spec.id), now, commands);
      return;
    }
    // A child that has ended normally had started, whether it said so or not.
    if (state === 'starting') this.#started(child, commands);
    const isWell = reason === 'normal' || reason === 'shutdown';
    const isFailure = !isWell || spec.restart === 'permanent';
    const explained = isWell ? unwantedEnd(spec.id, reason) : (failure ?? unexplainedEnd(spec.id));
    if (isFailure) {
      this.#report(child, explained, 'child-terminated', commands);
      if (spec.restart !== 'temporary') {
        this.#restart(child, explained, now, commands); // V1
        return;
      }
    }
    this.#down(child, commands);
    this.#shutDownAfter(child, now, commands);
  }

  #startFailed(child: Child, failure: Failure, now: number, commands: Commands): void {
    if (child.request !== undefined) {
      this.#refuseStart(child, failure, commands);
      return;
    }
    this.#report(child, failure, 'start-error', commands);
    if (child.booting && this.#spec.firstStart === 'escalate') {
      this.#down(child, commands);
      this.#end({ kind: 'giving-up', failure, attempts: 0 }, now, commands);
    } else if (child.spec.restart === 'temporary') {
      this.#down(child, commands);
    } else {
      this.#restart(child, failure, now, commands); // V1
    }
  }

  /** The child is down now. It starts again if it was stopped for that; else it stays down, or is forgotten. */
  #down(child: Child, commands: Commands): void {
    this.#orders.callOff(child);
    const startsAgain = child.fate === 'wait' && !child.done && this.#phase.kind === 'running';
    this.#children.set(child, startsAgain ? 'waiting' : 'down', 'none');
    for (const token of child.terminations ?? []) {
      const result: AdministrationResult = { kind: 'terminated', child: child.spec.id };
      commands.push({ kind: 'reply', token, result });
    }
    child.terminations = undefined;
    if (startsAgain) return;
    this.#booted(child);
    if (child.request !== undefined) {
      this.#refuseStart(child, notStarted(child.spec.id), commands);
    } else if (this.#isDynamic || child.spec.restart === 'temporary') {
      this.#forget(child);
    }
  }

  #forget(child: Child): void {
    this.#sequence.leaves(child);
    this.#children.remove(child);
  }

  /** OTP's `restart/2`. */
  #restart(child: Child, failure: Failure, now: number, commands: Commands): void {
    const answer = this.#budget.answer(now);
    if (answer.kind === 'give-up') {
      this.#down(child, commands);
      this.#end({ kind: 'giving-up', failure, attempts: answer.attempts }, now, commands);
      return;
    }
    const { attempt, delayMs } = answer;
    this.#children.set(child, 'down');
    if (!this.#isGroup) {
      this.#orders.startLater(child, attempt, now + delayMs);
      const children = [child.spec.id];
      commands.push({ kind: 'restarting', children, attempt, delayMs, failure });
      return;
    }
    const from = this.#spec.strategy === 'one-for-all' ? this.#children.first! : child;
    const children: string[] = [];
    for (let at: Child | undefined = from; at !== undefined; at = at.next) {
      if (this.#condemn(at)) children.push(at.spec.id);
    }
    commands.push({ kind: 'restarting', children, attempt, delayMs, failure });
    this.#sequence.restart(from, attempt, now + delayMs); // V6
  }

  /** The child goes down with its group. @returns whether it will start again */
  #condemn(child: Child): boolean {
    const isTemporary = child.spec.restart === 'temporary';
    if (isAlive(child)) this.#children.set(child, child.state, isTemporary ? 'rest' : 'wait');
    else if (child.state === 'down' && !child.done) this.#children.set(child, 'waiting');
    // A temporary child that waits has never run: so it does not wait for a restart.
    return isTemporary ? child.state === 'waiting' : !child.done;
  }

  /** OTP's `do_auto_shutdown/2`. */
  #shutDownAfter({ spec }: Child, now: number, commands: Commands): void {
    if (!spec.significant) return;
    const isLast = this.#children.significant === 0;
    if (this.#spec.autoShutdown === 'any-significant' || isLast) {
      this.#end({ kind: 'auto-shutdown' }, now, commands);
    }
  }

  #end(why: Why, now: number, commands: Commands, isBrutal = false): void {
    const phase = this.#phase;
    if (phase.kind === 'ended') return;
    if (phase.kind !== 'ending') {
      this.#phase = { kind: 'ending', why };
      this.#sequence.cancel();
      this.#callOff(commands);
      if (this.#isDynamic) this.#stopTogether(now, commands);
      else this.#sequence.stopAll();
    }
    if (!isBrutal) return;
    for (let at = this.#children.last; at !== undefined; at = at.previous) {
      this.#orders.kill(at, 'at-once', commands);
    }
  }

  #stopTogether(now: number, commands: Commands): void {
    for (let at = this.#children.last; at !== undefined; at = at.previous) {
      this.#orders.stop(at, now, commands);
    }
  }

  /** No child waits for its start any more. */
  #callOff(commands: Commands): void {
    for (let at = this.#children.first; at !== undefined; ) {
      const { next } = at;
      if (at.state === 'waiting') this.#down(at, commands);
      at = next;
    }
  }

  #settle(now: number, commands: Commands): void {
    this.#orders.perform(now, commands);
    this.#sequence.proceed(now, commands);
    if (this.#phase.kind !== 'ending' || this.#children.alive > 0) return;
    const { why } = this.#phase;
    this.#phase = { kind: 'ended' }; // V5
    this.#sequence.cancel();
    if (why.kind === 'giving-up') {
      commands.push({ kind: 'escalate', failure: why.failure, attempts: why.attempts });
    } else {
      commands.push({ kind: 'stopped', reason: why.kind });
    }
  }

  #report(child: Child, failure: Failure, context: ReportContext, commands: Commands): void {
    commands.push({ kind: 'report', child: child.spec.id, failure, context });
  }

  #requested(event: AdministrationEvent, now: number, commands: Commands): void {
    const { token } = event;
    const reply = (result: AdministrationResult): void => {
      commands.push({ kind: 'reply', token, result });
    };
    if (this.#phase.kind !== 'running') {
      reply(refusal('not-running'));
      return;
    }
    if (event.kind === 'start-child') {
      const spec = requestedSpec(event, this.#spec);
      if ('reason' in spec) reply(spec);
      else if (this.#children.get(spec.id) === undefined) {
        this.#startFor(this.#children.add(spec), { token, isNew: true }, commands);
      } else {
        const { state } = this.#children.get(spec.id)!;
        reply(refusal(state === 'down' ? 'already-present' : 'already-started', spec.id));
      }
      return;
    }
    const child = this.#children.get(event.child);
    if (this.#isDynamic && event.kind !== 'terminate-child') {
      reply(refusal('simple-one-for-one'));
    } else if (child === undefined) reply(refusal('not-found', event.child));
    else if (event.kind === 'terminate-child') this.#terminate(child, token, now, commands);
    else if (child.state !== 'down') reply(refusal(busyWord(child), event.child));
    else if (event.kind === 'restart-child')
      this.#startFor(child, { token, isNew: false }, commands);
    else {
      this.#forget(child);
      reply({ kind: 'deleted', child: event.child });
    }
  }

  /** Starts the child at once, or when the sequence comes to it, as OTP would after the sequence. */
  #startFor(child: Child, request: Child['request'], commands: Commands): void {
    child.request = request;
    if (this.#sequence.takesUp(child)) this.#children.set(child, 'waiting');
    else this.#orders.start(child, 0, commands);
  }

  #terminate(child: Child, token: RequestToken, now: number, commands: Commands): void {
    child.terminations = [...(child.terminations ?? []), token];
    if (!isAlive(child)) {
      this.#down(child, commands);
      return;
    }
    // A child that the sequence will stop in turn is only kept from starting again.
    const isCondemned = child.fate !== 'none';
    this.#children.set(child, child.state, 'rest');
    if (!isCondemned) this.#orders.stop(child, now, commands);
  }

  #answer(child: Child, kind: 'started' | 'ignored', commands: Commands): void {
    if (child.request === undefined) return;
    const { token } = child.request;
    child.request = undefined;
    commands.push({ kind: 'reply', token, result: { kind, child: child.spec.id } });
  }

  /** The child could not start for the request; this concerns nobody else. */
  #refuseStart(child: Child, failure: Failure, commands: Commands): void {
    const { token, isNew } = child.request!;
    child.request = undefined;
    const result = { ...refusal('start-failed', child.spec.id), failure };
    commands.push({ kind: 'reply', token, result });
    this.#children.set(child, 'down');
    if (isNew) this.#forget(child);
  }
}

/** A child that will be down, asked yet or not, counts as being stopped: to terminate it once more helps nobody. */
function busyWord({ state, fate }: Child): 'running' | 'restarting' | 'stopping' {
  if (state === 'waiting') return 'restarting';
  return state === 'stopping' || fate === 'rest' ? 'stopping' : 'running';
}

function counter(): () => number {
  let last = 0;
  return () => {
    last += 1;
    return last;
  };
}
