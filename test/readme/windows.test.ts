/** docs/windows.md: its jobs with windows by key run as printed. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let page: Page;
let project: Project;

beforeAll(async () => {
  page = await Page.read('docs/windows.md');
  project = await Project.create();
  for (const { file, text } of page.blocks) await project.write(file, text);
  await project.write('visits.ndjson', visits.map((one) => JSON.stringify(one)).join('\n'));
});

afterAll(async () => {
  await project.remove();
});

const commandOf = (job: string) => page.commands.find((one) => one.includes(`${job}.job.ts`))!;

const GAP_MS = 1_800_000;

interface Visit {
  readonly user: string;
  readonly page: string;
  readonly time: number;
}

/** 30 users, up to 30 s out of order. */
function visit(i: number): Visit {
  const mixed = Math.imul(i ^ (i >>> 3), 0x9e3779b1) >>> 0;
  const time = 1_700_000_000_000 + i * 60_000 - (mixed % 30_000);
  return { user: `user ${(mixed >>> 11) % 30}`, page: `/${(mixed >>> 20) % 5}`, time };
}

const visits = Array.from({ length: 3_000 }, (_, i) => visit(i));

/** Rows as texts, in an order of their own. */
const texts = (all: readonly object[]) => all.map((row) => JSON.stringify(row)).toSorted();

test('sessions of each user', async () => {
  const expected = [...new Set(visits.map(({ user }) => user))].flatMap((user) => {
    const own = visits.filter((one) => one.user === user).toSorted((a, b) => a.time - b.time);
    const ends = own.flatMap(({ time }, i) =>
      own[i + 1] !== undefined && own[i + 1]!.time - time <= GAP_MS ? [] : [i + 1],
    );
    return ends.map((end, i) => {
      const session = own.slice(ends[i - 1] ?? 0, end);
      return {
        key: user,
        windowStart: session[0]!.time,
        windowEnd: session.at(-1)!.time + GAP_MS,
        visits: session.length,
        pages: [...new Set(session.map(({ page: seen }) => seen))].toSorted(),
      };
    });
  });
  expect(expected.length).toBeGreaterThan(300);
  expect(expected.length).toBeLessThan(2_000);

  const command = commandOf('sessions');
  const ended = await project.shell(command);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const rows = await project.publishedRows<{ pages: string[] }>('out/sessions');
  expect(texts(rows.map((row) => ({ ...row, pages: row.pages.toSorted() })))).toEqual(
    texts(expected),
  );
});

/** Visits of each user and stretch of time, in order of time. */
function cut(sizeMs: number): readonly { user: string; from: number; own: readonly Visit[] }[] {
  const windows = new Map<string, { user: string; from: number; own: Visit[] }>();
  for (const one of visits.toSorted((a, b) => a.time - b.time)) {
    const from = Math.floor(one.time / sizeMs) * sizeMs;
    const name = `${one.user} ${from}`;
    const window = windows.get(name) ?? { user: one.user, from, own: [] };
    window.own.push(one);
    windows.set(name, window);
  }
  return [...windows.values()];
}

test('all visits of each user and two hours', async () => {
  const expected = cut(7_200_000).map(({ user, from, own }) => {
    return { user, from, visits: own.length, first: own[0]!.page, last: own.at(-1)!.page };
  });
  const ended = await project.shell(commandOf('days'));
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  expect(texts(await project.publishedRows<object>('out/days'))).toEqual(texts(expected));
});

test('rows ahead of a day’s end, and of the newest visits', async () => {
  const ended = await project.shell(commandOf('early'));
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const days = cut(86_400_000);
  interface Row {
    readonly key: string;
    readonly windowStart: number;
    readonly visits: number;
  }
  const rows = await project.publishedRows<Row>('out/so-far');
  const lastOf = (key: string, from: number) =>
    Math.max(
      ...rows.filter((row) => row.key === key && row.windowStart === from).map((row) => row.visits),
    );
  expect(days.map(({ user, from }) => lastOf(user, from))).toEqual(
    days.map(({ own }) => own.length),
  );
  expect(rows.length).toBeGreaterThan(3_000 / 5 - days.length);
  const newest = await project.publishedRows<Row>('out/newest');
  const fired = days.reduce((all, { own }) => all + Math.floor(own.length / 3), 0);
  expect(newest).toHaveLength(fired);
  expect(Math.max(...newest.map((row) => row.visits))).toBe(10);
});
