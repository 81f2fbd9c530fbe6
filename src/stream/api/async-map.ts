/** `mapAsync`: what a user gives, and what it is checked for. */

import {
  badOption,
  checkFlag,
  checkNumber,
  checkObject,
  TIMER_MS_MAX,
} from '../../base/option-checks.js';
import { checkRestartStrategy, type RestartStrategy } from '../../supervisor/restart-strategy.js';
import type { NodeParameters } from '../graph/graph.js';
import { checkCallback } from './callbacks.js';

/** One attempt at a record. */
export interface AsyncCall {
  /**
   * Aborted when the attempt has taken too long, and when the task stops: the job was stopped, say, or restarts. Not when
   * its whole thread is ended, as `cancel()` does.
   */
  readonly signal: AbortSignal;
  /** 1 for the first. After a restart it begins at 1 again. */
  readonly attempt: number;
  /** The record's event time in ms; undefined for none. */
  readonly timestamp: number | undefined;
}

export interface AsyncRetryOptions {
  /**
   * How often and how soon a call that has failed is made again: `exponentialBackoff({ maxAttempts: 3 })` or
   * `fixedDelay({ attempts: 3, delayMs: 200 })`, three retries at most. Default: never.
   */
  readonly retry?: RestartStrategy | undefined;
  /** Is it worth while to try again after this error? Default: after every one. Needs `retry`. */
  readonly retryIf?: ((error: unknown) => boolean) | undefined;
}

export interface AsyncMapOptions extends AsyncRetryOptions {
  /**
   * Records per instance that have been taken and whose result has not gone out yet. When there are as many, no
   * further record is taken. Default 16.
   */
  readonly capacity?: number | undefined;
  /** How long one attempt may take, in ms. Then its signal is aborted, and it has failed. Default 30 000. */
  readonly timeoutMs?: number | undefined;
  /**
   * True, the default: results go out in the order of the records. False: as they come, but none overtakes a
   * watermark, nor is overtaken by one.
   */
  readonly ordered?: boolean | undefined;
}

/** Checked, with defaults. */
export interface AsyncSettings {
  readonly capacity: number;
  readonly timeoutMs: number;
  readonly ordered: boolean;
  readonly retry: RestartStrategy | undefined;
  readonly retryIf: ((error: unknown) => boolean) | undefined;
}

const CAPACITY = 16;
const CAPACITY_MAX = 100_000;
const TIMEOUT_MS = 30_000;
const NAMES = ['capacity', 'timeoutMs', 'ordered', 'retry', 'retryIf'] as const;

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK */
export function checkAsyncMap(given: AsyncMapOptions | undefined): AsyncSettings {
  return checkAsyncSettings('mapAsync', checkObject('mapAsync', given, NAMES));
}

/** @param where whose options they are, for messages */
export function checkAsyncSettings(
  where: string,
  { capacity, timeoutMs, ordered, retry, retryIf }: Partial<AsyncMapOptions>,
): AsyncSettings {
  if (retryIf !== undefined) {
    if (retry === undefined) throw badOption(`${where}.retryIf`, retryIf, 'one beside `retry`');
    checkCallback(retryIf, `${where}({ retryIf })`);
  }
  return {
    capacity: checkNumber(`${where}.capacity`, capacity, CAPACITY, {
      min: 1,
      max: CAPACITY_MAX,
      integer: true,
    }),
    timeoutMs: checkNumber(`${where}.timeoutMs`, timeoutMs, TIMEOUT_MS, {
      min: 1,
      max: TIMER_MS_MAX,
      unit: 'milliseconds',
    }),
    ordered: checkFlag(`${where}.ordered`, ordered, true),
    retry: checkRetry(`${where}.retry`, retry),
    retryIf,
  };
}

/** What the graph tells of it. Only where order is lost: graphs without keep their hash. */
export function orderParameter({ ordered }: AsyncSettings): NodeParameters | undefined {
  return ordered ? undefined : { ordered };
}

const RETRIES: readonly unknown[] = ['fixed-delay', 'exponential-backoff'];

function checkRetry(option: string, given: RestartStrategy | undefined) {
  if (given === undefined) return undefined;
  if (RETRIES.includes(given?.kind)) return checkRestartStrategy(given);
  throw badOption(option, given, 'what fixedDelay() or exponentialBackoff() returns');
}
