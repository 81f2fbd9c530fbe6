/** README's job runs as printed, as TypeScript and as JavaScript, in a project of its own. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const execute = promisify(execFile);
let readme = '';
const folders: string[] = [];

beforeAll(async () => {
  readme = await readFile(join(root, 'README.md'), 'utf8');
});

afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

/** The code block that README prints under this file name. */
function printed(file: string): string {
  const block = readme.match(
    new RegExp(`\`\`\`\\w+ file=${file.replaceAll('.', '\\.')}\\n([^]*?)\`\`\``),
  );
  expect(block, `README has no block named ${file}`).not.toBeNull();
  return block![1]!;
}

async function project(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-readme-'));
  folders.push(folder);
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules', 'holdfast'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
}

async function publishedRows(folder: string): Promise<readonly { key: string; orders: number }[]> {
  const out = join(folder, 'out', 'orders');
  const rows: { key: string; orders: number }[] = [];
  for (const name of (await readdir(out)).sort()) {
    if (!name.endsWith('.ndjson')) continue;
    const text = await readFile(join(out, name), 'utf8');
    for (const line of text.split('\n')) if (line !== '') rows.push(JSON.parse(line));
  }
  return rows;
}

function expectAllOrders(rows: readonly { key: string; orders: number }[]): void {
  expect(new Set(rows.map((row) => row.key)).size).toBe(7);
  expect(rows.reduce((sum, row) => sum + row.orders, 0)).toBe(500_000);
}

test('the job in 20 lines, in TypeScript', async () => {
  const folder = await project();
  await writeFile(join(folder, 'orders.job.ts'), printed('orders.job.ts'));
  await writeFile(join(folder, 'main.mjs'), printed('main.mjs'));
  const { stdout } = await execute(process.execPath, ['main.mjs'], { cwd: folder });
  expect(stdout).toContain('finished 500000');
  expectAllOrders(await publishedRows(folder));
});

test('the same in JavaScript', async () => {
  const folder = await project();
  await writeFile(join(folder, 'orders.job.js'), printed('orders.job.ts'));
  await writeFile(
    join(folder, 'main.mjs'),
    printed('main.mjs').replace('orders.job.ts', 'orders.job.js'),
  );
  const { stdout } = await execute(process.execPath, ['main.mjs'], { cwd: folder });
  expect(stdout).toContain('finished 500000');
  expectAllOrders(await publishedRows(folder));
});

test('the same from the command line', async () => {
  const folder = await project();
  await writeFile(join(folder, 'orders.job.ts'), printed('orders.job.ts'));
  const command = readme.match(/npx holdfast (run orders\.job\.ts[^\n]*)/);
  expect(command).not.toBeNull();
  await execute(
    process.execPath,
    [join(root, 'dist', 'cli', 'main.js'), ...command![1]!.split(' ')],
    { cwd: folder },
  );
  expectAllOrders(await publishedRows(folder));
});

test('README names both commands that must work first', () => {
  expect(readme).toContain('npm run demo');
  expect(readme).toContain('npm test');
});
