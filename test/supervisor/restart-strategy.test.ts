import { describe, expect, it } from 'vitest';
import { isHoldfastError } from '../../src/base/errors.js';
import {
  checkRestartStrategy,
  exponentialBackoff,
  failureRate,
  fixedDelay,
  noRestart,
  type RestartStrategy,
} from '../../src/supervisor/restart-strategy.js';

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isHoldfastError(error, 'ERR_HOLDFAST_BAD_OPTION')) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('restart strategies', () => {
  it('have defaults, also for explicit undefined', () => {
    expect(noRestart()).toEqual({ kind: 'none', resetTimeoutMs: 500 });
    expect(fixedDelay({ attempts: undefined, delayMs: 7 })).toEqual({
      kind: 'fixed-delay',
      attempts: 10,
      delayMs: 7,
      resetTimeoutMs: 500,
    });
    expect(failureRate({ failures: 2, intervalMs: undefined })).toEqual({
      kind: 'failure-rate',
      failuresMax: 2,
      intervalMs: 60_000,
      delayMs: 1_000,
      resetTimeoutMs: 500,
    });
    const exponential = {
      kind: 'exponential-backoff',
      initialMs: 10,
      factor: 2,
      maxMs: 10_000,
      jitter: 0.1,
      maxAttempts: 10,
      resetAfterMs: 600_000,
      resetTimeoutMs: 500,
    };
    expect(exponentialBackoff()).toEqual(exponential);
    expect(exponentialBackoff({ maxMs: undefined })).toEqual(exponential);
  });

  it('are frozen plain data that survives a clone', () => {
    const stable = exponentialBackoff({ resetAfterMs: 60_000 });
    expect(stable.resetAfterMs).toBe(60_000);
    const all = [noRestart(), fixedDelay(), failureRate(), exponentialBackoff(), stable];
    for (const strategy of all) {
      expect(Object.isFrozen(strategy)).toBe(true);
      expect(checkRestartStrategy(structuredClone(strategy))).toEqual(strategy);
    }
  });

  it('may never give up', () => {
    expect(fixedDelay({ attempts: Infinity }).attempts).toBe(Infinity);
    expect(exponentialBackoff({ maxAttempts: Infinity }).maxAttempts).toBe(Infinity);
  });

  it('let the default maximum give way to a long first delay', () => {
    expect(exponentialBackoff({ initialMs: 60_000 }).maxMs).toBe(60_000);
  });

  it.each<[string, () => unknown, string[]]>([
    ['a negative delay', () => fixedDelay({ delayMs: -1 }), ['restart.delayMs', '-1', '0']],
    ['NaN', () => fixedDelay({ delayMs: Number.NaN }), ['restart.delayMs', 'NaN', 'milliseconds']],
    [
      'an endless delay',
      () => fixedDelay({ delayMs: Infinity }),
      ['restart.delayMs', '2147483647'],
    ],
    ['half an attempt', () => fixedDelay({ attempts: 1.5 }), ['restart.attempts', '1.5', 'whole']],
    ['text', () => fixedDelay({ attempts: '3' as never }), ['restart.attempts', "'3'", 'number']],
    ['null', () => fixedDelay({ attempts: null as never }), ['restart.attempts', 'null']],
    ['endless failures', () => failureRate({ failures: Infinity }), ['restart.failures', '10000']],
    ['an empty interval', () => failureRate({ intervalMs: 0 }), ['restart.intervalMs', '0', '1']],
    ['a shrinking factor', () => exponentialBackoff({ factor: 0.5 }), ['restart.factor', '0.5']],
    ['too much jitter', () => exponentialBackoff({ jitter: 1.1 }), ['restart.jitter', '1.1', '1']],
    [
      'a maximum below the first delay',
      () => exponentialBackoff({ initialMs: 50, maxMs: 20 }),
      ['restart.maxMs', '20', 'restart.initialMs (50)'],
    ],
    [
      'no stable time',
      () => exponentialBackoff({ resetAfterMs: 0 }),
      ['restart.resetAfterMs', '0', '1'],
    ],
    ['no time to reset', () => noRestart({ resetTimeoutMs: 0 }), ['restart.resetTimeoutMs', '0']],
    [
      'an unknown name',
      () => exponentialBackoff({ intialMs: 5 } as never),
      ['restart.intialMs', 'did you mean restart.initialMs?'],
    ],
    ['no object', () => fixedDelay(3 as never), ['restart', '3', 'an object']],
  ])('refuse %s', (_, act, words) => {
    const message = refusal(act);
    for (const word of words) expect(message).toContain(word);
  });

  it.each<[string, unknown, string]>([
    ['a number', 3, 'fixedDelay()'],
    ['null', null, 'fixedDelay()'],
    ['an unknown kind', { kind: 'sometimes' }, 'fixedDelay()'],
    ['a literal with a bad number', { kind: 'fixed-delay', attempts: -1 }, 'restart.attempts'],
    ['a literal with another name', { kind: 'none', attempts: 1 }, 'restart.attempts'],
  ])('are refused as %s', (_, given, word) => {
    expect(refusal(() => checkRestartStrategy(given as RestartStrategy))).toContain(word);
  });

  it('accept a literal, defaults filled in', () => {
    const given = { kind: 'failure-rate', failuresMax: 1 } as RestartStrategy;
    expect(checkRestartStrategy(given)).toEqual(failureRate({ failures: 1 }));
  });
});
