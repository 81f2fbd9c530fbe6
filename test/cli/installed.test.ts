/** The package as it is published, installed into a project with its dependencies and nothing else. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

let folder = '';
const call = (program: string, ...args: readonly string[]) =>
  new Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>(
    (resolve) => {
      const env = { ...process.env, NO_COLOR: '1' };
      const options = { cwd: folder, env, maxBuffer: 1 << 28 };
      execFile(program, args, options, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    },
  );
const holdfast = (...args: readonly string[]) =>
  call(process.execPath, 'node_modules/holdfast/dist/cli/main.js', ...args);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-installed-'));
  const packed = await call('npm', 'pack', root, '--ignore-scripts', '--silent');
  expect(packed).toMatchObject({ code: 0 });
  expect(await call('tar', 'xzf', packed.stdout.trim())).toMatchObject({ code: 0 });
  const modules = join(folder, 'node_modules');
  await mkdir(modules);
  await rename(join(folder, 'package'), join(modules, 'holdfast'));
  const manifest = JSON.parse(await readFile(join(modules, 'holdfast/package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(manifest.dependencies)) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
}, 120_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('runs a job', async () => {
  await writeFile(
    join(folder, 'two.job.ts'),
    `import { defineJob, fromCollection } from 'holdfast';
     export default defineJob('two', (env) => { env.from(fromCollection([1, 2])).print(); });`,
  );
  const told = await holdfast('run', 'two.job.ts', '--quiet', '--parallelism', '1');
  expect(told).toEqual({ code: 0, stdout: '1\n2\n', stderr: '' });
});

test('runs the demo over flights of its own making', { timeout: 300_000 }, async () => {
  const kills = ['--kills', '2', '--causes', 'throw,exit', '--seed', '5'];
  const told = await holdfast('demo', ...kills, '--json');
  expect(told.stderr).toMatch(/^Made flights: .*npm install vega-datasets/);
  const lines = told.stdout.trim().split('\n');
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({
    kills: 2,
    processKills: 1,
    lost: 0,
    duplicated: 0,
    wrong: 0,
    records: 2_000_000,
  });
  expect(told.code).toBe(0);
});
