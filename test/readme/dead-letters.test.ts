/** docs/dead-letters.md: its example puts aside what the page says. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let project: Project;
let page: Page;

beforeAll(async () => {
  project = await Project.create();
  page = await Page.read('docs/dead-letters.md');
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

test('the example gives the dead letters that are printed', async () => {
  const [command] = page.commands;
  const ended = await project.shell(command!);
  expect(ended).toMatchObject({ code: 0 });
  expect(ended.stdout).toContain("'deadLetters:parse': 1");
  expect(ended.stdout).toContain("'deadLetters:totals': 1");
  const printed = /```json\n([\s\S]*?)```/.exec(page.text)![1]!.trim().split('\n');
  const dead = await project.shell('cat out/dead/part-*.ndjson');
  expect(dead.stdout.trim().split('\n').toSorted()).toEqual(printed.toSorted());
  const totals = await project.shell('cat out/totals/part-*.ndjson');
  expect(totals.stdout.trim().split('\n').toSorted()).toEqual([
    '{"key":"a","cents":5}',
    '{"key":"b","cents":1}',
  ]);
});
