/**
 * Checkpoints under back-pressure, over real threads: with a sink that takes nothing, an aligned one waits as
 * long as the sink, an unaligned one does not; and what was in flight at it comes back.
 */

import { describe, expect, test } from 'vitest';
import { type CheckpointAlignment, type Job, run } from '../../dist/index.js';
import {
  expectedWindows,
  fixture,
  nextRestart,
  shownWindows,
  type TotalRow,
  temporaryFolder,
  totalsProblems,
} from './kit.js';

const COUNT = 60_000;

class Gate {
  readonly shared = new SharedArrayBuffer(4);

  open(): void {
    Atomics.store(new Int32Array(this.shared), 0, 1);
  }
}

interface Start {
  readonly directory: string;
  readonly gate: Gate;
  readonly alignment: CheckpointAlignment;
  readonly parallelism?: number;
}

function start({ directory, gate, alignment, parallelism = 2 }: Start): Promise<Job> {
  return run(fixture('blocked'), {
    parallelism,
    args: { count: COUNT, gate: gate.shared },
    channel: { capacityBytes: 16 * 1024 },
    checkpoint: { directory, alignment, intervalMs: 3_600_000 },
  });
}

/** Everything is full: the sources have been standing still. */
async function stuck(job: Job): Promise<void> {
  let before = -1;
  for (let same = 0; same < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { sourceRecords } = job.progress();
    same = sourceRecords > 0 && sourceRecords === before ? same + 1 : 0;
    before = sourceRecords;
  }
  expect(before).toBeLessThan(COUNT);
}

/** Rows of several instances: in the order of each key's counts. */
function problems(rows: readonly unknown[] | undefined): readonly string[] {
  const sorted = [...((rows ?? []) as readonly TotalRow[])].sort((a, b) => a.records - b.records);
  return totalsProblems(sorted, COUNT);
}

describe('a checkpoint while the sink is blocked', () => {
  for (const alignment of ['unaligned', { alignedTimeoutMs: 50 }] as const) {
    test(`completes: ${JSON.stringify(alignment)}`, async () => {
      const gate = new Gate();
      const job = await start({ directory: await temporaryFolder(), gate, alignment });
      await stuck(job);
      // The sink is opened only afterwards: this would wait for ever.
      const checkpoint = await job.checkpointNow();
      const again = await job.checkpointNow();
      expect(again).toBeGreaterThan(checkpoint);
      expect(job.collected('totals')).toEqual([]);
      const restarted = nextRestart(job);
      const failed = new Promise((resolve) => job.once('failure', resolve));
      job.kill(1, 'terminate');
      await failed;
      gate.open();
      expect((await restarted).checkpoint).toBe(again);
      const { collected } = await job.finished;
      expect(problems(collected['totals'])).toEqual([]);
    });
  }

  test('waits for the sink when it is aligned', async () => {
    const gate = new Gate();
    const job = await start({ directory: await temporaryFolder(), gate, alignment: 'aligned' });
    await stuck(job);
    let isOpen = false;
    const checkpoint = job.checkpointNow().then(() => isOpen);
    await new Promise((resolve) => setTimeout(resolve, 100));
    isOpen = true;
    gate.open();
    expect(await checkpoint).toBe(true);
    const { collected } = await job.finished;
    expect(problems(collected['totals'])).toEqual([]);
  });
});

test('many kills between barriers that overtake: every window once, every key in order', async () => {
  const count = 120_000;
  const options = (directory: string) => ({
    parallelism: 2,
    channel: { capacityBytes: 16 * 1024 },
    checkpoint: { directory, alignment: 'unaligned' as const, intervalMs: 20 },
  });
  const jobs = [
    await run(fixture('windows'), {
      ...options(await temporaryFolder()),
      args: { count, ratePerSecond: 60_000 },
    }),
    await run(fixture('totals'), {
      ...options(await temporaryFolder()),
      args: { count, ratePerSecond: 60_000 },
    }),
  ] as const;
  await Promise.all(
    jobs.map(async (job) => {
      for (let i = 0; i < 5; i += 1) {
        await job.checkpointNow();
        const restarted = nextRestart(job);
        job.kill(i % 2, (['terminate', 'throw', 'exit'] as const)[i % 3]!);
        await restarted;
      }
    }),
  );
  const [windows, totals] = await Promise.all(jobs.map((job) => job.finished));
  expect(shownWindows(windows!.collected['windows'] ?? [])).toEqual(expectedWindows(count));
  expect(totalsProblems(totals!.collected['totals'] ?? [], count)).toEqual([]);
});

for (const [before, after] of [
  [2, 3],
  [3, 1],
  [1, 2],
] as const) {
  test(`what was in flight comes back with ${after} slots instead of ${before}`, async () => {
    const directory = await temporaryFolder();
    const blocked = new Gate();
    const given = { directory, alignment: 'unaligned' } as const;
    const job = await start({ ...given, gate: blocked, parallelism: before });
    await stuck(job);
    await job.checkpointNow();
    await job.cancel();
    await job.finished.catch(() => {});
    const gate = new Gate();
    gate.open();
    const next = await start({ ...given, gate, parallelism: after });
    const { collected } = await next.finished;
    expect(problems(collected['totals'])).toEqual([]);
  });
}
