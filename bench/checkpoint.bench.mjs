/**
 * What checkpoints cost: 1 M string keys per slot on two slots, count and sum per key. Stretches with a
 * checkpoint every second and stretches without any alternate in one run, in pairs of which every other
 * one begins with checkpoints, so that a machine that grows slower speaks for neither. `lostPercent` is
 * the median over the pairs of the share of throughput lost (`value`: when 1 % of the keys are written
 * between two checkpoints), `lostQuartiles` says how far apart they lay; `gapAddedMs` is the longest gap
 * of a data thread with minus without, medians. Also when all keys are written, and the same with object values;
 * without `incremental` for comparison. `gcWithMs` and `gcWithoutMs` stand beside the gaps: the longest
 * pause of a data thread's garbage collector, which is part of a gap. `claims` has what is promised of
 * these figures, each with its limit. Sizes are of all slots together. `restoreMs` is from the
 * detection of a killed thread to the first new record at a sink.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'holdfast';
import { median, percentile, rate, round, sleep } from './lib/measure.mjs';

const SLOTS = 2;
const SPARSE = 0.01;
const INTERVAL_MS = 1_000;

export default async function checkpoint({ smoke, log }) {
  const size = smoke
    ? { keys: 20_000, pairs: 1, windowMs: 500 }
    : { keys: SLOTS * 1_000_000, pairs: 15, windowMs: 4_000 };
  const few = { ...size, pairs: Math.ceil(size.pairs / 2) };
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

async function measure({ keys, pairs, windowMs, values, incremental, writtenShare, log }) {
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
  const withRates = [];
  const withoutRates = [];
  const withGaps = [];
  const withoutGaps = [];
  const withPauses = [];
  const withoutPauses = [];
  const stretch = async (rates, longest, collected) => {
    gaps.fill(0);
    pauses.fill(0);
    rates.push(await rate(() => job.progress().sinkRecords, windowMs));
    longest.push(Math.max(...gaps));
    collected.push(Math.max(...pauses));
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
    const withoutCheckpoints = () => stretch(withoutRates, withoutGaps, withoutPauses);
    const withCheckpoints = async () => {
      // What was written meanwhile is none of the first checkpoint's.
      await job.checkpointNow();
      const ticking = setInterval(() => void job.checkpointNow().catch(() => {}), INTERVAL_MS);
      // From half an interval before the first: a stretch holds as many checkpoints as seconds.
      await sleep(INTERVAL_MS / 2);
      await stretch(withRates, withGaps, withPauses);
      clearInterval(ticking);
      await sleep(INTERVAL_MS / 2);
    };
    for (let i = 0; i < pairs; i += 1) {
      if (i % 2 === 0) {
        await withoutCheckpoints();
        await withCheckpoints();
      } else {
        await withCheckpoints();
        await withoutCheckpoints();
      }
      log(
        `${values}, ${writtenShare * 100} % written, ${incremental ? '' : 'not '}incremental, pair ${i + 1}: ` +
          `without ${round(withoutRates[i] / 1e6)} M/s, with ${round(withRates[i] / 1e6)} M/s; ` +
          `gaps ${round(withoutGaps[i], 1)} / ${round(withGaps[i], 1)} ms, ` +
          `of garbage collection ${round(withoutPauses[i], 1)} / ${round(withPauses[i], 1)} ms`,
      );
    }
    const restarted = new Promise((resolve) => job.once('restarted', resolve));
    job.kill(0, 'terminate');
    restoreMs = (await restarted).recoverMs;
  } finally {
    await job.cancel();
    await rm(directory, { recursive: true, force: true });
  }
  const lost = withRates.map((each, i) => (1 - each / withoutRates[i]) * 100);
  const durations = events.map(({ durationMs }) => durationMs);
  // Without those at which a slot had its turn to write everything.
  const deltas = events
    .filter((event) => event.deltaBytes > 0 && event.fullBytes < full.fullBytes / 10)
    .map((event) => event.deltaBytes);
  return {
    lostPercent: round(median(lost)),
    lostQuartiles: [round(percentile(lost, 0.25)), round(percentile(lost, 0.75))],
    with: Math.round(median(withRates)),
    without: Math.round(median(withoutRates)),
    gapWithMs: round(median(withGaps), 1),
    gapWithoutMs: round(median(withoutGaps), 1),
    gapAddedMs: round(median(withGaps) - median(withoutGaps), 1),
    gcWithMs: round(median(withPauses), 1),
    gcWithoutMs: round(median(withoutPauses), 1),
    longestGapWithMs: round(Math.max(...withGaps), 1),
    longestGapWithoutMs: round(Math.max(...withoutGaps), 1),
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
