/**
 * From a failure to the delay before the restart that answers it, or to giving up.
 *
 *  B1  Pure: the same state, strategy, time and chance give the same answer.
 *  B2  A delay is never negative and never above the strategy's maximum, jitter included; the
 *      power of a huge attempt is infinite at worst, and the minimum with the maximum is taken of it.
 *  B3  Exactly the budget: `attempts` restarts since the last progress, or `failuresMax` failures
 *      within the interval; the next failure gives up.
 *  B4  Chance is asked once per delay with jitter, never otherwise.
 */

import type { Random } from '../base/random.js';
import type { RestartStrategy } from './restart-strategy.js';

/** Plain data; the caller keeps it. */
export interface BackOffState {
  /** Restarts since the last progress. */
  readonly attempts: number;
  /** For a failure rate only: when the failures within the interval were, oldest first. */
  readonly failuresAtMs: readonly number[];
}

export type BackOffAnswer =
  | {
      readonly kind: 'restart';
      /** 1 for the first since the last progress. */
      readonly attempt: number;
      readonly delayMs: number;
      readonly state: BackOffState;
    }
  /** `attempts`: restarts that were made before this failure. */
  | { readonly kind: 'give-up'; readonly attempts: number; readonly state: BackOffState };

export const freshBackOff: BackOffState = Object.freeze({
  attempts: 0,
  failuresAtMs: Object.freeze([]),
});

/** What one more failure at `now` is answered with. */
export function nextDelay(
  state: BackOffState,
  strategy: RestartStrategy,
  now: number,
  random: Random,
): BackOffAnswer {
  const { attempts } = state;
  switch (strategy.kind) {
    case 'none':
      return { kind: 'give-up', attempts, state };
    case 'fixed-delay':
      if (attempts >= strategy.attempts) return { kind: 'give-up', attempts, state };
      return restart(state, strategy.delayMs, state.failuresAtMs);
    case 'failure-rate': {
      const since = now - strategy.intervalMs;
      const recent = state.failuresAtMs.filter((atMs) => atMs > since);
      if (recent.length >= strategy.failuresMax) {
        return { kind: 'give-up', attempts: recent.length, state };
      }
      return restart(state, strategy.delayMs, [...recent, now]);
    }
    case 'exponential-backoff': {
      if (attempts >= strategy.maxAttempts) return { kind: 'give-up', attempts, state };
      const { initialMs, factor, maxMs, jitter } = strategy;
      const grown = initialMs === 0 ? 0 : Math.min(maxMs, initialMs * factor ** attempts);
      const off = jitter === 0 ? 0 : grown * jitter * (2 * random.next() - 1);
      return restart(state, Math.max(0, Math.min(maxMs, grown + off)), state.failuresAtMs);
    }
  }
}

/** After progress (a completed checkpoint): attempts and delay begin anew; a rate is a matter of time. */
export function resetBackOff(state: BackOffState): BackOffState {
  return state.attempts === 0 ? state : { attempts: 0, failuresAtMs: state.failuresAtMs };
}

function restart(
  state: BackOffState,
  delayMs: number,
  failuresAtMs: readonly number[],
): BackOffAnswer {
  const attempt = state.attempts + 1;
  return { kind: 'restart', attempt, delayMs, state: { attempts: attempt, failuresAtMs } };
}
