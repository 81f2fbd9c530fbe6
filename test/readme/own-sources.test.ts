/** docs/own-sources.md: its example runs as printed, and keeps the contract that the page describes. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, Page, Project } from './kit.js';

let project: Project;
let page: Page;

beforeAll(async () => {
  project = await Project.create();
  page = await Page.read('docs/own-sources.md');
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

const printed = async (command: string): Promise<Ended> => {
  expect(page.commands).toContain(`${command}\n`);
  return await project.shell(command);
};

test('the job counts each order once, though a thread dies', async () => {
  const [, first, second] = /says `\[ '(.*?)', '(.*?)' \]`/.exec(page.text)!;
  const ended = await printed('node main.js');
  expect(ended.code).toBe(0);
  expect(ended.stdout).toContain(first);
  expect(ended.stdout).toContain(second);
});

test('the kit finds nothing wrong with the source, and something with one that begins anew', async () => {
  const sound = await printed('node --test shop-source.test.js');
  expect(sound).toMatchObject({ code: 0 });
  expect(sound.stdout).toMatch(/^\S fail 0$/m);
  expect(Number(/^\S pass (\d+)$/m.exec(sound.stdout)![1])).toBeGreaterThan(9);

  const text = await project.read('shop-source.js');
  await project.write('shop-source.js', text.replace('position?.number ?? 0', '0'));
  const failed = await project.shell('node --test shop-source.test.js');
  expect(failed.code).toBe(1);
  const told = /^> (clause 'resume-anywhere'[\s\S]*?)\n\n/m
    .exec(page.text)![1]!
    .replaceAll('\n> ', ' ');
  expect(failed.stdout).toContain(told);
});
