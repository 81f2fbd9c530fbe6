/**
 * Checkpoints under back-pressure, over real threads: with a sink that takes nothing, an aligned one waits as
 * long as the sink, an unaligned one does not; and what was in flight at it comes back.
 */

import { describe, expect, test } from 'vitest';
import type { CheckpointAlignment, Job } from '../../dist/index.js';
import {
  fixture,
  Meter,
  nextRestart,
  type TotalRow,
  temporaryFolder,
  totalsProblems,
} from './kit.js';
import { run } from './run-compiled.js';

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
  readonly meter?: Meter;
  readonly intervalMs?: number;
}

function start({ directory, gate, alignment, ...more }: Start): Promise<Job> {
  const { parallelism = 2, meter = new Meter(COUNT), intervalMs = 3_600_000 } = more;
  return run(fixture('blocked'), {
    parallelism,
    args: { count: COUNT, gate: gate.shared, meter: meter.shared },
    channel: { capacityBytes: 16 * 1024 },
    checkpoint: { directory, alignment, intervalMs },
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

test('many kills between barriers that overtake: nothing is lost or repeated', async () => {
  const gate = new Gate();
  gate.open();
  const rounds = 6;
  const meter = new Meter(COUNT / rounds);
  const job = await start({
    directory: await temporaryFolder(),
    gate,
    alignment: 'unaligned',
    meter,
    intervalMs: 20,
  });
  for (let round = 1; round < rounds; round += 1) {
    // With records on their way, and more to come after the restart.
    await job.checkpointNow();
    const restarted = nextRestart(job);
    const failed = new Promise((resolve) => job.once('failure', resolve));
    job.kill(round % 2, (['terminate', 'throw', 'exit'] as const)[round % 3]!);
    await failed;
    meter.raise((COUNT / rounds) * (round + 1));
    await restarted;
  }
  const { collected } = await job.finished;
  expect(problems(collected['totals'])).toEqual([]);
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
