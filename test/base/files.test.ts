import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { open, readFile, stat } from '../../src/base/files.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('what is written is read again, from where one likes', async () => {
  const path = join(folder, 'file');
  const written = await open(path, 'wx');
  await written.writeAll(Buffer.from('hello '));
  expect(await written.write(Buffer.from('the world'), 4, 5)).toMatchObject({ bytesWritten: 5 });
  await written.sync();
  await written.close();
  expect((await readFile(path)).toString()).toBe('hello world');
  expect((await stat(path, { bigint: true })).size).toBe(11n);
  const read = await open(path, 'r');
  const buffer = Buffer.alloc(8, '.');
  expect(await read.read(buffer, 1, 5, 6)).toMatchObject({ bytesRead: 5 });
  expect(buffer.toString()).toBe('.world..');
  expect(await read.read(buffer, 0, 8, 11)).toMatchObject({ bytesRead: 0 });
  expect((await read.stat()).size).toBe(11);
  await read.close();
});

it('a file is closed once, and not under what was begun with it', async () => {
  const path = join(folder, 'file');
  const file = await open(path, 'wx');
  const order: string[] = [];
  const block = Buffer.alloc(4 << 20, 'x');
  const writing = file.write(block).then(({ bytesWritten }) => {
    order.push('written');
    return bytesWritten;
  });
  const closing = Promise.all([file.close(), file.close()]).then(() => order.push('closed'));
  await expect(file.write(block)).rejects.toMatchObject({ code: 'EBADF' });
  await expect(file.stat()).rejects.toMatchObject({ code: 'EBADF' });
  await closing;
  expect(order).toEqual(['written', 'closed']);
  expect((await stat(path)).size).toBe(await writing);
});

it('what fails says so as Node does, and the file can be closed all the same', async () => {
  await expect(open(join(folder, 'missing'), 'r')).rejects.toMatchObject({ code: 'ENOENT' });
  const path = join(folder, 'file');
  await (await open(path, 'w')).close();
  await expect(open(path, 'wx')).rejects.toMatchObject({ code: 'EEXIST' });
  const file = await open(path, 'r');
  await expect(file.write(Buffer.from('x'))).rejects.toMatchObject({ code: 'EBADF' });
  await file.close();
});

it('reads a file of several blocks, an empty one, and one whose size is not told', async () => {
  const path = join(folder, 'file');
  const bytes = Buffer.from(Array.from({ length: 700_000 }, (_, i) => i * 31));
  writeFileSync(path, bytes);
  expect((await readFile(path)).equals(bytes)).toBe(true);
  writeFileSync(path, '');
  expect(await readFile(path)).toHaveLength(0);
  if (existsSync('/proc/self/stat')) {
    expect((await readFile('/proc/self/stat')).toString()).toContain(`${process.pid} (`);
  }
});
