/** docs/from-flink.md and docs/from-kafka-streams.md: their jobs run as printed, and what they say differs does. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

const MINUTE = 60_000;
const SECOND = 1_000;

let project: Project;
afterEach(() => project.remove());

interface Order {
  readonly shop: string;
  readonly cents: number;
  readonly time: number;
}

/** In the order of their times but for some, which are up to `lateMs` behind. */
function orders(lateMs: number): readonly Order[] {
  return Array.from({ length: 4_000 }, (_, i) => {
    const mixed = Math.imul(i + 1, 0x9e3779b1) >>> 0;
    const time = 1_700_000_000_000 + i * SECOND - (i % 10 === 0 ? mixed % lateMs : 0);
    return { shop: `shop ${mixed % 7}`, cents: mixed % 1_000, time };
  });
}

/** What windows of ten minutes hold in the end, and which orders are too late for that. */
function folded(all: readonly Order[], outOfOrdernessMs: number, allowedLatenessMs: number) {
  const late: Order[] = [];
  const windows = new Map<string, { orders: number; cents: number }>();
  let come = Number.NEGATIVE_INFINITY;
  for (const order of all) {
    const windowStart = Math.floor(order.time / (10 * MINUTE)) * 10 * MINUTE;
    const isLate = windowStart + 10 * MINUTE - 1 + allowedLatenessMs <= come;
    come = Math.max(come, order.time - outOfOrdernessMs - 1);
    if (isLate) late.push(order);
    else {
      const id = `${order.shop} ${windowStart}`;
      const { orders, cents } = windows.get(id) ?? { orders: 0, cents: 0 };
      windows.set(id, { orders: orders + 1, cents: cents + order.cents });
    }
  }
  return { late, windows };
}

async function opened(name: string, input: readonly Order[]): Promise<Page> {
  const page = await Page.read(name);
  project = await Project.create();
  for (const { file, text } of page.blocks) await project.write(file, text);
  await project.write('orders.ndjson', input.map((order) => JSON.stringify(order)).join('\n'));
  const [command, differences] = page.commands;
  const ended = await project.shell(command!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const printed = /prints\n\n```\n([\s\S]*?)```/.exec(page.text)![1];
  expect(await project.shell(differences!)).toMatchObject({ code: 0, stdout: printed });
  return page;
}

interface Row {
  readonly key: string;
  readonly windowStart: number;
  readonly orders: number;
  readonly cents: number;
}

const byWindow = <R extends Row>(rows: readonly R[]) =>
  new Map(rows.map((row) => [`${row.key} ${row.windowStart}`, row]));

test('from Flink', async () => {
  const input = orders(5 * MINUTE);
  const { late, windows } = folded(input, 5 * SECOND, MINUTE);
  expect(late.length).toBeGreaterThan(10);
  await opened('docs/from-flink.md', input);
  // Files and lines are in the order in which a key's rows came: the last one counts.
  const last = byWindow(await project.publishedRows<Row>('out/totals'));
  const shown = Array.from(last, ([id, { orders, cents }]) => [id, { orders, cents }] as const);
  expect(new Map(shown)).toEqual(windows);
  const texts = (rows: readonly Order[]) => rows.map((row) => JSON.stringify(row)).sort();
  expect(texts(await project.publishedRows<Order>('out/late'))).toEqual(texts(late));
});

test('from Kafka Streams', async () => {
  const input = orders(5 * SECOND);
  const { windows } = folded(input, 5 * SECOND, 0);
  await opened('docs/from-kafka-streams.md', input);
  const rows = await project.publishedRows<Row>('out/totals');
  // Each window has one row.
  expect(rows.length).toBe(windows.size);
  const counts = (found: ReadonlyMap<string, { readonly orders: number }>) =>
    new Map(Array.from(found, ([id, { orders }]) => [id, orders]));
  expect(counts(byWindow(rows))).toEqual(counts(windows));
});

/** Of a page: every code in it, without blocks of Java. */
const codes = (text: string) =>
  Array.from(
    text.replaceAll(/```java[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g),
    ([, code]) => code!,
  );

test('the pages name what there is, and link to what there is', async () => {
  project = await Project.create();
  const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' });
  const declared = files
    .filter((file) => file.endsWith('.d.ts'))
    .map((file) => readFileSync(join(dist, file), 'utf8'))
    .join('\n');
  for (const name of ['docs/from-flink.md', 'docs/from-kafka-streams.md', 'docs/cookbook.md']) {
    const { text } = await Page.read(name);
    // The last column is ours.
    const ours = text
      .split('\n')
      .filter((line) => /^\|.*\|.*\|$/.test(line))
      .map((line) => line.split('|').at(-2)!);
    for (const code of codes(ours.join('\n'))) {
      for (const [, called] of code.matchAll(/\b([a-zA-Z]+)(?=\(|$|:)/g)) {
        expect(declared, `${name}: ${code}`).toMatch(new RegExp(`\\b${called}\\b`));
      }
    }
    for (const [, file, anchor] of text.matchAll(/\]\(([\w./-]+\.md)(?:#([\w-]+))?\)/g)) {
      const target = await Page.read(join('docs', file!));
      const headings = Array.from(target.text.matchAll(/^#+ (.*)$/gm), ([, title]) =>
        title!
          .toLowerCase()
          .replaceAll(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      );
      if (anchor !== undefined) expect(headings, `${name}: ${file}`).toContain(anchor);
    }
  }
});
