/** `npm run nexmark`: some queries, compared with the oracle, and one that is measured. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../../bench/nexmark/main.mjs', import.meta.url));
const nexmark = (...words: string[]) => promisify(execFile)(process.execPath, [main, ...words]);

test('a query without state and one with windows are what the oracle says', async () => {
  const words = ['--queries', 'q1,q7', '--events', '2000', '--parallelism', '2', '--no-faults'];
  const { stdout } = await nexmark('--verify', ...words);
  expect(stdout).toContain('q1 parallelism 2: ok, 1840 rows\n');
  expect(stdout).toContain('q7 out of order: ok');
  expect(stdout).toContain('q7 at the same times: ok');
  expect(stdout).toMatch(/\n6 passed, 0 failed\n$/);
});

test('joins, sessions and last rows, made of state and timers, are what the oracle says', async () => {
  const words = ['--queries', 'q6,q11,q18,q20', '--events', '1500', '--parallelism', '2'];
  const { stdout } = await nexmark('--verify', ...words, '--no-faults');
  expect(stdout).not.toContain('ok, 0 rows');
  expect(stdout).toMatch(/\n12 passed, 0 failed\n$/);
});

test('a measurement tells its rows, and a hash that the parallelism does not change', async () => {
  const words = ['--json', '--queries', 'q2', '--events', '5000', '--parallelism', '1,2'];
  const lines = (await nexmark(...words)).stdout.trim().split('\n');
  const [one, two] = lines.map((line) => JSON.parse(line));
  expect(two).toMatchObject({ query: 'q2', events: 5_000, parallelism: 2, rows: one.rows });
  expect(two.hash).toBe(one.hash);
  expect(one.hash).toMatch(/^[0-9a-f]{16}$/);
  expect(one.rows).toBeGreaterThan(0);
});

test('a query that does not exist is named', async () => {
  await expect(nexmark('--queries', 'q99')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("there is no query 'q99'"),
  });
});
