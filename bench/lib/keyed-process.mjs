/** One run of counts by key, in a process of its own: `node keyed-process.mjs BY RECORDS`. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'holdfast';

const [by, records] = process.argv.slice(2);
const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
try {
  const job = await run(new URL('../jobs/keyed-process.job.mjs', import.meta.url), {
    parallelism: 2,
    args: { by, records: Number(records) },
    checkpoint: { directory, intervalMs: 1_000 },
  });
  const begin = process.cpuUsage();
  await job.finished;
  const { user, system } = process.cpuUsage(begin);
  process.stdout.write(JSON.stringify({ processorMs: (user + system) / 1_000 }));
} finally {
  await rm(directory, { recursive: true });
}
