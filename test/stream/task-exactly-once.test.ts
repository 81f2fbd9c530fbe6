/**
 * The promise of the whole: whatever is interrupted, aborted, restored and rescaled, and in whatever
 * order tasks, messages and promises get their turns, what is published is what a run without
 * faults publishes.
 */

import { expect, it } from 'vitest';
import { simulate } from './exactly-once-job.js';

it('without faults, whatever the order of turns', async () => {
  let checkpoints = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    checkpoints += (await simulate(seed, { crashes: 0, rescales: false })).checkpoints;
  }
  expect(checkpoints).toBeGreaterThan(80);
});

it('with crashes and aborted checkpoints', async () => {
  let aborted = 0;
  for (let seed = 1_001; seed <= 1_020; seed += 1) {
    aborted += (await simulate(seed, { crashes: 4, rescales: false })).aborted;
  }
  expect(aborted).toBeGreaterThan(0);
});

it('with another parallelism after each crash', async () => {
  for (let seed = 2_001; seed <= 2_020; seed += 1) {
    await simulate(seed, { crashes: 4, rescales: true });
  }
});

it('with checkpoints that build on others, aborted ones between, and crashes', async () => {
  let deltas = 0;
  for (let seed = 3_001; seed <= 3_020; seed += 1) {
    deltas += (await simulate(seed, { crashes: 4, rescales: false, incremental: true })).deltas;
  }
  expect(deltas).toBeGreaterThan(100);
});

it('with checkpoints that build on others, and another parallelism after each crash', async () => {
  let deltas = 0;
  for (let seed = 4_001; seed <= 4_024; seed += 1) {
    deltas += (await simulate(seed, { crashes: 4, rescales: true, incremental: true })).deltas;
  }
  expect(deltas).toBeGreaterThan(100);
});
