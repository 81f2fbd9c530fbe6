/**
 * Makes the golden checkpoints of whole jobs, once for each version that changes a format:
 *
 *   node scripts/bootstrap.mjs --build && node test/golden-jobs/make.mjs 0.1.0 [NAME…]
 *
 * Those that are there are never made again: what reads them today reads them for ever. With names only these are
 * made, beside what is there. Manifests get another ending, so that formatters leave them alone.
 */

import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../dist/index.js';

const [, , version, ...names] = process.argv;
const here = new URL(`./${version}/`, import.meta.url).pathname;
const fixture = (name) => new URL(`../job/fixtures/${name}.job.ts`, import.meta.url);
const word = (value) => {
  const shared = new SharedArrayBuffer(4);
  Atomics.store(new Int32Array(shared), 0, value);
  return shared;
};
const until = async (is) => {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 10));
};

await mkdir(here, { recursive: names.length > 0 });

/** Keyed numbers and reduced records, windows of values, rows that are shown: changes upon changes. */
await make('evolving', async (directory) => {
  const meter = word(3_000);
  const job = await run(fixture('evolving'), {
    // One instance: smaller parts are always written in full.
    parallelism: 1,
    args: { version: 1, count: 8_000, keys: 2_500, meter },
    checkpoint: { directory, intervalMs: 3_600_000, retain: 2 },
  });
  for (let records = 3_000; records <= 3_120; records += 30) {
    Atomics.store(new Int32Array(meter), 0, records);
    await until(() => job.progress().sourceRecords >= records);
    await job.checkpointNow();
  }
  await job.cancel();
});

/** Records in flight, of a checkpoint that overtook them. */
await make('blocked', async (directory) => {
  const job = await run(fixture('blocked'), {
    parallelism: 2,
    args: { count: 60_000, gate: word(0), meter: word(60_000) },
    channel: { capacityBytes: 16 * 1024 },
    checkpoint: { directory, alignment: 'unaligned', intervalMs: 3_600_000 },
  });
  await untilResting(job);
  await job.checkpointNow();
  await job.cancel();
});

/** Windows, state of one's own, joins, and rows that change: all that these operators keep, half-way. */
for (const [name, parallelism] of [
  ['kept-windows', 1],
  ['kept-process', 1],
  ['kept-changes', 1],
  ['joins', 2],
]) {
  await make(name, async (directory) => {
    const job = await run(fixture(name), {
      parallelism,
      args: { count: 500, meter: word(300) },
      checkpoint: { directory, intervalMs: 3_600_000, retain: 2 },
    });
    await untilResting(job);
    await job.checkpointNow();
    await job.cancel();
  });
}

/** Cells of which only changes are written. */
await make('kept-cells', async (directory) => {
  const meter = word(800);
  const job = await run(fixture('kept-cells'), {
    parallelism: 1,
    args: { count: 1_500, meter },
    checkpoint: { directory, intervalMs: 3_600_000, retain: 2 },
  });
  for (let records = 800; records <= 900; records += 50) {
    Atomics.store(new Int32Array(meter), 0, records);
    await untilResting(job);
    await job.checkpointNow();
  }
  await job.cancel();
});

/** Calls that nobody has answered, and records that wait behind them. */
await make('kept-calls', async (directory) => {
  const job = await run(fixture('kept-calls'), {
    parallelism: 2,
    args: { count: 60, meter: word(30), open: word(0) },
    checkpoint: { directory, alignment: 'unaligned', intervalMs: 3_600_000, retain: 2 },
  });
  await untilResting(job);
  await job.checkpointNow();
  await job.cancel();
});

/** Settles when the job reads nothing any more. */
async function untilResting(job) {
  let before = -1;
  for (let same = 0; same < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { sourceRecords } = job.progress();
    same = sourceRecords > 0 && sourceRecords === before ? same + 1 : 0;
    before = sourceRecords;
  }
}

async function make(name, act) {
  if (names.length > 0 && !names.includes(name)) return;
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-golden-'));
  await act(directory);
  const to = join(here, name);
  await cp(directory, to, { recursive: true });
  await rm(directory, { recursive: true });
  for (const file of await readdir(join(to, 'manifests'))) {
    await rename(
      join(to, 'manifests', file),
      join(to, 'manifests', file.replace('.json', '.golden')),
    );
  }
  await rm(join(to, 'lock'), { force: true });
}
