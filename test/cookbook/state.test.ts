/** docs/cookbook.md: the jobs with state, timers and joins. */

import { expect, test } from 'vitest';
import { Cookbook, duck, texts } from './kit.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const QUAKES = 1_707;
const book = Cookbook.prepared();

interface Quake {
  readonly id: string;
  readonly net: string;
  readonly mag: number;
  readonly time: number;
}

test('names from a table', async () => {
  const expected = await duck(`
    select id, mag, name as network from read_json('quakes.ndjson') left join read_csv('networks.csv') using (net)`);
  expect(expected.length).toBe(QUAKES);
  await book.survive('names', { records: QUAKES });
  expect(await book.published('names')).toEqual(texts(expected));
});

test('who was on duty', async () => {
  const expected = await duck(`
    select id, time, officer
    from (select *, if(net = 'ak', 'north', 'south') as region from read_json('quakes.ndjson')) quakes
    asof join read_json('duty.ndjson') duty on quakes.region = duty.region and quakes.time >= duty."from"`);
  expect(expected.length).toBe(QUAKES);
  await book.survive('duty', { records: QUAKES });
  expect(await book.published('duty')).toEqual(texts(expected));
});

test('each record once, for a day', async () => {
  const kept = new Map<string, number>();
  const expected: Quake[] = [];
  /** How far the time of the one split has come. */
  let come = Number.NEGATIVE_INFINITY;
  for (const quake of await book.input<Quake>('twice.ndjson')) {
    const now = Math.max(quake.time, come);
    come = Math.max(come, quake.time - 90 * MINUTE - 1);
    if (now < (kept.get(quake.id) ?? Number.NEGATIVE_INFINITY) + DAY) continue;
    kept.set(quake.id, now);
    expected.push(quake);
  }
  expect(expected.length).toBeGreaterThan(QUAKES + 500);
  expect(expected.length).toBeLessThan(2 * QUAKES - 500);
  await book.survive('once', { records: 2 * QUAKES });
  expect(await book.published('once')).toEqual(texts(expected));
});

test('a key that falls silent', async () => {
  const expected = await duck(`
    select net, time as "silentSince", place as "lastPlace" from read_json('quakes.ndjson')
    qualify coalesce(lead(time) over (partition by net order by time) - time > ${10 * MINUTE}, true)`);
  expect(expected.length).toBeGreaterThan(500);
  await book.survive('silence', { records: QUAKES });
  expect(await book.published('silence')).toEqual(texts(expected));
});

test('outliers', async () => {
  const expected = await duck(`
    with told as (
      select *, count(*) over before as n, avg(mag) over before as usual, stddev_pop(mag) over before as deviation
      from (select *, row_number() over () as row from read_json('quakes.ndjson'))
      window before as (partition by net order by row rows between unbounded preceding and 1 preceding)
    )
    select id, net, mag, usual from told where n >= 30 and mag > usual + 2.5 * deviation`);
  expect(expected.length).toBeGreaterThan(20);
  await book.survive('outliers', { records: QUAKES });
  expect(await book.published('outliers')).toEqual(texts(expected));
});
