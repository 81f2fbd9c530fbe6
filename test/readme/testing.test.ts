/** docs/testing.md: its tests run as printed, and find what is wrong. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let page: Page;
let project: Project;

beforeAll(async () => {
  page = await Page.read('docs/testing.md');
  project = await Project.create();
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

test('the tests of the page pass, and fail for an operator that is wrong', async () => {
  const [command] = page.commands;
  const sound = await project.shell(command!);
  expect(sound, sound.stdout).toMatchObject({ code: 0 });
  expect(sound.stdout).toMatch(/^\S pass 4$/m);

  const forgetful = page.printed('silence.js').replace('last.set(ctx.timestamp);', '');
  await project.write('silence.js', forgetful);
  const failed = await project.shell(command!);
  expect(failed.code).toBe(1);
  expect(failed.stdout).toMatch(/^\S fail 2$/m);
});
