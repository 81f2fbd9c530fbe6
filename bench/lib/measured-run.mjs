/**
 * One measurement of one build, in a process of its own; prints it as a line of JSON.
 *
 *   node measured-run.mjs FOLDER WHAT OPTIONS-AS-JSON
 *
 * `keyed-count`, `channel`: records counted, or passed between two threads, per second, and per second of processor
 * time of the whole process. Others: what that build's own bench of this name says.
 */

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { rates, sleep } from './measure.mjs';

const [folder, what, given] = process.argv.slice(2);
const options = JSON.parse(given);
const file = (...path) => pathToFileURL(join(folder, ...path));
const print = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

const measurements = { 'keyed-count': keyedCount, channel };
const result = await (measurements[what] ?? ownBench)();
print(`${JSON.stringify(result)}\n`, () => process.exit(0));

async function keyedCount() {
  const { run } = await import(file('dist', 'index.js'));
  const { parallelism, warmUpMs, windowMs, more } = options;
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const job = await run(file('bench', 'jobs', 'keyed-count.job.mjs'), {
    parallelism,
    args: { splits: parallelism },
    checkpoint: { directory, intervalMs: 1_000 },
    ...more,
  });
  try {
    await sleep(warmUpMs);
    return await rates(async () => {
      const before = job.progress().sinkRecords;
      await sleep(windowMs);
      return job.progress().sinkRecords - before;
    });
  } finally {
    await job.cancel();
    await rm(directory, { recursive: true, force: true });
  }
}

/** As the bench of this name, of which this is the half that is not the baseline. */
async function channel() {
  const { warmUpBatches, batches } = options;
  const at = existsSync(join(folder, 'dist', 'channels')) ? 'channels' : 'threads';
  const [{ ControlBlock }, { Sleeper }, { createRing }, { RingOutput }, { makeRecords, touch }] =
    await Promise.all([
      import(file('dist', 'threads', 'control-block.js')),
      import(file('dist', 'threads', 'doorbell.js')),
      import(file('dist', at, 'ring.js')),
      import(file('dist', at, 'ring-channel.js')),
      import(file('bench', 'channel-records.mjs')),
    ]);
  const records = makeRecords();
  const block = new ControlBlock();
  const own = new ControlBlock();
  const ring = createRing(1 << 20);
  const worker = new Worker(file('bench', 'channel-worker.mjs'), {
    workerData: { ring, block: block.shared, producerBlock: own.shared },
    execArgv: [],
  });
  await once(worker, 'message');
  const gate = { closed: false };
  const limits = { epoch: 1, incarnation: 1, batchRecordsMax: records.length };
  const output = new RingOutput({ ring, block, gate, ...limits });
  const sleeper = new Sleeper(own);
  const room = () =>
    new Promise((resolve) => {
      sleeper.onWake = resolve;
      sleeper.arm();
      if (!output.pump()) return;
      sleeper.cancel();
      resolve();
    });
  const pass = async (count) => {
    const read = once(worker, 'message');
    for (let b = 0; b < count; b += 1) {
      for (const record of records) {
        output.push(record, Number.NaN, 0, Number.NEGATIVE_INFINITY);
        while (gate.closed) {
          if (output.blocked) await room();
          else gate.closed = false;
        }
      }
    }
    output.control({ kind: 'end' });
    while (output.pending) await room();
    const [done] = await read;
    const sum = records.reduce((all, record) => all + touch(record), 0) * count;
    if (done.records !== count * records.length || done.sum !== sum)
      throw new Error('records differ');
    return done.records;
  };
  await pass(warmUpBatches);
  return await rates(() => pass(batches));
}

async function ownBench() {
  const bench = await import(file('bench', `${what}.bench.mjs`));
  return await bench.default({ smoke: options.smoke, log: () => {}, args: [] });
}
