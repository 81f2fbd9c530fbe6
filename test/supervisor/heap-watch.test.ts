import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HeapSample, type HeapVerdict, HeapWatch } from '../../src/supervisor/heap-watch.js';

const LIMIT = 1_000;

class Watch {
  readonly machine: HeapWatch;

  constructor(restartAt?: number, reportAt = 0.85) {
    this.machine = new HeapWatch({ reportAt, restartAt });
  }

  beat(share: number, more: Partial<HeapSample> = {}): HeapVerdict {
    return this.machine.observe({
      slot: 0,
      incarnation: 1,
      usedBytes: share * LIMIT,
      limitBytes: LIMIT,
      working: true,
      mayRestart: true,
      ...more,
    });
  }

  /** What is said, without the silence. */
  beats(shares: readonly number[], more: Partial<HeapSample> = {}): string {
    return shares
      .map((share) => this.beat(share, more))
      .map((verdict) => ({ none: '.', report: 'R', restart: 'X' })[verdict])
      .join('');
  }
}

describe('heap watch', () => {
  it('reports what stays high for several beats, once', () => {
    expect(new Watch().beats([0.1, 0.9, 0.9, 0.9, 0.95, 0.99, 0.9])).toBe('...R...');
  });

  it('does not take garbage for pressure: a collection in between', () => {
    expect(new Watch().beats([0.9, 0.95, 0.5, 0.9, 0.95, 0.5, 0.9, 0.95, 0.84])).toBe('.........');
  });

  it('reports again after relief, and not for going up and down around the limit', () => {
    const watch = new Watch();
    expect(watch.beats([0.86, 0.86, 0.86])).toBe('..R');
    expect(watch.beats([0.84, 0.84, 0.84, 0.86, 0.86, 0.86])).toBe('......');
    expect(watch.beats([0.7, 0.7, 0.7, 0.86, 0.86, 0.86])).toBe('.....R');
  });

  it('a new thread is a new episode', () => {
    const watch = new Watch();
    expect(watch.beats([0.9, 0.9, 0.9])).toBe('..R');
    expect(watch.beats([0.9, 0.9, 0.9], { incarnation: 2 })).toBe('..R');
  });

  it('judges each slot by itself', () => {
    const watch = new Watch();
    expect(watch.beats([0.9, 0.9])).toBe('..');
    expect(watch.beats([0.9, 0.9, 0.9], { slot: 1 })).toBe('..R');
    expect(watch.beats([0.9])).toBe('R');
  });

  it('judges only what works, and what is known', () => {
    const watch = new Watch(0.9);
    expect(watch.beats([0.1, 0.99, 0.99, 0.99, 0.99], { working: false })).toBe('.....');
    expect(watch.beats([0.99, 0.99, 0.99], { limitBytes: 0 })).toBe('...');
  });

  it('reports first, restarts later', () => {
    expect(new Watch(0.95).beats([0.1, 0.86, 0.86, 0.86, 0.95, 0.96, 0.97])).toBe('...R..X');
  });

  it('says nothing but the restart where both begin together', () => {
    expect(new Watch(0.85).beats([0.1, 0.9, 0.9, 0.9, 0.9, 0.9])).toBe('...X..');
  });

  it('one restart at a time, over all slots', () => {
    const watch = new Watch(0.85);
    expect(watch.beats([0.1, 0.9, 0.9, 0.9])).toBe('...X');
    expect(watch.beats([0.1, 0.9, 0.9, 0.9, 0.9], { slot: 1 })).toBe('...R.');
    watch.machine.restartEnded();
    expect(watch.beats([0.9, 0.9], { slot: 1 })).toBe('X.');
  });

  it('waits until a restart may be, and forgets it when the pressure is gone', () => {
    const watch = new Watch(0.85);
    expect(watch.beats([0.1, 0.9, 0.9, 0.9, 0.9], { mayRestart: false })).toBe('...R.');
    expect(watch.beats([0.9])).toBe('X');
    watch.machine.restartEnded();
    expect(watch.beats([0.5, 0.9, 0.9], { mayRestart: true })).toBe('...');
  });

  it('a restart that was not carried out is ordered again', () => {
    const watch = new Watch(0.85);
    expect(watch.beats([0.1, 0.9, 0.9, 0.9])).toBe('...X');
    watch.machine.restartEnded();
    expect(watch.beats([0.9])).toBe('X');
  });

  it('does not restart what would come back as full: state from the checkpoint', () => {
    const watch = new Watch(0.85);
    expect(watch.beats([0.5, 0.9, 0.9, 0.9])).toBe('...X');
    watch.machine.restartEnded();
    // The next thread has restored it all, and is never lower.
    expect(watch.beats([0.2, 0.6, 0.8], { incarnation: 2, working: false })).toBe('...');
    expect(watch.beats([0.8, 0.86, 0.9, 0.9, 0.9, 0.9], { incarnation: 2 })).toBe('...R..');
  });

  it('holds its promises for any course of things', () => {
    const course = fc.array(
      fc.record({
        slot: fc.nat({ max: 2 }),
        share: fc.float({ min: 0, max: 1, noNaN: true }),
        working: fc.boolean(),
        mayRestart: fc.boolean(),
        ends: fc.boolean(),
      }),
      { maxLength: 120 },
    );
    fc.assert(
      fc.property(course, (events) => {
        const watch = new Watch(0.5, 0.4);
        let restarting = false;
        const high = [0, 0, 0];
        const low = [1, 1, 1];
        for (const { slot, share, working, mayRestart, ends } of events) {
          if (ends) {
            watch.machine.restartEnded();
            restarting = false;
          }
          const verdict = watch.beat(share, { slot, working, mayRestart });
          high[slot] = working && share * LIMIT >= 400 ? high[slot]! + 1 : 0;
          low[slot] = working ? Math.min(low[slot]!, share) : 1;
          if (verdict !== 'none') expect(high[slot]).toBeGreaterThanOrEqual(3);
          if (verdict !== 'restart') continue;
          expect({ mayRestart, restarting }).toEqual({ mayRestart: true, restarting: false });
          expect(low[slot]).toBeLessThanOrEqual(0.4);
          restarting = true;
        }
      }),
    );
  });
});
