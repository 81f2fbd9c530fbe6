/** When a restart budget is refilled. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Progress, type RegionPoint, type TaskPoint } from '../../src/job/driver/progress.js';

/** A source task; at a failure its record in work counts. */
function source(task: string, splits: Readonly<Record<string, number>>): TaskPoint {
  return { task, splits: Object.values(splits), records: 0, timeMs: Number.NaN };
}

function task(name: string, records: number, timeMs = Number.NaN): TaskPoint {
  return { task: name, splits: undefined, records, timeMs };
}

function region(index: number, tasks: readonly TaskPoint[], hasInFlight = false): RegionPoint {
  return { region: index, tasks, hasInFlight };
}

describe('progress', () => {
  test('an empty checkpoint is none, nor is one on the way to the failure', () => {
    const progress = new Progress([[0]]);
    progress.restored(0, undefined);
    progress.failed(0, [source('a', { s: 3 })]);
    for (const read of [0, 1, 2]) {
      progress.restored(0, undefined);
      expect(progress.completed([region(0, [source('a', { s: read })])])).toEqual([]);
    }
    expect(progress.completed([region(0, [source('a', { s: 3 })])])).toEqual([0]);
  });

  test('every split counts, also of sources that did not fail', () => {
    const progress = new Progress([[0]]);
    progress.failed(0, [source('a', { s: 3, t: 5 }), source('b', { s: 7 })]);
    const at = (s: number, t: number, other: number) =>
      progress.completed([region(0, [source('a', { s, t }), source('b', { s: other })])]);
    expect(at(100, 4, 100)).toEqual([]);
    expect(at(100, 100, 6)).toEqual([]);
    expect(at(3, 5, 7)).toEqual([0]);
  });

  test('what failed before counts until there is progress beyond all of it', () => {
    const progress = new Progress([[0]]);
    progress.failed(0, [source('a', { s: 10 })]);
    progress.failed(0, [source('a', { s: 4 })]); // Again, on the way there.
    progress.failed(0, []); // A launch that failed: nothing was there yet.
    expect(progress.completed([region(0, [source('a', { s: 9 })])])).toEqual([]);
    expect(progress.completed([region(0, [source('a', { s: 10 })])])).toEqual([0]);
    expect(progress.completed([region(0, [source('a', { s: 11 })])])).toEqual([]); // Once.
    progress.failed(0, [source('a', { s: 12 })]);
    expect(progress.completed([region(0, [source('a', { s: 11 })])])).toEqual([]);
  });

  test('a checkpoint with records in flight is beyond it when the tasks have taken as many', () => {
    const progress = new Progress([[0]]);
    progress.restored(0, undefined);
    progress.failed(0, [source('a', { s: 50 }), task('b', 7)]);
    progress.restored(0, undefined);
    const at = (records: number, hasInFlight: boolean) =>
      progress.completed([region(0, [source('a', { s: 60 }), task('b', records)], hasInFlight)]);
    expect(at(6, true)).toEqual([]);
    expect(at(7, true)).toEqual([0]);
    progress.failed(0, [source('a', { s: 60 }), task('b', 9)]);
    // All that was read has been processed, whatever the count says: it may depend on chance.
    expect(at(8, false)).toEqual([0]);
  });

  test('counts of tasks go on over restores', () => {
    const progress = new Progress([[0]]);
    const at = (records: number) => [region(0, [source('a', { s: 90 }), task('b', records)], true)];
    progress.restored(0, undefined);
    progress.durable(1, at(20));
    progress.failed(0, [source('a', { s: 90 }), task('b', 25)]);
    progress.restored(0, 1);
    progress.durable(2, at(3));
    expect(progress.completed(at(3))).toEqual([]); // 23 of 25.
    progress.failed(0, [source('a', { s: 90 }), task('b', 4)]);
    progress.restored(0, 2);
    expect(progress.completed(at(1))).toEqual([]); // 24: the poison is the 25th.
    progress.failed(0, [source('a', { s: 90 }), task('b', 2)]);
    progress.restored(0, 2);
    expect(progress.completed(at(2))).toEqual([0]);
  });

  test('a firing must have come to its end', () => {
    const progress = new Progress([[0]]);
    progress.failed(0, [source('a', { s: 5 }), task('b', 9, 1_000)]);
    const at = (timeMs: number) =>
      progress.completed([region(0, [source('a', { s: 6 }), task('b', 9, timeMs)])]);
    expect(at(Number.NEGATIVE_INFINITY)).toEqual([]);
    expect(at(999)).toEqual([]);
    expect(at(1_000)).toEqual([0]);
    progress.failed(0, [source('a', { s: 6 }), task('b', 9, Number.POSITIVE_INFINITY)]);
    expect(at(5_000)).toEqual([]);
    expect(at(Number.POSITIVE_INFINITY)).toEqual([0]);
  });

  test('a group waits for all of its regions that have failed; others are none of its business', () => {
    const progress = new Progress([[0, 1], [2]]);
    progress.failed(0, [source('a', { s: 5 })]);
    progress.failed(1, [source('b', { s: 5 })]);
    const at = (a: number, b: number) =>
      progress.completed([
        region(0, [source('a', { s: a })]),
        region(1, [source('b', { s: b })]),
        region(2, [source('c', { s: 1 })]),
      ]);
    expect(at(5, 4)).toEqual([]);
    progress.failed(2, [source('c', { s: 1 })]);
    expect(at(5, 4)).toEqual([1]);
    expect(at(5, 5)).toEqual([0]);
  });

  test('a record that fails whenever it is met never lets the budget begin anew', () => {
    // Two producers, whatever the interleaving; checkpoints with and without records in flight.
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 12 }),
        fc.array(fc.record({ read: fc.nat(12), more: fc.nat(9), lag: fc.nat(6) }), {
          maxLength: 30,
        }),
        (poison, runs) => {
          const progress = new Progress([[0]]);
          let stands = { read: 0, taken: 0 };
          let checkpoint: number | undefined;
          let taken = 0;
          for (const [at, { read, more, lag }] of runs.entries()) {
            progress.restored(0, checkpoint);
            // A checkpoint on the way: the task has taken what was read, but for `lag` records.
            const readNow = stands.read + read;
            const takenNow = Math.min(Math.max(stands.taken, readNow - lag), poison);
            const point = region(
              0,
              [source('a', { s: readNow }), task('b', takenNow - taken)],
              takenNow < readNow,
            );
            progress.durable(at + 1, [point]);
            expect(progress.completed([point])).toEqual([]);
            stands = { read: readNow, taken: takenNow };
            checkpoint = at + 1;
            progress.failed(0, [
              source('a', { s: Math.max(readNow, poison + 1) + more }),
              task('b', poison + 1 - taken),
            ]);
            taken = takenNow;
          }
        },
      ),
    );
  });
});
