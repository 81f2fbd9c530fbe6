/**
 * One supervisor and its children, as a pure machine: an event and `now` in, commands out.
 *
 * The words and the order of things are Erlang/OTP's (`supervisor.erl`); the back-off is added.
 * Children are started in the order in which they are listed and stopped in the reverse. A child is
 * OTP's *transient*: an abnormal end restarts it, a normal one does not. Commands of one event are
 * in that order, but none waits for the answer to another: whoever performs them may.
 *
 *   down ──start-child──▶ starting ──child-started──▶ running
 *    ▲                       │                           │
 *    ├──── child-ended ──────┴───────────────────────────┤
 *    └──── child-ended ──────── stopping ◀──stop-child───┘
 *
 *  V1  Every abnormal end of a starting or running child has exactly one answer: `restarting`, or,
 *      when the budget is spent, giving up. A child that fails while it starts costs an attempt.
 *  V2  What ends while stopping or down is collateral: no answer, no cost.
 *  V3  `shutdown` answers `stop-child`. One that answers nothing is late and changes nothing: the
 *      child may have been started again meanwhile.
 *  V4  A restart's children start when all of them are down and the delay, which runs from the
 *      failure, is over: all at once, none twice.
 *  V5  `escalate` and `stopped` come once all children are down; exactly one of them, exactly once,
 *      and nothing after it. A failure that has spent the budget is not lost by a `stop`.
 *  V6  Each event costs the children that it concerns, not all: ten thousand are stopped one by one
 *      in linear time.
 */

import { assert } from '../base/assert.js';
import type { Failure } from '../base/failure.js';
import type { Random } from '../base/random.js';
import { type BackOffState, freshBackOff, nextDelay, resetBackOff } from './back-off.js';
import type { RestartStrategy } from './restart-strategy.js';

/** What goes down with a child that failed: nobody, everybody, or those started after it. */
export type SupervisionStrategy = 'one-for-one' | 'one-for-all' | 'rest-for-one';

export interface SupervisorOptions {
  /** Names, in the order in which they start. */
  readonly children: readonly string[];
  readonly strategy: SupervisionStrategy;
  readonly restart: RestartStrategy;
  readonly random: Random;
}

export type SupervisorEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'child-started'; readonly child: string }
  | {
      readonly kind: 'child-ended';
      readonly child: string;
      readonly reason: 'normal' | 'shutdown' | 'abnormal';
      /** Of an abnormal end. */
      readonly failure?: Failure | undefined;
    }
  /** Something was achieved (a checkpoint completed): attempts and delay begin anew. */
  | { readonly kind: 'progress' }
  | { readonly kind: 'tick' }
  | { readonly kind: 'stop' };

export type SupervisorCommand =
  /** `attempt`: 0 for the first start. */
  | { readonly kind: 'start-child'; readonly child: string; readonly attempt: number }
  | { readonly kind: 'stop-child'; readonly child: string }
  /** Told at the failure; the starts follow after the delay. */
  | {
      readonly kind: 'restarting';
      readonly children: readonly string[];
      readonly attempt: number;
      readonly delayMs: number;
      readonly failure: Failure;
    }
  /** `attempts`: restarts that were made before this failure. */
  | { readonly kind: 'escalate'; readonly failure: Failure; readonly attempts: number }
  | { readonly kind: 'stopped' };

type Phase =
  | { readonly kind: 'new' }
  | { readonly kind: 'running' }
  | { readonly kind: 'giving-up'; readonly failure: Failure; readonly attempts: number }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'ended' };

/** Children that start together when none of them is left alive and the time has come (V4). */
interface Restart {
  readonly from: number;
  readonly to: number;
  readonly attempt: number;
  readonly dueMs: number;
  alive: number;
}

interface Child {
  readonly name: string;
  readonly index: number;
  state: 'down' | 'starting' | 'running' | 'stopping';
  restart: Restart | undefined;
}

export class Supervisor {
  readonly #strategy: SupervisionStrategy;
  readonly #restart: RestartStrategy;
  readonly #random: Random;
  readonly #children: readonly Child[];
  readonly #byName: ReadonlyMap<string, Child>;
  readonly #restarts = new Set<Restart>();
  #backOff: BackOffState = freshBackOff;
  #phase: Phase = { kind: 'new' };
  #alive = 0;

  constructor({ children, strategy, restart, random }: SupervisorOptions) {
    this.#strategy = strategy;
    this.#restart = restart;
    this.#random = random;
    this.#children = children.map((name, index) => ({
      name,
      index,
      state: 'down',
      restart: undefined,
    }));
    this.#byName = new Map(this.#children.map((child) => [child.name, child]));
    assert(this.#byName.size === children.length, 'two children of a supervisor share a name');
  }

  /** @param now milliseconds of a clock that does not go back */
  handle(event: SupervisorEvent, now: number): readonly SupervisorCommand[] {
    const commands: SupervisorCommand[] = [];
    if (this.#phase.kind === 'ended') return commands;
    switch (event.kind) {
      case 'start':
        assert(this.#phase.kind === 'new', 'a supervisor is started once');
        this.#phase = { kind: 'running' };
        this.#start(0, this.#children.length, 0, commands);
        break;
      case 'child-started': {
        const child = this.#child(event.child);
        if (child.state === 'starting') child.state = 'running';
        break;
      }
      case 'child-ended':
        this.#childEnded(this.#child(event.child), event.reason, event.failure, now, commands);
        break;
      case 'progress':
        this.#backOff = resetBackOff(this.#backOff);
        break;
      case 'tick':
        break;
      case 'stop':
        if (this.#phase.kind !== 'giving-up') this.#phase = { kind: 'stopping' };
        this.#stopAll(commands);
    }
    this.#settle(now, commands);
    return commands;
  }

  /** When the next `tick` has something to do; undefined: not before another event. */
  nextDeadline(): number | undefined {
    let dueMs: number | undefined;
    for (const restart of this.#restarts) {
      if (restart.alive === 0) dueMs = Math.min(dueMs ?? restart.dueMs, restart.dueMs);
    }
    return dueMs;
  }

  #childEnded(
    child: Child,
    reason: 'normal' | 'shutdown' | 'abnormal',
    failure: Failure | undefined,
    now: number,
    commands: SupervisorCommand[],
  ): void {
    const { state } = child;
    if (state === 'down') return; // V2
    if (reason === 'shutdown' && state !== 'stopping') return; // V3
    child.state = 'down';
    this.#alive -= 1;
    if (child.restart !== undefined) child.restart.alive -= 1;
    if (state === 'stopping' || reason !== 'abnormal') return; // V2
    this.#answer(child, failure ?? unexplained(child.name), now, commands); // V1
  }

  #answer(child: Child, failure: Failure, now: number, commands: SupervisorCommand[]): void {
    const answer = nextDelay(this.#backOff, this.#restart, now, this.#random);
    this.#backOff = answer.state;
    if (answer.kind === 'give-up') {
      this.#phase = { kind: 'giving-up', failure, attempts: answer.attempts };
      this.#stopAll(commands);
      return;
    }
    const { attempt, delayMs } = answer;
    const [from, to] = this.#affected(child);
    commands.push({
      kind: 'restarting',
      children: this.#children.slice(from, to).map(({ name }) => name),
      attempt,
      delayMs,
      failure,
    });
    this.#schedule(from, to, attempt, now + delayMs);
    this.#stop(from, to, commands);
  }

  /** A half-open range of children. */
  #affected({ index }: Child): readonly [from: number, to: number] {
    if (this.#strategy === 'one-for-one') return [index, index + 1];
    return [this.#strategy === 'one-for-all' ? 0 : index, this.#children.length];
  }

  /** A restart that is waiting for children of this range is taken up in it: the later time counts. */
  #schedule(from: number, to: number, attempt: number, notBeforeMs: number): void {
    let dueMs = notBeforeMs;
    let alive = 0;
    for (let at = from; at < to; at += 1) {
      const { state, restart } = this.#children[at]!;
      if (state !== 'down') alive += 1;
      if (restart !== undefined && this.#restarts.delete(restart)) {
        dueMs = Math.max(dueMs, restart.dueMs);
      }
    }
    const restart: Restart = { from, to, attempt, dueMs, alive };
    for (let at = from; at < to; at += 1) this.#children[at]!.restart = restart;
    this.#restarts.add(restart);
  }

  #settle(now: number, commands: SupervisorCommand[]): void {
    for (const restart of this.#restarts) {
      if (restart.alive > 0 || restart.dueMs > now) continue;
      this.#restarts.delete(restart);
      this.#start(restart.from, restart.to, restart.attempt, commands); // V4
    }
    const phase = this.#phase;
    if (this.#alive > 0) return;
    if (phase.kind === 'giving-up') {
      const { failure, attempts } = phase;
      commands.push({ kind: 'escalate', failure, attempts });
    } else if (phase.kind === 'stopping') {
      commands.push({ kind: 'stopped' });
    } else {
      return;
    }
    this.#phase = { kind: 'ended' }; // V5
  }

  #start(from: number, to: number, attempt: number, commands: SupervisorCommand[]): void {
    for (let at = from; at < to; at += 1) {
      const child = this.#children[at]!;
      child.state = 'starting';
      child.restart = undefined;
      this.#alive += 1;
      commands.push({ kind: 'start-child', child: child.name, attempt });
    }
  }

  #stop(from: number, to: number, commands: SupervisorCommand[]): void {
    for (let at = to - 1; at >= from; at -= 1) {
      const child = this.#children[at]!;
      if (child.state !== 'starting' && child.state !== 'running') continue;
      child.state = 'stopping';
      commands.push({ kind: 'stop-child', child: child.name });
    }
  }

  #stopAll(commands: SupervisorCommand[]): void {
    this.#restarts.clear();
    this.#stop(0, this.#children.length, commands);
  }

  #child(name: string): Child {
    const child = this.#byName.get(name);
    assert(child !== undefined, `a supervisor has no child '${name}'`);
    return child;
  }
}

function unexplained(child: string): Failure {
  return { kind: 'internal', name: 'Error', message: `'${child}' ended without an explanation` };
}
