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

interface Row {
  readonly key: string;
  readonly orders: number;
}

async function publishedRows(folder: string, name = 'orders'): Promise<readonly Row[]> {
  const out = join(folder, 'out', name);
  const rows: Row[] = [];
  for (const file of (await readdir(out)).sort()) {
    if (!file.endsWith('.ndjson')) continue;
    const text = await readFile(join(out, file), 'utf8');
    for (const line of text.split('\n')) if (line !== '') rows.push(JSON.parse(line));
  }
  return rows;
}

function expectAllOrders(rows: readonly Row[]): void {
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

test('the job with side outputs, over a file with malformed lines', async () => {
  const folder = await project();
  await writeFile(join(folder, 'hourly.job.ts'), printed('hourly.job.ts'));
  const lines = Array.from({ length: 5_000 }, (_, i) =>
    i % 1_000 === 7
      ? '{"shop": '
      : JSON.stringify({ shop: `s${i % 3}`, currency: 'EUR', cents: i, time: i * 10_000 }),
  );
  await writeFile(join(folder, 'orders.ndjson'), lines.join('\n'));
  const command = ['run', 'hourly.job.ts', '--parallelism', '2', '--arg', 'input=orders.ndjson'];
  await execute(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...command], {
    cwd: folder,
  });
  const rows = await publishedRows(folder, 'hourly');
  // One order of 0 cents is filtered out.
  expect(rows.reduce((sum, row) => sum + row.orders, 0)).toBe(5_000 - 5 - 1);
  expect(await publishedRows(folder, 'rejects')).toHaveLength(5);
});

test('README names both commands that must work first', () => {
  expect(readme).toContain('npm run demo');
  expect(readme).toContain('npm test');
});
