/** Windows by the calendar, the global window, and windows over all records. */

import { describe, expect, it } from 'vitest';
import { fromCollection } from '../../src/connectors/memory/from-collection.js';
import { runInline } from '../../src/job/run-inline.js';
import { count, sum } from '../../src/stream/api/aggregations.js';
import {
  type CalendarOptions,
  calendar,
  globalWindow,
  session,
  sliding,
  tumbling,
} from '../../src/stream/api/windows.js';
import { windowAggregateOperator } from '../../src/stream/operators/window-aggregate-operator.js';
import { assignerOf } from '../../src/stream/windows/assigners.js';
import { thrownBy } from './graph-kit.js';
import { Harness, type Item, recordsOf, runPlain } from './operator-kit.js';

const HOUR = 3_600_000;
const utc = (text: string) => Date.parse(text);

/** The window of a moment: its bounds in UTC, and how many hours it has. */
function windowAt(
  unit: 'day' | 'week' | 'month' | 'year',
  options: string | CalendarOptions,
  moment: string,
): string {
  const given = typeof options === 'string' ? { timeZone: options } : options;
  const assigner = assignerOf(calendar(unit, given));
  const { start, end, firstEnd, lastEnd } = assigner.slice(assigner.indexAt(utc(moment)));
  expect([firstEnd, lastEnd, assigner.startOf(end)]).toEqual([end, end, start]);
  // All of it is one window, and the next begins where it ends.
  expect(assigner.indexAt(start)).toBe(assigner.indexAt(end - 1));
  expect(assigner.slice(assigner.indexAt(end)).start).toBe(end);
  expect(assigner.slice(assigner.indexAt(start - 1)).end).toBe(start);
  const shown = (ms: number) => new Date(ms).toISOString().replace(/:00\.000Z$/, 'Z');
  return `${shown(start)} to ${shown(end)}: ${(end - start) / HOUR} h`;
}

describe('calendar windows', () => {
  it.each([
    ['Europe/Berlin', '2024-03-31T12:00Z', '2024-03-30T23:00Z to 2024-03-31T22:00Z: 23 h'],
    ['Europe/Berlin', '2024-10-27T12:00Z', '2024-10-26T22:00Z to 2024-10-27T23:00Z: 25 h'],
    ['Europe/Berlin', '2024-10-26T21:59Z', '2024-10-25T22:00Z to 2024-10-26T22:00Z: 24 h'],
    // Clocks skipped midnight: the day began at one o'clock.
    ['America/Sao_Paulo', '2018-11-04T12:00Z', '2018-11-04T03:00Z to 2018-11-05T02:00Z: 23 h'],
    // Clocks went back at midnight, to the day before.
    ['America/Sao_Paulo', '2018-02-18T01:30Z', '2018-02-17T02:00Z to 2018-02-18T03:00Z: 25 h'],
    // The 30th of December 2011 was left out.
    ['Pacific/Apia', '2011-12-30T09:59Z', '2011-12-29T10:00Z to 2011-12-30T10:00Z: 24 h'],
    ['Pacific/Apia', '2011-12-30T10:00Z', '2011-12-30T10:00Z to 2011-12-31T10:00Z: 24 h'],
    ['Asia/Kathmandu', '2024-06-01T00:00Z', '2024-05-31T18:15Z to 2024-06-01T18:15Z: 24 h'],
    ['+05:30', '2024-06-01T00:00Z', '2024-05-31T18:30Z to 2024-06-01T18:30Z: 24 h'],
    ['UTC', '1969-12-31T23:59Z', '1969-12-31T00:00Z to 1970-01-01T00:00Z: 24 h'],
  ])('know the days of %s at %s', (timeZone, moment, expected) => {
    expect(windowAt('day', timeZone, moment)).toBe(expected);
  });

  it('know a date that a zone has had twice, when it moved over the date line', () => {
    // Manila left out the last day of 1844; Alaska had its 18th of October 1867 twice, by local mean time.
    const alaska = assignerOf(calendar('day', { timeZone: 'America/Juneau' }));
    let before = alaska.slice(alaska.indexAt(utc('1867-10-10T00:00Z')));
    for (let i = 0; i < 20; i += 1) {
      const next = alaska.slice(alaska.indexAt(before.end));
      expect(next.start).toBe(before.end);
      expect(next.end).toBeGreaterThan(next.start);
      before = next;
    }
    for (let time = utc('1867-10-15T00:00Z'); time < utc('1867-10-22T00:00Z'); time += HOUR) {
      const { start, end } = alaska.slice(alaska.indexAt(time));
      expect(start <= time && time < end).toBe(true);
    }
  });

  it('know weeks, months and years', () => {
    // The 1st of January 2025 was a Wednesday.
    const day = '2025-01-01T12:00Z';
    expect(windowAt('week', 'UTC', day)).toBe('2024-12-30T00:00Z to 2025-01-06T00:00Z: 168 h');
    const sunday = { timeZone: 'UTC', weekStartsOn: 'sunday' } as const;
    expect(windowAt('week', sunday, day)).toBe('2024-12-29T00:00Z to 2025-01-05T00:00Z: 168 h');
    const wednesday = { timeZone: 'UTC', weekStartsOn: 'wednesday' } as const;
    expect(windowAt('week', wednesday, day)).toBe('2025-01-01T00:00Z to 2025-01-08T00:00Z: 168 h');
    expect(windowAt('month', 'UTC', '2024-02-29T23:59Z')).toBe(
      '2024-02-01T00:00Z to 2024-03-01T00:00Z: 696 h',
    );
    expect(windowAt('month', 'Europe/Berlin', '2024-03-15T00:00Z')).toBe(
      '2024-02-29T23:00Z to 2024-03-31T22:00Z: 743 h',
    );
    expect(windowAt('year', 'Asia/Tokyo', '2023-12-31T15:00Z')).toBe(
      '2023-12-31T15:00Z to 2024-12-31T15:00Z: 8784 h',
    );
  });

  it('count a year of hours by its days, in whatever order they come', () => {
    const begin = utc('2023-12-31T23:00Z');
    const hours = Array.from({ length: 366 * 24 }, (_, i) => begin + i * HOUR);
    const shuffled = hours.map((time, i) => [(i * 7_919) % hours.length, time] as const);
    const create = windowAggregateOperator(
      () => 'all',
      calendar('day', { timeZone: 'europe/berlin' }),
      { allowedLatenessMs: 0, lateTag: undefined },
      { n: count() },
    );
    const items: Item[] = shuffled
      .sort(([a], [b]) => a - b)
      .map(([, time]) => ({ record: {}, at: time }));
    const days = recordsOf(
      runPlain(create, [...items, { watermark: Number.POSITIVE_INFINITY }]).emitted,
    ).map(({ record }) => (record as { n: number }).n);
    expect(days).toHaveLength(366);
    expect(days.filter((n) => n !== 24)).toEqual([23, 25]);
    expect([days[90], days[300]]).toEqual([23, 25]);
  });

  it('find their windows again after a restore, and refuse those of another zone', () => {
    const of = (timeZone: string) =>
      windowAggregateOperator(
        () => 'all',
        calendar('month', { timeZone }),
        { allowedLatenessMs: 0, lateTag: undefined },
        { n: count() },
      );
    const before = runPlain(of('Europe/Berlin'), [
      { record: {}, at: utc('2024-02-10T00:00Z') },
      { record: {}, at: utc('2024-03-31T21:59Z') },
    ]).snapshot();
    const harness = new Harness(of('Europe/Berlin'), {}, before);
    harness.feed({ record: {}, at: utc('2024-03-01T00:00Z') });
    harness.feed({ watermark: Number.POSITIVE_INFINITY });
    expect(recordsOf(harness.emitted).map(({ record }) => record)).toEqual([
      {
        ...{ key: 'all', windowStart: utc('2024-01-31T23:00Z') },
        ...{ windowEnd: utc('2024-02-29T23:00Z'), n: 1 },
      },
      {
        ...{ key: 'all', windowStart: utc('2024-02-29T23:00Z') },
        ...{ windowEnd: utc('2024-03-31T22:00Z'), n: 2 },
      },
    ]);
    const error = thrownBy(() => new Harness(of('UTC'), {}, before));
    expect(error.message).toContain("'calendar:month:Europe/Berlin'");
  });

  it('refuse a time whose window no Date can bound', () => {
    const assigner = assignerOf(calendar('year', { timeZone: 'UTC' }));
    for (const timeMs of [8.64e15, -8.64e15]) {
      const error = thrownBy(() => assigner.indexAt(timeMs));
      expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
      expect(error.message).toContain(`${timeMs} ms`);
    }
  });

  it('refuse what is no unit, zone or weekday', () => {
    const refused = (make: () => unknown) => {
      const error = thrownBy(make);
      expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
      return error.message;
    };
    expect(refused(() => calendar('hour' as never, { timeZone: 'UTC' }))).toContain("'month'");
    for (const timeZone of ['Mars/Olympus', '', undefined, 'local']) {
      expect(refused(() => calendar('day', { timeZone: timeZone as never }))).toContain(
        "'Europe/Berlin'",
      );
    }
    const weekStartsOn = 'sunday' as const;
    expect(refused(() => calendar('day', { timeZone: 'UTC', weekStartsOn }))).toContain('weeks');
    expect(
      refused(() => calendar('week', { timeZone: 'UTC', weekStartsOn: 0 as never })),
    ).toContain("'monday'");
  });
});

const words = ['the', 'sea', 'the', 'sky', 'sea', 'the'].map((word, i) => ({ word, i }));

describe('the global window', () => {
  it('fires at the end of the input, and needs no times', async () => {
    const { collected, counters } = await runInline((env) => {
      env
        .from(fromCollection(words))
        .keyBy(({ word }) => word)
        .window(globalWindow())
        .aggregate({ n: count() })
        .windowAll(globalWindow())
        .reduce((a, b) => (b.n > a.n ? b : a))
        .collect('most');
    });
    expect(collected['most']).toEqual([
      { key: 'the', windowStart: -8.64e15, windowEnd: 8.64e15, n: 3 },
    ]);
    expect(JSON.parse(JSON.stringify(collected['most']))).toEqual(collected['most']);
    expect(counters['lateRecords'] ?? 0).toBe(0);
  });
});

describe('windows over all records', () => {
  it('have rows without a key, from one instance', async () => {
    const { collected } = await runInline((env) => {
      const timed = env.from(fromCollection(words)).withTimestamps(({ i }) => i);
      timed
        .windowAll(tumbling(4))
        .aggregate({ n: count(), i: sum(({ i }: { i: number }) => i) })
        .collect('tumbling');
      const joined = timed
        .windowAll(sliding({ sizeMs: 4, slideMs: 2 }))
        .sideOutputLate('late')
        .reduce((a, b) => ({ word: `${a.word} ${b.word}`, i: b.i }));
      joined.collect('sliding');
      joined.sideOutput('late').collect('late');
    });
    expect(collected['late']).toEqual([]);
    expect(collected['tumbling']).toEqual([
      { windowStart: 0, windowEnd: 4, n: 4, i: 6 },
      { windowStart: 4, windowEnd: 8, n: 2, i: 9 },
    ]);
    expect(collected['sliding']).toEqual([
      { word: 'the sea', i: 1 },
      { word: 'the sea the sky', i: 3 },
      { word: 'the sky sea the', i: 5 },
      { word: 'sea the', i: 5 },
    ]);
  });

  it('are no sessions', async () => {
    await expect(
      runInline((env) => {
        env.from(fromCollection(words)).windowAll(session({ gapMs: 5 }) as never);
      }),
    ).rejects.toThrow(/keyBy\(\(\) => 'all'\)/);
  });

  it('cannot have several instances', async () => {
    await expect(
      runInline((env) => {
        env
          .from(fromCollection(words))
          .windowAll(globalWindow())
          .aggregate({ n: count() })
          .parallelism(2)
          .collect('rows');
      }),
    ).rejects.toThrow(/parallelism 1 already/);
  });
});
