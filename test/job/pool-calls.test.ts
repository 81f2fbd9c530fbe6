/** Functions of a module on a pool of threads: exact through kills, and a thread that dies takes one record along. */

import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import {
  type DataStream,
  type DeadLetter,
  fromCollection,
  type Job,
  runInline,
} from '../../dist/index.js';
import { testOperator } from '../../dist/testing/index.js';
import { type Hashed, hashOf, type Wish } from './fixtures/hash.js';
import hashing from './fixtures/hashing.job.js';
import { fixture, Meter, temporaryFolder, throughKills, until } from './kit.js';
import { run } from './run-compiled.js';

const MODULE = new URL('./fixtures/hash.ts', import.meta.url);
const COUNT = 60;
const ids = Array.from({ length: COUNT }, (_, id) => id);

const shown = (rows: readonly unknown[]) =>
  (rows as readonly Hashed[]).map(({ id, hash }) => `${id} ${hash}`);
const expected = (of: readonly number[] = ids) => of.map((id) => `${id} ${hashOf(id)}`);

const start = async (parallelism: number, args: object): Promise<Job> =>
  await run(fixture('hashing'), {
    parallelism,
    checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    args: { count: COUNT, ...args },
  });

test('each record is computed once, in order, through kills', async () => {
  const meter = new Meter();
  const job = await start(2, { meter: meter.shared, splits: 2 });
  const { collected } = await throughKills(job, meter, COUNT, [
    [0, 'terminate'],
    [1, 'exit'],
  ]);
  expect(shown(collected['hashed']!).toSorted()).toEqual(expected().toSorted());
  const even = (collected['hashed'] as readonly Hashed[]).filter(({ id }) => id % 2 === 0);
  expect(even.map(({ id }) => id)).toEqual(ids.filter((id) => id % 2 === 0));
});

describe('in the calling thread', () => {
  test('a test drives it by hand', async () => {
    const operator = await testOperator((wishes: DataStream<Wish>) =>
      wishes.mapOnPool<Hashed>(MODULE, { threads: 1 }),
    );
    operator.element({ id: 3 });
    await operator.end();
    await operator.close();
    expect(shown(operator.output())).toEqual(expected([3]));
  });

  test('values come back as what they were, from another thread', async () => {
    const when = new Date(5);
    const wishes: readonly Wish[] = [{ id: 1, bytes: new Uint8Array([1, 255]), when }, { id: 2 }];
    const { collected } = await runInline((env) => {
      env.from(fromCollection(wishes)).mapOnPool<Hashed>(MODULE).collect('out');
    });
    const [first, second] = collected['out'] as readonly [Hashed, Hashed];
    expect(first).toMatchObject({ when, bytes: new Uint8Array([2, 0]), attempt: 1 });
    expect(second).toMatchObject({ id: 2, hash: hashOf(2), when: undefined });
    expect(first.thread).not.toBe(threadId);
  });

  test('a thread that dies fails one record; what throws keeps its name and code', async () => {
    const wishes = { 3: 'throw', 5: 'exit', 7: 'heap', 9: 'leave', 11: 'function' };
    const { collected, restarts } = await runInline(hashing, { args: { count: 16, wishes } });
    const fit = [0, 1, 2, 4, 6, 8, 10, 12, 13, 14, 15];
    expect(shown(collected['hashed']!)).toEqual(expected(fit));
    const died = { code: 'ERR_HOLDFAST_POOL_THREAD_DIED' };
    expect(
      (collected['dead'] as readonly DeadLetter<Wish>[]).map(({ record, error }) => [
        record!.id,
        error,
      ]),
    ).toMatchObject([
      [3, { name: 'RangeError', message: 'no hash of 3', code: 'E_HASH' }],
      [5, { ...died, message: expect.stringContaining('exited with code: 7') }],
      [7, { ...died, message: expect.stringMatching(/memory|heap/i) }],
      [9, { ...died, message: expect.stringContaining('left behind') }],
      [
        11,
        {
          code: 'ERR_HOLDFAST_UNSUPPORTED_VALUE',
          message: expect.stringContaining('result.hash'),
        },
      ],
    ]);
    expect(restarts).toBe(0);
  });

  test('one that never returns is ended by its time, and called again if so asked', async () => {
    const hang = { count: 1, wishes: { 0: 'hang' }, timeoutMs: 600 };
    const lost = await runInline(hashing, { args: hang });
    expect(lost.collected['dead']).toMatchObject([
      { record: { id: 0 }, error: { code: 'ERR_HOLDFAST_ASYNC_TIMEOUT' } },
    ]);
    const again = await runInline(hashing, { args: { ...hang, retry: true } });
    expect(again.collected['hashed']).toMatchObject([{ hash: hashOf(0) }]);
    expect((again.collected['hashed']![0] as Hashed).attempt).toBeGreaterThan(1);
  });

  test.each([
    [new URL('./none.ts', MODULE), {}, /none\.ts, where there is no module/],
    [MODULE, { name: 'hashes' }, /has nothing as its export 'hashes'; it exports default, /],
    [MODULE, { name: 'toString' }, /has nothing as its export 'toString'/],
    [MODULE, { name: 'size' }, /has the number 5 as its export 'size'/],
    [new URL('./throws-on-load.job.ts', MODULE), {}, /failed while it was loaded/],
  ])('a module that is none is told of before any record: %s %o', async (url, options, message) => {
    const running = runInline((env) => {
      env
        .from(fromCollection([1]))
        .mapOnPool(url, options)
        .collect('out');
    });
    await expect(running).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_POOL_MODULE',
      message: expect.stringMatching(message),
    });
  });

  test('a module that does not compile is named as what it is', async () => {
    const file = join(await temporaryFolder(), 'broken.ts');
    await writeFile(file, 'export default (record) => record +* 2;\n');
    const running = runInline((env) => {
      env
        .from(fromCollection([1]))
        .mapOnPool(file)
        .collect('out');
    });
    await expect(running).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_COMPILE',
      message: expect.stringMatching(
        /^the module of mapOnPool\(…\) does not compile: .*broken\.ts:1:36: .*"\*"/,
      ),
    });
  });

  test.each([
    ['./hash.ts', {}, /mapOnPool\(url\).*new URL/],
    [new URL('https://x.org/hash.js'), {}, /mapOnPool\(url\).*local module/],
    [MODULE, { threads: 0 }, /mapOnPool\.threads/],
    [MODULE, { name: '' }, /mapOnPool\.name/],
    [MODULE, { resourceLimits: { maxOld: 5 } }, /resourceLimits\.maxOld/],
    [MODULE, { resourceLimits: { stackSizeMb: '4' } }, /mapOnPool\.resourceLimits\.stackSizeMb/],
    [MODULE, { resourceLimits: { stackSizeMb: 0 } }, /mapOnPool\.resourceLimits\.stackSizeMb/],
  ])('what is given is checked: %s %o', async (url, options, message) => {
    const running = runInline((env) => {
      env
        .from(fromCollection([1]))
        .mapOnPool(url, options as never)
        .collect('out');
    });
    await expect(running).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_BAD_OPTION',
      message: expect.stringMatching(message),
    });
  });

  test('its threads end with the task, however that ends', async () => {
    const threads = () => readdirSync('/proc/self/task').length;
    await runInline(hashing, { args: { count: 3 } });
    let before = threads();
    // Until none has come or gone for a while.
    for (let same = 0; same < 40; same = threads() === before ? same + 1 : 0) {
      before = threads();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await runInline(hashing, { args: { count: 3 } });
    await until(() => threads() <= before);
    const meter = new Meter(1);
    const controller = new AbortController();
    const canceled = runInline(hashing, {
      args: { count: 3, meter: meter.shared, wishes: { 0: 'hang' } },
      signal: controller.signal,
    });
    await until(() => threads() > before);
    controller.abort();
    await expect(canceled).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
    await until(() => threads() <= before);
  });
});
