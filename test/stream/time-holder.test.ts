/** Who keeps time waiting: the one that is named for it, and when. */

import { describe, expect, it } from 'vitest';
import { alignedTasks, SourceAlignment } from '../../src/stream/task/source-alignment.js';
import { describeHolder, type HeldTime, TimeHolders } from '../../src/stream/task/time-holder.js';
import { draw, sink } from './graph-kit.js';
import { end, TaskBench } from './task-bench.js';
import { testSource } from './task-kit.js';

const SPLIT: HeldTime = {
  operator: 'source',
  split: 'split 0',
  sources: ['source'],
  ownMs: 100,
  isBehind: false,
};

describe('who holds time', () => {
  it('looks again after a while whether anybody waits, for those that go on wake nobody', () => {
    let othersMs = 100;
    const holders = new TimeHolders({ held: () => SPLIT, isBehind: (timeMs) => othersMs > timeMs });
    expect(holders.take(0)).toBeUndefined();
    expect(holders.dueMs).toBe(10_000);
    othersMs = 200;
    expect(holders.take(10_000)).toBeUndefined();
    expect(holders.dueMs).toBe(20_000);
    expect(holders.take(20_000)).toEqual({
      operator: 'source',
      split: 'split 0',
      sources: ['source'],
      timeMs: 100,
      heldMs: 10_000,
    });
    expect(holders.dueMs).toBeUndefined();
    expect(holders.take(60_000)).toBeUndefined();
  });

  it('is told again at another place, and by another name', () => {
    let held: HeldTime | undefined = { ...SPLIT, isBehind: true };
    const holders = new TimeHolders({ held: () => held, isBehind: () => false });
    holders.take(0);
    expect(holders.take(10_000)).toMatchObject({ split: 'split 0', timeMs: 100 });
    held = { ...held, ownMs: 101 };
    holders.take(11_000);
    expect(holders.take(21_000)).toMatchObject({ split: 'split 0', timeMs: 101 });
    held = { ...held, split: 'split 1' };
    holders.take(22_000);
    expect(holders.take(32_000)).toMatchObject({ split: 'split 1', timeMs: 101 });
    held = undefined;
    expect([holders.take(50_000), holders.now(50_000), holders.dueMs]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('times that are given behind an exchange', () => {
  const graph = draw((env) => {
    const quiet = env.from(testSource<{ t: number }>({ splits: [[]] })).uid('quiet');
    const slow = env.from(testSource<{ t: number }>({ splits: [[]] })).uid('slow');
    const going = env.from(testSource<{ t: number }>({ splits: [[]] })).uid('going');
    quiet
      .union(slow)
      .rebalance()
      .map((record) => record)
      .uid('head')
      .withTimestamps(({ t }) => t, { idleAfterMs: 60_000 })
      .uid('times')
      .union(going.withTimestamps(({ t }) => t))
      .map(({ t }) => t)
      .sinkTo(sink());
  });

  const open = async () => {
    let viewOf: ((operator: string) => SourceAlignment) | undefined;
    const bench = await TaskBench.open(graph, {
      vertex: 'head',
      alignment: (plan) => {
        const tasks = alignedTasks(plan, 0);
        const shared = SourceAlignment.memoryFor(tasks);
        viewOf = (operator) =>
          new SourceAlignment({ shared, tasks, operator, instance: 0, ring: () => {} });
        return viewOf;
      },
    });
    await bench.settle();
    return { bench, viewOf: viewOf!, going: viewOf!('going') };
  };

  it('are named with the sources of which a record is waited for, once another is further', async () => {
    const { bench, going } = await open();
    const now = performance.now();
    bench.task.flushDue(now);
    expect(bench.task.metrics().holder).toBeUndefined();
    going.tellTime(1_000);
    bench.task.flushDue(now + 10_000);
    expect(bench.holders).toEqual([]);
    bench.task.flushDue(now + 20_001);
    expect(bench.holders).toMatchObject([
      { operator: 'times', split: undefined, sources: ['quiet', 'slow'], timeMs: undefined },
    ]);
    expect(describeHolder(bench.holders[0]!, 3)).toBe(
      "records of 'quiet', 'slow' at withTimestamps 'times' (instance 3), behind an exchange",
    );
    bench.feed(0, [{ t: 500 }]);
    await bench.settle();
    expect(bench.task.metrics().holder).toMatchObject({ operator: 'times', timeMs: 499 });
    expect(going.isBehind(498)).toBe(true);
    bench.feed(0, [{ t: 1_001 }]);
    await bench.settle();
    expect(bench.task.metrics().holder).toBeUndefined();
  });

  it('hold nobody up once all their input has ended, and no source by a bound on drift', async () => {
    const { bench, viewOf, going } = await open();
    expect(going.mayDrift(1_000, 1)).toBe(false);
    for (const source of ['quiet', 'slow']) viewOf(source).tellTime(Number.POSITIVE_INFINITY);
    expect(going.mayDrift(1_000, 1)).toBe(true);
    going.tellTime(1_000);
    expect(bench.task.metrics().holder).toMatchObject({ operator: 'times' });
    for (const at of bench.inputs.keys()) bench.feed(at, end);
    await bench.settle();
    expect(bench.ended).toBe(1);
    expect(bench.task.metrics().holder).toBeUndefined();
  });
});
