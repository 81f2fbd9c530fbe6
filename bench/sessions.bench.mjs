/**
 * Sessions of 10 000 users, some twenty visits each, exactly-once with a checkpoint to disk every second, on 2 slots; against
 * tumbling windows of as many visits over the same records. Rounds alternate; medians are compared. Rates are of
 * records read, since a session's row stands for many. Not measured: starting the threads, compiling the job.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'holdfast';
import { median, rates, round, sleep } from './lib/measure.mjs';

export default async function sessions({ smoke, log }) {
  const rounds = smoke ? 1 : 5;
  const windowMs = smoke ? 500 : 4_000;
  const warmUpMs = smoke ? 200 : 1_500;
  const ours = [];
  const theirs = [];
  for (let i = 0; i < rounds; i += 1) {
    ours.push(await through('sessions', warmUpMs, windowMs));
    theirs.push(await through('tumbling', warmUpMs, windowMs));
    const [own, other] = [ours, theirs].map((all) => round(all[i].perSecond / 1e6));
    log(`round ${i + 1}: sessions ${own} M/s, tumbling windows ${other} M/s`);
  }
  const of = (all, figure) => median(all.map((one) => one[figure]));
  return {
    name: 'sessions',
    value: Math.round(of(ours, 'perSecond')),
    baseline: Math.round(of(theirs, 'perSecond')),
    ratio: round(of(ours, 'perSecond') / of(theirs, 'perSecond')),
    unit: 'records/s',
    target: 'value >= 1000000',
    slots: 2,
    perCpuSecond: Math.round(of(ours, 'perCpuSecond')),
    baselinePerCpuSecond: Math.round(of(theirs, 'perCpuSecond')),
  };
}

async function through(windows, warmUpMs, windowMs) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const job = await run(new URL('./jobs/sessions.job.mjs', import.meta.url), {
    parallelism: 2,
    checkpoint: { directory, intervalMs: 1_000 },
    args: { windows },
  });
  try {
    await sleep(warmUpMs);
    return await rates(async () => {
      const before = job.progress().sourceRecords;
      await sleep(windowMs);
      return job.progress().sourceRecords - before;
    });
  } finally {
    await job.cancel();
    await rm(directory, { recursive: true, force: true });
  }
}
