/** docs/changing-a-job.md: its example, followed with its commands as printed. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let project: Project;

beforeAll(async () => {
  project = await Project.create();
});

afterAll(async () => {
  await project.remove();
});

interface Row {
  readonly windowStart: number;
  readonly orders: number;
  readonly least?: number;
  readonly mean?: number | null;
  readonly buyers: number;
}

/** The words of a text, however they are broken into lines. */
const words = (text: string): string => text.replaceAll(/\s+/g, ' ');

test('a job is changed, and changed back', async () => {
  const page = await Page.read('docs/changing-a-job.md');
  const commands = page.commands.slice(page.commands.indexOf('node until.mjs 50000\n'));
  expect(commands).toHaveLength(7);
  const next = () => project.shell(commands.shift()!);
  const rowsOf = () => project.publishedRows<Row>('out/orders');
  const ordersIn = (rows: readonly Row[]) => rows.reduce((sum, { orders }) => sum + orders, 0);

  await project.write('until.mjs', page.printed('until.mjs'));
  await project.write('orders.job.ts', page.printed('orders.job.ts', 0));
  expect(await next()).toMatchObject({ code: 0, stdout: 'stopped\n' });
  expect(await next()).toMatchObject({ code: 0 });
  const before = await rowsOf();
  expect(before.length).toBeGreaterThan(0);
  expect(before.every(({ least }) => least !== undefined)).toBe(true);

  await project.write('orders.job.ts', page.printed('orders.job.ts', 1));
  const refused = await next();
  expect(refused.code).toBe(1);
  const table = /```text\n(operator[\s\S]*?)Job 'orders' cannot start/.exec(page.text)![1]!;
  expect(words(refused.stdout)).toContain(words(table));
  const allowed = await next();
  expect(allowed.code).toBe(0);
  const evolved = /`totals` has evolved then: "([\s\S]*?)"/.exec(page.text)![1]!;
  expect(words(allowed.stdout)).toContain(words(evolved));

  expect(await next()).toMatchObject({ code: 0, stdout: 'stopped\n' });
  const changed = (await rowsOf()).slice(before.length);
  expect(changed.length).toBeGreaterThan(0);
  expect(changed.every((row) => row.mean !== undefined && row.least === undefined)).toBe(true);
  // The window that was open has been counted on, with the buyers that it had.
  const open = Math.min(...changed.map(({ windowStart }) => windowStart));
  expect(ordersIn(changed.filter(({ windowStart }) => windowStart === open))).toBe(3_000);
  expect(new Set(changed.map(({ buyers }) => buyers))).toEqual(new Set([49]));

  await project.write('orders.job.ts', page.printed('orders.job.ts', 0));
  const downgraded = await next();
  expect(downgraded.code).toBe(1);
  expect(downgraded.stderr).toContain('ERR_HOLDFAST_GRAPH_INCOMPATIBLE');
  expect(await next()).toMatchObject({ code: 0 });
  const after = await rowsOf();
  expect(after.slice(0, before.length)).toEqual(before);
  expect(after.every(({ least }) => least !== undefined)).toBe(true);
  expect(ordersIn(after)).toBe(150_000);
}, 120_000);
