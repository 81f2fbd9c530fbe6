/** `npm run nexmark -- --markdown FILE`: what a comparison has told, as the table of bench/README.md. */

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const main = fileURLToPath(new URL('../../bench/nexmark/main.mjs', import.meta.url));
const page = new URL('../../bench/README.md', import.meta.url);

const ABOUT = {
  peer: 'flink',
  version: '2.3.0',
  node: '20.20.2',
  machine: '2 cores of X, 8 GiB',
  date: '2026-11-30',
  commit: 'abc1234',
  events: 10_000_000,
  parallelism: 2,
  rounds: 3,
};
const ROW = {
  query: 'q5',
  api: 'sql',
  flink: 410,
  holdfast: 902,
  perCpuSecond: 2.2,
  from: 2.071,
  to: 2.31,
  wall: 1.9,
  rows: 34,
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-table-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function tableOf(text: string): Promise<string> {
  const file = join(folder, 'figures.jsonl');
  await writeFile(file, text);
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--markdown', file]);
  return stdout;
}

test('has a line for each query and API, under what was compared where', async () => {
  const lines = [ABOUT, ROW, { ...ROW, query: 'q0', api: 'ds', perCpuSecond: 0.5 }];
  const table = await tableOf(lines.map((line) => JSON.stringify(line)).join('\n'));
  expect(table).toContain(
    '2026-11-30, commit abc1234, Flink 2.3.0, Node 20.20.2, 2 cores of X, 8 GiB. 10 million events, parallelism 2, ' +
      '3 rounds in turns.',
  );
  expect(table).toContain('\n| q5 | SQL | 410 | 902 | 2.20 | 2.07 | 2.31 |\n');
  expect(table).toContain('\n| q0 | DataStream | 410 | 902 | 0.50 | 2.07 | 2.31 |\n');
  // The page has the same columns, so that the table can take the place of the one there.
  const head = table.split('\n').slice(2, 4).join('\n');
  expect(await readFile(page, 'utf8')).toContain(head);
});

test.each([
  ['', 'no figures'],
  [JSON.stringify(ROW), 'no figures'],
  [`${JSON.stringify(ABOUT)}\nfetching Flink`, 'no line of JSON: fetching Flink'],
])('is not made of anything else: %j', async (text, said) => {
  await expect(tableOf(text)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining(said),
  });
});

test('the page names each bench', async () => {
  const text = await readFile(page, 'utf8');
  const bench = fileURLToPath(new URL('../../bench/main.mjs', import.meta.url));
  const words = [bench, '--list', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, words);
  const missing = (JSON.parse(stdout) as string[]).filter(
    (name) => !text.includes(`| \`${name}\` |`),
  );
  expect(missing).toEqual([]);
});
