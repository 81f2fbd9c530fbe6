/** Names, paths, rows and messages that would take a terminal over, through every command. */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, holdfast, jsonLines } from './fixtures.js';

const EVIL = 'evil\x1b[2J\x9b31m\u202e\r\u2028';
const WHOLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

let folder = '';
let job = '';
let checkpoints = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-hostile-'));
  checkpoints = join(folder, `cp ${EVIL}`);
  job = join(folder, 'evil.job.mjs');
  await mkdir(checkpoints);
  await writeFile(
    job,
    `import { defineJob, count, discard, fromCollection, ndjsonFile, tumbling } from 'holdfast';
     const evil = ${JSON.stringify(EVIL)};
     export default defineJob('job ' + evil, (env, args) => {
       const source = args.how === 'malformed'
         ? env.from(ndjsonFile(args.file)).map((row) => row.t)
         : env.from(fromCollection([...Array.from({ length: 5000 }, (_, i) => 1_000_000 + i), 0, 5]));
       source.withTimestamps((t) => t)
         .map((t) => {
           if (args.how === 'throw' && t === 5) throw new RangeError('no ' + evil + '\\nholdfast: fine');
           return { key: evil, t };
         }).name('map')
         .keyBy((row) => row.key).window(tumbling(10_000)).aggregate({ n: count() }).uid('sum')
         .sinkTo(discard());
     });`,
  );
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function isClean({ stdout, stderr }: Ended): void {
  for (const line of [...stdout.split('\n'), ...stderr.split('\n')]) {
    expect([WHOLE.exec(line)?.[0].codePointAt(0), line]).toEqual([undefined, line]);
    expect(line).not.toBe('holdfast: fine');
  }
}

const run = (...more: string[]) =>
  holdfast(['run', job, '--parallelism', '1', ...more], { cwd: folder }).ended;
const kept = () => ['--checkpoints', checkpoints, '--restore', 'none'];

test('a run and what it leaves: list, contents, history, compatibility, savepoint', async () => {
  const ended = await run(...kept(), '--tree');
  expect(ended.code).toBe(0);
  isClean(ended);
  expect(ended.stdout).toContain('job evil\\x1b[2J\\x9b31m\\u202e\\r\\u2028');
  for (const args of [
    ['checkpoints', checkpoints, '--verify'],
    ['checkpoints', checkpoints, '--history'],
    ['checkpoints', checkpoints, '--history', '--show', '1'],
    ['checkpoints', checkpoints, '--show', '1'],
    ['checkpoints', checkpoints, '--show', '99'],
    ['checkpoints', checkpoints, '--compatible', job],
    ['checkpoints', join(folder, `none ${EVIL}`)],
    ['savepoint', checkpoints, join(folder, `sp ${EVIL}`)],
    ['run', join(folder, `no ${EVIL}.ts`)],
    ['run', job, `--${EVIL}`],
    [EVIL],
  ]) {
    for (const told of await Promise.all(
      [[], ['--json']].map((json) => holdfast([...args, ...json]).ended),
    )) {
      expect(told.stdout + told.stderr).toMatch(/evil|checkpoint/);
      isClean(told);
    }
  }
});

test('a failure, and V8’s own words about a line that is no JSON', async () => {
  const thrown = await run('--arg', 'how=throw');
  expect(thrown.code).toBe(1);
  isClean(thrown);
  expect(thrown.stderr).toContain('RangeError: no evil\\x1b[2J');
  const file = join(folder, `rows ${EVIL}.ndjson`);
  await writeFile(file, `{"t":1}\n${EVIL}\n`);
  const malformed = await run('--arg', 'how=malformed', '--arg', `file=${file}`);
  expect(malformed.code).toBe(1);
  expect(malformed.stderr).toContain('ERR_HOLDFAST_MALFORMED_RECORD');
  isClean(malformed);
  expect(await readFile(file, 'utf8')).toContain(EVIL);
});

test('late records that were dropped are told: in plain lines, and in JSON', async () => {
  const plain = await run(...kept());
  expect(plain.stdout.trimEnd().split('\n').at(-1)).toMatch(
    /^finished: 5002 records in .+, \d+ checkpoints?, 0 restarts, 2 late records dropped$/,
  );
  const json = await run(...kept(), '--json');
  expect(jsonLines(json).at(-1)).toMatchObject({
    event: 'result',
    counters: { lateRecords: 2 },
  });
});

test('without a place for checkpoints none is counted', async () => {
  const { stdout } = await run();
  expect(stdout).not.toContain('checkpoint');
  expect(stdout).not.toMatch(/\b0 B\b/);
  expect(stdout).toMatch(/^output committed in /m);
});
