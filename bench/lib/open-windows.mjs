/** One run over many windows, in a process of its own: `node open-windows.mjs WINDOWS LATENESS_MS`. */

import { count, discard, fromCollection, minutes, runInline, tumbling } from 'holdfast';

const [windows, latenessMs] = process.argv.slice(2).map(Number);

/** A minute apart from each other: each in a window of its own. */
const events = Array.from({ length: windows }, (_, i) => ({ t: i * minutes(1) }));

const begin = process.cpuUsage();
const from = performance.now();
await runInline((env) => {
  env
    .from(fromCollection(events))
    .withTimestamps((event) => event.t)
    .keyBy(() => 'all')
    .window(tumbling(minutes(1)))
    .allowedLateness(latenessMs)
    .aggregate({ n: count() })
    .sinkTo(discard());
});
const { user, system } = process.cpuUsage(begin);
process.stdout.write(
  JSON.stringify({
    wallMs: performance.now() - from,
    processorMs: (user + system) / 1_000,
    peakBytes: process.resourceUsage().maxRSS * 1_024,
  }),
);
