/** docs/two-inputs.md: its example runs as printed, and prints what the page says. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let project: Project;
let page: Page;

beforeAll(async () => {
  project = await Project.create();
  page = await Page.read('docs/two-inputs.md');
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

test('the example balances orders and refunds', async () => {
  const [, printed] = /It prints `(.*?)`/.exec(page.text)!;
  const [command] = page.commands;
  const ended = await project.shell(command!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  expect(ended.stdout.trim()).toBe(printed);
});

const lines = (rows: readonly object[]): string =>
  rows.map((row) => JSON.stringify(row)).join('\n');

test('orders are paid or not within a day', async () => {
  const hour = 3_600_000;
  const orders = Array.from({ length: 200 }, (_, i) => ({ id: `o${i}`, time: i * hour }));
  // Every third is paid an hour later, every third two days later, and every third never.
  const payments = orders
    .flatMap(({ id, time }, i) =>
      i % 3 === 2 ? [] : [{ order: id, cents: i, time: time + (i % 3 === 0 ? hour : 48 * hour) }],
    )
    .sort((a, b) => a.time - b.time);
  await project.write('orders.ndjson', lines(orders));
  await project.write('payments.ndjson', lines(payments));
  expect(await project.shell(page.commands[1]!)).toMatchObject({ code: 0 });
  const ids = async (folder: string) =>
    (await project.publishedRows<{ id: string }>(folder)).map(({ id }) => id).sort();
  // Those that were paid two days later are in either, because the two files are read side by side.
  const [paid, unpaid] = [await ids('out/paid'), await ids('out/unpaid')];
  const all = orders.map(({ id }) => id).sort();
  expect([...paid, ...unpaid].sort()).toEqual(all);
  const never = (id: string) => Number(id.slice(1)) % 3 === 2;
  expect(unpaid.filter(never)).toEqual(all.filter(never));
  expect(paid).toEqual(expect.arrayContaining(all.filter((id) => Number(id.slice(1)) % 3 === 0)));
});

test('readings above the limit of their kind raise an alert', async () => {
  const readings = Array.from({ length: 300 }, (_, i) => ({
    sensor: `s${i}`,
    kind: i % 2 === 0 ? 'boiler' : 'room',
    celsius: i,
  }));
  await project.write('limits.ndjson', lines([{ kind: 'boiler', celsius: 200 }]));
  await project.write('readings.ndjson', lines(readings));
  const ended = await project.shell('npx holdfast run alerts.job.ts --parallelism 2');
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const alerts = await project.publishedRows<{ celsius: number; kind: string; limit: number }>(
    'out/alerts',
  );
  expect(alerts.every(({ celsius, limit }) => celsius > limit)).toBe(true);
  const rooms = alerts.filter(({ kind }) => kind === 'room').map(({ celsius }) => celsius);
  expect(rooms.sort((a, b) => a - b)).toEqual(
    readings
      .filter(({ kind, celsius }) => kind === 'room' && celsius > 80)
      .map(({ celsius }) => celsius),
  );
});
