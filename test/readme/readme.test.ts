/** README's job runs as printed, as TypeScript and as JavaScript, in a project of its own. */

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let readme: Page;
let project: Project;
const projects: Project[] = [];

beforeAll(async () => {
  readme = await Page.read('README.md');
});

beforeEach(async () => {
  project = await Project.create();
  projects.push(project);
});

afterAll(async () => {
  await Promise.all(projects.map((each) => each.remove()));
});

interface Row {
  readonly key: string;
  readonly orders: number;
}

async function expectAllOrders(): Promise<void> {
  const rows = await project.publishedRows<Row>('out/orders');
  expect(new Set(rows.map((row) => row.key)).size).toBe(7);
  expect(rows.reduce((sum, row) => sum + row.orders, 0)).toBe(500_000);
}

test('flights find the cities of their airports in broadcast state, or go elsewhere', async () => {
  const text = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join('\n');
  const codes = Array.from({ length: 30 }, (_, i) => `A${i}`);
  const flights = Array.from({ length: 3_000 }, (_, id) => ({ id, origin: codes[id % 30]! }));
  await project.write('cities.job.ts', readme.printed('cities.job.ts'));
  await project.write(
    'airports.ndjson',
    text(codes.slice(1).map((code) => ({ code, city: `city of ${code}` }))),
  );
  await project.write('flights.ndjson', text(flights));
  const ended = await project.shell('npx holdfast run cities.job.ts --parallelism 2');
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const named = await project.publishedRows<{ id: number; origin: string; city: string }>(
    'out/named',
  );
  const unknown = await project.publishedRows<{ id: number }>('out/unknown');
  expect(named.every(({ origin, city }) => city === `city of ${origin}`)).toBe(true);
  const ids = [...named, ...unknown].map(({ id }) => id).sort((a, b) => a - b);
  expect(ids).toEqual(flights.map(({ id }) => id));
  expect(unknown.filter(({ id }) => id % 30 === 0)).toHaveLength(100);
});

test('Ctrl-C takes a last checkpoint, and the next run goes on from it', async () => {
  const paced = (rate: string) =>
    readme
      .printed('orders.job.ts')
      .replace('count: 500_000', `count: 500_000, ratePerSecond: ${rate}`);
  await project.write('orders.job.ts', paced('5_000'));
  await project.write('main.mjs', readme.printed('main.mjs'));
  const interrupted = await project.shell(
    'set -m; node main.mjs & until ls checkpoints/manifests/*.json >/dev/null 2>&1; do sleep 0.1; done; ' +
      'kill -INT $!; wait $!',
  );
  expect(interrupted.code).toBe(0);
  expect(interrupted.stdout).toMatch(/^stopped \d+$/m);
  await project.write('orders.job.ts', paced('1_000_000'));
  const ended = await project.shell('node main.mjs');
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('finished 500000') });
  await expectAllOrders();
});

test('the job in 20 lines, in TypeScript: read from top to bottom, in one folder', async () => {
  await project.write('orders.job.ts', readme.printed('orders.job.ts'));
  await project.write('main.mjs', readme.printed('main.mjs'));
  const first = readme.commands.indexOf('node main.mjs\n');
  expect(first).toBeGreaterThan(0);
  const said = ['finished 500000', ''];
  for (const [at, command] of readme.commands.slice(first, first + 2).entries()) {
    const stdout = expect.stringContaining(said[at]!);
    expect(await project.shell(command)).toMatchObject({ code: 0, stdout });
    await expectAllOrders();
  }
});

test('the same in JavaScript', async () => {
  await project.write('orders.job.js', readme.printed('orders.job.ts'));
  const main = readme.printed('main.mjs').replace('orders.job.ts', 'orders.job.js');
  await project.write('main.mjs', main);
  const ended = await project.shell('node main.mjs');
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('finished 500000') });
  await expectAllOrders();
});

test('the same from the command line', async () => {
  await project.write('orders.job.ts', readme.printed('orders.job.ts'));
  const command = readme.commands.find((each) => each.startsWith('npx holdfast run orders.job.ts'));
  expect(await project.shell(command!)).toMatchObject({ code: 0 });
  await expectAllOrders();
});

test('the job with side outputs, over a file with malformed lines', async () => {
  await project.write('hourly.job.ts', readme.printed('hourly.job.ts'));
  const lines = Array.from({ length: 5_000 }, (_, i) =>
    i % 1_000 === 7
      ? '{"shop": '
      : JSON.stringify({ shop: `s${i % 3}`, currency: 'EUR', cents: i, time: i * 10_000 }),
  );
  await project.write('orders.ndjson', lines.join('\n'));
  const command = 'npx holdfast run hourly.job.ts --parallelism 2 --arg input=orders.ndjson';
  expect(await project.shell(command)).toMatchObject({ code: 0 });
  const rows = await project.publishedRows<Row>('out/hourly');
  // One order of 0 cents is filtered out.
  expect(rows.reduce((sum, row) => sum + row.orders, 0)).toBe(5_000 - 5 - 1);
  expect(await project.publishedRows('out/rejects')).toHaveLength(5);
});

test('README names both commands that must work first', () => {
  expect(readme.text).toContain('npm run demo');
  expect(readme.text).toContain('npm test');
});
