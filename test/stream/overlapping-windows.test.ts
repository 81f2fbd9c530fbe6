/** Sliding and cumulative windows: what they count beside a plain model, whatever is restored in between. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyGroupOf } from '../../src/hashring/key-group.js';
import { average, count, max, min, sum } from '../../src/stream/api/aggregations.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import { type AlignedWindow, cumulative, sliding } from '../../src/stream/api/windows.js';
import { windowAggregateOperator } from '../../src/stream/operators/window-aggregate-operator.js';
import type { WindowOptions } from '../../src/stream/operators/window-operator.js';
import { windowReduceOperator } from '../../src/stream/operators/window-reduce-operator.js';
import { assignerOf } from '../../src/stream/windows/assigners.js';
import { thrownBy } from './graph-kit.js';
import {
  type Emitted,
  Harness,
  type Item,
  KEY_GROUPS,
  type KitOptions,
  recordsOf,
  runPlain,
  runStingy,
} from './operator-kit.js';

interface Row {
  readonly k: string;
  readonly n: number;
}

const key = (record: Row) => record.k;
const strict: WindowOptions = { allowedLatenessMs: 0, lateTag: undefined };
const end: Item = { watermark: Number.POSITIVE_INFINITY };
const at = (time: number, k = 'a', n = 1): Item => ({ record: { k, n }, at: time, key: k });

const numbers = {
  n: count(),
  total: sum((record: Row) => record.n),
  least: min((record: Row) => record.n),
  most: max((record: Row) => record.n),
  mean: average((record: Row) => record.n),
};
const seen = aggregation({
  initial: () => [] as number[],
  add: (all, record: Row) => {
    all.push(record.n);
  },
  merge: (all, later) => {
    all.push(...later);
  },
  result: (all) => [...all].sort((a, b) => a - b).join(),
});
const rows = (window: AlignedWindow, options: WindowOptions = strict) =>
  windowAggregateOperator(key, window, options, numbers);
const cells = (window: AlignedWindow, options: WindowOptions = strict) =>
  windowAggregateOperator(key, window, options, { ...numbers, seen });
/** It changes what it is given, as users may. */
const reduced = (window: AlignedWindow, options: WindowOptions = strict) =>
  windowReduceOperator(key, window, options, (x: { k: string; n: number }, y: Row) => {
    x.n += y.n;
    return x;
  });

const shown = (emitted: readonly Emitted[]) =>
  recordsOf(emitted).map(({ record, at: time }) => {
    const { key: k, windowStart, windowEnd, n } = record as Record<string, unknown>;
    expect(time).toBe(Number(windowEnd) - 1);
    return `${String(k)} [${String(windowStart)}, ${String(windowEnd)}) ${String(n)}`;
  });

describe('sliding windows', () => {
  it('of 10 by 3 hold a record of 10 000 in three, and one of 9 999 in four', () => {
    const window = sliding({ sizeMs: 10_000, slideMs: 3_000 });
    expect(shown(runPlain(rows(window), [at(10_000), end]).emitted)).toEqual([
      'a [3000, 13000) 1',
      'a [6000, 16000) 1',
      'a [9000, 19000) 1',
    ]);
    expect(shown(runPlain(rows(window), [at(9_999), end]).emitted)).toEqual([
      'a [0, 10000) 1',
      'a [3000, 13000) 1',
      'a [6000, 16000) 1',
      'a [9000, 19000) 1',
    ]);
  });

  it('reach below zero, and follow their offset', () => {
    const window = sliding({ sizeMs: 20, slideMs: 10, offsetMs: -7 });
    expect(window.offsetMs).toBe(3);
    expect(shown(runPlain(rows(window), [at(-1), at(-8), end]).emitted)).toEqual([
      'a [-27, -7) 1',
      'a [-17, 3) 2',
      'a [-7, 13) 1',
    ]);
  });

  it('shorter than their slide leave out what lies between, and count it', () => {
    const window = sliding({ sizeMs: 4, slideMs: 10 });
    const { emitted, counters } = runPlain(rows(window), [at(3), at(4), at(9), at(10), end]);
    expect(shown(emitted)).toEqual(['a [0, 4) 1', 'a [10, 14) 1']);
    expect(counters).toEqual({ recordsOutsideWindows: 2 });
  });

  it('count a record that is late for some of them in the others, and as partly late once', () => {
    const window = sliding({ sizeMs: 30, slideMs: 10 });
    const items = [at(5), at(25), { watermark: 12 }, { ...at(9), behind: 12 }, end];
    // By its mark alone: the task's time stands further back.
    const marked = [at(5), at(25), { ...at(9), behind: 12 }, end];
    for (const list of [items, marked]) {
      const { emitted, counters } = runPlain(rows(window), list);
      expect(shown(emitted)).toEqual([
        'a [-20, 10) 1',
        'a [-10, 20) 2',
        'a [0, 30) 3',
        'a [10, 40) 1',
        'a [20, 50) 1',
      ]);
      expect(counters).toEqual({ partlyLateRecords: 1 });
    }
    const late = runPlain(rows(window), [at(25), { watermark: 39 }, at(9), at(10), end]);
    expect(late.counters).toEqual({ lateRecords: 2 });
  });

  it('are merged in order of time, in whatever order their slices began', () => {
    const window = sliding({ sizeMs: 10, slideMs: 3 });
    expect(shown(runPlain(rows(window), [at(87), at(85), end]).emitted)).toEqual([
      'a [78, 88) 2',
      'a [81, 91) 2',
      'a [84, 94) 2',
      'a [87, 97) 1',
    ]);
  });

  it('fire again for each of theirs that has fired', () => {
    const window = sliding({ sizeMs: 20, slideMs: 10 });
    const create = rows(window, { allowedLatenessMs: 100, lateTag: undefined });
    const harness = new Harness(create);
    for (const item of [at(5), at(15), { watermark: 20 }]) harness.feed(item);
    expect(shown(harness.emitted.splice(0))).toEqual(['a [-10, 10) 1', 'a [0, 20) 2']);
    harness.feed(at(6));
    expect(shown(harness.emitted.splice(0))).toEqual(['a [-10, 10) 2', 'a [0, 20) 3']);
    harness.feed(at(16));
    expect(shown(harness.emitted.splice(0))).toEqual(['a [0, 20) 4']);
    // The first of its key, in slices that are at work already.
    harness.feed(at(16, 'b'));
    expect(shown(harness.emitted.splice(0))).toEqual(['b [0, 20) 1']);
    harness.feed(end);
    expect(shown(harness.emitted)).toEqual(['a [10, 30) 2', 'b [10, 30) 1']);
  });

  it('of another size or slide are refused as state', () => {
    const sections = runPlain(rows(sliding({ sizeMs: 20, slideMs: 10 })), [at(1)]).snapshot();
    const other = rows(sliding({ sizeMs: 20, slideMs: 5 }));
    const error = thrownBy(() => new Harness(other, {}, sections));
    expect(error.code).toBe('ERR_HOLDFAST_GRAPH_INCOMPATIBLE');
    expect(error.message).toContain('sliding:20:10:0');
  });

  it('begin to fire again where they were, for key groups that were ahead', () => {
    const window = sliding({ sizeMs: 20, slideMs: 10 });
    const [ahead, behind] = [new Harness(rows(window)), new Harness(rows(window))];
    for (const item of [at(5, 'a'), at(17, 'a'), { watermark: 10 }]) ahead.feed(item);
    for (const item of [at(6, 'b'), { watermark: 3 }]) behind.feed(item);
    expect(shown(ahead.emitted)).toEqual(['a [-10, 10) 1']);
    const sections = [ahead, behind].flatMap((one, instance) =>
      one.snapshot().map((section) => ({ ...section, instance })),
    );
    const formerOwner = (group: number) => (group === keyGroupOf('a', KEY_GROUPS) ? 0 : 1);
    const one = new Harness(rows(window), { formerOwner }, sections);
    // Of 'a' it is late for the window that 'a' has fired; of 'b' for none.
    for (const item of [at(7, 'a'), at(7, 'b'), end]) one.feed(item);
    expect(shown(one.emitted).sort()).toEqual([
      'a [0, 20) 3',
      'a [10, 30) 1',
      'b [-10, 10) 2',
      'b [0, 20) 2',
    ]);
    expect(one.counters).toEqual({ partlyLateRecords: 1 });
  });

  it('sum fractions to the same last bit, whatever was restored', () => {
    const window = sliding({ sizeMs: 70, slideMs: 10 });
    const items: Item[] = [];
    for (let time = 0; time < 400; time += 10) {
      items.push(at(time, 'a', 0.1 + time / 7), { watermark: time });
    }
    const plain = recordsOf(runPlain(rows(window), items).emitted);
    for (let cut = 1; cut < items.length; cut += 3) {
      const first = runPlain(rows(window), items.slice(0, cut));
      const second = new Harness(rows(window), {}, first.snapshot());
      for (const item of items.slice(cut)) second.feed(item);
      expect([...recordsOf(first.emitted), ...recordsOf(second.emitted)]).toEqual(plain);
    }
  });
});

describe('cumulative windows', () => {
  it('grow by steps, and begin anew', () => {
    const window = cumulative({ sizeMs: 30, stepMs: 10 });
    const { emitted } = runPlain(rows(window), [at(5), at(12), at(29), at(30), end]);
    expect(shown(emitted)).toEqual([
      'a [0, 10) 1',
      'a [0, 20) 2',
      'a [0, 30) 3',
      'a [30, 40) 1',
      'a [30, 50) 1',
      'a [30, 60) 1',
    ]);
  });

  it('take what is late for their first steps into the others', () => {
    const window = cumulative({ sizeMs: 30, stepMs: 10, offsetMs: 5 });
    const { emitted, counters } = runPlain(rows(window), [
      at(6),
      { watermark: 14 },
      at(7),
      { watermark: 34 },
      at(33),
      end,
    ]);
    expect(shown(emitted)).toEqual(['a [5, 15) 1', 'a [5, 25) 2', 'a [5, 35) 2']);
    expect(counters).toEqual({ partlyLateRecords: 1, lateRecords: 1 });
  });
});

const WINDOWS: readonly AlignedWindow[] = [
  sliding({ sizeMs: 10, slideMs: 3 }),
  sliding({ sizeMs: 30, slideMs: 10 }),
  sliding({ sizeMs: 64, slideMs: 8, offsetMs: 5 }),
  sliding({ sizeMs: 11, slideMs: 10 }),
  sliding({ sizeMs: 7, slideMs: 10 }),
  sliding({ sizeMs: 10, slideMs: 10 }),
  cumulative({ sizeMs: 40, stepMs: 10 }),
  cumulative({ sizeMs: 40, stepMs: 10, offsetMs: 13 }),
  cumulative({ sizeMs: 10, stepMs: 10 }),
];

const anItem: fc.Arbitrary<Item> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.integer({ min: -50, max: 150 }), fc.constantFrom('a', 'b', 'c'), fc.nat(9))
      .map(([time, k, n]) => at(time, k, n)),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: -50, max: 150 }), fc.nat(60))
      .map(([time, by]) => ({ ...at(time), behind: time + by })),
  },
  { weight: 2, arbitrary: fc.integer({ min: -50, max: 150 }).map((watermark) => ({ watermark })) },
);

const KINDS = { rows, cells, reduced };

/** Rows by what they are, each item's sorted: keys have no order among them. */
const answers = (one: { readonly emitted: readonly Emitted[] }) =>
  recordsOf(one.emitted)
    .map(({ record, at: time }) => JSON.stringify([time, record]))
    .sort();

describe('windows that overlap agree with a plain model', () => {
  for (const kind of ['rows', 'cells', 'reduced'] as const) {
    it(`over any input: ${kind}`, () => {
      fc.assert(
        fc.property(
          fc.array(anItem, { maxLength: 60 }),
          fc.constantFrom(...WINDOWS),
          fc.constantFrom(0, 5, 30, 200),
          fc.boolean(),
          (list, window, allowedLatenessMs, incremental) => {
            const items = [...list, end];
            const create = KINDS[kind](window, { allowedLatenessMs, lateTag: undefined });
            const right = model(items, window, allowedLatenessMs, kind);
            const plain = runPlain(create, items);
            expect(answers(plain)).toEqual([...right.rows].sort());
            expect(plain.counters).toEqual(right.counters);
            expect(answers(runStingy(create, items))).toEqual([...right.rows].sort());
            const restored = restoring(create, items, { incremental });
            expect(answers(restored)).toEqual([...right.rows].sort());
            expect(restored.counters).toEqual(right.counters);
          },
        ),
        { numRuns: 150 },
      );
    });
  }
});

/** A snapshot and a restore between every two items. */
function restoring(create: ReturnType<typeof rows>, items: readonly Item[], options: KitOptions) {
  const emitted: Emitted[] = [];
  const counters: Record<string, number> = {};
  let harness = new Harness(create, options);
  for (const item of items) {
    harness.feed(item);
    emitted.push(...harness.emitted);
    for (const [name, by] of Object.entries(harness.counters)) {
      counters[name] = (counters[name] ?? 0) + by;
    }
    harness = new Harness(create, options, harness.snapshot());
  }
  return { emitted, counters };
}

/** Keeps each record with each window: nothing clever. */
function model(
  items: readonly Item[],
  window: AlignedWindow,
  lateness: number,
  kind: 'rows' | 'cells' | 'reduced',
) {
  const found: string[] = [];
  const counters: Record<string, number> = {};
  const windows = new Map<string, { start: number; end: number; by: Map<string, number[]> }>();
  const fired = new Set<string>();
  let watermark = Number.NEGATIVE_INFINITY;
  const tell = (what: string) => {
    counters[what] = (counters[what] ?? 0) + 1;
  };
  const emit = (one: { start: number; end: number }, k: string, list: readonly number[]) => {
    const total = list.reduce((a, b) => a + b, 0);
    const row = { key: k, windowStart: one.start, windowEnd: one.end };
    const answer = {
      ...{ n: list.length, total, least: Math.min(...list), most: Math.max(...list) },
      mean: total / list.length,
    };
    const all = [...list].sort((a, b) => a - b).join();
    const record = {
      rows: { ...row, ...answer },
      cells: { ...row, ...answer, seen: all },
      reduced: { k, n: total },
    }[kind];
    found.push(JSON.stringify([one.end - 1, record]));
  };
  for (const item of items) {
    if ('watermark' in item) {
      watermark = Math.max(watermark, item.watermark);
      for (const [name, one] of windows) {
        if (one.end - 1 > watermark || fired.has(name)) continue;
        fired.add(name);
        for (const [k, list] of one.by) emit(one, k, list);
      }
      continue;
    }
    const { k, n } = item.record as Row;
    const of = windowsOf(window, item.at!);
    const passed = Math.max(watermark, item.behind ?? watermark);
    const open = of.filter((one) => one.end - 1 + lateness > passed);
    if (of.length === 0) tell('recordsOutsideWindows');
    else if (open.length === 0) tell('lateRecords');
    else if (open.length < of.length) tell('partlyLateRecords');
    for (const { start, end: to } of open) {
      const name = `${start}-${to}`;
      const one = windows.get(name) ?? { start, end: to, by: new Map<string, number[]>() };
      windows.set(name, one);
      const list = [...(one.by.get(k) ?? []), n];
      one.by.set(k, list);
      if (to - 1 > watermark) continue;
      fired.add(name);
      emit(one, k, list);
    }
  }
  return { rows: found, counters };
}

function windowsOf(window: AlignedWindow, time: number): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (let start = -400; start < 400; start += 1) {
    if (window.kind === 'sliding') {
      const { sizeMs, slideMs, offsetMs } = window;
      if ((start - offsetMs) % slideMs !== 0) continue;
      if (start <= time && time < start + sizeMs) found.push({ start, end: start + sizeMs });
    } else if (window.kind === 'cumulative') {
      const { sizeMs, stepMs, offsetMs } = window;
      if ((start - offsetMs) % sizeMs !== 0) continue;
      for (let to = start + stepMs; to <= start + sizeMs; to += stepMs) {
        if (start <= time && time < to) found.push({ start, end: to });
      }
    }
  }
  return found.sort((a, b) => a.end - b.end);
}

describe('assigners', () => {
  it('put each time into the slice that holds it, and know its windows', () => {
    const overlapping = WINDOWS.map((window) => ({ window, assigner: assignerOf(window) }));
    fc.assert(
      fc.property(
        fc.constantFrom(...overlapping),
        fc.integer({ min: -300, max: 300 }),
        ({ window, assigner }, time) => {
          const slice = assigner.slice(assigner.indexAt(time));
          expect(slice.start <= time && time < slice.end).toBe(true);
          expect(assigner.indexOf(slice.stored)).toBe(slice.index);
          const ends: { start: number; end: number }[] = [];
          for (let to = slice.firstEnd; to <= slice.lastEnd; to = assigner.nextEnd(to)) {
            ends.push({ start: assigner.startOf(to), end: to });
          }
          expect(ends).toEqual(windowsOf(window, time));
        },
      ),
    );
  });

  it('refuse what cannot be', () => {
    const refused = (make: () => unknown) => thrownBy(make).message;
    expect(refused(() => sliding({ sizeMs: 0, slideMs: 1 }))).toContain('sliding({ sizeMs })');
    expect(refused(() => sliding({ sizeMs: 1, slideMs: 0.5 }))).toContain('sliding({ slideMs })');
    expect(refused(() => sliding(5 as never))).toContain('option sliding');
    expect(refused(() => sliding({ sizeMs: 86_400_000, slideMs: 1 }))).toMatch(
      /in 86400000 windows .* in 1023 of those/,
    );
    expect(refused(() => cumulative({ sizeMs: 10, stepMs: 3 }))).toContain('a multiple of stepMs');
  });
});
