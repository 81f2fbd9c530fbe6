/**
 * About 20 µs of computation per record: 2 slots against 1 slot, and against batches of 500 handed to
 * a piscina pool of two threads. Rounds alternate; medians are compared.
 */

import { fileURLToPath } from 'node:url';
import { run } from 'holdfast';
import { Piscina } from 'piscina';
import { calibrate } from './lib/burn.mjs';
import { median, rate, round, sleep } from './lib/measure.mjs';

const BATCH_RECORDS = 500;

export default async function cpuBound({ smoke, log }) {
  const rounds = smoke ? 1 : 5;
  const windowMs = smoke ? 400 : 3_000;
  const warmUpMs = smoke ? 100 : 700;
  const burnRounds = calibrate(20);
  const two = [];
  const one = [];
  const pool = [];
  for (let i = 0; i < rounds; i += 1) {
    two.push(await throughHoldfast(2, burnRounds, warmUpMs, windowMs));
    one.push(await throughHoldfast(1, burnRounds, warmUpMs, windowMs));
    pool.push(await throughPiscina(burnRounds, warmUpMs, windowMs));
    log(
      `round ${i + 1}: 2 slots ${Math.round(two[i])}/s, 1 slot ${Math.round(one[i])}/s, piscina ${Math.round(pool[i])}/s`,
    );
  }
  return {
    name: 'cpu-bound',
    value: Math.round(median(two)),
    baseline: Math.round(median(one)),
    ratio: round(median(two) / median(one)),
    unit: 'records/s',
    target: 'ratio >= 1.8, piscinaRatio >= 0.95',
    piscina: Math.round(median(pool)),
    piscinaRatio: round(median(two) / median(pool)),
    microsecondsPerRecord: round(1e6 / median(one), 1),
  };
}

async function throughHoldfast(parallelism, rounds, warmUpMs, windowMs) {
  const job = await run(new URL('./jobs/cpu-bound.job.mjs', import.meta.url), {
    parallelism,
    spares: 0,
    args: { rounds },
  });
  try {
    await sleep(warmUpMs);
    return await rate(() => job.progress().sinkRecords, windowMs);
  } finally {
    await job.cancel();
  }
}

async function throughPiscina(rounds, warmUpMs, windowMs) {
  const pool = new Piscina({
    filename: fileURLToPath(new URL('./lib/burn-task.mjs', import.meta.url)),
    minThreads: 2,
    maxThreads: 2,
    maxQueue: 16,
    atomics: 'disabled',
  });
  let next = 0;
  let done = 0;
  let stop = false;
  const lane = async () => {
    while (!stop) {
      const records = Array.from({ length: BATCH_RECORDS }, () => ({ id: next, seed: next++ * 7 }));
      // Not `done += await …`: that would read `done` before waiting, and lose what others add.
      const results = await pool.run({ records, rounds });
      done += results.length;
    }
  };
  // Two batches per thread under way, so that none waits for the main thread.
  const lanes = Promise.all([lane(), lane(), lane(), lane()]);
  await sleep(warmUpMs);
  const perSecond = await rate(() => done, windowMs);
  stop = true;
  await lanes;
  await pool.destroy();
  return perSecond;
}
