/** How the program tells a failure: to people, and as data. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { holdfast, jsonLines } from './fixtures.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../job/fixtures/${name}.job.ts`, import.meta.url));

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-failures-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const failing = (how: string, ...more: string[]) =>
  holdfast(['run', fixture('failing'), '--parallelism', '1', '--arg', `how=${how}`, ...more]).ended;

interface ErrorData {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: ErrorData;
}

const HERE = "operator 'charging', instance 0, at index 500 (slot 0): ";

describe('a failing job', () => {
  test('for people: what, where, why, and the line where it began', async () => {
    const { code, stdout, stderr } = await failing('chain');
    expect(code).toBe(1);
    // Without checkpoints nothing is.
    expect(stdout).toContain('failure on slot 0');
    expect(stdout).not.toContain('restarting');
    const lines = stderr.trimEnd().split('\n');
    expect(lines.slice(0, 4)).toEqual([
      `holdfast: ${HERE}LimitError: cannot charge [ERR_HOLDFAST_USER_CODE]`,
      '  code E_LIMIT',
      '  because of TypeError: row 500 is no order',
      '  because of SyntaxError: unexpected end of row',
    ]);
    const source = (await readFile(fixture('failing'), 'utf8')).split('\n');
    const line = source.findIndex((text) => text.endsWith('// marks: chain')) + 1;
    expect(lines[4]).toMatch(new RegExp(`^ {4}at .*failing\\.job\\.ts:${line}:\\d+`));
    expect(stderr).not.toContain('node:internal');
  });

  test('as data: the same, with all stacks', async () => {
    const ended = await failing('chain', '--json');
    expect(ended.code).toBe(1);
    const { event, error } = jsonLines(ended).at(-1) as { event: string; error: ErrorData };
    expect(event).toBe('error');
    expect(error).toMatchObject({
      code: 'ERR_HOLDFAST_USER_CODE',
      message: `${HERE}LimitError: cannot charge`,
      details: { operator: 'charging', instance: 0, position: 'index 500', slot: 0 },
      cause: {
        name: 'LimitError',
        code: 'E_LIMIT',
        cause: { name: 'TypeError', cause: { name: 'SyntaxError' } },
      },
    });
    for (let at = error.cause; at !== undefined; at = at.cause) {
      expect(at.stack).toMatch(/failing\.job\.ts:\d+:\d+/);
    }
  });

  test('in its build function: the user’s own line, and none of ours', async () => {
    const job = join(folder, 'misbuilt.job.mjs');
    const source = [
      "import { defineJob, generate } from 'holdfast';",
      "export default defineJob('misbuilt', (env) => void env.from(generate((i) => i)).map(7));",
    ];
    await writeFile(job, source.join('\n'));
    const { code, stderr } = await holdfast(['run', job, '--parallelism', '1']).ended;
    expect(code).toBe(2);
    const [message, ...frames] = stderr.trim().split('\n');
    expect(message).toContain('map needs a function, but was given the number 7.');
    expect(frames).toEqual([expect.stringMatching(/^ {4}at .*misbuilt\.job\.mjs:2:\d+/)]);
  });

  test('before it, where its schema refuses the arguments: each with its reason', async () => {
    const log = join(folder, 'log');
    const args = (count: string) => [
      ...['run', fixture('checked'), '--parallelism', '1'],
      ...['--arg', `count=${count}`, '--arg', `log=${log}`],
    ];
    const refused = await holdfast(args('many')).ended;
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /^holdfast: the arguments of job 'checked' are refused: args\.count: .*expected number/i,
    );
    expect(refused.stderr).toContain('--arg NAME=VALUE');
    expect(refused.stdout).not.toContain('restarting');
    const data = await holdfast([...args('0'), '--json']).ended;
    expect(data.code).toBe(2);
    expect(jsonLines(data).at(-1)).toMatchObject({
      event: 'error',
      error: {
        code: 'ERR_HOLDFAST_BAD_OPTION',
        details: { job: 'checked', issues: [expect.stringContaining('args.count: ')] },
      },
    });
    expect(await readFile(log, 'utf8')).not.toContain('built');
    expect((await holdfast(args('100')).ended).code).toBe(0);
    expect(await readFile(log, 'utf8')).toContain('built with a number and 50 keys');
  });

  test('through a library: its first line, and the user’s own', async () => {
    const { stderr } = await failing('library');
    expect(stderr).toMatch(/at .*node_modules.fast-check/);
    expect(stderr).toMatch(/at .*failing\.job\.ts:\d+:\d+/);
  });

  test.each(['text', 'nothing', 'wild', 'circle', 'rejection'])(
    'whatever is thrown (%s): lines of JSON, and 1',
    async (how) => {
      const ended = await failing(how, '--json');
      expect(ended.code).toBe(1);
      expect(jsonLines(ended).at(-1)).toMatchObject({
        event: 'error',
        error: { code: 'ERR_HOLDFAST_USER_CODE' },
      });
      expect(ended.stdout.length).toBeLessThan(200_000);
    },
  );
});

describe('a process that dies', () => {
  const dying = (...more: string[]) => {
    const args = ['--parallelism', '1', '--arg', 'how=kill', '--arg', 'at=0'];
    return holdfast(['run', fixture('mortal'), ...args, ...more]).ended;
  };

  test('without checkpoints ends the job: how it died, and what that may come of', async () => {
    const { code, stderr } = await dying();
    expect(code).toBe(1);
    expect(stderr).toMatch(/process died \(SIGKILL\)\..*memory.*\[ERR_HOLDFAST_PROCESS_DIED\]/);
    const json = await dying('--json');
    expect(json.code).toBe(1);
    expect(jsonLines(json).at(-1)).toMatchObject({
      event: 'error',
      error: { code: 'ERR_HOLDFAST_PROCESS_DIED', details: { signal: 'SIGKILL' } },
    });
  });

  test('with a heap that overflows: its own last words stay on standard error', async () => {
    // On a busy machine the heap takes its time to overflow; that is no hang.
    const patience = ['--heartbeat-timeout', '50000'];
    const args = ['run', fixture('mortal'), '--parallelism', '1', ...patience, '--arg', 'how=heap'];
    const env = { NODE_OPTIONS: '--max-old-space-size=64' };
    const { code, stderr } = await holdfast([...args, '--arg', 'at=0'], { env }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/heap/);
    expect(stderr).toMatch(/process died \((SIGABRT|exit code 134)\).*want of heap/);
  });
});
