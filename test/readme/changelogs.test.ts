/** docs/changelogs.md: its jobs run as printed, and give what a plain loop gives. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let page: Page;
let project: Project;

beforeAll(async () => {
  page = await Page.read('docs/changelogs.md');
  project = await Project.create();
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

const HOUR_MS = 3_600_000;
const texts = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort();

test('deduplication keeps a reading once a day', async () => {
  // Each id comes again after some hours, and after more than a day.
  const readings = Array.from({ length: 900 }, (_, i) => {
    const id = `r${i % 60}`;
    return {
      id,
      celsius: i % 37,
      time: 1_700_000_000_000 + Math.floor(i / 60) * 5 * HOUR_MS + (i % 60),
    };
  });
  await project.write('readings.ndjson', readings.map((one) => JSON.stringify(one)).join('\n'));
  const since = new Map<string, number>();
  const once = readings.filter(({ id, time }) => {
    if (time < (since.get(id) ?? Number.NEGATIVE_INFINITY) + 24 * HOUR_MS) return false;
    since.set(id, time);
    return true;
  });
  expect(once.length).toBe(180);
  const ended = await project.shell(page.commands[0]!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  expect(texts(await project.publishedRows<object>('out/readings'))).toEqual(texts(once));
});
