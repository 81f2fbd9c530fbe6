/** docs/own-sinks.md: its example runs as printed, and keeps the contract that the page describes. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, Page, Project } from './kit.js';

let project: Project;
let page: Page;

beforeAll(async () => {
  project = await Project.create();
  page = await Page.read('docs/own-sinks.md');
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

const printed = async (command: string): Promise<Ended> => {
  expect(page.commands).toContain(`${command}\n`);
  return await project.shell(command);
};

test('the job publishes each order once, though a thread dies', async () => {
  const says = /says `(\d+ rows, \d+ different orders)`/.exec(page.text)![1]!;
  const ended = await printed('node main.js');
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining(says) });
});

test('the kit finds nothing wrong with the sink, and something with one that commits twice', async () => {
  const sound = await printed('node --test warehouse.test.js');
  expect(sound.code).toBe(0);
  expect(sound.stdout).toMatch(/^\S fail 0$/m);
  expect(Number(/^\S pass (\d+)$/m.exec(sound.stdout)![1])).toBeGreaterThan(20);

  const forgetful = (await project.read('service.js'))
    .replace('      if (published.has(name)) return 200;\n', '')
    .replace('      staged.delete(name);\n', '')
    .replace('published.set(name, ', 'published.set(published.size, ');
  await project.write('service.js', forgetful);
  const failed = await project.shell('node --test warehouse.test.js');
  expect(failed.code).toBe(1);
  const told = /^> (clause 'commit-twice'[\s\S]*?)\n\n/m
    .exec(page.text)![1]!
    .replaceAll('\n> ', ' ');
  expect(failed.stdout).toContain(told);
});
