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
  const ended = await project.shell(page.commands[3]!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  expect(texts(await project.publishedRows<object>('out/readings'))).toEqual(texts(once));
});

test('the ten words that are there most often are those of a plain loop', async () => {
  const words = Array.from({ length: 4_000 }, (_, i) => {
    const mixed = Math.imul(i, 0x9e3779b1) >>> 0;
    return `w${'abcdefghijklmnopqrstuvwxyz'[Math.min(mixed % 26, (mixed >>> 8) % 26)]}`;
  });
  const lines = words.map((word, i) => (i % 9 === 8 ? `${word}.\n` : `${word}, `)).join('');
  await project.write('book.txt', lines);
  const times = new Map<string, number>();
  for (const word of words) times.set(word, (times.get(word) ?? 0) + 1);
  const top = [...times]
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, 10)
    .map(([word, n], i) => `${i + 1}. ${word}: ${n}`);
  const ended = await project.shell(page.commands[0]!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  expect(ended.stdout.trim().split('\n')).toEqual(top);
});

test('the top two regions of each hour follow from the changes, late reports included', async () => {
  const regions = ['Alaska', 'Chile', 'Fiji', 'Japan', 'Nevada'];
  const quakes = Array.from({ length: 1_500 }, (_, i) => {
    const mixed = Math.imul(i, 0x9e3779b1) >>> 0;
    // Some come an hour late.
    const late = mixed % 7 === 0 ? HOUR_MS : 0;
    const region = regions[Math.min(mixed % 5, (mixed >>> 9) % 5)]!;
    return { region, time: 1_700_000_000_000 + i * 60_000 - late };
  });
  await project.write('quakes.ndjson', quakes.map((one) => JSON.stringify(one)).join('\n'));
  const hours = new Map<number, Map<string, number>>();
  for (const { region, time } of quakes) {
    const start = Math.floor(time / HOUR_MS) * HOUR_MS;
    const counts = hours.get(start) ?? new Map<string, number>();
    hours.set(start, counts.set(region, (counts.get(region) ?? 0) + 1));
  }
  const top = [...hours].flatMap(([windowStart, counts]) =>
    [...counts]
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      .slice(0, 2)
      .map(([key, n], i) => ({
        key,
        windowStart,
        windowEnd: windowStart + HOUR_MS,
        quakes: n,
        rank: i + 1,
      })),
  );
  const ended = await project.shell(page.commands[2]!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const there = new Map<string, number>();
  const changes = await project.publishedRows<{ change: string }>('out/top');
  for (const { change, ...row } of changes) {
    const text = JSON.stringify(row);
    const left = (there.get(text) ?? 0) + (change.startsWith('+') ? 1 : -1);
    if (left === 0) there.delete(text);
    else there.set(text, left);
  }
  expect([...there.keys()].sort()).toEqual(texts(top));
  expect([...there.values()].every((n) => n === 1)).toBe(true);
  expect(changes.length).toBeGreaterThan(2 * top.length);
});

test('a sink of its own keeps the newest address of each customer', async () => {
  const addresses = Array.from({ length: 500 }, (_, i) => {
    const mixed = Math.imul(i, 0x9e3779b1) >>> 0;
    const street = mixed % 5 === 0 ? null : `street ${i}`;
    return { customer: `c/${(mixed >>> 4) % 40}`, street, time: i - (mixed % 7) * 10 };
  });
  await project.write('addresses.ndjson', addresses.map((one) => JSON.stringify(one)).join('\n'));
  const latest = new Map<string, (typeof addresses)[number]>();
  for (const one of addresses) {
    const before = latest.get(one.customer);
    if (before === undefined || one.time >= before.time) latest.set(one.customer, one);
  }
  const ended = await project.shell(page.commands[1]!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const found = await project.shell('cd out/latest; for f in *; do cat $f; echo; done');
  const there = [...latest.values()].filter(({ street }) => street !== null);
  expect(there.length).toBeLessThan(latest.size);
  expect(found.stdout.trim().split('\n').sort()).toEqual(texts(there));
});
