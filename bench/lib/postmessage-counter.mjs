/** The hand-written pipeline's second thread: counts per auction. */

import { parentPort, workerData } from 'node:worker_threads';

const { port, state } = workerData;
const counters = new Int32Array(state);
const counts = new Map();
let updates = 0;

port.on('message', (batch) => {
  for (const record of batch) {
    const count = (counts.get(record.auction) ?? 0) + 1;
    counts.set(record.auction, count);
    // The new value of each record goes on, as it does in the job.
    updates += count > 0 ? 1 : 0;
  }
  Atomics.add(counters, 0, 1);
});
port.on('close', () => {
  parentPort.postMessage({ keys: counts.size, updates });
  parentPort.close();
});
