/** Waits to be told to begin; then takes, checks and counts until `end`, asleep whenever nothing is there. */

import { parentPort, workerData } from 'node:worker_threads';
import { RingInput } from '../../dist/channels/ring-channel.js';
import { ControlBlock } from '../../dist/threads/control-block.js';
import { Sleeper } from '../../dist/threads/doorbell.js';

const { ring, own, producer, count } = workerData;
const input = new RingInput({ ring, block: new ControlBlock(producer), epoch: 4 });
const sleeper = new Sleeper(new ControlBlock(own));
let next = 0;
let wakes = 0;
let watermarks = 0;
let wrong;

function check(record, timestamp, group, behind) {
  const n = next;
  next += 1;
  const list = n % 1000 === 0 ? record.list?.[0] === n : record.list === null;
  const right =
    record.n === n &&
    record.half === n / 2 &&
    record.text === `record ${n}` &&
    list &&
    timestamp === n &&
    group === (n % 8) + 1 &&
    behind === (n % 10 === 3 ? n + 0.5 : Number.NEGATIVE_INFINITY);
  if (!right) wrong ??= { n, record, timestamp, group, behind };
}

function run() {
  for (;;) {
    const element = input.take();
    if (element === undefined) {
      sleeper.arm();
      if (input.ready) {
        sleeper.cancel();
        continue;
      }
      if (next === (count >> 1) + 1) parentPort.postMessage({ kind: 'asleep' });
      return;
    }
    if (element.kind === 'batch') {
      for (let i = 0; i < element.count; i += 1) {
        const behind = element.behind?.[i] ?? Number.NEGATIVE_INFINITY;
        check(element.records[i], element.timestamps[i], element.groups[i], behind);
      }
    } else if (element.kind === 'watermark') {
      watermarks += 1;
      if (element.timeMs !== next - 1) wrong ??= { watermark: element.timeMs, next };
    } else {
      parentPort.postMessage({ kind: 'received', records: next, watermarks, wakes, wrong });
      clearInterval(hold);
      return;
    }
  }
}

const hold = setInterval(() => {}, 1 << 30);
sleeper.onWake = () => {
  wakes += 1;
  run();
};
parentPort.once('message', run);
