/** A job with every kind of state and a run of it under chaos, checked against a plain fold. */

import { expect } from 'vitest';
import { type Random, randomInt, seededRandom } from '../../src/base/random.js';
import { count, max, sum } from '../../src/stream/api/aggregations.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import { tumbling } from '../../src/stream/api/windows.js';
import type { Graph } from '../../src/stream/graph/graph.js';
import { draw } from './graph-kit.js';
import { type ClusterOptions, TaskCluster } from './task-cluster.js';
import { Published, testSink, testSource } from './task-kit.js';

interface Reading {
  readonly k: string;
  readonly at: number;
  readonly n: number;
}

const DISORDER_MS = 20;
const WINDOW_MS = 50;

/** Splits follow one another in time; within a split there is some disorder. */
function readings(random: Random): Reading[][] {
  let now = 0;
  return Array.from({ length: 1 + randomInt(random, 6) }, () =>
    Array.from({ length: randomInt(random, 40) }, () => {
      now += randomInt(random, 12);
      const at = now - randomInt(random, DISORDER_MS);
      return { k: `key number ${randomInt(random, 7)}`, at, n: randomInt(random, 100) };
    }),
  );
}

/** With one source instance only, some slots hear of checkpoints through barriers before they are told. */
function job(splits: readonly (readonly Reading[])[], random: Random, narrow: boolean): Graph {
  const list = aggregation<Reading, readonly number[]>({
    initial: () => [],
    add: (sorted, one) => [...(sorted as readonly number[]), one.n].sort((a, b) => a - b),
  });
  return draw((env) => {
    const source = env.from(testSource<Reading>({ splits, random }));
    const timed = (narrow ? source.parallelism(1) : source)
      .withTimestamps((one) => one.at, { outOfOrdernessMs: DISORDER_MS })
      .flatMap(function* (one) {
        yield one;
        yield { ...one, k: `${one.k} again`, n: 1 };
      })
      .flatMap((one) => (one.n % 3 === 0 ? [one, { ...one, n: 2 }] : [one]));
    const keyed = timed.keyBy((one) => one.k);
    keyed
      .window(tumbling(WINDOW_MS))
      .aggregate({ records: count(), total: sum((one) => one.n), worst: max((one) => one.n) })
      .uid('window state')
      .rebalance()
      .map((one) => one)
      .sinkTo(testSink('windows', random))
      .uid('windows');
    keyed
      .window(tumbling(WINDOW_MS))
      .aggregate({ list })
      .uid('list state')
      .sinkTo(testSink('lists', random))
      .uid('lists');
    keyed.aggregate({ records: count() }).sinkTo(testSink('running', random)).uid('running');
    timed
      .map((one) => one.n)
      .sinkTo(testSink('all', random))
      .uid('all');
  });
}

function expected(splits: readonly (readonly Reading[])[]) {
  const all = splits
    .flat()
    .flatMap((one) => [one, { ...one, k: `${one.k} again`, n: 1 }])
    .flatMap((one) => (one.n % 3 === 0 ? [one, { ...one, n: 2 }] : [one]));
  const windows = new Map<string, Reading[]>();
  const running = new Map<string, number>();
  for (const one of all) {
    const start = Math.floor(one.at / WINDOW_MS) * WINDOW_MS;
    const id = JSON.stringify([one.k, start]);
    windows.set(id, [...(windows.get(id) ?? []), one]);
    running.set(one.k, (running.get(one.k) ?? 0) + 1);
  }
  const rows = [...windows].map(([id, records]) => {
    const [key, windowStart] = JSON.parse(id) as [string, number];
    return { key, windowStart, windowEnd: windowStart + WINDOW_MS, records };
  });
  const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
  return {
    all: sorted(all.map((one) => one.n)),
    running,
    windows: texts(
      rows.map(({ records, ...row }) => ({
        ...row,
        records: records.length,
        total: records.reduce((total, one) => total + one.n, 0),
        worst: Math.max(...records.map((one) => one.n)),
      })),
    ),
    lists: texts(
      rows.map(({ records, ...row }) => ({ ...row, list: sorted(records.map((one) => one.n)) })),
    ),
  };
}

const texts = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort();

export interface Chaos extends ClusterOptions {
  readonly crashes: number;
  readonly rescales: boolean;
}

export async function simulate(seed: number, chaos: Chaos): Promise<TaskCluster> {
  const random = seededRandom(seed);
  const splits = readings(random);
  const published = new Published();
  let parallelism = 1 + randomInt(random, 3);
  const graph = job(splits, random, random.next() < 0.5);
  const cluster = await TaskCluster.start(graph, parallelism, random, published, chaos);
  let crashes = 0;
  for (let steps = 0; !cluster.done; steps += 1) {
    if (steps > 400_000) throw new Error(`seed ${seed}: the job does not end`);
    if (crashes < chaos.crashes && random.next() < 0.004) {
      crashes += 1;
      if (chaos.rescales) parallelism = 1 + randomInt(random, 3);
      await cluster.deploy(parallelism);
    }
    await cluster.step();
  }
  const want = expected(splits);
  const rows = (name: string): readonly unknown[] => published.rows.get(name) ?? [];
  expect(texts(rows('windows')), `seed ${seed}`).toEqual(want.windows);
  expect(texts(rows('lists')), `seed ${seed}`).toEqual(want.lists);
  expect(
    (rows('all') as number[]).toSorted((a, b) => a - b),
    `seed ${seed}`,
  ).toEqual(want.all);
  expect(cluster.counters, `seed ${seed}`).toEqual({});
  // Each key's counts have come in order: nothing lost, repeated, or overtaken.
  const last = new Map<string, number>();
  for (const { key, records } of rows('running') as { key: string; records: number }[]) {
    expect(records, `seed ${seed}, ${key}`).toBe((last.get(key) ?? 0) + 1);
    last.set(key, records);
  }
  expect(last, `seed ${seed}`).toEqual(want.running);
  return cluster;
}
