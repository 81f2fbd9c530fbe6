/** Arguments that the job's schema checks: in every thread, whoever runs the job. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  collect,
  defineJob,
  fixedDelay,
  fromCollection,
  runInline,
  type StandardSchema,
} from '../../dist/index.js';
import checked from './fixtures/checked.job.js';
import { fixture, nextRestart, temporaryFolder, totalsProblems } from './kit.js';
import { run, runGuarded } from './run-compiled.js';

const url = fixture('checked');
const restart = fixedDelay({ attempts: 3, delayMs: 1 });

let log = '';
beforeEach(async () => {
  log = join(await temporaryFolder(), 'log');
});
const logged = async () => (await readFile(log, 'utf8')).trim().split('\n');

interface Outcome {
  readonly status: string;
  readonly collected: Readonly<Record<string, readonly unknown[]>>;
}
type Runner = (args: Readonly<Record<string, unknown>>) => Promise<Outcome>;
const runners: readonly (readonly [string, Runner])[] = [
  ['run', async (args) => (await run(url, { args, restart, parallelism: 1, spares: 0 })).finished],
  [
    'runGuarded',
    async (args) => (await runGuarded(url, { args, restart, parallelism: 1, spares: 0 })).finished,
  ],
  ['runInline', (args) => runInline(checked, { args, restart })],
];

describe.each(runners)('%s', (_, runner) => {
  test('build gets what the schema gives: numbers of texts, and defaults', async () => {
    const result = await runner({ count: '3000', log });
    expect(result.status).toBe('finished');
    expect(totalsProblems(result.collected['totals']!, 3_000)).toEqual([]);
    const [first, ...builds] = await logged();
    expect(first).toBe('validated');
    expect(new Set(builds)).toEqual(new Set(['built with a number and 50 keys']));
  });

  test('a refusal is told once, with its reasons; nothing is built or tried again', async () => {
    const refused = runner({ count: -1, keys: 'many', log });
    await expect(refused).rejects.toMatchObject({
      name: 'HoldfastError',
      code: 'ERR_HOLDFAST_BAD_OPTION',
      message: expect.stringMatching(
        /^the arguments of job 'checked' are refused: args\.count: .+; args\.keys: .+ Correct them in run/,
      ),
      details: { job: 'checked', issues: [expect.anything(), expect.anything()] },
    });
    expect(await logged()).toEqual(['validated']);
  });
});

test('every thread checks the arguments once, and the one that replaces a dead one as well', async () => {
  const job = await run(url, {
    args: { count: 1e9, keys: '7', log },
    parallelism: 2,
    spares: 0,
    restart,
  });
  expect((await logged()).filter((line) => line === 'validated')).toHaveLength(2);
  const restarted = nextRestart(job);
  job.kill(1, 'terminate');
  await restarted;
  await job.cancel();
  const lines = await logged();
  expect(lines.filter((line) => line === 'validated')).toHaveLength(3);
  expect(new Set(lines)).toEqual(new Set(['validated', 'built with a number and 7 keys']));
});

test('an asynchronous schema is waited for', async () => {
  const later: StandardSchema<unknown, { readonly items: readonly string[] }> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return { value: { items: ['a', 'b'] } };
      },
    },
  };
  const job = defineJob({
    name: 'later',
    args: later,
    build: (env, { items }) => env.from(fromCollection(items)).sinkTo(collect('out')),
  });
  expect((await runInline(job)).collected).toEqual({ out: ['a', 'b'] });
});
