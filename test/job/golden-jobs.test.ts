/**
 * Checkpoints of whole jobs as former versions wrote them (test/golden-jobs/make.mjs): what is restored
 * from them today is restored from them for ever. If one of these fails, a format has changed without a
 * reader for the old one.
 */

import { describe, expect, test } from 'vitest';
import { checkJob, type JobResult, type RunOptions, run } from '../../dist/index.js';
import { visit, WINDOW_MS } from './fixtures/evolving.job.js';
import { goldenCheckpoints } from './golden-kit.js';
import { fixture, Meter, type TotalRow, totalsProblems } from './kit.js';

const VERSIONS = ['0.1.0'];

async function finished(name: string, directory: string, options: RunOptions): Promise<JobResult> {
  const job = await run(fixture(name), { ...options, checkpoint: { directory, intervalMs: 50 } });
  return await job.finished;
}

describe.each(VERSIONS)('checkpoints of version %s', (version) => {
  test.each([2, 3])(
    'state of all kinds, in full and as changes, on %i slots',
    async (parallelism) => {
      const directory = await goldenCheckpoints(version, 'evolving');
      const args = { version: 1, count: 8_000, keys: 2_500 };
      const { operators, problems } = await checkJob(fixture('evolving'), { directory, args });
      expect(problems).toEqual([]);
      expect(operators.filter(({ fate }) => fate === 'restored').length).toBeGreaterThan(4);
      const { collected, sourceRecords } = await finished('evolving', directory, {
        parallelism,
        args,
      });
      expect(sourceRecords).toBe(8_000);
      const windows = collected['windows'] as { key: string; windowStart: number; n: number }[];
      const counts = new Map<string, number>();
      for (let n = 0; n < 8_000; n += 1) {
        const window = `${visit(n, 2_500).key} ${n - (n % WINDOW_MS)}`;
        counts.set(window, (counts.get(window) ?? 0) + 1);
      }
      expect(
        windows.map(({ key, windowStart, n }) => `${key} ${windowStart}: ${n}`).sort(),
      ).toEqual([...counts].map(([window, n]) => `${window}: ${n}`).sort());
      const extremes = collected['extremes'] as { key: string; n: number }[];
      expect(extremes.map(({ n }) => n).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 8_000 }, (_, n) => n),
      );
    },
  );

  test.each([2, 3])('records in flight, on %i slots', async (parallelism) => {
    const directory = await goldenCheckpoints(version, 'blocked');
    const gate = new SharedArrayBuffer(4);
    Atomics.store(new Int32Array(gate), 0, 1);
    const { collected } = await finished('blocked', directory, {
      parallelism,
      args: { count: 60_000, gate, meter: new Meter(60_000).shared },
    });
    const rows = [...(collected['totals'] as TotalRow[])].sort((a, b) => a.records - b.records);
    expect(totalsProblems(rows, 60_000)).toEqual([]);
  });
});
