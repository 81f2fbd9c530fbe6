/**
 * The guardian's decisions, as a pure machine: events and `now` in, commands out.
 *
 *        start            exited: budget left        tick, stop
 *  idle ───────▶ alive ─────────────────────▶ waiting ────────▶ alive …
 *                  │ outcome                     │ cancel
 *                  ▼            exited           ▼
 *               settled ─────────────────────▶ ended
 *
 *  G1  When a job says how it ended, that is final: its process is not started again, however it exits.
 *  G2  When a process dies without a word, it is started again while the budget lasts; otherwise the job is
 *      given up with the last death. Exactly one of the two happens.
 *  G3  A completed checkpoint resets the budget when it is beyond every death since the last reset. That is when each
 *      split is at or beyond where it stood at those deaths, the record in work counted as read, as for
 *      threads (job/driver/progress.ts, P2); and when more was read in all than processes had told before they
 *      died. What other splits have read meanwhile makes up for none that does not get on.
 *  G4  `end` and `give-up` come at most once, and nothing after them.
 *  G5  A stop does not wait for a delay under way: the process that takes the last checkpoint is started at once.
 *      If that process dies as well, its delay is kept.
 *  G6  Where a split stood is what the process has left outside of itself (threads/split-trace.ts). It is never ahead
 *      of the split, so no process has to get further than an earlier one was. It may lag behind by some
 *      milliseconds. But a split that has read on since its last snapshot is told to be beyond that one; so when one
 *      record ends every process that reads it, each further reset needs a checkpoint nearer to the record than
 *      all before. There are few of those, and then the budget ends.
 */

import type { Failure } from '../base/failure.js';
import type { Random } from '../base/random.js';
import type { JobResult } from '../job/job-types.js';
import {
  type BackOffState,
  freshBackOff,
  nextDelay,
  resetBackOff,
} from '../supervisor/back-off.js';
import type { RestartStrategy } from '../supervisor/restart-strategy.js';
import type { SplitCounts } from '../threads/split-trace.js';

export interface ProcessDeath {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** The failure that the process told as its last word, if it told one. */
  readonly failure: Failure | undefined;
}

export type GuardOutcome =
  | { readonly kind: 'finished'; readonly result: JobResult }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'canceled' };

export type GuardEvent =
  | { readonly kind: 'start' }
  /** A checkpoint completed. `sourceRecords`: source position in it, of all sources together. */
  | {
      readonly kind: 'checkpoint';
      readonly sourceRecords: number;
      readonly splits: SplitCounts;
    }
  /** Sources have read so far. */
  | { readonly kind: 'progress'; readonly sourceRecords: number }
  | { readonly kind: 'outcome'; readonly outcome: GuardOutcome }
  /** `stood`: how far each split was, the record in work counted as read, as far as the process has left it (G6). */
  | { readonly kind: 'exited'; readonly death: ProcessDeath; readonly stood: SplitCounts }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'tick' };

export type GuardCommand =
  /** `process`: number of the process, 0 for the first. */
  | { readonly kind: 'fork'; readonly process: number }
  /** `attempt`: number of the restart since there was progress (G3), from 1. */
  | {
      readonly kind: 'restarting';
      readonly attempt: number;
      readonly delayMs: number;
      readonly death: ProcessDeath;
    }
  | { readonly kind: 'end'; readonly outcome: GuardOutcome }
  | { readonly kind: 'give-up'; readonly death: ProcessDeath; readonly attempts: number };

type Exit = Extract<GuardEvent, { kind: 'exited' }>;

export interface GuardMachineOptions {
  readonly restart: RestartStrategy;
  readonly random: Random;
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'alive' }
  | { readonly kind: 'settled'; readonly outcome: GuardOutcome }
  | { readonly kind: 'waiting'; readonly untilMs: number }
  | { readonly kind: 'ended' };

export class GuardMachine {
  readonly #restart: RestartStrategy;
  readonly #random: Random;
  #backOff: BackOffState = freshBackOff;
  #state: State = { kind: 'idle' };
  /** Number of forks after the first. */
  #restarts = 0;
  #canceled = false;
  /** How far sources have read, in this process and those before. */
  #read = 0;
  /** How far they had when the last process died. */
  #failedAt = -1;
  /** How far each split was at the deaths since the last progress, at most. */
  readonly #stood = new Map<number, number>();

  constructor({ restart, random }: GuardMachineOptions) {
    this.#restart = restart;
    this.#random = random;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** When to send a `tick`, in the time of `now`; undefined for never. */
  nextDeadline(): number | undefined {
    return this.#state.kind === 'waiting' ? this.#state.untilMs : undefined;
  }

  handle(event: GuardEvent, nowMs: number): readonly GuardCommand[] {
    const state = this.#state;
    switch (event.kind) {
      case 'start':
        return state.kind === 'idle' ? this.#fork() : [];
      case 'checkpoint':
        if (state.kind !== 'alive') return [];
        this.#read = Math.max(this.#read, event.sourceRecords);
        if (this.#isBeyond(event)) this.#progressed();
        return [];
      case 'progress':
        if (state.kind === 'alive') this.#read = Math.max(this.#read, event.sourceRecords);
        return [];
      case 'outcome':
        if (state.kind === 'alive') this.#state = { kind: 'settled', outcome: event.outcome }; // G1
        return [];
      case 'exited':
        if (state.kind === 'settled') return this.#end(state.outcome);
        return state.kind === 'alive' ? this.#died(event, nowMs) : [];
      case 'cancel':
        this.#canceled = true;
        return state.kind === 'idle' || state.kind === 'waiting'
          ? this.#end({ kind: 'canceled' })
          : [];
      case 'stop':
        return state.kind === 'waiting' ? this.#fork() : []; // G5
      case 'tick':
        return state.kind === 'waiting' && nowMs >= state.untilMs ? this.#fork() : [];
    }
  }

  #fork(): readonly GuardCommand[] {
    this.#state = { kind: 'alive' };
    return [{ kind: 'fork', process: this.#restarts }];
  }

  /** G2. */
  #died({ death, stood }: Exit, nowMs: number): readonly GuardCommand[] {
    if (this.#canceled) return this.#end({ kind: 'canceled' });
    this.#failedAt = this.#read;
    for (const [split, records] of stood) {
      this.#stood.set(split, Math.max(records, this.#stood.get(split) ?? 0));
    }
    const answer = nextDelay(this.#backOff, this.#restart, nowMs, this.#random);
    this.#backOff = answer.state;
    if (answer.kind === 'give-up') {
      this.#state = { kind: 'ended' };
      return [{ kind: 'give-up', death, attempts: answer.attempts }];
    }
    const { attempt, delayMs } = answer;
    this.#restarts += 1;
    const restarting = { kind: 'restarting', attempt, delayMs, death } as const;
    if (delayMs <= 0) return [restarting, ...this.#fork()];
    this.#state = { kind: 'waiting', untilMs: nowMs + delayMs };
    return [restarting];
  }

  /** G3. */
  #isBeyond({ sourceRecords, splits }: Extract<GuardEvent, { kind: 'checkpoint' }>): boolean {
    if (sourceRecords <= this.#failedAt) return false;
    for (const [split, records] of this.#stood) {
      if ((splits.get(split) ?? 0) < records) return false;
    }
    return true;
  }

  #progressed(): void {
    this.#backOff = resetBackOff(this.#backOff);
    this.#stood.clear();
  }

  /** G4. */
  #end(outcome: GuardOutcome): readonly GuardCommand[] {
    this.#state = { kind: 'ended' };
    return [{ kind: 'end', outcome }];
  }
}
