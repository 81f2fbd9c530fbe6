/**
 * One run over windows of one kind, in a process of its own: `node windows.mjs KIND PER_SLIDE SLIDES`. Every one of
 * 20 000 keys has PER_SLIDE records in each second. With a folder in HOLDFAST_FROM that build is measured.
 */

import { pathToFileURL } from 'node:url';

const [kind, perSlide, slides] = process.argv.slice(2);
const from = process.env.HOLDFAST_FROM;
const holdfast =
  from === undefined
    ? await import('holdfast')
    : await import(pathToFileURL(`${from}/dist/index.js`).href);
const { average, count, discard, generate, runInline, seconds, tumbling } = holdfast;

const KEYS = 20_000;
const perSecond = KEYS * Number(perSlide);
const windows = {
  tumbling: () => tumbling(seconds(1)),
  sliding10: () => holdfast.sliding({ sizeMs: seconds(10), slideMs: seconds(1) }),
  sliding60: () => holdfast.sliding({ sizeMs: seconds(60), slideMs: seconds(1) }),
  cumulative: () => holdfast.cumulative({ sizeMs: seconds(60), stepMs: seconds(1) }),
};

const begin = process.cpuUsage();
await runInline((env) => {
  env
    .from(
      generate(
        (i) => ({
          k: `key-${(i * 7_919) % KEYS}`,
          v: i % 1_000,
          t: Math.floor(i / perSecond) * 1_000 + (i % 997),
        }),
        { count: perSecond * Number(slides), splits: 1 },
      ),
    )
    .withTimestamps(({ t }) => t, { outOfOrdernessMs: seconds(1) })
    .keyBy(({ k }) => k)
    .window(windows[kind]())
    .aggregate({ n: count(), mean: average(({ v }) => v) })
    .sinkTo(discard());
});
const { user, system } = process.cpuUsage(begin);
process.stdout.write(JSON.stringify({ processorMs: (user + system) / 1_000 }));
