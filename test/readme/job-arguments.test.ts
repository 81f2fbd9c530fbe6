/** docs/job-arguments.md: its job takes its arguments as printed, and refuses others as printed. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let project: Project;
let page: Page;

beforeAll(async () => {
  project = await Project.create('zod');
  page = await Page.read('docs/job-arguments.md');
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

test('its arguments reach the job as numbers and texts', async () => {
  const orders = [4_999, 5_000, 20_000].map((cents) => ({ shop: 'a', cents }));
  await project.write('orders.ndjson', orders.map((order) => JSON.stringify(order)).join('\n'));
  const ended = await project.shell(page.commands[0]!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const large = await project.publishedRows<{ cents: number }>('out/large');
  expect(large.map(({ cents }) => cents).sort((a, b) => a - b)).toEqual([5_000, 20_000]);
});

test('other arguments are refused with the reasons that are printed', async () => {
  const [, printed] = /```text\n([\s\S]*?)```/.exec(page.text)!;
  const ended = await project.shell(page.commands[1]!);
  expect(ended.code).toBe(2);
  expect(`${ended.stderr.trim()}\n`).toBe(printed);
});
