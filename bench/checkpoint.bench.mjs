/**
 * Measures what checkpoints cost: 1 M string keys per slot on two slots, count and sum per key. Seconds with a
 * checkpoint and seconds without one take turns, because the speed of a shared machine changes by a third within
 * a minute. Four of each make a round.
 *
 * `lostPercent` is the share of throughput lost, the median over the rounds (`value`: when 1 % of the keys are written
 * between two checkpoints), and `lostQuartiles` says how far the rounds lie apart. `gapAddedMs` is the longest gap of a
 * data thread in the four seconds with checkpoints, less that in the four without, medians. `gcWithMs` and
 * `gcWithoutMs` are the longest pause of a data thread's garbage collector, which is part of a gap. `restoreMs` is the
 * time from the detection of a killed thread to the first new record at a sink. Sizes are those of all slots together.
 * `claims` holds the promised figures, each with its limit.
 *
 * It measures the same when all keys are written, with object values, and without `incremental`.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'holdfast';
import { median, percentile, rate, round, sleep } from './lib/measure.mjs';

const SLOTS = 2;
const SPARSE = 0.01;
const STRETCHES = 4;

export default async function checkpoint({ smoke, log }) {
  const size = smoke
    ? { keys: 20_000, rounds: 1, stretchMs: 60 }
    : { keys: SLOTS * 1_000_000, rounds: 15, stretchMs: 1_000 };
  const few = { ...size, rounds: Math.ceil(size.rounds / 2) };
  const numbers = { values: 'numbers', incremental: true };
  const sparse = await measure({ ...size, ...numbers, writtenShare: SPARSE, log });
  const all = await measure({ ...size, ...numbers, writtenShare: 1, log });
  const whole = { ...numbers, incremental: false, writtenShare: SPARSE };
  const sparseWhole = await measure({ ...few, ...whole, log });
  const objects = { values: 'objects', incremental: true, writtenShare: SPARSE };
  const sparseObjects = await measure({ ...few, ...objects, log });
  return {
    name: 'checkpoint',
    value: sparse.lostPercent,
    baseline: sparse.without,
    ratio: round(sparse.with / sparse.without, 3),
    unit: '% lost',
    target: 'value <= 5, all.lostPercent <= 10, gapAddedMs <= 10, deltaPercent < 3',
    claims: {
      lostPercentSparse: claim(sparse.lostPercent, 5),
      lostPercentAll: claim(all.lostPercent, 10),
      gapAddedMsSparse: claim(sparse.gapAddedMs, 10),
      gapAddedMsAll: claim(all.gapAddedMs, 10),
      deltaPercentSparse: claim(sparse.deltaPercent, 3),
    },
    keys: size.keys,
    ...sparse,
    all,
    sparseWhole,
    sparseObjects,
  };
}

/** A figure that was not had (no checkpoint was a delta) keeps no promise. */
function claim(value = null, atMost) {
  return { value, atMost, met: value !== null && value <= atMost };
}

async function measure({ keys, rounds, stretchMs, values, incremental, writtenShare, log }) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const gaps = new Float64Array(new SharedArrayBuffer(8 * SLOTS));
  const pauses = new Float64Array(new SharedArrayBuffer(8 * SLOTS));
  const job = await run(new URL('./jobs/checkpoint.job.mjs', import.meta.url), {
    parallelism: SLOTS,
    spares: 1,
    args: {
      keys,
      values,
      writtenShare,
      gaps: gaps.buffer,
      pauses: pauses.buffer,
      lanes: new SharedArrayBuffer(4),
    },
    // Far apart: the bench orders each checkpoint itself, so that stretches can be without.
    checkpoint: { directory, intervalMs: 3_600_000, incremental },
    heartbeat: { timeoutMs: 10_000 },
  });
  const events = [];
  job.on('checkpoint', (event) => {
    if (event.kind === 'completed') events.push(event);
  });
  // By round.
  const having = { rates: [], gaps: [], pauses: [] };
  const without = { rates: [], gaps: [], pauses: [] };
  const stretch = async (into, hasCheckpoint) => {
    gaps.fill(0);
    pauses.fill(0);
    const checkpoint = hasCheckpoint ? job.checkpointNow() : undefined;
    into.rates.push(await rate(() => job.progress().sinkRecords, stretchMs));
    into.gaps.push(Math.max(...gaps));
    into.pauses.push(Math.max(...pauses));
    await checkpoint;
  };
  const measureRound = async () => {
    const on = { rates: [], gaps: [], pauses: [] };
    const off = { rates: [], gaps: [], pauses: [] };
    for (let i = 0; i < STRETCHES; i += 1) {
      const isOnFirst = i % 2 === 1;
      await stretch(isOnFirst ? on : off, isOnFirst);
      await stretch(isOnFirst ? off : on, !isOnFirst);
    }
    for (const [all, these] of [
      [having, on],
      [without, off],
    ]) {
      all.rates.push(these.rates.reduce((sum, each) => sum + each) / STRETCHES);
      all.gaps.push(Math.max(...these.gaps));
      all.pauses.push(Math.max(...these.pauses));
    }
  };
  let full;
  let restoreMs;
  try {
    // Until every key has been written, growth would be measured instead.
    while (job.progress().sinkRecords < keys * 1.5) await sleep(100);
    await job.checkpointNow();
    full = events.at(-1);
    await job.checkpointNow();
    events.length = 0;
    for (let i = 0; i < rounds; i += 1) {
      await measureRound();
      log(
        `${values}, ${writtenShare * 100} % written, ${incremental ? '' : 'not '}incremental, round ${i + 1}: ` +
          `without ${round(without.rates[i] / 1e6)} M/s, with ${round(having.rates[i] / 1e6)} M/s; ` +
          `gaps ${round(without.gaps[i], 1)} / ${round(having.gaps[i], 1)} ms, ` +
          `of garbage collection ${round(without.pauses[i], 1)} / ${round(having.pauses[i], 1)} ms`,
      );
    }
    const restarted = new Promise((resolve) => job.once('restarted', resolve));
    job.kill(0, 'terminate');
    restoreMs = (await restarted).recoverMs;
  } finally {
    await job.cancel();
    await rm(directory, { recursive: true, force: true });
  }
  const lost = having.rates.map((each, i) => (1 - each / without.rates[i]) * 100);
  const durations = events.map(({ durationMs }) => durationMs);
  // Without those at which a slot had its turn to write everything.
  const deltas = events
    .filter((event) => event.deltaBytes > 0 && event.fullBytes < full.fullBytes / 10)
    .map((event) => event.deltaBytes);
  return {
    lostPercent: round(median(lost)),
    lostQuartiles: [round(percentile(lost, 0.25)), round(percentile(lost, 0.75))],
    with: Math.round(median(having.rates)),
    without: Math.round(median(without.rates)),
    gapWithMs: round(median(having.gaps), 1),
    gapWithoutMs: round(median(without.gaps), 1),
    gapAddedMs: round(median(having.gaps) - median(without.gaps), 1),
    gcWithMs: round(median(having.pauses), 1),
    gcWithoutMs: round(median(without.pauses), 1),
    longestGapWithMs: round(Math.max(...having.gaps), 1),
    longestGapWithoutMs: round(Math.max(...without.gaps), 1),
    durationP50Ms: round(percentile(durations, 0.5), 1),
    durationP99Ms: round(percentile(durations, 0.99), 1),
    fullBytes: full.fullBytes,
    ...(deltas.length > 0
      ? {
          deltaBytes: median(deltas),
          deltaPercent: round((median(deltas) / full.fullBytes) * 100, 3),
        }
      : {}),
    writtenBytes: Math.round(events.reduce((sum, { bytes }) => sum + bytes, 0) / events.length),
    restoreMs: round(restoreMs, 1),
    checkpoints: events.length,
    deltaCheckpoints: deltas.length,
  };
}
