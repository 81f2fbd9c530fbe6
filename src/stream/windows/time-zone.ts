/**
 * The calendar of a time zone, by `temporal-polyfill`. It is loaded when the first zone is asked for, since most programs
 * that import Holdfast have none.
 */

import { createRequire } from 'node:module';
import type { Temporal as Library } from 'temporal-polyfill';

let library: typeof Library | undefined;

function temporal(): typeof Library {
  if (library === undefined) {
    const require = createRequire(import.meta.url);
    ({ Temporal: library } = require('temporal-polyfill') as { Temporal: typeof Library });
  }
  return library;
}

export type CalendarUnit = 'day' | 'week' | 'month' | 'year';

/** The zone's name as it is written properly (`europe/berlin` is Europe/Berlin); undefined: there is no such zone. */
export function zoneNamed(name: string): string | undefined {
  try {
    return temporal().Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name).timeZoneId;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** In ms: [start, end). */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/**
 * The day, week, month or year of a zone in which the time lies. A day begins with its first moment: where clocks skip
 * midnight, at one o'clock, say; where they skip a whole day, there is none.
 * @param weekStartsOn 1 (Monday) to 7
 */
export function stretchAt(
  timeMs: number,
  unit: CalendarUnit,
  timeZone: string,
  weekStartsOn: number,
): Stretch {
  const { Instant } = temporal();
  const date = Instant.fromEpochMilliseconds(Math.floor(timeMs))
    .toZonedDateTimeISO(timeZone)
    .toPlainDate();
  const startOf = (day: Library.PlainDate) => day.toZonedDateTime(timeZone).epochMilliseconds;
  const first = firstDay(date, unit, weekStartsOn);
  let [begin, next] = [first, first.add({ [`${unit}s`]: 1 })];
  // A zone that has had a date twice (it moved over the date line) is past the first one's end in the second.
  while (startOf(next) <= timeMs) [begin, next] = [next, next.add({ [`${unit}s`]: 1 })];
  while (startOf(begin) > timeMs) [begin, next] = [begin.subtract({ [`${unit}s`]: 1 }), begin];
  return { start: startOf(begin), end: startOf(next) };
}

function firstDay(
  date: Library.PlainDate,
  unit: CalendarUnit,
  weekStartsOn: number,
): Library.PlainDate {
  switch (unit) {
    case 'day':
      return date;
    case 'week':
      return date.subtract({ days: (date.dayOfWeek - weekStartsOn + 7) % 7 });
    case 'month':
      return date.with({ day: 1 });
    case 'year':
      return date.with({ month: 1, day: 1 });
  }
}
