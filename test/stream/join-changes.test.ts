/** joinLatest of a changelog: what a plain loop over the changes gives, however it is interrupted. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change, ChangeKind } from '../../src/stream/api/changelog.js';
import type { DataStream } from '../../src/stream/api/data-stream.js';
import type { JoinState } from '../../src/stream/joins/join-options.js';
import { hasPassed, markOf } from '../../src/stream/operators/lateness.js';
import { testOperator } from '../../src/testing/test-operator.js';
import { draw, nodeOf, sink, source } from './graph-kit.js';
import { type Coming, itemsOf, type Row, runs, SIDES, told, twoSplits } from './join-kit.js';
import { Harness, type Item } from './operator-kit.js';

interface Version {
  readonly k: string | null;
  readonly id: string;
}

const createOf = (kind: 'inner' | 'left') =>
  nodeOf(
    draw((env) => {
      const rows = env.from(source<Row>('a')).withTimestamps(({ time }) => time);
      const changes = env
        .from(source<Change<Version>>('b'))
        .withTimestamps(() => 0)
        .asChangelog();
      const joined = rows
        .keyBy(({ k }) => k)
        .joinLatest(
          changes.keyBy(({ k }) => k),
          {
            kind,
            select: (one, version: Version | null) => `${one.id} and ${version?.id ?? 'nobody'}`,
            sideOutputLate: { left: 'lateLeft' },
          },
        );
      joined.sinkTo(sink());
      joined.sideOutput('lateLeft').sinkTo(sink());
    }),
    'latest-join-changes',
  ).create!;

interface Told {
  readonly row: Version;
  readonly change: ChangeKind;
  readonly time: number;
  readonly splitMs: number;
}

/** A row that the table has had, and what has brought it and taken it away. */
interface Stay {
  readonly came: Told;
  went: Told | undefined;
}

/** What the right rows are named: equal names of one key are equal rows. */
type Names = readonly string[];
const names: fc.Arbitrary<Names> = fc.array(fc.constantFrom('x', 'y'), {
  minLength: 18,
  maxLength: 18,
});

/**
 * Each right row replaces the row of its key that was told last, takes it away, or comes beside it. Of equal rows a change
 * takes the last one up to its time, else the first one.
 */
function historyOf(coming: readonly Coming[], names: Names) {
  const stays: Stay[] = [];
  const changes = coming
    .filter(({ side }) => side === 'right')
    .map(({ row: { k, time }, splitMs }, i): readonly Told[] => {
      const tell = (row: Version, change: ChangeKind): Told => ({ row, change, time, splitMs });
      const comes = (change: ChangeKind) => {
        const came = tell({ k, id: names[i]! }, change);
        stays.push({ came, went: undefined });
        return came;
      };
      const present = stays.filter(({ came, went }) => came.row.k === k && went === undefined);
      const before = present.at(-1)?.came.row;
      if (before === undefined || i % 4 === 3) return [comes('+I')];
      const equal = present
        .filter(({ came }) => came.row.id === before.id)
        .sort((a, b) => a.came.time - b.came.time);
      const taken = equal.findLast(({ came }) => came.time <= time) ?? equal[0]!;
      taken.went = tell(before, i % 4 === 1 ? '-D' : '-U');
      return i % 4 === 1 ? [taken.went] : [taken.went, comes('+U')];
    });
  return { stays, changes };
}

/** In the place of each right row: its changes. */
function itemsWithChanges(coming: readonly Coming[], names: Names): readonly Item[] {
  const { changes } = historyOf(coming, names);
  let next = 0;
  return itemsOf(coming).flatMap((item): readonly Item[] => {
    if (!('record' in item) || item.port === 0) return [item];
    return changes[next++]!.map(({ row, change, time, splitMs }) => ({
      record: { ...row, change },
      at: time,
      key: row.k,
      port: 1,
      behind: markOf(time, splitMs),
    }));
  });
}

function plainly(
  coming: readonly Coming[],
  names: Names,
  kind: 'inner' | 'left',
): readonly string[] {
  const { stays } = historyOf(coming, names);
  return coming.flatMap(({ side, row: left, splitMs }) => {
    if (side === 'right') return [];
    if (hasPassed(splitMs, left.time)) return [`lateLeft: ${left.id}`];
    const isInForce = ({ time, splitMs: behind }: Told) =>
      time <= left.time && (!hasPassed(behind, time) || behind < left.time);
    const found = stays
      .filter(({ came }) => left.k !== null && came.row.k === left.k && isInForce(came))
      .filter(({ went }) => went === undefined || !isInForce(went))
      .sort((a, b) => a.came.time - b.came.time)
      .at(-1)?.came.row;
    if (found === undefined && kind === 'inner') return [];
    return [`${left.id} and ${found?.id ?? 'nobody'} at ${left.time}`];
  });
}

describe('joinLatest of a changelog', () => {
  it.each(['inner', 'left'] as const)('gives what a plain loop does: %s', (kind) => {
    fc.assert(
      fc.property(twoSplits, names, (both, named) => {
        const expected = [...plainly(both[0]!, named, kind)].sort();
        for (const coming of both) {
          for (const { emitted } of runs(createOf(kind), itemsWithChanges(coming, named))) {
            expect(told(emitted)).toEqual(expected);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  const change = (time: number, kind: ChangeKind, id: string): Item => ({
    record: { k: 'a', id, change: kind },
    at: time,
    key: 'a',
    port: 1,
  });
  const left = (time: number): Item => ({
    record: { k: 'a', id: `l${time}`, time },
    at: time,
    key: 'a',
    port: 0,
  });
  const fed = (items: readonly Item[]) => {
    const harness = new Harness(createOf('left'), SIDES);
    for (const item of items) harness.feed(item);
    return harness;
  };

  it('takes back one of two equal rows, and finds the row below when the newest is gone', () => {
    const harness = fed([
      change(1, '+I', 'x'),
      change(2, '+I', 'x'),
      change(3, '-D', 'x'),
      change(3, '+I', 'y'),
      left(3),
      change(5, '-D', 'y'),
      left(5),
      change(6, '-D', 'x'),
      left(6),
      { watermark: 10 },
    ]);
    expect(told(harness.emitted)).toEqual(['l3 and y at 3', 'l5 and x at 5', 'l6 and nobody at 6']);
  });

  it('takes back the row that has come, and not an equal one that comes later with an earlier time', () => {
    const harness = fed([
      change(100, '+I', 'x'),
      change(50, '-U', 'x'),
      change(50, '+U', 'y'),
      change(55, '-U', 'y'),
      change(55, '+U', 'x'),
      ...[52, 60, 99, 100, 101].map(left),
      { watermark: 200 },
    ]);
    expect(told(harness.emitted)).toEqual([
      'l100 and x at 100',
      'l101 and x at 101',
      'l52 and y at 52',
      'l60 and x at 60',
      'l99 and x at 99',
    ]);
  });

  it('takes back of equal rows the last one up to its time, else the first', () => {
    const harness = fed([
      change(1, '+I', 'x'),
      change(2, '+I', 'y'),
      change(3, '+I', 'x'),
      change(9, '+I', 'x'),
      change(5, '-D', 'x'),
      ...[4, 6, 9].map(left),
      change(0, '-D', 'x'),
      left(1),
      { watermark: 20 },
    ]);
    expect(told(harness.emitted)).toEqual([
      'l1 and nobody at 1',
      'l4 and x at 4',
      'l6 and y at 6',
      'l9 and x at 9',
    ]);
  });

  it('finds the row of another instance, whose change comes before the former row is taken back', () => {
    const harness = fed([
      change(1, '+I', 'x'),
      { watermark: 1 },
      change(2, '+I', 'y'),
      change(2, '-D', 'x'),
      left(2),
      { watermark: 2 },
    ]);
    expect(told(harness.emitted)).toEqual(['l2 and y at 2']);
  });

  it('keeps the rows that are there, and no history', () => {
    const harness = fed([change(0, '+I', 'v0'), change(0, '+I', 'other')]);
    for (let time = 1; time <= 300; time += 1) {
      harness.feed(change(time, '-U', `v${time - 1}`));
      harness.feed(change(time, '+U', `v${time}`));
      harness.feed({ watermark: time });
    }
    const held = harness.snapshot().find(({ name }) => name === 'cells')!;
    expect(held.bytes.length).toBeLessThan(400);
  });

  it('keeps nothing of a row that is taken back before it is there', () => {
    const long = 'x'.repeat(1_000);
    const harness = fed([change(100, '+I', long), change(50, '-D', long), { watermark: 50 }]);
    const held = harness.snapshot().find(({ name }) => name === 'cells')!;
    expect(held.bytes.length).toBeLessThan(400);
  });

  it('fails when a row is taken back that was never there, or is not any more', () => {
    expect(() => fed([change(1, '-D', 'x')])).toThrow(/joinLatest/);
    const twice = [change(1, '+I', 'x'), change(1, '-D', 'x'), change(2, '-D', 'x')];
    expect(() => fed(twice)).toThrow(/joinLatest/);
  });

  it('migrates the rows that it keeps, without what becomes of them', async () => {
    const build =
      (state: JoinState) => (facts: DataStream<Version>, rows: DataStream<Change<Version>>) =>
        facts
          .keyBy(({ k }) => k)
          .joinLatest(
            rows.asChangelog().keyBy(({ k }) => k),
            { kind: 'left', select: (fact, row) => `${fact.id}: ${row?.id}`, state },
          );
    const before = await testOperator(build({}));
    before.right.element({ k: 'a', id: 'x', change: '+I' }, 1);
    before.right.element({ k: 'b', id: 'y', change: '+I' }, 1);
    before.right.element({ k: 'b', id: 'y', change: '-D' }, 2);
    const migrate = ({ k, id, ...more }: Version): Version => {
      expect(more).toEqual({});
      return { k, id: `${id} of now` };
    };
    const state = { right: { version: 2, migrate } };
    const after = await testOperator(build(state), { restore: await before.snapshot() });
    for (const k of ['a', 'b']) after.left.element({ k, id: k }, 3);
    await after.end();
    expect([...after.output()].sort()).toEqual(['a: x of now', 'b: undefined']);
  });

  it('lets a deleted row of distinctBy go', async () => {
    const op = await testOperator(
      (facts: DataStream<Version>, rows: DataStream<{ k: string; city: string | null }>) => {
        const table = rows.distinctBy(({ k }) => k, {
          keep: 'last',
          deletes: ({ city }) => city === null,
        });
        return facts
          .keyBy(({ k }) => k)
          .joinLatest(
            table.keyBy(({ k }): string | null => k),
            { kind: 'left', select: ({ id }, row) => `${id}: ${row?.city}` },
          );
      },
    );
    for (const [time, city] of [
      [10, 'Bonn'],
      [20, 'Berlin'],
      [30, null],
    ] as const) {
      op.right.element({ k: 'a', city }, time);
      op.left.element({ k: 'a', id: `at ${time}` }, time);
    }
    await op.end();
    expect(op.output()).toEqual(['at 10: Bonn', 'at 20: Berlin', 'at 30: undefined']);
  });
});
