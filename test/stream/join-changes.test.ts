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

/** Each right row replaces the newest one of its key, takes it away, or comes beside it. */
function changesOf(rights: readonly Coming[]): readonly (readonly Told[])[] {
  const present = new Map<string | null, Version[]>();
  return rights.map(({ row: { k, id, time }, splitMs }, i) => {
    const rows = present.get(k) ?? [];
    present.set(k, rows);
    const tell = (row: Version, change: ChangeKind): Told => ({ row, change, time, splitMs });
    const row = { k, id };
    const before = i % 4 === 3 ? undefined : rows.pop();
    if (before !== undefined && i % 4 === 1) return [tell(before, '-D')];
    rows.push(row);
    if (before === undefined) return [tell(row, '+I')];
    return [tell(before, '-U'), tell(row, '+U')];
  });
}

/** In the place of each right row: its changes. */
function itemsWithChanges(coming: readonly Coming[]): readonly Item[] {
  const changes = changesOf(coming.filter(({ side }) => side === 'right'));
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

/** Each row is told of once, and taken back at most once: it is there from the one to the other. */
function plainly(coming: readonly Coming[], kind: 'inner' | 'left'): readonly string[] {
  const changes = changesOf(coming.filter(({ side }) => side === 'right')).flat();
  return coming.flatMap(({ side, row: left, splitMs }) => {
    if (side === 'right') return [];
    if (hasPassed(splitMs, left.time)) return [`lateLeft: ${left.id}`];
    const inForce = changes.filter(
      ({ row, time, splitMs: behind }) =>
        row.k === left.k &&
        left.k !== null &&
        time <= left.time &&
        (!hasPassed(behind, time) || behind < left.time),
    );
    const isBack = ({ change }: Told) => change === '-D' || change === '-U';
    const gone = new Set(inForce.filter(isBack).map(({ row }) => row.id));
    const there = inForce.filter((one) => !isBack(one) && !gone.has(one.row.id));
    const found = there.sort((a, b) => a.time - b.time).at(-1);
    if (found === undefined && kind === 'inner') return [];
    return [`${left.id} and ${found?.row.id ?? 'nobody'} at ${left.time}`];
  });
}

describe('joinLatest of a changelog', () => {
  it.each(['inner', 'left'] as const)('gives what a plain loop does: %s', (kind) => {
    fc.assert(
      fc.property(twoSplits, (both) => {
        const expected = [...plainly(both[0]!, kind)].sort();
        for (const coming of both) {
          for (const { emitted } of runs(createOf(kind), itemsWithChanges(coming))) {
            expect(told(emitted)).toEqual(expected);
          }
        }
      }),
      { numRuns: 60 },
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
