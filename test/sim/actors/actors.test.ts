/** Snapshots of actors, over many seeds; and mistakes in them, which the same seeds must find. */

import { expect, test } from 'vitest';
import { BUGS, type Bug, Simulation } from './simulation.js';

const STEPS = 1_500;
const LONG_MS = 120_000;

test(
  'snapshots hold all money once, gifts arrive in order, and asks have one answer',
  () => {
    let [snapshots, rollbacks, inFlight] = [0, 0, 0];
    for (let seed = 1; seed <= 60; seed += 1) {
      const done = new Simulation(seed).run(STEPS);
      snapshots += done.snapshots;
      rollbacks += done.rollbacks;
      inFlight += done.inFlight;
    }
    expect(snapshots).toBeGreaterThan(200);
    expect(rollbacks).toBeGreaterThan(200);
    expect(inFlight).toBeGreaterThan(200);
  },
  LONG_MS,
);

/** By what each is found: a rule that it breaks, and not just any error. */
const FOUND: Readonly<Record<Bug, RegExp>> = {
  'a marker overtakes': /a snapshot holds/,
  'channels are forgotten': /a snapshot holds/,
  'the journal is sent twice': /a snapshot holds/,
  'timers are lost': /a snapshot holds/,
  'a lane changes the order': /gift \d+ of .* came after|a snapshot holds/,
};

test.each(BUGS)('a planted mistake is found: %s', (bug) => {
  const found: string[] = [];
  for (let seed = 1; seed <= 60 && found.length === 0; seed += 1) {
    try {
      new Simulation(seed, bug).run(STEPS);
    } catch (error) {
      found.push((error as Error).message);
    }
  }
  expect(found).toEqual([expect.stringMatching(FOUND[bug])]);
});
