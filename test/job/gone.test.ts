/** What somebody takes away under a running job: the job ends soon, and says what to do, or goes on if it comes back. */

import { renameSync } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import {
  fixedDelay,
  HoldfastError,
  run as holdfastRun,
  type Job,
  runInline,
  type Source,
} from '../../dist/index.js';
import { fixture, Meter, temporaryFolder, until } from './kit.js';
import { run } from './run-compiled.js';

/** The error that ends the job, and how many failures there were. */
async function ending(job: Job): Promise<{ error: HoldfastError; failures: number }> {
  let failures = 0;
  job.on('failure', () => {
    failures += 1;
  });
  const error = await job.finished.then(
    (value) => value,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HoldfastError);
  return { error: error as HoldfastError, failures };
}

/** A job in the midst of a file of lines. */
async function reading() {
  const folder = await temporaryFolder();
  const input = join(folder, 'rows.ndjson');
  const rows = Array.from({ length: 200_000 }, (_, n) => JSON.stringify({ key: `k${n % 7}`, n }));
  await writeFile(input, `${rows.join('\n')}\n`);
  const job = await run(fixture('lines'), {
    parallelism: 2,
    args: { input, slow: true },
    checkpoint: { directory: join(folder, 'checkpoints'), intervalMs: 3_600_000 },
  });
  await until(() => job.progress().sourceRecords > 1_000, job);
  return { job, folder, input };
}

test('an input file', async () => {
  const { job, input } = await reading();
  const ended = ending(job);
  await rm(input);
  const { error, failures } = await ended;
  expect(error.code).toBe('ERR_HOLDFAST_RESTART_BUDGET');
  expect(error.message).toContain(`'${input}' is gone, and was ${failures} times in a row`);
  expect(error.message).toMatch(/Put it back as it was .* goes on from its last checkpoint/);
  expect(error.details).toMatchObject({ gone: input, attempts: failures - 1 });
  expect((error.cause as HoldfastError).code).toBe('ERR_HOLDFAST_SOURCE');
  expect(failures).toBeGreaterThanOrEqual(3);
});

test('an input file that comes back soon: the job goes on', async () => {
  const { job, folder, input } = await reading();
  let failures = 0;
  job.on('failure', () => {
    failures += 1;
    if (failures === 4) renameSync(join(folder, 'away'), input);
  });
  renameSync(input, join(folder, 'away'));
  job.kill(0, 'terminate');
  await until(() => job.progress().sourceRecords > 20_000, job);
  expect(failures).toBeGreaterThanOrEqual(4);
  await job.cancel();
});

test('the checkpoint directory: it is not made again, for another run may go on from it', async () => {
  const folder = await temporaryFolder();
  const directory = join(folder, 'checkpoints');
  const job = await run(fixture('totals'), {
    parallelism: 2,
    args: { count: 1_000_000, ratePerSecond: 10_000 },
    checkpoint: { directory, intervalMs: 20 },
  });
  const ended = ending(job);
  await job.checkpointNow();
  await rename(directory, join(folder, 'moved'));
  const { error, failures } = await ended;
  expect(error.code).toBe('ERR_HOLDFAST_RESTART_BUDGET');
  expect(error.message).toContain(`the checkpoint directory '${directory}' was deleted or moved`);
  expect(error.details).toMatchObject({ gone: directory });
  expect((error.cause as HoldfastError).code).toBe('ERR_HOLDFAST_CHECKPOINT_DIRECTORY');
  expect(failures).toBeGreaterThanOrEqual(3);
  expect(await readdir(dirname(directory))).toEqual(['moved']);
  expect(basename(directory)).toBe('checkpoints');
});

test('the folder of a sink', async () => {
  const out = join(await temporaryFolder(), 'out');
  const meter = new Meter(1_000);
  const job = await run(fixture('output-folder'), {
    parallelism: 2,
    args: { meter: meter.shared, count: 3_000, out },
    checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
  });
  const ended = ending(job);
  await until(() => job.progress().sinkRecords === 1_000, job);
  await job.checkpointNow();
  await rm(out, { recursive: true });
  meter.raise(2_000);
  await until(() => job.progress().sinkRecords === 2_000, job);
  // Only now is what was written to be found in the folder.
  await job.checkpointNow().catch(() => {});
  const { error, failures } = await ended;
  expect(error.code).toBe('ERR_HOLDFAST_RESTART_BUDGET');
  expect(error.message).toContain(`'${out}' is gone, and was ${failures} times in a row`);
  expect(error.details).toMatchObject({ gone: out, attempts: failures - 1 });
  expect(failures).toBeGreaterThanOrEqual(3);
});

test('what a source of one’s own owes by its contract', async () => {
  let opened = 0;
  const mute: Source<number> = {
    kind: 'mute',
    splits: async () => [{ id: 'only' }],
    open: async () => {
      opened += 1;
      const reader = { poll: () => ({ records: [1] }), position: () => 0, close() {} };
      return reader as never;
    },
  };
  const error = await runInline((env) => void env.from(mute).uid('mute').collect('rows'), {
    checkpoint: { directory: await temporaryFolder() },
  }).then(
    (value) => value,
    (reason: unknown) => reason as HoldfastError,
  );
  expect(error).toMatchObject({
    code: 'ERR_HOLDFAST_RESTART_BUDGET',
    message: expect.stringMatching(
      /source 'mute' has broken its contract in the same way 3 times in a row.*no method describe/,
    ),
    details: { operator: 'mute', attempts: 2 },
  });
  expect(opened).toBe(3);
});

test('the compiled job: the next thread finds it all the same', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const file = join(folder, 'counting.job.ts');
  await writeFile(
    file,
    `import { collect, defineJob, generate } from 'holdfast';
     export default defineJob('counting', (env, args) => {
       const gate = new Int32Array(args['gate'] as SharedArrayBuffer);
       env
         .from(generate((n) => n, { count: 20 }))
         .map((n) => {
           if (n === 10) Atomics.wait(gate, 0, 0);
           return n;
         })
         .sinkTo(collect('numbers'));
     });`,
  );
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const job = await holdfastRun(file, {
    parallelism: 1,
    spares: 0,
    restart: fixedDelay({ attempts: 1, delayMs: 0 }),
    args: { gate: gate.buffer },
  });
  await rm(join(folder, 'node_modules'), { recursive: true });
  job.kill(0, 'terminate');
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  const { restarts, collected } = await job.finished;
  expect(restarts).toBe(1);
  expect(collected['numbers']).toEqual(Array.from({ length: 20 }, (_, n) => n));
});
