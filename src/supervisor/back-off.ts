/**
 * From a failure to the delay before the restart that answers it, or to giving up.
 *
 *  B1  Pure: the same state, strategy, time and chance give the same answer.
 *  B2  A delay is never negative and never above the strategy's maximum, jitter included; the
 *      power of a huge attempt is infinite at worst, and the minimum with the maximum is taken of it.
 *  B3  Exactly the budget: `attempts` restarts since the last progress, or `failuresMax` failures
 *      within the interval; the next failure gives up.
 *  B4  Chance is asked once per delay with jitter, never otherwise.
 *  B5  A stable time counts from the restart (the failure and its delay), not from the failure; only a
 *      failure after the whole of it begins anew.
 */

import type { Random } from '../base/random.js';
import type { RestartStrategy } from './restart-strategy.js';

/** Plain data; the caller keeps it. */
export interface BackOffState {
  /** Restarts since the last progress. */
  readonly attempts: number;
  /** For a failure rate only: when the failures within the interval were, oldest first. */
  readonly failuresAtMs: readonly number[];
  /** For a stable time only: when the last restart was due. */
  readonly restartAtMs?: number | undefined;
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
      return restart(attempts, strategy.delayMs, state.failuresAtMs);
    case 'failure-rate': {
      const since = now - strategy.intervalMs;
      const recent = state.failuresAtMs.filter((atMs) => atMs > since);
      if (recent.length >= strategy.failuresMax) {
        return { kind: 'give-up', attempts: recent.length, state };
      }
      return restart(attempts, strategy.delayMs, [...recent, now]);
    }
    case 'exponential-backoff': {
      const { initialMs, factor, maxMs, jitter, resetAfterMs = Infinity } = strategy;
      const stableMs = now - (state.restartAtMs ?? Infinity);
      const made = stableMs >= resetAfterMs ? 0 : attempts; // B5
      if (made >= strategy.maxAttempts) return { kind: 'give-up', attempts: made, state };
      const grown = initialMs === 0 ? 0 : Math.min(maxMs, initialMs * factor ** made);
      const off = jitter === 0 ? 0 : grown * jitter * (2 * random.next() - 1);
      const delayMs = Math.max(0, Math.min(maxMs, grown + off));
      return restart(made, delayMs, state.failuresAtMs, now + delayMs);
    }
  }
}

/** After progress (a completed checkpoint): attempts and delay begin anew; a rate is a matter of time. */
export function resetBackOff(state: BackOffState): BackOffState {
  return state.attempts === 0 ? state : { attempts: 0, failuresAtMs: state.failuresAtMs };
}

function restart(
  made: number,
  delayMs: number,
  failuresAtMs: readonly number[],
  restartAtMs?: number,
): BackOffAnswer {
  const attempt = made + 1;
  const state = { attempts: attempt, failuresAtMs, restartAtMs };
  return { kind: 'restart', attempt, delayMs, state };
}
