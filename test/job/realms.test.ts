/**
 * A program whose modules live in a realm of their own, as Jest's do, and those of vitest's pools
 * `vmThreads` and `vmForks`: values that Node or another thread has made are of another realm there.
 */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-realms-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules', 'holdfast'));
  await symlink(join(root, 'node_modules', 'vitest'), join(folder, 'node_modules', 'vitest'));
  const files = {
    'package.json': '{ "type": "module" }',
    'windows.job.ts': `
      import { count, defineJob, generate, ndjsonFiles, tumbling } from 'holdfast';
      export default defineJob('windows', (env, args) => {
        const rows = env.from(generate((i) => ({ k: 'k' + (i % 7), t: i }), { count: 3000 }));
        rows.withTimestamps((row) => row.t).keyBy((row) => row.k).window(tumbling(1000))
          .aggregate({ n: count() }).sinkTo(ndjsonFiles(String(args['out'])));
        rows.filter((row) => row.t % 1000 === 0).collect('some');
      });`,
    'here.test.js': `
      import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
      import { join } from 'node:path';
      import { count, fromCollection, ndjsonFiles, run, runGuarded, runInline, textFile } from 'holdfast';
      import { expect, test } from 'vitest';
      const job = new URL('./windows.job.ts', import.meta.url);
      const folder = () => mkdtempSync(join(process.env.TMPDIR, 'realm-'));
      const rowsIn = (out) => readdirSync(out).filter((name) => !name.startsWith('.'))
        .flatMap((name) => readFileSync(join(out, name), 'utf8').trim().split('\\n').map(JSON.parse));
      test('this is a realm of its own', async () => {
        const error = await import('node:fs/promises').then((fs) => fs.readFile('/none')).catch((e) => e);
        expect(error instanceof Error).toBe(false);
      });
      test.each([['run', run], ['runGuarded', runGuarded]])('%s', { timeout: 60000 }, async (_, start) => {
        const at = folder();
        const out = join(at, 'out');
        const options = { parallelism: 2, args: { out }, checkpoint: { directory: join(at, 'cp'), intervalMs: 20 } };
        const result = await (await start(job, options)).finished;
        expect(result.status).toBe('finished');
        expect(rowsIn(out).reduce((sum, row) => sum + row.n, 0)).toBe(3000);
        expect(result.collected.some).toEqual([{ k: 'k0', t: 0 }, { k: 'k6', t: 1000 }, { k: 'k5', t: 2000 }]);
      });
      test('runInline', { timeout: 60000 }, async () => {
        const at = folder();
        writeFileSync(join(at, 'text'), 'x\\ny\\nx\\n');
        const out = join(at, 'out');
        const nested = { a: [1, { b: new Map([[1, new Date(0)]]) }] };
        const { collected } = await runInline((env) => {
          env.from(fromCollection([nested])).keyBy(() => 1).reduce((a, b) => a).collect('nested');
          const lines = env.from(textFile(join(at, 'text')));
          lines.keyBy((line) => line).aggregate({ n: count() }).sinkTo(ndjsonFiles(out));
          lines.map((line) => new TypeError(line)).collect('errors');
        }, { checkpoint: { directory: join(at, 'cp') } });
        expect(collected.nested).toStrictEqual([nested]);
        expect(collected.errors[0]).toBeInstanceOf(TypeError);
        expect(rowsIn(out)).toEqual(expect.arrayContaining([{ key: 'x', n: 2 }, { key: 'y', n: 1 }]));
      });
      test('an error of the file system is told as it is', async () => {
        const error = await run(job, { args: { out: folder() }, checkpoint: { directory: '/proc/none/x' } })
          .catch((thrown) => thrown);
        expect(error.message).toMatch(/cannot be used: ENOENT/);
      });`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test.each(['vmThreads', 'vmForks'])('vitest’s pool %s', { timeout: 180_000 }, async (pool) => {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const told = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      [vitest, 'run', '--pool', pool, '--root', folder, '--reporter', 'json'],
      { cwd: folder, env: { ...process.env, TMPDIR: folder } },
      (_, stdout, stderr) => resolve(stdout === '' ? stderr : stdout),
    );
  });
  const { testResults } = JSON.parse(told) as {
    readonly testResults: readonly {
      readonly assertionResults: readonly {
        readonly title: string;
        readonly status: string;
        readonly failureMessages: readonly string[];
      }[];
    }[];
  };
  const outcomes = testResults.flatMap(({ assertionResults }) => assertionResults);
  expect(outcomes.flatMap(({ failureMessages }) => failureMessages)).toEqual([]);
  expect(outcomes.map(({ status }) => status)).toEqual(Array(5).fill('passed'));
});
