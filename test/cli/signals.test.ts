/** The program and its signals: whenever they come, and whoever gets them. */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gone, leftovers } from '../job/leftovers.js';
import { holdfast, jsonLines, type Started } from './fixtures.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../job/fixtures/${name}.job.ts`, import.meta.url));

let folder = '';
let temporary = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-signals-'));
  temporary = join(folder, 'tmp');
  await mkdir(temporary);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const checkpoints = () => join(folder, 'cp');
const out = () => join(folder, 'out');

function start(job: string, more: readonly string[] = []): Started {
  const directory = ['--checkpoints', checkpoints(), '--interval', '50'];
  const args = ['run', job, '--parallelism', '2', ...directory, ...more];
  // The folder in the environment marks the processes of this run.
  return holdfast(args, { group: true, env: { TMPDIR: temporary } });
}

const paced = (more: readonly string[] = []) =>
  start(fixture('paced'), ['--arg', `out=${out()}`, '--arg', 'records=20000', ...more]);

/** To the program alone, or to its whole group as a terminal does. */
function send({ child }: Started, signal: NodeJS.Signals, to: 'program' | 'group'): void {
  process.kill(to === 'group' ? -child.pid! : child.pid!, signal);
}

/** @param staged whether staged output is to be gone, too */
const left = ({ staged = true } = {}) =>
  leftovers({
    checkpoints: checkpoints(),
    temporary,
    marker: temporary,
    ...(staged ? { out: out() } : {}),
  });

/** The same command, to the end: nothing is missing, nothing is twice. */
async function expectExact(): Promise<void> {
  const { code, stderr } = await paced().ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const rows: string[] = [];
  for (const name of (await readdir(out())).filter((one) => !one.startsWith('.'))) {
    const text = await readFile(join(out(), name), 'utf8');
    rows.push(...text.split('\n').filter((line) => line !== ''));
  }
  const expected = Array.from({ length: 7 }, (_, k) =>
    Array.from({ length: 28 }, (_, i) => JSON.stringify({ key: `key-${k}`, n: (i + 1) * 100 })),
  );
  expect(rows.sort()).toEqual(expected.flat().sort());
  expect(await left()).toEqual([]);
}

describe('a signal while the job runs', () => {
  test.each([
    ['SIGTERM', 'program', 143],
    ['SIGTERM', 'group', 143],
    ['SIGINT', 'group', 130],
    ['SIGHUP', 'program', 129],
  ] as const)('%s to the %s: a last checkpoint, %i', async (signal, to, expected) => {
    const started = paced(['--arg', 'rate=8000']);
    await started.said('checkpoint 3 in');
    send(started, signal, to);
    const { code, stdout, stderr } = await started.ended;
    expect(code).toBe(expected);
    expect(stdout).toContain('stopped:');
    expect(stderr).toBe('stopping: taking a last checkpoint; another signal ends at once\n');
    expect(await left()).toEqual([]);
    await expectExact();
  });

  test('without checkpoints: it stops all the same', async () => {
    const args = ['run', fixture('paced'), '--parallelism', '1', '--arg', `out=${out()}`];
    const env = { TMPDIR: temporary };
    const started = holdfast([...args, '--arg', 'rate=1000'], { group: true, env });
    await started.said('records in');
    send(started, 'SIGTERM', 'group');
    const { code, stdout } = await started.ended;
    expect(code).toBe(143);
    expect(stdout).toContain('stopped:');
    expect(await left()).toEqual([]);
  });

  test('--json: the result is data, and its status says that it was stopped', async () => {
    const started = paced(['--arg', 'rate=8000', '--json']);
    await started.said('"checkpoint":3');
    send(started, 'SIGTERM', 'group');
    const ended = await started.ended;
    expect(ended.code).toBe(143);
    expect(jsonLines(ended).at(-1)).toMatchObject({ event: 'result', status: 'stopped' });
  });
});

describe('a signal at another time', () => {
  test.each(['program', 'group'] as const)('while the job starts, to the %s', async (to) => {
    // A project of its own, or its bundle lies in the folder for temporary files.
    await writeFile(join(folder, 'package.json'), '{}');
    const job = join(folder, 'slow.job.mjs');
    await writeFile(
      job,
      `import { defineJob } from 'holdfast';
       console.log('loading');
       await new Promise((resolve) => setTimeout(resolve, 3_600_000));
       export default defineJob('slow', () => {});`,
    );
    const started = start(job);
    // What a job says while it is loaded is told when it runs: its lock tells that it is on its way.
    while (!existsSync(join(checkpoints(), 'lock'))) await sleep(5);
    send(started, 'SIGINT', to);
    const { code, stderr } = await started.ended;
    expect(stderr).toContain('the job was canceled');
    expect(code).toBe(130);
    expect(await left()).toEqual([]);
  });

  test('while the job’s process is away: the next one takes the last checkpoint', async () => {
    const started = paced(['--arg', 'rate=8000', '--json']);
    await started.said('"checkpoint":3');
    const pid = pidIn(await started.said('"started"'));
    process.kill(pid, 'SIGKILL');
    await started.said('"process-died"');
    send(started, 'SIGTERM', 'group');
    const ended = await started.ended;
    expect(ended.code).toBe(143);
    const result = jsonLines(ended).at(-1)!;
    expect(result).toMatchObject({ event: 'result', status: 'stopped' });
    // The signal ends a process that does not listen yet, too: then it is one more.
    expect([1, 2]).toContain(result['restarts']);
    expect(await left()).toEqual([]);
    await expectExact();
  });

  test('while the job finishes: it has finished', async () => {
    const started = paced();
    await started.said('(the last)');
    send(started, 'SIGTERM', 'group');
    const { code, stdout } = await started.ended;
    expect(stdout).toContain('finished: 20 000 records');
    expect(code).toBe(0);
    expect(await left()).toEqual([]);
  });
});

describe('a stop that does not come to its end', () => {
  test('is over with --stop-timeout, says what is missing, and exits as the signal says', async () => {
    const started = start(fixture('unstoppable'), ['--stop-timeout', '200']);
    await started.said('checkpoint 1 in');
    send(started, 'SIGTERM', 'group');
    const { code, stderr } = await started.ended;
    expect(code).toBe(143);
    expect(stderr).toMatch(
      /last checkpoint was not complete within 200 ms.*after checkpoint 1 .*--stop-timeout/,
    );
    expect(await left()).toEqual([]);
  });

  test('is over with a second signal, at once', async () => {
    const started = start(fixture('unstoppable'));
    await started.said('checkpoint 1 in');
    send(started, 'SIGINT', 'group');
    await started.said('stopping');
    send(started, 'SIGINT', 'group');
    const { code, stderr } = await started.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('another signal ends at once');
    expect(await left()).toEqual([]);
  });
});

describe('the program killed as a whole', () => {
  test('the job’s process ends by itself; the next run goes on', async () => {
    const started = paced(['--arg', 'rate=8000', '--json']);
    await started.said('"checkpoint":3');
    const pid = pidIn(await started.said('"started"'));
    started.child.kill('SIGKILL');
    await gone(pid);
    expect(await left({ staged: false })).toEqual([]);
    await expectExact();
  });

  test('with its group, the job’s process included: the next run goes on all the same', async () => {
    const started = paced(['--arg', 'rate=8000']);
    await started.said('checkpoint 3 in');
    send(started, 'SIGKILL', 'group');
    await started.ended;
    await expectExact();
  });
});

const pidIn = (text: string) => Number(/"pid":(\d+)/.exec(text)?.[1]);

describe('a reader of standard output that goes away, as head does', () => {
  test('stops the job with a last checkpoint, says so, 141; the same command goes on', async () => {
    const started = paced(['--arg', 'rate=8000']);
    await started.said('checkpoint 3 in');
    started.child.stdout?.destroy();
    const { code, stderr } = await started.ended;
    expect(stderr).toMatch(
      /^whoever read standard output has gone away\nstopping: taking a last checkpoint; .*\n$/,
    );
    expect(code).toBe(141);
    expect(await left({ staged: false })).toEqual([]);
    await expectExact();
  });

  test('also of a job whose threads write to it themselves', async () => {
    const job = join(folder, 'loud.job.mjs');
    await writeFile(
      job,
      `import { defineJob, discard, generate } from 'holdfast';
       export default defineJob('loud', (env) => {
         env.from(generate((i) => i, { ratePerSecond: 2000 }))
           .map((i) => { console.log('row', i); return i; }).sinkTo(discard());
       });`,
    );
    const started = start(job);
    await started.said('row 100');
    started.child.stdout?.destroy();
    const { code, stderr } = await started.ended;
    expect(stderr).toMatch(/has gone away\nstopping/);
    expect(code).toBe(141);
    expect(stderr).not.toMatch(/EPIPE|died/);
  });
});
