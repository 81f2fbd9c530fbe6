/**
 * Generated bids → keyBy(auction) → count, through the whole runtime: 2 slots, exactly-once, a
 * checkpoint to disk every second; against a hand-written pipeline of two threads that posts
 * batches of 1 000 and guarantees nothing. Rounds alternate; medians are compared.
 * Not measured: starting the threads, compiling the job.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { run } from 'holdfast';
import { median, rate, round, sleep } from './lib/measure.mjs';

const BATCH_RECORDS = 1_000;

export default async function keyedCount({ smoke, log }) {
  const rounds = smoke ? 1 : 5;
  const windowMs = smoke ? 500 : 4_000;
  const warmUpMs = smoke ? 200 : 1_500;
  const ours = [];
  const theirs = [];
  const checkpoints = [];
  for (let i = 0; i < rounds; i += 1) {
    const holdfast = await throughHoldfast(warmUpMs, windowMs);
    ours.push(holdfast.rate);
    checkpoints.push(holdfast.checkpoints);
    theirs.push(await throughPostMessage(warmUpMs, windowMs));
    log(
      `round ${i + 1}: holdfast ${round(ours[i] / 1e6)} M/s, postMessage ${round(theirs[i] / 1e6)} M/s`,
    );
  }
  return {
    name: 'keyed-count',
    value: Math.round(median(ours)),
    baseline: Math.round(median(theirs)),
    ratio: round(median(ours) / median(theirs)),
    unit: 'records/s',
    target: 'ratio >= 2',
    slots: 2,
    checkpointsPerRound: checkpoints,
    holdfast: ours.map(Math.round),
    postMessage: theirs.map(Math.round),
  };
}

async function throughHoldfast(warmUpMs, windowMs) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const job = await run(new URL('./jobs/keyed-count.job.mjs', import.meta.url), {
    parallelism: 2,
    checkpoint: { directory, intervalMs: 1_000 },
  });
  let completed = 0;
  job.on('checkpoint', (event) => {
    completed += event.kind === 'completed' ? 1 : 0;
  });
  try {
    await sleep(warmUpMs);
    const perSecond = await rate(() => job.progress().sinkRecords, windowMs);
    return { rate: perSecond, checkpoints: completed };
  } finally {
    await job.cancel();
    await rm(directory, { recursive: true, force: true });
  }
}

async function throughPostMessage(warmUpMs, windowMs) {
  const state = new SharedArrayBuffer(8);
  const counters = new Int32Array(state);
  const { port1, port2 } = new MessageChannel();
  const worker = (file, port) =>
    new Worker(new URL(file, import.meta.url), {
      workerData: { port, state, batchRecords: BATCH_RECORDS, inFlightMax: 64 },
      transferList: [port],
    });
  const counter = worker('./lib/postmessage-counter.mjs', port2);
  const source = worker('./lib/postmessage-source.mjs', port1);
  const ended = Promise.all(
    [source, counter].map((thread) => new Promise((resolve) => thread.once('exit', resolve))),
  );
  await sleep(warmUpMs);
  const perSecond = await rate(() => Atomics.load(counters, 0) * BATCH_RECORDS, windowMs);
  Atomics.store(counters, 1, 1);
  await ended;
  return perSecond;
}
