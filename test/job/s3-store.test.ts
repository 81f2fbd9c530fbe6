/** Whole jobs with their checkpoints in a bucket, through the package's entry points. */

import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { s3Checkpoints } from '../../dist/checkpoint/s3.js';
import type { CheckpointStore } from '../../dist/index.js';
import { S3Server } from '../checkpoint/s3-server.js';
import { fixture, temporaryFolder, totalsProblems } from './kit.js';
import { run } from './run-compiled.js';

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

test('as docs/checkpoints-in-s3.md prints it', async () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules', 'holdfast'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const block = (text: string, file: string) => text.split(`file=${file}\n`)[1]!.split('```')[0]!;
  const page = await readFile(join(root, 'docs/checkpoints-in-s3.md'), 'utf8');
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  await writeFile(join(folder, 'main.mjs'), block(page, 'main.mjs'));
  await writeFile(join(folder, 'orders.job.ts'), block(readme, 'orders.job.ts'));
  const env = {
    ...process.env,
    S3_ENDPOINT: server.endpoint,
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 's',
  };
  const { stdout } = await promisify(execFile)(process.execPath, ['main.mjs'], {
    cwd: folder,
    env,
  });
  expect(stdout).toContain('finished 500000');
  expect(server.keys('jobs/orders/')).toContain('jobs/orders/index.json');
});
