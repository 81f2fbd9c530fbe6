/** docs/own-sinks.md: its example runs as printed, and keeps the contract that the page describes. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const execute = promisify(execFile);
let folder = '';
let page = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-own-sinks-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules', 'holdfast'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  page = await readFile(join(root, 'docs', 'own-sinks.md'), 'utf8');
  for (const [, name, text] of page.matchAll(/```\w+ file=(\S+)\n([\s\S]*?)```/g)) {
    await writeFile(join(folder, name!), text!);
  }
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const shell = async (command: string): Promise<string> => {
  expect(page).toContain(`\`\`\`sh\n${command}\n\`\`\``);
  const env = { ...process.env, NO_COLOR: '1' };
  return (await execute('bash', ['-c', command], { cwd: folder, env })).stdout;
};

test('the job publishes each order once, though a thread dies', async () => {
  const says = /says `(\d+ rows, \d+ different orders)`/.exec(page)![1]!;
  expect(await shell('node main.js')).toContain(says);
});

test('the kit finds nothing wrong with the sink, and something with one that commits twice', async () => {
  const sound = await shell('node --test warehouse.test.js');
  expect(sound).toMatch(/^\S fail 0$/m);
  expect(Number(/^\S pass (\d+)$/m.exec(sound)![1])).toBeGreaterThan(20);

  const service = await readFile(join(folder, 'service.js'), 'utf8');
  const forgetful = service
    .replace('      if (published.has(name)) return 200;\n', '')
    .replace('      staged.delete(name);\n', '')
    .replace('published.set(name, ', 'published.set(published.size, ');
  await writeFile(join(folder, 'service.js'), forgetful);
  const { stdout } = await execute(process.execPath, ['--test', 'warehouse.test.js'], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1' },
  }).catch((error: { stdout: string }) => error);
  const told = /^> (clause 'commit-twice'[\s\S]*?)\n\n/m.exec(page)![1]!.replaceAll('\n> ', ' ');
  expect(stdout).toContain(told);
});
