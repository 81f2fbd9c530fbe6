/** Windows in two phases beside the same windows in one: what they count, and what the first phase sends when. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NOT_BEHIND } from '../../src/channels/element.js';
import {
  average,
  calendar,
  count,
  countEvictor,
  countTrigger,
  countWindow,
  cumulative,
  type DataStream,
  distinctCount,
  first,
  fromCollection,
  globalWindow,
  max,
  min,
  session,
  sliding,
  sum,
  topN,
  tumbling,
} from '../../src/index.js';
import { runInline } from '../../src/job/run-inline.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import type { AlignedWindow } from '../../src/stream/api/windows.js';
import {
  aggregateWindows,
  type FoldedWindows,
  reduceWindows,
  type WindowedInput,
} from '../../src/stream/operators/window-folds.js';
import { draw, ids, sink, source, thrownBy } from './graph-kit.js';
import { type Emitted, Harness, recordsOf } from './operator-kit.js';

interface Row {
  readonly k: string;
  readonly n: number;
}

const key = (({ k }: Row) => k) as never;

const seen = aggregation({
  initial: () => [] as number[],
  add: (all, { n }: Row) => {
    all.push(n);
  },
  merge: (all, later) => {
    all.push(...later);
  },
  result: (all) => all.toSorted((a, b) => a - b).join(),
});
const numbers = {
  n: count(),
  total: sum(({ n }: Row) => (n === 3 ? null : n)),
  least: min(({ n }: Row) => n),
  most: max(({ n }: Row) => (n < 5 ? null : n)),
  mean: average(({ n }: Row) => n),
};
const values = { ...numbers, seen, top: topN(2, { by: ({ n }: Row) => n, ties: 'all' }) };

const inputOf = (window: AlignedWindow, allowedLatenessMs: number, preAggregates: boolean) =>
  ({
    key,
    window,
    allowedLatenessMs,
    lateTag: undefined,
    trigger: undefined,
    evictor: undefined,
    isAll: false,
    preAggregates,
  }) satisfies WindowedInput;

const folds: Readonly<Record<string, (input: WindowedInput) => FoldedWindows>> = {
  numbers: (input) => aggregateWindows(input, numbers),
  values: (input) => aggregateWindows(input, values),
  reduce: (input) =>
    reduceWindows(input, ((a: Row, b: Row) => ({ k: a.k, n: a.n + b.n })) as never, {}),
};

const windows: readonly AlignedWindow[] = [
  tumbling(10),
  sliding({ sizeMs: 20, slideMs: 5 }),
  sliding({ sizeMs: 10, slideMs: 3 }),
  sliding({ sizeMs: 4, slideMs: 10 }),
  cumulative({ sizeMs: 20, stepMs: 5 }),
  calendar('day', { timeZone: 'UTC' }),
  globalWindow(),
];

/** What one of two instances does. */
type Step =
  | { readonly by: number; readonly k: string; readonly n: number; readonly at: number }
  | { readonly by: number; readonly watermark: number }
  | { readonly by: number; readonly barrier: true };

const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      by: fc.nat({ max: 1 }),
      k: fc.constantFrom('a', 'b', 'c'),
      n: fc.nat({ max: 9 }),
      at: fc.nat({ max: 60 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ by: fc.nat({ max: 1 }), watermark: fc.nat({ max: 60 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ by: fc.nat({ max: 1 }), barrier: fc.constant(true as const) }),
  },
);

/** Two instances whose elements go to one window. */
class Both {
  readonly #times = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  readonly window: Harness;
  readonly firsts: readonly Harness[];
  /** What the first phase has sent. */
  sent = 0;

  constructor({ create, createFirst }: FoldedWindows, isStingy: boolean) {
    this.window = new Harness(create);
    this.window.stingy = isStingy;
    this.firsts =
      createFirst === undefined ? [] : [0, 1].map(() => new Harness(() => createFirst(false)));
    for (const one of this.firsts) one.stingy = isStingy;
  }

  run(steps: readonly Step[]): void {
    const own = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const step of [
      ...steps,
      ...[0, 1].map((by) => ({ by, watermark: Number.POSITIVE_INFINITY })),
    ]) {
      const { by } = step;
      if ('barrier' in step) this.#barrier(by);
      else if ('watermark' in step) {
        own[by] = Math.max(own[by]!, step.watermark);
        this.#feed(by, { watermark: own[by]! });
      } else {
        const { k, n, at } = step;
        const behind = at <= own[by]! ? own[by]! : NOT_BEHIND;
        this.#feed(by, { record: { k, n }, at, key: k, behind });
      }
    }
  }

  #barrier(by: number): void {
    const one = this.firsts[by];
    if (one === undefined) return;
    one.operator.beforeBarrier?.();
    expect(one.snapshot()).toEqual([]);
    this.#pass(by, one.emitted.splice(0));
  }

  #feed(by: number, item: Parameters<Harness['feed']>[0]): void {
    const one = this.firsts[by];
    if (one === undefined) {
      if ('watermark' in item) this.#time(by, item.watermark);
      else this.window.feed(item);
      return;
    }
    one.feed(item);
    this.#pass(by, one.emitted.splice(0));
  }

  #pass(by: number, emitted: readonly Emitted[]): void {
    for (const element of emitted) {
      if ('watermark' in element) {
        this.#time(by, element.watermark);
        continue;
      }
      this.sent += 1;
      const { record, at, behind = NOT_BEHIND } = element;
      const envelope = structuredClone(record) as { key?: string; record?: Row };
      this.window.feed({ record: envelope, at, behind, key: envelope.record?.k ?? envelope.key });
    }
  }

  #time(by: number, timeMs: number): void {
    this.#times[by] = timeMs;
    this.window.feed({ watermark: Math.min(...this.#times) });
  }
}

const text = (emitted: readonly Emitted[]) =>
  recordsOf(emitted).map(({ record, at }) => JSON.stringify([at, record]));

describe('windows in two phases', () => {
  it.each(Object.keys(folds))('give what windows in one phase do: %s', (name) => {
    fc.assert(
      fc.property(
        fc.array(aStep, { maxLength: 60 }),
        fc.constantFrom(...windows),
        fc.constantFrom(0, 0, 7),
        fc.boolean(),
        (steps, window, latenessMs, isStingy) => {
          const [one, two] = [false, true].map((preAggregates) => {
            const both = new Both(
              folds[name]!(inputOf(window, latenessMs, preAggregates)),
              isStingy,
            );
            both.run(steps);
            return both.window;
          });
          expect(two!.counters).toEqual(one!.counters);
          // How often a window fires for late records is not promised; the last row of each is.
          const last = ({ emitted }: Harness) => {
            const rows = recordsOf(emitted).map(({ record, at }) => {
              const { key: of, k = of } = record as { key?: string; k?: string };
              return [`${at} ${k}`, JSON.stringify(record)] as const;
            });
            return new Map([...rows].sort(([a], [b]) => (a < b ? -1 : Number(a > b))));
          };
          expect(last(two!)).toEqual(last(one!));
          if (latenessMs === 0)
            expect(text(two!.emitted).sort()).toEqual(text(one!.emitted).sort());
        },
      ),
    );
  });
});

describe('the first phase', () => {
  const phase = (keepsFailed = false) =>
    new Harness(() => folds['numbers']!(inputOf(tumbling(10), 0, true)).createFirst!(keepsFailed));
  const feed = (harness: Harness, at: number, k = 'a', behind = NOT_BEHIND) => {
    harness.feed({ record: { k, n: 1 }, at, behind });
    return harness.emitted.splice(0);
  };

  it('holds records until the watermark lets their window fire', () => {
    const harness = phase();
    for (const at of [1, 5, 12]) expect(feed(harness, at)).toEqual([]);
    harness.feed({ watermark: 8 });
    expect(harness.emitted.splice(0)).toEqual([{ watermark: 8 }]);
    harness.feed({ watermark: 9 });
    expect(harness.emitted.splice(0)).toMatchObject([
      { record: { key: 'a', records: 2 }, at: 5 },
      { watermark: 9 },
    ]);
  });

  it('passes on by itself what is late, here or by its mark', () => {
    const harness = phase();
    harness.feed({ watermark: 9 });
    harness.emitted.length = 0;
    const record = { k: 'a', n: 1 };
    expect(feed(harness, 5, 'a', 9)).toEqual([{ record: { record }, at: 5, behind: 9 }]);
    expect(feed(harness, 11, 'a', 19)).toEqual([{ record: { record }, at: 11, behind: 19 }]);
    expect(feed(harness, 11, 'a', 11)).toEqual([]);
  });

  it('sends all before a barrier, though outputs are full, and keeps nothing', () => {
    const harness = phase();
    harness.stingy = true;
    for (const k of ['a', 'b', 'c']) feed(harness, 3, k);
    harness.operator.beforeBarrier!();
    expect(recordsOf(harness.emitted).map(({ record }) => (record as { key: string }).key)).toEqual(
      ['a', 'b', 'c'],
    );
    expect(harness.operator.capture).toBeUndefined();
    harness.emitted.length = 0;
    harness.feed({ watermark: 50 });
    expect(harness.emitted).toEqual([{ watermark: 50 }]);
  });

  it('can be interrupted between two keys, also by a barrier, and tells the watermark behind them', () => {
    const harness = phase();
    for (const k of ['a', 'b', 'c']) feed(harness, 3, k);
    harness.stingy = true;
    const { operator, turn } = harness;
    operator.onWatermark(20);
    expect(harness.emitted).toHaveLength(1);
    expect(operator.suspended && operator.divisible).toBe(true);
    operator.beforeBarrier!();
    expect(recordsOf(harness.emitted)).toHaveLength(3);
    turn.pause = false;
    operator.resume!();
    expect(harness.emitted.slice(3)).toEqual([{ watermark: 20 }]);
    expect(operator.suspended).toBe(false);
  });

  it('sends what it has before it is idle', () => {
    const harness = phase();
    feed(harness, 3);
    harness.operator.onIdle!(false);
    expect(recordsOf(harness.emitted)).toHaveLength(1);
    expect(harness.time).toEqual(['idle']);
  });

  it('has a limit for its keys, and for the records of a partial', () => {
    const harness = phase();
    let sent = 0;
    for (let i = 0; i < 10_000; i += 1) sent += feed(harness, 3, `k${i}`).length;
    expect(sent).toBe(8_192);
    for (let i = 0; i < 40_000; i += 1) sent += feed(harness, 4, 'one').length;
    expect(sent).toBe(8_194);
  });

  it('lets each record go by itself where failed ones are put aside', async () => {
    expect(feed(phase(true), 3)).toHaveLength(1);
    const { collected, counters } = await runInline((env) => {
      const rows = env
        .from(fromCollection([1, 2, 3, 4].map((n) => ({ k: 'a', n }))))
        .withTimestamps(({ n }) => n)
        .keyBy(({ k }) => k)
        .window(tumbling(10))
        .preAggregate()
        .aggregate({
          total: sum(({ n }: Row) => {
            if (n === 3) throw new Error('three');
            return n;
          }),
        })
        .onError({ sideOutput: 'failed' });
      rows.collect('rows');
      rows.sideOutput('failed').collect('failed');
    });
    expect(collected.rows).toMatchObject([{ total: 7 }]);
    expect(counters['deadLetters']).toBe(1);
    // The record itself, and not the envelope that it came in.
    expect(collected.failed).toMatchObject([{ record: { k: 'a', n: 3 } }]);
  });

  it('names a failed record that went by itself, and not the envelope that it came in', async () => {
    const job = runInline((env) => {
      env
        .from(fromCollection([30, 5].map((n) => ({ k: 'a', n }))))
        .withTimestamps(({ n }) => n)
        .keyBy(({ k }) => k)
        .window(tumbling(10))
        .allowedLateness(100)
        .preAggregate()
        .aggregate({
          total: sum(({ n }: Row) => {
            if (n === 5) throw new Error('five');
            return n;
          }),
        })
        .uid('totals')
        .collect('rows');
    });
    const error = await job.then(
      () => undefined,
      (thrown: { details: { operator: string; record: string } }) => thrown,
    );
    expect(error?.details).toMatchObject({ operator: 'totals' });
    expect(error?.details.record).toMatch(/^\{ ?"?k/);
  });

  it('keeps a copy of a record that whoever has emitted it still changes', async () => {
    const { collected } = await runInline((env) => {
      const shown = { k: 'a', n: 0 };
      env
        .from(fromCollection([1, 2, 3]))
        .withTimestamps((n) => n)
        .map((n) => {
          shown.n = n;
          return shown;
        })
        .keyBy(({ k }) => k)
        .window(tumbling(10))
        .preAggregate()
        .aggregate({
          all: aggregation({
            initial: (): Row[] => [],
            add: (all, row: Row) => {
              all.push(row);
            },
            merge: (all, later) => {
              all.push(...later);
            },
            result: (all) => all.map(({ n }) => n).join(),
          }),
        })
        .collect('rows');
    });
    expect(collected.rows).toMatchObject([{ all: '1,2,3' }]);
  });

  it.each(['checked', 'trusted', 'frozen'] as const)(
    'merges several partials of a key where records are %s',
    async (records) => {
      const { collected } = await runInline(
        (env) => {
          env
            .from(fromCollection(Array.from({ length: 20_000 }, (_, n) => ({ k: 'a', n }))))
            .withTimestamps(({ n }) => n)
            .keyBy(({ k }) => k)
            .window(tumbling(100_000))
            .preAggregate()
            .aggregate({
              n: count(),
              of: distinctCount(({ n }) => n % 7),
              top: topN(1, { by: ({ n }) => n }),
              begins: first(({ n }) => n),
            })
            .collect('rows');
        },
        { records },
      );
      expect(collected.rows).toMatchObject([{ n: 20_000, of: 7, top: [{ n: 19_999 }], begins: 0 }]);
    },
  );

  it('takes partials of numbers as earlier versions have sent them: a checkpoint may hold some', () => {
    const both = (isFormer: boolean) => {
      const { window, firsts } = new Both(folds['numbers']!(inputOf(tumbling(10), 0, true)), false);
      const [one] = firsts;
      for (const at of [3, 4, 5]) feed(one!, at);
      one!.operator.beforeBarrier!();
      const { record } = recordsOf(one!.emitted)[0]!;
      const { key, records, ...numbers } = record as Record<string, unknown>;
      const former = { key, partial: Object.values(numbers), records };
      window.feed({ record: isFormer ? former : record, at: 5, key: 'a' });
      window.feed({ watermark: 30 });
      return recordsOf(window.emitted);
    };
    expect(both(true)).toEqual(both(false));
    expect(both(true)).toHaveLength(1);
  });

  it('sends as many numbers as there are', async () => {
    const { collected } = await runInline((env) => {
      env
        .from(fromCollection(Array.from({ length: 100 }, (_, n) => ({ k: 'a', n }))))
        .withTimestamps(({ n }) => n)
        .keyBy(({ k }) => k)
        .window(tumbling(1_000))
        .preAggregate()
        .aggregate(Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`n${i}`, count()])))
        .collect('rows');
    });
    const counts = Array.from({ length: 12 }, (_, i) => [`n${i}`, 100]);
    expect(collected.rows).toMatchObject([Object.fromEntries(counts)]);
  });

  it('counts the records of a partial that is late all the same', () => {
    const { window, firsts } = new Both(folds['numbers']!(inputOf(tumbling(10), 0, true)), false);
    const [one] = firsts;
    for (const at of [3, 4]) feed(one!, at);
    one!.operator.beforeBarrier!();
    const { record } = recordsOf(one!.emitted)[0]!;
    window.feed({ watermark: 30 });
    window.feed({ record, at: 4, key: 'a' });
    expect(window.counters).toEqual({ lateRecords: 2 });
  });
});

describe('preAggregate', () => {
  const rowsOf = (build: (rows: DataStream<Row>) => void) =>
    draw((env) => build(env.from(source<Row>('rows')).withTimestamps(() => 0)));

  it('changes no id of what has state, and has none itself', () => {
    const graph = (isIn: boolean) =>
      rowsOf((rows) => {
        const windowed = rows.keyBy(({ k }) => k).window(tumbling(10));
        (isIn ? windowed.preAggregate() : windowed).aggregate(numbers).sinkTo(sink('files'));
      });
    const stateful = (isIn: boolean) =>
      graph(isIn)
        .nodes.filter((node) => node.stateful)
        .map(({ id, states }) => ({ id, states }));
    expect(stateful(true)).toEqual(stateful(false));
    expect(ids(graph(true))).toHaveLength(ids(graph(false)).length + 1);
  });

  it('is refused for what it cannot do', () => {
    const message = (build: (rows: DataStream<Row>) => void) => {
      const { code, message: said } = thrownBy(() => rowsOf(build));
      expect(code).toBe('ERR_HOLDFAST_BAD_OPTION');
      return said;
    };
    const refused = (window: Parameters<ReturnType<typeof byKey>['window']>[0]) =>
      message((rows) =>
        byKey(rows)
          .window(window)
          .preAggregate()
          .aggregate({ n: count() } as never),
      );
    const byKey = (rows: DataStream<Row>) => rows.keyBy(({ k }) => k);
    expect(refused(session({ gapMs: 5 }))).toContain('the same for all keys');
    expect(refused(countWindow(5))).toContain('the same for all keys');
    const ten = (rows: DataStream<Row>) => byKey(rows).window(tumbling(10)).preAggregate();
    expect(
      message((rows) => ten(rows).trigger(countTrigger(2)).aggregate({ n: count() })),
    ).toContain('without trigger');
    expect(
      message((rows) => ten(rows).evictor(countEvictor(2)).aggregate({ n: count() })),
    ).toContain('without trigger');
    expect(message((rows) => ten(rows).sideOutputLate('late').aggregate({ n: count() }))).toContain(
      'put aside',
    );
    expect(message((rows) => ten(rows).process({ onWindow() {} }))).toContain('needs all records');
    const own = aggregation({ initial: () => 0, add: (n: number, _record: Row) => n + 1 });
    expect(message((rows) => ten(rows).aggregate({ own }))).toContain('merge');
  });

  it('goes by the records of windows without keys, and by their times', async () => {
    const { collected } = await runInline((env) => {
      env
        .from(fromCollection([1, 5, 12].map((n) => ({ k: 'a', n }))))
        .withTimestamps(({ n }) => n)
        .windowAll(tumbling(10))
        .preAggregate()
        .aggregate({ n: count(), first: first(({ n }: Row) => n) })
        .collect('rows');
    });
    expect(collected.rows).toEqual([
      { windowStart: 0, windowEnd: 10, n: 2, first: 1 },
      { windowStart: 10, windowEnd: 20, n: 1, first: 12 },
    ]);
  });
});
