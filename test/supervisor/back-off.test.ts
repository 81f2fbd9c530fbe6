import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/base/random.js';
import {
  type BackOffState,
  freshBackOff,
  nextDelay,
  resetBackOff,
} from '../../src/supervisor/back-off.js';
import {
  exponentialBackoff,
  failureRate,
  fixedDelay,
  noRestart,
  type RestartStrategy,
} from '../../src/supervisor/restart-strategy.js';

const fixed = (value: number): Random => ({ next: () => value });
const noChance: Random = {
  next: () => {
    throw new Error('chance was asked');
  },
};

/** Delays until it gives up, each failure at its time. */
function delays(
  strategy: RestartStrategy,
  times: readonly number[],
  random: Random,
): (number | string)[] {
  let state = freshBackOff;
  return times.map((now) => {
    const answer = nextDelay(state, strategy, now, random);
    state = answer.state;
    return answer.kind === 'restart' ? answer.delayMs : `gave up after ${answer.attempts}`;
  });
}

const upTo = (n: number) => Array.from({ length: n }, (_, at) => at);

describe('back-off', () => {
  it('none gives up at once', () => {
    expect(delays(noRestart(), [0], noChance)).toEqual(['gave up after 0']);
  });

  it('fixed delay: exactly its attempts, no chance', () => {
    expect(delays(fixedDelay({ attempts: 3, delayMs: 5 }), upTo(5), noChance)).toEqual([
      5,
      5,
      5,
      'gave up after 3',
      'gave up after 3',
    ]);
    expect(delays(fixedDelay({ attempts: 0 }), [0], noChance)).toEqual(['gave up after 0']);
  });

  it('failure rate: more than the allowed failures within the interval give up', () => {
    const strategy = failureRate({ failures: 2, intervalMs: 100, delayMs: 1 });
    expect(delays(strategy, [0, 50, 99], noChance)).toEqual([1, 1, 'gave up after 2']);
    expect(delays(strategy, [0, 50, 100, 149, 150], noChance)).toEqual([
      1,
      1,
      1,
      'gave up after 2',
      1,
    ]);
  });

  it('exponential: exact without jitter, up to its maximum and its attempts', () => {
    const strategy = exponentialBackoff({ initialMs: 10, maxMs: 100, jitter: 0, maxAttempts: 6 });
    expect(delays(strategy, upTo(7), noChance)).toEqual([
      10,
      20,
      40,
      80,
      100,
      100,
      'gave up after 6',
    ]);
  });

  it('exponential: exact for a given source of chance', () => {
    const strategy = exponentialBackoff({ initialMs: 100, maxMs: 300, jitter: 0.5 });
    expect(delays(strategy, upTo(3), fixed(0))).toEqual([50, 100, 150]);
    expect(delays(strategy, upTo(3), fixed(0.5))).toEqual([100, 200, 300]);
    expect(delays(strategy, upTo(3), fixed(0.75))).toEqual([125, 250, 300]);
    const seeded = () => delays(exponentialBackoff(), upTo(10), seededRandom(7));
    expect(seeded()).toEqual(seeded());
    expect(seeded()).not.toEqual(delays(exponentialBackoff(), upTo(10), seededRandom(8)));
  });

  it('begins anew after progress; a rate does not', () => {
    const strategy = exponentialBackoff({ jitter: 0, maxAttempts: 2 });
    let state = freshBackOff;
    for (const expected of [10, 20]) {
      const answer = nextDelay(state, strategy, 0, noChance);
      expect(answer).toMatchObject({ kind: 'restart', delayMs: expected });
      state = answer.state;
    }
    expect(nextDelay(state, strategy, 0, noChance).kind).toBe('give-up');
    expect(nextDelay(resetBackOff(state), strategy, 0, noChance)).toMatchObject({
      kind: 'restart',
      attempt: 1,
      delayMs: 10,
    });
    const rate = failureRate({ failures: 1, intervalMs: 100 });
    const after = nextDelay(freshBackOff, rate, 0, noChance);
    expect(nextDelay(resetBackOff(after.state), rate, 99, noChance).kind).toBe('give-up');
    expect(nextDelay(resetBackOff(after.state), rate, 100, noChance).kind).toBe('restart');
  });

  it('begins anew after a stable time, which counts from the restart, and not a moment earlier', () => {
    const strategy = exponentialBackoff({ jitter: 0, resetAfterMs: 1_000, maxAttempts: 3 });
    const delaysAt = (...times: number[]) => delays(strategy, times, noChance);
    expect(delaysAt(0, 1, 2, 3)).toEqual([10, 20, 40, 'gave up after 3']);
    expect(delaysAt(0, 1_009, 2_028)).toEqual([10, 20, 40]); // each 1 ms too early
    expect(delaysAt(0, 1_010, 2_020)).toEqual([10, 10, 10]);
    expect(delaysAt(0, 1, 1_021)).toEqual([10, 20, 10]);
    expect(delaysAt(0, 1, 2, 1_042, 1_043)).toEqual([10, 20, 40, 10, 20]); // the attempts as well
  });

  it('without a stable time, none is long enough', () => {
    const strategy = exponentialBackoff({ jitter: 0, resetAfterMs: Infinity });
    expect(delays(strategy, [0, 1e15], noChance)).toEqual([10, 20]);
  });

  it('by default ten minutes are', () => {
    const strategy = exponentialBackoff({ jitter: 0 });
    expect(delays(strategy, [0, 600_009, 1_200_029], noChance)).toEqual([10, 20, 10]);
  });

  it('resets only after the stable time, whatever the times of the failures', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 100 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 60 }),
        (gaps, resetAfterMs) => {
          const strategy = exponentialBackoff({
            initialMs: 5,
            maxMs: 40,
            resetAfterMs,
            maxAttempts: Infinity,
          });
          const random = seededRandom(gaps.length);
          let state = freshBackOff;
          let now = 0;
          let restartAtMs = Infinity;
          let attempt = 0;
          for (const gap of gaps) {
            now += gap;
            attempt = now - restartAtMs >= resetAfterMs ? 1 : attempt + 1;
            const answer = nextDelay(state, strategy, now, random);
            if (answer.kind !== 'restart') throw new Error('gave up');
            expect(answer.attempt).toBe(attempt);
            restartAtMs = now + answer.delayMs;
            state = answer.state;
          }
        },
      ),
    );
  });

  const exponentials = fc
    .record({
      initialMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      factor: fc.double({ min: 1, max: 1_000, noNaN: true }),
      above: fc.double({ min: 0, max: 1e9, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    .map(({ initialMs, factor, above, jitter }) =>
      exponentialBackoff({
        initialMs,
        factor,
        maxMs: initialMs + above,
        jitter,
        maxAttempts: Infinity,
      }),
    );

  it('is never negative, never above the maximum, within its jitter, at any attempt', () => {
    fc.assert(
      fc.property(
        exponentials,
        fc.oneof(fc.nat({ max: 100 }), fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 53 - 2)),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (strategy, attempts, chance) => {
          const state: BackOffState = { attempts, failuresAtMs: [] };
          const answer = nextDelay(state, strategy, 0, fixed(chance));
          if (answer.kind !== 'restart') throw new Error('gave up');
          expect(answer.attempt).toBe(attempts + 1);
          expect(answer.delayMs).toBeGreaterThanOrEqual(0);
          expect(answer.delayMs).toBeLessThanOrEqual(strategy.maxMs);
          const exact =
            strategy.initialMs === 0
              ? 0
              : Math.min(strategy.maxMs, strategy.initialMs * strategy.factor ** attempts);
          // Rounding is relative to the delay, however small the jitter.
          const slack = exact * (strategy.jitter + 1e-12) + Number.MIN_VALUE;
          expect(Math.abs(answer.delayMs - exact)).toBeLessThanOrEqual(slack);
        },
      ),
    );
  });

  it('never allows more than the failures of a rate in any interval', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 5 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.nat({ max: 30 }), { maxLength: 60 }),
        (failures, intervalMs, gaps) => {
          const strategy = failureRate({ failures, intervalMs, delayMs: 0 });
          let state = freshBackOff;
          let now = 0;
          const restarts: number[] = [];
          for (const gap of gaps) {
            now += gap;
            const recent = restarts.filter((atMs) => now - atMs < intervalMs).length;
            const answer = nextDelay(state, strategy, now, noChance);
            state = answer.state;
            expect(answer.kind).toBe(recent < failures ? 'restart' : 'give-up');
            if (answer.kind === 'restart') restarts.push(now);
            expect(state.failuresAtMs.length).toBeLessThanOrEqual(failures);
          }
        },
      ),
    );
  });
});
