import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  nativeThreadId,
  type RunQueueSample,
  RunQueueWait,
  readRunQueue,
} from '../../dist/threads/run-queue.js';

/** One thread, in rounds: how long each took, what it ran of it, what the kernel told as waited, its state. */
class Thread {
  readonly wait = new RunQueueWait();
  #sample: RunQueueSample = { atMs: 500, ranMs: 40, waitedMs: 7, isReady: true };

  constructor() {
    expect(this.wait.take(this.#sample)).toBe(0);
  }

  round(ms: number, ranMs: number, waitedMs: number, isReady: boolean): number {
    const { atMs, ranMs: ran, waitedMs: waited } = this.#sample;
    this.#sample = { atMs: atMs + ms, ranMs: ran + ranMs, waitedMs: waited + waitedMs, isReady };
    return this.wait.take(this.#sample);
  }
}

describe('what a thread waits for a processor', () => {
  it('is known while it waits, and not counted again when the kernel tells it', () => {
    const thread = new Thread();
    expect(thread.round(50, 0, 0, true)).toBe(50);
    expect(thread.round(50, 0, 0, true)).toBe(100);
    expect(thread.round(50, 40, 110, true)).toBe(110);
    expect(thread.round(50, 50, 0, true)).toBe(110);
  });

  it('is nothing for a thread that runs, also when the kernel is behind with that', () => {
    const thread = new Thread();
    expect(thread.round(50, 46, 0, true)).toBe(4);
    for (let n = 0; n < 100; n += 1) {
      expect(thread.round(50, 54, 0, true)).toBe(4);
      expect(thread.round(50, 46, 0, true)).toBeLessThanOrEqual(4);
    }
  });

  it('is not what it sleeps, in a call of its own', () => {
    const thread = new Thread();
    for (let n = 0; n < 40; n += 1) expect(thread.round(50, 0, 0, false)).toBe(0);
    expect(thread.round(50, 5, 20, false)).toBe(20);
    // No more than the round has.
    expect(thread.round(50, 10, 900, false)).toBe(60);
  });
});

const hasSchedstat = existsSync('/proc/thread-self/schedstat');

describe.runIf(hasSchedstat)('the kernel tells', () => {
  it('what this thread ran, and that it is running', () => {
    const id = nativeThreadId();
    expect(id).toBeGreaterThan(0);
    const before = readRunQueue(id, 1)!;
    expect(before).toMatchObject({ atMs: 1, isReady: true });
    let after = before;
    while (after.ranMs === before.ranMs) after = readRunQueue(id, 2)!;
    expect(after.ranMs).toBeGreaterThan(before.ranMs);
    expect(after.waitedMs).toBeGreaterThanOrEqual(before.waitedMs);
  });
});

it('nothing is known of a thread without a number, or that is gone', () => {
  expect(readRunQueue(0, 1)).toBeUndefined();
  expect(readRunQueue(2 ** 22 + 1, 1)).toBeUndefined();
});
