/**
 * Order per key (I18) and per channel (I4) under barriers that overtake: each split numbers its records, and
 * whoever reads them by split must see 0, 1, 2 …, after crashes and rescales too. Also: a broadcast reaches
 * every instance once.
 */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Random, randomInt, seededRandom } from '../../src/base/random.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import type { Graph } from '../../src/stream/graph/graph.js';
import { draw } from './graph-kit.js';
import { TaskCluster } from './task-cluster.js';
import { Published, testSink, testSource } from './task-kit.js';

beforeEach(() => {
  vi.spyOn(performance, 'now').mockImplementation(() => 0);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Against hanging; a busy machine may need much of it. */
const DEADLINE_MS = 180_000;

interface Numbered {
  readonly split: string;
  readonly n: number;
}

interface Order {
  readonly next: number;
  /** Records that did not come in their turn. */
  readonly wrong: number;
}

const inOrder = aggregation<Numbered, Order>({
  initial: () => ({ next: 0, wrong: 0 }),
  add: ({ next, wrong }, { n }) => ({ next: n + 1, wrong: wrong + (n === next ? 0 : 1) }),
});

/** Forward edges (a union's), two keyed ones, and a broadcast. */
function job(splits: readonly (readonly (readonly Numbered[])[])[], random: Random): Graph {
  return draw((env) => {
    const [a, b] = splits.map((list, i) =>
      env.from(testSource<Numbered>({ splits: list, random })).name(`source ${i}`),
    );
    const relay = a!.union(b!).flatMap((one) => [one]);
    const first = relay.keyBy((one) => one.split).aggregate({ order: inOrder });
    first.uid('first').sinkTo(testSink('first', random)).uid('first rows');
    first
      .map(({ key, order }) => ({ split: key, n: order.next - 1 }))
      .keyBy((one) => one.split)
      .aggregate({ order: inOrder })
      .uid('second')
      .sinkTo(testSink('second', random))
      .uid('second rows');
    relay
      .broadcast()
      .map((one) => one)
      .name('everywhere')
      .sinkTo(testSink('everywhere', random))
      .uid('everywhere rows');
  });
}

function numbered(random: Random): Numbered[][][] {
  return ['a', 'b'].map((name) =>
    Array.from({ length: 1 + randomInt(random, 5) }, (_, split) =>
      Array.from({ length: randomInt(random, 60) }, (_, n) => ({ split: `${name}${split}`, n })),
    ),
  );
}

async function simulate(seed: number, rescales: boolean): Promise<TaskCluster> {
  const random = seededRandom(seed);
  const splits = numbered(random);
  const published = new Published();
  let parallelism = 1 + randomInt(random, 3);
  const alignments = [0];
  const cluster = await TaskCluster.start(job(splits, random), parallelism, random, published, {
    alignments,
  });
  let crashes = 0;
  for (let steps = 0; !cluster.done; steps += 1) {
    if (steps > 400_000) throw new Error(`seed ${seed}: the job does not end`);
    if (crashes < 5 && random.next() < 0.004) {
      crashes += 1;
      if (rescales) parallelism = 1 + randomInt(random, 3);
      await cluster.deploy(parallelism);
    }
    await cluster.step();
  }
  const all = splits.flat().filter((records) => records.length > 0);
  for (const stage of ['first', 'second']) {
    const last = new Map<string, Order>();
    for (const row of published.rows.get(`${stage} rows`) ?? []) {
      const { key, order } = row as { key: string; order: Order };
      expect(order.next, `seed ${seed}, ${stage}, ${key}`).toBe((last.get(key)?.next ?? 0) + 1);
      last.set(key, order);
    }
    const want = all.map((records) => [records[0]!.split, { next: records.length, wrong: 0 }]);
    expect(Object.fromEntries(last), `seed ${seed}, ${stage}`).toEqual(Object.fromEntries(want));
  }
  if (!rescales) {
    const times = new Map<string, number>();
    for (const row of (published.rows.get('everywhere rows') ?? []) as Numbered[]) {
      const id = `${row.split}/${row.n}`;
      times.set(id, (times.get(id) ?? 0) + 1);
    }
    expect(times.size).toBe(all.flat().length);
    for (const [id, count] of times) expect(count, `seed ${seed}, ${id}`).toBe(parallelism);
  }
  return cluster;
}

it(
  'after crashes',
  async () => {
    let inFlight = 0;
    for (let seed = 1; seed <= 10; seed += 1) {
      inFlight += (await simulate(seed, false)).inFlight.output;
    }
    expect(inFlight).toBeGreaterThan(20);
  },
  DEADLINE_MS,
);

it(
  'after crashes with another parallelism',
  async () => {
    let replays = 0;
    for (let seed = 1_001; seed <= 1_018; seed += 1) {
      replays += (await simulate(seed, true)).replays;
    }
    expect(replays).toBeGreaterThan(20);
  },
  DEADLINE_MS,
);
