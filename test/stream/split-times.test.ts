/** The one place where a split's time is kept (X1–X7 of split-times.ts). */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RestoredSection, StateSection } from '../../src/stream/operator.js';
import { encodeTime } from '../../src/stream/state/time-section.js';
import { LeastFirst } from '../../src/stream/task/least-first.js';
import { SplitTimes } from '../../src/stream/task/split-times.js';

const NEVER = Number.NEGATIVE_INFINITY;

function timesOf(splits: readonly number[], options: { idleAfterMs?: number } = {}): SplitTimes {
  const times = new SplitTimes({ outOfOrdernessMs: 10, ...options });
  for (const split of splits) times.add(split);
  return times;
}

/** Records of a split, in order. @returns the time of the split just before each */
function speak(times: SplitTimes, split: number, ...timesMs: readonly number[]): number[] {
  times.begin(split);
  return timesMs.map((timeMs) => times.observe(timeMs));
}

function restored(section: StateSection, instance = 0): RestoredSection {
  return { name: section.name, instance, bytes: new Uint8Array(Buffer.concat(section.chunks)) };
}

function restoredFrom(former: readonly SplitTimes[], splits: readonly number[]): SplitTimes {
  const times = new SplitTimes({ outOfOrdernessMs: 10 });
  times.restore(former.map((one, instance) => restored(one.capture(), instance)));
  for (const split of splits) times.add(split);
  return times;
}

describe('the time of a split', () => {
  it('is its highest timestamp less the disorder and one, just before each record (X1)', () => {
    const times = timesOf([0]);
    expect(speak(times, 0, 100, 50, 120, 110)).toEqual([NEVER, 89, 89, 109]);
  });

  it('does not depend on what else is read (X1)', () => {
    const records = fc.array(fc.record({ split: fc.nat(3), timeMs: fc.integer() }));
    fc.assert(
      fc.property(records, (list) => {
        const together = timesOf([0, 1, 2, 3]);
        const before = list.map(({ split, timeMs }) => speak(together, split, timeMs)[0]);
        for (const split of [0, 1, 2, 3]) {
          const own = list.filter((one) => one.split === split).map(({ timeMs }) => timeMs);
          const alone = speak(timesOf([split]), split, ...own);
          expect(before.filter((_, i) => list[i]!.split === split)).toEqual(alone);
        }
      }),
    );
  });
});

describe('the watermark', () => {
  it('is the least of the splits, once all have spoken or been touched (X2, X3)', () => {
    const times = timesOf([3, 7]);
    speak(times, 3, 100);
    expect(times.advance()).toBeUndefined();
    times.touch(7, 60);
    expect(times.advance()).toBe(49);
    expect(times.holder).toEqual({ index: 7, ownMs: 49, isBehind: true });
    speak(times, 7, 200);
    expect(times.advance()).toBe(89);
    expect(times.advance()).toBeUndefined();
  });

  it('goes by the bound that a source declares, up to one below it (X3)', () => {
    const times = timesOf([0]);
    times.add(1, 500);
    speak(times, 0, 1_000);
    expect(times.isKnown(1)).toBe(true);
    expect(times.advance()).toBe(499);
    // A bound is no record: it makes none late.
    expect(speak(times, 1, 505)).toEqual([NEVER]);
  });

  it('goes on without splits that have ended, and stays when none is left', () => {
    const times = timesOf([0, 1]);
    speak(times, 0, 100);
    speak(times, 1, 300);
    times.finish(0);
    expect(times.advance()).toBe(289);
    times.finish(1);
    expect(times.advance()).toBeUndefined();
    expect(times.saidMs).toBe(289);
  });

  it('never goes back, whatever comes (I23)', () => {
    const step = fc.record({
      split: fc.nat(3),
      timeMs: fc.integer(),
      what: fc.constantFrom('speak', 'speak', 'speak', 'judge', 'finish', 'restore'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let times = timesOf([0, 1, 2, 3], { idleAfterMs: 5 });
        const left = new Set([0, 1, 2, 3]);
        let said = NEVER;
        let now = 0;
        for (const { split, timeMs, what } of steps) {
          now += 5;
          if (what === 'judge') times.judge(now, (one) => one !== split);
          else if (what === 'restore') times = restoredFrom([times], [...left]);
          else if (!left.has(split)) continue;
          else if (what === 'speak') speak(times, split, timeMs);
          else {
            times.finish(split);
            left.delete(split);
          }
          const watermark = times.advance();
          if (watermark === undefined) continue;
          expect(watermark).toBeGreaterThan(said);
          said = watermark;
        }
      }),
    );
  });
});

describe('idleness', () => {
  const always = () => true;

  it('lets time go on without a split that could have spoken and did not (X4)', () => {
    const times = timesOf([0, 1], { idleAfterMs: 100 });
    times.judge(1_000, always);
    speak(times, 0, 500);
    expect(times.idleDueMs).toBe(1_100);
    times.judge(1_090, always);
    expect(times.advance()).toBeUndefined();
    expect(times.idleDueMs).toBe(1_100);
    times.judge(1_100, always);
    expect(times.advance()).toBe(489);
    expect(times.isIdle).toBe(false);
  });

  it('does not count the time during which nobody asked (X4)', () => {
    const times = timesOf([0, 1], { idleAfterMs: 100 });
    speak(times, 0, 500);
    for (let now = 0; now <= 1_000; now += 50) times.judge(now, (split) => split !== 1);
    expect(times.advance()).toBeUndefined();
  });

  it('counts the time by pieces for one that is asked in turns (X4)', () => {
    const times = timesOf([0, 1], { idleAfterMs: 100 });
    // Asked in every third of the time: it takes three times as long, and no longer.
    for (let now = 0; now <= 290; now += 10) {
      speak(times, 0, 500);
      times.judge(now, (split) => split !== 1 || now % 30 === 0);
    }
    expect(times.advance()).toBeUndefined();
    for (let now = 300; now <= 330; now += 10) {
      speak(times, 0, 500);
      times.judge(now, (split) => split !== 1 || now % 30 === 0);
    }
    expect(times.advance()).toBe(489);
  });

  it('holds the watermark for who returns, where it stands (X4, I25)', () => {
    const times = timesOf([0, 1], { idleAfterMs: 100 });
    speak(times, 0, 500);
    times.judge(0, always);
    speak(times, 0, 500);
    times.judge(100, always);
    expect(times.advance()).toBe(489);
    expect(speak(times, 1, 200)).toEqual([NEVER]);
    speak(times, 0, 900);
    expect(times.advance()).toBeUndefined();
    expect(times.holder?.index).toBe(1);
    speak(times, 1, 700);
    expect(times.advance()).toBe(689);
  });

  it('does not go on to the latest when all are idle (X5)', () => {
    const times = timesOf([0, 1], { idleAfterMs: 100 });
    speak(times, 0, 900);
    speak(times, 1, 500);
    expect(times.advance()).toBe(489);
    times.judge(0, always);
    times.judge(100, always);
    times.judge(200, always);
    expect(times.isIdle).toBe(true);
    expect(times.advance()).toBeUndefined();
  });

  it('lets time come as far as it would have, when several are found idle late', () => {
    const times = timesOf([0, 1], { idleAfterMs: 100 });
    times.judge(0, always);
    speak(times, 0, 500);
    times.judge(50, always);
    times.judge(1_000, always);
    expect(times.isIdle).toBe(true);
    expect(times.advance()).toBe(489);
  });

  it.each([
    ['falls idle with the others', 0],
    ['falls idle after the others', 100],
  ])('does not let one that never spoke hold time back when it %s (X5)', (_, openedMs) => {
    const times = timesOf([0, 1, 2], { idleAfterMs: 100 });
    speak(times, 1, 500);
    speak(times, 2, 700);
    const asked = (split: number, sinceMs: number): boolean => split > 0 || sinceMs >= openedMs;
    for (let now = 0; now <= 400; now += 50) times.judge(now, asked);
    expect(times.isIdle).toBe(true);
    expect(times.advance()).toBe(489);
    speak(times, 0, 5);
    expect(times.advance()).toBeUndefined();
  });

  it('is off by default', () => {
    const times = timesOf([0]);
    times.judge(0, always);
    times.judge(1e12, always);
    expect(times.isIdle).toBe(false);
    expect(times.idleDueMs).toBeUndefined();
  });
});

describe('a snapshot', () => {
  it('holds the time of each split, for whoever reads it next (X7)', () => {
    const four = [0, 1, 2, 3].map((split) => {
      const times = timesOf([split]);
      speak(times, split, 100 * (split + 1));
      times.advance();
      return times;
    });
    const first = restoredFrom(four, [0, 2]);
    const second = restoredFrom(four, [1, 3]);
    expect([first.ownMs(0), first.ownMs(2)]).toEqual([89, 289]);
    expect([second.ownMs(1), second.ownMs(3)]).toEqual([189, 389]);
    expect(first.saidMs).toBe(89);
    expect(second.advance()).toBe(189);
  });

  it('remembers who was idle', () => {
    const times = timesOf([0, 1], { idleAfterMs: 1 });
    speak(times, 0, 500);
    times.judge(0, () => true);
    times.judge(1, (split) => split === 1);
    const again = restoredFrom([times], [0, 1]);
    expect(again.advance()).toBe(489);
  });

  it('of 0.1.0 gives the time of the instance, which nobody falls behind', () => {
    const times = new SplitTimes({ outOfOrdernessMs: 10 });
    times.restore([700, 300].map((ms, i) => restored(encodeTime('time', ms), i)));
    times.add(0);
    times.add(1);
    expect(times.saidMs).toBe(289);
    expect(times.isKnown(0)).toBe(false);
    speak(times, 0, 400);
    speak(times, 1, 100);
    expect(times.advance()).toBeUndefined();
  });

  it('is one time where no splits are read (X6)', () => {
    const [early, late] = [100, 300].map((timeMs) => {
      const times = new SplitTimes({ outOfOrdernessMs: 10 });
      times.addOnly();
      times.observe(timeMs);
      return times;
    });
    const times = new SplitTimes({ outOfOrdernessMs: 10 });
    times.restore([restored(early!.capture()), restored(late!.capture(), 1)]);
    times.addOnly();
    expect(times.advance()).toBe(89);
  });

  it('that is damaged is refused', () => {
    const section = restored(timesOf([0]).capture());
    section.bytes[0] = 9;
    const times = new SplitTimes({ outOfOrdernessMs: 0 });
    expect(() => times.restore([section])).toThrow(/version 9/);
  });
});

describe('the least first', () => {
  it('gives items by their times of now, and of equal ones the first by index', () => {
    const growth = fc.array(fc.tuple(fc.nat(19), fc.nat(50)), { maxLength: 100 });
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 20 }), growth, (start, grow) => {
        const items = start.map((timeMs, index) => ({ index, timeMs }));
        const least = new LeastFirst<(typeof items)[number]>(({ timeMs }) => timeMs);
        for (const item of items) least.add(item);
        for (const [at, by] of grow) {
          const item = items[at];
          if (item !== undefined) item.timeMs += by;
          if (by % 5 === 0 && item !== undefined) {
            least.remove(item);
            least.add(item);
          }
          const expected = [...items].sort((a, b) => a.timeMs - b.timeMs || a.index - b.index);
          expect(least.least()).toBe(expected[0]);
        }
        const order = items.map(() => least.take()!);
        const expected = [...items].sort((a, b) => a.timeMs - b.timeMs || a.index - b.index);
        expect(order).toEqual(expected);
        expect(least.size).toBe(0);
      }),
    );
  });
});
