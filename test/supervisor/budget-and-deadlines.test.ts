import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/base/random.js';
import { DeadlineQueue } from '../../src/supervisor/deadline-queue.js';
import { RestartBudget } from '../../src/supervisor/restart-budget.js';
import {
  exponentialBackoff,
  failureRate,
  fixedDelay,
  noRestart,
} from '../../src/supervisor/restart-strategy.js';

const noChance: Random = {
  next: () => {
    throw new Error('chance was asked');
  },
};

describe('restart budget', () => {
  it('intensity: a failure exactly a period ago still counts, as in OTP', () => {
    const intensity = { restarts: 2, periodMs: 100 };
    const budget = new RestartBudget({ intensity, backoff: undefined }, noChance);
    const at = (now: number) => budget.answer(now);
    expect([at(0), at(10)]).toEqual([
      { kind: 'restart', attempt: 1, delayMs: 0 },
      { kind: 'restart', attempt: 2, delayMs: 0 },
    ]);
    expect(at(100)).toEqual({ kind: 'give-up', attempts: 2 });
    expect(at(101)).toEqual({ kind: 'restart', attempt: 2, delayMs: 0 });
    expect(budget.describe(110)).toBe('2 of 2 restarts within 100 ms');
    expect(budget.describe(111)).toBe('1 of 2 restarts within 100 ms');
  });

  it('intensity: the period slides by milliseconds, wherever whole seconds begin', () => {
    const intensity = { restarts: 1, periodMs: 1_000 };
    const answers = (first: number, second: number) => {
      const budget = new RestartBudget({ intensity, backoff: undefined }, noChance);
      return [budget.answer(first).kind, budget.answer(second).kind];
    };
    expect(answers(1_999, 2_999)).toEqual(['restart', 'give-up']);
    expect(answers(1_999, 3_000)).toEqual(['restart', 'restart']);
    expect(answers(1_000, 2_000)).toEqual(['restart', 'give-up']);
    expect(answers(1_000, 2_001)).toEqual(['restart', 'restart']);
  });

  it('intensity 0: the first failure gives up', () => {
    const intensity = { restarts: 0, periodMs: 100 };
    const budget = new RestartBudget({ intensity, backoff: undefined }, noChance);
    expect(budget.answer(0)).toEqual({ kind: 'give-up', attempts: 0 });
  });

  it('intensity and back-off: both must allow it, and chance is not spent in vain', () => {
    const intensity = { restarts: 1, periodMs: 100 };
    const budget = new RestartBudget({ intensity, backoff: fixedDelay({ attempts: 3 }) }, noChance);
    expect(budget.answer(0)).toEqual({ kind: 'restart', attempt: 1, delayMs: 1_000 });
    expect(budget.answer(50)).toEqual({ kind: 'give-up', attempts: 1 });
    expect(budget.answer(101)).toEqual({ kind: 'restart', attempt: 2, delayMs: 1_000 });
    expect(budget.answer(202)).toEqual({ kind: 'restart', attempt: 3, delayMs: 1_000 });
    expect(budget.answer(303)).toEqual({ kind: 'give-up', attempts: 3 });
    let asked = 0;
    const random = {
      next: () => {
        asked += 1;
        return 0.5;
      },
    };
    const chancy = new RestartBudget({ intensity, backoff: exponentialBackoff() }, random);
    chancy.answer(0);
    chancy.answer(1);
    expect(asked).toBe(1);
  });

  it('progress begins the back-off anew, not the intensity', () => {
    const intensity = { restarts: 2, periodMs: 100 };
    const budget = new RestartBudget({ intensity, backoff: fixedDelay({ attempts: 1 }) }, noChance);
    budget.answer(0);
    budget.progress();
    expect(budget.answer(1)).toMatchObject({ kind: 'restart', attempt: 1 });
    budget.progress();
    expect(budget.answer(2)).toMatchObject({ kind: 'give-up' });
  });

  it('never answers more than the intensity in any period, and never fewer', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 6 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.nat({ max: 25 }), { maxLength: 200 }),
        (restarts, periodMs, gaps) => {
          const budget = new RestartBudget(
            { intensity: { restarts, periodMs }, backoff: undefined },
            noChance,
          );
          const made: number[] = [];
          let now = 0;
          for (const gap of gaps) {
            now += gap;
            const recent = made.filter((atMs) => now - atMs <= periodMs).length;
            const answer = budget.answer(now);
            if (recent >= restarts) expect(answer).toEqual({ kind: 'give-up', attempts: recent });
            else {
              expect(answer).toEqual({ kind: 'restart', attempt: recent + 1, delayMs: 0 });
              made.push(now);
            }
          }
        },
      ),
    );
  });

  it.each([
    [noRestart(), 'no restarts'],
    [fixedDelay({ attempts: Infinity, delayMs: 5 }), '1 restarts without progress, after 5 ms'],
    [failureRate({ failures: 3 }), '1 of 3 failures within 60000 ms, restarts after 1000 ms'],
    [exponentialBackoff(), '1 of 10 restarts without progress, after 10 to 10000 ms'],
  ])('is told in words: %#', (backoff, words) => {
    const budget = new RestartBudget({ intensity: undefined, backoff }, seededRandom(1));
    budget.answer(0);
    expect(budget.describe(1)).toBe(words);
  });
});

describe('deadline queue', () => {
  it('gives what is due in the order of time, then of adding, also after removals', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), atMs: fc.nat({ max: 20 }) }),
      fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }),
      fc.record({ kind: fc.constant('take' as const), now: fc.nat({ max: 25 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const queue = new DeadlineQueue<number>();
        const kept: { readonly atMs: number; readonly item: number; readonly entry: object }[] = [];
        const first = () => kept.toSorted((a, b) => a.atMs - b.atMs || a.item - b.item)[0];
        for (const [item, one] of steps.entries()) {
          if (one.kind === 'add') {
            kept.push({ atMs: one.atMs, item, entry: queue.add(one.atMs, item) });
          } else if (one.kind === 'remove' && kept.length > 0) {
            const [gone] = kept.splice(one.pick % kept.length, 1);
            queue.remove(gone!.entry as ReturnType<typeof queue.add>);
            queue.remove(gone!.entry as ReturnType<typeof queue.add>); // once is enough
          } else if (one.kind === 'take') {
            const due = first();
            const taken = queue.takeDue(one.now);
            if (due === undefined || due.atMs > one.now) expect(taken).toBeUndefined();
            else {
              expect(taken).toBe(due.item);
              kept.splice(kept.indexOf(due), 1);
            }
          }
          expect(queue.size).toBe(kept.length);
          expect(queue.earliestMs()).toBe(first()?.atMs);
        }
      }),
    );
  });
});
