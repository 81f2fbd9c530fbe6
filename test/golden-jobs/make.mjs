/**
 * Makes the golden checkpoints of whole jobs, once for each version that changes a format:
 *
 *   node scripts/bootstrap.mjs --build && node test/golden-jobs/make.mjs 0.1.0
 *
 * Those that are there are never made again: what reads them today reads them for ever. Manifests get
 * another ending, so that formatters leave them alone.
 */

import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../dist/index.js';

const version = process.argv[2];
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

await mkdir(here);

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
  let before = -1;
  for (let same = 0; same < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { sourceRecords } = job.progress();
    same = sourceRecords > 0 && sourceRecords === before ? same + 1 : 0;
    before = sourceRecords;
  }
  await job.checkpointNow();
  await job.cancel();
});

async function make(name, act) {
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
