import { afterEach, describe, expect, test, vi } from 'vitest';
import { fromCollection } from '../../src/connectors/memory/from-collection.js';
import type { Logger } from '../../src/job/job-types.js';
import { resolveOptions } from '../../src/job/options.js';
import { runInline } from '../../src/job/run-inline.js';
import { tellNotices } from '../../src/job/safe-logger.js';
import { tumbling } from '../../src/stream/api/windows.js';

const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
afterEach(() => {
  warnings.mockClear();
});

const all = (log: Logger['info']): Logger => ({ debug: log, info: log, warn: log, error: log });
const guarded = (logger: Logger): Logger => resolveOptions({ logger }).logger!;

describe('a logger', () => {
  test('is called as it was given, as its own method', () => {
    const lines: unknown[] = [];
    class Kept {
      debug = () => {};
      info = () => {};
      error = () => {};
      warn(data: object, message: string): void {
        lines.push([this instanceof Kept, data, message]);
      }
    }
    guarded(new Kept()).warn({ n: 1 }, 'slow');
    expect(lines).toEqual([[true, { n: 1 }, 'slow']]);
    expect(warnings).not.toHaveBeenCalled();
  });

  test('that throws stops nobody, and is told once, with where', () => {
    const logger = guarded(
      all(() => {
        throw new Error('disk full');
      }),
    );
    for (const level of ['debug', 'info', 'warn', 'error'] as const) logger[level]({}, 'x');
    expect(warnings).toHaveBeenCalledTimes(1);
    expect(warnings.mock.calls[0]?.[0]).toMatch(/logger.*disk full[\s\S]*safe-logger\.test\.ts/);
  });

  test('that rejects is no unhandled rejection', async () => {
    const logger = guarded(all((async () => Promise.reject(new Error('far away'))) as never));
    logger.info({}, 'x');
    logger.info({}, 'y');
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toHaveBeenCalledTimes(1);
    expect(warnings.mock.calls[0]?.[0]).toContain('far away');
  });
});

describe('notices of a graph', () => {
  const notices = [{ operator: 'times', text: 'stands behind an exchange' }];

  test('go to the logger, with the operator', () => {
    const lines: unknown[] = [];
    tellNotices(notices, guarded(all((data, message) => lines.push([data, message]))));
    expect(lines).toEqual([[{ operator: 'times' }, 'stands behind an exchange']]);
    expect(warnings).not.toHaveBeenCalled();
  });

  test('are warnings of the process where there is no logger', () => {
    tellNotices(notices, undefined);
    expect(warnings).toHaveBeenCalledWith('stands behind an exchange', {
      type: 'HoldfastWarning',
      code: 'HOLDFAST_NOTICE',
    });
  });

  test('are told when a job with one is started', async () => {
    await runInline((env) => {
      env
        .from(fromCollection([1, 2]))
        .rebalance()
        .withTimestamps((n) => n)
        .keyBy((n) => n)
        .window(tumbling(10))
        .reduce((a) => a)
        .collect('rows');
    });
    expect(warnings.mock.calls.flat()).toContainEqual(
      expect.stringMatching(/withTimestamps.*exchange/),
    );
  });
});
