/** What joins are given, and what is checked at the door. */

import { HoldfastError } from '../../base/errors.js';
import { checkObject, checkOneOf } from '../../base/option-checks.js';
import { checkCallback, describeValue, type NotPromise } from '../api/callbacks.js';
import { requireTag } from '../api/side-outputs.js';
import { checkVersion, type StateVersion } from '../api/state-version.js';
import {
  type AlignedWindow,
  isAligned,
  requireWholeMs,
  requireWindow,
  type WindowBounds,
} from '../api/windows.js';
import type { SideName } from './join-context.js';

/**
 * Which rows are emitted that have found no partner: none, those of the left stream, those of both. In their place
 * `select` is given null for the partner.
 */
export type JoinKind = 'inner' | 'left' | 'full';

/** What `select` is given for the left row. */
export type LeftOf<L, J> = J extends 'full' ? L | null : L;
/** What `select` is given for the right row. */
export type RightOf<R, J> = J extends 'inner' ? R : R | null;

/** Makes a row of a left and a right one; synchronous. */
export type JoinSelect<L, R, K, J, O> = (
  left: LeftOf<L, J>,
  right: RightOf<R, J>,
  key: K,
) => NotPromise<O>;

/** Side outputs for late records, by side. Without one they are counted (`lateRecords`). */
export interface LateSides<LT, RT> {
  readonly left?: LT | undefined;
  readonly right?: RT | undefined;
}

/**
 * `version` and `migrate` of the records that a join keeps, by side. `migrate` gets a record of a former version, and
 * answers with one of this version, synchronously.
 */
export interface JoinState {
  readonly left?: StateVersion<unknown> | undefined;
  readonly right?: StateVersion<unknown> | undefined;
}

export interface JoinOptions<L, R, K, O> {
  /**
   * Rows find each other when their event times are less than this apart, in ms. Absent: however far they are apart, and
   * then all rows are kept for good.
   */
  readonly ttlMs?: number | undefined;
  readonly window?: undefined;
  /** Default, and the only one: a row without a partner may still find one. */
  readonly kind?: 'inner' | undefined;
  readonly select: JoinSelect<L, R, K, 'inner', O>;
  readonly state?: JoinState | undefined;
}

export interface WindowJoinOptions<L, R, K, J, O, LT = never, RT = never> {
  /** Rows of one window meet. */
  readonly window: AlignedWindow;
  /** Default: `'inner'`. */
  readonly kind?: J | undefined;
  readonly select: JoinSelect<L, R, K, J, O>;
  readonly sideOutputLate?: LateSides<LT, RT> | undefined;
  readonly state?: JoinState | undefined;
}

export interface CoGroupOptions<L, R, K, O, LT = never, RT = never> {
  readonly window: AlignedWindow;
  /** Called once for each key and window that has a record, at the window's end; synchronous. One of the two may be empty. */
  readonly select: (lefts: L[], rights: R[], key: K, window: WindowBounds) => NotPromise<O>;
  readonly sideOutputLate?: LateSides<LT, RT> | undefined;
  readonly state?: JoinState | undefined;
}

export interface IntervalJoinOptions<L, R, K, J, O, LT = never, RT = never> {
  /** The time of a right row − that of a left one, in ms: at least this. Negative: earlier than the left one. */
  readonly lowerMs: number;
  /** And at most this. Both are inclusive. */
  readonly upperMs: number;
  /** Default: `'inner'`. */
  readonly kind?: J | undefined;
  readonly select: JoinSelect<L, R, K, J, O>;
  /** How far behind its split's time a row may be without being late, in ms. Rows are kept for so much longer. Default 0. */
  readonly allowedLatenessMs?: number | undefined;
  readonly sideOutputLate?: LateSides<LT, RT> | undefined;
  readonly state?: JoinState | undefined;
}

export interface JoinLatestOptions<L, R, K, J, O, LT = never> {
  /** Default: `'inner'`. */
  readonly kind?: J | undefined;
  readonly select: JoinSelect<L, R, K, J, O>;
  /** Side output for left rows that are late. */
  readonly sideOutputLate?: { readonly left?: LT | undefined } | undefined;
  readonly state?: JoinState | undefined;
}

export interface LookupOptions<L, R, K, J, O> {
  /** The key of a record. */
  readonly key: (record: L) => K;
  /** The key of a row of the table. Several rows may have one key. */
  readonly tableKey: (row: R) => K;
  /** Default: `'inner'`. */
  readonly kind?: J | undefined;
  readonly select: JoinSelect<L, R, K, J, O>;
}

const ALL_KINDS: readonly JoinKind[] = ['inner', 'left', 'full'];

/**
 * Checks what all joins share.
 * @param method for messages @param names of the options that it takes
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK
 */
export function requireJoin(
  method: string,
  options: unknown,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof options !== 'object' || options === null) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `${method}(…) needs options such as { select: (left, right) => … }, but was given ${describeValue(options)}.`,
    );
  }
  const given = options as Readonly<Record<string, unknown>>;
  checkObject(method, given, names);
  checkCallback(given['select'], `${method}({ select })`);
  return given;
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function checkKind(
  method: string,
  given: unknown,
  allowed: readonly JoinKind[] = ALL_KINDS,
): JoinKind {
  return checkOneOf(`${method}.kind`, given, 'inner', allowed);
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function checkInterval(
  method: string,
  { lowerMs, upperMs }: Readonly<Record<string, unknown>>,
): { readonly lowerMs: number; readonly upperMs: number } {
  requireWholeMs(`${method}({ lowerMs })`, lowerMs, Number.MIN_SAFE_INTEGER);
  requireWholeMs(`${method}({ upperMs })`, upperMs, Number.MIN_SAFE_INTEGER);
  if (lowerMs <= upperMs) return { lowerMs, upperMs };
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${method}({ lowerMs: ${lowerMs}, upperMs: ${upperMs} }) would join nothing, since the lower bound is above the ` +
      'upper one. They are what the time of a right row − that of a left one may be: exchange them.',
  );
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function checkWindow(method: string, window: unknown): AlignedWindow {
  requireWindow(window, `${method}({ window })`);
  if (isAligned(window)) return window;
  const instead =
    window.kind === 'session'
      ? 'Records of both streams are in one session when they are one stream: left.map((l) => ({ left: l }))' +
        '.union(right.map((r) => ({ right: r }))), then keyBy(…).window(session(…)).process(…).'
      : 'intervalJoin(…) joins rows that are near each other.';
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${method}({ window }) needs windows that are the same for all keys, as tumbling(…) and sliding(…), and was given ` +
      `'${window.kind}' windows. ${instead}`,
  );
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK */
export function checkState(method: string, given: unknown): JoinState {
  const option = `${method}.state`;
  const sides = checkObject(option, given as JoinState | undefined, ['left', 'right']);
  for (const side of ['left', 'right'] as const) {
    const of = `${option}.${side}`;
    checkVersion(of, checkObject(of, sides[side], ['version', 'migrate']));
  }
  return sides;
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function checkLateness(method: string, given: unknown): number {
  if (given === undefined) return 0;
  requireWholeMs(`${method}({ allowedLatenessMs })`, given, 0);
  return given;
}

/**
 * @param sides those whose rows can be late
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function checkLateTags(
  method: string,
  given: unknown,
  sides: readonly SideName[] = ['left', 'right'],
): Readonly<Partial<Record<SideName, string>>> {
  const option = `${method}.sideOutputLate`;
  const tags = checkObject(option, given as Record<SideName, unknown> | undefined, sides);
  const found: Partial<Record<SideName, string>> = {};
  for (const side of sides) {
    const tag = tags[side];
    if (tag === undefined) continue;
    requireTag(`${option}.${side}`, tag);
    found[side] = tag;
  }
  if (found.left === undefined || found.left !== found.right) return found;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${option} has the name '${found.left}' for both sides, whose records differ. Give each a name of its own.`,
  );
}
