/** What a checkpoint has to be beyond, so that a budget of restarts begins anew. */

import { describe, expect, test } from 'vitest';
import {
  type CheckpointEvent,
  exponentialBackoff,
  fixedDelay,
  HoldfastError,
  type RunOptions,
  run,
} from '../../dist/index.js';
import { fixture, temporaryFolder } from './kit.js';

interface Ended {
  readonly error: HoldfastError;
  readonly checkpoints: number;
  readonly ms: number;
}

async function ended(args: Record<string, unknown>, options: RunOptions): Promise<Ended> {
  const job = await run(fixture('stubborn'), {
    parallelism: 2,
    args,
    checkpoint: { directory: await temporaryFolder(), intervalMs: 10 },
    ...options,
  });
  let checkpoints = 0;
  job.on('checkpoint', (event: CheckpointEvent) => {
    if (event.kind === 'completed') checkpoints += 1;
  });
  const startedMs = performance.now();
  const error = await job.finished.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(HoldfastError);
  const ms = performance.now() - startedMs;
  return { error: error as HoldfastError, checkpoints, ms };
}

describe('poison behind a pause', () => {
  const ways = ['record', 'keyed', 'selector', 'behindFiring', 'firing', 'exit'];
  for (const how of ways) {
    test(`ends with the budget: ${how}`, async () => {
      const { error, checkpoints } = await ended(
        { how },
        { restart: fixedDelay({ attempts: 3, delayMs: 0 }) },
      );
      expect(error.code).toBe('ERR_HOLDFAST_RESTART_BUDGET');
      expect(error.details).toMatchObject({ attempts: 3 });
      expect(error.message).toContain('gave up after 3 restarts without progress');
      expect(checkpoints).toBeGreaterThan(0); // All of them were on the way there.
    });
  }

  for (const how of ['endless', 'endlessBehindExchange']) {
    test(`ends with the budget: ${how}`, async () => {
      const { error } = await ended(
        { how },
        {
          restart: fixedDelay({ attempts: 2, delayMs: 0 }),
          heartbeat: { intervalMs: 20, timeoutMs: 300 },
        },
      );
      expect(error.code).toBe('ERR_HOLDFAST_RESTART_BUDGET');
      expect(error.details).toMatchObject({ attempts: 2 });
    });
  }

  test('ends with the budget also when checkpoints overtake records', async () => {
    const { error } = await ended(
      { how: 'keyed' },
      {
        checkpoint: {
          directory: await temporaryFolder(),
          intervalMs: 10,
          alignment: 'unaligned',
        },
        restart: fixedDelay({ attempts: 3, delayMs: 0 }),
      },
    );
    expect(error.details).toMatchObject({ attempts: 3 });
  });
});

describe('the same failure of user code', () => {
  for (const how of ['record', 'keyed', 'selector', 'behindFiring', 'firing']) {
    test(`three times in a row ends the job: ${how}`, async () => {
      const { error, ms } = await ended(
        { how, same: true, perSecond: 100 },
        { restart: exponentialBackoff() },
      );
      expect(error.code).toBe('ERR_HOLDFAST_RESTART_BUDGET');
      expect(error.message).toContain('3 times in a row');
      expect(error.message).toContain('RangeError: poison');
      expect(error.details).toMatchObject({ operator: 'tender', attempts: 2 });
      expect(ms).toBeLessThan(3_000);
      const record = how === 'firing' ? "key: 'all'" : 'i: ';
      expect(error.message).toContain(record);
      expect(error.details['record']).toContain(record);
    });
  }

  test('is no reason to give up for a strategy that never does', async () => {
    const job = await run(fixture('stubborn'), {
      parallelism: 1,
      args: { how: 'record', same: true, perSecond: 1_000 },
      checkpoint: { directory: await temporaryFolder(), intervalMs: 10 },
      restart: fixedDelay({ attempts: Number.POSITIVE_INFINITY, delayMs: 0 }),
    });
    await new Promise<void>((resolve) => {
      job.on('restarted', ({ attempt }) => {
        if (attempt === 5) resolve();
      });
    });
    await job.cancel();
  });
});

describe('a first record that fails', () => {
  test('rejects `finished`, never `run`', async () => {
    for (let at = 0; at < 10; at += 1) {
      const job = await run(fixture('poison'), { parallelism: 2, args: { at: 0 } });
      await expect(job.finished).rejects.toMatchObject({ code: 'ERR_HOLDFAST_USER_CODE' });
      expect(job.status).toBe('failed');
    }
  });
});
