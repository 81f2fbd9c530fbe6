/** A job in the calling thread is a job like any other, but for what needs threads. */

import { expect, test } from 'vitest';
import { generate, type JobHandle, punctuated, runInline, startInline } from '../../dist/index.js';
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

test.each([
  ['nothing', undefined],
  ['null', null],
  ['an object', {}],
  ['a URL, as run(…) takes it', new URL('file:///orders.job.mjs')],
])('it refuses %s in the place of a job', async (_name, given) => {
  const refusal = {
    code: 'ERR_HOLDFAST_JOB_MODULE',
    message: expect.stringMatching(/must be what defineJob gives, but is .*\. Write: runInline/),
  };
  await expect(startInline(given as never)).rejects.toMatchObject(refusal);
  await expect(runInline(given as never)).rejects.toMatchObject(refusal);
});

test('a build function that draws something else when it is called again is told of as that', async () => {
  let builds = 0;
  const unsteady = runInline((env) => {
    builds += 1;
    env
      .from(generate((i) => i, { count: 1 }))
      .uid(`numbers ${builds}`)
      .collect('rows');
  });
  await expect(unsteady).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_GRAPH_MISMATCH',
    message: expect.stringContaining('when it was called twice'),
  });
});

test('sources that wait for each other wait for what is read, and not for what generators have yet to say', async () => {
  const { collected } = await runInline((env) => {
    const [a, b] = ['a', 'b'].map((name) =>
      env
        .from(generate((i) => ({ name, time: i * 10 }), { count: 500 }))
        .uid(name)
        .withTimestamps(({ time }) => time, {
          maxDriftMs: 100,
          watermarks: punctuated(() => null),
        }),
    );
    return a!.union(b!).collect('rows');
  });
  expect(collected.rows).toHaveLength(1_000);
});
