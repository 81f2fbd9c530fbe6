/** Whole jobs with their checkpoints in a bucket, through the package's entry points. */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { s3Checkpoints } from '../../dist/checkpoint/s3.js';
import { type CheckpointStore, run } from '../../dist/index.js';
import { S3Server } from '../checkpoint/s3-server.js';
import { fixture, totalsProblems } from './kit.js';

const COUNT = 300_000;
let server: S3Server;
beforeEach(async () => {
  server = new S3Server();
  await server.listen();
});
afterEach(() => server.close());

const store = (): CheckpointStore =>
  s3Checkpoints({
    bucket: server.bucket,
    prefix: 'totals',
    endpoint: server.endpoint,
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
  });

const start = (more: object = {}) =>
  run(fixture('totals'), {
    parallelism: 2,
    args: { count: COUNT, ratePerSecond: 60_000 },
    checkpoint: { store: store(), intervalMs: 100, ...more },
  });

const reached = async (job: Awaited<ReturnType<typeof start>>, records: number) => {
  while (job.progress().sourceRecords < records) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

test('a killed thread, a cancelled run, a second run at once, and one that goes on to the end', async () => {
  const first = await start();
  await first.checkpointNow();
  await reached(first, 30_000);
  await first.kill(1, 'terminate');
  await reached(first, 60_000);
  await expect(start()).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CHECKPOINT_LOCKED' });
  const checkpoint = await first.checkpointNow();
  await first.cancel();

  const second = await start();
  const result = await second.finished;
  expect(result.status).toBe('finished');
  expect(totalsProblems(second.collected('totals'), COUNT)).toEqual([]);
  expect(checkpoint).toBeGreaterThan(0);
  await expect(start()).rejects.toMatchObject({ code: 'ERR_HOLDFAST_ALREADY_FINISHED' });
});

test('a service that loses requests and answers: checkpoints fail, the result does not', async () => {
  let requests = 0;
  server.onRequest = () => {
    requests += 1;
    if (requests % 13 === 0) return 'lose-answer';
    return requests % 17 === 0 ? 'drop' : undefined;
  };
  const job = await start({ tolerableFailures: 1_000 });
  await reached(job, 40_000);
  await job.kill(0, 'terminate');
  expect((await job.finished).status).toBe('finished');
  expect(totalsProblems(job.collected('totals'), COUNT)).toEqual([]);
  expect(requests).toBeGreaterThan(50);
});
