import { describe, expect, it } from 'vitest';
import { count, max, min, sum } from '../../src/stream/api/aggregations.js';
import { sumBigInt } from '../../src/stream/api/big-sum.js';
import type { ChangeKind, LatestOptions } from '../../src/stream/api/changelog.js';
import type { ChangelogStream, DataStream } from '../../src/stream/api/data-stream.js';
import { asc, desc } from '../../src/stream/api/order-by.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import { GuardedOperator } from '../../src/stream/task/guarded-operator.js';
import { testOperator } from '../../src/testing/index.js';
import { from, Line, told } from './changelog-kit.js';
import { draw, nodeOf, sink, thrownBy } from './graph-kit.js';
import { Harness, recordsOf } from './operator-kit.js';

interface Bid {
  readonly k: string;
  readonly v: number | null;
  readonly id: number;
}

const bid = (v: number | null, id: number): Bid => ({ k: 'a', v, id });
const fed = (line: Line, ...records: readonly unknown[]) =>
  records.map((record) => told(line.feed(record)));

describe('topN', () => {
  const top = (more: object) =>
    new Line((env) =>
      from<Bid>(env)
        .keyBy(({ k }) => k)
        .topN(2, { by: (one: Bid) => one.v, ...more } as never)
        .asRecords(),
    );

  it('lets who came first stay ahead of equals, so the later one goes', () => {
    expect(fed(top({}), bid(5, 1), bid(5, 3), bid(7, 4))).toEqual([
      ['+I {"k":"a","v":5,"id":1}'],
      ['+I {"k":"a","v":5,"id":3}'],
      ['-D {"k":"a","v":5,"id":3}', '+I {"k":"a","v":7,"id":4}'],
    ]);
  });

  it('tells with ranks which rank gets which row', () => {
    expect(fed(top({ rank: 'rank' }), bid(5, 1), bid(5, 3), bid(7, 4), bid(5, 9))).toEqual([
      ['+I {"k":"a","v":5,"id":1,"rank":1}'],
      ['+I {"k":"a","v":5,"id":3,"rank":2}'],
      [
        '-U {"k":"a","v":5,"id":1,"rank":1}',
        '+U {"k":"a","v":7,"id":4,"rank":1}',
        '-U {"k":"a","v":5,"id":3,"rank":2}',
        '+U {"k":"a","v":5,"id":1,"rank":2}',
      ],
      [],
    ]);
  });

  it('puts null first upward and last downward, and NaN behind all numbers', () => {
    const order = (by: never, rows: readonly unknown[]) => {
      const line = new Line((env) =>
        from<{ v: unknown }>(env)
          .keyBy(() => 'all')
          .topN(9, { by, rank: 'rank' })
          .asRecords(),
      );
      const ranks = new Map<unknown, unknown>();
      for (const v of rows) {
        for (const { change, rank, v: now } of line.feed({ v }) as {
          change: string;
          rank: number;
          v: unknown;
        }[]) {
          if (change !== '-U' && change !== '-D') ranks.set(rank, now);
        }
      }
      return [...ranks].sort(([a], [b]) => Number(a) - Number(b)).map(([, v]) => v);
    };
    const mixed = ['b', Number.NaN, null, 2, true, 10n, 'a', -1, new Date(5)];
    const upward = [null, true, -1, 2, 10n, Number.NaN, new Date(5), 'a', 'b'];
    expect(order(asc((row: { v: never }) => row.v) as never, mixed)).toEqual(upward);
    expect(order(desc((row: { v: never }) => row.v) as never, mixed)).toEqual(
      [...upward].reverse(),
    );
  });

  it("decides with ties: 'content' by the rows alone", () => {
    const rows = [bid(5, 3), bid(5, 1), bid(5, 2), bid(5, 10)];
    const last = (all: readonly Bid[]) => {
      const line = top({ ties: 'content' });
      const there = new Set<string>();
      for (const text of fed(line, ...all).flat()) {
        if (text.startsWith('-')) there.delete(text.slice(3));
        else there.add(text.slice(3));
      }
      return [...there].sort();
    };
    expect(last([...rows].reverse())).toEqual(last(rows));
  });

  it('refuses what cannot be a row, or be ordered by', () => {
    const code = (record: unknown, more = {}) => thrownBy(() => top(more).feed(record)).code;
    expect(code({ k: 'a', v: 1, change: 'x' })).toBe('ERR_HOLDFAST_CHANGELOG_ROW');
    expect(code(Object.assign(() => {}, { k: 'a' }))).toBe('ERR_HOLDFAST_CHANGELOG_ROW');
    expect(code(Object.assign([7], { k: 'a' }))).toBe('ERR_HOLDFAST_CHANGELOG_ROW');
    expect(code({ k: 'a', v: 1, rank: 2 }, { rank: 'rank' })).toBe('ERR_HOLDFAST_CHANGELOG_ROW');
    expect(code({ k: 'a', v: {} })).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
  });
});

describe('distinctBy', () => {
  const line = (options: object, select = (one: Bid) => one.k) =>
    new Line((env) => from<Bid>(env).distinctBy(select, options as never) as never as never);
  const values = (of: Line, records: readonly (readonly [unknown, number?])[]) =>
    records.map(([record, at]) =>
      of
        .feed(record, at)
        .map(
          (row) =>
            (row as { change?: string; v: number }).change + String((row as { v: number }).v),
        ),
    );

  it('keeps, of records at the same time, the later one as the last and the earlier one as the first', () => {
    const records = [
      [bid(1, 1), 15],
      [bid(2, 2), 20],
      [bid(3, 3), 20],
      [bid(4, 4), 15],
      [bid(5, 5), 20],
    ] as const;
    const changes = (options: Partial<LatestOptions<Bid>>) => {
      const of = new Line((env) =>
        from<Bid>(env)
          .distinctBy(({ k }) => k, { keep: 'last', ...options })
          .asRecords(),
      );
      return values(of, records);
    };
    const byTime = [['+I1'], ['-U1', '+U2'], ['-U2', '+U3'], [], ['-U3', '+U5']];
    expect(changes({ keep: 'last', by: 'time' })).toEqual(byTime);
    const firstByTime = [['+I1'], [], [], [], []];
    expect(changes({ keep: 'first', by: 'time' })).toEqual(firstByTime);
    // By a selected value the rule is the same.
    expect(changes({ keep: 'last', by: () => 7n })).toEqual([
      ['+I1'],
      ['-U1', '+U2'],
      ['-U2', '+U3'],
      ['-U3', '+U4'],
      ['-U4', '+U5'],
    ]);
  });

  it('remembers a key for so long, counted from the record that was kept', () => {
    const of = line({ ttlMs: 10 });
    const ids = (at: number) => of.feed(bid(at, 1), at).map((one) => (one as Bid).v);
    expect([ids(0), ids(9), ids(10), ids(11), ids(20)]).toEqual([[0], [], [10], [], [20]]);
  });

  it('takes a key to be deleted only by the record that says so: null is a value', () => {
    const of = new Line((env) =>
      from<Bid>(env)
        .distinctBy(({ k }) => k, {
          keep: 'last',
          by: (one) => one.id,
          deletes: (one) => one.v === 0,
        })
        .asRecords(),
    );
    expect(fed(of, bid(null, 1), bid(2, 2), bid(0, 5), bid(3, 4), bid(4, 6))).toEqual([
      ['+I {"k":"a","v":null,"id":1}'],
      ['-U {"k":"a","v":null,"id":1}', '+U {"k":"a","v":2,"id":2}'],
      ['-D {"k":"a","v":2,"id":2}'],
      [], // older than the deletion
      ['+I {"k":"a","v":4,"id":6}'],
    ]);
  });
});

type Bids = ChangelogStream<Omit<Bid & { readonly change: ChangeKind }, 'change'>>;
const changesOf = (build: (stream: Bids) => ChangelogStream<unknown>) =>
  new Line((env) =>
    build(from<Bid & { readonly change: ChangeKind }>(env).asChangelog()).asRecords(),
  );

describe('changes as input', () => {
  it('are of the kind that they say, a replaced row as one that is gone and one that is new', () => {
    const line = changesOf((stream) => stream);
    const of = (change: string) => told(line.feed({ v: 1, change }));
    expect(['+I', '-U', '+U', '-D'].map(of)).toEqual([
      ['+I {"v":1}'],
      ['-D {"v":1}'],
      ['+I {"v":1}'],
      ['-D {"v":1}'],
    ]);
    expect(thrownBy(() => of('update')).code).toBe('ERR_HOLDFAST_CHANGELOG_ROW');
    expect(thrownBy(() => line.feed({ v: 1 })).code).toBe('ERR_HOLDFAST_CHANGELOG_ROW');
  });

  const planned = (build: (rows: DataStream<Bid>) => DataStream<Bid>) => {
    const graph = draw(
      (env) =>
        void build(from<Bid>(env))
          .asChangelog(() => '+I')
          .asRecords()
          .sinkTo(sink()),
    );
    return planJob(graphData(graph), { slots: 3, keyGroups: 16 });
  };

  it('may not stand behind what keeps no order', () => {
    const refused: readonly (readonly [string, (rows: DataStream<Bid>) => DataStream<Bid>])[] = [
      ['rebalance', (rows) => rows.rebalance()],
      ['rebalance', (rows) => rows.rebalance().map((row) => row)],
      ['broadcast', (rows) => rows.broadcast().filter(() => true)],
      ['parallelism 1', (rows) => rows.parallelism(1).map((row) => row)],
      ['parallelism 2', (rows) => rows.parallelism(2).union(rows.map((row) => row))],
      ['ordered: false', (rows) => rows.mapAsync(async (row) => row, { ordered: false })],
      [
        'ordered: false',
        (rows) => rows.mapOnPool<Bid>(import.meta.url, { ordered: false }).keyBy(({ k }) => k),
      ],
      [
        'ordered: false',
        (rows) =>
          rows
            .mapAsync(async (row) => row, { ordered: false })
            .keyBy(({ k }) => k)
            .mapAsync(async (row) => row),
      ],
      [
        'rebalance',
        (rows) =>
          rows
            .rebalance()
            .map((row) => row)
            .keyBy(({ k }) => k),
      ],
    ];
    for (const [why, build] of refused) {
      const error = thrownBy(() => planned(build));
      expect(error).toMatchObject({ code: 'ERR_HOLDFAST_JOB_BUILD' });
      expect(error.message).toContain(why);
    }
  });

  it('keep their order in the chain of what they are read from, and in one instance', () => {
    const allowed: readonly ((rows: DataStream<Bid>) => DataStream<Bid>)[] = [
      (rows) => rows.parallelism(1),
      (rows) => rows.map((row) => row).parallelism(1),
      (rows) => rows.mapAsync(async (row) => row),
      (rows) =>
        rows
          .mapAsync(async (row) => row, { ordered: false })
          .keyBy(({ k }) => k)
          .reduce((_, row) => row),
      (rows) =>
        rows
          .rebalance()
          .keyBy(({ k }) => k)
          .reduce((_, row) => row),
    ];
    for (const build of allowed) {
      const { vertices, graph } = planned(build);
      const { nodes } = vertices.find(({ nodes: of }) =>
        of.some((node) => graph.nodes[node]!.type === 'changelog'),
      )!;
      expect(nodes.length).toBeGreaterThan(1);
    }
  });

  it('that take back what is not there are refused', () => {
    const aggregated = changesOf((stream) =>
      stream.keyBy(({ k }) => k).aggregate({ n: count(), least: min((one) => one.v) }),
    );
    expect(thrownBy(() => aggregated.feed({ ...bid(1, 1), change: '-D' })).code).toBe(
      'ERR_HOLDFAST_CHANGELOG',
    );
    aggregated.feed({ ...bid(1, 1), change: '+I' });
    expect(thrownBy(() => aggregated.feed({ ...bid(2, 1), change: '-D' })).code).toBe(
      'ERR_HOLDFAST_CHANGELOG',
    );
    const top = changesOf((stream) => stream.keyBy(({ k }) => k).topN(1, { by: (one) => one.v }));
    top.feed({ ...bid(1, 1), change: '+I' });
    expect(thrownBy(() => top.feed({ ...bid(1, 2), change: '-D' })).code).toBe(
      'ERR_HOLDFAST_CHANGELOG',
    );
  });
});

describe('filter', () => {
  it('forwards what takes a row back only where the row has passed, and tells pairs of which one passes', () => {
    const line = new Line((env) =>
      from<Bid>(env)
        .distinctBy(({ k }) => k, { keep: 'last' })
        .filter(({ v }) => v !== null && v > 2)
        .asRecords(),
    );
    expect(fed(line, bid(1, 1), bid(3, 2), bid(4, 3), bid(0, 4), bid(1, 5))).toEqual([
      [],
      ['+I {"k":"a","v":3,"id":2}'],
      ['-U {"k":"a","v":3,"id":2}', '+U {"k":"a","v":4,"id":3}'],
      ['-D {"k":"a","v":4,"id":3}'],
      [],
    ]);
  });
});

describe('map', () => {
  it('puts aside a row that fails, and leaves no half of a pair behind', () => {
    const graph = draw(
      (env) =>
        void from<Bid>(env)
          .asChangelog(() => '+I')
          .map((row) => {
            if (row.v === 0) throw new Error('no');
            return { v: row.v };
          })
          .asRecords()
          .sinkTo(sink()),
    );
    const { create } = nodeOf(graph, 'map-changes');
    const harness = new Harness(() => new GuardedOperator(create!(), 'bad'), { sides: ['bad'] });
    const pair = (before: number, after: number) => [
      { ...bid(before, 1), change: '-U' },
      { ...bid(after, 1), change: '+U' },
    ];
    for (const record of [...pair(1, 2), ...pair(2, 0), ...pair(0, 3)]) harness.feed({ record });
    const main = recordsOf(harness.emitted).filter(({ tag }) => tag === undefined);
    expect(told(main.map(({ record }) => record))).toEqual([
      '-U {"v":1}',
      '+U {"v":2}',
      '-D {"v":2}',
      '+I {"v":3}',
    ]);
    expect(harness.counters['deadLetters']).toBe(2);
  });

  it('is given the row alone, and gives rows', () => {
    const line = (fn: (row: object) => unknown) =>
      new Line((env) =>
        from<Bid>(env)
          .asChangelog(() => '+I')
          .map(fn as never)
          .asRecords(),
      );
    expect(
      fed(
        line((row) => ({ text: JSON.stringify(row) })),
        { v: 1 },
      ),
    ).toEqual([['+I {"text":"{\\"v\\":1}"}']]);
    expect(thrownBy(() => line(() => 3).feed({ v: 1 })).code).toBe('ERR_HOLDFAST_CHANGELOG_ROW');
    expect(thrownBy(() => line(() => ({ change: 3 })).feed({ v: 1 })).code).toBe(
      'ERR_HOLDFAST_CHANGELOG_ROW',
    );
    expect(thrownBy(() => line(() => Promise.resolve({})).feed({ v: 1 })).code).toBe(
      'ERR_HOLDFAST_ASYNC_CALLBACK',
    );
  });
});

describe('an aggregate over changes', () => {
  const summing = () =>
    new Line((env) =>
      from<Bid & { readonly change: ChangeKind }>(env)
        .asChangelog()
        .keyBy(() => 'all')
        .aggregate({ n: count(), total: sum((one) => one.v) })
        .asRecords(),
    );

  it('counts null as a row and no number, whether it comes or goes', () => {
    expect(
      fed(
        summing(),
        { ...bid(null, 1), change: '+I' },
        { ...bid(2, 2), change: '+I' },
        { ...bid(null, 1), change: '-D' },
      ),
    ).toEqual([
      ['+I {"key":"all","n":1,"total":null}'],
      ['-U {"key":"all","n":1,"total":null}', '+U {"key":"all","n":2,"total":2}'],
      ['-U {"key":"all","n":2,"total":2}', '+U {"key":"all","n":1,"total":2}'],
    ]);
  });

  it('never rounds away what is taken back, and refuses an integer that no number can show', () => {
    const line = summing();
    const feed = (v: number, change: ChangeKind) =>
      told(line.feed({ ...bid(v, 1), change })).at(-1);
    expect(feed(2 ** 53, '+I')).toContain('9007199254740992');
    expect(feed(2, '+I')).toContain('9007199254740994');
    const error = thrownBy(() => feed(1, '+I'));
    expect(error.code).toBe('ERR_HOLDFAST_INEXACT_SUM');
    expect(error.message).toContain('2^53');
    const fractions = summing();
    const fraction = (v: number, change: ChangeKind) =>
      told(fractions.feed({ ...bid(v, 1), change })).at(-1);
    fraction(1e16, '+I');
    fraction(0.1, '+I');
    fraction(1.5, '+I');
    fraction(1e16, '-D');
    expect(fraction(1.5, '-D')).toBe('+U {"key":"all","n":1,"total":0.1}');
  });

  it('sums bigints at any size, and takes them back', () => {
    const line = new Line((env) =>
      from<Bid & { readonly change: ChangeKind }>(env)
        .asChangelog()
        .keyBy(() => 'all')
        .aggregate({
          n: count(),
          total: sumBigInt((one) => (one.v === null ? null : BigInt(one.v))),
        })
        .map(({ n, total }) => ({ n, total: String(total) }))
        .asRecords(),
    );
    expect(
      fed(
        line,
        { ...bid(null, 1), change: '+I' },
        { ...bid(2 ** 53, 2), change: '+I' },
        { ...bid(1, 3), change: '+I' },
        { ...bid(2 ** 53, 2), change: '-D' },
        { ...bid(1, 3), change: '-D' },
      ).map((rows) => rows.at(-1)),
    ).toEqual([
      '+I {"n":1,"total":"null"}',
      '+U {"n":2,"total":"9007199254740992"}',
      '+U {"n":3,"total":"9007199254740993"}',
      '+U {"n":2,"total":"1"}',
      '+U {"n":1,"total":"null"}',
    ]);
  });

  it('is refused where it cannot take back, when the graph is built', () => {
    const last = aggregation({ initial: () => 0, add: (_, one: Bid) => one.id });
    const error = thrownBy(() =>
      draw(
        (env) =>
          void from<Bid>(env)
            .asChangelog(() => '+I')
            .keyBy(({ k }) => k)
            .aggregate({ last }),
      ),
    );
    expect(error.code).toBe('ERR_HOLDFAST_CANNOT_RETRACT');
    expect(error.message).toContain("'last'");
    expect(error.message).toContain('`retract`');
  });

  it('goes back to where it was when a selector fails and the record is put aside', () => {
    const graph = draw(
      (env) =>
        void from<Bid>(env)
          .asChangelog(() => '+I')
          .keyBy(({ k }) => k)
          .aggregate({
            least: min((one) => one.v),
            ids: sum((one) => (one.id === 0 ? (Number.NaN as never) : fails(one))),
          })
          .asRecords()
          .sinkTo(sink()),
    );
    const { create } = nodeOf(graph, 'aggregate-changes');
    const harness = new Harness(() => new GuardedOperator(create!(), undefined), {});
    const feed = (v: number, id: number, change: ChangeKind) =>
      harness.feed({ record: { ...bid(v, id), change } });
    feed(5, 1, '+I');
    feed(3, -1, '+I');
    feed(3, -1, '-D');
    feed(5, 1, '-D');
    expect(told(recordsOf(harness.emitted).map(({ record }) => record))).toEqual([
      '+I {"key":"a","least":5,"ids":1}',
      '-D {"key":"a","least":5,"ids":1}',
    ]);
    expect(harness.counters['deadLetters']).toBe(2);
  });
});

function fails({ id }: Bid): number {
  if (id < 0) throw new Error('told to fail');
  return id;
}

describe('a graph with a changelog', () => {
  it('keeps map and filter where the rows are made', () => {
    const graph = draw((env) => {
      const rows = from<Bid>(env)
        .keyBy(({ k }) => k)
        .topN(1, { by: (one) => one.v });
      rows
        .map((row) => ({ v: row.v }))
        .asRecords()
        .sinkTo(sink());
      rows.parallelism(2);
    });
    expect(nodeOf(graph, 'map-changes').parallelism).toBe(2);
    const error = thrownBy(() =>
      draw((env) => {
        const rows = from<Bid>(env).distinctBy(({ k }) => k, { keep: 'last' });
        rows
          .filter(() => true)
          .parallelism(3)
          .asRecords()
          .sinkTo(sink());
      }),
    );
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_JOB_BUILD' });
  });

  it('names and labels the operator that makes the rows, and is the same graph as before without toChangelog', () => {
    const plain = draw(
      (env) =>
        void from<Bid>(env)
          .keyBy(({ k }) => k)
          .aggregate({ n: count() })
          .uid('n')
          .sinkTo(sink()),
    );
    const changing = draw((env) => {
      const rows = from<Bid>(env)
        .keyBy(({ k }) => k)
        .aggregate({ n: count() });
      rows.sinkTo(sink());
      rows.toChangelog().uid('n').asRecords().collect('changes');
    });
    expect(nodeOf(changing, 'aggregate').id).toBe('n');
    expect(nodeOf(plain, 'aggregate').states).toEqual(nodeOf(changing, 'aggregate').states);
    const unread = draw(
      (env) =>
        void from<Bid>(env)
          .keyBy(({ k }) => k)
          .aggregate({ n: count() })
          .toChangelog()
          .asRecords()
          .sinkTo(sink()),
    );
    expect(nodeOf(unread, 'aggregate').id).toContain('aggregate');
  });

  it.each([
    [
      'toChangelog()',
      (s: never) =>
        (s as Drawn)
          .keyBy(({ k }) => k)
          .aggregate({ change: count() })
          .toChangelog(),
    ],
    ['topN(n, …)', (s: never) => top(s, 0, { by: () => 1 })],
    ['topN(…, { by })', (s: never) => top(s, 1, {})],
    ['topN(…, { by })', (s: never) => top(s, 1, { by: [] })],
    ['topN(…, { rank })', (s: never) => top(s, 1, { by: () => 1, rank: 'change' })],
    ['topN.ties', (s: never) => top(s, 1, { by: () => 1, ties: 'last' })],
    ['distinctBy.keep', (s: never) => distinct(s, { keep: 'best' })],
    ['deletes', (s: never) => distinct(s, { keep: 'first', deletes: () => true })],
    ['ttlMs', (s: never) => distinct(s, { ttlMs: 0.5 })],
  ])('refuses bad options of %s', (named, build) => {
    const error = thrownBy(() => draw((env) => void build(from<Bid>(env) as never)));
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain(named);
  });
});

type Drawn = ReturnType<typeof from<Bid>>;
const top = (stream: never, n: number, options: object) =>
  (stream as Drawn).keyBy(({ k }) => k).topN(n, options as never);
const distinct = (stream: never, options: object) =>
  (stream as Drawn).distinctBy(({ k }) => k, options as never);

describe('a table', () => {
  const changes = (env: Parameters<typeof from>[0]) =>
    from<Bid & { readonly change: ChangeKind }>(env).asChangelog();

  it('is refused by a sink that can only add, which is told what to do', () => {
    const error = thrownBy(() =>
      draw((env) => void changes(env).sinkTo(sink('ndjsonFiles') as never, { key: ({ k }) => k })),
    );
    expect(error.code).toBe('ERR_HOLDFAST_CANNOT_RETRACT');
    for (const way of ['ndjsonFiles', '.asRecords()', '.collectTable(', 'upserts'])
      expect(error.message).toContain(way);
    expect(
      thrownBy(() => draw((env) => void changes(env).sinkTo({} as never, { key: ({ k }) => k })))
        .code,
    ).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(
      thrownBy(() => draw((env) => void changes(env).collectTable('t', {} as never))).code,
    ).toBe('ERR_HOLDFAST_BAD_OPTION');
  });

  const upserts = (
    build: (env: Parameters<typeof from>[0]) => ChangelogStream<Bid>,
    key: (row: Bid) => string,
  ) =>
    new Line((env) => ({
      sinkTo: () =>
        build(env).sinkTo({ ...sink('table'), upserts: true } as never, { key: key as never }),
    }));

  it('gets one upsert where a row is replaced under its key, and two where it moves', () => {
    const line = upserts(
      (env) => from<Bid>(env).distinctBy(({ k }) => k, { keep: 'last' }),
      ({ id }) => `${id}`,
    );
    expect(line.feed(bid(1, 1))).toEqual([{ key: '1', row: bid(1, 1) }]);
    expect(line.feed(bid(2, 1))).toEqual([{ key: '1', row: bid(2, 1) }]);
    expect(line.feed(bid(2, 3))).toEqual([
      { key: '3', row: bid(2, 3) },
      { key: '1', row: null },
    ]);
  });

  it('keeps the newer of two rows under a key, whichever is taken back first', () => {
    const line = upserts(
      (env) => changes(env) as never,
      ({ k }) => k,
    );
    const feed = (v: number, change: ChangeKind) => line.feed({ ...bid(v, 1), change });
    feed(1, '+I');
    expect(feed(2, '+I')).toEqual([{ key: 'a', row: bid(2, 1) }]);
    expect(feed(1, '-D')).toEqual([]);
    feed(3, '+I');
    expect(feed(3, '-D')).toEqual([{ key: 'a', row: bid(2, 1) }]);
    expect(feed(2, '-D')).toEqual([{ key: 'a', row: null }]);
    expect(thrownBy(() => feed(2, '-D')).code).toBe('ERR_HOLDFAST_CHANGELOG');
  });
});

describe('another definition at a restore', () => {
  type Sale = Bid & { readonly change: ChangeKind };
  const restored = async (
    before: (sales: DataStream<Sale>) => ChangelogStream<unknown>,
    after: (sales: DataStream<Sale>) => ChangelogStream<unknown>,
  ) => {
    const asOne = (build: typeof before) => (sales: DataStream<Sale>) =>
      build(sales).uid('changes').asRecords();
    const first = await testOperator(asOne(before));
    first.element({ ...bid(1, 1), change: '+I' }, 1);
    const second = await testOperator(asOne(after), { restore: await first.snapshot() });
    second.element({ ...bid(2, 2), change: '+I' }, 2);
  };
  const top = (n: number, rank?: string) => (sales: DataStream<Sale>) =>
    sales
      .asChangelog()
      .keyBy(({ k }) => k)
      .topN(n, { by: (one) => one.v, rank });
  const kept = (options: object) => (sales: DataStream<Sale>) =>
    sales
      .asChangelog()
      .asRecords()
      .map(({ k, v, id }) => ({ k, v, id }))
      .distinctBy(({ k }) => k, options as LatestOptions<Bid> & { keep: 'last' });
  const folded = (more: object) => (sales: DataStream<Sale>) =>
    sales
      .asChangelog()
      .keyBy(({ k }) => k)
      .aggregate({ n: count(), ...more });

  it.each([
    ['more rows', top(1), top(3)],
    ['fewer rows', top(3), top(1)],
    ['ranks', top(3), top(3, 'place')],
    ['other ranks', top(3, 'rank'), top(3, 'place')],
    ['what is kept', kept({ keep: 'last', by: 'time' }), kept({ keep: 'first', by: 'time' })],
    ['what decides', kept({ keep: 'last', by: 'time' }), kept({ keep: 'last', by: byV })],
    ['one more answer', folded({}), folded({ most: max((one: Bid) => one.v) })],
  ])('is refused where it would not know what is out: %s', async (_, before, after) => {
    await expect(restored(before, before)).resolves.toBeUndefined();
    await expect(restored(before, after)).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    });
  });
});

function byV({ v }: Bid): number | null {
  return v;
}
