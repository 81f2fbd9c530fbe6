/**
 * A thread that is ended with files in use leaves none of them open in the process, whatever was under way: they would
 * add up over the deaths of a job.
 */

import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';

const FILES = 40;
const DESCRIPTORS = '/proc/self/fd';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-ended-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a thread has begun when it is ended, with all files; the pool comes to nothing that is begun behind `busy`. */
const begun: Readonly<Record<string, string>> = {
  opens: 'for (const path of paths) void open(path, "w");',
  'opens that wait for the pool': 'busy(); for (const path of paths) void open(path, "w");',
  'writes that wait for the pool':
    'const all = await Promise.all(opens()); busy(); for (const file of all) void file.writeAll(Buffer.alloc(9));',
  'closes while the pool is busy':
    'const all = await Promise.all(opens()); busy(); for (const file of all) void file.close(); await null;',
  'closes behind writes that wait for the pool': `
    const all = await Promise.all(opens());
    busy();
    for (const file of all) {
      void file.writeAll(Buffer.alloc(9));
      void file.close();
    }`,
  'whole files read':
    'await Promise.all(opens().map(async (file) => (await file).close())); for (const path of paths) void readFile(path);',
};

const script = (what: string): string => `
  const { pbkdf2 } = require('node:crypto');
  const { parentPort, workerData } = require('node:worker_threads');
  const paths = Array.from({ length: ${FILES} }, (_, i) => workerData.folder + '/' + i);
  const busy = () => {
    for (let i = 0; i < 8; i += 1) pbkdf2('a', 'b', 100_000, 64, 'sha512', () => {});
  };
  import(workerData.module).then(async ({ open, readFile }) => {
    const opens = () => paths.map((path) => open(path, 'w'));
    ${what}
    parentPort.postMessage('begun');
    if (workerData.exits) process.exit(3);
  });`;

function leftOpen(): string[] {
  return readdirSync(DESCRIPTORS).flatMap((descriptor) => {
    try {
      const path = readlinkSync(join(DESCRIPTORS, descriptor));
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return []; // That of this very listing.
    }
  });
}

const ways = Object.keys(begun).flatMap((name) => [
  { name, end: 'terminate' },
  { name, end: 'exit' },
]);

test.skipIf(!existsSync(DESCRIPTORS)).each(ways)('$name, then $end', async ({ name, end }) => {
  const module = new URL('../../dist/base/files.js', import.meta.url).href;
  const workerData = { folder, module, exits: end === 'exit' };
  const worker = new Worker(script(begun[name]!), { eval: true, workerData });
  const ended = new Promise<number>((resolve, reject) => {
    worker.once('exit', resolve);
    worker.once('error', reject);
  });
  await new Promise((resolve) => worker.once('message', resolve));
  if (end === 'terminate') await worker.terminate();
  expect(await ended).toBe(end === 'exit' ? 3 : 1);
  expect(leftOpen()).toEqual([]);
});
