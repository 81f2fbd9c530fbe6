/** One run of counts by key, in a process of its own: `node keyed-process.mjs BY RECORDS`. */

import { run } from 'holdfast';

const [by, records] = process.argv.slice(2);
const job = await run(new URL('../jobs/keyed-process.job.mjs', import.meta.url), {
  parallelism: 2,
  args: { by, records: Number(records) },
});
const begin = process.cpuUsage();
await job.finished;
const { user, system } = process.cpuUsage(begin);
process.stdout.write(JSON.stringify({ processorMs: (user + system) / 1_000 }));
