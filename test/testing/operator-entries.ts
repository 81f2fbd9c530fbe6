/**
 * Every operator that a stream can be given, each with a script that tries it. To add one:
 *
 *   1. an entry in ENTRIES: `covers` names the method of the stream, or the window, as the failing test prints it;
 *      `build` draws the operator; the script may be SCRIPT, if it has all that the operator reacts to: state of several
 *      keys, timers, late records;
 *   2. nothing else: `operator-conformance.test.ts` runs all clauses for it.
 *
 * A method that draws no operator is listed in DRAWS_NOTHING.
 */

import {
  aggregating,
  aggregation,
  average,
  calendar,
  count,
  countEvictor,
  countTrigger,
  countWindow,
  cumulative,
  type DataStream,
  distinctCount,
  eventTimeTrigger,
  fromCollection,
  globalWindow,
  list,
  map,
  max,
  min,
  type Output,
  processingTime,
  punctuated,
  purgingTrigger,
  reducing,
  session,
  sideOutput,
  sliding,
  sum,
  timeEvictor,
  tumbling,
  value,
  type WindowBounds,
} from '../../src/index.js';
import type { OperatorConformanceOptions, ScriptItem } from '../../src/testing/index.js';

export interface Entry {
  /** Unique. */
  readonly name: string;
  /** `CLASS.method`, or the name of a function that makes a window. */
  readonly covers: readonly string[];
  readonly options: OperatorConformanceOptions<Row, Row>;
}

interface Row {
  readonly k: string | number;
  readonly n: number;
}

/** Methods of streams that draw no operator of their own: edges, labels, sinks, and steps on the way to one. */
export const DRAWS_NOTHING: readonly string[] = [
  'DataStream.keyBy',
  'DataStream.union',
  'DataStream.connect',
  'DataStream.rebalance',
  'DataStream.broadcast',
  'DataStream.sideOutput',
  'DataStream.sinkTo',
  'DataStream.collect',
  'DataStream.print',
  'DataStream.name',
  'DataStream.uid',
  'DataStream.parallelism',
  'KeyedStream.window',
  'KeyedStream.connect',
  'WindowedStream.allowedLateness',
  'WindowedStream.sideOutputLate',
  'AllWindowedStream.allowedLateness',
  'AllWindowedStream.sideOutputLate',
  'ChangelogStream.keyBy',
  'ChangelogStream.asRecords',
  'KeyedChangelog.asRecords',
  'ChangelogStream.collectTable',
  'ChangelogStream.sinkTo',
  'ChangelogStream.name',
  'ChangelogStream.uid',
  'ChangelogStream.parallelism',
  'ChangelogStream.sideOutput',
];

/** Operators that start threads of their own: those are tried in jobs. */
export const TRIED_IN_JOBS: readonly string[] = ['DataStream.mapOnPool'];

const row = (k: Row['k'], n: number, at: number): ScriptItem<Row> => ({ element: { k, n }, at });

/** Records of a few keys, out of order; one of them (n = 6) is late, as windows of 10 ms have it. */
const SCRIPT: readonly ScriptItem<Row>[] = [
  row('a', 1, 5),
  row('b', 2, 12),
  row('a', 3, 3),
  row(7, 10, 14),
  { watermark: 11 },
  row('c', 4, 22),
  { advance: 40 },
  row('a', 5, 15),
  { watermark: 20 },
  row('b', 6, 8),
  row('d', 7, 31),
  row('a', 9, 31),
  { watermark: 29 },
  { advance: 100 },
  row('b', 8, 35),
];

/** The same rows by turns left and right, and times that do not go together. */
const TWO: readonly ScriptItem<Row>[] = SCRIPT.map((item, at) => {
  const to = at % 2 === 0 ? 'left' : 'right';
  if ('advance' in item || ('watermark' in item && at > 8)) return item;
  return { ...item, to };
});

const side = (to: 'left' | 'right', k: Row['k'], n: number, at: number): ScriptItem<Row> => ({
  element: { k, n },
  at,
  to,
});

/** Rows of both sides that find each other, rows that find nobody, and one that is late for a window of 10 ms. */
const PAIRS: readonly ScriptItem<Row>[] = [
  side('left', 'a', 1, 5),
  side('right', 'a', 10, 6),
  side('right', 'b', 20, 12),
  side('left', 'b', 2, 14),
  { watermark: 11 },
  side('left', 7, 3, 16),
  side('right', 'a', 30, 9),
  { watermark: 20, to: 'left' },
  side('left', 'a', 4, 25),
  side('right', 7, 40, 15),
  { watermark: 24, to: 'right' },
  side('right', 'a', 50, 27),
  side('right', 'a', 51, 24),
  { watermark: 31 },
  side('left', 'b', 6, 33),
  side('right', 'b', 60, 32),
];

const keyed = (rows: DataStream<Row>) => rows.keyBy(({ k }) => k);
type KeyedRows = ReturnType<typeof keyed>;
const picky = (n: number): number => {
  if (n % 3 === 0) throw new Error('no threes');
  return n;
};

const one = (
  name: string,
  covers: readonly string[],
  build: (rows: DataStream<Row>) => DataStream<unknown, unknown>,
  more: Partial<OperatorConformanceOptions<Row, Row>> = {},
): Entry => ({ name, covers, options: { build, script: SCRIPT, ...more } });

function gathered(
  { windowEnd }: WindowBounds,
  rows: Row[],
  { key: of }: { readonly key: unknown },
  out: Output<object>,
): void {
  out.emit({ key: of, windowEnd, n: rows.map(({ n }) => n) });
}

/** The key of a window's row. */
const key = (row: unknown) => (row as { key: string | number }).key;

const two = (
  name: string,
  covers: readonly string[],
  build: (left: DataStream<Row>, right: DataStream<Row>) => DataStream<unknown, unknown>,
  script: readonly ScriptItem<Row>[] = TWO,
): Entry => ({ name, covers, options: { build, script } });

const joined = (
  name: string,
  method: string,
  build: (left: KeyedRows, right: KeyedRows) => DataStream<unknown, unknown>,
): Entry =>
  two(name, [`KeyedStream.${method}`], (left, right) => build(keyed(left), keyed(right)), PAIRS);

const pair = (left: Row | null, right: Row | null, of: Row['k']) => ({
  of,
  left: left?.n,
  right: right?.n,
});

const folds = { n: count(), sum: sum(({ n }: Row) => n), mean: average(({ n }: Row) => n) };
const texts = aggregation({
  initial: () => [] as number[],
  add: (all: number[], { n }: Row) => {
    all.push(n);
  },
  result: (all) => all.join('+'),
});

const mergedTexts = aggregation({
  initial: () => [] as number[],
  add: (all: number[], { n }: Row) => {
    all.push(n);
  },
  merge: (all, later) => {
    all.push(...later);
  },
  result: (all) => all.toSorted((a, b) => a - b).join('+'),
});

export const ENTRIES: readonly Entry[] = [
  one('map', ['DataStream.map'], (rows) => rows.map(({ k, n }) => `${k} ${n}`)),
  one('filter', ['DataStream.filter'], (rows) => rows.filter(({ n }) => n % 2 === 1)),
  one('flatMap', ['DataStream.flatMap'], (rows) =>
    rows.flatMap(function* ({ n }) {
      for (let i = 0; i < n; i += 1) yield i;
    }),
  ),
  one('map that drops', ['DataStream.onError'], (rows) =>
    rows.map(({ n }) => picky(n)).onError('drop'),
  ),
  one('flatMap that puts aside', ['DataStream.onError'], (rows) =>
    rows.flatMap(({ n }) => [n, picky(n)]).onError({ sideOutput: 'failed' }),
  ),
  one(
    'mapAsync',
    ['DataStream.mapAsync'],
    (rows) => rows.mapAsync(async ({ n }) => n * 2, { capacity: 3 }),
    { waits: true },
  ),
  one('withTimestamps', ['DataStream.withTimestamps'], (rows) =>
    rows
      .withTimestamps(({ n }) => n * 4, { outOfOrdernessMs: 5 })
      .keyBy(({ k }) => k)
      .window(tumbling(10))
      .sideOutputLate('late')
      .aggregate(folds),
  ),
  one('withTimestamps, by records that say so', ['DataStream.withTimestamps'], (rows) =>
    rows
      .withTimestamps(({ n }) => n * 4, {
        watermarks: punctuated(({ n }) => (n % 2 === 1 ? n * 3 : null)),
      })
      .keyBy(({ k }) => k)
      .window(tumbling(10))
      .sideOutputLate('late')
      .aggregate(folds),
  ),
  one('withTimestamps, by a generator with state', ['DataStream.withTimestamps'], (rows) =>
    rows
      .withTimestamps(({ n }) => n * 4, {
        watermarks: (state) => {
          let seen = (state as number | undefined) ?? 0;
          return {
            onRecord() {
              seen += 1;
            },
            current: () => seen * 3,
            state: () => seen,
          };
        },
      })
      .keyBy(({ k }) => k)
      .window(tumbling(10))
      .sideOutputLate('late')
      .aggregate(folds),
  ),
  one('process of a stream without keys', ['DataStream.process'], (rows) =>
    rows.process({
      sideOutputs: { odd: sideOutput<number>() },
      onElement({ n }, ctx, out: Output<string>) {
        if (n % 2 === 1) ctx.sideOutput('odd', n);
        out.emit(`${n} at ${ctx.timestamp}`);
        out.emit(`${n} again`);
      },
    }),
  ),
  one('count', ['KeyedStream.count'], (rows) => keyed(rows).count()),
  one('sum', ['KeyedStream.sum'], (rows) => keyed(rows).sum(({ n }) => n)),
  one('min', ['KeyedStream.min'], (rows) => keyed(rows).min(({ n }) => n)),
  one('max', ['KeyedStream.max'], (rows) => keyed(rows).max(({ n }) => n)),
  one('reduce', ['KeyedStream.reduce'], (rows) =>
    keyed(rows).reduce((a, b) => ({ k: a.k, n: a.n * 10 + b.n })),
  ),
  one('reduce that drops', ['KeyedStream.reduce'], (rows) =>
    keyed(rows)
      .reduce((a, b) => ({ k: a.k, n: a.n + picky(b.n) }))
      .onError('drop'),
  ),
  one('aggregate over numbers', ['KeyedStream.aggregate'], (rows) => keyed(rows).aggregate(folds), {
    key,
  }),
  one('aggregate over values', ['KeyedStream.aggregate'], (rows) =>
    keyed(rows).aggregate({ ...folds, texts }),
  ),
  one('aggregate over numbers and different values', ['KeyedStream.aggregate'], (rows) =>
    keyed(rows).aggregate({
      ...folds,
      different: distinctCount(({ n }: Row) => n),
      texts: distinctCount(({ n }: Row) => (n % 2 === 0 ? `${n}` : null)),
    }),
  ),
  one('process', ['KeyedStream.process'], (rows) =>
    keyed(rows).process({
      state: {
        last: value<number>(),
        all: list<number>(),
        byTime: map<number, number>({ ttlMs: 20 }),
        sum: reducing<number>((a, b) => a + b),
        most: aggregating(max((n: number) => n)),
      },
      onElement({ n }, ctx, out: Output<unknown>) {
        const { last, all, byTime, sum: total, most } = ctx.state;
        out.emit([ctx.key, n, last.get(), all.values(), [...byTime.entries()], ctx.now]);
        out.emit([total.get(), most.get()]);
        last.set(n);
        all.add(n);
        byTime.set(ctx.timestamp, n);
        total.add(n);
        most.add(n);
        ctx.timers.eventTime(ctx.timestamp + 7);
        ctx.timers.processingTime(ctx.now + 30);
        if (n === 8) ctx.timers.deleteEventTime(38);
      },
      onTimer(time, ctx, out) {
        out.emit([ctx.key, ctx.timerKind, time, ctx.state.all.values()]);
        out.emit([...ctx.state.byTime.entries()]);
        if (ctx.timerKind === 'processingTime') ctx.state.all.clear();
      },
    }),
  ),
  one('process whose timers of the clock fire at the end', ['KeyedStream.process'], (rows) =>
    keyed(rows).process({
      timersLeft: 'fire',
      state: { all: list<number>() },
      onElement({ n }, { state, timers }) {
        state.all.add(n);
        timers.processingTime(1e15 + (n % 3));
      },
      onTimer(time, ctx, out: Output<unknown>) {
        out.emit([ctx.key, ctx.timerKind, time, ctx.state.all.values()]);
        ctx.state.all.clear();
        if (time < 1e15 + 2) ctx.timers.processingTime(1e15 + 5);
      },
    }),
  ),
  one('process with state that expires by the clock', ['KeyedStream.process'], (rows) =>
    keyed(rows).process({
      state: {
        last: value<number>({ ttlMs: 40, ttlTime: 'processing' }),
        all: list<number>({ ttlMs: 25, ttlTime: 'processing' }),
        byTime: map<number, number>({ ttlMs: 20 }),
      },
      onElement({ n }, ctx, out: Output<unknown>) {
        const { last, all, byTime } = ctx.state;
        out.emit([ctx.key, n, last.get(), all.values(), [...byTime.entries()]]);
        last.set(n);
        all.add(n);
        byTime.set(ctx.timestamp, n);
      },
    }),
  ),
  one('process that drops', ['KeyedStream.process'], (rows) =>
    keyed(rows)
      .process({
        state: { all: list<number>() },
        onElement({ n }, ctx, out: Output<unknown>) {
          ctx.state.all.add(n);
          ctx.timers.eventTime(ctx.timestamp + 3);
          out.emit(picky(n));
        },
        onTimer(time, ctx, out) {
          out.emit([picky(time), ctx.state.all.values()]);
        },
      })
      .onError({ sideOutput: 'failed' }),
  ),
  one(
    'window aggregate over numbers',
    ['WindowedStream.aggregate', 'tumbling'],
    (rows) => keyed(rows).window(tumbling(10)).sideOutputLate('late').aggregate(folds),
    { late: 1, key },
  ),
  one(
    'window aggregate over values, again for late records',
    ['WindowedStream.aggregate', 'tumbling'],
    (rows) =>
      keyed(rows)
        .window(tumbling(10, { offsetMs: 3 }))
        .allowedLateness(15)
        .aggregate({ ...folds, least: min(({ n }: Row) => n), texts }),
    { late: 0, key },
  ),
  one(
    'window reduce',
    ['WindowedStream.reduce'],
    (rows) =>
      keyed(rows)
        .window(tumbling(10))
        .reduce((a, b) => ({ k: a.k, n: a.n + b.n })),
    { late: 1 },
  ),
  one(
    'sliding windows',
    ['sliding'],
    (rows) =>
      keyed(rows)
        .window(sliding({ sizeMs: 20, slideMs: 5 }))
        .allowedLateness(5)
        .aggregate({ ...folds, mergedTexts }),
    { key },
  ),
  one(
    'sliding windows in two phases',
    ['WindowedStream.preAggregate', 'sliding'],
    (rows) =>
      keyed(rows)
        .window(sliding({ sizeMs: 20, slideMs: 5 }))
        .preAggregate()
        .aggregate({ ...folds, mergedTexts }),
    { key },
  ),
  one('windows of all records in two phases', ['AllWindowedStream.preAggregate'], (rows) =>
    rows.windowAll(tumbling(10)).allowedLateness(15).preAggregate().aggregate(folds),
  ),
  one('cumulative windows', ['cumulative'], (rows) =>
    keyed(rows)
      .window(cumulative({ sizeMs: 20, stepMs: 5 }))
      .sideOutputLate('late')
      .aggregate(folds),
  ),
  one(
    'session windows',
    ['session'],
    (rows) =>
      keyed(rows)
        .window(session({ gapMs: 8 }))
        .allowedLateness(3)
        .sideOutputLate('late')
        .aggregate({ ...folds, mergedTexts }),
    { key },
  ),
  one('session windows of reduce', ['session'], (rows) =>
    keyed(rows)
      .window(session({ gapMs: 8 }))
      .reduce((a, b) => ({ k: a.k, n: a.n + b.n })),
  ),
  one('distinctBy, the first', ['DataStream.distinctBy'], (rows) =>
    rows.distinctBy(({ k }) => k, { ttlMs: 20 }),
  ),
  one('distinctBy, the last', ['DataStream.distinctBy'], (rows) =>
    rows.distinctBy(({ k }) => k, { keep: 'last' }).asRecords(),
  ),
  one('asChangelog', ['DataStream.asChangelog'], (rows) =>
    rows.asChangelog(({ n }) => (n === 9 ? '-D' : '+I')).asRecords(),
  ),
  one('topN', ['KeyedStream.topN'], (rows) =>
    rows
      .keyBy(({ n }) => n % 2)
      .topN(2, { by: ({ n }) => n, rank: 'place' })
      .asRecords(),
  ),
  one('toChangelog', ['AggregatedStream.toChangelog'], (rows) =>
    keyed(rows).aggregate(folds).toChangelog().asRecords(),
  ),
  one('map and filter of changes', ['ChangelogStream.map', 'ChangelogStream.filter'], (rows) =>
    keyed(rows)
      .aggregate({ n: count(), sum: sum(({ n }) => n) })
      .toChangelog()
      .filter(({ sum: total }) => (total ?? 0) % 2 === 1)
      .map(({ key: of, sum: total }) => ({ of, total }))
      .asRecords(),
  ),
  one('changes that are dropped', ['ChangelogStream.onError'], (rows) =>
    keyed(rows)
      .aggregate({ n: count() })
      .toChangelog()
      .map(({ key: of, n }) => ({ of, n: picky(n) }))
      .onError('drop')
      .asRecords(),
  ),
  one('aggregate of changes', ['KeyedChangelog.aggregate'], (rows) =>
    keyed(rows)
      .aggregate({ sum: sum(({ n }) => n) })
      .toChangelog()
      .keyBy(({ sum: total }) => (total ?? 0) % 3)
      .aggregate({ n: count(), total: sum(({ sum: total }) => total) })
      .asRecords(),
  ),
  one('topN of changes', ['KeyedChangelog.topN'], (rows) =>
    keyed(rows)
      .aggregate({ sum: sum(({ n }) => n) })
      .toChangelog()
      .keyBy(() => 'all')
      .topN(2, { by: ({ sum: total }) => total })
      .asRecords(),
  ),
  two('connect', ['ConnectedStreams.process'], (left, right) =>
    left.connect(right).process({
      onLeft: ({ n }, ctx, out: Output<unknown>) => out.emit(['left', n, ctx.timestamp]),
      onRight: ({ n }, ctx, out) => {
        out.emit(['right', n, ctx.now]);
        out.emit(n);
      },
    }),
  ),
  two('connect by key', ['KeyedConnectedStreams.process'], (left, right) =>
    keyed(left)
      .connect(keyed(right))
      .process({
        state: { lefts: list<number>() },
        sideOutputs: { unmatched: sideOutput<number>() },
        onLeft({ n }, ctx) {
          ctx.state.lefts.add(n);
          ctx.timers.eventTime(ctx.timestamp + 9);
        },
        onRight({ n }, ctx, out: Output<unknown>) {
          const lefts = ctx.state.lefts.values();
          if (lefts.length === 0) ctx.sideOutput('unmatched', n);
          for (const other of lefts) out.emit([ctx.key, other, n]);
        },
        onTimer(time, ctx, out) {
          out.emit([ctx.key, time, ctx.state.lefts.values()]);
          ctx.state.lefts.clear();
        },
      }),
  ),
  two('connect with broadcast state', ['BroadcastConnectedStreams.process'], (left, right) =>
    left.connect(right.broadcast({ rules: map<string | number, number>() })).process({
      onLeft: ({ k, n }, ctx, out: Output<unknown>) =>
        out.emit([k, n, ctx.broadcast.rules.get('b')]),
      onRight: ({ k, n }, ctx) => ctx.broadcast.rules.set(k, n),
    }),
  ),
  two(
    'connect by key with broadcast state',
    ['KeyedBroadcastConnectedStreams.process'],
    (left, right) =>
      keyed(left)
        .connect(right.broadcast({ rules: map<string | number, number>() }))
        .process({
          state: { seen: value<number>() },
          onLeft({ n }, ctx, out: Output<unknown>) {
            ctx.state.seen.update((seen = 0) => seen + n);
            ctx.timers.eventTime(ctx.timestamp + 4);
            out.emit([ctx.key, ctx.state.seen.get(), [...ctx.broadcast.rules.entries()]]);
          },
          onRight: ({ k, n }, ctx) => ctx.broadcast.rules.set(k, n),
          onTimer: (time, ctx, out) => out.emit([time, ctx.broadcast.rules.get('b')]),
        }),
  ),
  joined('intervalJoin', 'intervalJoin', (left, right) =>
    left.intervalJoin(right, { lowerMs: -3, upperMs: 3, kind: 'full', select: pair }),
  ),
  joined('intervalJoin with late rows aside', 'intervalJoin', (left, right) =>
    left.intervalJoin(right, {
      lowerMs: 0,
      upperMs: 5,
      allowedLatenessMs: 1,
      sideOutputLate: { left: 'late left', right: 'late right' },
      select: pair,
    }),
  ),
  joined('join by window', 'join', (left, right) =>
    left.join(right, {
      window: tumbling(10),
      kind: 'full',
      sideOutputLate: { right: 'late' },
      select: pair,
    }),
  ),
  joined('join by key', 'join', (left, right) => left.join(right, { select: pair })),
  joined('join by key for a time', 'join', (left, right) =>
    left.join(right, { ttlMs: 5, select: pair }),
  ),
  joined('coGroup', 'coGroup', (left, right) =>
    left.coGroup(right, {
      window: sliding({ sizeMs: 10, slideMs: 5 }),
      select: (lefts, rights, of, { windowEnd }) => ({
        of,
        windowEnd,
        lefts: lefts.map(({ n }) => n),
        rights: rights.map(({ n }) => n),
      }),
    }),
  ),
  joined('joinLatest', 'joinLatest', (left, right) =>
    left.joinLatest(right, { kind: 'left', select: pair }),
  ),
  two(
    'joinLatest of a changelog',
    ['KeyedStream.joinLatest'],
    (left, right) =>
      keyed(left).joinLatest(
        right
          .distinctBy(({ k }) => k, { keep: 'last', deletes: ({ n }) => n % 3 === 0 })
          .keyBy(({ k }) => k),
        { kind: 'left', select: pair },
      ),
    PAIRS,
  ),
  one('lookup', ['DataStream.lookup'], (rows) =>
    rows.lookup(
      fromCollection([
        { of: 'a', city: 'Aachen' },
        { of: 'b', city: 'Bonn' },
        { of: 'b', city: 'Berlin' },
      ]),
      {
        key: ({ k }) => k,
        tableKey: ({ of }): Row['k'] => of,
        kind: 'left',
        select: ({ n }, found) => ({ n, city: found?.city }),
      },
    ),
  ),
  one('windowAll', ['DataStream.windowAll', 'AllWindowedStream.aggregate'], (rows) =>
    rows
      .windowAll(tumbling(10))
      .sideOutputLate('late')
      .aggregate({ ...folds, mergedTexts }),
  ),
  one('windowAll, again for late records', ['AllWindowedStream.reduce'], (rows) =>
    rows
      .windowAll(tumbling(10))
      .allowedLateness(15)
      .reduce((a, b) => ({ k: a.k, n: a.n + b.n })),
  ),
  one('calendar windows', ['calendar'], (rows) =>
    keyed(rows)
      .window(calendar('day', { timeZone: 'Europe/Berlin' }))
      .aggregate(folds),
  ),
  one('global windows', ['globalWindow'], (rows) =>
    keyed(rows).window(globalWindow()).aggregate(folds),
  ),
  one('windows whose records are kept', ['WindowedStream.process'], (rows) =>
    keyed(rows)
      .window(sliding({ sizeMs: 20, slideMs: 10 }))
      .sideOutputLate('late')
      .process({ onWindow: gathered }),
  ),
  one('sessions whose records are kept', ['WindowedStream.process'], (rows) =>
    keyed(rows)
      .window(session({ gapMs: 8 }))
      .sideOutputLate('late')
      .process({ onWindow: gathered }),
  ),
  one('windowAll whose records are kept', ['AllWindowedStream.process'], (rows) =>
    rows.windowAll(tumbling(10)).sideOutputLate('late').process({ onWindow: gathered }),
  ),
  one('windows with early firings', ['WindowedStream.trigger'], (rows) =>
    keyed(rows)
      .window(tumbling(20))
      .trigger(eventTimeTrigger({ earlyCount: 2 }))
      .sideOutputLate('late')
      .aggregate(folds),
  ),
  one('windowAll with a trigger', ['AllWindowedStream.trigger'], (rows) =>
    rows
      .windowAll(tumbling(20))
      .trigger(purgingTrigger(countTrigger(2)), { partial: 'emit' })
      .sideOutputLate('late')
      .aggregate(folds),
  ),
  one('windows with an evictor', ['WindowedStream.evictor'], (rows) =>
    keyed(rows)
      .window(tumbling(20))
      .evictor(countEvictor(1))
      .sideOutputLate('late')
      .process({ onWindow: gathered }),
  ),
  one('windowAll with an evictor', ['AllWindowedStream.evictor'], (rows) =>
    rows
      .windowAll(tumbling(20))
      .evictor(timeEvictor(5))
      .sideOutputLate('late')
      .process({ onWindow: gathered }),
  ),
  one('windows of a number of records', ['countWindow'], (rows) =>
    keyed(rows).window(countWindow(2)).aggregate(folds),
  ),
  one('windows of the clock', ['processingTime'], (rows) =>
    keyed(rows)
      .window(processingTime(tumbling(50)))
      .aggregate(folds),
  ),
];
