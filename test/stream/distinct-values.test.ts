/** Distinct counts of running aggregates, whose values are entries beside rows of numbers. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalKey, type Key } from '../../src/hashring/canonical-key.js';
import { keyGroupOf } from '../../src/hashring/key-group.js';
import { count, max, sum } from '../../src/stream/api/aggregations.js';
import { distinctCount } from '../../src/stream/api/distinct-count.js';
import { mixedFold } from '../../src/stream/operators/cell-fold.js';
import { keyedAggregateOperator } from '../../src/stream/operators/keyed-aggregate-operator.js';
import { KeyedCellsOperator } from '../../src/stream/operators/keyed-cells-operator.js';
import {
  type AggregationSpecData,
  aggregatedState,
  KEYED_FIELDS,
} from '../../src/stream/operators/row-shape.js';
import { runningState } from '../../src/stream/operators/running-shape.js';
import { compareLayouts, refuseOtherKind } from '../../src/stream/state/state-layout.js';
import { thrownBy } from './graph-kit.js';
import {
  Harness,
  type Item,
  KEY_GROUPS,
  type KitOptions,
  recordsOf,
  runPlain,
  runRescaling,
  runRestoring,
} from './operator-kit.js';
import { runIncremental } from './restore-kit.js';

interface Visit {
  readonly k: string;
  readonly n: number;
  readonly v: Key | undefined;
}

const key = ((visit: Visit) => visit.k) as never;
const isEven = ({ n }: Visit) => n % 2 === 0;

const spec = {
  visits: count(),
  all: distinctCount(({ v }: Visit) => v),
  even: distinctCount((visit: Visit) => (isEven(visit) ? visit.v : null)),
  most: max(({ n }: Visit) => n),
  numbers: distinctCount(({ n }: Visit) => n),
} as AggregationSpecData;

const create = (of = spec) => keyedAggregateOperator(key, of, 'row');

const value = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -3, max: 3 }) },
  fc.constantFrom<Key | undefined>(undefined, null, -0, 0.5, Number.NaN, 2 ** 40, 5n, true),
  fc.constantFrom<Key>(
    'a',
    'ä€',
    '\0a',
    'a text longer than a slice',
    new Date(5),
    ['a', 1],
    ['a', '1'],
  ),
);
const visit = fc.record({
  k: fc.constantFrom('a', 'b', 'c'),
  n: fc.integer({ min: 0, max: 4 }),
  v: value,
});
const visits = fc.array(visit, { minLength: 1, maxLength: 40 });
const itemsOf = (of: readonly Visit[]): Item[] => of.map((record) => ({ record, key: record.k }));

/** What a row for each record says. */
function model(of: readonly Visit[]): unknown[] {
  const different = (values: readonly (Key | undefined)[]) =>
    new Set(values.filter((one) => one !== undefined && one !== null).map(canonicalKey)).size;
  return of.map(({ k }, i) => {
    const known = of.slice(0, i + 1).filter((one) => one.k === k);
    return {
      key: k,
      visits: known.length,
      all: different(known.map(({ v }) => v)),
      even: different(known.filter(isEven).map(({ v }) => v)),
      most: Math.max(...known.map(({ n }) => n)),
      numbers: different(known.map(({ n }) => n)),
    };
  });
}

const rows = (emitted: Parameters<typeof recordsOf>[0]) =>
  recordsOf(emitted).map(({ record }) => record);
const byRow = (all: readonly unknown[]) => all.map((one) => JSON.stringify(one)).sort();

describe('distinct counts of running aggregates', () => {
  it('are those of a plain model, whenever it is restored', () => {
    fc.assert(
      fc.property(visits, (of) => {
        const items = itemsOf(of);
        expect(rows(runPlain(create(), items).emitted)).toEqual(model(of));
        expect(rows(runPlain(create(), items, { undoes: true }).emitted)).toEqual(model(of));
        expect(rows(runRestoring(create(), items).emitted)).toEqual(model(of));
      }),
      { numRuns: 60 },
    );
  });

  it('move with the key groups of their keys', () => {
    fc.assert(
      fc.property(
        visits,
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1 }),
        (of, sizes) => {
          expect(byRow(rows(runRescaling(create(), itemsOf(of), sizes).emitted))).toEqual(
            byRow(model(of)),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are in snapshots that build on others', () => {
    fc.assert(
      fc.property(
        visits,
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 8 }),
        (of, fates) => {
          expect(rows(runIncremental(create(), itemsOf(of), fates).emitted)).toEqual(model(of));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('write one new value among thousands as one entry', () => {
    const harness = new Harness(create(), { incremental: true });
    const feed = (v: number) => harness.feed({ record: { k: 'a', n: 1, v }, key: 'a' });
    const taken = (checkpoint: number, base?: number) => {
      const capture = harness.operator.capture!(checkpoint, base)!;
      while (!capture.step(0)) {}
      return capture.take().sections;
    };
    for (let v = 0; v < 5_000; v += 1) feed(v);
    taken(1);
    feed(5_000);
    for (const { name, chunks, on } of taken(2, 1)) {
      if (name === 'distinct') expect(on).toBe(1);
      expect(Buffer.concat(chunks).length).toBeLessThan(400);
    }
  });

  it('have more than one word of bits where there are many', () => {
    const many = Object.fromEntries(
      Array.from({ length: 70 }, (_, i) => [
        `of${i}`,
        distinctCount(({ n, v }: Visit) => (n % (i + 1) === 0 ? v : null)),
      ]),
    ) as AggregationSpecData;
    const of: Visit[] = Array.from({ length: 150 }, (_, n) => ({ k: 'a', n, v: n % 40 }));
    const last = rows(runRestoring(create(many), itemsOf(of)).emitted).at(-1);
    const right = Array.from({ length: 70 }, (_, i) => [
      `of${i}`,
      new Set(of.filter(({ n }) => n % (i + 1) === 0).map(({ v }) => v)).size,
    ]);
    expect(last).toEqual({ key: 'a', ...Object.fromEntries(right) });
  });

  it('note nothing of a record on which a selector throws, where failures are put aside', () => {
    const picky = {
      all: distinctCount(({ v }: Visit) => v),
      total: sum(({ n }: Visit) => n),
      checked: distinctCount(({ n }: Visit) => {
        if (n === 3) throw new Error('three');
        return n;
      }),
    } as AggregationSpecData;
    const harness = new Harness(create(picky), { undoes: true });
    const feed = (n: number, v: number) => harness.feed({ record: { k: 'a', n, v }, key: 'a' });
    expect(() => feed(3, 9)).toThrow('three');
    feed(1, 1);
    expect(() => feed(3, 2)).toThrow('three');
    feed(2, 1);
    expect(rows(harness.emitted)).toEqual([
      { key: 'a', all: 1, total: 1, checked: 1 },
      { key: 'a', all: 1, total: 3, checked: 2 },
    ]);
  });
});

describe('state of distinct counts', () => {
  /** As former versions kept it. */
  const former =
    (of = spec) =>
    () =>
      new KeyedCellsOperator(key, mixedFold(of, KEYED_FIELDS), aggregatedState(of));

  it('is taken over from the cells in which former versions kept it, by one instance or several', () => {
    fc.assert(
      fc.property(visits, visits, fc.integer({ min: 1, max: 3 }), (before, after, size) => {
        const old = runPlain(former(), itemsOf(before));
        const sections = old.snapshot();
        expect(sections.map(({ name }) => name)).toEqual(['cells']);
        const harnesses = Array.from({ length: size }, (_, instance) => {
          const options: KitOptions =
            size === 1
              ? {}
              : {
                  instance,
                  ownsGroup: (group) => group % size === instance,
                  formerOwner: () => 0,
                };
          return new Harness(create(), { ...options, incremental: true }, sections);
        });
        for (const record of after) {
          const harness = harnesses.length === 1 ? harnesses[0]! : undefined;
          const item = { record, key: record.k };
          if (harness !== undefined) harness.feed(item);
          else harnesses[keyGroupOf(record.k, KEY_GROUPS) % size]!.feed(item);
        }
        expect(byRow(harnesses.flatMap(({ emitted }) => rows(emitted)))).toEqual(
          byRow(model([...before, ...after]).slice(before.length)),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('evolves: counts come, go, and stand in another order', () => {
    const before = runPlain(
      create(),
      itemsOf([
        { k: 'a', n: 1, v: 'x' },
        { k: 'a', n: 2, v: 'y' },
        { k: 'a', n: 4, v: 'y' },
      ]),
    ).snapshot();
    const { visits, all, even } = spec;
    const now = {
      even,
      visits,
      fresh: distinctCount(({ v }: Visit) => v),
      all,
    } as AggregationSpecData;
    const harness = new Harness(create(now), {}, before);
    harness.feed({ record: { k: 'a', n: 6, v: 'x' }, key: 'a' });
    harness.feed({ record: { k: 'a', n: 6, v: 'z' }, key: 'a' });
    expect(rows(harness.emitted)).toEqual([
      { key: 'a', even: 2, visits: 4, fresh: 1, all: 2 },
      { key: 'a', even: 3, visits: 5, fresh: 2, all: 3 },
    ]);
    const change = compareLayouts(runningState(spec).layout, runningState(now));
    expect(change).toMatchObject({ kind: 'evolved', dropped: ['most', 'numbers'] });
  });

  it('begins beside numbers that were there before', () => {
    const numbers = { visits: count() } as AggregationSpecData;
    const before = runPlain(create(numbers), itemsOf([{ k: 'a', n: 1, v: 'x' }])).snapshot();
    const now = { visits: count(), all: distinctCount(({ v }: Visit) => v) } as AggregationSpecData;
    const harness = new Harness(create(now), {}, before);
    harness.feed({ record: { k: 'a', n: 1, v: 'x' }, key: 'a' });
    expect(rows(harness.emitted)).toEqual([{ key: 'a', visits: 2, all: 1 }]);
  });

  it('is refused when its values are missing, or of a row that is not there', () => {
    const sections = runPlain(create(), itemsOf([{ k: 'a', n: 1, v: 'x' }])).snapshot();
    const [own, values] = sections;
    expect([own!.name, values!.name]).toEqual(['rows', 'distinct']);
    const missing = thrownBy(() => new Harness(create(), {}, [own!]));
    expect(missing).toMatchObject({ code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT' });
    const empty = new Harness(create()).snapshot()[0]!;
    const lost = thrownBy(() => new Harness(create(), {}, [empty, values!]));
    expect(lost).toMatchObject({ code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT' });
  });

  it('does not take cells where numbers alone stand now', () => {
    const now = runningState({ visits: count() } as AggregationSpecData);
    expect(thrownBy(() => refuseOtherKind('op', [{ name: 'cells' }], now))).toMatchObject({
      code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    });
  });
});
