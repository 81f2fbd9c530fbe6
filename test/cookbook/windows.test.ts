/** docs/cookbook.md: the jobs with windows. */

import { expect, test } from 'vitest';
import { Cookbook, duck, texts } from './kit.js';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const QUAKES = 1_707;
/** Of 80 000 words. */
const LINES = 6_667;
const book = Cookbook.prepared();

interface Quake {
  readonly id: string;
  readonly net: string;
  readonly mag: number;
  readonly time: number;
}

test('the ten most frequent words of a book', async () => {
  const expected = await duck(`
    select word, count(*) as times
    from (
      select unnest(regexp_extract_all(lower(line), '[a-z]+')) as word
      from read_csv('book.txt', columns = { 'line': 'varchar' }, header = false, delim = '|')
    )
    group by word order by times desc, word limit 10`);
  expect(expected.length).toBe(10);
  await book.survive('words', { records: LINES });
  expect(await book.published('words')).toEqual(texts(expected));
});

test('earthquakes per hour and class, and those that come late', async () => {
  const late: Quake[] = [];
  const hours = new Map<string, { key: string; windowStart: number; mags: number[] }>();
  let newest = Number.NEGATIVE_INFINITY;
  for (const quake of await book.input<Quake>('quakes.ndjson')) {
    const { mag, time } = quake;
    const windowStart = Math.floor(time / HOUR) * HOUR;
    const isLate = windowStart + HOUR - 1 <= newest - 30 * MINUTE - 1;
    newest = Math.max(newest, time);
    if (isLate) late.push(quake);
    else {
      const key = mag < 2 ? 'micro' : mag < 4 ? 'minor' : 'strong';
      const id = `${key} ${windowStart}`;
      const hour = hours.get(id) ?? { key, windowStart, mags: [] };
      hour.mags.push(mag);
      hours.set(id, hour);
    }
  }
  expect(late.length).toBeGreaterThan(50);

  await book.survive('hourly', { records: QUAKES });
  const rows = Array.from(hours.values(), ({ key, windowStart, mags }) => ({
    key,
    windowStart,
    windowEnd: windowStart + HOUR,
    quakes: mags.length,
    worst: Math.max(...mags),
    mean: mags.reduce((a, b) => a + b) / mags.length,
  }));
  expect(await book.published('hourly')).toEqual(texts(rows));
  expect(await book.published('late')).toEqual(texts(late));
});

test('the two busiest networks of each hour', async () => {
  const expected = await duck(`
    with counted as (
      select time // ${HOUR} * ${HOUR} as hour, net, count(*) as quakes
      from read_json('quakes.ndjson') group by all
    ), ranked as (
      select *, row_number() over (partition by hour order by quakes desc, net) as place from counted
    )
    select hour, list({ net: net, quakes: quakes } order by place) as top
    from ranked where place <= 2 group by hour`);
  await book.survive('busiest', { records: QUAKES });
  const rows = (expected as { hour: bigint; top: unknown }[]).map(({ hour, top }) => ({
    hour: new Date(Number(hour)).toISOString(),
    top,
  }));
  expect(rows.length).toBeGreaterThan(150);
  expect(await book.published('busiest')).toEqual(texts(rows));
});

test('sessions', async () => {
  const expected = await duck(`
    with marked as (
      select *, coalesce(time - lag(time) over one > ${30 * MINUTE}, true) as first
      from read_json('quakes.ndjson') window one as (partition by net order by time)
    ), numbered as (
      select *, count(*) filter (first) over (partition by net order by time) as swarm from marked
    )
    select net as key, min(time) as "windowStart", max(time) + ${30 * MINUTE} as "windowEnd",
      count(*) as quakes, max(mag) as worst
    from numbered group by net, swarm`);
  expect(expected.length).toBeGreaterThan(200);
  await book.survive('swarms', { records: QUAKES });
  expect(await book.published('swarms')).toEqual(texts(expected));
});

test('a moving average', async () => {
  const expected = await duck(`
    select strftime(date, '%Y-%m-%dT00:00:00.000Z') as day, avg(temp_max) over week as mean
    from read_csv('weather.csv')
    window week as (order by date range between interval 6 days preceding and current row)
    qualify count(*) over week = 7`);
  expect(expected.length).toBe(1_455);
  await book.survive('weather', { records: 1_461 });
  expect(await book.published('weather')).toEqual(texts(expected));
});

test('months', async () => {
  const expected = await duck(`
    select strftime(date, '%Y-%m') as month, arg_min(open, date) as open, max(high) as high, min(low) as low,
      arg_max(close, date) as close
    from read_csv('sp500.csv') group by month`);
  expect(expected.length).toBe(244);
  await book.survive('months', { records: 5_105 });
  expect(await book.published('months')).toEqual(texts(expected));
});

test('days of a time zone, across both changes of its clocks', async () => {
  const expected = await duck(`
    select strftime(to_timestamp(time / 1000) at time zone 'Europe/Berlin', '%Y-%m-%d') as day,
      count(*) as hours, sum("wattHours") as "wattHours"
    from read_json('power.ndjson') group by day`);
  expect(expected.length).toBe(366);
  const days = expected as readonly { day: string; hours: bigint }[];
  const unusual = days
    .filter(({ hours }) => hours !== 24n)
    .map(({ day, hours }) => `${day}: ${hours}`);
  expect(unusual.sort()).toEqual(['2024-03-31: 23', '2024-10-27: 25']);
  await book.survive('power', { records: 366 * 24 });
  expect(await book.published('power')).toEqual(texts(expected));
});
