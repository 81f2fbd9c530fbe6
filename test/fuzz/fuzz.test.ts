import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { arrivalsOf, rightAnswer } from './arrivals.js';
import { describeJob, drawJob, drawRuns, type FuzzJob, PARALLELISMS } from './job-spec.js';
import { type FoldSpec, foldShape } from './shapes/fold.js';
import { SHAPES } from './shapes/shapes.js';

const record = (id: number, k: string, v: number, t: number) => ({ id, k, v, t });

const fold: FoldSpec = {
  sizeMs: 100,
  gapMs: 0,
  overlap: undefined,
  allowedLatenessMs: 0,
  fold: 'aggregate',
  againMs: 0,
};

/** Two splits; the first one's time is far ahead of the second's. */
const job: FuzzJob = {
  sources: [
    {
      splits: [
        [record(1, 'a', 1, 1_000), record(2, 'a', 2, 5), record(3, 'b', 4, 1_050)],
        [record(4, 'a', 8, 5), record(5, 'a', 16, 7)],
      ],
      outOfOrdernessMs: 0,
      batch: 2,
    },
  ],
  before: [],
  after: [],
  rebalance: false,
  sides: 1,
  name: 'fold',
  shape: foldShape(fold),
};

/** What the same job comes to with another window. */
const answer = (more: Partial<FoldSpec>, given: Partial<FuzzJob> = {}) =>
  rightAnswer({ ...job, ...given, shape: foldShape({ ...fold, ...more }) }) as {
    readonly row: readonly string[];
    readonly late: readonly string[];
  };

describe('the right answer', () => {
  test('a record is late by the time of its own split, and by no other', () => {
    expect(answer({})).toEqual({
      row: [
        'a@0: n 2, sum 24, min 8, max 16',
        'a@1000: n 1, sum 1, min 1, max 1',
        'b@1000: n 1, sum 4, min 4, max 4',
      ],
      late: ['2:a=2@5'],
    });
  });

  test('a record exactly at its end − 1 + lateness is late, one beyond is not', () => {
    const at = (outOfOrdernessMs: number) =>
      answer({}, { sources: [{ ...job.sources[0]!, outOfOrdernessMs }] }).late.length;
    // Time before record 2 is 1 000 − out-of-orderness − 1; its window's last moment is 99.
    expect([at(899), at(900), at(901)]).toEqual([1, 1, 0]);
  });

  test('sessions: a record counts by itself, and those exactly the gap apart are of one', () => {
    const times = [10, 20, 31, 5].map((t, i) => record(i + 1, 'a', 1, t));
    const one = { ...job.sources[0]!, splits: [times] };
    const at = (outOfOrdernessMs: number, more: Partial<FoldSpec> = {}) =>
      answer({ gapMs: 10, ...more }, { sources: [{ ...one, outOfOrdernessMs }] });
    expect(at(26)).toEqual({
      row: ['a@31–41: n 1, sum 1, min 1, max 1', 'a@5–30: n 3, sum 3, min 1, max 1'],
      late: [],
    });
    // Time before record 4 is 31 − out-of-orderness − 1.
    expect(at(25).late).toEqual(['4:a=1@5']);
    expect(at(25, { allowedLatenessMs: 1 }).late).toEqual([]);
    expect(at(26, { againMs: 40 }).row).toEqual([
      'a@0: n 3, sum 3, min 1, max 1',
      'a@40: n 1, sum 1, min 1, max 1',
    ]);
    expect(at(26, { fold: 'reduce' }).row).toEqual(['a: id 3, v 1', 'a: id 4, v 1']);
  });

  test('steps, a fold by reduce, and a second window', () => {
    expect(answer({ fold: 'reduce', allowedLatenessMs: 900 }).row).toEqual([
      'a@0: id 5, v 16',
      'a@1000: id 1, v 1',
      'b@1000: id 3, v 4',
    ]);
    expect(answer({}, { after: ['shift', 'twice'] }).row[0]).toBe(
      'a@0: n 4, sum 148, min 25, max 49',
    );
    expect(answer({ againMs: 10_000 }).row).toEqual([
      'a@0: n 3, sum 25, min 1, max 16',
      'b@0: n 1, sum 4, min 4, max 4',
    ]);
  });

  test('of two sides, the first source is the left one, and one alone is both', () => {
    const ids = (given: FuzzJob) => {
      const { left, right } = arrivalsOf(given);
      return [left, right].map((side) => side.map((one) => one.record.id));
    };
    const [source] = job.sources;
    expect(ids({ ...job, sides: 2 })).toEqual([
      [1, 2, 3, 4, 5],
      [1, 2, 3, 4, 5],
    ]);
    const other = { ...source!, splits: [[record(6, 'c', 1, 1)]] };
    expect(ids({ ...job, sides: 2, sources: [source!, other, other] })).toEqual([
      [1, 2, 3, 4, 5],
      [6, 6],
    ]);
  });
});

test('of a window that fired several times, the row over most records counts', () => {
  const row = (n: number) => ({ key: 'a', windowStart: 0, windowEnd: 100, n, s: n, lo: 1, hi: 1 });
  const { row: rows } = job.shape.answer({ rows: [row(2), row(3), row(1)], late: [] });
  expect(rows).toEqual(['a@0: n 3, sum 3, min 1, max 1']);
});

test('draws are of many kinds, and the same each time', () => {
  const drawn = Array.from({ length: 400 }, (_, draw) => {
    const random = seededRandom(draw);
    return { job: drawJob(random), runs: drawRuns(random) };
  });
  const some = (is: (one: (typeof drawn)[number]) => boolean) => drawn.filter(is).length;
  expect(some(({ job: { sources } }) => sources.length > 1)).toBeGreaterThan(40);
  expect(
    some(({ job: { sources } }) => sources[0]!.splits.some((s) => s.length === 0)),
  ).toBeGreaterThan(40);
  expect(some(({ runs }) => runs.some(({ ends }) => ends.length > 0))).toBeGreaterThan(100);
  expect(
    some(({ runs }) => runs.some(({ crashesAtMs }) => crashesAtMs.length > 0)),
  ).toBeGreaterThan(100);
  for (const { runs } of drawn) {
    expect(runs.map(({ parallelism }) => parallelism[0])).toEqual([...PARALLELISMS]);
  }
  expect(describeJob(drawJob(seededRandom(7)))).toBe(describeJob(drawn[7]!.job));
  for (const { name } of SHAPES) {
    expect(
      some(({ job: one }) => one.name === name),
      name,
    ).toBeGreaterThan(2);
  }
});

test.each(SHAPES)('a draw of $name says what comes of it, and of which records nothing', (kind) => {
  const answers = Array.from({ length: 40 }, (_, draw) => {
    return rightAnswer(drawJob(seededRandom(draw), kind.name));
  });
  const parts = new Set(answers.flatMap((one) => Object.keys(one)));
  for (const part of parts) {
    // An answer that is always empty compares nothing.
    const found = answers.filter((one) => (one[part] ?? []).length > 0).length;
    expect(found, part).toBeGreaterThan(0);
  }
});
