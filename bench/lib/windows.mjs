/** One run over windows of a kind, in a process of its own: `node windows.mjs KIND VISITS RECORDS`. */

import {
  count,
  discard,
  generate,
  runInline,
  seconds,
  session,
  sliding,
  sum,
  tumbling,
} from 'holdfast';

const KEYS = 10_000;
const SLIDE_MS = seconds(1);

const WINDOWS = {
  tumbling: tumbling(SLIDE_MS),
  sliding: sliding({ sizeMs: 5 * SLIDE_MS, slideMs: SLIDE_MS }),
  session: session({ gapMs: SLIDE_MS / 2 }),
};

const [kind, ...figures] = process.argv.slice(2);
const [visits, records] = figures.map(Number);

/** Each key comes `visits` times in each slide; for sessions these lie together, with a gap behind them. */
const stretchMs = kind === 'session' ? SLIDE_MS / 4 : SLIDE_MS;
function visit(i) {
  const round = Math.floor(i / KEYS);
  const [slide, turn] = [Math.floor(round / visits), round % visits];
  const within = turn * KEYS + (i % KEYS);
  const time = slide * SLIDE_MS + Math.floor((within * stretchMs) / (visits * KEYS));
  return { user: i % KEYS, time, amount: i & 63 };
}

const begin = process.cpuUsage();
await runInline((env) => {
  env
    .from(generate(visit, { count: records }))
    .withTimestamps(({ time }) => time)
    .keyBy(({ user }) => user)
    .window(WINDOWS[kind])
    .aggregate({ visits: count(), amount: sum(({ amount }) => amount) })
    .sinkTo(discard());
});
const { user, system } = process.cpuUsage(begin);
process.stdout.write(JSON.stringify({ processorMs: (user + system) / 1_000 }));
