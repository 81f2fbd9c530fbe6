/** docs/csv.md: its job runs as printed, over real weather with a few lines that are broken. */

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let page: Page;
let project: Project;

beforeAll(async () => {
  page = await Page.read('docs/csv.md');
  project = await Project.create();
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

interface Week {
  readonly key: string;
  readonly windowStart: number;
  readonly mean: number;
}

test('the job gives the weekly means, and puts broken lines aside', async () => {
  const data = new URL(
    '../../node_modules/vega-datasets/data/seattle-weather.csv',
    import.meta.url,
  );
  const lines = (await readFile(data, 'utf8')).trimEnd().split('\n');
  const broken = ['2012-02-30,0,1,1,1,rain', '"2012-01-01,0', '2012-01-01'];
  await project.write('seattle-weather.csv', lines.toSpliced(100, 0, ...broken).join('\n'));

  const weekMs = 7 * 24 * 3_600_000;
  const weeks = new Map<string, number[]>();
  for (const line of lines.slice(1)) {
    const [date, , highest, , , weather] = line.split(',');
    const week = `${weather} ${Math.floor(Date.parse(date!) / weekMs) * weekMs}`;
    weeks.set(week, [...(weeks.get(week) ?? []), Number(highest)]);
  }

  const [command] = page.commands;
  const ended = await project.shell(command!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const rows = await project.publishedRows<Week>('out/weeks');
  const means = new Map(rows.map(({ key, windowStart, mean }) => [`${key} ${windowStart}`, mean]));
  expect(means.size).toBe(weeks.size);
  for (const [week, values] of weeks) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(means.get(week), week).toBeCloseTo(mean, 9);
  }
  const rejects = await project.publishedRows<{ line: number; text: string }>('out/rejects');
  expect(rejects.map(({ line, text }) => [line, text]).sort()).toEqual(
    broken.map((text, i) => [101 + i, text]),
  );
});
