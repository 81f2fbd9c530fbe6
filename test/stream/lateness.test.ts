/** Which records are late: by the time of their own split, whatever else is read, and when it is heard of. */

import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { NOT_BEHIND } from '../../src/channels/element.js';
import { fromCollection } from '../../src/connectors/memory/from-collection.js';
import { runInline } from '../../src/job/run-inline.js';
import { count, sum } from '../../src/stream/api/aggregations.js';
import { tumbling } from '../../src/stream/api/windows.js';
import { isLate, markOf } from '../../src/stream/operators/lateness.js';
import { timestampsOperator } from '../../src/stream/operators/timestamps-operator.js';
import { windowAggregateOperator } from '../../src/stream/operators/window-aggregate-operator.js';
import { Harness, type Item, recordsOf, runPlain } from './operator-kit.js';

interface Event {
  readonly id: number;
  readonly k: string;
  readonly t: number;
}

const LAG_MS = 5;
const SIZE_MS = 10;
const spec = { n: count(), ids: sum((event: Event) => event.id) };
const windows = (allowedLatenessMs: number, size = SIZE_MS) =>
  windowAggregateOperator(
    (event: Event) => event.k,
    tumbling(size),
    { allowedLatenessMs, lateTag: 'late' },
    spec,
  );
/** Rows of the first window, in windows of their own. */
const again = (allowedLatenessMs: number) =>
  windowAggregateOperator(
    (row: { key: string }) => row.key,
    tumbling(3 * SIZE_MS),
    { allowedLatenessMs, lateTag: 'late' },
    { n: count() },
  );

describe('the rule', () => {
  it('a time that stands at a moment has passed it', () => {
    expect([99, 100, 101].map((recordMs) => markOf(recordMs, 100))).toEqual([100, 100, NOT_BEHIND]);
    expect([99, 100, 101].map((closeMs) => isLate(closeMs, 100, NOT_BEHIND))).toEqual([
      true,
      true,
      false,
    ]);
    expect([99, 100, 101].map((closeMs) => isLate(closeMs, NOT_BEHIND, 100))).toEqual([
      true,
      true,
      false,
    ]);
    expect(markOf(Number.MIN_SAFE_INTEGER, Number.NEGATIVE_INFINITY)).toBe(NOT_BEHIND);
  });

  it('withTimestamps marks what is behind the time just before it, and nothing else', () => {
    const { emitted } = runPlain(
      timestampsOperator((n: number) => n, { outOfOrdernessMs: LAG_MS }),
      [100, 95, 94, 93, 110, 104, 105].map((record) => ({ record })),
    );
    // The time is 94 after the first record, and 104 after 110.
    expect(recordsOf(emitted).map(({ behind }) => behind)).toEqual([
      undefined,
      undefined,
      94,
      94,
      undefined,
      104,
      undefined,
    ]);
  });

  it('a window judges by the mark, although its own time is not there yet', () => {
    const harness = new Harness(windows(4), { sides: ['late'] });
    const event = (t: number, behind: number): Item => ({
      record: { id: 1, k: 'a', t },
      at: t,
      behind,
    });
    // The window's last moment is 9, and it closes at 13.
    harness.feed(event(3, 12));
    harness.feed(event(3, 13));
    expect(recordsOf(harness.emitted)).toEqual([
      { record: { id: 1, k: 'a', t: 3 }, at: 3, tag: 'late', behind: 13 },
    ]);
    harness.feed({ watermark: 9 });
    expect(recordsOf(harness.emitted).at(-1)).toMatchObject({ record: { n: 1 }, at: 9 });
  });

  it('a row that a window emits again has the mark of the record that it is emitted for', () => {
    const harness = new Harness(windows(100), { sides: ['late'] });
    const event = (behind: number): Item => ({ record: { id: 1, k: 'a', t: 3 }, at: 3, behind });
    for (const item of [event(NOT_BEHIND), { watermark: 20 }, event(25), event(30)])
      harness.feed(item);
    const rows = recordsOf(harness.emitted);
    expect(rows.map(({ behind }) => behind)).toEqual([undefined, 25, 30]);
    // In a window of 30 that closes at 29 the second row is in time, whatever that window has heard of.
    const second = new Harness(again(0), { sides: ['late'] });
    for (const row of rows) second.feed(row);
    expect(recordsOf(second.emitted)).toMatchObject([{ tag: 'late', behind: 30 }]);
  });
});

/** Some splits, each with records in order and some behind. */
const splits = fc.array(
  fc.array(fc.tuple(fc.nat(12), fc.nat(30), fc.constantFrom('a', 'b')), { maxLength: 20 }),
  { minLength: 1, maxLength: 4 },
);

/** The records of each split with their times and marks, as `withTimestamps` gives them. */
function timed(drawn: readonly (readonly (readonly [number, number, string])[])[]) {
  let id = 0;
  return drawn.map((split, s) => {
    let at = s * 17;
    const items = split.map(([step, lag, k]) => {
      at += step;
      id += 1;
      return { record: { id, k, t: lag > 20 ? at - lag : at } };
    });
    const operator = timestampsOperator((event: Event) => event.t, { outOfOrdernessMs: LAG_MS });
    return recordsOf(runPlain(operator, items).emitted);
  });
}

/** Reads the splits in some order, and tells the least of their times now and then. */
function interleaved(all: readonly (readonly Item[])[], choices: readonly number[]): Item[] {
  const at = all.map(() => 0);
  const own = all.map(() => Number.NEGATIVE_INFINITY);
  const items: Item[] = [];
  for (let i = 0; at.some((next, s) => next < all[s]!.length); i += 1) {
    const choice = choices[i % choices.length]!;
    const open = all.flatMap((split, s) => (at[s]! < split.length ? [s] : []));
    const s = open[choice % open.length]!;
    const item = all[s]![at[s]!]! as { readonly at: number };
    items.push(item as Item);
    at[s]! += 1;
    own[s] = Math.max(own[s]!, item.at - LAG_MS - 1);
    const going = own.filter((_, other) => at[other]! < all[other]!.length);
    const watermark = Math.min(...going);
    if (choice % 3 === 0 && Number.isFinite(watermark)) items.push({ watermark });
  }
  return [...items, { watermark: Number.POSITIVE_INFINITY }];
}

interface Answer {
  readonly late: readonly unknown[];
  readonly rows: ReadonlyMap<string, unknown>;
}

function answered(
  items: readonly Item[],
  allowedLatenessMs: number,
): Answer & { readonly twice: Answer } {
  const harness = runPlain(windows(allowedLatenessMs), items, { sides: ['late'] });
  const second = runPlain(
    again(0),
    harness.emitted.filter((one) => !('tag' in one)),
    { sides: ['late'] },
  );
  return { ...answerOf(harness), twice: answerOf(second) };
}

function answerOf({ emitted }: Harness): Answer {
  const rows = new Map<string, unknown>();
  const late: unknown[] = [];
  for (const { record, tag } of recordsOf(emitted)) {
    if (tag === 'late') late.push((record as Event).id ?? record);
    else {
      const { key, windowStart } = record as { key: string; windowStart: number };
      rows.set(`${key}@${windowStart}`, record);
    }
  }
  return {
    late: late.toSorted(),
    rows: new Map([...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

it('the late ones and the last rows are the same in whatever order splits are read', () => {
  const orders = fc.array(fc.array(fc.nat(100), { minLength: 1, maxLength: 40 }), {
    minLength: 2,
    maxLength: 6,
  });
  let late = 0;
  fc.assert(
    fc.property(
      splits,
      orders,
      fc.constantFrom(0, 7, 1_000),
      (drawn, choices, allowedLatenessMs) => {
        const all = timed(drawn);
        const [first, ...others] = choices.map((some) =>
          answered(interleaved(all, some), allowedLatenessMs),
        );
        late += first!.late.length;
        for (const other of others) {
          expect(other.late).toEqual(first!.late);
          expect(other.rows).toEqual(first!.rows);
          // Rows come once each: those of a window behind it are the same, too.
          if (allowedLatenessMs === 0) expect(other.twice).toEqual(first!.twice);
        }
      },
    ),
    { numRuns: 500 },
  );
  expect(late).toBeGreaterThan(500);
});

test.each([1, 10, 100, 1_000, 5_000])(
  '%i records of the present, then two of the past: two are late, on every run',
  async (n) => {
    for (let run = 0; run < 3; run += 1) {
      const events = Array.from({ length: n }, (_, i) => ({ t: 1_000_000 + i }));
      const { collected } = await runInline((env) => {
        const rows = env
          .from(fromCollection([...events, { t: 0 }, { t: 5 }]))
          .withTimestamps((event) => event.t)
          .keyBy(() => 'all')
          .window(tumbling(1_000))
          .sideOutputLate('late')
          .aggregate({ n: count() });
        rows.collect('rows');
        rows.sideOutput('late').collect('late');
      });
      expect(collected['late']).toEqual([{ t: 0 }, { t: 5 }]);
      const counted = (collected['rows'] as { n: number }[]).reduce((all, row) => all + row.n, 0);
      expect(counted).toBe(n);
    }
  },
);
