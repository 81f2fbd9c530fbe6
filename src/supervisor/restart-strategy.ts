/** When a failed part is started again, how soon, and when to give up: frozen plain data. */

import { badOption, checkNumber, checkObject, TIMER_MS_MAX } from '../base/option-checks.js';

/** What every strategy holds. */
interface RestartBase {
  /** How long a surviving thread may take to stop its tasks before it is ended, in milliseconds. */
  readonly resetTimeoutMs: number;
}

/** The first failure ends the part. */
export interface NoRestart extends RestartBase {
  readonly kind: 'none';
}

/** `attempts` restarts, each after `delayMs`; progress begins the count anew. */
export interface FixedDelay extends RestartBase {
  readonly kind: 'fixed-delay';
  readonly attempts: number;
  readonly delayMs: number;
}

/** More than `failuresMax` failures within `intervalMs` end it; progress changes nothing. */
export interface FailureRate extends RestartBase {
  readonly kind: 'failure-rate';
  readonly failuresMax: number;
  readonly intervalMs: number;
  readonly delayMs: number;
}

/**
 * Delays grow by `factor` up to `maxMs`, each off by at most the share `jitter`; progress, or
 * `resetAfterMs` without a failure since the last restart, begins anew.
 */
export interface ExponentialBackoff extends RestartBase {
  readonly kind: 'exponential-backoff';
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly jitter: number;
  readonly maxAttempts: number;
  /** Absent: only progress begins the delays anew. */
  readonly resetAfterMs?: number | undefined;
}

export type RestartStrategy = NoRestart | FixedDelay | FailureRate | ExponentialBackoff;

export interface ResetOptions {
  /** How long a surviving thread may take to stop its tasks, in milliseconds. Default 500. */
  readonly resetTimeoutMs?: number | undefined;
}

export interface FixedDelayOptions extends ResetOptions {
  /** Restarts without progress between them; `Infinity` never gives up. Default 10. */
  readonly attempts?: number | undefined;
  /** Default 1 000. */
  readonly delayMs?: number | undefined;
}

export interface FailureRateOptions extends ResetOptions {
  /** Failures within the interval that are answered by a restart; one more gives up. Default 3. */
  readonly failures?: number | undefined;
  /** Default 60 000. */
  readonly intervalMs?: number | undefined;
  /** Default 1 000. */
  readonly delayMs?: number | undefined;
}

export interface ExponentialBackoffOptions extends ResetOptions {
  /** The first delay. Default 10. */
  readonly initialMs?: number | undefined;
  /** Default 2. */
  readonly factor?: number | undefined;
  /** No delay is longer, jitter included. Default 10 000. */
  readonly maxMs?: number | undefined;
  /** Share by which a delay may be shorter or longer, 0…1. Default 0.1. */
  readonly jitter?: number | undefined;
  /** Restarts without progress between them; `Infinity` never gives up. Default 10. */
  readonly maxAttempts?: number | undefined;
  /**
   * After a restart, so many milliseconds without another failure begin delay and attempts anew, as
   * progress does; `Infinity`: only progress does. Default 600 000.
   */
  readonly resetAfterMs?: number | undefined;
}

const RESET_TIMEOUT_MS = 500;
const RESET_AFTER_MS = 600_000;
const delay = { min: 0, max: TIMER_MS_MAX, unit: 'milliseconds' } as const;
const span = { min: 1, max: TIMER_MS_MAX, unit: 'milliseconds' } as const;
const count = { min: 0, max: Number.POSITIVE_INFINITY, integer: true } as const;

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function noRestart(options?: ResetOptions): NoRestart {
  const given = checkObject('restart', options, ['resetTimeoutMs']);
  return Object.freeze({ kind: 'none', resetTimeoutMs: resetTimeout(given) });
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function fixedDelay(options?: FixedDelayOptions): FixedDelay {
  const given = checkObject('restart', options, ['attempts', 'delayMs', 'resetTimeoutMs']);
  return Object.freeze({
    kind: 'fixed-delay',
    attempts: checkNumber('restart.attempts', given.attempts, 10, count),
    delayMs: checkNumber('restart.delayMs', given.delayMs, 1_000, delay),
    resetTimeoutMs: resetTimeout(given),
  });
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function failureRate(options?: FailureRateOptions): FailureRate {
  const names = ['failures', 'intervalMs', 'delayMs', 'resetTimeoutMs'] as const;
  const given = checkObject('restart', options, names);
  return Object.freeze({
    kind: 'failure-rate',
    // The time of each counted failure is remembered, so their number has a limit.
    failuresMax: checkNumber('restart.failures', given.failures, 3, {
      min: 0,
      max: 10_000,
      integer: true,
    }),
    intervalMs: checkNumber('restart.intervalMs', given.intervalMs, 60_000, span),
    delayMs: checkNumber('restart.delayMs', given.delayMs, 1_000, delay),
    resetTimeoutMs: resetTimeout(given),
  });
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function exponentialBackoff(options?: ExponentialBackoffOptions): ExponentialBackoff {
  const given = checkObject('restart', options, [
    'initialMs',
    'factor',
    'maxMs',
    'jitter',
    'maxAttempts',
    'resetAfterMs',
    'resetTimeoutMs',
  ]);
  const initialMs = checkNumber('restart.initialMs', given.initialMs, 10, delay);
  // A long first delay alone is no mistake: the default maximum gives way to it.
  const maxMs = checkNumber('restart.maxMs', given.maxMs, Math.max(10_000, initialMs), delay);
  if (maxMs < initialMs) {
    throw badOption('restart.maxMs', maxMs, `at least restart.initialMs (${initialMs})`);
  }
  const resetAfterMs = checkNumber('restart.resetAfterMs', given.resetAfterMs, RESET_AFTER_MS, {
    ...span,
    max: Number.POSITIVE_INFINITY,
  });
  return Object.freeze({
    kind: 'exponential-backoff',
    initialMs,
    factor: checkNumber('restart.factor', given.factor, 2, { min: 1, max: 1_000 }),
    maxMs,
    jitter: checkNumber('restart.jitter', given.jitter, 0.1, { min: 0, max: 1 }),
    maxAttempts: checkNumber('restart.maxAttempts', given.maxAttempts, 10, count),
    resetAfterMs,
    resetTimeoutMs: resetTimeout(given),
  });
}

/**
 * Checks a strategy from outside as its factory would. So a strategy may also be written as a literal.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function checkRestartStrategy(given: RestartStrategy): RestartStrategy {
  const { kind, ...options } = (typeof given === 'object' && given !== null ? given : {}) as
    | RestartStrategy
    | { readonly kind?: undefined };
  switch (kind) {
    case 'none':
      return noRestart(options);
    case 'fixed-delay':
      return fixedDelay(options);
    case 'failure-rate': {
      const { failuresMax, ...others } = options as Partial<FailureRate>;
      return failureRate(failuresMax === undefined ? others : { ...others, failures: failuresMax });
    }
    case 'exponential-backoff':
      return exponentialBackoff(options);
    default:
      throw badOption(
        'restart',
        given,
        'what noRestart(), fixedDelay(), failureRate() or exponentialBackoff() returns',
      );
  }
}

function resetTimeout(given: ResetOptions): number {
  return checkNumber('restart.resetTimeoutMs', given.resetTimeoutMs, RESET_TIMEOUT_MS, span);
}
