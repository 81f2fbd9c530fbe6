/** The consuming thread of the channel benchmark: decodes and touches every record. */

import { parentPort, workerData } from 'node:worker_threads';
import { touch } from './channel-records.mjs';

const { ControlBlock } = await import('../dist/threads/control-block.js');
const { Sleeper } = await import('../dist/threads/doorbell.js');
const { RingInput } = await import('../dist/channels/ring-channel.js');

let records = 0;
let sum = 0;

function take(batch, count) {
  for (let i = 0; i < count; i += 1) sum += touch(batch[i]);
  records += count;
}

function finish() {
  parentPort.postMessage({ kind: 'done', records, sum });
  records = 0;
  sum = 0;
}

const block = new ControlBlock(workerData.block);
const input = new RingInput({
  ring: workerData.ring,
  block: new ControlBlock(workerData.producerBlock),
  epoch: 1,
});
const sleeper = new Sleeper(block);

function turn() {
  const deadline = performance.now() + 5;
  do {
    const element = input.take();
    if (element === undefined) {
      sleeper.arm();
      if (!input.ready) return;
      sleeper.cancel();
    } else if (element.kind === 'batch') {
      take(element.records, element.count);
    } else {
      finish();
    }
  } while (performance.now() < deadline);
  setImmediate(turn);
}

sleeper.onWake = turn;
turn();

parentPort.on('message', (message) => {
  if (Array.isArray(message)) take(message, message.length);
  else if (message === 'end') finish();
  else parentPort.close();
});
parentPort.postMessage({ kind: 'ready' });
