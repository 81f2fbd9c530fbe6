/**
 * Pushes `count` records into a small ring. Tells when it first had to wait for room; half-way, with
 * everything handed over, it stops until it is told to go on.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { RingOutput } from '../../dist/channels/ring-channel.js';
import { ControlBlock } from '../../dist/threads/control-block.js';
import { Sleeper } from '../../dist/threads/doorbell.js';

const { ring, own, consumer, count } = workerData;
const gate = { closed: false };
const block = new ControlBlock(own);
const output = new RingOutput({
  ring,
  block: new ControlBlock(consumer),
  gate,
  epoch: 4,
  incarnation: 1,
});
const sleeper = new Sleeper(block);
let sleeps = 0;

const message = () => new Promise((resolve) => parentPort.once('message', resolve));
// Holds the thread: a pending wait does not.
const hold = setInterval(() => {}, 1 << 30);

async function untilRoom() {
  while (output.blocked) {
    const woken = new Promise((resolve) => {
      sleeper.onWake = resolve;
    });
    sleeper.arm();
    if (output.pump()) {
      sleeper.cancel();
      continue;
    }
    sleeps += 1;
    if (sleeps === 1) parentPort.postMessage({ kind: 'blocked' });
    await woken;
    output.pump();
  }
  gate.closed = false;
}

async function handOver() {
  output.flush();
  while (output.pending) {
    const woken = new Promise((resolve) => {
      sleeper.onWake = resolve;
    });
    sleeper.arm();
    if (output.pump()) sleeper.cancel();
    else {
      await woken;
      output.pump();
    }
  }
}

for (let n = 0; n < count; n += 1) {
  output.push(
    { n, half: n / 2, text: `record ${n}`, list: n % 1000 === 0 ? [n] : null },
    n,
    (n % 8) + 1,
    n % 10 === 3 ? n + 0.5 : Number.NEGATIVE_INFINITY,
  );
  if (gate.closed) await untilRoom();
  if (n % 10_000 === 0) output.control({ kind: 'watermark', timeMs: n });
  if (n === count >> 1) {
    await handOver();
    parentPort.postMessage({ kind: 'half' });
    await message();
  }
}
output.control({ kind: 'end' });
await handOver();
parentPort.postMessage({ kind: 'sent', sleeps });
clearInterval(hold);
