/** What joins keep: rows of a former version, rows of windows that have no end, and windows that are each key's own. */

import { describe, expect, it } from 'vitest';
import type { DataStream } from '../../src/stream/api/data-stream.js';
import { globalWindow, session, tumbling } from '../../src/stream/api/windows.js';
import { thrownBy } from './graph-kit.js';
import { joined, type Row, type Rows, told } from './join-kit.js';
import { Harness, type Item } from './operator-kit.js';

const item = (side: 'left' | 'right', time: number, record: object): Item => ({
  record: { k: 'a', time, ...record },
  at: time,
  key: 'a',
  port: side === 'left' ? 0 : 1,
});
const left = (time: number, id: string) => item('left', time, { id });
const right = (time: number, id: string) => item('right', time, { id });
const end: Item = { watermark: Number.POSITIVE_INFINITY };

/** Rows of version 1 have a name, those of version 2 an id. */
interface Former {
  readonly k: string;
  readonly time: number;
  readonly name: string;
}
const former = (side: 'left' | 'right', time: number, name: string) => item(side, time, { name });
const migrate = ({ name, ...row }: Former, from: number): Row => ({
  ...row,
  id: `${name}/${from}`,
});
const text = (a: Row | null, b: Row | null) => `${a?.id ?? 'none'} and ${b?.id ?? 'none'}`;

type State = { readonly left?: object; readonly right?: object };

/** Each join, with what it is told of its state. */
const JOINS: readonly (readonly [
  string,
  (state?: State) => (l: Rows, r: Rows) => DataStream<unknown>,
])[] = [
  [
    'interval-join',
    (state) => (l, r) =>
      l.intervalJoin(r, { lowerMs: -9, upperMs: 9, kind: 'full', select: text, state }),
  ],
  ['join', (state) => (l, r) => l.join(r, { select: text, state })],
  ['join', (state) => (l, r) => l.join(r, { select: text, ttlMs: 10, state })],
  [
    'window-join',
    (state) => (l, r) => l.join(r, { window: tumbling(10), kind: 'full', select: text, state }),
  ],
  [
    'co-group',
    (state) => (l, r) =>
      l.coGroup(r, {
        window: tumbling(10),
        select: (ls: Row[], rs: Row[]) => `${ls.map(({ id }) => id)} and ${rs.map(({ id }) => id)}`,
        state,
      }),
  ],
  ['latest-join', (state) => (l, r) => l.joinLatest(r, { kind: 'left', select: text, state })],
];

const V2 = { version: 2, migrate };

describe('rows that a join keeps', () => {
  it.each(JOINS)('of a former version are migrated, those of the %s', (type, join) => {
    const old = new Harness(joined(type, join()));
    old.feed(former('right', 1, 'r'));
    const now = new Harness(joined(type, join({ right: V2 })), {}, old.snapshot());
    now.feed(left(2, 'l'));
    now.feed(end);
    expect(told(now.emitted).map((line) => line.split(' at ')[0])).toEqual(['l and r/1']);
    // In their new form they are of the new version, and asked about no more.
    const again = new Harness(joined(type, join({ right: V2 })), {}, old.snapshot());
    const third = new Harness(joined(type, join({ right: V2 })), {}, again.snapshot());
    third.feed(left(2, 'l'));
    third.feed(end);
    expect(told(third.emitted).map((line) => line.split(' at ')[0])).toEqual(['l and r/1']);
  });

  it('keep their times and whether they have found a partner', () => {
    const join = JOINS[0]![1];
    const old = new Harness(joined('interval-join', join()));
    old.feed(left(1, 'l'));
    old.feed(former('right', 2, 'met'));
    old.feed(former('right', 20, 'alone'));
    const now = new Harness(joined('interval-join', join({ right: V2 })), {}, old.snapshot());
    now.feed(end);
    expect(told(now.emitted)).toEqual(['none and alone/1 at 29']);
  });

  it.each([
    ['inner', 'full'],
    ['inner', 'left'],
    ['left', 'full'],
  ] as const)('that have met under %s are not alone under %s', (before, after) => {
    const join = (kind: 'inner' | 'left' | 'full') =>
      joined('interval-join', (l, r) =>
        l.intervalJoin(r, { lowerMs: -9, upperMs: 9, kind, select: text }),
      );
    const old = new Harness(join(before));
    for (const row of [left(1, 'l'), right(2, 'r'), left(20, 'alone')]) old.feed(row);
    const now = new Harness(join(after), {}, old.snapshot());
    now.feed(end);
    expect(told(now.emitted)).toEqual(['alone and none at 29']);
  });

  it.each(JOINS)(
    'of another version without a migrate are refused, those of the %s',
    (type, join) => {
      const of = (version: number) => joined(type, join({ left: { version } }));
      const old = new Harness(of(2));
      old.feed(left(1, 'l'));
      for (const version of [1, 3]) {
        const error = thrownBy(() => new Harness(of(version), {}, old.snapshot()));
        expect(error).toMatchObject({ code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE' });
        expect((error as Error).message).toContain("'left'");
      }
    },
  );

  it('tell where a migrate has thrown', () => {
    const join = JOINS[0]![1];
    const old = new Harness(joined('interval-join', join()));
    old.feed(left(1, 'l'));
    const failing = () => {
      throw new Error('no');
    };
    const create = joined('interval-join', join({ left: { version: 2, migrate: failing } }));
    expect(thrownBy(() => new Harness(create, {}, old.snapshot()))).toMatchObject({
      code: 'ERR_HOLDFAST_STATE_MIGRATION',
    });
  });

  it('have versions that are checked when the job is built', () => {
    const messageOf = (state: object) =>
      (thrownBy(() => joined('join', JOINS[1]![1](state as State))) as Error).message;
    expect(messageOf({ left: { version: 0 } })).toContain('join.state.left');
    expect(messageOf({ right: { migrate: () => ({}) } })).toContain(
      "a number above 1 beside 'migrate'",
    );
    expect(messageOf({ middle: {} })).toContain('option join.state.middle is not known');
    expect(messageOf({ left: { migrated: 1 } })).toContain(
      'option join.state.left.migrated is not known',
    );
  });
});

describe('a window over everything', () => {
  const whole = (kind: 'join' | 'coGroup') =>
    kind === 'join'
      ? joined('window-join', (l, r) =>
          l.join(r, { window: globalWindow(), kind: 'full', select: text }),
        )
      : joined('co-group', (l, r) =>
          l.coGroup(r, {
            window: globalWindow(),
            select: (ls: Row[], rs: Row[]) => `${ls.length} and ${rs.length}`,
          }),
        );

  it.each([
    ['join', ['l1 and r', 'l2 and r']],
    ['coGroup', ['2 and 1']],
  ] as const)('joins by %s when the input ends, and lets go of its rows', (kind, rows) => {
    const create = whole(kind);
    const harness = new Harness(create);
    harness.feed(left(1, 'l1'));
    harness.feed({ watermark: 1_000 });
    harness.feed(right(-5, 'r'));
    harness.feed(left(2, 'l2'));
    expect(told(harness.emitted)).toEqual([]);
    const restored = new Harness(create, {}, harness.snapshot());
    restored.feed(end);
    expect(told(restored.emitted).map((line) => line.split(' at ')[0])).toEqual(rows);
    const kept = new Harness(create, {}, restored.snapshot()).operator as unknown as {
      inspect(): readonly unknown[];
    };
    expect(kept.inspect()).toEqual([]);
  });
});

it('joins by window are not for sessions, and say how both streams come into one', () => {
  const window = session({ gapMs: 5 }) as never;
  for (const use of [
    (l: Rows, r: Rows) => l.join(r, { window, select: text }),
    (l: Rows, r: Rows) => l.coGroup(r, { window, select: () => '' }),
  ]) {
    const { message } = thrownBy(() => joined('join', use)) as Error;
    expect(message).toContain(
      "was given 'session' windows. Records of both streams are in one session when",
    );
  }
});
