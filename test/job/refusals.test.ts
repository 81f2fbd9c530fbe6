import { appendFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { seal, unseal } from '../../dist/checkpoint/sealed-json.js';
import type { Manifest } from '../../dist/checkpoint/store.js';
import { exponentialBackoff, HoldfastError, type RunOptions } from '../../dist/index.js';
import { fixture, temporaryFolder, totalsProblems, until } from './kit.js';
import { run } from './run-compiled.js';

/** The error with which a job does not start, or ends. */
async function failureOf(url: URL, options: RunOptions): Promise<HoldfastError> {
  try {
    const job = await run(url, options);
    await job.finished;
  } catch (error) {
    expect(error).toBeInstanceOf(HoldfastError);
    return error as HoldfastError;
  }
  throw new Error('the job was expected to fail');
}

describe('options', () => {
  test('an unknown option is named, with the one that may have been meant', async () => {
    const error = await failureOf(fixture('totals'), { paralelism: 2 } as RunOptions);
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain('paralelism');
    expect(error.message).toContain('parallelism');
  });

  test('a nonsense value is told with what is allowed', async () => {
    const error = await failureOf(fixture('totals'), { parallelism: 0 });
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain('parallelism');
  });
});

describe('changelogs', () => {
  test('are not read with checkpoints at least once, and the error says what to do', async () => {
    const error = await failureOf(fixture('changes'), {
      parallelism: 1,
      args: { count: 10, splits: 1 },
      checkpoint: { directory: await temporaryFolder(), mode: 'at-least-once' },
    });
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain("checkpoint.mode: given was 'at-least-once'");
    expect(error.message).toContain("'exactly-once'");
    expect(error.message).toContain("'groups'");
  });
});

describe('job modules', () => {
  test('a missing module', async () => {
    const error = await failureOf(new URL('./fixtures/nowhere.job.ts', import.meta.url), {});
    expect(error.code).toBe('ERR_HOLDFAST_JOB_MODULE');
    expect(error.message).toContain('nowhere.job.ts');
  });

  test('no default export', async () => {
    const error = await failureOf(fixture('no-default'), { parallelism: 1 });
    expect(error.code).toBe('ERR_HOLDFAST_JOB_MODULE');
    expect(error.message).toContain('default export');
  });

  test('a module that throws while loading', async () => {
    const error = await failureOf(fixture('throws-on-load'), { parallelism: 1 });
    expect(error.code).toBe('ERR_HOLDFAST_JOB_MODULE');
    expect(error.message).toContain('the module itself fails');
  });

  test('a build function that throws', async () => {
    const error = await failureOf(fixture('throws-on-build'), { parallelism: 1 });
    expect(error.code).toBe('ERR_HOLDFAST_JOB_BUILD');
    expect(error.message).toContain('building fails');
  });

  test('a different graph in another thread', async () => {
    const error = await failureOf(fixture('unsteady'), { parallelism: 2 });
    expect(error.code).toBe('ERR_HOLDFAST_GRAPH_MISMATCH');
    expect(error.message).toContain('deterministic');
  });
});

describe('user code', () => {
  test('a poison record ends the job, with operator and position', async () => {
    const directory = await temporaryFolder();
    const error = await failureOf(fixture('poison'), {
      parallelism: 2,
      checkpoint: { directory, intervalMs: 3_600_000 },
      restart: exponentialBackoff({ initialMs: 1, maxMs: 5, maxAttempts: 3 }),
    });
    expect(error.code).toBe('ERR_HOLDFAST_RESTART_BUDGET');
    expect(error.message).toContain('doubling');
    expect(error.message).toContain('record 1234 is poison');
    const root = (error.cause as HoldfastError).cause as Error & { code: string };
    expect(root.name).toBe('PoisonError');
    expect(root.code).toBe('E_POISON');
    expect(root.stack).toContain('poison.job.ts');
    expect(error.details).toMatchObject({ operator: 'doubling', attempts: 2 });
    expect(error.details['position']).toBeTruthy();
  });

  test('without a restart strategy the first failure ends it, as itself', async () => {
    const error = await failureOf(fixture('poison'), { parallelism: 1 });
    expect(error.code).toBe('ERR_HOLDFAST_USER_CODE');
    expect(error.message).toContain('record 1234 is poison');
  });
});

describe('input', () => {
  test('a missing file', async () => {
    const input = join(await temporaryFolder(), 'missing.ndjson');
    const error = await failureOf(fixture('lines'), { parallelism: 1, args: { input } });
    expect(error.code).toBe('ERR_HOLDFAST_SOURCE');
    expect(error.message).toContain('missing.ndjson');
  });

  test('a malformed line is told with file and line', async () => {
    const input = join(await temporaryFolder(), 'rows.ndjson');
    await writeFile(input, '{"key":"a","n":1}\n{"key":"b","n":2}\n{"key":\n{"key":"d","n":4}\n');
    const error = await failureOf(fixture('lines'), { parallelism: 1, args: { input } });
    expect(error.code).toBe('ERR_HOLDFAST_MALFORMED_RECORD');
    expect(error.message).toContain('rows.ndjson');
    expect(error.message).toMatch(/line 3|:3/);
  });

  test('a file that is cut short while it is being read', async () => {
    const folder = await temporaryFolder();
    const input = join(folder, 'rows.ndjson');
    const rows = Array.from({ length: 200_000 }, (_, n) => JSON.stringify({ key: `k${n % 7}`, n }));
    await writeFile(input, `${rows.join('\n')}\n`);
    const job = await run(fixture('lines'), {
      parallelism: 1,
      args: { input, slow: true },
      checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 50 },
      restart: exponentialBackoff({ initialMs: 1, maxMs: 5, maxAttempts: 2 }),
    });
    await until(() => job.progress().sourceRecords > 1_000, job);
    await truncate(input, 1_000);
    const error = await job.finished.then(
      () => undefined,
      (reason: HoldfastError) => reason,
    );
    expect(error?.code).toBe('ERR_HOLDFAST_SOURCE_CHANGED');
    expect(error?.message).toContain('rows.ndjson');
  });

  test('a file that changed between two runs', async () => {
    const folder = await temporaryFolder();
    const input = join(folder, 'rows.ndjson');
    const rows = Array.from({ length: 200_000 }, (_, n) => JSON.stringify({ key: `k${n % 7}`, n }));
    await writeFile(input, `${rows.join('\n')}\n`);
    const options = {
      parallelism: 1,
      args: { input, slow: true },
      checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 50 },
    };
    const job = await run(fixture('lines'), options);
    await until(() => job.progress().sourceRecords > 1_000, job);
    await job.stop();
    await appendFile(input, '{"key":"new","n":1}\n');
    const error = await failureOf(fixture('lines'), options);
    expect(error.code).toBe('ERR_HOLDFAST_SOURCE_CHANGED');
  });
});

describe('checkpoint directories', () => {
  const quick = async (directory: string, more: RunOptions = {}): Promise<RunOptions> => ({
    parallelism: 1,
    args: { count: 1_000_000, ratePerSecond: 20_000 },
    checkpoint: { directory, intervalMs: 50 },
    ...more,
  });

  /** A directory with the checkpoints of a job that was stopped. */
  async function stoppedDirectory(parallelism = 1): Promise<string> {
    const directory = await temporaryFolder();
    const job = await run(fixture('totals'), await quick(directory, { parallelism }));
    await until(() => job.progress().sourceRecords > 500, job);
    await job.checkpointNow();
    await job.checkpointNow();
    await job.stop();
    return directory;
  }

  async function newestManifest(directory: string): Promise<[path: string, manifest: Manifest]> {
    const folder = join(directory, 'manifests');
    const newest = join(folder, (await readdir(folder)).sort().at(-1)!);
    return [newest, unseal('manifest', await readFile(newest), newest) as Manifest];
  }

  test('one that is a file, or cannot be made', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    const error = await failureOf(fixture('totals'), await quick(file));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_DIRECTORY');
    expect(error.message).toContain(file);
  });

  test('one that may not be written, not even by root', async () => {
    const error = await failureOf(fixture('totals'), await quick('/proc/holdfast-checkpoints'));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_DIRECTORY');
    expect(error.message).toContain('/proc/holdfast-checkpoints');
  });

  test('one in use by another run', async () => {
    const directory = await temporaryFolder();
    const job = await run(fixture('totals'), await quick(directory));
    const error = await failureOf(fixture('totals'), await quick(directory));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
    expect(error.message).toContain(String(process.pid));
    await job.cancel();
  });

  test('a corrupt newest checkpoint stops the start, and names file and checksums', async () => {
    const directory = await stoppedDirectory();
    const parts = await readdir(join(directory, 'parts'));
    for (const name of parts) {
      const file = join(directory, 'parts', name);
      const bytes = await readFile(file);
      bytes[bytes.length - 9]! ^= 0x40;
      await writeFile(file, bytes);
    }
    const error = await failureOf(fixture('totals'), await quick(directory));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(error.message).toMatch(/parts/);
    expect(error.message).toMatch(/[0-9a-f]{8}.*[0-9a-f]{8}/s);
  });

  test('a manifest sealed anew without the state of an operator: that is no empty state', async () => {
    const directory = await stoppedDirectory();
    const [newest, manifest] = await newestManifest(directory);
    const parts = manifest.parts.map((part) => ({
      ...part,
      sections: part.sections.filter(
        ({ operator, name }) => operator !== 'totals' || name.startsWith('~'),
      ),
    }));
    expect(parts).not.toEqual(manifest.parts);
    await writeFile(newest, seal('manifest', { ...manifest, parts }));
    const error = await failureOf(fixture('totals'), await quick(directory));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
    expect(error.message).toContain("of operator 'totals', instance 0");
  });

  test('a manifest sealed anew without an operator of the graph that it is of', async () => {
    const directory = await stoppedDirectory();
    const [newest, manifest] = await newestManifest(directory);
    const operators = manifest.operators.filter(({ id }) => id !== 'totals');
    expect(operators).toHaveLength(manifest.operators.length - 1);
    const parts = manifest.parts.map((part) => ({
      ...part,
      sections: part.sections.filter(({ operator }) => operator !== 'totals'),
    }));
    await writeFile(newest, seal('manifest', { ...manifest, operators, parts }));
    const error = await failureOf(fixture('totals'), await quick(directory));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
    expect(error.message).toContain("lacks its operator 'totals'");
  });

  test.each([1, 2, 3])(
    'a manifest sealed anew with the key groups of two instances exchanged, restored on %i slots',
    async (parallelism) => {
      const directory = await stoppedDirectory(2);
      const [newest, manifest] = await newestManifest(directory);
      const [table] = Object.values(manifest.tables);
      const tables = { 2: table!.map((owner) => 1 - owner) };
      await writeFile(newest, seal('manifest', { ...manifest, tables }));
      const error = await failureOf(fixture('totals'), await quick(directory, { parallelism }));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
      const { part, group, instance, owner } = error.details as Record<string, number>;
      const files = manifest.parts.map(({ file }) => file);
      expect(files).toContain(part);
      expect([instance, owner]).toEqual([table![group! - 1], 1 - table![group! - 1]!]);
      expect(error.message).toContain(
        `checkpoint ${manifest.checkpoint} is damaged: part '${part}' of instance ${instance} of operator ` +
          `'totals' holds state of key group ${group},`,
      );
    },
  );

  test('a manifest sealed anew without its key-group tables', async () => {
    const directory = await stoppedDirectory(2);
    const [newest, manifest] = await newestManifest(directory);
    await writeFile(newest, seal('manifest', { ...manifest, tables: {} }));
    const error = await failureOf(fixture('totals'), await quick(directory));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
    expect(error.message).toContain("2 instances of operator 'totals'");
  });

  test('a manifest sealed anew as the last of its run, whose sources have not read all', async () => {
    const directory = await stoppedDirectory();
    const [newest, manifest] = await newestManifest(directory);
    await writeFile(newest, seal('manifest', { ...manifest, final: true }));
    const error = await failureOf(fixture('totals'), await quick(directory));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(error.message).toMatch(/says that it is the last of its run, but .* end of its input/);
    expect(manifest.parts.map(({ file }) => file)).toContain(error.details['part']);
  });

  test('another number of key groups', async () => {
    const directory = await stoppedDirectory();
    const error = await failureOf(fixture('totals'), await quick(directory, { keyGroups: 256 }));
    expect(error.code).toBe('ERR_HOLDFAST_KEY_GROUPS_MISMATCH');
    expect(error.message).toContain('1024');
  });

  test('a job that is another one', async () => {
    const directory = await stoppedDirectory();
    const error = await failureOf(fixture('poison'), await quick(directory));
    expect(error.code).toBe('ERR_HOLDFAST_GRAPH_INCOMPATIBLE');
    expect(error.message).toContain('totals');
  });

  test('a finished run is not run again unless asked to', async () => {
    const directory = await temporaryFolder();
    const options = await quick(directory, { args: { count: 5_000 } });
    await (await run(fixture('totals'), options)).finished;
    const error = await failureOf(fixture('totals'), options);
    expect(error.code).toBe('ERR_HOLDFAST_ALREADY_FINISHED');
    expect(error.message).toContain("restore: 'none'");
    const again = await (await run(fixture('totals'), { ...options, restore: 'none' })).finished;
    expect(totalsProblems(again.collected['totals'] ?? [], 5_000)).toEqual([]);
  });
});

describe('ending', () => {
  test('cancel rejects finished and leaves nothing running', async () => {
    const job = await run(fixture('totals'), {
      parallelism: 2,
      args: { count: 1_000_000, ratePerSecond: 10_000 },
    });
    await job.cancel();
    await expect(job.finished).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
    expect(job.status).toBe('canceled');
  });

  test('an aborted signal cancels', async () => {
    const controller = new AbortController();
    const job = await run(fixture('totals'), {
      parallelism: 1,
      args: { count: 1_000_000, ratePerSecond: 10_000 },
      signal: controller.signal,
    });
    controller.abort();
    await expect(job.finished).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
  });
});
