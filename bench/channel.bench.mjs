/**
 * Records per second between two threads, decoded to objects and touched: through Holdfast's
 * channel, against batches of 1 000 by `postMessage` in the same run, round about.
 *
 * Not measured: keying and user code. The `postMessage` side has no limit on what is in flight,
 * which a real use would have to add; the channel has (its ring).
 */

import { Worker } from 'node:worker_threads';
import { BATCH_RECORDS, makeRecords, touch } from './channel-records.mjs';

const RING_BYTES = 1 << 20;

export default async function channelBench({ smoke, log }) {
  const { ControlBlock } = await import('../dist/threads/control-block.js');
  const { Sleeper } = await import('../dist/threads/doorbell.js');
  const { createRing } = await import('../dist/channels/ring.js');
  const { RingOutput } = await import('../dist/channels/ring-channel.js');

  const rounds = smoke ? 2 : 9;
  const batches = smoke ? 20 : 1_000;
  const records = makeRecords();
  const expected = records.reduce((sum, record) => sum + touch(record), 0) * batches;

  const consumer = new ControlBlock();
  const own = new ControlBlock();
  const ring = createRing(RING_BYTES);
  const worker = new Worker(new URL('./channel-worker.mjs', import.meta.url), {
    workerData: { ring, block: consumer.shared, producerBlock: own.shared },
    execArgv: [],
  });
  const messages = mailbox(worker);
  await messages.next();

  const gate = { closed: false };
  const output = new RingOutput({
    ring,
    block: consumer,
    gate,
    epoch: 1,
    incarnation: 1,
    batchRecordsMax: BATCH_RECORDS,
  });
  const sleeper = new Sleeper(own);
  const room = () =>
    new Promise((resolve) => {
      sleeper.onWake = resolve;
      sleeper.arm();
      if (output.pump()) {
        sleeper.cancel();
        resolve();
      }
    });

  const throughChannel = async () => {
    for (let b = 0; b < batches; b += 1) {
      for (let i = 0; i < BATCH_RECORDS; i += 1) {
        output.push(records[i], Number.NaN, 0, Number.NEGATIVE_INFINITY);
        while (gate.closed) {
          if (output.blocked) await room();
          else gate.closed = false;
        }
      }
    }
    output.control({ kind: 'end' });
    while (output.pending) await room();
  };
  const throughPort = async () => {
    for (let b = 0; b < batches; b += 1) worker.postMessage(records);
    worker.postMessage('end');
  };

  const measure = async (send) => {
    const start = performance.now();
    await send();
    const done = await messages.next();
    const seconds = (performance.now() - start) / 1_000;
    if (done.records !== batches * BATCH_RECORDS || done.sum !== expected) {
      throw new Error(`the reader saw ${done.records} records, sum ${done.sum}; not ${expected}`);
    }
    return done.records / seconds;
  };

  const channel = [];
  const port = [];
  try {
    await measure(throughChannel);
    await measure(throughPort);
    for (let round = 0; round < rounds; round += 1) {
      channel.push(await measure(throughChannel));
      port.push(await measure(throughPort));
      log?.(
        `round ${round + 1}: channel ${millions(channel.at(-1))}, postMessage ${millions(port.at(-1))}`,
      );
    }
  } finally {
    await worker.terminate();
  }
  const value = median(channel);
  const baseline = median(port);
  return {
    name: 'channel',
    value,
    baseline,
    ratio: value / baseline,
    unit: 'records/s',
    rounds,
    recordsPerRound: batches * BATCH_RECORDS,
    hash: expected,
  };
}

/** Messages one after the other; an error or an early end of the worker rejects. */
function mailbox(worker) {
  const ready = [];
  let wanted;
  let failed;
  worker.on('message', (message) => {
    if (wanted === undefined) ready.push(message);
    else wanted.resolve(message);
    wanted = undefined;
  });
  const fail = (error) => {
    failed = error;
    wanted?.reject(error);
  };
  worker.on('error', fail);
  worker.on('exit', (code) => fail(new Error(`the reader ended with ${code}`)));
  return {
    next: () =>
      new Promise((resolve, reject) => {
        if (ready.length > 0) resolve(ready.shift());
        else if (failed !== undefined) reject(failed);
        else wanted = { resolve, reject };
      }),
  };
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function millions(rate) {
  return `${(rate / 1e6).toFixed(2)} M/s`;
}
