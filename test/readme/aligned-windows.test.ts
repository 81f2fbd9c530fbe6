/** docs/windows.md: the jobs with windows that are the same for all keys run as printed. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let page: Page;
let project: Project;

beforeAll(async () => {
  page = await Page.read('docs/windows.md');
  project = await Project.create();
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

const run = async (job: string) => {
  const command = page.commands.find((one) => one.includes(`${job}.job.ts`));
  expect(await project.shell(command!)).toMatchObject({ code: 0 });
  const rows = await project.publishedRows<Readonly<Record<string, number>>>(`out/${job}`);
  return rows.toSorted(
    (a, b) => (a['windowStart'] ?? b['times']!) - (b['windowStart'] ?? a['times']!),
  );
};

test('a moving average over seven days, each day', async () => {
  const DAY_MS = 86_400_000;
  const begin = Date.UTC(2024, 1, 20);
  const weather = Array.from({ length: 60 }, (_, i) => ({
    date: new Date(begin + i * DAY_MS).toISOString(),
    rain: (i * 37) % 11,
    temperature: (i * 17) % 23,
  }));
  await project.write('weather.ndjson', weather.map((day) => JSON.stringify(day)).join('\n'));
  const expected = Array.from({ length: 66 }, (_, i) => {
    const week = weather.slice(Math.max(0, i - 6), i + 1);
    const windowEnd = begin + (i + 1) * DAY_MS;
    return {
      ...{ windowStart: windowEnd - 7 * DAY_MS, windowEnd, days: week.length },
      rain: week.reduce((all, { rain }) => all + rain, 0) / week.length,
      warmest: Math.max(...week.map(({ temperature }) => temperature)),
    };
  });
  expect(await run('moving')).toEqual(expected);
});

test('the dearest bids of each minute, in two phases', async () => {
  const MINUTE_MS = 60_000;
  const bids = Array.from({ length: 3_000 }, (_, i) => {
    return { auction: i, price: (i * 7_919) % 101, time: i * 100 };
  });
  await project.write('bids.ndjson', bids.map((bid) => JSON.stringify(bid)).join('\n'));
  const expected = Array.from({ length: 5 }, (_, minute) => {
    const own = bids.slice(minute * 600, minute * 600 + 600);
    const most = Math.max(...own.map(({ price }) => price));
    const dearest = own.filter(({ price }) => price === most);
    return {
      ...{ windowStart: minute * MINUTE_MS, windowEnd: (minute + 1) * MINUTE_MS },
      ...{ bids: own.length, dearest },
    };
  });
  expect(await run('dearest')).toEqual(expected);
});

test('months of a time zone', async () => {
  const HOUR_MS = 3_600_000;
  const begin = Date.UTC(2023, 11, 31, 23);
  const prices = Array.from({ length: 366 * 24 }, (_, i) => ({
    ...{ symbol: 'X', time: begin + i * HOUR_MS, close: (i * 7_919) % 1_000 },
  }));
  await project.write('prices.ndjson', prices.map((one) => JSON.stringify(one)).join('\n'));
  const monthOf = new Intl.DateTimeFormat('en', { timeZone: 'Europe/Berlin', month: 'numeric' });
  const expected = Array.from({ length: 12 }, (_, m) => {
    const own = prices.filter(({ time }) => monthOf.format(time) === String(m + 1));
    const closes = own.map(({ close }) => close);
    return {
      ...{ key: 'X', windowStart: own[0]!.time, windowEnd: own.at(-1)!.time + HOUR_MS },
      ...{ open: closes[0], high: Math.max(...closes), close: closes.at(-1) },
    };
  });
  expect(await run('months')).toEqual(expected);
});

test('the most frequent words at the end of the input', async () => {
  await project.write('book.txt', 'The sea, the sky.\nThe ship at sea:\nthe end');
  expect(await run('words')).toEqual([
    { word: 'the', times: 4 },
    { word: 'sea', times: 2 },
    { word: 'at', times: 1 },
  ]);
});
