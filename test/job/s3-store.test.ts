/** Whole jobs with their checkpoints in a bucket, through the package's entry points. */

import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { s3Checkpoints } from '../../dist/checkpoint/object/s3.js';
import { type CheckpointStore, MemoryStore, type StoreDescription } from '../../dist/index.js';
import { S3Server } from '../checkpoint/s3-server.js';
import { fixture, temporaryFolder, totalsProblems } from './kit.js';
import { run, runGuarded } from './run-compiled.js';

const COUNT = 30_000;
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
    args: { count: COUNT, ratePerSecond: 12_000 },
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
  await reached(first, 6_000);
  await first.kill(1, 'terminate');
  await reached(first, 12_000);
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
  await reached(job, 8_000);
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
  await mkdir(join(folder, 'node_modules', '.bin'));
  await symlink('../holdfast/dist/cli/main.js', join(folder, 'node_modules', '.bin', 'holdfast'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const block = (text: string, file: string) => text.split(`file=${file}\n`)[1]!.split('```')[0]!;
  const page = await readFile(join(root, 'docs/checkpoints-in-s3.md'), 'utf8');
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  for (const file of ['main.mjs', 'guarded.mjs']) {
    await writeFile(join(folder, file), block(page, file));
  }
  await writeFile(join(folder, 'orders.job.ts'), block(readme, 'orders.job.ts'));
  const env = {
    ...process.env,
    S3_ENDPOINT: server.endpoint,
    AWS_ENDPOINT_URL_S3: server.endpoint,
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 's',
  };
  const execute = (program: string, ...args: readonly string[]) =>
    promisify(execFile)(program, args, { cwd: folder, env });
  for (const [file, prefix] of [
    ['main.mjs', 'jobs'],
    ['guarded.mjs', 'guarded'],
  ] as const) {
    const { stdout } = await execute(process.execPath, file);
    expect(stdout).toContain('finished 500000');
    expect(server.keys(`${prefix}/orders/`)).toContain(`${prefix}/orders/index.json`);
    await rm(join(folder, 'out'), { recursive: true });
  }
  const npx = 'npx() { local it="$1"; shift; "./node_modules/.bin/$it" "$@"; }';
  const [, commands] = /```sh\n(npx holdfast run[\s\S]*?)```/.exec(page)!;
  const { stdout } = await execute('bash', '-c', `set -e; ${npx}\n${commands}`);
  expect(stdout).toContain('finished: 500 000 records');
  expect(stdout).toMatch(/500 000 .*sound, the last/);
  expect(stdout).toContain('is saved in ./savepoints/monday');
});

describe('a guarded job with a store', () => {
  const guarded = (description?: StoreDescription) =>
    runGuarded(fixture('totals'), {
      parallelism: 1,
      args: { count: 2_000 },
      checkpoint: { store: Object.assign(new MemoryStore(), { description }), intervalMs: 50 },
    });

  test('of one’s own that describes itself: made anew in the job’s process', async () => {
    const directory = join(await temporaryFolder(), 'checkpoints');
    const module = new URL('./fixtures/own-store.mjs', import.meta.url).href;
    const job = await guarded({ module, factory: 'openStore', options: { directory } });
    const result = await job.finished;
    expect(totalsProblems(result.collected['totals'] ?? [], 2_000)).toEqual([]);
    expect(await readdir(join(directory, 'manifests'))).not.toEqual([]);
  });

  const options = { directory: '/nowhere' };
  test.each([
    [
      'no module',
      { module: 'file:///nowhere/store.mjs', factory: 'open', options },
      /not be loaded/,
    ],
    [
      'no function',
      {
        module: new URL('./fixtures/own-store.mjs', import.meta.url).href,
        factory: 'open',
        options,
      },
      /exports no function 'open'/,
    ],
  ])('whose description leads to %s: said by the job’s process', async (_, description, told) => {
    await expect(guarded(description)).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_CHECKPOINT_STORE',
      message: expect.stringMatching(told),
    });
  });

  test('that has secrets in it, or says nothing of itself: refused, with the way out', async () => {
    await expect(guarded()).rejects.toMatchObject({ code: 'ERR_HOLDFAST_BAD_OPTION' });
    const secret = runGuarded(fixture('totals'), { checkpoint: { store: store() } });
    await expect(secret).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_BAD_OPTION',
      message: expect.stringMatching(/checkpoint\.store.*let the environment hold them/),
    });
    const call = { module: 'file:///x', factory: 'open', options: { call: () => 1 } };
    await expect(guarded(call)).rejects.toMatchObject({
      message: expect.stringContaining('checkpoint.store.description.options.call'),
    });
  });
});
