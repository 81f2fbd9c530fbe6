/** docs/windows.md: its jobs run as printed. */

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

test('sessions of each user', async () => {
  const visits = Array.from({ length: 3_000 }, (_, i) => visit(i));
  await project.write('visits.ndjson', visits.map((one) => JSON.stringify(one)).join('\n'));
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

  const [command] = page.commands;
  const ended = await project.shell(command!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const rows = await project.publishedRows<{ pages: string[] }>('out/sessions');
  const texts = (all: readonly object[]) => all.map((row) => JSON.stringify(row)).toSorted();
  expect(texts(rows.map((row) => ({ ...row, pages: row.pages.toSorted() })))).toEqual(
    texts(expected),
  );
});
