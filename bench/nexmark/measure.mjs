/**
 * How fast queries are: all events through the whole runtime into a sink that drops them, with checkpoints
 * each second. Starting threads and compiling the job is not in it; what V8 takes to warm up is.
 * The generator runs inside of it, as in what others report; what it takes alone is measured before and told.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'holdfast';
import { round } from '../lib/measure.mjs';
import { nexmark } from './generator.mjs';

const JOB = new URL('./nexmark.job.mjs', import.meta.url);

/**
 * @param {{ query: string, events: number, parallelism: number, seed: number, hashed: boolean }} options
 * @returns figures as JSON data; `perCore` is per slot. The hash, if wanted, comes from a run of its own
 */
export async function measure({ query, events, parallelism, seed, hashed }) {
  const source = { events, generator: { seed } };
  const generatorNs = generatorAlone(source);
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-nexmark-'));
  try {
    const job = await run(JOB, {
      parallelism,
      args: { query, source, to: 'discard' },
      checkpoint: { directory, intervalMs: 1_000 },
    });
    const from = performance.now();
    const usage = process.cpuUsage();
    const { counters } = await job.finished;
    const seconds = (performance.now() - from) / 1_000;
    const cpuSeconds = cpuMicroseconds(usage) / 1e6;
    const { sinkRecords } = job.progress();
    const { summary } = (await job.metrics()).checkpoints;
    return {
      query,
      events,
      parallelism,
      seed,
      seconds: round(seconds, 3),
      cpuSeconds: round(cpuSeconds, 3),
      eventsPerSecond: Math.round(events / seconds),
      perCore: Math.round(events / seconds / parallelism),
      perCpuSecond: Math.round(events / cpuSeconds),
      generatorNsPerEvent: round(generatorNs, 1),
      generatorShareOfCpu: round((generatorNs * events) / (cpuSeconds * 1e9), 3),
      checkpoints: summary ?? { count: 0 },
      lateRecords: counters.lateRecords ?? 0,
      rows: sinkRecords,
      hash: hashed ? await hashOf(query, source, parallelism) : undefined,
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Processor time of an event in this thread, in ns, over as many events and after a warm-up. */
function generatorAlone({ events, generator }) {
  const { event } = nexmark(generator);
  let sum = 0;
  const make = (count) => {
    for (let id = 0; id < count; id += 1) sum += event(id).dateTime;
  };
  make(Math.min(events, 200_000));
  const usage = process.cpuUsage();
  make(events);
  const microseconds = cpuMicroseconds(usage);
  if (Number.isNaN(sum)) throw new Error('an event has no time');
  return (microseconds * 1_000) / events;
}

function cpuMicroseconds(since) {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}

/**
 * Of all rows, in whatever order. Of updates those that were replaced count as well, so there it changes with the order in
 * which records meet.
 */
async function hashOf(query, source, parallelism) {
  const tally = new SharedArrayBuffer(16);
  const job = await run(JOB, { parallelism, args: { query, source, to: 'hash', tally } });
  await job.finished;
  return BigInt.asUintN(64, new BigInt64Array(tally)[1]).toString(16).padStart(16, '0');
}
