/**
 * The life of a system of actors, as a pure machine. All nodes go up together and down together, because a snapshot is
 * one consistent cut of all of them.
 *
 *   idle ──start──▶ launching ──launched──▶ up
 *                     ▲    │                │
 *             fenced, │    └────failed──────┤
 *        delay over   │                     ▼
 *                     └─────────────────── down ──budget spent──▶ ended
 *
 *  Y1  A failure first disconnects: from then on nothing of the former epoch counts. All else follows.
 *  Y2  Each going down begins another *round*; what a launch or fence of an earlier round still tells changes nothing.
 *  Y3  A launch waits for the fences of its round and for the back-off.
 *  Y4  What fails while the system is down spends no budget: the launch that follows makes up for it.
 *  Y5  A complete snapshot begins the budget anew. An error that would come again at every try is not answered.
 */

import { isFatalCode } from '../base/error-codes.js';
import type { Failure } from '../base/failure.js';
import type { Random } from '../base/random.js';
import {
  type BackOffState,
  freshBackOff,
  nextDelay,
  resetBackOff,
} from '../supervisor/back-off.js';
import type { RestartStrategy } from '../supervisor/restart-strategy.js';

export type SystemStatus =
  | 'starting'
  | 'running'
  | 'restarting'
  | 'stopping'
  | 'stopped'
  | 'failed';

export type SystemEvent =
  | { readonly kind: 'start' }
  /** A thread has died, a node has failed, or snapshots have. With a round: its launch has failed. */
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      /** What was ordered, or the failure's kind. */
      readonly cause: string;
      readonly round?: number | undefined;
    }
  | { readonly kind: 'fenced'; readonly round: number }
  | {
      readonly kind: 'launched';
      readonly round: number;
      readonly epoch: number;
      readonly checkpoint: number | undefined;
    }
  | { readonly kind: 'snapshot-completed' }
  | { readonly kind: 'tick' }
  /** Nothing is to run any more. */
  | { readonly kind: 'end' };

export type SystemCommand =
  /** Nothing of this epoch counts any more; all threads are to forget their nodes. `fenced` is told then. */
  | { readonly kind: 'disconnect'; readonly round: number }
  /** From the newest complete snapshot, or from the beginning. */
  | { readonly kind: 'launch'; readonly round: number }
  /** All nodes run. */
  | { readonly kind: 'connect'; readonly epoch: number }
  | { readonly kind: 'tell-failure'; readonly failure: Failure; readonly cause: string }
  | {
      readonly kind: 'tell-restarted';
      readonly cause: string;
      readonly attempt: number;
      readonly checkpoint: number | undefined;
    }
  /** It is over, after so many restarts. */
  | { readonly kind: 'fail'; readonly failure: Failure; readonly attempts: number };

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'launching' }
  | { readonly kind: 'up' }
  | { readonly kind: 'down'; readonly dueMs: number; readonly isFenced: boolean }
  | { readonly kind: 'ended' };

export class SystemMachine {
  readonly #strategy: RestartStrategy;
  readonly #random: Random;
  #state: State = { kind: 'idle' };
  #round = 0;
  #backOff: BackOffState = freshBackOff;
  /** The failure that brought it down, until it runs again. */
  #incident: { readonly cause: string; attempt: number } | undefined;

  constructor(strategy: RestartStrategy, random: Random) {
    this.#strategy = strategy;
    this.#random = random;
  }

  get isUp(): boolean {
    return this.#state.kind === 'up';
  }

  get isOver(): boolean {
    return this.#state.kind === 'ended';
  }

  /** It was up once, and is not. */
  get isRestarting(): boolean {
    return this.#incident !== undefined;
  }

  isStale(round: number): boolean {
    return round !== this.#round || this.isOver;
  }

  /** When a `tick` is due, in the clock of `now`. */
  nextDeadline(): number | undefined {
    return this.#state.kind === 'down' && this.#state.isFenced ? this.#state.dueMs : undefined;
  }

  handle(event: SystemEvent, now: number): SystemCommand[] {
    if (this.isOver) return [];
    switch (event.kind) {
      case 'start':
        this.#state = { kind: 'launching' };
        return [{ kind: 'launch', round: this.#round }];
      case 'failed':
        return this.#failed(event, now);
      case 'fenced':
        if (this.isStale(event.round) || this.#state.kind !== 'down') return [];
        this.#state = { ...this.#state, isFenced: true };
        return this.#launchIfDue(now);
      case 'tick':
        return this.#launchIfDue(now);
      case 'launched':
        return this.#launched(event);
      case 'snapshot-completed':
        this.#backOff = resetBackOff(this.#backOff);
        return [];
      case 'end':
        this.#state = { kind: 'ended' };
        return [];
    }
  }

  #failed(
    { failure, cause, round }: Extract<SystemEvent, { kind: 'failed' }>,
    now: number,
  ): SystemCommand[] {
    const { kind } = this.#state;
    if (round !== undefined && this.isStale(round)) return []; // Y2
    if (kind === 'down' || kind === 'idle') return []; // Y4
    this.#round += 1;
    const told: SystemCommand[] = [
      { kind: 'disconnect', round: this.#round },
      { kind: 'tell-failure', failure, cause },
    ];
    const answer = nextDelay(this.#backOff, this.#strategy, now, this.#random);
    this.#backOff = answer.state;
    if (isFatalCode(failure.code) || answer.kind === 'give-up') {
      this.#state = { kind: 'ended' };
      const attempts = answer.kind === 'give-up' ? answer.attempts : 0;
      return [...told, { kind: 'fail', failure, attempts }];
    }
    this.#incident ??= { cause, attempt: 0 };
    this.#incident.attempt = answer.attempt;
    this.#state = { kind: 'down', dueMs: now + answer.delayMs, isFenced: false };
    return told;
  }

  /** Y3 */
  #launchIfDue(now: number): SystemCommand[] {
    const state = this.#state;
    if (state.kind !== 'down' || !state.isFenced || now < state.dueMs) return [];
    this.#state = { kind: 'launching' };
    return [{ kind: 'launch', round: this.#round }];
  }

  #launched({
    round,
    epoch,
    checkpoint,
  }: Extract<SystemEvent, { kind: 'launched' }>): SystemCommand[] {
    if (this.isStale(round) || this.#state.kind !== 'launching') return [];
    this.#state = { kind: 'up' };
    const incident = this.#incident;
    this.#incident = undefined;
    if (incident === undefined) return [{ kind: 'connect', epoch }];
    return [
      { kind: 'connect', epoch },
      { kind: 'tell-restarted', ...incident, checkpoint },
    ];
  }
}
