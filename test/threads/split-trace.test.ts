/** What a source task leaves of itself outside of its process. */

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { splitKey } from '../../dist/stream/task/source-splits.js';
import { readTraces, SplitTrace } from '../../dist/threads/split-trace.js';

let folder = '';
let fd = -1;
let now = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-traced-'));
  fd = openSync(join(folder, 'splits'), 'w+');
  now = 1_000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  vi.restoreAllMocks();
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

const f64 = (...of: number[]) => Float64Array.from(of);
const told = () => Object.fromEntries(readTraces(fd));

test('tells the splits of all tasks, and nothing where there are none', () => {
  expect(told()).toEqual({});
  new SplitTrace(fd, 7).begin(f64(11, 12), f64(5, 0));
  new SplitTrace(fd, 2).begin(f64(13), f64(9));
  new SplitTrace(fd, 3).begin(f64(), f64());
  expect(told()).toEqual({ 11: 5, 12: 0, 13: 9 });
  ftruncateSync(fd, 0);
  expect(told()).toEqual({});
});

test('of a split that has moved to another task, what counts is how far it came', () => {
  new SplitTrace(fd, 1).begin(f64(11, 12), f64(9, 3));
  new SplitTrace(fd, 5).begin(f64(11, 12), f64(4, 7));
  expect(told()).toEqual({ 11: 9, 12: 7 });
});

test('the first record of a split is told at once, after a start and after each snapshot (X2)', () => {
  const trace = new SplitTrace(fd, 0);
  trace.begin(f64(11, 12), f64(5, 6));
  trace.reads(0, 6);
  trace.reads(1, 7);
  expect(told()).toEqual({ 11: 6, 12: 7 });
  trace.reads(0, 7);
  expect(told()).toEqual({ 11: 6, 12: 7 });
  trace.snapshot();
  trace.reads(0, 8);
  expect(told()).toEqual({ 11: 8, 12: 7 });
});

test('then it is told from time to time (X3)', () => {
  const trace = new SplitTrace(fd, 0);
  trace.begin(f64(11), f64(0));
  for (let n = 1; n <= 100; n += 1) {
    trace.reads(0, n);
    now += 0.25;
  }
  expect(told()).toEqual({ 11: 81 });
});

test('more splits, or another start, tell all of them anew', () => {
  const trace = new SplitTrace(fd, 0);
  trace.begin(f64(11), f64(0));
  trace.reads(0, 9);
  trace.begin(f64(11, 12), f64(9, 0));
  trace.reads(1, 1);
  expect(told()).toEqual({ 11: 9, 12: 1 });
  new SplitTrace(fd, 0).begin(f64(12), f64(0));
  expect(told()).toEqual({ 12: 0 });
});

test('a file that takes nothing is no trouble of the task (X4)', () => {
  const trace = new SplitTrace(openSync(join(folder, 'splits'), 'r'), 0);
  trace.begin(f64(11), f64(0));
  trace.reads(0, 1);
  trace.begin(f64(11), f64(0));
  trace.reads(0, 1);
  expect(told()).toEqual({});
});

test('splits have keys of their own, whole numbers, the same for ever', () => {
  const keys = new Set<number>();
  for (let n = 0; n < 50_000; n += 1) keys.add(splitKey('orders', `2024/part-${n}.ndjson`));
  expect(keys.size).toBe(50_000);
  for (const key of keys) expect(Number.isSafeInteger(key)).toBe(true);
  expect(splitKey('a', 'b')).toBe(splitKey('a', 'b'));
  expect(splitKey('a', 'b')).not.toBe(splitKey('b', 'b'));
});
