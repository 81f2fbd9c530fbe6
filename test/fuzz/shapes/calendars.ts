/** Days, weeks, months and years of time zones, against boundaries that are looked for by `Intl.DateTimeFormat`. */

import type { Random } from '../../../src/base/random.js';
import { count, sum } from '../../../src/stream/api/aggregations.js';
import { type CalendarWindow, calendar, type Weekday } from '../../../src/stream/api/windows.js';
import type { CalendarUnit } from '../../../src/stream/windows/time-zone.js';
import type { FuzzRecord, Shape } from '../shape.js';
import { type Bounds, groupBy, isLate, key, picker, recordsOf, recordText, sorted } from './kit.js';

/**
 * Records' times are laid out from here on, five minutes for each millisecond: an autumn in which the clocks of all
 * these zones change, in São Paulo at midnight, so that a day there begins at one.
 */
export const CALENDAR_TIMES = { fromMs: Date.UTC(2018, 9, 20), msPerMs: 300_000 } as const;

const ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Pacific/Apia',
] as const;

const WEEKDAYS: readonly Weekday[] = ['sunday', 'monday', 'saturday'];
const DAY_MS = 86_400_000;
/** Nothing that a calendar names is longer. */
const LONGEST_MS = 367 * DAY_MS;

/** Of each key and window: how many records, and their sum. */
export function drawCalendar(random: Random): Shape {
  const pick = picker(random);
  const unit = pick<CalendarUnit>('day', 'day', 'week', 'month', 'year');
  const timeZone = pick(...ZONES);
  const weekStartsOn = unit === 'week' ? pick(...WEEKDAYS) : undefined;
  const window: CalendarWindow = calendar(unit, {
    timeZone,
    ...(weekStartsOn === undefined ? {} : { weekStartsOn }),
  });
  const boundsOf = calendarBounds(unit, timeZone, weekStartsOn);
  const text = (k: string, start: number, end: number, n: number, s: number | null) =>
    `${k}@${new Date(start).toISOString()}–${new Date(end).toISOString()}: ${n}, ${s}`;
  return {
    text: `.keyBy(k).window(calendar('${unit}', { timeZone: '${timeZone}', weekStartsOn: ${weekStartsOn} })).aggregate()`,
    build({ left }) {
      const rows = left
        .keyBy(key)
        .window(window)
        .sideOutputLate('late')
        .aggregate({ n: count(), s: sum((r: FuzzRecord) => r.v) })
        .uid('windows');
      rows
        .map(({ key: k, windowStart, windowEnd, n, s }) => text(k, windowStart, windowEnd, n, s))
        .collect('rows')
        .uid('rows');
      rows.sideOutput<FuzzRecord>('late').collect('late').uid('late');
    },
    answer: ({ rows, late }) => ({
      row: sorted((rows ?? []) as readonly string[]),
      late: sorted(((late ?? []) as readonly FuzzRecord[]).map(recordText)),
    }),
    right({ left }) {
      const placed = left.map((given) => ({ given, bounds: boundsOf(given.record.t) }));
      const late = placed.filter(({ given, bounds }) => isLate(given, bounds.last));
      const onTime = placed.filter(({ given, bounds }) => !isLate(given, bounds.last));
      const windows = groupBy(onTime, ({ given, bounds }) => `${given.record.k}@${bounds.start}`);
      return {
        row: sorted(
          [...windows.values()].map((own) => {
            const { given, bounds } = own[0]!;
            const total = own.reduce((a, one) => a + one.given.record.v, 0);
            return text(given.record.k, bounds.start, bounds.last + 1, own.length, total);
          }),
        ),
        late: sorted(recordsOf(late.map(({ given }) => given)).map(recordText)),
      };
    },
  };
}

/** Finds where a name of the calendar begins and ends by halving: names only ever grow with time. */
function calendarBounds(
  unit: CalendarUnit,
  timeZone: string,
  weekStartsOn: Weekday | undefined,
): (t: number) => Bounds {
  const dates = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  const nameOf = (t: number): string => {
    const date = dates.format(t);
    if (unit === 'week') return firstOfWeek(date, weekStartsOn!);
    const lengths = { day: 'yyyy-mm-dd', month: 'yyyy-mm', year: 'yyyy' } as const;
    return date.slice(0, lengths[unit].length);
  };
  const firstAt = (is: (t: number) => boolean, from: number, until: number): number => {
    let [no, yes] = [from, until];
    while (yes - no > 1) {
      const middle = Math.floor((no + yes) / 2);
      if (is(middle)) yes = middle;
      else no = middle;
    }
    return yes;
  };
  const known = new Map<string, Bounds>();
  return (t) => {
    const name = nameOf(t);
    let bounds = known.get(name);
    if (bounds === undefined) {
      const start = firstAt((at) => nameOf(at) >= name, t - LONGEST_MS, t);
      const end = firstAt((at) => nameOf(at) > name, t, t + LONGEST_MS);
      bounds = { start, last: end - 1 };
      known.set(name, bounds);
    }
    return bounds;
  };
}

/** @param date as `2018-11-04` */
function firstOfWeek(date: string, weekStartsOn: Weekday): string {
  const days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
  const at = new Date(`${date}T00:00:00Z`);
  const back = (at.getUTCDay() - days.indexOf(weekStartsOn) + 7) % 7;
  return new Date(at.getTime() - back * DAY_MS).toISOString().slice(0, 10);
}
