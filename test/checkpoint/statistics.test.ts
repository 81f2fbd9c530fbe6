/** What checkpoints have cost: sums, spreads, the bounded history, and what a torn file does: nothing. */

import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/checkpoint/memory-store.js';
import {
  CheckpointHistory,
  CheckpointMeter,
  type CheckpointStatistics,
  decodeStatistics,
  encodeStatistics,
  HISTORY_MAX,
  summaryOf,
  TASKS_KEPT_MAX,
  type TaskCheckpointStatistics,
} from '../../src/checkpoint/statistics.js';

function task(instance: number, bytes = 10): TaskCheckpointStatistics {
  return {
    vertex: 'count',
    instance,
    startDelayMs: instance,
    alignMs: 2 * instance,
    cutMs: 1,
    captureMs: 3,
    writeMs: 4,
    acknowledgeMs: 20 + instance,
    bytes,
    fullBytes: bytes - 4,
    deltaBytes: 4,
    inFlightBytes: 1,
    overtaken: false,
  };
}

function taken(checkpoint: number, durationMs = 1, tasks = 3): CheckpointStatistics {
  const meter = new CheckpointMeter({
    checkpoint,
    kind: 'periodic',
    triggeredAtMs: 1_000,
    tasksTotal: tasks,
  });
  for (let i = 0; i < tasks; i += 1) meter.acknowledged(task(i));
  return meter.statistics('completed', durationMs);
}

test('a checkpoint sums its tasks up', () => {
  const given = taken(1);
  expect(given).toMatchObject({ bytes: 30, fullBytes: 18, deltaBytes: 12, inFlightBytes: 3 });
  expect(given.phases?.alignMs).toEqual({ min: 0, max: 4, average: 2 });
  expect(given.phases?.acknowledgeMs).toEqual({ min: 20, max: 22, average: 21 });
  expect(given).toMatchObject({ tasksTotal: 3, tasksAcknowledged: 3 });
});

test('tasks are kept up to a limit, their sums beyond it', () => {
  const given = taken(1, 1, TASKS_KEPT_MAX + 1);
  expect(given.tasks).toEqual([]);
  expect(given.bytes).toBe(10 * (TASKS_KEPT_MAX + 1));
  expect(taken(1, 1, TASKS_KEPT_MAX).tasks).toHaveLength(TASKS_KEPT_MAX);
});

test('the summary is over the completed ones; percentiles are values that occurred', () => {
  const history = Array.from({ length: 100 }, (_, i) => taken(i + 1, 100 - i));
  const failed = { ...taken(101, 5_000), status: 'failed' as const };
  expect(summaryOf([...history, failed])).toMatchObject({
    count: 100,
    durationMs: { min: 1, max: 100, average: 50.5, p50: 50, p95: 95, p99: 99 },
  });
  expect(summaryOf([failed])).toBeUndefined();
});

test('S1: the history is bounded, the counts are not', () => {
  const history = new CheckpointHistory('run');
  for (let id = 1; id <= HISTORY_MAX + 5; id += 1) history.add(taken(id));
  expect(history.ended).toHaveLength(HISTORY_MAX);
  expect(history.ended[0]?.checkpoint).toBe(6);
  expect(history.completed).toBe(HISTORY_MAX + 5);
});

test('a later process of the run goes on, and another run begins anew', () => {
  const before = new CheckpointHistory('run');
  before.add(taken(1));
  before.add({ ...taken(2), status: 'failed' });
  const kept = decodeStatistics(encodeStatistics(before.record()));
  const after = new CheckpointHistory('run');
  // What ended before the file was read is newer.
  after.add(taken(3));
  after.restore(kept);
  expect(after.ended.map(({ checkpoint }) => checkpoint)).toEqual([1, 2, 3]);
  expect([after.completed, after.failed]).toEqual([2, 1]);
  const other = new CheckpointHistory('other');
  other.restore(kept);
  expect(other.ended).toEqual([]);
});

test('S2: whatever is torn, flipped or of another version is no statistics, and no error', () => {
  const history = new CheckpointHistory('run');
  history.add(taken(1));
  const whole = encodeStatistics(history.record());
  expect(decodeStatistics(whole)).toEqual(history.record());
  // The last two bytes are the closing brace and the end of the line.
  for (let end = 0; end < whole.length - 1; end += 1) {
    expect(decodeStatistics(whole.subarray(0, end))).toBeUndefined();
  }
  for (const text of ['null', '[]', '{"format":2}', '{"format":1,"run":"r"}', '1']) {
    expect(decodeStatistics(Buffer.from(text))).toBeUndefined();
  }
  const broken = { ...history.record(), history: [{ ...taken(1), durationMs: 'long' }] };
  expect(decodeStatistics(Buffer.from(JSON.stringify(broken)))).toBeUndefined();
  expect(decodeStatistics(undefined)).toBeUndefined();
});

test('a store in memory keeps them, and forgets them with its checkpoints', async () => {
  const store = new MemoryStore();
  await store.acquire();
  expect(await store.readStatistics()).toBeUndefined();
  await store.writeStatistics(new Uint8Array([1, 2]));
  await store.close();
  await store.acquire();
  expect(await store.readStatistics()).toEqual(new Uint8Array([1, 2]));
  await store.clear();
  expect(await store.readStatistics()).toBeUndefined();
});
