/** Real threads and processes that die while a sink of one's own commits: each row once. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { HoldfastError, noRestart, run } from '../../dist/index.js';
import { POINTS } from './fixtures/mortal-sink.job.js';
import { fixture, Meter, runningAgain, temporaryFolder, until } from './kit.js';

const COUNT = 2_000;
const all = Array.from({ length: COUNT }, (_, id) => id);

async function published(output: string): Promise<number[]> {
  const folder = join(output, 'published');
  const names = await readdir(folder).catch((): string[] => []);
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts
    .flatMap((text) => text.split('\n').filter((line) => line !== ''))
    .map((line) => (JSON.parse(line) as { id: number }).id)
    .sort((a, b) => a - b);
}

test.each(POINTS.map((point, at) => [point, at + 1] as const))(
  'a thread that dies in a commit, %s its transactions: committed once',
  async (_, word) => {
    const output = await temporaryFolder();
    const words = new SharedArrayBuffer(4);
    const meter = new Meter(COUNT / 2);
    const job = await run(fixture('mortal-sink'), {
      parallelism: 2,
      args: { output, words, meter: meter.shared, count: COUNT },
      checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    });
    await until(() => job.progress().sinkRecords === COUNT / 2, job);
    Atomics.store(new Int32Array(words), 0, word);
    const again = runningAgain(job);
    // It was durable before its commit began.
    expect(await job.checkpointNow()).toBe(1);
    await again;
    expect(await published(output)).toEqual(all.slice(0, COUNT / 2));
    meter.raise(COUNT);
    expect(await job.finished).toMatchObject({ restarts: 1, sourceRecords: COUNT });
    expect(await published(output)).toEqual(all);
    expect(await readdir(join(output, 'staged'))).toEqual([]);
  },
);

test.each([
  ['before', 3],
  ['midst', 1],
] as const)(
  'a process that dies in a commit, %s its transactions, and goes on with parallelism %i',
  async (point, parallelism) => {
    const [output, directory] = [await temporaryFolder(), await temporaryFolder()];
    const gate = join(output, 'gate');
    await writeFile(join(output, 'doom'), point);
    const script = fileURLToPath(new URL('./fixtures/commit-and-die.mjs', import.meta.url));
    const child = spawn(process.execPath, [script, directory, output, gate], { stdio: 'inherit' });
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    const before = await published(output);
    expect(before).toHaveLength(point === 'before' ? 0 : COUNT / 4);

    await writeFile(gate, '');
    const job = await run(fixture('mortal-sink'), {
      parallelism,
      args: { output, gate, count: COUNT },
      checkpoint: { directory, intervalMs: 3_600_000 },
    });
    expect(await job.finished).toMatchObject({ status: 'finished' });
    expect(await published(output)).toEqual(all);
    expect(await readdir(join(output, 'staged'))).toEqual([]);
  },
);

describe('a sink that breaks the contract ends the job, which says how', () => {
  async function failureOf(mistake: string, timeoutMs?: number): Promise<HoldfastError> {
    const failures: string[] = [];
    const error = await (async () => {
      const job = await run(fixture('mortal-sink'), {
        parallelism: 1,
        args: { output: await temporaryFolder(), mistake, count: 10 },
        checkpoint: { directory: await temporaryFolder(), ...(timeoutMs && { timeoutMs }) },
        ...(timeoutMs && { restart: noRestart() }),
      });
      job.on('failure', ({ code }) => failures.push(String(code)));
      await job.finished;
    })().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(HoldfastError);
    expect(failures.length).toBeLessThanOrEqual(1);
    return error as HoldfastError;
  }

  test.each([
    ['open without a writer', 'open() gave undefined'],
    ['write with a promise', 'write() gives a promise'],
    [
      'transaction with a Map',
      'prepare() gave a transaction that is no JSON data: transaction.rows',
    ],
  ])('%s', async (mistake, problem) => {
    const error = await failureOf(mistake);
    expect(error.code).toBe('ERR_HOLDFAST_SINK_CONTRACT');
    expect(error.message).toContain(`sink 'far side' breaks the contract of sinks: ${problem}`);
  });

  test('a prepare without an end: before the checkpoint times out', async () => {
    const error = await failureOf('prepare without an end', 1_000);
    expect(error.message).toContain("sink 'far side' could not prepare");
    expect(error.message).toContain('has not settled for 900 ms.');
    expect(error.message).toContain('checkpoint.timeoutMs');
  });
});
