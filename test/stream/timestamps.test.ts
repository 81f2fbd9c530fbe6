import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { timestampsOperator } from '../../src/stream/operators/timestamps-operator.js';
import { ObservedSplits } from '../../src/stream/task/observed-splits.js';
import { Harness } from './operator-kit.js';

/** Splits 0 and 1 of a source. */
function timed() {
  const splits = new ObservedSplits(() => undefined);
  const create = timestampsOperator((t: number) => t, { outOfOrdernessMs: 0, idleAfterMs: 100 });
  const harness = new Harness(create, { splits });
  splits.add(0);
  splits.add(1);
  let now = 0;
  return {
    give: (split: number, record: number): void => {
      splits.begin(split);
      harness.feed({ record });
    },
    finish: (split: number): void => splits.finish(split),
    /** Settles a while later, so that who gave nothing meanwhile is idle; tells what is said of time then. */
    later: () => {
      harness.time.length = 0;
      for (let i = 0; i < 3; i += 1) {
        now += 60;
        vi.spyOn(performance, 'now').mockReturnValue(now);
        harness.settle();
      }
      return harness.time;
    },
  };
}

describe('splits that are idle', () => {
  beforeEach(() => {
    vi.spyOn(performance, 'now').mockReturnValue(0);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('are told again when one ends, and those that are left bring time further', () => {
    const { give, finish, later } = timed();
    give(0, 50);
    give(1, 700);
    expect(later()).toEqual([49, 'idle']);
    expect(later()).toEqual([]);
    finish(0);
    expect(later()).toEqual([699, 'idle']);
  });

  it('are silent when the last one that had spoken has ended', () => {
    const { give, finish, later } = timed();
    give(0, 50);
    expect(later()).toEqual([49, 'idle']);
    finish(0);
    expect(later()).toEqual(['idle, silent']);
    give(1, 10);
    expect(later()).toEqual(['idle']);
  });
});
