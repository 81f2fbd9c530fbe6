/**
 * Runs two jobs on 1, 2, 4… slots up to the available cores: 20 µs of computation per record, and
 * keyBy → count, where a record crosses to another slot with probability (p−1)/p. `value` is the rate of computation on
 * all cores, as a multiple of that on one slot; `baseline` is the number of slots.
 * Not measured: starting the threads, compiling the job. On a machine of two cores this says little.
 */

import { availableParallelism } from 'node:os';
import { run } from 'holdfast';
import { calibrate } from './lib/burn.mjs';
import { median, rate, round, sleep } from './lib/measure.mjs';

export default async function scaling({ smoke, log }) {
  const cores = availableParallelism();
  const slots = smoke ? [1, 2] : slotCounts(cores);
  const windowMs = smoke ? 300 : 2_500;
  const rounds = smoke ? 1 : 3;
  const burnRounds = calibrate(20);
  const computing = await curve('cpu-bound', { rounds: burnRounds });
  const counting = await curve('keyed-count', { splits: Math.max(...slots) });
  const most = computing.at(-1);
  return {
    name: 'scaling',
    value: most.times,
    baseline: most.slots,
    ratio: round(most.times / most.slots),
    unit: 'times the rate of one slot',
    target: 'ratio >= 0.85 with slots <= physical cores',
    cores,
    computing,
    counting,
  };

  async function curve(job, args) {
    const rates = slots.map(() => []);
    for (let i = 0; i < rounds; i += 1) {
      for (const [at, parallelism] of slots.entries()) {
        rates[at].push(await measure(job, args, parallelism, windowMs, smoke ? 100 : 1_000));
      }
    }
    const medians = rates.map(median);
    return slots.map((count, at) => {
      const times = round(medians[at] / medians[0]);
      log(`${job}: ${count} slots ${Math.round(medians[at])}/s, ${times} times one slot`);
      return { slots: count, perSecond: Math.round(medians[at]), times };
    });
  }
}

/** 1, 2, 4… and all. */
function slotCounts(cores) {
  const counts = [];
  for (let count = 1; count < cores; count *= 2) counts.push(count);
  return [...counts, cores];
}

async function measure(name, args, parallelism, windowMs, warmUpMs) {
  const job = await run(new URL(`./jobs/${name}.job.mjs`, import.meta.url), {
    parallelism,
    spares: 0,
    args,
  });
  try {
    await sleep(warmUpMs);
    return await rate(() => job.progress().sinkRecords, windowMs);
  } finally {
    await job.cancel();
  }
}
