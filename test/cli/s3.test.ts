/** The command line with checkpoints in a bucket: run, look, copy, go on; and what goes wrong with that. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { S3Server } from '../checkpoint/s3-server.js';
import { type Ended, holdfast, jsonLines } from './fixtures.js';

const paced = fileURLToPath(new URL('../job/fixtures/paced.job.ts', import.meta.url));
const server = new S3Server();
let folder = '';

beforeAll(async () => {
  await server.listen();
  folder = await mkdtemp(join(tmpdir(), 'holdfast-s3-cli-'));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** With credentials in the environment, and nothing of a configuration of this machine's. */
const environment = (more: Readonly<Record<string, string>> = {}) => ({
  AWS_ACCESS_KEY_ID: 'a',
  AWS_SECRET_ACCESS_KEY: 's',
  AWS_CONFIG_FILE: '/nonexistent',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
  AWS_EC2_METADATA_DISABLED: 'true',
  // The library's own, about the version of Node.
  NODE_NO_WARNINGS: '1',
  ...more,
});

const endpoint = (): readonly string[] => ['--s3-endpoint', server.endpoint];
const place = (prefix: string): string => `s3://${server.bucket}/${prefix}`;

function call(args: readonly string[], env?: Readonly<Record<string, string>>) {
  return holdfast(args, { env: environment(env) });
}

function run(prefix: string, ...more: string[]): readonly string[] {
  const [at, out] = [place(prefix), join(folder, prefix)];
  const checkpoints = ['--checkpoints', at, '--interval', '50', ...endpoint()];
  return ['run', paced, '--parallelism', '2', ...checkpoints, '--arg', `out=${out}`, ...more];
}

async function published(prefix: string): Promise<number> {
  const out = join(folder, prefix);
  let rows = 0;
  for (const name of (await readdir(out)).filter((one) => !one.startsWith('.'))) {
    rows += (await readFile(join(out, name), 'utf8')).trimEnd().split('\n').length;
  }
  return rows;
}

test('a job whose process is killed goes on from the bucket, and ends there', async () => {
  const args = run('killed', '--arg', 'records=7000', '--arg', 'rate=8000', '--json');
  const started = call(args);
  const text = await started.said('"checkpoint":3');
  process.kill(Number(/"pid":(\d+)/.exec(text)?.[1]), 'SIGKILL');
  const ended = await started.ended;
  expect(ended.code).toBe(0);
  const result = jsonLines(ended).at(-1);
  expect(result).toMatchObject({ event: 'result', sourceRecords: 7_000, restarts: 1 });
  expect(await published('killed')).toBe(70);
  const again = await call(run('killed')).ended;
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('ERR_HOLDFAST_ALREADY_FINISHED');

  // No process has the lease any more, and no part is left that nobody names.
  const looked = await call(['checkpoints', place('killed'), ...endpoint(), '--verify']).ended;
  expect(looked).toMatchObject({ code: 0, stderr: '' });
  expect(looked.stdout).toMatch(/7 ?000 .*sound, the last/);
  expect(looked.stdout).toContain('has finished');
  expect(looked.stdout).not.toContain('locked by');
});

describe('a finished run', () => {
  const stored = 'stored';
  beforeAll(async () => {
    const ended = await call(run(stored, '--arg', 'records=3000')).ended;
    expect(ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('is shown from within, with endpoint and region told by the environment', async () => {
    const env = { AWS_ENDPOINT_URL_S3: server.endpoint, AWS_REGION: 'eu-central-1' };
    const listed = jsonLines(await call(['checkpoints', place(stored), '--json'], env).ended);
    const { checkpoint } = listed[0] as { checkpoint: number };
    expect(listed.at(-1)).toMatchObject({ directory: place(stored), damage: [] });
    const show = ['checkpoints', place(stored), '--show', String(checkpoint), '--json'];
    const [contents] = jsonLines(await call(show, env).ended);
    expect(contents).toMatchObject({ event: 'contents', sound: true, final: true });
    const absent = await call(['checkpoints', place(stored), '--show', '99'], env).ended;
    expect(absent.code).toBe(1);
    expect(absent.stderr).toContain('ERR_HOLDFAST_CHECKPOINT_NOT_FOUND');
    expect(absent.stderr).toContain(`there are ${checkpoint}`);
  });

  test('is saved to a folder and to a bucket, and runs start from both', async () => {
    const to = join(folder, 'saved');
    const there = place('saved');
    for (const target of [to, there]) {
      const saved = await call(['savepoint', place(stored), target, ...endpoint()]).ended;
      expect(saved).toMatchObject({ code: 0, stderr: '' });
    }
    const again = await call(['savepoint', place(stored), there, ...endpoint()]).ended;
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('a savepoint needs a folder of its own');
    for (const [n, from] of [to, there].entries()) {
      // What the checkpoint promised is in the first run's folder.
      const out = ['--arg', `out=${join(folder, stored)}`];
      const next = await call([...run(`next-${n}`), ...out, '--restore', from, '--json']).ended;
      expect(next).toMatchObject({ code: 0 });
      expect(jsonLines(next).at(-1)).toMatchObject({ event: 'result', sourceRecords: 3_000 });
    }
  });

  test('that is damaged is told, with whose state it was', async () => {
    const key = server.keys(`${stored}/parts/`).at(-1)!;
    const bytes = Buffer.from(server.objects.get(key)!.bytes);
    bytes[bytes.length - 3]! ^= 0xff;
    server.replace(key, bytes);
    const bad = await call(['checkpoints', place(stored), ...endpoint(), '--verify']).ended;
    expect(bad.code).toBe(1);
    expect(bad.stdout).toContain('NOT SOUND');
    expect(bad.stdout).toContain(`s3://${server.bucket}/${key}`);
    expect(bad.stdout).toMatch(/It holds state of operator .+, instance \d/);
    server.objects.delete(key);
    const gone = await call(['checkpoints', place(stored), ...endpoint(), '--json']).ended;
    expect(gone.code).toBe(1);
    expect(jsonLines(gone)[0]).toMatchObject({
      sound: false,
      damage: [{ code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT', details: { found: 'no object' } }],
    });
  });
});

describe('what is wrong is said', () => {
  const refusal = (status: number, code: string) => {
    server.onRequest = () => [status, code];
  };
  const look = () => call(['checkpoints', place('any'), ...endpoint()]).ended;
  const cases: readonly (readonly [string, () => Promise<Ended>, RegExp])[] = [
    [
      'no such bucket',
      () => {
        refusal(404, 'NoSuchBucket');
        return look();
      },
      /NoSuchBucket.*Create the bucket, or correct its name/s,
    ],
    [
      'no rights',
      () => {
        refusal(403, 'AccessDenied');
        return look();
      },
      /AccessDenied.*Allow these credentials/s,
    ],
    [
      'no rights, for a run',
      () => {
        refusal(403, 'AccessDenied');
        return call(run('any')).ended;
      },
      /Allow these credentials.*ERR_HOLDFAST_CHECKPOINT_STORE/s,
    ],
    ['nothing there', look, /Name the bucket and the prefix.*ERR_HOLDFAST_CHECKPOINT_NOT_FOUND/s],
    [
      'nobody at the endpoint',
      () => call(['checkpoints', place('any'), '--s3-endpoint', 'http://127.0.0.1:9']).ended,
      /ECONNREFUSED.*Check option endpoint/s,
    ],
    [
      'no credentials',
      () =>
        call(['checkpoints', place('any'), ...endpoint()], {
          AWS_ACCESS_KEY_ID: '',
          AWS_SECRET_ACCESS_KEY: '',
        }).ended,
      /Check the credentials/,
    ],
  ];
  test.each(cases)('%s: 1', async (_, act, told) => {
    const ended = await act();
    server.onRequest = () => undefined;
    expect(ended.stderr.replace(/\s+/g, ' ')).toMatch(told);
    expect(ended.code).toBe(1);
  });

  test.each([
    [['checkpoints', 's3://'], /s3:\/\/BUCKET\/PREFIX/],
    [['checkpoints', 's3://key:secret@bucket/x'], /an address with an @ in it/],
    [['run', paced, '--checkpoints', 's3:///x'], /s3:\/\/BUCKET\/PREFIX/],
    [['checkpoints', './cp', '--s3-region', 'x'], /--s3-region needs a place in S3/],
    [['checkpoints', 's3://b/p', '--s3-endpoint', 'localhost'], /https:\/\/ or http:\/\//],
  ] as const)('%j: 2', async (args, told) => {
    const { code, stderr } = await call(args).ended;
    expect(stderr.replace(/\s+/g, ' ')).toMatch(told);
    expect(stderr).not.toContain('secret');
    expect(code).toBe(2);
  });
});
