/** Window definitions: plain, validated data that operators interpret. */

import { HoldfastError } from '../../base/errors.js';
import { describeValue } from './callbacks.js';

/** Windows of equal size that follow one another: [k·size + offset, (k + 1)·size + offset). */
export interface TumblingWindow {
  readonly kind: 'tumbling';
  readonly sizeMs: number;
  /** In [0, sizeMs). */
  readonly offsetMs: number;
}

export type WindowDefinition = TumblingWindow;

export interface TumblingOptions {
  /** Moves every window's start, e.g. `hours(-2)` for days that begin at midnight in UTC+2. Default 0. */
  readonly offsetMs?: number | undefined;
}

/**
 * Tumbling windows in event time, aligned to the epoch (1970-01-01T00:00Z) plus `offsetMs`.
 * @param sizeMs a whole number of milliseconds, at least 1: `minutes(1)`, `days(1)`
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function tumbling(sizeMs: number, options: TumblingOptions = {}): TumblingWindow {
  requireWholeMs('tumbling(sizeMs)', sizeMs, 1);
  const offset = options.offsetMs ?? 0;
  requireWholeMs('tumbling(…, { offsetMs })', offset, Number.MIN_SAFE_INTEGER);
  const remainder = offset % sizeMs;
  return Object.freeze({
    kind: 'tumbling',
    sizeMs,
    offsetMs: remainder < 0 ? remainder + sizeMs : remainder + 0,
  });
}

/**
 * Refuses a duration that is no whole number of milliseconds, or less than `least`.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function requireWholeMs(what: string, ms: unknown, least: number): asserts ms is number {
  if (Number.isSafeInteger(ms) && (ms as number) >= least) return;
  const bound = least > Number.MIN_SAFE_INTEGER ? `, at least ${least}` : '';
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${what} must be a whole number of milliseconds${bound}, but is ${describeValue(ms)}.`,
    { details: { what } },
  );
}

/**
 * Refuses what is no window definition.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function requireWindow(window: unknown): asserts window is WindowDefinition {
  if (typeof window === 'object' && window !== null && 'kind' in window) {
    if (window.kind === 'tumbling') return;
  }
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `window(…) needs a window definition such as tumbling(minutes(1)), but was given ${describeValue(window)}.`,
  );
}
