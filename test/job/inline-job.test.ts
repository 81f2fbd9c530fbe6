/** A job in the calling thread is a job like any other, but for what needs threads. */

import { expect, test } from 'vitest';
import { generate, type JobHandle, startInline } from '../../dist/index.js';
import { temporaryFolder, until } from './kit.js';

test('it tells, takes checkpoints, is stopped and goes on', async () => {
  const checkpoint = { directory: await temporaryFolder(), intervalMs: 3_600_000 };
  const start = (count?: number) =>
    startInline(
      (env) =>
        env
          .from(generate((i) => ({ i }), { count, ratePerSecond: 10_000 }))
          .uid('numbers')
          .collect('rows')
          .uid('rows'),
      { checkpoint },
    );
  const job = await start();
  const handle: JobHandle = job;
  await until(() => handle.progress().sourceRecords > 100);
  expect(handle.slots()).toHaveLength(1);
  expect(job.plan().graph.nodes).toHaveLength(2);
  expect(await handle.checkpointNow()).toBe(1);
  expect(job.collected('rows')[0]).toEqual({ i: 0 });
  expect(() => handle.kill(0, 'terminate')).toThrow(
    expect.objectContaining({ code: 'ERR_HOLDFAST_BAD_OPTION' }),
  );
  const stopped = await handle.stop();
  expect(stopped.status).toBe('stopped');

  const again = await start();
  await until(() => again.progress().sourceRecords > stopped.sourceRecords + 100);
  await again.stop();
  const { collected } = await again.finished;
  expect(collected.rows.map(({ i }) => i)).toEqual(collected.rows.map((_, i) => i));
});
