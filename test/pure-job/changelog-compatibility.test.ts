/** Who reads a changelog, and who makes it, go on from a checkpoint together or begin together. */

import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../src/checkpoint/store.js';
import { compatibilityOf } from '../../src/job/recovery/compatibility.js';
import { count, max } from '../../src/stream/api/aggregations.js';
import type { ChangelogStream, DataStream } from '../../src/stream/api/data-stream.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import { tumbling } from '../../src/stream/api/windows.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import { testOperator } from '../../src/testing/test-operator.js';
import { draw, source } from '../stream/graph-kit.js';

interface Sale {
  readonly shop: string;
  readonly cents: number;
}

type Build = (sales: DataStream<Sale>) => void;

const planOf = (build: Build) => {
  const graph = draw((env) => build(env.from(source<Sale>()).uid('sales')));
  return planJob(graphData(graph), { slots: 2, keyGroups: 16 });
};

/** A checkpoint of that job. */
function checkpointOf(build: Build, mode: Manifest['mode'] = 'exactly-once'): Manifest {
  const plan = planOf(build);
  return {
    format: 1,
    job: plan.graph.job,
    run: 'run',
    checkpoint: 7,
    epoch: 3,
    createdAtMs: 0,
    graphHash: plan.graph.hash,
    keyGroups: plan.keyGroups,
    mode,
    final: false,
    operators: plan.graph.nodes.map(({ id, type, stateful, states }) => ({
      id,
      type,
      stateful,
      parallelism: 2,
      vertex: id,
      states: states.map(({ section, layout }) => ({ section, layout })),
    })),
    tables: {},
    parts: [],
    transactions: [],
    sourceRecords: {},
    holdfast: '0',
    node: 'v20',
  };
}

const problemsOf = (before: Build, after: Build, mode?: Manifest['mode'], dropped?: string[]) =>
  compatibilityOf(checkpointOf(before, mode), planOf(after), dropped).problems;

const shops = (sales: DataStream<Sale>, more = {}, uid = 'shops') =>
  sales
    .keyBy(({ shop }) => shop)
    .aggregate({ n: count(), ...more })
    .uid(uid);
const plain =
  (uid?: string): Build =>
  (sales) =>
    void shops(sales, {}, uid).collect('rows').uid('rows');
const groups = (rows: ChangelogStream<{ readonly key: unknown }>, uid = 'groups') =>
  rows
    .keyBy(() => 'all')
    .aggregate({ n: count() })
    .uid(uid)
    .asRecords()
    .collect('groups')
    .uid('out');
const grouped =
  (more?: object, uid?: string, readerUid?: string): Build =>
  (sales) =>
    groups(shops(sales, more, uid).toChangelog(), readerUid);
/** Changes of two makers, as records. */
const twofold =
  (uid: string): Build =>
  (sales) => {
    const [one, two] = ['first', uid].map((id) => shops(sales, {}, id).toChangelog().asRecords());
    groups(one!.union(two!).asChangelog());
  };
const keyed = (sales: DataStream<Sale>) => sales.map(({ shop }) => ({ key: shop }));
const last = (sales: DataStream<Sale>) =>
  sales.distinctBy(({ shop }) => shop, { keep: 'last' }).uid('last');
const top = (sales: DataStream<Sale>) =>
  sales
    .keyBy(({ shop }) => shop)
    .topN(2, { by: ({ cents }) => cents })
    .uid('top');
const changes = (rows: ChangelogStream<unknown>) =>
  void rows.asRecords().collect('changes').uid('rows');
const table = (rows: ChangelogStream<Sale>) =>
  void rows.collectTable('rows', { key: ({ shop }) => shop }).uid('rows');
const looked = (sales: DataStream<Sale>, rows: ChangelogStream<Sale>) =>
  void sales
    .withTimestamps(() => 0)
    .keyBy(({ shop }) => shop)
    .joinLatest(
      rows.keyBy(({ shop }) => shop),
      { select: (sale, { cents: of }) => sale.cents + of },
    )
    .uid('joined')
    .collect('rows')
    .uid('rows');
const windows = (sales: DataStream<Sale>, more = {}) =>
  sales
    .withTimestamps(() => 0)
    .keyBy(({ shop }) => shop)
    .window(tumbling(10))
    .allowedLateness(10)
    .aggregate({ n: count(), ...more })
    .uid('windows');

const least = (version: number) => ({
  least: aggregation({
    version,
    initial: () => 0,
    add: (state: number) => state,
    result: (state: number) => state,
    migrate: version === 1 ? undefined : (state: number) => state,
  }),
});

describe('a start is refused, and names both operators,', () => {
  test.each<readonly [string, Build, Build, readonly string[]]>([
    [
      'a reader behind a running aggregate',
      plain(),
      grouped(),
      ["'groups' is new", "'shops'", 'distinctBy'],
    ],
    [
      'a reader behind distinctBy',
      (sales) => changes(last(sales)),
      (sales) => table(last(sales)),
      ["'last'", 'restore'],
    ],
    [
      'a reader behind topN, and map and filter',
      (sales) => changes(top(sales)),
      (sales) =>
        groups(
          top(sales)
            .filter(() => true)
            .map(({ shop }) => ({ key: shop })),
        ),
      ["'groups' is new", "'top'"],
    ],
    [
      'a reader behind windows that told their changes before',
      (sales) => changes(windows(sales).toChangelog()),
      (sales) => groups(windows(sales).toChangelog()),
      ["'groups' is new"],
    ],
    [
      'joinLatest of a changelog behind distinctBy',
      (sales) => changes(last(sales)),
      (sales) => looked(sales, last(sales)),
      ["'joined' is new", "'last'"],
    ],
    [
      'a reader of records that are changes',
      (sales) => changes(sales.asChangelog(() => '+I')),
      (sales) => table(sales.asChangelog(() => '+I')),
      ["'sales'"],
    ],
    [
      'a new aggregation',
      grouped(),
      grouped({ most: max(cents) }),
      ["'most' is new", "'groups'", "'shops'"],
    ],
    [
      'a migrated aggregation',
      grouped(least(1)),
      grouped(least(2)),
      ["'least' is migrated", "'groups'", "'shops'"],
    ],
    ['a maker that begins anew', grouped(), grouped({}, 'others'), ["'others' is new", "'groups'"]],
    [
      'one of two makers that begins anew',
      twofold('second'),
      twofold('third'),
      ["'third' is new", "'groups'"],
    ],
    [
      'a reader whose id was that of an operator without state',
      (sales) =>
        shops(sales)
          .toChangelog()
          .filter(() => true)
          .uid('groups')
          .asRecords()
          .collect('groups')
          .uid('out'),
      grouped(),
      ["'groups' is new", "'shops'"],
    ],
  ])('for %s', (_, before, after, words) => {
    const [problem] = problemsOf(before, after, undefined, ['second']);
    expect(problem).toMatchObject({ code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE' });
    for (const word of words) expect(problem!.message).toContain(word);
  });

  test('for an aggregation that is dropped, although its state may be lost', () => {
    const [problem] = problemsOf(grouped({ most: max(cents) }), grouped(), undefined, [
      'shops#most',
    ]);
    expect(problem!.message).toContain("'most' is dropped");
  });

  test('from a checkpoint at least once', () => {
    const [problem, ...others] = problemsOf(grouped(), grouped(), 'at-least-once');
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE' });
    expect(problem!.message).toContain('at least once');
  });
});

describe('a start goes on', () => {
  test.each<readonly [string, Build, Build]>([
    ['with the same job', grouped(), grouped()],
    [
      'with the aggregations in another order',
      grouped({ most: max(cents) }),
      (sales) =>
        groups(
          sales
            .keyBy(({ shop }) => shop)
            .aggregate({ most: max(cents), n: count() })
            .uid('shops')
            .toChangelog(),
        ),
    ],
    [
      'with both of them new',
      plain(),
      (sales) => {
        plain()(sales);
        grouped({}, 'others')(sales);
      },
    ],
    [
      'with a new reader behind windows that did not tell their changes',
      (sales) => void windows(sales).collect('rows').uid('rows'),
      (sales) => {
        const rows = windows(sales);
        rows.collect('rows').uid('rows');
        groups(rows.toChangelog());
      },
    ],
    [
      'with another aggregation of windows',
      (sales) => groups(windows(sales).toChangelog()),
      (sales) => groups(windows(sales, { most: max(cents) }).toChangelog()),
    ],
    ['with the changes as records', plain(), (sales) => changes(shops(sales).toChangelog())],
    [
      'with a changelog that is new together with joinLatest of it, whose rows are not',
      plain(),
      (sales) =>
        looked(
          shops(sales).map(() => ({ shop: '', cents: 0 })),
          last(sales),
        ),
    ],
    [
      'with one more operator that makes changes',
      (sales) => groups(keyed(sales).asChangelog(() => '+I')),
      (sales) => {
        const more = sales.keyBy(({ shop }) => shop).reduce((_, one) => one);
        groups(keyed(sales.union(more)).asChangelog(() => '+I'));
      },
    ],
  ])('%s', (_, before, after) => {
    expect(problemsOf(before, after, 'exactly-once', ['rows'])).toEqual([]);
  });

  test('from a checkpoint at least once where nobody reads a changelog', () => {
    expect(problemsOf(plain(), plain(), 'at-least-once')).toEqual([]);
  });
});

test('distinctBy in the place of toChangelog begins with what comes, and counts on', async () => {
  const before = await testOperator((sales: DataStream<Sale>) => shops(sales));
  for (const shop of ['a', 'b', 'a']) before.element({ shop, cents: 1 });
  const after = await testOperator(
    (sales: DataStream<Sale>) =>
      shops(sales)
        .distinctBy(({ key }) => key, { keep: 'last' })
        .keyBy(() => 'all')
        .aggregate({ shops: count(), most: max(({ n }) => n) })
        .asRecords(),
    { restore: await before.snapshot() },
  );
  for (const shop of ['a', 'a', 'b']) after.element({ shop, cents: 1 });
  expect(after.output().at(-1)).toMatchObject({ change: '+U', key: 'all', shops: 2, most: 4 });
});

function cents(sale: Sale): number {
  return sale.cents;
}
