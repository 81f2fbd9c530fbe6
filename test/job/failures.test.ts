/** What a user is told of a failure: the same whoever runs the job, and where in their own source. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type HoldfastError, noRestart, runInline } from '../../dist/index.js';
import failing from './fixtures/failing.job.js';
import { fixture } from './kit.js';
import { run, runGuarded } from './run-compiled.js';

const url = fixture('failing');
const lines = readFileSync(fileURLToPath(url), 'utf8').split('\n');

/** `failing.job.ts:LINE:` of the line that the fixture marks. */
function placeOf(mark: string): string {
  const at = lines.findIndex((line) => line.endsWith(`// marks: ${mark}`));
  expect(at).toBeGreaterThan(0);
  return `failing.job.ts:${at + 1}:`;
}

type Runner = (how: string) => Promise<unknown>;

const options = (how: string) => ({ args: { how }, restart: noRestart() });
const runners: readonly (readonly [string, Runner])[] = [
  ['run', async (how) => (await run(url, { ...options(how), parallelism: 1 })).finished],
  [
    'runGuarded',
    async (how) => (await runGuarded(url, { ...options(how), parallelism: 1 })).finished,
  ],
  ['runInline', (how) => runInline(failing, options(how))],
];
const threaded = runners.filter(([name]) => name !== 'runInline');

async function failureOf(ending: Promise<unknown>): Promise<HoldfastError & { cause: Error }> {
  const error = await ending.then(
    () => expect.fail('it finished'),
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'HoldfastError' });
  return error as HoldfastError & { cause: Error };
}

const HERE = "operator 'charging', instance 0, at index 500 (slot 0): ";
const place = { operator: 'charging', instance: 0, position: 'index 500', slot: 0 };

describe.each(runners)('%s', (_, runner) => {
  test('a class of the user: its name, code, line, and which record it was', async () => {
    const error = await failureOf(runner('class'));
    expect(error).toMatchObject({
      code: 'ERR_HOLDFAST_USER_CODE',
      message: `${HERE}LimitError: over the limit`,
      details: { kind: 'user-code', ...place },
      cause: { name: 'LimitError', code: 'E_LIMIT', message: 'over the limit' },
    });
    expect(error.cause.stack).toContain(placeOf('class'));
  });

  test('a chain of causes, down to the line where it began', async () => {
    const error = await failureOf(runner('chain'));
    expect(error).toMatchObject({
      message: `${HERE}LimitError: cannot charge`,
      cause: {
        name: 'LimitError',
        cause: {
          name: 'TypeError',
          message: 'row 500 is no order',
          cause: { name: 'SyntaxError', message: 'unexpected end of row' },
        },
      },
    });
    const root = (error.cause.cause as Error).cause as Error;
    expect(root.stack).toContain(placeOf('chain'));
  });

  test('an error of a library, and who called it', async () => {
    const error = await failureOf(runner('library'));
    expect(error.message).toContain(`${HERE}Error: `);
    expect(error.cause.stack).toMatch(/node_modules.fast-check/);
    expect(error.cause.stack).toContain(placeOf('library'));
  });

  test.each([
    ['text', 'thrown value: just a text'],
    ['object', "thrown value: { row: 500, why: 'no value' }"],
    ['nothing', 'thrown value: undefined'],
  ])('what is no error (%s) is told as it is', async (how, message) => {
    const error = await failureOf(runner(how));
    expect(error).toMatchObject({
      code: 'ERR_HOLDFAST_USER_CODE',
      message: `${HERE}Error: ${message}`,
      details: place,
    });
  });

  test.each(['wild', 'circle'])(
    'circular, huge and uncloneable properties (%s) do not travel',
    async (how) => {
      const error = await failureOf(runner(how));
      expect(error.cause).toMatchObject({ name: 'LimitError', code: 'E_LIMIT' });
      expect(error.cause.stack).toContain(placeOf(how));
      expect(JSON.stringify(error.details)).toContain('charging');
      expect(error.cause).not.toHaveProperty('big');
    },
  );
});

// In the calling thread they are the caller's own: nobody else can be told of them.
describe.each(threaded)('%s: what user code leaves behind', (_, runner) => {
  test.each([
    ['rejection', 'nobody waits for this'],
    ['timer', 'later'],
  ])('a %s that nobody handles fails the job, with its line', async (how, message) => {
    const error = await failureOf(runner(how));
    expect(error).toMatchObject({
      code: 'ERR_HOLDFAST_USER_CODE',
      details: { kind: 'thread-error', slot: 0 },
      cause: { name: 'LimitError', code: 'E_LIMIT', message },
    });
    expect(error.message).toContain(`LimitError: ${message}`);
    expect(error.cause.stack).toContain(placeOf(how));
  });
});
