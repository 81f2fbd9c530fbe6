import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { holdfast, jsonLines } from './fixtures.js';

const paced = fileURLToPath(new URL('../job/fixtures/paced.job.ts', import.meta.url));
const deadly = fileURLToPath(new URL('../job/fixtures/deadly.job.ts', import.meta.url));

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-cli-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const run = (...more: string[]) => [
  'run',
  paced,
  '--parallelism',
  '2',
  '--checkpoints',
  join(folder, 'cp'),
  '--interval',
  '50',
  '--arg',
  `out=${join(folder, 'out')}`,
  ...more,
];

describe('help and mistakes', () => {
  test('--help tells commands, options and exit codes', async () => {
    const { code, stdout } = await holdfast(['--help']).ended;
    expect(code).toBe(0);
    for (const word of ['run JOB', 'demo', 'checkpoints DIR', '--restore', '143', 'NO_COLOR']) {
      expect(stdout).toContain(word);
    }
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test('--version is the package’s', async () => {
    const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
    const { version } = JSON.parse(text) as { version: string };
    expect(await holdfast(['--version']).ended).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  test('without a command: the page, and 2', async () => {
    expect(await holdfast([]).ended).toMatchObject({ code: 2, stderr: '' });
  });

  test('a mistake: 2, said on standard error', async () => {
    const { code, stdout, stderr } = await holdfast(['run', 'x.ts', '--fast']).ended;
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/--fast[\s\S]*holdfast --help/);
  });

  test('a bad value that only the options know of: 2', async () => {
    const args = [...run(), '--restore', 'yesterday'];
    const { code, stderr } = await holdfast(args).ended;
    expect(stderr).toContain('yesterday');
    expect(code).toBe(2);
  });
});

describe('run', () => {
  test('to the end, in a pipe: plain lines, 0; and not once more, 1', async () => {
    const { code, stdout, stderr } = await holdfast(run('--arg', 'records=5000')).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/paced runs in process \d+/);
    expect(stdout).toMatch(/checkpoint \d+ \(the last\) in/);
    expect(stdout).toMatch(/finished: 5000 records in/);
    expect(stdout).not.toContain('\x1b');
    const again = await holdfast(run('--arg', 'records=5000')).ended;
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('ERR_HOLDFAST_ALREADY_FINISHED');
  });

  test('--json: nothing but JSON lines on standard output; prints go to standard error', async () => {
    const job = join(folder, 'print.job.mjs');
    await writeFile(
      job,
      `import { defineJob, fromCollection } from 'holdfast';
       console.log('top level');
       export default defineJob('prints', (env) => { env.from(fromCollection([1, 2])).print(); });`,
    );
    const ended = await holdfast(['run', job, '--json', '--parallelism', '1']).ended;
    expect(ended.code).toBe(0);
    const lines = jsonLines(ended);
    expect(lines[0]).toMatchObject({ event: 'started', job: 'prints' });
    expect(lines.at(-1)).toMatchObject({ event: 'result', status: 'finished', sourceRecords: 2 });
    expect(ended.stderr.split('\n').sort()).toEqual(
      expect.arrayContaining(['1', '2', 'top level']),
    );
  });

  test('--tree: who supervises whom, when the job runs and at its end', async () => {
    const { code, stdout } = await holdfast(run('--arg', 'records=5000', '--tree')).ended;
    expect(code).toBe(0);
    expect(stdout.match(/^paced {2}running [\d.]+ m?s {2}one-for-all$/gm)).toHaveLength(1);
    expect(stdout.match(/^paced {2}down {2}one-for-all$/gm)).toHaveLength(1);
    expect(stdout.match(/^ {3}├─ slot 0 {2}/gm)).toHaveLength(2);
    const afresh = ['--restore', 'none', '--arg', `out=${join(folder, 'other')}`];
    const json = await holdfast(run(...afresh, '--arg', 'records=10', '--tree', '--json')).ended;
    const trees = jsonLines(json).filter(({ event }) => event === 'tree');
    expect(trees).toHaveLength(2);
    expect(trees[0]).toMatchObject({ tree: { kind: 'job', id: 'paced', children: [{}, {}] } });
  });

  test('savepoint: copies a checkpoint, from which another run goes on', async () => {
    const first = await holdfast(run('--arg', 'records=3000')).ended;
    expect(first.code).toBe(0);
    const to = join(folder, 'savepoint');
    const copied = await holdfast(['savepoint', join(folder, 'cp'), to, '--json']).ended;
    expect(copied.code).toBe(0);
    expect(jsonLines(copied)).toEqual([
      expect.objectContaining({ event: 'savepoint', job: 'paced', directory: to }),
    ]);
    const again = await holdfast(['savepoint', join(folder, 'cp'), to]).ended;
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('a savepoint needs a folder of its own');
    const next = ['--checkpoints', join(folder, 'next'), '--restore', to];
    const restored = await holdfast([...run(), ...next, '--json']).ended;
    expect(restored.code).toBe(0);
    expect(jsonLines(restored).at(-1)).toMatchObject({ event: 'result', sourceRecords: 3000 });
    const none = await holdfast(['savepoint', join(folder, 'nowhere'), join(folder, 'x')]).ended;
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('there is no checkpoint in');
  });

  test('--quiet: only what the job prints', async () => {
    const job = join(folder, 'print.job.mjs');
    await writeFile(
      job,
      `import { defineJob, fromCollection } from 'holdfast';
       export default defineJob('prints', (env) => { env.from(fromCollection([1, 2])).print(); });`,
    );
    const { code, stdout } = await holdfast(['run', job, '--quiet', '--parallelism', '1']).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1\n2\n' });
  });

  test('a job that fails for good: 1, with the user’s own line', async () => {
    const args = ['run', deadly, '--parallelism', '1', '--arg', 'how=throw'];
    const { code, stderr } = await holdfast(args).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/RangeError: record 500 is poison \[ERR_HOLDFAST_USER_CODE\]/);
    expect(stderr).toMatch(/at .*deadly\.job\.ts:\d+:\d+/);
    const json = await holdfast([...args, '--json']).ended;
    expect(json.code).toBe(1);
    expect(jsonLines(json).at(-1)).toMatchObject({
      event: 'error',
      error: { code: 'ERR_HOLDFAST_USER_CODE', cause: { name: 'RangeError' } },
    });
  });

  test('a job module that is not there, or does not compile: 1', async () => {
    const missing = await holdfast(['run', join(folder, 'none.ts')]).ended;
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('ERR_HOLDFAST_JOB_MODULE');
    await writeFile(join(folder, 'bad.ts'), 'export default {;\n');
    const bad = await holdfast(['run', join(folder, 'bad.ts')]).ended;
    expect(bad.code).toBe(1);
    expect(bad.stderr).toMatch(/bad\.ts:1:17/);
  });

  test('a job module that throws while it is loaded: 1, with where', async () => {
    const job = join(folder, 'throws.job.ts');
    await writeFile(job, "\nclass Boom extends Error {}\nthrow new Boom('at once');\n");
    const { code, stderr } = await holdfast(['run', job]).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/Boom: at once.*top-level code[\s\S]*throws\.job\.ts:3:7/);
  });

  // What a first one does: signals.test.ts.
  test('a second signal ends at once', async () => {
    const started = holdfast(run('--arg', 'rate=1000', '--json'));
    const pid = pidIn(await started.said('"started"'));
    started.child.kill('SIGTERM');
    started.child.kill('SIGINT');
    const { code } = await started.ended;
    expect([130, 143]).toContain(code);
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  });

  test('killed as a whole, it goes on in another process', async () => {
    const started = holdfast(run('--arg', 'records=20000', '--arg', 'rate=8000', '--json'));
    const pid = pidIn(await started.said('"checkpoint":2'));
    process.kill(pid, 'SIGKILL');
    const ended = await started.ended;
    expect(ended.code).toBe(0);
    const lines = jsonLines(ended);
    expect(lines).toContainEqual({ event: 'process-died', cause: 'SIGKILL', pid });
    expect(lines.at(-1)).toMatchObject({ event: 'result', sourceRecords: 20_000, restarts: 1 });
  });
});

describe('checkpoints', () => {
  let made = '';
  beforeAll(async () => {
    made = await mkdtemp(join(tmpdir(), 'holdfast-cli-'));
    const places = ['--checkpoints', join(made, 'cp'), '--arg', `out=${join(made, 'out')}`];
    expect((await holdfast(run('--arg', 'records=20000', ...places)).ended).code).toBe(0);
  });
  afterAll(() => rm(made, { recursive: true, force: true }));
  beforeEach(() => cp(join(made, 'cp'), join(folder, 'cp'), { recursive: true }));

  test('lists them; a corrupt one is told, with 1', async () => {
    const directory = join(folder, 'cp');
    const plain = await holdfast(['checkpoints', directory, '--verify']).ended;
    expect(plain.code).toBe(0);
    expect(plain.stdout).toMatch(/20 000 .*sound, the last/);
    expect(plain.stdout).toContain('has finished');
    const before = jsonLines(await holdfast(['checkpoints', directory, '--json']).ended);
    expect(before[0]).toMatchObject({ event: 'checkpoint', sound: true, sourceRecords: 20_000 });
    expect(before).toContainEqual(expect.objectContaining({ event: 'finished' }));
    expect(before.at(-1)).toMatchObject({ event: 'directory', damage: [], unnamedParts: 0 });
    const parts = join(directory, 'parts');
    const names = (await readdir(parts)).sort();
    const victim = join(parts, names.at(-1) ?? '');
    const bytes = await readFile(victim);
    bytes[bytes.length - 3]! ^= 0xff;
    await writeFile(victim, bytes);
    const bad = await holdfast(['checkpoints', directory, '--verify']).ended;
    expect(bad.code).toBe(1);
    expect(bad.stdout).toContain('NOT SOUND');
    expect(bad.stdout).toContain(victim);
    const json = jsonLines(await holdfast(['checkpoints', directory, '--verify', '--json']).ended);
    expect(json).toContainEqual(
      expect.objectContaining({
        sound: false,
        damage: [expect.objectContaining({ code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT' })],
      }),
    );
  });

  test('shows what is inside one, and whose state is damaged', async () => {
    const directory = join(folder, 'cp');
    const newest = (await readFile(join(directory, 'latest'), 'utf8')).trim();
    const show = ['checkpoints', directory, '--show', newest];
    const plain = await holdfast(show).ended;
    expect(plain.code).toBe(0);
    expect(plain.stdout).toContain(`checkpoint ${newest} of job '`);
    expect(plain.stdout).toMatch(/sound, the last of its run/);
    expect(plain.stdout).toMatch(/exactly-once, 1024 key groups/);
    expect(plain.stdout).toMatch(/at its end/);
    const [contents] = jsonLines(await holdfast([...show, '--json']).ended);
    expect(contents).toMatchObject({ event: 'contents', sound: true, final: true, damage: [] });
    const { operators, sourceRecords } = contents as {
      operators: { stateful: boolean; bytes: number; sections: unknown[] }[];
      sourceRecords: Record<string, number>;
    };
    expect(Object.values(sourceRecords).reduce((sum, count) => sum + count)).toBe(20_000);
    const stateful = operators.filter((operator) => operator.stateful && operator.bytes > 0);
    expect(stateful.length).toBeGreaterThan(0);
    for (const { sections } of stateful) expect(sections.length).toBeGreaterThan(0);

    const parts = join(directory, 'parts');
    const victim = (await readdir(parts)).sort().at(-1)!;
    await rm(join(parts, victim));
    const bad = await holdfast(show).ended;
    expect(bad.code).toBe(1);
    expect(bad.stdout).toContain('NOT SOUND');
    expect(bad.stdout).toMatch(/It holds state of operator .+, instance \d/);
    const [damaged] = jsonLines(await holdfast([...show, '--json']).ended);
    expect(damaged).toMatchObject({ sound: false, damage: [{ affects: expect.any(Array) }] });
    const absent = await holdfast(['checkpoints', directory, '--show', '99999']).ended;
    expect(absent.code).toBe(1);
    expect(absent.stderr).toContain('ERR_HOLDFAST_CHECKPOINT_NOT_FOUND');
    expect(absent.stderr).toContain(`there are ${newest}`);
  });

  test('a directory that is not there: 1', async () => {
    const { code, stderr } = await holdfast(['checkpoints', join(folder, 'none')]).ended;
    expect(code).toBe(1);
    expect(stderr).toContain('ERR_HOLDFAST_CHECKPOINT_DIRECTORY');
  });
});

const pidIn = (text: string) => Number(/"pid":(\d+)/.exec(text)?.[1]);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
