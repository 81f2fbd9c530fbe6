/** docs/joins.md: its jobs run as printed, and give what a plain loop does. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let page: Page;
let project: Project;

beforeAll(async () => {
  page = await Page.read('docs/joins.md');
  project = await Project.create();
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

const MINUTE_MS = 60_000;
const lines = (rows: readonly object[]): string =>
  rows.map((row) => JSON.stringify(row)).join('\n');
const texts = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort();

async function run(job: string): Promise<void> {
  const ended = await project.shell(`npx holdfast run ${job} --parallelism 2`);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
}

test('orders have their drivers, or none', async () => {
  const orders = Array.from({ length: 300 }, (_, i) => ({
    id: `o${i}`,
    shop: `s${i % 7}`,
    time: i * MINUTE_MS,
  }));
  // Every third after four hours at most, every third after five, and every third never.
  const delays = [(i: number) => i % 241, () => 300];
  const deliveries = orders
    .flatMap(({ id, time }, i) =>
      i % 3 === 2
        ? []
        : [{ order: id, driver: `d${i % 5}`, time: time + delays[i % 3]!(i) * MINUTE_MS }],
    )
    .sort((a, b) => a.time - b.time);
  await project.write('orders.ndjson', lines(orders));
  await project.write('deliveries.ndjson', lines(deliveries));
  expect(page.commands[0]).toBe('npx holdfast run deliveries.job.ts --parallelism 2\n');
  await run('deliveries.job.ts');
  expect(texts(await project.publishedRows('out/deliveries'))).toEqual(
    texts(orders.map((order, i) => ({ ...order, driver: i % 3 === 0 ? `d${i % 5}` : null }))),
  );
});

test('sales have the price of their moment', async () => {
  const prices = Array.from({ length: 120 }, (_, i) => ({
    item: `i${i % 4}`,
    cents: 100 + i,
    from: Math.floor(i / 4) * 10 * MINUTE_MS,
  }));
  const sales = Array.from({ length: 600 }, (_, i) => ({
    item: `i${i % 4}`,
    pieces: 1 + (i % 3),
    // Every fiftieth is late.
    time: (i % 50 === 49 ? i / 2 - 20 : i / 2) * MINUTE_MS,
  }));
  await project.write('prices.ndjson', lines(prices));
  await project.write('sales.ndjson', lines(sales));
  await run('prices.job.ts');
  const isLate = (_: object, i: number) => i % 50 === 49;
  expect(texts(await project.publishedRows('out/late'))).toEqual(texts(sales.filter(isLate)));
  expect(texts(await project.publishedRows('out/sales'))).toEqual(
    texts(
      sales
        .filter((sale, i) => !isLate(sale, i))
        .map(({ item, pieces, time }) => {
          const price = prices.findLast((one) => one.item === item && one.from <= time)!;
          return { item, time, cents: pieces * price.cents };
        }),
    ),
  );
});

test('shipments have the address of their moment, or none', async () => {
  const addresses = Array.from({ length: 120 }, (_, i) => ({
    customer: `c${i % 4}`,
    city: i % 5 === 3 ? null : `city ${i}`,
    time: i * 3 * MINUTE_MS,
  }));
  const shipments = Array.from({ length: 400 }, (_, i) => ({
    id: i,
    customer: `c${i % 5}`,
    time: i * MINUTE_MS,
  }));
  await project.write('addresses.ndjson', lines(addresses));
  await project.write('shipments.ndjson', lines(shipments));
  await run('shipments.job.ts');
  expect(texts(await project.publishedRows('out/shipments'))).toEqual(
    texts(
      shipments.map(({ id, customer, time }) => {
        const found = addresses.findLast((one) => one.customer === customer && one.time <= time);
        return { id, city: found?.city ?? null };
      }),
    ),
  );
});

test('users are on the web, in the app, or on both', async () => {
  const visits = (length: number, step: number) =>
    Array.from({ length }, (_, i) => ({ user: `u${(i * 7) % 11}`, time: i * step * MINUTE_MS }));
  const [web, app] = [visits(200, 3), visits(150, 5)];
  await project.write('web.ndjson', lines(web));
  await project.write('app.ndjson', lines(app));
  await run('presence.job.ts');
  const hour = 60 * MINUTE_MS;
  const rows = new Map<string, { user: string; windowStart: number; web: number; app: number }>();
  for (const [name, all] of Object.entries({ web, app })) {
    for (const { user, time } of all) {
      const windowStart = Math.floor(time / hour) * hour;
      const row = rows.get(`${user} ${windowStart}`) ?? { user, windowStart, web: 0, app: 0 };
      rows.set(`${user} ${windowStart}`, row);
      row[name as 'web' | 'app'] += 1;
    }
  }
  expect(texts(await project.publishedRows('out/presence'))).toEqual(texts([...rows.values()]));

  await run('presence-sessions.job.ts');
  const gap = 30 * MINUTE_MS;
  const sessions: {
    user: string;
    windowStart: number;
    windowEnd: number;
    web: number;
    app: number;
  }[] = [];
  const all = [
    ...web.map((one) => ({ ...one, web: 1 })),
    ...app.map((one) => ({ ...one, web: 0 })),
  ];
  for (const { user, time, web: isWeb } of all.sort((a, b) => a.time - b.time)) {
    let session = sessions.findLast((one) => one.user === user);
    if (session === undefined || time > session.windowEnd) {
      session = { user, windowStart: time, windowEnd: 0, web: 0, app: 0 };
      sessions.push(session);
    }
    session.windowEnd = time + gap;
    session.web += isWeb;
    session.app += 1 - isWeb;
  }
  expect(sessions.length).toBeGreaterThan(11);
  expect(texts(await project.publishedRows('out/presence-sessions'))).toEqual(texts(sessions));
});

test('flights have the cities of a table', async () => {
  const flights = Array.from({ length: 500 }, (_, id) => ({ id, origin: `A${id % 40}` }));
  const codes = Array.from({ length: 30 }, (_, i) => `A${i},city ${i}`);
  await project.write('flights.ndjson', lines(flights));
  await project.write('airports.csv', ['code,city', ...codes].join('\n'));
  await run('cities.job.ts');
  expect(texts(await project.publishedRows('out/cities'))).toEqual(
    texts(
      flights.map((one) => ({
        ...one,
        city: one.id % 40 < 30 ? `city ${one.id % 40}` : null,
      })),
    ),
  );
});
