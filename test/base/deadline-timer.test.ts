import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DeadlineTimer } from '../../src/base/deadline-timer.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function timerWithLog() {
  const rung: number[] = [];
  const timer = new DeadlineTimer(() => rung.push(performance.now()));
  return { timer, rung, now: performance.now() };
}

test('the last time that was set counts, and none when it is taken back', () => {
  const { timer, rung, now } = timerWithLog();
  timer.set(now + 10);
  timer.set(now + 20);
  vi.advanceTimersByTime(19);
  expect(rung).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(rung).toEqual([now + 20]);
  timer.set(now + 30);
  timer.set(undefined);
  vi.advanceTimersByTime(100);
  expect(rung).toHaveLength(1);
});

test('setAtLatest moves it to an earlier time only', () => {
  const { timer, rung, now } = timerWithLog();
  timer.setAtLatest(now + 20);
  timer.setAtLatest(now + 40);
  timer.setAtLatest(now + 10);
  vi.advanceTimersByTime(100);
  expect(rung).toEqual([now + 10]);
});

test('a time that is over is at once, and one beyond what timers can is waited for, not rung at once', () => {
  const { timer, rung, now } = timerWithLog();
  timer.set(now - 5);
  vi.advanceTimersByTime(0);
  expect(rung).toEqual([now]);
  timer.set(now + 2 ** 40);
  vi.advanceTimersByTime(1_000_000);
  expect(rung).toHaveLength(1);
});
