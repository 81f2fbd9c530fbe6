/** docs/time.md and docs/state.md: their programs run as printed, and print what the pages say. */

import { afterEach, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let project: Project;
afterEach(() => project.remove());

test.each(['docs/time.md', 'docs/state.md'])('%s', async (name) => {
  const page = await Page.read(name);
  project = await Project.create();
  for (const { file, text } of page.blocks) await project.write(file, text);
  const printed = /prints\n\n```\n([\s\S]*?)```/.exec(page.text)![1];
  const ended = await project.shell(page.commands[0]!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  expect(ended.stdout).toBe(printed);
});
