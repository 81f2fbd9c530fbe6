/** docs/process.md: its job runs as printed, over visits out of order; and what it says of timers that are gone. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let page: Page;
let project: Project;

beforeAll(async () => {
  page = await Page.read('docs/process.md');
  project = await Project.create();
  for (const { file, text } of page.blocks) await project.write(file, text);
});

afterAll(async () => {
  await project.remove();
});

const SILENCE_MS = 600_000;

interface Visit {
  readonly user: string;
  readonly page: string;
  readonly time: number;
}

/** 30 users, up to 30 s out of order. */
function visit(i: number): Visit {
  const mixed = Math.imul(i, 0x9e3779b1) >>> 0;
  const time = 1_700_000_000_000 + i * 20_000 - (mixed % 30_000);
  return { user: `user ${mixed % 30}`, page: `/${i}`, time };
}

test('the job tells who was silent for ten minutes, since when, and where', async () => {
  const visits = Array.from({ length: 3_000 }, (_, i) => visit(i));
  await project.write('visits.ndjson', visits.map((one) => JSON.stringify(one)).join('\n'));
  const byTime = visits.toSorted((a, b) => a.time - b.time);
  const silent = byTime.filter(
    ({ user, time }, i) =>
      !byTime.slice(i + 1).some((next) => next.user === user && next.time - time <= SILENCE_MS),
  );
  expect(silent.length).toBeGreaterThan(500);
  expect(silent.length).toBeLessThan(2_500);

  const [command] = page.commands;
  const ended = await project.shell(command!);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const alerts = await project.publishedRows<object>('out/alerts');
  const texts = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort();
  expect(texts(alerts)).toEqual(
    texts(silent.map(({ user, time, page: lastPage }) => ({ user, silentSince: time, lastPage }))),
  );
});

test('a job without the timers that it had is refused, until they may be dropped', async () => {
  const job = (more: string) => `
    import { collect, defineJob, generate, map } from 'holdfast';
    export default defineJob('silence', (env, args) => {
      env.from(generate((i) => ({ i }), { count: Number(args.count) }))
        .withTimestamps(({ i }) => i)
        .keyBy(({ i }) => i % 5)
        .process({ state: { pages: map() }, onElement(_record, ctx) { ${more} })
        .uid('silence')
        .sinkTo(collect('out'));
    });`;
  await project.write(
    'main.mjs',
    `
    import { run } from 'holdfast';
    const [url, ...allowDropped] = process.argv.slice(2);
    const job = await run(new URL(url, import.meta.url), {
      parallelism: 1, checkpoint: { directory: 'points' }, args: { count: 1e9 },
      allowDropped,
    }).catch((error) => { console.log(error.code, error.message); process.exit(1); });
    await job.checkpointNow();
    await job.stop();
    console.log((await job.finished).status);`,
  );
  await project.write('before.job.js', job('ctx.timers.eventTime(1e12); }, onTimer() {}'));
  await project.write('after.job.js', job('}'));
  const printed = /`allowDropped: \[(.+?)\]`/.exec(page.text)![1]!;
  const allowed = printed.replaceAll(',', '');
  expect(await project.shell('node main.mjs ./before.job.js')).toMatchObject({
    stdout: 'stopped\n',
  });
  const refused = await project.shell('node main.mjs ./after.job.js');
  expect(refused.stdout).toContain('ERR_HOLDFAST_GRAPH_INCOMPATIBLE');
  expect(refused.stdout).toContain(printed);
  expect(await project.shell(`node main.mjs ./after.job.js ${allowed}`)).toMatchObject({
    stdout: 'stopped\n',
  });
});
