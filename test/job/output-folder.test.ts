import { mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  count,
  fixedDelay,
  fromCollection,
  HoldfastError,
  ndjsonFiles,
  runInline,
} from '../../dist/index.js';
import { fixture, Meter, temporaryFolder, until } from './kit.js';
import { run } from './run-compiled.js';

async function rowsIn(folder: string): Promise<number> {
  let count = 0;
  for (const name of await readdir(folder)) {
    if (!name.startsWith('part-')) continue;
    count += (await readFile(join(folder, name), 'utf8')).split('\n').length - 1;
  }
  return count;
}

async function failure(promise: Promise<unknown>): Promise<HoldfastError> {
  const reason = await promise.then(
    (value) => value,
    (error: unknown) => error,
  );
  expect(reason).toBeInstanceOf(HoldfastError);
  return reason as HoldfastError;
}

test('a folder that is deleted under a run ends it, and rows are never missed in silence', async () => {
  const out = join(await temporaryFolder(), 'out');
  const meter = new Meter(1_000);
  const job = await run(fixture('output-folder'), {
    parallelism: 2,
    args: { meter: meter.shared, count: 3_000, out },
    checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    restart: fixedDelay({ attempts: 3, delayMs: 0 }),
  });
  const finished = failure(job.finished);
  await until(() => job.progress().sinkRecords === 1_000, job);
  await job.checkpointNow();
  expect(await rowsIn(out)).toBe(1_000);
  await rm(out, { recursive: true });
  meter.raise(2_000);
  await until(() => job.progress().sinkRecords >= 2_000 || job.status === 'failed');
  await job.checkpointNow().catch(() => {});
  meter.raise(3_000);
  const error = await finished;
  expect(JSON.stringify([error.message, String(error.cause), error.details])).toContain(
    'the folder was deleted, emptied, moved or exchanged',
  );
});

test('two sinks into one folder are refused at the start, also through a link', async () => {
  const folder = await temporaryFolder();
  const [out, other] = [join(folder, 'out'), join(folder, 'link')];
  await mkdir(out);
  await symlink(out, other);
  const meter = new Meter(1_000);
  const started = run(fixture('output-folder'), {
    parallelism: 2,
    args: { meter: meter.shared, count: 1_000, out, other },
    checkpoint: { directory: await temporaryFolder() },
  });
  const error = await failure(started);
  expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
  expect(error.message).toContain("'one' and 'two'");
  expect(await readdir(out)).toEqual([]);
});

test('a folder inside the checkpoint directory is refused at the start', async () => {
  const directory = join(await temporaryFolder(), 'checkpoints');
  const started = run(fixture('output-folder'), {
    parallelism: 1,
    args: { count: 10, out: join(directory, 'parts') },
    checkpoint: { directory },
  });
  const error = await failure(started);
  expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
  expect(error.message).toContain("the sink 'one' writes to");
  expect(await readdir(join(directory, 'parts'))).toEqual([]);
});

/** One row for each key: with the key as JSON has it, or none. */
async function keyed(out: string, keys: readonly unknown[]): Promise<void> {
  await runInline((env) => {
    env
      .from(fromCollection(keys.map((key, id) => ({ key, id }))))
      .keyBy(({ key }) => key as null)
      .aggregate({ n: count() })
      .sinkTo(ndjsonFiles(out));
  });
}

test('a record that cannot be written ends the job soon, and not with the budget of restarts', async () => {
  const out = join(await temporaryFolder(), 'out');
  const job = await run(fixture('output-folder'), {
    parallelism: 1,
    args: { count: 300, unfit: 200, out },
    checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    restart: fixedDelay({ attempts: 100, delayMs: 0 }),
  });
  const error = await failure(job.finished);
  expect(error.code).toBe('ERR_HOLDFAST_RESTART_BUDGET');
  expect(error.message).toMatch(/the sink has refused the same record.*3 times.*no NaN \(at i\)/);
  expect(await rowsIn(out)).toBe(0);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5n])(
  'a key that JSON would turn into another is refused, and nothing is shown: %s',
  async (key) => {
    const out = join(await temporaryFolder(), 'out');
    const error = await failure(keyed(out, [null, 'a', key]));
    expect(error.code).toBe('ERR_HOLDFAST_SINK');
    expect(error.message).toContain(`no ${typeof key === 'bigint' ? 'bigint' : key} (at key)`);
    expect(await rowsIn(out)).toBe(0);
  },
);

test('keys that JSON has are written, null among them, and undefined is no key', async () => {
  const out = join(await temporaryFolder(), 'out');
  const keys = [null, 'null', 0, false, '', ['a', null]];
  await keyed(out, keys);
  const names = (await readdir(out)).filter((name) => name.startsWith('part-'));
  const texts = await Promise.all(names.map((name) => readFile(join(out, name), 'utf8')));
  const rows = texts.flatMap((text) => text.trimEnd().split('\n')).sort();
  expect(rows).toEqual(keys.map((key) => JSON.stringify({ key, n: 1 })).sort());
  const error = await failure(keyed(join(await temporaryFolder(), 'out'), ['a', undefined]));
  expect(error.message).toContain('undefined');
  expect([error.code, (error.cause as { code?: string })?.code]).toContain(
    'ERR_HOLDFAST_UNSUPPORTED_KEY',
  );
});
