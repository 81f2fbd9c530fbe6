/** docs/async.md: its jobs run as printed, the first against a service that fails now and then. */

import { scryptSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let page: Page;
let project: Project;

beforeAll(async () => {
  page = await Page.read('docs/async.md');
  project = await Project.create();
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

test('the job prices each order once, and puts aside what the service does not know', async () => {
  const keys = new Map<string, number>();
  const service = createServer((request, response) => {
    const key = String(request.headers['idempotency-key']);
    const times = (keys.get(key) ?? 0) + 1;
    keys.set(key, times);
    const [, item] = /^\/price\/item-(\d+)$/.exec(request.url!)!;
    if (item === '13') response.writeHead(404);
    else if (key.endsWith('7') && times === 1) response.writeHead(503);
    response.end(String(Number(item) * 100));
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const { port } = service.address() as AddressInfo;
  try {
    const [command] = page.commands;
    const ended = await project.shell(command!.replace('8080', String(port)));
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
  } finally {
    service.closeAllConnections();
    service.close();
  }
  const ids = Array.from({ length: 500 }, (_, id) => id);
  const priced = await project.publishedRows<{ id: number; cents: number }>('out/priced');
  expect(priced.toSorted((a, b) => a.id - b.id)).toEqual(
    ids
      .filter((id) => id % 17 !== 13)
      .map((id) => ({ id, item: `item-${id % 17}`, cents: (id % 17) * 100 })),
  );
  const letters = await project.publishedRows<{ record: { id: number } }>('out/unpriced');
  expect(letters.map(({ record }) => record.id).toSorted((a, b) => a - b)).toEqual(
    ids.filter((id) => id % 17 === 13),
  );
  expect([...keys.keys()]).toHaveLength(500);
});

test('the other job computes what a plain loop does', async () => {
  const [, command] = page.commands;
  const ended = await project.shell(command!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const digests = await project.publishedRows<{ id: number }>('out/digests');
  expect(digests.toSorted((a, b) => a.id - b.id)).toEqual(
    Array.from({ length: 16 }, (_, id) => ({
      id,
      digest: scryptSync(`secret-${id}`, `salt-${id}`, 16).toString('hex'),
    })),
  );
});
