/**
 * Gives, for a failure, the delay before the restart that answers it; or gives up.
 *
 *  B1  Pure: the same state, strategy, time and chance give the same answer.
 *  B2  A delay is never negative and never above the strategy's maximum, jitter included. The
 *      power of a huge attempt is infinite at worst, and the maximum then limits it.
 *  B3  The budget is exact: `attempts` restarts since the last progress, or `failuresMax` failures
 *      within the interval are answered; the next failure gives up.
 *  B4  Chance is asked once per delay with jitter, never otherwise.
 *  B5  A stable time counts from the restart (the failure and its delay), not from the failure. Only when a
 *      failure comes after the whole of it, the count begins anew.
 */

import type { Random } from '../base/random.js';
import type { RestartStrategy } from './restart-strategy.js';

/** Plain data; the caller keeps it. */
export interface BackOffState {
  /** Restarts since the last progress. */
  readonly attempts: number;
  /** Only for a failure rate: times of the failures within the interval, oldest first. */
  readonly failuresAtMs: readonly number[];
  /** Only for a stable time: when the last restart was due. */
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
  /** `attempts`: how many restarts were made before this failure. */
  | { readonly kind: 'give-up'; readonly attempts: number; readonly state: BackOffState };

export const freshBackOff: BackOffState = Object.freeze({
  attempts: 0,
  failuresAtMs: Object.freeze([]),
});

/** The answer to one more failure at `now`. */
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

/** After progress (a completed checkpoint) attempts and delay begin anew; a rate depends on time alone. */
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
