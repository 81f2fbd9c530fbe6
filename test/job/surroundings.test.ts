/** Jobs in programs that are bundled, or started with options of Node's that reach into what a job needs. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-surroundings-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules', 'holdfast'));
  const main = (start: string) => `
    import { ${start} } from 'holdfast';
    import { parquetFile } from 'holdfast/parquet';
    import { s3Checkpoints } from 'holdfast/s3';
    globalThis.keep = [parquetFile, s3Checkpoints];
    try {
      const job = await ${start}(new URL('./small.job.mjs', import.meta.url), { parallelism: 1 });
      console.log(JSON.stringify((await job.finished).collected));
    } catch (error) {
      console.log(error.code, error.message);
    }`;
  const files = {
    'package.json': '{ "type": "module" }',
    'hook.mjs': "globalThis.hook = 'loaded'; export const hook = globalThis.hook;",
    'small.job.mjs': `
      import { defineJob, fromCollection } from 'holdfast';
      const before = String(globalThis.hook);
      const { hook } = await import('./hook.mjs');
      export default defineJob('small', (env) => { env.from(fromCollection([before, hook])).collect('x'); });`,
    'main.mjs': main('run'),
    'guarded.mjs': main('runGuarded'),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function node(...args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder }, (_, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

const rows = (before: string) => `{"x":["${before}","loaded"]}\n`;

test('an application that bundles Holdfast is told to leave it out, and works then', async () => {
  const bundle = (name: string, external: readonly string[]) =>
    build({
      entryPoints: [join(folder, 'main.mjs')],
      outfile: join(folder, name),
      bundle: true,
      platform: 'node',
      format: 'esm',
      // Optional packages, as if nobody had installed them.
      alias: {
        hyparquet: '@none/hyparquet',
        'hyparquet-compressors': '@none/compressors',
        '@aws-sdk/client-s3': '@none/client',
      },
      external: [...external],
      logLevel: 'silent',
    });
  await bundle('inside.mjs', []);
  expect(await node('inside.mjs')).toMatch(
    /^ERR_HOLDFAST_ENVIRONMENT Holdfast was bundled into .*inside\.mjs.*--external:holdfast/,
  );
  await bundle('outside.mjs', ['holdfast']);
  expect(await node('outside.mjs')).toBe(rows('undefined'));
});

test('code generation switched off: named, and a guarded job runs', async () => {
  const flag = '--disallow-code-generation-from-strings';
  expect(await node(flag, 'main.mjs')).toMatch(/^ERR_HOLDFAST_ENVIRONMENT Node was .*runGuarded/);
  expect(await node(flag, 'guarded.mjs')).toBe(rows('undefined'));
});

test('what --import loads is not in workers, what the job imports is', async () => {
  expect(await node('--import', './hook.mjs', 'main.mjs')).toBe(rows('undefined'));
});
