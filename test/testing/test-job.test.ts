/** Whole jobs driven by hand, and what they share with a run: answers, snapshots, savepoints. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  count,
  defineJob,
  fromCollection,
  generate,
  noRestart,
  runInline,
  type StreamEnvironment,
  sum,
  tumbling,
  value,
} from '../../src/index.js';
import { testJob } from '../../src/testing/index.js';

interface Order {
  readonly shop: string;
  readonly cents: number;
  readonly time: number;
}

const orders: Order[] = Array.from({ length: 60 }, (_, i) => ({
  shop: `shop ${i % 5}`,
  cents: i,
  time: i * 7 - (i % 3) * 10,
}));

const sales = defineJob('sales', (env) => {
  const windows = env
    .from(fromCollection(orders))
    .uid('orders')
    .withTimestamps(({ time }) => time, { outOfOrdernessMs: 10 })
    .keyBy(({ shop }) => shop)
    .window(tumbling(50))
    .sideOutputLate('late')
    .aggregate({ orders: count(), cents: sum(({ cents }) => cents) })
    .uid('windows');
  windows.sideOutput('late').collect('late');
  windows
    .sinkTo({
      kind: 'never',
      open: () => Promise.reject(new Error('a sink of the job was opened')),
    })
    .uid('out');
});

const collected = (env: StreamEnvironment) =>
  env
    .from(fromCollection(orders))
    .withTimestamps(({ time }) => time, { outOfOrdernessMs: 10 })
    .keyBy(({ shop }) => shop)
    .window(tumbling(50))
    .aggregate({ orders: count(), cents: sum(({ cents }) => cents) })
    .collect('out');

const texts = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();

test('gives what a run gives, at every parallelism, and from a snapshot between any two records', async () => {
  const expected = texts((await runInline(collected)).collected['out'] as unknown[]);
  for (const parallelism of [1, 3]) {
    const job = await testJob(sales, { parallelism });
    for (const order of orders) job.input('orders').element(order);
    await job.end();
    expect(texts(job.output('out'))).toEqual(expected);
  }
  const rows: unknown[] = [];
  let job = await testJob(sales);
  for (const [i, order] of orders.entries()) {
    job.input().element(order);
    rows.push(...job.output());
    job = await testJob(sales, { restore: await job.snapshot(), parallelism: 1 + (i % 3) });
  }
  await job.end();
  expect(texts([...rows, ...job.output()])).toEqual(expected);
});

test('time that is said by hand fires windows, and makes late what comes behind it', async () => {
  const job = await testJob(sales);
  const input = job.input<Order>('orders');
  input.element({ shop: 'a', cents: 1, time: 10 });
  input.watermark(48);
  expect(job.take('out')).toEqual([]);
  input.watermark(49);
  input.watermark(20);
  expect(job.take('out')).toEqual([
    { key: 'a', windowStart: 0, windowEnd: 50, orders: 1, cents: 1 },
  ]);
  const restored = await testJob(sales, { restore: await job.snapshot() });
  for (const each of [job, restored]) {
    each.input<Order>('orders').element({ shop: 'a', cents: 1, time: 45 });
    await each.end();
    expect(each.take('out')).toEqual([]);
    expect(each.take('late')).toEqual([{ shop: 'a', cents: 1, time: 45 }]);
  }
});

test('an input that has ended, ended also in what goes on from it', async () => {
  const job = await testJob(sales);
  job.input().end();
  const restored = await testJob(sales, { restore: await job.snapshot() });
  for (const each of [job, restored]) {
    expect(() => each.input().element(orders[0])).toThrow(
      expect.objectContaining({ code: 'ERR_HOLDFAST_NOT_RUNNING' }),
    );
    await each.end();
  }
});

test('a source that is new in a changed job begins at its start', async () => {
  const job = (sources: readonly string[]) =>
    defineJob('counted', (env) => {
      const [first, ...others] = sources.map((uid) =>
        env.from(generate((i) => ({ key: 'all', n: i }))).uid(uid),
      );
      first!
        .union(...others)
        .keyBy(({ key }) => key)
        .aggregate({ records: count(), total: sum(({ n }) => n) })
        .uid('counts')
        .collect('out');
    });
  const before = await testJob(job(['old']));
  before.input('old').element({ key: 'all', n: 1 });
  const after = await testJob(job(['old', 'new']), {
    restore: await before.snapshot(),
    parallelism: 2,
  });
  after.input('new').element({ key: 'all', n: 10 });
  after.input('old').element({ key: 'all', n: 100 });
  await after.end();
  expect(after.output('out')).toEqual([
    { key: 'all', records: 2, total: 11 },
    { key: 'all', records: 3, total: 111 },
  ]);
});

test('names: what there is, and what there is not', async () => {
  const two = await testJob((env) => {
    const a = env.from(generate((i) => i)).uid('a');
    const b = env.from(generate((i) => i)).name('b side');
    a.union(b).collect('rows');
  });
  two.input('a').element(1);
  two.input('b side').element(2);
  expect(two.output('rows')).toEqual([1, 2]);
  expect(() => two.input('c')).toThrow(/no input 'c': there are 'a', 'b side'/);
  expect(() => two.input()).toThrow(/not just one input, so say which/);
  expect(() => two.output('c')).toThrow(/no sink 'c': there are 'rows'/);
  expect(() => two.input('a').watermark(5)).toThrow(
    expect.objectContaining({ code: 'ERR_HOLDFAST_NO_TIMESTAMP' }),
  );
  expect(() => two.input('a').reject({ source: '', line: 1, text: '', error: '' })).toThrow(
    /no side output/,
  );
});

test('an idle input holds no time back, by the clock of the test', async () => {
  const job = await testJob((env) => {
    const timed = (uid: string) =>
      env
        .from(generate((i): Order => orders[i]!))
        .uid(uid)
        .withTimestamps(({ time }) => time, { idleAfterMs: 1_000 });
    timed('a')
      .union(timed('b'))
      .keyBy(({ shop }) => shop)
      .window(tumbling(50))
      .aggregate({ orders: count() })
      .collect('out');
  });
  const order = (time: number): Order => ({ shop: 's', cents: 1, time });
  job.input('b').element(order(1));
  job.input('a').element(order(2));
  job.input('a').element(order(60));
  job.clock.advance(999);
  job.input('a').element(order(61));
  expect(job.output()).toEqual([]);
  job.clock.advance(1_001);
  job.input('a').element(order(62));
  expect(job.output()).toEqual([{ key: 's', windowStart: 0, windowEnd: 50, orders: 2 }]);
});

test('a snapshot of another job is refused', async () => {
  const job = await testJob(sales);
  job.input().element(orders[0]);
  const other = testJob((env) => env.from(generate((i) => i)).collect('x'), {
    restore: await job.snapshot(),
  });
  await expect(other).rejects.toMatchObject({ code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE' });
});

test('arguments are checked as in a run', async () => {
  const job = await testJob(
    (env, args) =>
      env
        .from(generate((i) => i))
        .map((n) => n * Number(args['by']))
        .collect('x'),
    { args: { by: 3 } },
  );
  job.input().element(2);
  expect(job.output()).toEqual([6]);
});

describe('a savepoint of a run', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-testing-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('is gone on from by hand, by a job that has changed', async () => {
    let isBroken = true;
    const job = (version: number) =>
      defineJob('seen', (env) => {
        env
          .from(
            generate((i) => ({ user: `user ${i % 3}`, i }), { count: 1_000, ratePerSecond: 1_000 }),
          )
          .uid('in')
          .withTimestamps(({ i }) => i)
          .keyBy(({ user }) => user)
          .process({
            state: {
              seen: value<number>(
                version === 1 ? {} : { version, migrate: (seen) => (seen as number) * 10 },
              ),
            },
            onElement({ i }, ctx) {
              if (i === 500 && isBroken) throw new Error('stops here');
              ctx.state.seen.update((seen = 0) => seen + 1);
              ctx.timers.eventTime(9_000);
            },
            onTimer() {},
          })
          .uid('seen')
          .collect('out');
      });
    const directory = join(folder, 'checkpoints');
    const run = runInline(job(1), {
      checkpoint: { directory, intervalMs: 10 },
      restart: noRestart(),
    });
    await expect(run).rejects.toThrow('stops here');
    isBroken = false;

    const after = await testJob(job(2), { restore: directory });
    const { seen } = after.state('user 0') as { seen: number };
    expect(seen % 10).toBe(0);
    expect(seen).toBeGreaterThan(0);
    after.input('in').element({ user: 'user 0', i: 1_000 });
    expect(after.state('user 0')).toEqual({ seen: seen + 1 });
    expect(after.timers().map(({ key }) => key)).toEqual(['user 0', 'user 1', 'user 2']);
  });
});
