/**
 * One measurement of one build, in a process of its own; prints it as a line of JSON.
 *
 *   node measured-run.mjs FOLDER WHAT OPTIONS-AS-JSON
 *
 * `keyed-count`: records counted per second, and per second of processor time of the whole process. Others: what
 * that build's own bench of this name says.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sleep } from './measure.mjs';

const [folder, what, given] = process.argv.slice(2);
const options = JSON.parse(given);
const file = (...path) => pathToFileURL(join(folder, ...path));
const print = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

const result = what === 'keyed-count' ? await keyedCount() : await ownBench();
print(`${JSON.stringify(result)}\n`, () => process.exit(0));

async function keyedCount() {
  const { run } = await import(file('dist', 'index.js'));
  const { parallelism, warmUpMs, windowMs, more } = options;
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const job = await run(file('bench', 'jobs', 'keyed-count.job.mjs'), {
    parallelism,
    args: { splits: parallelism },
    checkpoint: { directory, intervalMs: 1_000 },
    ...more,
  });
  try {
    await sleep(warmUpMs);
    const from = performance.now();
    const usage = process.cpuUsage();
    const before = job.progress().sinkRecords;
    await sleep(windowMs);
    const records = job.progress().sinkRecords - before;
    const { user, system } = process.cpuUsage(usage);
    const seconds = (performance.now() - from) / 1_000;
    return { perSecond: records / seconds, perCpuSecond: records / ((user + system) / 1e6) };
  } finally {
    await job.cancel();
    await rm(directory, { recursive: true, force: true });
  }
}

async function ownBench() {
  const bench = await import(file('bench', `${what}.bench.mjs`));
  return await bench.default({ smoke: options.smoke, log: () => {}, args: [] });
}
