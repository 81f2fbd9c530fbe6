/** What is slow and often killed gets on, by default. */

import { expect, test } from 'vitest';
import { fixedDelay, type Job, run } from '../../dist/index.js';
import { fixture, runningAgain, temporaryFolder, until } from './kit.js';

const PER_SLOT = 800;
const KILLS = 3;
/** Between kills. */
const CHECKPOINTS = 2;
const FULL_LOOKS = 60;
/** Mostly of waiting for a processor, when there is more to do for it. */
const DEADLINE_MS = 240_000;
/** One slot on purpose: its channel is a queue; two: rings. */
const SLOTS = [1, 2];

test.each(SLOTS)(
  'checkpoints complete between kills although all channels are full, on %i slots',
  async (parallelism) => {
    const count = PER_SLOT * parallelism;
    const job = await run(fixture('slow'), {
      parallelism,
      args: { count },
      checkpoint: { directory: await temporaryFolder(), intervalMs: 100 },
      // Not enough for all of them: there has to be progress in between.
      restart: fixedDelay({ attempts: KILLS - 1, delayMs: 0 }),
    });
    let [kills, checkpoints] = [0, 0];
    job.on('checkpoint', ({ kind }) => {
      if (kind !== 'completed' || kills === KILLS) return;
      checkpoints += 1;
      if (checkpoints % CHECKPOINTS !== 0) return;
      job.kill(kills % parallelism, 'terminate');
      kills += 1;
    });
    const result = await job.finished;
    expect(result).toMatchObject({ status: 'finished', restarts: KILLS, sourceRecords: count });
    const rows = (result.collected['rows'] as readonly number[]).toSorted((a, b) => a - b);
    expect(rows).toEqual(Array.from({ length: count }, (_, i) => i));
  },
  DEADLINE_MS,
);

/** Records read, when for so many looks none more is. */
async function readUntilFull(job: Job): Promise<number> {
  let [looks, last] = [0, -1];
  await until(() => {
    const { sourceRecords } = job.progress();
    looks = sourceRecords === last ? looks + 1 : 0;
    last = sourceRecords;
    return last > 0 && looks === FULL_LOOKS;
  }, job);
  return last;
}

test(
  'what is in flight does not grow with the restarts',
  async () => {
    const job = await run(fixture('slow'), {
      parallelism: 2,
      args: { count: 1_000_000 },
      checkpoint: {
        directory: await temporaryFolder(),
        intervalMs: 3_600_000,
        alignment: 'unaligned',
      },
      channel: { capacityBytes: 16_384 },
      restart: fixedDelay({ attempts: 100, delayMs: 0 }),
    });
    const read: number[] = [];
    for (let kill = 0; kill < 5; kill += 1) {
      read.push(await readUntilFull(job));
      await job.checkpointNow();
      const again = runningAgain(job);
      job.kill(kill % 2, 'terminate');
      await again;
    }
    await job.cancel();
    // Filled once more at each restart, they would hold twice as much at the end as at the second.
    expect(read[4]).toBeLessThan(read[1]! * 1.5);
  },
  DEADLINE_MS,
);
