/** The hand-written pipeline's first thread: generates bids and posts batches of 1 000. */

import { parentPort, workerData } from 'node:worker_threads';
import { bid } from './bids.mjs';

const { port, state, batchRecords, inFlightMax } = workerData;
const counters = new Int32Array(state);
let next = 0;
let sent = 0;

function turn() {
  if (Atomics.load(counters, 1) === 1) {
    port.close();
    parentPort.close();
    return;
  }
  // A bound on what is under way, or the queue would grow without limit.
  while (sent - Atomics.load(counters, 0) < inFlightMax) {
    const batch = new Array(batchRecords);
    for (let i = 0; i < batchRecords; i += 1) batch[i] = bid(next++);
    port.postMessage(batch);
    sent += 1;
  }
  setImmediate(turn);
}
turn();
