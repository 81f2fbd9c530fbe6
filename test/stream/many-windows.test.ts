/** What many open windows cost: as much for each as few do. */

import { expect, test } from 'vitest';
import { generate } from '../../src/connectors/memory/generate.js';
import { runInline } from '../../src/job/run-inline.js';
import { count } from '../../src/stream/api/aggregations.js';
import { tumbling } from '../../src/stream/api/windows.js';

const WINDOWS = 32_000;
const MINUTE_MS = 60_000;
const YEAR_MS = 365 * 86_400_000;

/** A record for each window. @returns processor time of this process, in ms */
async function cpuMs(allowedLatenessMs: number): Promise<number> {
  const before = process.cpuUsage();
  const { collected } = await runInline((env) => {
    env
      .from(generate((i) => ({ t: i * MINUTE_MS }), { count: WINDOWS, splits: 1 }))
      .withTimestamps(({ t }) => t)
      .keyBy(() => 'all')
      .window(tumbling(MINUTE_MS))
      .allowedLateness(allowedLatenessMs)
      .aggregate({ n: count() })
      .filter(({ windowStart }) => windowStart === (WINDOWS - 1) * MINUTE_MS)
      .collect('last');
  });
  expect(collected['last']).toEqual([
    { key: 'all', windowStart: (WINDOWS - 1) * MINUTE_MS, windowEnd: WINDOWS * MINUTE_MS, n: 1 },
  ]);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

// Fifteen times as much when each record looks through all of them; the bench `open-windows` measures it.
test('a year of windows kept open costs a small multiple of none', async () => {
  await cpuMs(0);
  const [none, all] = [await cpuMs(0), await cpuMs(YEAR_MS)];
  expect(all / none).toBeLessThan(5);
});
