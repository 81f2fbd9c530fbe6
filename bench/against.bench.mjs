/**
 * Compares this build with the one of an earlier commit: the same measurements, in turns, each in a process of its own.
 *
 *   npm run bench -- against                                 all of them, against BASELINE
 *   npm run bench -- against keyed-count-1 --commit HEAD~3   one, against another commit
 *
 * It measures `keyed-count` (at one and at two slots, and with `records: 'trusted'`) and `channel` per second of
 * processor time, and `recovery` by its median without a spare. A ratio above 1 is better than before. Pairs alternate
 * (A B, B A, …). The result is the median of the pairs' ratios and an interval for it. Where the history does not
 * reach back to the commit, it says "no baseline".
 */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { baselineBuild, root } from './lib/baseline-build.mjs';
import { median, round } from './lib/measure.mjs';

/** Before records were checked and copied, and judged late by their own split's time. */
const BASELINE = '3fcc1f0';

const keyedCount = (parallelism, more = {}) => ({
  what: 'keyed-count',
  options: ({ smoke }) => ({
    parallelism,
    warmUpMs: smoke ? 200 : 1_500,
    windowMs: smoke ? 300 : 3_000,
    more: {},
  }),
  ours: more,
  figure: ({ perCpuSecond }) => perCpuSecond,
});

const MEASUREMENTS = {
  'keyed-count-2': { ...keyedCount(2), target: 0.95 },
  'keyed-count-1': { ...keyedCount(1), target: 0.92 },
  'keyed-count-trusted': { ...keyedCount(2, { records: 'trusted' }), target: 0.97 },
  channel: {
    what: 'channel',
    options: ({ smoke }) => ({ warmUpBatches: smoke ? 20 : 1_000, batches: smoke ? 50 : 5_000 }),
    figure: ({ perCpuSecond }) => perCpuSecond,
    target: 0.97,
  },
  recovery: {
    what: 'recovery',
    options: () => ({ smoke: true }),
    // Milliseconds: less is better.
    figure: ({ noSpare }) => 1 / noSpare.p50,
    target: 0.97,
  },
};

export default async function against({ smoke, log, args }) {
  const at = args.indexOf('--commit');
  const commit = at < 0 ? BASELINE : args[at + 1];
  const words = at < 0 ? args : args.toSpliced(at, 2);
  const names = words.length > 0 ? words : Object.keys(MEASUREMENTS);
  const unknown = names.find((name) => MEASUREMENTS[name] === undefined);
  if (unknown !== undefined) throw new Error(`there is no measurement '${unknown}'`);
  const before = baselineBuild(commit);
  if (before === undefined) {
    log(`no baseline: the history does not reach back to ${commit}`);
    return { name: 'against', value: 1, baseline: 1, ratio: 1, unit: 'ratio', note: 'no baseline' };
  }
  const pairs = smoke ? 1 : 10;
  const results = {};
  for (const name of smoke ? names.slice(0, 1) : names) {
    const measurement = MEASUREMENTS[name];
    const ratios = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const order = pair % 2 === 0 ? [root, before] : [before, root];
      const values = new Map();
      for (const folder of order) {
        values.set(folder, await measure(folder, measurement, smoke));
      }
      ratios.push(values.get(root) / values.get(before));
      log(`${name}, pair ${pair + 1}: ${round(ratios.at(-1), 3)}`);
    }
    results[name] = {
      ratio: round(median(ratios), 3),
      ...interval(ratios),
      target: measurement.target,
    };
    log(`${name}: ${JSON.stringify(results[name])}`);
  }
  const least = Math.min(...Object.values(results).map(({ ratio, target }) => ratio / target));
  return {
    name: 'against',
    value: round(least, 3),
    baseline: 1,
    ratio: round(least, 3),
    unit: 'least ratio to its target',
    commit,
    pairs,
    results,
  };
}

async function measure(folder, { what, options, ours, figure }, smoke) {
  const given = options({ smoke });
  const asked = folder === root && ours !== undefined ? { ...given, more: ours } : given;
  const script = fileURLToPath(new URL('./lib/measured-run.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [script, folder, what, JSON.stringify(asked)],
    { cwd: folder, maxBuffer: 1 << 24 },
  );
  return figure(JSON.parse(stdout));
}

/** Of the median, by order statistics: with ten values the second and the ninth hold it with 98 %. */
function interval(ratios) {
  const sorted = [...ratios].sort((a, b) => a - b);
  const cut = Math.max(0, Math.floor((sorted.length - 1.96 * Math.sqrt(sorted.length)) / 2));
  return { from: round(sorted[cut], 3), to: round(sorted[sorted.length - 1 - cut], 3) };
}
