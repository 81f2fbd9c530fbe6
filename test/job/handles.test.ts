/** When a job has ended nothing of it keeps the program alive. */

import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { fixture, temporaryFolder } from './kit.js';
import { leftovers } from './leftovers.js';

const dist = new URL('../../dist/index.js', import.meta.url).href;

/** How the job comes to its end, given `job` and what was asked of it. */
const ends = {
  finished: { args: { how: 'none', records: 500 }, act: '' },
  failed: { args: { how: 'none', rate: 0 }, act: '' },
  // More than comes in a week.
  stopped: { args: { how: 'none', records: 2 ** 40 }, act: 'await job.stop();' },
  canceled: { args: { how: 'none', records: 2 ** 40 }, act: 'await job.cancel();' },
} as const;

const cases = (['run', 'runGuarded'] as const).flatMap((runner) =>
  (Object.keys(ends) as (keyof typeof ends)[]).map((end) => [runner, end] as const),
);

/** Runs the script in a program of its own. It has to end by itself: nothing else ends it in time. */
async function ownProgram(body: string, temporary: string): Promise<unknown> {
  const script = `
    import { collect, fromCollection, MemoryStore, run, runGuarded, runInline } from ${JSON.stringify(dist)};
    const [directory] = process.argv.slice(1);
    let ended;
    ${body}
    // Requests that are being answered end by themselves, and so does what has been closed just now.
    await new Promise((resolve) => setImmediate(resolve));
    const left = process.getActiveResourcesInfo().filter((kind) => /Timeout|Port|Worker/.test(kind));
    console.log(JSON.stringify({ ended, left }));
  `;
  const args = ['--input-type=module', '--eval', script, join(temporary, 'cp')];
  const env = { ...process.env, TMPDIR: join(temporary, 'tmp') };
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000, env });
  return JSON.parse(stdout);
}

async function expectQuiet(body: string, ended: string): Promise<void> {
  const folder = await temporaryFolder();
  const temporary = join(folder, 'tmp');
  await mkdir(temporary);
  expect(await ownProgram(body, folder)).toEqual({ ended, left: [] });
  const places = { checkpoints: join(folder, 'cp'), temporary, marker: temporary };
  expect(await leftovers(places)).toEqual([]);
}

test.each(cases)('%s, %s', async (runner, end) => {
  const { args, act } = ends[end];
  await expectQuiet(
    `const job = await ${runner}(new URL(${JSON.stringify(fixture('mortal').href)}), {
       parallelism: 2,
       checkpoint: { directory, intervalMs: 30 },
       args: ${JSON.stringify(args)},
     }).catch((error) => ({ finished: Promise.reject(error) }));
     ${act}
     ended = await job.finished.then(({ status }) => status, ({ code }) => code);`,
    { failed: 'ERR_HOLDFAST_BAD_OPTION', canceled: 'ERR_HOLDFAST_CANCELED' }[end as string] ?? end,
  );
});

test.each([
  ['finished', '', 'finished'],
  ['failed', "throw new Error('no');", 'ERR_HOLDFAST_USER_CODE'],
])('runInline, %s', async (_, act, ended) => {
  await expectQuiet(
    `ended = await runInline((env) => {
       env.from(fromCollection([1, 2, 3])).map((n) => { ${act} return n; }).sinkTo(collect('rows'));
     }, { restart: { kind: 'none', resetTimeoutMs: 500 }, checkpoint: { directory } })
       .then(({ status }) => status, ({ code }) => code);`,
    ended,
  );
});

test.each(['run', 'runGuarded'])('%s, aborted while it starts', async (runner) => {
  await expectQuiet(
    `const controller = new AbortController();
     const starting = ${runner}(new URL(${JSON.stringify(fixture('mortal').href)}), {
       checkpoint: { directory },
       signal: controller.signal,
     });
     setTimeout(() => controller.abort(), 200);
     ended = await starting.then((job) => job.finished).then(({ status }) => status, ({ code }) => code);`,
    'ERR_HOLDFAST_CANCELED',
  );
});

test('run, aborted while it takes its store: no thread is started any more', async () => {
  await expectQuiet(
    `const controller = new AbortController();
     class Store extends MemoryStore {
       async acquire() {
         await super.acquire();
         controller.abort();
       }
     }
     const starting = run(new URL(${JSON.stringify(fixture('mortal').href)}), {
       checkpoint: { store: new Store() },
       signal: controller.signal,
     });
     ended = await starting.then(({ status }) => status, ({ code }) => code);`,
    'ERR_HOLDFAST_CANCELED',
  );
});
