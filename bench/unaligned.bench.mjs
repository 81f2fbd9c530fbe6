/**
 * Measures checkpoints under back-pressure: two slots, 1 MiB rings, and a sink that takes nothing for a while.
 * `value` is the time from trigger to durable manifest of an unaligned checkpoint while the sink is blocked, the
 * median of several. `baseline` is that of an aligned one ordered at the same point, which has to wait until the sink
 * takes records again and those in flight are processed.
 * Not measured: what an unaligned checkpoint costs a job without back-pressure.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'holdfast';
import { median, percentile, round, sleep } from './lib/measure.mjs';

export default async function unaligned({ smoke, log }) {
  const blockMs = smoke ? 300 : 5_000;
  const checkpoints = smoke ? 3 : 20;
  const keys = smoke ? 1_000 : 100_000;
  const overtaking = await blocked('unaligned', keys, async (job) => {
    for (let i = 0; i < checkpoints; i += 1) await job.checkpointNow();
  });
  log(`unaligned: ${overtaking.map(({ durationMs }) => round(durationMs, 1)).join(', ')} ms`);
  const waiting = await blocked('aligned', keys, async (job, open) => {
    const checkpoint = job.checkpointNow();
    await sleep(blockMs);
    open();
    await checkpoint;
  });
  log(`aligned: ${round(waiting[0].durationMs, 1)} ms, of which the sink was blocked ${blockMs}`);
  const durations = overtaking.map(({ durationMs }) => durationMs);
  const value = round(median(durations), 1);
  const baseline = round(waiting[0].durationMs, 1);
  return {
    name: 'unaligned',
    value,
    baseline,
    ratio: round(value / baseline, 4),
    unit: 'ms',
    target: 'value < 1000 while the sink is blocked',
    claims: { durationMs: { value, atMost: 1_000, met: value <= 1_000 } },
    blockMs,
    p99Ms: round(percentile(durations, 0.99), 1),
    unalignedBytes: overtaking.at(-1).bytes,
    alignedBytes: waiting[0].bytes,
    checkpoints: durations.length,
  };
}

/** Runs `act` once everything is full; gives the completed checkpoints' events. */
async function blocked(alignment, keys, act) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const gate = new SharedArrayBuffer(4);
  const job = await run(new URL('./jobs/unaligned.job.mjs', import.meta.url), {
    parallelism: 2,
    spares: 0,
    args: { keys, gate },
    checkpoint: { directory, alignment, intervalMs: 3_600_000 },
  });
  const events = [];
  job.on('checkpoint', (event) => {
    if (event.kind === 'completed') events.push(event);
  });
  try {
    let before = -1;
    for (let same = 0; same < 10; ) {
      await sleep(20);
      const { sourceRecords } = job.progress();
      same = sourceRecords > 0 && sourceRecords === before ? same + 1 : 0;
      before = sourceRecords;
    }
    await act(job, () => Atomics.store(new Int32Array(gate), 0, 1));
  } finally {
    await job.cancel();
    await rm(directory, { recursive: true, force: true });
  }
  return events;
}
