/**
 * The promise of the whole once more, over real channels as small as can be, with barriers that
 * overtake what is in flight: at once, after a time, or not at all, drawn anew at each start.
 */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { simulate } from './exactly-once-job.js';

/** Time stands still within a step, so that all that happens follows from the seed. */
let now = 0;
const tick = (): void => {
  now += 0.25;
};
beforeEach(() => {
  now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const UNALIGNED = [0];
const MIXED = [0, 4, 40, Number.POSITIVE_INFINITY];

describe('what is published is what a run without faults publishes', () => {
  it('with barriers that overtake, whatever the order of turns', async () => {
    let inFlight = 0;
    for (let seed = 1; seed <= 12; seed += 1) {
      const run = await simulate(seed, { crashes: 0, rescales: false, alignments: UNALIGNED });
      inFlight += run.inFlight.input;
    }
    expect(inFlight).toBeGreaterThan(20);
  });

  it('with crashes and aborted checkpoints', async () => {
    const kept = { input: 0, output: 0 };
    for (let seed = 1_001; seed <= 1_020; seed += 1) {
      const chaos = { crashes: 6, rescales: false, alignments: UNALIGNED };
      const { inFlight } = await simulate(seed, chaos);
      kept.input += inFlight.input;
      kept.output += inFlight.output;
    }
    expect(kept.input).toBeGreaterThan(20);
    expect(kept.output).toBeGreaterThan(20);
  });

  it('with another parallelism after each crash', async () => {
    let cuts = 0;
    for (let seed = 2_001; seed <= 2_020; seed += 1) {
      const chaos = { crashes: 6, rescales: true, alignments: UNALIGNED };
      cuts += (await simulate(seed, chaos)).cuts;
    }
    expect(cuts).toBeGreaterThan(15);
  });

  it('with barriers that wait, for a time or for ever, from one start to the next', async () => {
    let inFlight = 0;
    for (let seed = 3_001; seed <= 3_024; seed += 1) {
      const chaos = { crashes: 6, rescales: seed % 2 === 0, alignments: MIXED, tick };
      inFlight += (await simulate(seed, chaos)).inFlight.output;
    }
    expect(inFlight).toBeGreaterThan(10);
  });
});
