/** Window definitions: plain, validated data that operators interpret. */

import { HoldfastError } from '../../base/errors.js';
import { badOption, checkNumber, checkObject, checkOneOf } from '../../base/option-checks.js';
import { type CalendarUnit, zoneNamed } from '../windows/time-zone.js';
import { describeValue } from './callbacks.js';

/** Windows of equal size that follow one another: [k·size + offset, (k + 1)·size + offset). */
export interface TumblingWindow {
  readonly kind: 'tumbling';
  readonly sizeMs: number;
  /** In [0, sizeMs). */
  readonly offsetMs: number;
}

/** Windows of equal size that begin every `slideMs`: [k·slide + offset, k·slide + offset + size). */
export interface SlidingWindow {
  readonly kind: 'sliding';
  readonly sizeMs: number;
  readonly slideMs: number;
  /** In [0, slideMs). */
  readonly offsetMs: number;
}

/** Windows that grow by steps up to a size, and then begin anew: [start, start + step) … [start, start + size). */
export interface CumulativeWindow {
  readonly kind: 'cumulative';
  readonly sizeMs: number;
  readonly stepMs: number;
  /** In [0, sizeMs). */
  readonly offsetMs: number;
}

/**
 * Windows of each key for itself: records that are at most `gapMs` apart are of one session. It is [first, last + gap],
 * both inclusive.
 */
export interface SessionWindow {
  readonly kind: 'session';
  readonly gapMs: number;
}

/** Windows of a number of records of each key. They have no bounds in time. */
export interface CountWindow {
  readonly kind: 'count';
  readonly size: number;
  /** After how many records one is full; as many as `size` where they do not overlap. */
  readonly slide: number;
  readonly partial: PartialWindows;
}

/** Windows by the clock, at the time at which a record is processed. */
export interface ProcessingTimeWindow {
  readonly kind: 'processing-time';
  readonly window: TumblingWindow | SlidingWindow | SessionWindow;
  readonly partial: PartialWindows;
}

/**
 * What becomes of windows that are not full, or still open, when the input ends: `drop` counts their records as
 * `recordsLeft`, `emit` makes rows of them.
 */
export type PartialWindows = 'drop' | 'emit';

/** Windows that are the same for all keys. */
export type AlignedWindow =
  | TumblingWindow
  | SlidingWindow
  | CumulativeWindow
  | CalendarWindow
  | GlobalWindow;

/** Windows in event time. */
export type EventTimeWindow = AlignedWindow | SessionWindow;

export type WindowDefinition = EventTimeWindow | CountWindow | ProcessingTimeWindow;

/** Bounds of a window in a row, in ms of event time, or, of windows of the clock, of the clock. */
export interface WindowBounds {
  readonly windowStart: number;
  readonly windowEnd: number;
}

/** Days, weeks, months or years of a time zone. */
export interface CalendarWindow {
  readonly kind: 'calendar';
  readonly unit: CalendarUnit;
  /** Of the IANA database, as `Europe/Berlin`, or an offset, as `+05:30`. */
  readonly timeZone: string;
  /** With which day weeks begin. */
  readonly weekStartsOn: Weekday;
}

/** One window over all records, which fires at the end of the input. */
export interface GlobalWindow {
  readonly kind: 'global';
}

export interface TumblingOptions {
  /** Moves every window's start, e.g. `hours(-2)` for days that begin at midnight in UTC+2. Default 0. */
  readonly offsetMs?: number | undefined;
}

/**
 * Tumbling windows in event time, aligned to the epoch (1970-01-01T00:00Z) plus `offsetMs`.
 * @param sizeMs a whole number of milliseconds, at least 1: `minutes(1)`, `days(1)`
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function tumbling(sizeMs: number, options?: TumblingOptions): TumblingWindow {
  requireWholeMs('tumbling(sizeMs)', sizeMs, 1);
  const { offsetMs } = checkObject('tumbling', options, ['offsetMs']);
  const offset = offsetWithin(sizeMs, offsetMs, 'tumbling(…, { offsetMs })');
  return Object.freeze({ kind: 'tumbling', sizeMs, offsetMs: offset });
}

export interface SlidingOptions {
  /** Length of a window. */
  readonly sizeMs: number;
  /** How far apart windows begin. It may be longer than a window: what lies between is in none. */
  readonly slideMs: number;
  /** Moves every window's start. Default 0. */
  readonly offsetMs?: number | undefined;
}

/**
 * Sliding (hopping) windows in event time: one begins every `slideMs`, aligned to the epoch plus `offsetMs`. So a
 * record is in size ÷ slide of them, and costs no more than in one.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function sliding(options: SlidingOptions): SlidingWindow {
  const { sizeMs, slideMs, offsetMs } = checkObject('sliding', options, [
    'sizeMs',
    'slideMs',
    'offsetMs',
  ]);
  requireWholeMs('sliding({ sizeMs })', sizeMs, 1);
  requireWholeMs('sliding({ slideMs })', slideMs, 1);
  requireNumbers(
    'sliding',
    slideMs,
    Math.ceil(sizeMs / slideMs) * (sizeMs % slideMs === 0 ? 1 : 2),
  );
  const offset = offsetWithin(slideMs, offsetMs, 'sliding({ offsetMs })');
  return Object.freeze({ kind: 'sliding', sizeMs, slideMs, offsetMs: offset });
}

export interface CumulativeOptions {
  /** Length of the longest window, a multiple of the step. */
  readonly sizeMs: number;
  /** By how much windows grow. */
  readonly stepMs: number;
  /** Moves every window's start. Default 0. */
  readonly offsetMs?: number | undefined;
}

/**
 * Windows that grow, in event time: for a day by hours, 0 to 1 o'clock, 0 to 2 o'clock … 0 to 24 o'clock. They
 * are aligned to the epoch plus `offsetMs`.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function cumulative(options: CumulativeOptions): CumulativeWindow {
  const { sizeMs, stepMs, offsetMs } = checkObject('cumulative', options, [
    'sizeMs',
    'stepMs',
    'offsetMs',
  ]);
  requireWholeMs('cumulative({ sizeMs })', sizeMs, 1);
  requireWholeMs('cumulative({ stepMs })', stepMs, 1);
  if (sizeMs % stepMs !== 0) {
    throw badOption('cumulative({ sizeMs })', sizeMs, `a multiple of stepMs, which is ${stepMs}`);
  }
  requireNumbers('cumulative', stepMs, sizeMs / stepMs);
  const offset = offsetWithin(sizeMs, offsetMs, 'cumulative({ offsetMs })');
  return Object.freeze({ kind: 'cumulative', sizeMs, stepMs, offsetMs: offset });
}

/**
 * Sessions in event time, of each key for itself. Two records of a key are of one session when they are at most `gapMs`
 * apart, or when records between them are: a record may join two sessions into one. `windowStart` is the time of the
 * first record, `windowEnd` that of the last + `gapMs`, and a record at exactly that time still belongs to it.
 * @param options.gapMs a whole number of milliseconds, at least 1: `minutes(30)`
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function session(options: { readonly gapMs: number }): SessionWindow {
  const { gapMs } = checkObject('session', options, ['gapMs']);
  requireWholeMs('session({ gapMs })', gapMs, 1);
  return Object.freeze({ kind: 'session', gapMs });
}

export interface CalendarOptions {
  /** A zone of the IANA database, `Europe/Berlin` or `UTC` say, or an offset such as `+05:30`. */
  readonly timeZone: string;
  /** With which day weeks begin. Default 'monday'. */
  readonly weekStartsOn?: Weekday | undefined;
}

/**
 * Days, weeks, months or years by the calendar (ISO 8601) of a time zone: a day has 23 or 25 hours where clocks
 * change. What is known of zones comes from Node (`process.versions.tz`).
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function calendar(unit: CalendarUnit, options: CalendarOptions): CalendarWindow {
  if (!UNITS.includes(unit)) throw badOption('calendar(unit)', unit, listed(UNITS));
  const { timeZone, weekStartsOn } = checkObject('calendar', options, ['timeZone', 'weekStartsOn']);
  const zone = typeof timeZone === 'string' ? zoneNamed(timeZone) : undefined;
  if (zone === undefined) {
    const allowed = "a time zone such as 'Europe/Berlin', 'UTC' or '+05:30'";
    throw badOption(`calendar('${unit}', { timeZone })`, timeZone, allowed);
  }
  if (weekStartsOn !== undefined && unit !== 'week') {
    const allowed = "nothing: only weeks, calendar('week', …), begin with a weekday";
    throw badOption(`calendar('${unit}', { weekStartsOn })`, weekStartsOn, allowed);
  }
  const first = checkOneOf("calendar('week', { weekStartsOn })", weekStartsOn, 'monday', WEEKDAYS);
  return Object.freeze({ kind: 'calendar', unit, timeZone: zone, weekStartsOn: first });
}

/**
 * One window over all records, also those without a time. It fires at the end of bounded input, or when a job is
 * stopped with `drain`. Its rows say that it is as wide as time can be: `windowStart` −8.64e15, `windowEnd`
 * 8.64e15, the first and the last moment of a Date.
 */
export function globalWindow(): GlobalWindow {
  return Object.freeze({ kind: 'global' });
}

const UNITS: readonly CalendarUnit[] = ['day', 'week', 'month', 'year'];

/** ISO 8601's number of a weekday is its place here + 1. */
export const WEEKDAYS = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
] as const;

export type Weekday = (typeof WEEKDAYS)[number];

const listed = (names: readonly string[]) => names.map((name) => `'${name}'`).join(' or ');

export interface CountWindowOptions {
  /** A window over the last n records after each so many. Default n: windows do not overlap. */
  readonly slide?: number | undefined;
  /** Of what is left at the end of the input. Default 'drop'. */
  readonly partial?: PartialWindows | undefined;
}

/**
 * Windows of n records of a key, in the order in which they come. Their rows have no bounds in time, and the event time of
 * the record that has filled them.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function countWindow(n: number, options: CountWindowOptions = {}): CountWindow {
  const { slide, partial } = checkObject('countWindow', options, ['slide', 'partial']);
  const rule = { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true };
  const size = checkNumber('countWindow(n)', n, Number.NaN, rule);
  if (Number.isNaN(size)) throw badOption('countWindow(n)', n, 'a whole number, at least 1');
  return Object.freeze({
    kind: 'count',
    size,
    slide: checkNumber('countWindow(…, { slide })', slide, size, rule),
    partial: checkPartial('countWindow', partial),
  });
}

export interface ProcessingTimeOptions {
  /** Of windows that are open at the end of the input. Default 'drop'. */
  readonly partial?: PartialWindows | undefined;
}

/**
 * Windows by the clock: a record is in the windows of the moment at which it is processed, so nothing is late, and another
 * run has other windows. `windowStart` and `windowEnd` are times of the clock; rows have no event time.
 * @param window tumbling, sliding or session windows
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function processingTime(
  window: TumblingWindow | SlidingWindow | SessionWindow,
  options: ProcessingTimeOptions = {},
): ProcessingTimeWindow {
  const kind = (window as { readonly kind?: unknown } | null | undefined)?.kind;
  if (kind !== 'tumbling' && kind !== 'sliding' && kind !== 'session') {
    throw badOption(
      'processingTime(window)',
      window,
      'tumbling(…), sliding(…) or session(…): what is told apart by the clock',
    );
  }
  requireWindow(window, 'processingTime(window)');
  const { partial } = checkObject('processingTime', options, ['partial']);
  return Object.freeze({
    kind: 'processing-time',
    window,
    partial: checkPartial('processingTime', partial),
  });
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function checkPartial(of: string, partial: PartialWindows | undefined): PartialWindows {
  return checkOneOf(`${of}(…, { partial })`, partial, 'drop', ['drop', 'emit']);
}

/** @returns the offset in [0, within) that does the same */
function offsetWithin(within: number, given: number | undefined, option: string): number {
  const offset = given ?? 0;
  requireWholeMs(option, offset, Number.MIN_SAFE_INTEGER);
  const remainder = offset % within;
  return remainder < 0 ? remainder + within : remainder + 0;
}

/** Times until the year 2248. */
const TIME_BITS = 43;

/**
 * A slice has a number for each of its windows, and numbers are exact up to 2^53 (stream/windows/assigner.ts).
 * @param numbers of the slices of one slide or step
 */
function requireNumbers(of: string, everyMs: number, numbers: number): void {
  if ((numbers * 2 ** TIME_BITS) / everyMs <= Number.MAX_SAFE_INTEGER) return;
  const most = Math.floor((everyMs * Number.MAX_SAFE_INTEGER) / 2 ** TIME_BITS);
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${of}(…): a record would be in ${numbers} windows that end every ${everyMs} ms, but can be in ${most} of those ` +
      'at most. Let them follow one another less densely.',
    { details: { what: of } },
  );
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

const ALIGNED: readonly unknown[] = [
  'tumbling',
  'sliding',
  'cumulative',
  'calendar',
  'global',
] satisfies AlignedWindow['kind'][];

export function isAligned(window: WindowDefinition): window is AlignedWindow {
  return ALIGNED.includes(window.kind);
}

export function isOfEventTime(window: WindowDefinition): window is EventTimeWindow {
  return window.kind !== 'count' && window.kind !== 'processing-time';
}

/** Does the window have records by their event times? */
export function goesByEventTime(window: WindowDefinition): boolean {
  return isOfEventTime(window) && window.kind !== 'global';
}

const KINDS: readonly unknown[] = [
  ...(ALIGNED as readonly AlignedWindow['kind'][]),
  'session',
  'count',
  'processing-time',
] satisfies WindowDefinition['kind'][];

/**
 * Refuses what is no window definition. Those that were made by a function of this file are frozen; one that somebody
 * has written by hand was not checked, and may lack what has a default.
 * @param where whose window it is, for messages
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function requireWindow(window: unknown, where: string): asserts window is WindowDefinition {
  if (typeof window === 'object' && window !== null && 'kind' in window) {
    if (KINDS.includes(window.kind) && Object.isFrozen(window)) return;
  }
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${where} needs a window definition such as tumbling(minutes(1)), but was given ${describeValue(window)}.`,
  );
}
