/**
 * Measures the time from a kill to the first record of the new epoch at a sink (`detectMs + recoverMs`): causes
 * terminate, throw and exit in turn, on a keyed job with small state, without a spare thread
 * (`value`: p99) and with one (`baseline`: p99). Then the same while other threads keep both cores busy, and
 * with 1 M keys of state.
 */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { run } from 'holdfast';
import { percentile, round, sleep } from './lib/measure.mjs';

const CAUSES = ['terminate', 'throw', 'exit'];

export default async function recovery({ smoke, log }) {
  const kills = smoke ? 3 : 50;
  const measure = async (name, options) => {
    const times = await killAndMeasure({ kills, keys: 1_000, ratePerSecond: 20_000, ...options });
    const shown = { p50: at(times, 0.5), p99: at(times, 0.99), max: at(times, 1) };
    log(`${name}: p50 ${shown.p50} ms, p99 ${shown.p99} ms, max ${shown.max} ms`);
    return shown;
  };
  const bare = await measure('no spare', { spares: 0 });
  const spare = await measure('spare', { spares: 1 });
  const more = smoke
    ? {}
    : {
        busyNoSpare: await busy(() => measure('both cores busy, no spare', { spares: 0 })),
        busySpare: await busy(() => measure('both cores busy, spare', { spares: 1 })),
        millionKeys: await measure('1 M keys, spare', {
          spares: 1,
          kills: 6,
          keys: 1_000_000,
          ratePerSecond: 200_000,
          fillMs: 15_000,
        }),
      };
  return {
    name: 'recovery',
    value: bare.p99,
    baseline: spare.p99,
    ratio: round(bare.p99 / spare.p99),
    unit: 'ms',
    target: 'value <= 100',
    kills,
    noSpare: bare,
    spare,
    ...more,
  };
}

async function killAndMeasure({ kills, keys, ratePerSecond, spares, fillMs = 300 }) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const job = await run(new URL('./jobs/recovery.job.mjs', import.meta.url), {
    parallelism: 2,
    spares,
    args: { keys, ratePerSecond },
    checkpoint: { directory, intervalMs: 100 },
  });
  const times = [];
  try {
    await sleep(fillMs);
    for (let i = 0; i < kills; i += 1) {
      await job.checkpointNow();
      await sleep(100 + ((i * 37) % 100));
      const recovered = new Promise((resolve) => job.once('restarted', resolve));
      job.kill(i % 2, CAUSES[i % CAUSES.length]);
      const event = await Promise.race([recovered, job.finished]);
      times.push(event.detectMs + event.recoverMs);
    }
  } finally {
    await job.cancel();
    await rm(directory, { recursive: true, force: true });
  }
  return times;
}

async function busy(act) {
  const spinners = [0, 1].map(() => new Worker(new URL('./lib/spin.mjs', import.meta.url)));
  await Promise.all(spinners.map((spinner) => once(spinner, 'online')));
  try {
    return await act();
  } finally {
    await Promise.all(spinners.map((spinner) => spinner.terminate()));
  }
}

const at = (times, p) => round(percentile(times, p), 1);
