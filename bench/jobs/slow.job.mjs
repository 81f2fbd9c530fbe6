import { BroadcastChannel, threadId } from 'node:worker_threads';
import { defineJob, discard, generate } from 'holdfast';
import { spend } from '../lib/processor-time.mjs';

let beats;

/**
 * 50 ms of work per record, and 800 ms on every tenth one, counted in processor time. Beside it each
 * thread sends the plain heartbeat that the benchmark compares with: a timer and a message.
 */
export default defineJob('slow', (env, args) => {
  const { everyMs, channel } = args;
  env
    .from(generate((i) => i, { splits: 2 }))
    .map((i) => {
      if (beats === undefined) {
        beats = new BroadcastChannel(channel);
        beats.unref();
        setInterval(() => beats.postMessage(threadId), everyMs).unref();
      }
      spend((i >> 1) % 10 === 9 ? 800 : 50);
      return i;
    })
    .sinkTo(discard());
});
