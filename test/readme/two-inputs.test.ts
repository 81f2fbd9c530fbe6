/** docs/two-inputs.md: its example runs as printed, and prints what the page says. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let project: Project;
let page: Page;

beforeAll(async () => {
  project = await Project.create();
  page = await Page.read('docs/two-inputs.md');
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

test('the example balances orders and refunds', async () => {
  const [, printed] = /It prints `(.*?)`/.exec(page.text)!;
  const [command] = page.commands;
  const ended = await project.shell(command!);
  expect(ended).toMatchObject({ code: 0 });
  expect(ended.stdout.trim()).toBe(printed);
});
