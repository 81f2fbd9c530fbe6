import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NOT_BEHIND } from '../../src/channels/element.js';
import { keyGroupOf } from '../../src/hashring/key-group.js';
import { average, count, max, sum } from '../../src/stream/api/aggregations.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import { tumbling } from '../../src/stream/api/windows.js';
import type { Operator } from '../../src/stream/operator.js';
import { filterOperator } from '../../src/stream/operators/filter-operator.js';
import { flatMapOperator } from '../../src/stream/operators/flat-map-operator.js';
import { keyedAggregateOperator } from '../../src/stream/operators/keyed-aggregate-operator.js';
import { keyedReduceOperator } from '../../src/stream/operators/keyed-reduce-operator.js';
import { mapOperator } from '../../src/stream/operators/map-operator.js';
import { passOperator } from '../../src/stream/operators/pass-operator.js';
import { timestampsOperator } from '../../src/stream/operators/timestamps-operator.js';
import { windowAggregateOperator } from '../../src/stream/operators/window-aggregate-operator.js';
import { windowReduceOperator } from '../../src/stream/operators/window-reduce-operator.js';
import { thrownBy } from './graph-kit.js';
import {
  Harness,
  type Item,
  KEY_GROUPS,
  type KitOptions,
  recordsOf,
  runPlain,
  runRestoring,
  runStingy,
  watermarksOf,
} from './operator-kit.js';

interface Row {
  readonly k: string | number | boolean | bigint | null | Date | readonly (string | number)[];
  readonly n: number;
}

const keys: readonly Row['k'][] = [
  'a',
  'a key long enough to be cut out of a frame',
  'schlüssel',
  '数据流处理器的一个很长的键',
  '\u0000escaped',
  '',
  0,
  -7,
  3.25,
  2 ** 40,
  true,
  null,
  12n,
  new Date(86_400_000),
  ['x', 1],
];
const key = (record: Row): Row['k'] => record.k;
const row = fc.record({ k: fc.constantFrom(...keys), n: fc.integer({ min: -50, max: 50 }) });
const item: fc.Arbitrary<Item> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ record: row, at: fc.integer({ min: 0, max: 400 }) }),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ record: row, at: fc.integer({ min: 0, max: 400 }), by: fc.nat(150) })
      .map(({ by, ...one }) => ({ ...one, behind: one.at + by })),
  },
  { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: 0, max: 400 }) }) },
);
/** Watermarks that never go back, and the last one, as tasks hand them on. */
const items = fc.array(item, { maxLength: 40 }).map((list) => {
  let highest = Number.NEGATIVE_INFINITY;
  const kept = list.filter((one) => {
    if (!('watermark' in one)) return true;
    const advances = one.watermark > highest;
    highest = Math.max(highest, one.watermark);
    return advances;
  });
  return [...kept, { watermark: Number.POSITIVE_INFINITY }];
});

const listing = aggregation<Row, readonly number[]>({
  initial: () => [],
  add: (list, record) => [...(list as readonly number[]), record.n],
});
const numeric = { n: count(), total: sum((r: Row) => r.n), mean: average((r: Row) => r.n) };
const mixed = { worst: max((r: Row) => r.n), all: listing };
const older = { allowedLatenessMs: 0, lateTag: undefined };
const lenient = { allowedLatenessMs: 60, lateTag: 'late' };
const add = (a: Row, b: Row): Row => ({ k: b.k, n: a.n + b.n });

const operators: readonly [string, () => Operator, KitOptions?][] = [
  ['map', mapOperator((r: Row) => ({ ...r, n: r.n + 1 }))],
  ['filter', filterOperator((r: Row) => r.n > 0)],
  ['flatMap over arrays', flatMapOperator((r: Row) => [r, { ...r, n: 0 }, r].slice(r.n & 3))],
  [
    'flatMap over an iterable',
    flatMapOperator(function* (r: Row) {
      for (let i = 0; i < (r.n & 3); i += 1) yield { i, ...r };
    }),
  ],
  ['pass', passOperator()],
  ['timestamps', timestampsOperator((r: Row) => r.n, { outOfOrdernessMs: 3 })],
  ['keyed reduce', keyedReduceOperator(key, add)],
  ['keyed aggregate of numbers', keyedAggregateOperator(key, numeric, 'row')],
  ['keyed aggregate of one value', keyedAggregateOperator(key, { n: count() }, 'value')],
  ['keyed aggregate of any values', keyedAggregateOperator(key, mixed, 'row')],
  ['window reduce', windowReduceOperator(key, tumbling(50), older, add)],
  ['window aggregate of numbers', windowAggregateOperator(key, tumbling(50), older, numeric)],
  [
    'window aggregate with lateness',
    windowAggregateOperator(key, tumbling(70, { offsetMs: 20 }), lenient, numeric),
    { sides: ['late'] },
  ],
  [
    'window aggregate of any values',
    windowAggregateOperator(key, tumbling(50), lenient, mixed),
    { sides: ['late'] },
  ],
];

const text = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v)) ?? 'undefined';
/** A firing goes through its keys in the order of its index, which a restore may change. */
const asSet = (emitted: Parameters<typeof recordsOf>[0]): string[] =>
  recordsOf(emitted)
    .map((one) => text(one))
    .sort();

describe.each(operators)('%s', (_name, create, options) => {
  it('gives the same with an output that is always full', () => {
    fc.assert(
      fc.property(items, (list) => {
        const plain = runPlain(create, list, options);
        const stingy = runStingy(create, list, options);
        expect(stingy.emitted.map(text)).toEqual(plain.emitted.map(text));
        expect(stingy.counters).toEqual(plain.counters);
      }),
      { numRuns: 60 },
    );
  });

  it('gives the same when restored between every two items', () => {
    fc.assert(
      fc.property(items, (list) => {
        const plain = runPlain(create, list, options);
        const restored = runRestoring(create, list, options);
        expect(asSet(restored.emitted)).toEqual(asSet(plain.emitted));
        expect(restored.counters).toEqual(plain.counters);
        expect(watermarksOf(restored.emitted).at(-1)).toEqual(watermarksOf(plain.emitted).at(-1));
      }),
      { numRuns: 40 },
    );
  });
});

describe('stateless operators', () => {
  const at = (record: unknown): Item => ({ record, at: 5 });

  it('map, filter and flatMap do what they say, and keep times', () => {
    const run = (create: () => Operator) =>
      recordsOf(runPlain(create, [at(1), at(2), at(3)]).emitted);
    expect(run(mapOperator((n: number) => n * 2))).toEqual([2, 4, 6].map((n) => at(n)));
    expect(run(filterOperator((n: number) => n !== 2))).toEqual([at(1), at(3)]);
    expect(run(filterOperator((n: number) => (n === 2 ? 'yes' : '')))).toEqual([at(2)]);
    expect(run(flatMapOperator((n: number) => new Set([n, n + 10])))).toEqual(
      [1, 11, 2, 12, 3, 13].map((n) => at(n)),
    );
  });

  it.each([
    ['map', mapOperator((n: number) => n)],
    ['filter', filterOperator(() => true)],
    ['flatMap over arrays', flatMapOperator((n: number) => [n, n])],
    ['flatMap over an iterable', flatMapOperator((n: number) => new Set([n, -n]))],
    ['pass', passOperator()],
    ['keyed reduce', keyedReduceOperator((n: number) => n, Math.max)],
    ['keyed aggregate', keyedAggregateOperator((n: number) => n, { n: count() }, 'row')],
  ])('%s gives what it makes of a record the mark of that', (_, create) => {
    for (const run of [runPlain, runStingy]) {
      const { emitted } = run(create, [at(1), { ...at(2), behind: 7 }, { ...at(3), behind: -0.5 }]);
      const marks = new Set(recordsOf(emitted).map(({ behind }) => behind));
      expect([...marks]).toEqual([undefined, 7, -0.5]);
    }
  });

  it('flatMap reads no further than there is room, and closes what it leaves', () => {
    const log: string[] = [];
    const create = flatMapOperator(function* () {
      try {
        for (let i = 0; ; i += 1) {
          log.push(`made ${i}`);
          yield i;
        }
      } finally {
        log.push('closed');
      }
    });
    const harness = new Harness(create);
    harness.stingy = true;
    harness.operator.onElement('x', 1, 0, NOT_BEHIND);
    expect(harness.operator.suspended).toBe(true);
    harness.turn.pause = false;
    harness.operator.resume?.();
    expect(harness.emitted).toEqual([
      { record: 0, at: 1 },
      { record: 1, at: 1 },
    ]);
    void harness.operator.close?.();
    expect(log).toEqual(['made 0', 'made 1', 'closed']);
  });

  it('counts progress for each of many records made of one', () => {
    const create = flatMapOperator(() => Array.from({ length: 1_000 }, (_, i) => i));
    expect(runPlain(create, [at(0)]).alive).toBe(1_000);
  });

  const promising = async () => 1;
  it.each<[string, () => Operator, string]>([
    ['map', mapOperator(promising), 'map'],
    ['filter', filterOperator(promising), 'filter'],
    ['flatMap', flatMapOperator(promising), 'flatMap'],
    [
      'flatMap over an async generator',
      flatMapOperator(async function* () {
        yield 1;
      }),
      'flatMap',
    ],
    ['timestamps', timestampsOperator(promising, { outOfOrdernessMs: 0 }), 'withTimestamps'],
    ['key selectors', keyedReduceOperator(promising, (a: never) => a), 'keyBy'],
    ['map, with a thenable', mapOperator(() => Object.fromEntries([['then', () => {}]])), 'map'],
  ])('%s refuses promises', (_name, create, where) => {
    const error = thrownBy(() => runPlain(create, [at(1), at(1)]));
    expect(error.code).toBe('ERR_HOLDFAST_ASYNC_CALLBACK');
    expect(error.message).toContain(where);
  });

  it.each([
    [
      'keyed reduce',
      keyedReduceOperator(
        () => 'k',
        () => undefined,
      ),
    ],
    [
      'window reduce',
      windowReduceOperator(
        () => 'k',
        tumbling(50),
        older,
        () => undefined,
      ),
    ],
  ])('%s refuses a function that forgets to return', (_, create) => {
    const error = thrownBy(() => runPlain(create, [at(1), at(1)]));
    expect(error.code).toBe('ERR_HOLDFAST_USER_CODE');
    expect(error.message).toContain('the function of reduce returned nothing');
  });

  it('reduce refuses promises from the second record on', () => {
    const create = keyedReduceOperator(
      () => 'k',
      async () => 1,
    );
    const error = thrownBy(() => runPlain(create, [at(1), at(2)]));
    expect(error.code).toBe('ERR_HOLDFAST_ASYNC_CALLBACK');
  });

  it('flatMap says what it was given instead of an iterable', () => {
    const error = thrownBy(() =>
      runPlain(
        flatMapOperator(() => undefined),
        [at(1)],
      ),
    );
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_USER_CODE' });
    expect(error.message).toMatch(/undefined.*array/s);
  });

  it('flatMap takes no text apart', () => {
    const create = flatMapOperator(() => 'ab');
    const error = thrownBy(() => runPlain(create, [at(1)]));
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_USER_CODE' });
    expect(error.message).toContain(
      'gave the string "ab". Texts are not taken apart: return an array',
    );
    const inside = flatMapOperator(() => ['ab', 'c']);
    expect(recordsOf(runPlain(inside, [at(1)]).emitted)).toEqual([at('ab'), at('c')]);
  });
});

describe('timestamps', () => {
  it('refuse a drift bound where they cannot hold the source back', () => {
    const options = { outOfOrdernessMs: 0, maxDriftMs: 5 };
    const error = thrownBy(() =>
      runPlain(
        timestampsOperator((n: number) => n, options),
        [],
      ),
    );
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain('has maxDriftMs and stands behind an exchange');
  });

  const create = timestampsOperator((n: number) => n, { outOfOrdernessMs: 10 });

  it('assigns times, and follows the highest one at the allowed distance', () => {
    const harness = new Harness(create);
    for (const time of [100, 50, 120]) harness.feed({ record: time });
    expect(harness.emitted).toEqual([
      { record: 100, at: 100 },
      { record: 50, at: 50, behind: 89 },
      { record: 120, at: 120 },
    ]);
    harness.settle();
    harness.settle();
    expect(watermarksOf(harness.emitted)).toEqual([109]);
    harness.feed({ record: 20 });
    harness.settle();
    expect(watermarksOf(harness.emitted)).toEqual([109]);
  });

  it('makes a watermark every 64 records without waiting for the end of a batch', () => {
    const harness = new Harness(create);
    for (let i = 1; i <= 130; i += 1) harness.feed({ record: i * 100 });
    expect(watermarksOf(harness.emitted)).toEqual([6_389, 12_789]);
  });

  it('keeps a watermark back while the task pauses', () => {
    const harness = new Harness(create);
    harness.stingy = true;
    for (let i = 1; i <= 100; i += 1) harness.operator.onElement(i, Number.NaN, 0, NOT_BEHIND);
    expect(watermarksOf(harness.emitted)).toEqual([]);
    harness.settle();
    expect(watermarksOf(harness.emitted)).toEqual([89]);
  });

  it('lets only the last watermark from upstream pass', () => {
    const harness = runPlain(create, [{ watermark: 5 }, { watermark: Number.POSITIVE_INFINITY }]);
    expect(watermarksOf(harness.emitted)).toEqual([Number.POSITIVE_INFINITY]);
  });

  it('begins again at the earliest of several restored times', () => {
    const sections = [700, 300].flatMap((time, instance) => {
      const harness = runPlain(create, [{ record: time }]);
      return harness.snapshot().map((section) => ({ ...section, instance }));
    });
    const harness = new Harness(create, {}, sections);
    harness.feed({ record: 1 });
    harness.settle();
    expect(watermarksOf(harness.emitted)).toEqual([289]);
  });

  it('refuses a time too far ahead of the clock, when asked to', () => {
    const now = Date.now();
    const guarded = timestampsOperator((n: number) => n, {
      outOfOrdernessMs: 0,
      maxFutureMs: 60_000,
    });
    const harness = new Harness(guarded);
    harness.feed({ record: now + 1_000 });
    const error = thrownBy(() => harness.feed({ record: now + 1_000_000 }));
    expect(error.code).toBe('ERR_HOLDFAST_FUTURE_TIMESTAMP');
    harness.settle();
    expect(watermarksOf(harness.emitted)).toEqual([now + 999]);
  });

  it.each([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    8.64e15 + 2,
    -8.64e15 - 2,
    undefined,
    '12',
    new Date(5),
  ])('refuses %s as a time', (time) => {
    const bad = timestampsOperator(() => time, { outOfOrdernessMs: 0 });
    const error = thrownBy(() => runPlain(bad, [{ record: 1 }]));
    expect(error.code).toBe('ERR_HOLDFAST_NO_TIMESTAMP');
    if (time instanceof Date) expect(error.message).toContain('getTime()');
  });
});

describe('keyed operators', () => {
  it('aggregate per key, for equal keys of every kind', () => {
    const harness = runPlain(
      keyedAggregateOperator(key, numeric, 'row'),
      [...keys, ...keys, -0].map((k) => ({ record: { k: k as Row['k'], n: 2 } })),
    );
    const rows = recordsOf(harness.emitted).map((one) => one.record as { key: unknown; n: number });
    const expected = [...keys.map(() => 1), ...keys.map(() => 2), 3];
    expect(rows.map(({ n }) => n)).toEqual(expected);
    expect(rows.slice(0, keys.length).map((one) => one.key)).toEqual(keys);
    expect(rows[0]).toEqual({ key: 'a', n: 1, total: 2, mean: 2 });
  });

  it("emit the answer itself with 'value'", () => {
    const create = keyedAggregateOperator(key, { total: sum((r: Row) => r.n) }, 'value');
    const harness = runPlain(
      create,
      [1, 2, 3].map((n) => ({ record: { k: 'a', n } })),
    );
    expect(recordsOf(harness.emitted).map(({ record }) => record)).toEqual([1, 3, 6]);
  });

  it('names of answers cannot reach into the generated code or the prototype', () => {
    const evil = `x"]: (globalThis.pwned = true), ["y`;
    const harness = runPlain(keyedAggregateOperator(key, { [evil]: count() }, 'row'), [
      { record: { k: 'a', n: 0 } },
    ]);
    expect(recordsOf(harness.emitted)[0]!.record).toEqual({ key: 'a', [evil]: 1 });
    expect('pwned' in globalThis).toBe(false);
    const spec = JSON.parse('{"__proto__": null}') as Record<string, never>;
    Object.defineProperty(spec, '__proto__', { value: count(), enumerable: true });
    expect(thrownBy(() => keyedAggregateOperator(key, spec, 'row')()).code).toBe(
      'ERR_HOLDFAST_BAD_OPTION',
    );
    expect(thrownBy(() => keyedAggregateOperator(key, { key: count() }, 'row')()).code).toBe(
      'ERR_HOLDFAST_BAD_OPTION',
    );
  });

  it('an unsupported key is refused', () => {
    for (const bad of [undefined, {}, Symbol('s'), () => 1, new Date(Number.NaN)]) {
      const create = keyedReduceOperator(
        () => bad,
        (a: never) => a,
      );
      expect(thrownBy(() => runPlain(create, [{ record: 1 }])).code).toBe(
        'ERR_HOLDFAST_UNSUPPORTED_KEY',
      );
    }
  });

  it('a record of a key group that belongs elsewhere is an error, not new state', () => {
    for (const create of [
      keyedAggregateOperator(key, numeric, 'row'),
      keyedReduceOperator(key, add),
      windowReduceOperator(key, tumbling(10), older, add),
      windowAggregateOperator(key, tumbling(10), older, numeric),
    ]) {
      const error = thrownBy(() =>
        runPlain(create, [{ record: { k: 'a', n: 1 }, at: 1 }], { ownsGroup: () => false }),
      );
      expect(error.code).toBe('ERR_HOLDFAST_INTERNAL');
    }
  });

  it('state with binary data, or with one object in two places, is the same after a restore', () => {
    interface State {
      bytes?: Buffer;
      a?: { n: number };
      b?: { n: number };
    }
    const create = keyedAggregateOperator(
      key,
      {
        seen: aggregation({
          initial: (): State => ({}),
          add: (state, { n }: Row) => {
            state.bytes ??= Buffer.from('ab');
            if (state.a === undefined) {
              const one = { n: 0 };
              state.a = one;
              state.b = one;
            }
            state.a.n += n;
          },
          result: ({ bytes, b }) => `${bytes!.toString('hex')} ${b!.n}`,
        }),
      },
      'row',
    );
    let harness = new Harness(create);
    for (const [n, seen] of [
      [1, '6162 1'],
      [2, '6162 3'],
      [3, '6162 6'],
    ] as const) {
      harness.feed({ record: { k: 'a', n } });
      expect(harness.emitted).toMatchObject([{ record: { seen } }]);
      harness = new Harness(create, {}, harness.snapshot());
    }
  });

  it('a value that cannot be kept is refused at the record that makes it', () => {
    const create = keyedReduceOperator(key, (_: Row, b: Row) => ({ ...b, n: () => 1 }) as never);
    const harness = new Harness(create);
    harness.feed({ record: { k: 'culprit', n: 1 } });
    const error = thrownBy(() => harness.feed({ record: { k: 'culprit', n: 2 } }));
    expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    expect(error.message).toContain('state.n is a function');
  });

  it('a value that slipped into state fails the snapshot and names operator and key', () => {
    const create = keyedReduceOperator(key, (_: Row, b: Row) => ({ ...b, n: () => 1 }) as never);
    const harness = new Harness(create, { records: 'trusted' });
    for (const n of [1, 2]) harness.feed({ record: { k: 'culprit', n } });
    const error = thrownBy(() => harness.snapshot());
    expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    expect(error.message).toContain('under-test');
    expect(error.message).toContain('culprit');
    // The same when the value is encoded because it is about to be replaced.
    const replaced = thrownBy(() =>
      harness.snapshot(() => harness.feed({ record: { k: 'culprit', n: 3 } })),
    );
    expect(replaced.message).toContain('culprit');
  });

  it('state made with other aggregations is refused, not misread', () => {
    const before = runPlain(keyedAggregateOperator(key, { a: sum((r: Row) => r.n) }, 'row'), [
      { record: { k: 'a', n: 1 } },
    ]).snapshot();
    const now = keyedAggregateOperator(key, { a: max((r: Row) => r.n) }, 'row');
    const error = thrownBy(() => new Harness(now, {}, before));
    expect(error.code).toBe('ERR_HOLDFAST_GRAPH_INCOMPATIBLE');
    expect(error.message).toMatch(/sum.*max/s);
  });

  it.each<[string, () => Operator]>([
    ['numbers', keyedAggregateOperator(key, numeric, 'row')],
    ['any values', keyedAggregateOperator(key, mixed, 'row')],
    ['reduce', keyedReduceOperator(key, add)],
  ])('after a rescale every key is kept by exactly one instance: %s', (_name, create) => {
    const records = Array.from({ length: 300 }, (_, i) => ({
      record: { k: i % 40, n: i },
      key: i % 40,
    }));
    const whole = runPlain(create, records);
    const owners = (parallelism: number) => (group: number) => group % parallelism;
    const sections = [0, 1].flatMap((instance) => {
      const owns = (group: number) => owners(2)(group) === instance;
      const harness = new Harness(create, { ownsGroup: owns });
      for (const one of records.slice(0, 200)) {
        if (owns(groupOf(one.key))) harness.feed(one);
      }
      return harness.snapshot().map((section) => ({ ...section, instance }));
    });
    const emitted = [0, 1, 2].flatMap((instance) => {
      const owns = (group: number) => owners(3)(group) === instance;
      const formerOwner = owners(2);
      const harness = new Harness(create, { ownsGroup: owns, formerOwner }, sections);
      for (const one of records.slice(200)) if (owns(groupOf(one.key))) harness.feed(one);
      return harness.emitted;
    });
    expect(asSet(emitted)).toEqual(asSet(whole.emitted.slice(200)));
  });

  it.each<[string, () => Operator]>([
    ['numbers', keyedAggregateOperator(key, numeric, 'row')],
    ['any values', keyedAggregateOperator(key, mixed, 'row')],
    ['reduce', keyedReduceOperator(key, add)],
  ])('state of a key group that its instance did not have is damage: %s', (_name, create) => {
    const origin = { checkpoint: 7, part: 'c7.part' };
    const before = new Harness(create);
    before.feed({ record: { k: 5, n: 1 }, key: 5 });
    const sections = before.snapshot().map((section) => ({ ...section, origin }));
    const group = groupOf(5);
    for (const owners of [
      // Nothing has moved, and this instance does not have the group.
      { ownsGroup: () => false },
      // The manifest says that another instance had it, whoever has it now.
      { ownsGroup: () => true, formerOwner: () => 1 },
      { ownsGroup: () => false, formerOwner: () => 1 },
    ]) {
      const error = thrownBy(() => new Harness(create, owners, sections));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
      expect(error.message).toMatch(/checkpoint 7 .*part 'c7\.part' of instance 0/);
      expect(error).toMatchObject({ details: { ...origin, group, instance: 0 } });
    }
  });
});

function groupOf(k: number): number {
  return keyGroupOf(k, KEY_GROUPS);
}
