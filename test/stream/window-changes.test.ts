/** Windows that fire again say which rows are replaced: at each moment the table is what a plain loop says of it. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { count, sum } from '../../src/stream/api/aggregations.js';
import type { StreamEnvironment } from '../../src/stream/api/environment.js';
import { countTrigger } from '../../src/stream/api/triggers.js';
import { session, sliding, tumbling } from '../../src/stream/api/windows.js';
import { from, Line, sorted, Table, told, WAYS } from './changelog-kit.js';
import { draw, nodeOf, thrownBy } from './graph-kit.js';
import { Harness } from './operator-kit.js';

interface Visit {
  readonly k: string;
  readonly n: number;
}

const LATENESS_MS = 25;
const END_MS = 1_000;
type Fed = readonly [k: string, at: number] | number;
const fed: fc.Arbitrary<Fed> = fc.oneof(
  { arbitrary: fc.tuple(fc.constantFrom('a', 'b'), fc.nat(80)), weight: 3 },
  fc.nat(120),
);

/** Rows of the windows that have fired, over the records that were taken. */
type Scratch = (
  taken: readonly (readonly [k: string, at: number])[],
  watermark: number,
) => readonly object[];

function agrees(
  build: (env: StreamEnvironment) => { sinkTo(to: never): unknown },
  scratch: Scratch,
  isTaken: (at: number, watermark: number) => boolean,
  when: 'at each moment' | 'in the end' = 'at each moment',
): void {
  fc.assert(
    fc.property(fc.array(fed, { maxLength: 25 }), fc.constantFrom(...WAYS), (all, way) => {
      const line = new Line(build, way);
      const table = new Table();
      const taken: (readonly [string, number])[] = [];
      let watermark = Number.NEGATIVE_INFINITY;
      for (const one of all) {
        if (typeof one === 'number') {
          watermark = Math.max(watermark, one);
          table.apply(line.watermark(watermark));
        } else {
          const [k, at] = one;
          if (isTaken(at, watermark)) taken.push(one);
          table.apply(line.feed({ k, n: at }, at));
        }
        if (when === 'at each moment') {
          expect(table.sorted).toEqual(sorted(scratch(taken, watermark)));
        }
      }
      table.apply(line.watermark(Number.POSITIVE_INFINITY));
      expect(table.sorted).toEqual(sorted(scratch(taken, END_MS)));
    }),
    { numRuns: 150 },
  );
}

const answers = (own: readonly number[]) => ({
  visits: own.length,
  total: own.reduce((all, at) => all + at, 0),
});
const spec = { visits: count(), total: sum((visit: Visit) => visit.n) };
const keyed = (env: StreamEnvironment) => from<Visit>(env).keyBy(({ k }) => k);

/** @param slide equal to the size: windows do not overlap */
const windows =
  (size: number, slide: number): Scratch =>
  (taken, watermark) => {
    const rows: object[] = [];
    for (const key of new Set(taken.map(([k]) => k))) {
      for (let windowStart = -size; windowStart + size - 1 <= watermark; windowStart += slide) {
        const windowEnd = windowStart + size;
        const own = taken.flatMap(([k, at]) =>
          k === key && at >= windowStart && at < windowEnd ? [at] : [],
        );
        if (own.length > 0) rows.push({ key, windowStart, windowEnd, ...answers(own) });
      }
    }
    return rows;
  };

describe('windows with allowed lateness', () => {
  it('that follow each other replace the rows that they have emitted', () =>
    agrees(
      (env) =>
        keyed(env)
          .window(tumbling(10))
          .allowedLateness(LATENESS_MS)
          .aggregate(spec)
          .toChangelog()
          .asRecords(),
      windows(10, 10),
      (at, watermark) => Math.floor(at / 10) * 10 + 9 + LATENESS_MS > watermark,
    ));

  it('that do not allow any replace none', () =>
    agrees(
      (env) => keyed(env).window(tumbling(10)).aggregate(spec).toChangelog().asRecords(),
      windows(10, 10),
      (at, watermark) => Math.floor(at / 10) * 10 + 9 > watermark,
    ));

  it('that are sessions replace those that they are made of', () => {
    const gap = 6;
    agrees(
      (env) =>
        keyed(env)
          .window(session({ gapMs: gap }))
          .allowedLateness(LATENESS_MS)
          .aggregate(spec)
          .toChangelog()
          .map(({ replaces: _, ...row }) => row)
          .asRecords(),
      (taken, watermark) =>
        [...new Set(taken.map(([k]) => k))].flatMap((key) => {
          const own = taken.flatMap(([k, at]) => (k === key ? [at] : [])).sort((a, b) => a - b);
          const rows: object[] = [];
          let first = 0;
          for (const [i, at] of own.entries()) {
            if (i + 1 < own.length && own[i + 1]! - at <= gap) continue;
            const row = {
              key,
              windowStart: own[first]!,
              windowEnd: at + gap,
              ...answers(own.slice(first, i + 1)),
            };
            if (at + gap <= watermark) rows.push(row);
            first = i + 1;
          }
          return rows;
        }),
      (at, watermark) => at + LATENESS_MS > watermark,
      // What has fired stands until the session that it has become part of fires.
      'in the end',
    );
  });
});

describe('a session', () => {
  const line = () =>
    new Line((env) =>
      keyed(env)
        .window(session({ gapMs: 10 }))
        .allowedLateness(1_000)
        .aggregate({ visits: count() })
        .toChangelog()
        .map(({ windowStart, windowEnd, visits }) => ({ windowStart, windowEnd, visits }))
        .asRecords(),
    );
  const visit = { k: 'k', n: 1 };

  it('that becomes longer replaces what it was; one that bridges two takes both back first, in order of time', () => {
    const of = line();
    const feed = (at: number, watermark: number) =>
      told([...of.feed(visit, at), ...of.watermark(watermark)]);
    expect(feed(0, 10)).toEqual(['+I {"windowStart":0,"windowEnd":10,"visits":1}']);
    expect(feed(10, 20)).toEqual([
      '-U {"windowStart":0,"windowEnd":10,"visits":1}',
      '+U {"windowStart":0,"windowEnd":20,"visits":2}',
    ]);
    expect(feed(40, 60)).toEqual(['+I {"windowStart":40,"windowEnd":50,"visits":1}']);
    expect(feed(30, 60)).toEqual([
      '-U {"windowStart":40,"windowEnd":50,"visits":1}',
      '+U {"windowStart":30,"windowEnd":50,"visits":2}',
    ]);
    expect(feed(20, 60)).toEqual([
      '-D {"windowStart":0,"windowEnd":20,"visits":2}',
      '-D {"windowStart":30,"windowEnd":50,"visits":2}',
      '+I {"windowStart":0,"windowEnd":50,"visits":5}',
    ]);
  });
});

it('windows that overlap replace the rows of each of them', () =>
  agrees(
    (env) =>
      keyed(env)
        .window(sliding({ sizeMs: 10, slideMs: 5 }))
        .allowedLateness(1_000)
        .aggregate(spec)
        .toChangelog()
        .asRecords(),
    windows(10, 5),
    () => true,
  ));

it('what is taken back that windows do not know is still refused behind them', () => {
  const of = new Line((env) =>
    keyed(env)
      .window(tumbling(10))
      .aggregate(spec)
      .toChangelog()
      .keyBy(() => 1)
      .aggregate({ n: count() })
      .asRecords(),
  );
  of.feed({ k: 'a', n: 1 }, 1);
  expect(told(of.watermark(9))).toEqual(['+I {"key":1,"n":1}']);
  expect(thrownBy(() => of.feed({ k: 'a', n: 1 }, Number.NaN)).code).toBe(
    'ERR_HOLDFAST_NO_TIMESTAMP',
  );
});

it.each([
  [10, 100],
  [100, 10],
  [10, 0],
])('rows of windows are let go of where the lateness was %s ms and is %s', (before, now) => {
  const changes = (latenessMs: number) =>
    nodeOf(
      draw((env) => {
        keyed(env)
          .window(tumbling(10))
          .allowedLateness(latenessMs)
          .aggregate(spec)
          .toChangelog()
          .collectTable('rows', { key: ({ windowStart }) => windowStart });
      }),
      'window-changes',
    ).create!;
  const sizesOf = (harness: Harness) =>
    harness.snapshot().map(({ name, bytes }) => [name, bytes.length]);
  const old = new Harness(changes(before));
  for (const windowEnd of [10, 20, 30]) {
    const record = { key: 'a', windowStart: windowEnd - 10, windowEnd, visits: 1, total: 1 };
    old.feed({ record, at: windowEnd - 1, key: 'a' });
  }
  const after = new Harness(changes(now), {}, old.snapshot());
  const fresh = new Harness(changes(now));
  expect(sizesOf(after)).not.toEqual(sizesOf(fresh));
  // All are over by the one measure and by the other.
  for (const harness of [after, fresh]) harness.feed({ watermark: 29 + Math.max(before, now) });
  expect(sizesOf(after)).toEqual(sizesOf(fresh));
});

it('windows of all records replace the rows that they have emitted', () => {
  const of = new Line((env) =>
    from<Visit>(env)
      .windowAll(tumbling(10))
      .allowedLateness(100)
      .aggregate({ n: count() })
      .toChangelog()
      .asRecords(),
  );
  of.feed({ k: 'a', n: 1 }, 1);
  expect(told(of.watermark(9))).toEqual(['+I {"windowStart":0,"windowEnd":10,"n":1}']);
  expect(told(of.feed({ k: 'b', n: 1 }, 2))).toEqual([
    '-U {"windowStart":0,"windowEnd":10,"n":1}',
    '+U {"windowStart":0,"windowEnd":10,"n":2}',
  ]);
});

it('windows with a trigger of their own are refused, because nobody knows what their rows replace', () => {
  const error = thrownBy(() =>
    draw(
      (env) =>
        void keyed(env).window(tumbling(10)).trigger(countTrigger(2)).aggregate(spec).toChangelog(),
    ),
  );
  expect(error.code).toBe('ERR_HOLDFAST_CANNOT_RETRACT');
  expect(error.message).toContain('trigger');
});
