/** State of one version of an operator, restored by another: what becomes of it, and what is refused. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { average, count, max, sum } from '../../src/stream/api/aggregations.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import { tumbling } from '../../src/stream/api/windows.js';
import type { Operator } from '../../src/stream/operator.js';
import { keyedAggregateOperator } from '../../src/stream/operators/keyed-aggregate-operator.js';
import { keyedReduceOperator } from '../../src/stream/operators/keyed-reduce-operator.js';
import type { AggregationSpecData } from '../../src/stream/operators/row-shape.js';
import { windowAggregateOperator } from '../../src/stream/operators/window-aggregate-operator.js';
import { windowReduceOperator } from '../../src/stream/operators/window-reduce-operator.js';
import { compareLayouts, layoutEntry, parseLayout } from '../../src/stream/state/state-layout.js';
import { type Emitted, Harness, type Item } from './operator-kit.js';

interface Sale {
  readonly shop: string;
  readonly cents: number;
}

const key = ((sale: Sale) => sale.shop) as never;
const sale = (shop: string, cents: number, at = 0): Item => ({
  record: { shop, cents },
  at,
  key: shop,
});
const cents = (one: Sale) => one.cents;

/** The last row of a shop after `before` by one operator and `after` by another that was given its state. */
function across(
  first: () => Operator,
  second: () => Operator,
  before: readonly Item[],
  after: readonly Item[],
): readonly Emitted[] {
  const old = new Harness(first);
  for (const item of before) old.feed(item);
  const now = new Harness(second, {}, old.snapshot());
  for (const item of after) now.feed(item);
  return now.emitted;
}

const keyed = (spec: object) => keyedAggregateOperator(key, spec as AggregationSpecData, 'row');
const windowed = (spec: object, sizeMs = 10) =>
  windowAggregateOperator(
    key,
    tumbling(sizeMs),
    { allowedLatenessMs: 0 },
    spec as AggregationSpecData,
  );
const records = (emitted: readonly Emitted[]) =>
  emitted.flatMap((one) => ('record' in one ? [one.record] : []));

describe('numbers', () => {
  const before = [sale('a', 5), sale('b', 7), sale('a', 9)];

  it('may be joined by others, and stand in another order', () => {
    const rows = across(
      keyed({ n: count(), total: sum(cents) }),
      keyed({ worst: max(cents), total: sum(cents), mean: average(cents), n: count() }),
      before,
      [sale('a', 1), sale('c', 2)],
    );
    expect(records(rows)).toEqual([
      { key: 'a', worst: 1, total: 15, mean: 1, n: 3 },
      { key: 'c', worst: 2, total: 2, mean: 2, n: 1 },
    ]);
  });

  it('may be fewer: whether that is allowed was asked before', () => {
    const rows = across(
      keyed({ n: count(), total: sum(cents) }),
      keyed({ total: sum(cents) }),
      before,
      [sale('b', 1)],
    );
    expect(records(rows)).toEqual([{ key: 'b', total: 8 }]);
  });

  it('are the same in open windows', () => {
    const rows = across(
      windowed({ n: count(), total: sum(cents) }),
      windowed({ total: sum(cents), best: max(cents), n: count() }),
      [sale('a', 5, 3), sale('a', 6, 13)],
      [sale('a', 1, 4), { watermark: 100 }],
    );
    expect(records(rows)).toEqual([
      { key: 'a', windowStart: 0, windowEnd: 10, total: 6, best: 1, n: 2 },
      { key: 'a', windowStart: 10, windowEnd: 20, total: 6, best: null, n: 1 },
    ]);
  });

  it.each([
    ['another kind of number', { n: sum(cents) }, /'under-test'.*'n' was count and is sum now/],
    [
      'a value',
      { n: count(), list: aggregation({ initial: () => 0, add: (s) => s }) },
      /consists of numbers only/,
    ],
  ])('do not become %s', (_, spec, message) => {
    expect(() => across(keyed({ n: count() }), keyed(spec), before, [])).toThrowError(message);
  });

  it('are not taken over by other windows', () => {
    const spec = { n: count() };
    expect(() => across(windowed(spec, 10), windowed(spec, 20), before, [])).toThrowError(
      /windows 'tumbling:10:0' and now has windows 'tumbling:20:0'/,
    );
  });
});

describe('values', () => {
  /** Version 1: a list. 2: how many of each. 3: the same in a Map, with the sum. */
  const v1 = aggregation({
    initial: () => [] as number[],
    add: (list, one: Sale) => void list.push(one.cents),
  });
  const v3 = (migrate?: (old: never, from: number) => { seen: Map<number, number>; sum: number }) =>
    aggregation({
      version: 3,
      initial: () => ({ seen: new Map<number, number>(), sum: 0 }),
      add(state, one: Sale) {
        state.seen.set(one.cents, (state.seen.get(one.cents) ?? 0) + 1);
        state.sum += one.cents;
      },
      migrate,
    });
  const toThird = (old: readonly number[], from: number) => {
    if (from !== 1) throw new RangeError(`unexpected version ${from}`);
    const seen = new Map<number, number>();
    for (const one of old) seen.set(one, (seen.get(one) ?? 0) + 1);
    return { seen, sum: old.reduce((total, one) => total + one, 0) };
  };
  const third = () => v3(toThird as never);

  it('are migrated, keyed and in windows, whatever they are: as if they had been so from the start', () => {
    const items = fc.array(
      fc.record({ shop: fc.constantFrom('a', 'b', 'c'), cents: fc.integer({ min: 0, max: 3 }) }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(items, items, fc.boolean(), (earlier, later, isWindowed) => {
        const make = isWindowed ? windowed : keyed;
        const feed = (all: typeof earlier) => all.map((one) => sale(one.shop, one.cents, 5));
        const end: Item[] = isWindowed ? [{ watermark: 50 }] : [];
        const rows = across(
          make({ n: count(), all: v1 }),
          make({ all: third(), n: count() }),
          feed(earlier),
          [...feed(later), ...end],
        );
        const straight = new Harness(make({ all: third(), n: count() }));
        for (const item of feed(earlier)) straight.feed(item);
        const from = straight.emitted.length;
        for (const item of [...feed(later), ...end]) straight.feed(item);
        expect(records(rows)).toEqual(records(straight.emitted.slice(from)));
      }),
      { numRuns: 60 },
    );
  });

  it('of a reduce as well', () => {
    const add = (a: Sale, b: Sale) => ({ ...b, cents: a.cents + b.cents });
    const euros = {
      version: 2,
      migrate: ((old: Sale) => ({ ...old, cents: old.cents * 100 })) as never,
    };
    for (const [first, second, end] of [
      [keyedReduceOperator(key, add as never), keyedReduceOperator(key, add as never, euros), []],
      [
        windowReduceOperator(key, tumbling(10), { allowedLatenessMs: 0 }, add as never),
        windowReduceOperator(key, tumbling(10), { allowedLatenessMs: 0 }, add as never, euros),
        [{ watermark: 99 }],
      ],
    ] as const) {
      const rows = across(first, second, [sale('a', 3), sale('a', 4)], [sale('a', 1), ...end]);
      expect(records(rows)).toEqual([{ shop: 'a', cents: 701 }]);
    }
  });

  const refused = (now: object, message: RegExp) =>
    expect(() =>
      across(keyed({ all: v1 }), keyed({ all: now }), [sale('a', 1), sale('b', 2)], []),
    ).toThrowError(message);

  it('are refused without a migration, and by a job that knows less', () => {
    refused(
      v3(),
      /'under-test'.*'all' was written in version 1 and is version 3 now, without a 'migrate'/,
    );
    const old = new Harness(keyed({ all: third() }));
    old.feed(sale('a', 1));
    expect(() => new Harness(keyed({ all: v1 }), {}, old.snapshot())).toThrowError(
      /'all' was written in version 3, and the job knows version 1/,
    );
  });

  it('that cannot be migrated are named with operator, versions and key', () => {
    const failing = () => {
      throw new TypeError('no idea');
    };
    refused(
      v3(failing),
      /state 'all' of operator 'under-test'.*version 1 to 3 for key the string "a": no idea/,
    );
    refused(v3((() => Promise.resolve(1)) as never), /asynchronous/);
    expect(() => v3((async () => 1) as never)).toThrowError(/asynchronous/);
    refused(v3((() => new Uint8Array(1)) as never), /cannot be kept as state/);
  });

  it('need a version that fits', () => {
    const spec = { initial: () => 0, add: (n: number) => n };
    expect(() => aggregation({ ...spec, version: 0 })).toThrowError(/version/);
    expect(() => aggregation({ ...spec, version: 1.5 })).toThrowError(/version/);
    expect(() => aggregation({ ...spec, migrate: (old) => old })).toThrowError(/above 1/);
  });
});

describe('a layout', () => {
  it('is read as it was written, whatever names are', () => {
    const entries = fc.array(
      fc.record({
        name: fc.string(),
        type: fc.constantFrom('count', 'average', 'aggregation'),
        words: fc.nat(9),
        isValue: fc.constant(false),
        version: fc.integer({ min: 1, max: 20 }),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(entries, fc.constantFrom('', 'tumbling:60000:-5'), (all, window) => {
        const text = `${window === '' ? '' : `${window}|`}${all.map(layoutEntry).join('|')}`;
        expect(parseLayout(text)).toEqual({ window, entries: all });
        expect(compareLayouts(text, { layout: text, migrates: [] })).toEqual({ kind: 'same' });
      }),
    );
    expect(() => parseLayout('"n":count')).toThrowError(/damaged/);
  });
});
