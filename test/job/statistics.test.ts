/** What checkpoints have cost, with real threads, and after the process that took them. */

import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CheckpointEvent, type Job, run } from '../../dist/index.js';
import { holdfast, jsonLines } from '../cli/fixtures.js';
import { fixture } from './kit.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-statistics-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Slack for clocks of threads, which agree to microseconds, in milliseconds. */
const CLOCKS_MS = 1;

function start(directory: string): Promise<Job> {
  return run(fixture('paced'), {
    parallelism: 2,
    checkpoint: { directory, intervalMs: 3_600_000 },
    args: { out: join(folder, 'out') },
  });
}

test('phases of all tasks, in order; kept across processes; shown by the command line', async () => {
  const directory = join(folder, 'cp');
  const job = await start(directory);
  const events: CheckpointEvent[] = [];
  job.on('checkpoint', (event) => events.push(event));
  const first = await job.checkpointNow();
  const second = await job.checkpointNow();
  await job.stop();

  const { checkpoints } = await job.metrics();
  expect(checkpoints.history.map(({ checkpoint, kind }) => ({ checkpoint, kind }))).toEqual([
    { checkpoint: first, kind: 'manual' },
    { checkpoint: second, kind: 'manual' },
    { checkpoint: second + 1, kind: 'stop' },
  ]);
  expect(checkpoints.inProgress).toEqual([]);
  expect(checkpoints.summary?.count).toBe(3);
  for (const [index, each] of checkpoints.history.entries()) {
    expect(each).toEqual(events[index]?.statistics);
    expect(each.status).toBe('completed');
    expect(each.tasksAcknowledged).toBe(each.tasksTotal);
    expect(each.tasks).toHaveLength(each.tasksTotal);
    expect(each.tasksTotal).toBeGreaterThanOrEqual(2);
    for (const task of each.tasks) {
      const { startDelayMs, alignMs, cutMs, captureMs, writeMs, acknowledgeMs } = task;
      for (const ms of [startDelayMs, alignMs, cutMs, captureMs, writeMs]) {
        expect(ms).toBeGreaterThanOrEqual(0);
      }
      expect(cutMs).toBeLessThanOrEqual(captureMs);
      // The phases follow each other, on two threads; the way between them is not in any of them.
      const sum = startDelayMs + alignMs + captureMs + writeMs;
      expect(sum).toBeLessThanOrEqual(acknowledgeMs + CLOCKS_MS);
      expect(acknowledgeMs).toBeLessThanOrEqual(each.durationMs + CLOCKS_MS);
    }
    expect(each.bytes).toBeGreaterThan(0);
  }

  const later = await start(directory);
  await later.checkpointNow();
  const { checkpoints: continued } = await later.metrics();
  expect(continued.history.slice(0, 3)).toEqual(checkpoints.history);
  expect(continued).toMatchObject({ completed: 1, ofRun: { completed: 4, failed: 0 } });
  await later.cancel();
  await later.finished.catch(() => {});

  const table = await holdfast(['checkpoints', directory, '--history']).ended;
  expect(table.code).toBe(0);
  expect(table.stdout).toMatch(/checkpoint +kind +triggered[\s\S]*manual[\s\S]*completed/);
  const lines = await holdfast(['checkpoints', directory, '--history', '--json']).ended;
  const all = jsonLines(lines);
  expect(all.slice(-4, -1)).toEqual(
    [...checkpoints.history].reverse().map((each) => ({ event: 'checkpoint', ...each })),
  );
  const tasks = await holdfast(['checkpoints', directory, '--history', '--show', `${first}`]).ended;
  expect(tasks.code).toBe(0);
  for (const { vertex, instance } of checkpoints.history[0]!.tasks) {
    expect(tasks.stdout).toContain(`${vertex}#${instance}`);
  }

  // Torn: they begin anew, and nothing else is the matter.
  await truncate(join(directory, 'statistics.json'), 20);
  const torn = await holdfast(['checkpoints', directory, '--history']).ended;
  expect(torn).toMatchObject({ code: 0 });
  expect(torn.stdout).toContain('no statistics');
  const anew = await start(directory);
  await anew.checkpointNow();
  expect((await anew.metrics()).checkpoints.history).toHaveLength(1);
  await anew.cancel();
  await anew.finished.catch(() => {});
});
