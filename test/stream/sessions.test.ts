import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { count, sum } from '../../src/stream/api/aggregations.js';
import type { KeySelector } from '../../src/stream/api/key-selector.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import { session, tumbling } from '../../src/stream/api/windows.js';
import type { Operator } from '../../src/stream/operator.js';
import { windowAggregateOperator } from '../../src/stream/operators/window-aggregate-operator.js';
import type { WindowOptions } from '../../src/stream/operators/window-operator.js';
import { windowReduceOperator } from '../../src/stream/operators/window-reduce-operator.js';
import { draw, source, thrownBy } from './graph-kit.js';
import {
  Harness,
  type Item,
  recordsOf,
  runPlain,
  runRestoring,
  runStingy,
} from './operator-kit.js';
import { runIncremental, runRescaled } from './restore-kit.js';
import { plainSessions, program, type SessionRow, standing, type Visit } from './session-kit.js';

const GAP = 10;
const byK = ((record: Visit) => record.k) as KeySelector;
const spec = { n: count(), total: sum((record: Visit) => record.n) };
const strict: WindowOptions = { allowedLatenessMs: 0, lateTag: undefined };
const of = (version: number) =>
  aggregation({
    initial: () => 0,
    add: (n, { n: more }: Visit) => n + (version === 1 ? more : more + 3),
    merge: (n, other) => n + other,
    version,
    ...(version === 1 ? {} : { migrate: (n: number) => n * 100 }),
  });
const end: Item = { watermark: Number.POSITIVE_INFINITY };
const at = (time: number, k = 'a', n = 1): Item => ({ record: { k, n }, at: time, key: k });

const sessions = (allowedLatenessMs = 0, lateTag?: string, gapMs = GAP): (() => Operator) =>
  windowAggregateOperator(byK, session({ gapMs }), { allowedLatenessMs, lateTag }, spec as never);

/** Rows as `[start,end] n`, with what they replace. */
const shown = (harness: { readonly emitted: Harness['emitted'] }): readonly string[] =>
  recordsOf(harness.emitted).map(({ record, at: time }) => {
    const { key, windowStart, windowEnd, n, replaces } = record as SessionRow;
    expect(time).toBe(windowEnd);
    const told = (replaces ?? []).map((one) => ` -[${one.windowStart},${one.windowEnd}]`).join('');
    return `${key}[${windowStart},${windowEnd}] ${n}${told}`;
  });

describe('sessions', () => {
  it.each([0, 5, 25])(
    'are those of a plain loop, however it is interrupted, with %s ms of lateness',
    (latenessMs) => {
      const create = sessions(latenessMs);
      fc.assert(
        fc.property(program, fc.constantFrom(1, 4, GAP), (items, gapMs) => {
          const expected = plainSessions(items, gapMs, latenessMs);
          const own = gapMs === GAP ? create : sessions(latenessMs, undefined, gapMs);
          for (const run of [runPlain, runStingy, runRestoring]) {
            const { emitted, counters } = run(own, items);
            expect(standing(emitted)).toEqual(expected.rows);
            expect(counters['lateRecords'] ?? 0).toBe(expected.late);
          }
        }),
        { numRuns: 150 },
      );
    },
  );

  it.each([0, 25])('are so at any parallelism, with %s ms of lateness', (latenessMs) => {
    const sizes = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1 });
    fc.assert(
      fc.property(program, sizes, (items, numbers) => {
        const emitted = runRescaled(sessions(latenessMs), items, numbers);
        expect(standing(emitted)).toEqual(plainSessions(items, GAP, latenessMs).rows);
      }),
      { numRuns: 100 },
    );
  });

  it('are so with snapshots that build on others, of which some fail', () => {
    let deltas = 0;
    const fates = fc.array(fc.nat(3), { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(program, fates, (items, drawn) => {
        const run = runIncremental(sessions(25), items, drawn);
        deltas += run.deltas;
        expect(standing(run.emitted)).toEqual(plainSessions(items, GAP, 25).rows);
      }),
      { numRuns: 100 },
    );
    expect(deltas).toBeGreaterThan(100);
  });

  it('are one where records are exactly the gap apart, whatever watermark comes between', () => {
    for (const watermark of [-100, 0, 8, 9]) {
      const items = [at(0), { watermark }, at(10), end];
      expect(shown(runPlain(sessions(), items))).toEqual(['a[0,20] 2']);
    }
    // By 10 the second record is late.
    const { emitted, counters } = runPlain(sessions(), [at(0), { watermark: 10 }, at(10), end]);
    expect(shown({ emitted })).toEqual(['a[0,10] 1']);
    expect(counters).toEqual({ lateRecords: 1 });
    expect(shown(runPlain(sessions(), [at(0), at(11), end]))).toEqual(['a[0,10] 1', 'a[11,21] 1']);
  });

  it('are joined by a record that touches both, at times before the epoch as well', () => {
    const items = [at(-5, 'a', 1), at(15, 'a', 2), at(5, 'a', 3), at(100, 'a', 4), end];
    const { emitted } = runPlain(sessions(), items);
    expect(recordsOf(emitted).map(({ record }) => record)).toEqual([
      { key: 'a', windowStart: -5, windowEnd: 25, n: 3, total: 6 },
      { key: 'a', windowStart: 100, windowEnd: 110, n: 1, total: 4 },
    ]);
  });

  it('close when the watermark has reached their end, in the order of time across keys', () => {
    const harness = new Harness(sessions());
    for (const item of [at(3, 'b'), at(0, 'a'), at(5, 'c'), at(9, 'b')]) harness.feed(item);
    harness.feed({ watermark: 9 });
    expect(shown(harness)).toEqual([]);
    harness.feed({ watermark: 19 });
    expect(harness.emitted.map((one) => ('watermark' in one ? one.watermark : one.at))).toEqual([
      9, 10, 15, 19, 19,
    ]);
    expect(shown(harness)).toEqual(['a[0,10] 1', 'c[5,15] 1', 'b[3,19] 2']);
  });

  it('judge a record by itself, not by the session that it would touch', () => {
    const items: Item[] = [at(0), at(8), { watermark: 5 }, at(5), at(4), at(6), end];
    const { emitted, counters } = runPlain(sessions(0, 'late'), items, { sides: ['late'] });
    const late = recordsOf(emitted).filter(({ tag }) => tag === 'late');
    expect(late.map(({ at: time }) => time)).toEqual([5, 4]);
    expect(counters).toEqual({});
    const rows = recordsOf(emitted).filter(({ tag }) => tag === undefined);
    expect(rows.map(({ record }) => record)).toEqual([
      { key: 'a', windowStart: 0, windowEnd: 18, n: 3, total: 3 },
    ]);
    // By its own split's time, whatever the watermark is.
    const marked = { ...at(6), behind: 6 };
    expect(runPlain(sessions(), [at(0), marked, end]).counters).toEqual({ lateRecords: 1 });
    expect(runPlain(sessions(), [at(0), { ...at(7), behind: 6 }, end]).counters).toEqual({});
  });

  it('fire again within the allowed lateness, and tell which rows they take the place of', () => {
    const harness = new Harness(sessions(20));
    for (const item of [at(0), at(15), { watermark: 25 }]) harness.feed(item);
    expect(shown(harness)).toEqual(['a[0,10] 1', 'a[15,25] 1']);
    harness.feed({ ...at(6), behind: 25 });
    const again = harness.emitted.at(-1)!;
    expect(again).toMatchObject({ behind: 25 });
    expect(shown(harness).at(-1)).toBe('a[0,25] 3 -[0,10] -[15,25]');
    // Inside, it takes the place of the row of the same bounds.
    harness.feed(at(14));
    expect(shown(harness).at(-1)).toBe('a[0,25] 4 -[0,25]');
    // Beyond the watermark it waits for that; the last row stands until then.
    harness.feed(at(20));
    expect(shown(harness)).toHaveLength(4);
    harness.feed({ watermark: 30 });
    expect(shown(harness).at(-1)).toBe('a[0,30] 5 -[0,25]');
    // A session of its own that is over already.
    harness.feed(at(15, 'b'));
    expect(shown(harness).at(-1)).toBe('b[15,25] 1');
    harness.feed({ watermark: 50 });
    harness.feed(at(31));
    expect(shown(harness).at(-1)).toBe('a[31,41] 1');
    harness.feed(end);
    expect(shown(harness)).toHaveLength(7);
  });

  it('stay closed when a later run allows more lateness', () => {
    const strict = new Harness(sessions());
    for (const item of [at(0), at(30), { watermark: 15 }]) strict.feed(item);
    const lax = new Harness(sessions(100), {}, strict.snapshot());
    for (const item of [at(5), at(15), at(16), at(25)]) lax.feed(item);
    expect(lax.counters).toEqual({ lateRecords: 2 });
    lax.feed(end);
    expect(shown(lax)).toEqual(['a[16,40] 3']);
  });

  it('leave no state behind', () => {
    const harness = new Harness(sessions(20));
    for (const item of [at(0), at(3, 'b'), { watermark: 50 }]) harness.feed(item);
    const empty = new Harness(sessions(20)).snapshot();
    const cells = (all: ReturnType<Harness['snapshot']>) =>
      all.find(({ name }) => name === 'cells')!.bytes;
    expect(cells(harness.snapshot())).toEqual(cells(empty));
  });

  it('are not touched by a record on which a callback fails', () => {
    const failing = {
      n: count(),
      total: sum((record: Visit) => {
        if (record.n === 7) throw new Error('told to fail');
        return record.n;
      }),
    };
    const create = (latenessMs: number) =>
      windowAggregateOperator(
        byK,
        session({ gapMs: GAP }),
        { allowedLatenessMs: latenessMs, lateTag: undefined },
        failing as never,
      );
    fc.assert(
      fc.property(program, fc.constantFrom(0, 25), (items, latenessMs) => {
        const harness = new Harness(create(latenessMs), { undoes: true });
        for (const item of items) {
          try {
            harness.feed(item);
          } catch (error) {
            expect((error as Error).message).toBe('told to fail');
          }
        }
        const expected = plainSessions(items, GAP, latenessMs, ({ n }) => n === 7);
        expect(standing(harness.emitted)).toEqual(expected.rows);
      }),
      { numRuns: 150 },
    );
  });

  it('fold with reduce, in the order of the sessions that are joined', () => {
    const create = windowReduceOperator(
      byK,
      session({ gapMs: GAP }),
      { allowedLatenessMs: 0, lateTag: undefined },
      ((a: { k: string; n: string }, b: { n: string }) => ({ ...a, n: `${a.n}${b.n}` })) as never,
    );
    const items = [
      [0, 'x'],
      [16, 'y'],
      [8, 'z'],
      [40, 'w'],
    ] as const;
    const records = items.map(([time, n]) => ({ record: { k: 'a', n }, at: time, key: 'a' }));
    for (const run of [runPlain, runRestoring]) {
      expect(recordsOf(run(create, [...records, end]).emitted)).toEqual([
        { record: { k: 'a', n: 'xyz' }, at: 26 },
        { record: { k: 'a', n: 'w' }, at: 50 },
      ]);
    }
  });

  it('put a row aside that cannot be made, by its key and bounds, and go on', () => {
    const rejected: unknown[] = [];
    const fragile = aggregation({
      initial: () => 0,
      add: (n, { n: more }: Visit) => n + more,
      merge: (n, other) => n + other,
      result(n) {
        if (n === 13) throw new Error('thirteen');
        return n;
      },
    });
    const create = windowAggregateOperator(byK, session({ gapMs: GAP }), strict, {
      n: fragile,
    } as never);
    const items = [at(0, 'a', 13), at(3, 'b', 1), at(50, 'a', 5), end];
    const { emitted } = runPlain(create, items, {
      reject: (what, time, error) => rejected.push([what, time, (error as Error).message]),
    });
    expect(shown({ emitted })).toEqual(['b[3,13] 1', 'a[50,60] 5']);
    expect(rejected).toEqual([[{ key: 'a', windowStart: 0, windowEnd: 10 }, 10, 'thirteen']]);
    expect(thrownBy(() => runPlain(create, items)).message).toBe('thirteen');
  });
});

describe('aggregations of one’s own over sessions', () => {
  const names = (merge?: unknown) =>
    aggregation({
      initial: () => [] as number[],
      add: (all, { n }: Visit) => {
        all.push(n);
      },
      ...(merge === undefined ? {} : { merge: merge as never }),
    });

  it('bring their values together where a record joins two', () => {
    const merged = names((all: number[], others: readonly number[]) => {
      all.push(...others);
    });
    const create = windowAggregateOperator(byK, session({ gapMs: GAP }), strict, {
      n: merged,
    } as never);
    const items = [at(0, 'a', 1), at(2, 'a', 2), at(20, 'a', 3), at(11, 'a', 4), end];
    for (const run of [runPlain, runRestoring]) {
      const [row] = recordsOf(run(create, items).emitted);
      expect(row!.record).toEqual({ key: 'a', windowStart: 0, windowEnd: 30, n: [1, 2, 3, 4] });
    }
  });

  it('are refused when the graph is built if they cannot', () => {
    const build = (with_: ReturnType<typeof names>) =>
      draw((env) => {
        env
          .from(source<Visit>())
          .keyBy(({ k }) => k)
          .window(session({ gapMs: GAP }))
          .aggregate({ all: with_ })
          .print();
      });
    const refused = thrownBy(() => build(names()));
    expect(refused.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(refused.message).toMatch(/'all' cannot be merged/);
    build(names(() => undefined));
  });

  it('may not begin with something that counts', () => {
    const biased = aggregation({
      initial: () => 100,
      add: (n, { n: more }: Visit) => n + more,
      merge: (n, other) => n + other,
    });
    const create = windowAggregateOperator(byK, session({ gapMs: GAP }), strict, {
      n: biased,
    } as never);
    const error = thrownBy(() => runPlain(create, [at(0), at(15), at(8), end]));
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_USER_CODE' });
    expect(error.message).toMatch(/'initial'/);
  });
});

describe('a session window', () => {
  it('is checked when it is made', () => {
    for (const gapMs of [0, -1, 1.5, Number.NaN, '5' as never, undefined as never]) {
      expect(thrownBy(() => session({ gapMs })).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    }
    expect(thrownBy(() => session({ gap: 5 } as never)).message).toMatch(/gapMs/);
    expect(thrownBy(() => session(undefined as never)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
  });

  it('takes the name of what a row replaces', () => {
    const error = thrownBy(() =>
      draw((env) => {
        const windows = env
          .from(source<Visit>())
          .keyBy(({ k }) => k)
          .window(session({ gapMs: GAP }));
        // @ts-expect-error: the row has a field of this name
        windows.aggregate({ replaces: count() }).print();
      }),
    );
    expect(error.message).toMatch(/'replaces'/);
  });

  it('needs event times', () => {
    const untimed = { record: { k: 'a', n: 1 }, key: 'a' };
    expect(thrownBy(() => runPlain(sessions(), [untimed])).code).toBe('ERR_HOLDFAST_NO_TIMESTAMP');
  });

  it('stands in the layout of state: another gap is refused', () => {
    const harness = new Harness(sessions());
    harness.feed(at(0));
    const open = () => new Harness(sessions(0, undefined, 11), {}, harness.snapshot());
    expect(thrownBy(open).code).toBe('ERR_HOLDFAST_GRAPH_INCOMPATIBLE');
    const tumbled = windowAggregateOperator(byK, tumbling(10), strict, spec as never);
    const other = () => new Harness(tumbled, {}, harness.snapshot());
    expect(thrownBy(other).code).toBe('ERR_HOLDFAST_GRAPH_INCOMPATIBLE');
  });

  it('lets aggregations come and go, and migrates values', () => {
    const before = new Harness(
      windowAggregateOperator(byK, session({ gapMs: GAP }), strict, {
        n: count(),
        own: of(1),
      } as never),
    );
    before.feed(at(0, 'a', 3));
    const after = new Harness(
      windowAggregateOperator(byK, session({ gapMs: GAP }), strict, {
        own: of(2),
        ...spec,
      } as never),
      {},
      before.snapshot(),
    );
    for (const item of [at(5, 'a', 4), end]) after.feed(item);
    expect(recordsOf(after.emitted).map(({ record }) => record)).toEqual([
      { key: 'a', windowStart: 0, windowEnd: 15, own: 307, n: 2, total: 4 },
    ]);
  });
});

describe('each closed session', () => {
  it('comes exactly once over long ordered input, and over a pause', () => {
    const harness = new Harness(sessions());
    const expected: string[] = [];
    const take = (first: number, records: number): void => {
      for (let i = 0; i < records; i += 1) {
        harness.feed(at(first + i * GAP, `k${i % 2}`));
        harness.feed({ watermark: first + i * GAP - 1 });
      }
    };
    // A session of one record a key every two gaps: each closes.
    take(0, 400);
    for (let i = 0; i < 400; i += 1) expected.push(`k${i % 2}[${i * GAP},${(i + 1) * GAP}] 1`);
    // All that is open closes over a pause.
    take(1_000_000, 3);
    for (let i = 0; i < 3; i += 1) {
      expected.push(`k${i % 2}[${1_000_000 + i * GAP},${1_000_000 + (i + 1) * GAP}] 1`);
    }
    harness.feed(end);
    expect(shown(harness)).toEqual(expected);
  });
});
