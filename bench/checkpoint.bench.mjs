/**
 * What checkpoints cost: 1 M string keys in all on two slots, uniform writes, count and sum per key,
 * no compression. Windows with a checkpoint every second and windows without any alternate in one
 * run; per cent of throughput lost (`value`), and the longest gap of a data thread with minus
 * without. The same with object values is reported.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'holdfast';
import { median, rate, round, sleep } from './lib/measure.mjs';

const SLOTS = 2;

export default async function checkpoint({ smoke, log }) {
  const keys = smoke ? 20_000 : 1_000_000;
  const pairs = smoke ? 1 : 8;
  const windowMs = smoke ? 500 : 3_000;
  const numeric = await measure({ keys, pairs, windowMs, values: 'numbers', log });
  const objects = await measure({
    keys,
    pairs: smoke ? 1 : 3,
    windowMs,
    values: 'objects',
    log,
  });
  return {
    name: 'checkpoint',
    value: numeric.lostPercent,
    baseline: numeric.without,
    ratio: round(numeric.with / numeric.without, 3),
    unit: '% lost',
    target: 'value <= 10, gapAddedMs <= 25',
    keys,
    ...numeric,
    objects,
  };
}

async function measure({ keys, pairs, windowMs, values, log }) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const gaps = new Float64Array(new SharedArrayBuffer(8 * SLOTS));
  const job = await run(new URL('./jobs/checkpoint.job.mjs', import.meta.url), {
    parallelism: SLOTS,
    spares: 0,
    args: { keys, values, gaps: gaps.buffer, lanes: new SharedArrayBuffer(4) },
    // Far apart: the bench orders each checkpoint itself, so that windows can be without.
    checkpoint: { directory, intervalMs: 3_600_000 },
  });
  const durations = [];
  let bytes = 0;
  job.on('checkpoint', (event) => {
    if (event.kind !== 'completed') return;
    durations.push(event.durationMs);
    bytes = event.bytes;
  });
  const withRates = [];
  const withoutRates = [];
  const withGaps = [];
  const withoutGaps = [];
  const window = async (rates, longest) => {
    gaps.fill(0);
    rates.push(await rate(() => job.progress().sinkRecords, windowMs));
    longest.push(Math.max(...gaps));
  };
  try {
    // Until every key has been written, growth would be measured instead.
    while (job.progress().sinkRecords < keys * 3) await sleep(100);
    await job.checkpointNow();
    for (let i = 0; i < pairs; i += 1) {
      await window(withoutRates, withoutGaps);
      const ticking = setInterval(() => void job.checkpointNow().catch(() => {}), 1_000);
      void job.checkpointNow().catch(() => {});
      await window(withRates, withGaps);
      clearInterval(ticking);
      await sleep(300);
      log(
        `${values}, pair ${i + 1}: without ${round(withoutRates[i] / 1e6)} M/s, with ${round(withRates[i] / 1e6)} M/s; ` +
          `gaps ${round(withoutGaps[i], 1)} / ${round(withGaps[i], 1)} ms`,
      );
    }
  } finally {
    await job.cancel();
    await rm(directory, { recursive: true, force: true });
  }
  return {
    lostPercent: round((1 - median(withRates) / median(withoutRates)) * 100),
    with: Math.round(median(withRates)),
    without: Math.round(median(withoutRates)),
    gapWithMs: round(median(withGaps), 1),
    gapWithoutMs: round(median(withoutGaps), 1),
    gapAddedMs: round(median(withGaps) - median(withoutGaps), 1),
    longestGapWithMs: round(Math.max(...withGaps), 1),
    longestGapWithoutMs: round(Math.max(...withoutGaps), 1),
    checkpointMs: round(median(durations), 1),
    checkpointBytes: bytes,
    checkpoints: durations.length,
  };
}
