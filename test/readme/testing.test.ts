/** docs/testing.md: its tests run as printed, and find what is wrong. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

/** `operatorConformance` gives so many cases where nothing is said of late records. */
const CLAUSES = 8;

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
  expect(Number(/^\S pass (\d+)$/m.exec(sound.stdout)![1])).toBe(4 + CLAUSES);

  const forgetful = page.printed('silence.js').replace('last.set(ctx.timestamp);', '');
  await project.write('silence.js', forgetful);
  const failed = await project.shell(command!);
  expect(failed.code).toBe(1);
  expect(failed.stdout).toMatch(/^\S fail 3$/m);
});

test('the kit finds state outside of state, and tells it as the page says', async () => {
  const outside = page
    .printed('silence.js')
    .replace('state: { last: value() },', '')
    .replace('const { last } = ctx.state;', 'const last = lastOf(ctx.key);')
    .replace('ctx.state.last.get()', 'lastOf(ctx.key).get()')
    .replace(
      '  visits\n',
      '{ const lasts = new Map(); const lastOf = (k) => ({ get: () => lasts.get(k), set: (v) => lasts.set(k, v) }); return visits\n',
    )
    .replace(".uid('silence');", ".uid('silence'); }");
  await project.write('silence.js', outside);
  const failed = await project.shell('node --test conformance.test.js');
  expect(failed.code).toBe(1);
  const told = /^> (clause 'restore'.*)$/m.exec(page.text)![1]!;
  expect(failed.stdout.replaceAll(/\n\s*/g, ' ')).toContain(told);
});
