/** Sleeps until it is terminated. */

import { parentPort, workerData } from 'node:worker_threads';
import { ControlBlock } from '../../dist/threads/control-block.js';
import { Sleeper } from '../../dist/threads/doorbell.js';

const sleeper = new Sleeper(new ControlBlock(workerData.block));
sleeper.onWake = () => sleeper.arm();
sleeper.arm();
parentPort.on('message', () => {});
parentPort.postMessage({ kind: 'asleep' });
