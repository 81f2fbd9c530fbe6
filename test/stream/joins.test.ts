/** Joins by themselves: what a plain loop gives, however they are interrupted, and however their inputs lie between each other. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AlignedWindow,
  cumulative,
  session,
  sliding,
  tumbling,
} from '../../src/stream/api/windows.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import type { JoinKind } from '../../src/stream/joins/join-options.js';
import type { Operator } from '../../src/stream/operator.js';
import { hasPassed } from '../../src/stream/operators/lateness.js';
import { draw, sink, source, thrownBy } from './graph-kit.js';
import {
  type Coming,
  itemsOf,
  joined,
  pair,
  type Row,
  type Rows,
  runs,
  SIDES,
  told,
  twoSplits,
} from './join-kit.js';
import { Harness, type Item, runPlain } from './operator-kit.js';

const KINDS: readonly JoinKind[] = ['inner', 'left', 'full'];

/** What comes has to be what `plainly` says, in both orders. */
function expectSame(
  create: () => Operator,
  plainly: (coming: readonly Coming[]) => string[],
  numRuns = 20,
): void {
  fc.assert(
    fc.property(twoSplits, ([one, other]) => {
      const expected = plainly(one!).sort();
      for (const coming of [one!, other!]) {
        for (const { emitted } of runs(create, itemsOf(coming))) {
          expect(told(emitted)).toEqual(expected);
        }
      }
    }),
    { numRuns },
  );
}

const sidesOf = (coming: readonly Coming[]) => ({
  lefts: coming.filter(({ side }) => side === 'left'),
  rights: coming.filter(({ side }) => side === 'right'),
});
const lateLine = ({ side, row }: Coming) =>
  `${side === 'left' ? 'lateLeft' : 'lateRight'}: ${row.id}`;
const isAlone = (kind: JoinKind, side: 'left' | 'right') =>
  kind === 'full' || (kind === 'left' && side === 'left');

const row = (side: 'left' | 'right', time: number, id = `${side[0]}${time}`, more = {}): Item => ({
  record: { k: 'a', id, time } satisfies Row,
  at: time,
  key: 'a',
  port: side === 'left' ? 0 : 1,
  ...more,
});
const wm = (watermark: number): Item => ({ watermark });

describe('intervalJoin', () => {
  const [lowerMs, upperMs] = [-3, 5];
  const create = (kind: JoinKind, allowedLatenessMs = 0, bounds = { lowerMs, upperMs }) =>
    joined('interval-join', (left, right) =>
      left.intervalJoin(right, {
        ...bounds,
        kind,
        allowedLatenessMs,
        select: (a: Row | null, b: Row | null) => pair(a, b),
        sideOutputLate: { left: 'lateLeft', right: 'lateRight' },
      }),
    );

  const plainly =
    (kind: JoinKind, grace: number, { lowerMs: lower, upperMs: upper } = { lowerMs, upperMs }) =>
    (coming: readonly Coming[]): string[] => {
      const isLate = ({ row: { time }, splitMs }: Coming) => hasPassed(splitMs, time + grace);
      const late = coming.filter(isLate);
      const { lefts, rights } = sidesOf(coming.filter((one) => !isLate(one)));
      const meet = (l: Row, r: Row) =>
        l.k !== null && l.k === r.k && r.time - l.time >= lower && r.time - l.time <= upper;
      const pairs = lefts.flatMap(({ row: l }) =>
        rights
          .filter(({ row: r }) => meet(l, r))
          .map(({ row: r }) => `${pair(l, r)} at ${Math.max(l.time, r.time)}`),
      );
      const overAt = ({ k, time }: Row, last: number) =>
        k === null ? time : time + Math.max(0, last) + grace;
      const alone = [
        ...(isAlone(kind, 'left') ? lefts : [])
          .filter(({ row: l }) => !rights.some(({ row: r }) => meet(l, r)))
          .map(({ row: l }) => `${pair(l, null)} at ${overAt(l, upper)}`),
        ...(isAlone(kind, 'right') ? rights : [])
          .filter(({ row: r }) => !lefts.some(({ row: l }) => meet(l, r)))
          .map(({ row: r }) => `${pair(null, r)} at ${overAt(r, -lower)}`),
      ];
      return [...late.map(lateLine), ...pairs, ...alone];
    };

  it.each(KINDS)('gives what a plain loop does: %s', (kind) => {
    expectSame(create(kind), plainly(kind, 0));
    expectSame(create(kind, 3), plainly(kind, 3));
    const before = { lowerMs: -6, upperMs: -2 };
    expectSame(create(kind, 0, before), plainly(kind, 0, before));
  });

  // A time that stands at t has passed t itself (lateness.ts).
  it('takes both bounds in, and gives pairs the greater time; of the watermark’s own time a row is late', () => {
    const wide = create('inner', 0, { lowerMs: -5, upperMs: 5 });
    const { emitted } = runPlain(
      wide,
      [row('left', 10), ...[4, 5, 15, 16].map((time) => row('right', time))],
      SIDES,
    );
    expect(told(emitted)).toEqual(['l10 and r15 at 15', 'l10 and r5 at 10']);
    const late = runPlain(
      wide,
      [row('right', 12), wm(12), row('left', 12), row('left', 13)],
      SIDES,
    );
    expect(told(late.emitted)).toEqual(['l13 and r12 at 13', 'lateLeft: l12']);
  });

  it('gives null when the last partner’s time has passed, and no partner after that', () => {
    const { emitted } = runPlain(
      create('left'),
      [row('left', 10), wm(14), wm(15), row('right', 12), row('right', 16)],
      SIDES,
    );
    expect(emitted.filter((one) => 'record' in one || 'watermark' in one)).toEqual([
      wm(14),
      { record: 'l10 and nobody', at: 15 },
      wm(15),
      { record: (row('right', 12) as { record: unknown }).record, at: 12, tag: 'lateRight' },
    ]);
  });

  it('counts late rows and null keys by side, where they are dropped', () => {
    const counting = (kind: JoinKind) =>
      joined('interval-join', (left, right) =>
        left.intervalJoin(right, { lowerMs, upperMs, kind, select: (a, b) => pair(a, b) }),
      );
    const items = [
      wm(5),
      row('left', 5),
      row('right', 3),
      row('right', 6, 'r6', { behind: 7 }),
      row('left', 9, 'n', { key: null, record: { k: null, id: 'n', time: 9 } }),
      row('right', 9, 'm', { key: null, record: { k: null, id: 'm', time: 9 } }),
      wm(Number.POSITIVE_INFINITY),
    ];
    const lates = { lateRecords: 3, 'lateRecords:left': 1, 'lateRecords:right': 2 };
    const inner = runPlain(counting('inner'), items);
    expect(inner.counters).toEqual({
      ...lates,
      nullKeys: 2,
      'nullKeys:left': 1,
      'nullKeys:right': 1,
    });
    expect(told(inner.emitted)).toEqual([]);
    const left = runPlain(counting('left'), items);
    expect(left.counters).toEqual({ ...lates, nullKeys: 1, 'nullKeys:right': 1 });
    expect(told(left.emitted)).toEqual(['n and nobody at 9']);
  });

  it('keeps nothing that can find no partner any more', () => {
    const harness = new Harness(create('full'), SIDES);
    for (let time = 0; time < 400; time += 1) {
      harness.feed(row(time % 2 === 0 ? 'left' : 'right', time));
      harness.feed(wm(time - 1));
    }
    const held = harness.snapshot().reduce((bytes, section) => bytes + section.bytes.length, 0);
    expect(held).toBeLessThan(1_000);
    harness.feed(wm(1_000));
    const empty = harness.snapshot().find(({ name }) => name === 'cells')!;
    expect(empty.bytes.length).toBeLessThan(120);
  });

  it('gives select records of its own, which it may change', () => {
    const changing = joined('interval-join', (left, right) =>
      left.intervalJoin(right, {
        lowerMs: -9,
        upperMs: 9,
        select(a, b) {
          const text = pair(a, b);
          Object.assign(a, { id: 'changed' });
          Object.assign(b, { id: 'changed' });
          return text;
        },
      }),
    );
    const items = [row('left', 1), row('left', 2), row('right', 1), row('right', 2)];
    expect(told(runPlain(changing, items, SIDES).emitted)).toEqual([
      'l1 and r1 at 1',
      'l1 and r2 at 2',
      'l2 and r1 at 2',
      'l2 and r2 at 2',
    ]);
  });
});

describe('join', () => {
  it('by key gives every pair there is, once, without a look at time', () => {
    const create = joined('join', (left, right) => left.join(right, { select: pair }));
    expectSame(create, (coming) => {
      const { lefts, rights } = sidesOf(coming);
      return lefts.flatMap(({ row: l }) =>
        rights
          .filter(({ row: r }) => l.k !== null && l.k === r.k)
          .map(({ row: r }) => `${pair(l, r)} at ${Math.max(l.time, r.time)}`),
      );
    });
    const untimed = [row('left', Number.NaN, 'l'), row('right', 5)];
    expect(told(runPlain(create, untimed, SIDES).emitted)).toEqual(['l and r5 at NaN']);
  });

  it('by key and ttlMs gives those whose times are less than that apart', () => {
    const ttlMs = 4;
    const create = joined('join', (left, right) => left.join(right, { ttlMs, select: pair }));
    expectSame(create, (coming) => {
      const onTime = coming.filter(({ row: { time }, splitMs }) => !hasPassed(splitMs, time));
      const { lefts, rights } = sidesOf(onTime);
      return lefts.flatMap(({ row: l }) =>
        rights
          .filter(({ row: r }) => l.k !== null && l.k === r.k)
          .filter(({ row: r }) => Math.abs(l.time - r.time) < ttlMs)
          .map(({ row: r }) => `${pair(l, r)} at ${Math.max(l.time, r.time)}`),
      );
    });
  });

  const sizeMs = 6;
  const startOf = ({ time }: Row) => Math.floor(time / sizeMs) * sizeMs;
  const isLate = ({ row: one, splitMs }: Coming) => hasPassed(splitMs, startOf(one) + sizeMs - 1);
  const multiples = (of: number, time: number, from: number) =>
    Array.from({ length: 20 }, (_, i) => (Math.floor(time / of) + i - from) * of);

  /** The windows of a time, as [start, end). */
  const WINDOWS: readonly [string, AlignedWindow, (time: number) => [number, number][]][] = [
    [
      'tumbling',
      tumbling(sizeMs),
      (time) => {
        const start = Math.floor(time / sizeMs) * sizeMs;
        return [[start, start + sizeMs]];
      },
    ],
    [
      'sliding',
      sliding({ sizeMs: 10, slideMs: 4 }),
      (time) =>
        multiples(4, time, 10)
          .filter((start) => start <= time && time < start + 10)
          .map((start) => [start, start + 10]),
    ],
    [
      'sliding with gaps',
      sliding({ sizeMs: 4, slideMs: 6 }),
      (time) =>
        multiples(6, time, 3)
          .filter((start) => start <= time && time < start + 4)
          .map((start) => [start, start + 4]),
    ],
    [
      'cumulative',
      cumulative({ sizeMs: 9, stepMs: 3 }),
      (time) => {
        const start = Math.floor(time / 9) * 9;
        return [3, 6, 9]
          .filter((length) => time < start + length)
          .map((length) => [start, start + length]);
      },
    ],
  ];

  it.each(WINDOWS.flatMap((window) => KINDS.map((kind) => [...window, kind] as const)))(
    'by window gives what a plain loop does: %s, %4$s',
    (_, window, windowsOf, kind) => {
      const create = joined('window-join', (left, right) =>
        left.join(right, {
          window,
          kind,
          select: (a: Row | null, b: Row | null) => pair(a, b),
          sideOutputLate: { left: 'lateLeft', right: 'lateRight' },
        }),
      );
      expectSame(
        create,
        (coming) => {
          const late: string[] = [];
          const groups = new Map<string, { end: number; lefts: Row[]; rights: Row[] }>();
          for (const one of coming) {
            const all = windowsOf(one.row.time);
            const open = all.filter(([, end]) => !hasPassed(one.splitMs, end - 1));
            if (all.length > 0 && open.length === 0) late.push(lateLine(one));
            for (const [start, end] of open) {
              const name = `${one.row.k} ${start} ${end}`;
              const group = groups.get(name) ?? { end, lefts: [], rights: [] };
              groups.set(name, group);
              (one.side === 'left' ? group.lefts : group.rights).push(one.row);
            }
          }
          const rows = [...groups.values()].flatMap(({ end, lefts, rights }) => {
            const isNull = [...lefts, ...rights][0]!.k === null;
            const [l, r] = [isNull ? [] : lefts, isNull ? [] : rights];
            return [
              ...l.flatMap((a) => r.map((b) => pair(a, b))),
              ...(isAlone(kind, 'left') && r.length === 0 ? lefts.map((a) => pair(a, null)) : []),
              ...(isAlone(kind, 'right') && l.length === 0 ? rights.map((b) => pair(null, b)) : []),
            ].map((text) => `${text} at ${end - 1}`);
          });
          return [...late, ...rows];
        },
        8,
      );
    },
  );

  it('of groups gives one row of each key and window, also of the null key', () => {
    const create = joined('co-group', (left, right) =>
      left.coGroup(right, {
        window: tumbling(sizeMs),
        select: (lefts, rights, key, { windowStart, windowEnd }) => {
          const ids = (rows: readonly Row[]) => rows.map(({ id }) => id).sort();
          return `${key} ${windowStart}–${windowEnd}: ${ids(lefts)} | ${ids(rights)}`;
        },
        sideOutputLate: { left: 'lateLeft', right: 'lateRight' },
      }),
    );
    expectSame(create, (coming) => {
      const groups = new Map<string, { lefts: string[]; rights: string[]; start: number }>();
      for (const one of coming) {
        if (isLate(one)) continue;
        const start = startOf(one.row);
        const name = `${one.row.k} ${start}`;
        const group = groups.get(name) ?? { lefts: [], rights: [], start };
        groups.set(name, group);
        (one.side === 'left' ? group.lefts : group.rights).push(one.row.id);
      }
      return [
        ...coming.filter(isLate).map(lateLine),
        ...[...groups].map(([name, { lefts, rights, start }]) => {
          const end = start + sizeMs;
          return `${name}–${end}: ${lefts.sort()} | ${rights.sort()} at ${end - 1}`;
        }),
      ];
    });
  });
});

describe('a row that select cannot make', () => {
  const failing = (a: Row | null, b: Row | null): string => {
    if ([a, b].some((one) => one?.id === 'bad')) throw new Error('bad');
    return pair(a, b);
  };
  const window = tumbling(10);
  const types = {
    'interval-join': (l: Rows, r: Rows) =>
      l.intervalJoin(r, { lowerMs: -1, upperMs: 1, kind: 'full', select: failing }),
    'window-join': (l: Rows, r: Rows) => l.join(r, { window, kind: 'full', select: failing }),
    'latest-join': (l: Rows, r: Rows) => l.joinLatest(r, { kind: 'left', select: failing }),
  };

  it.each(Object.entries(types))('is put aside alone, when its time has come: %s', (type, join) => {
    const aside: unknown[] = [];
    const reject = (what: unknown, at: number, error: unknown) =>
      void aside.push([(what as Row).id, at, (error as Error).message]);
    const harness = new Harness(joined(type, join), { undoes: true, reject });
    for (const item of [row('left', 3), row('left', 5, 'bad'), row('left', 7)]) harness.feed(item);
    harness.feed(wm(20));
    const times = {
      'interval-join': [4, 6, 8],
      'window-join': [9, 9, 9],
      'latest-join': [3, 5, 7],
    };
    const [first, at, last] = times[type as keyof typeof times];
    expect(told(harness.emitted)).toEqual([
      `l3 and nobody at ${first}`,
      `l7 and nobody at ${last}`,
    ]);
    expect(aside).toEqual([['bad', at, 'bad']]);
    // Nothing of it is left, and nothing comes again.
    harness.feed(wm(Number.POSITIVE_INFINITY));
    expect(aside).toHaveLength(1);
    expect(harness.snapshot().find(({ name }) => name === 'cells')!.bytes.length).toBeLessThan(140);
  });

  it('is told by the time and key of its group, of coGroup, and by both records of a pair', () => {
    const aside: unknown[] = [];
    const reject = (what: unknown) => void aside.push(what);
    const groups = joined('co-group', (l, r) =>
      l.coGroup(r, {
        window,
        select: () => {
          throw new Error('none');
        },
      }),
    );
    const harness = new Harness(groups, { undoes: true, reject });
    harness.feed(row('left', 3));
    harness.feed(wm(20));
    const pairs = new Harness(joined('window-join', types['window-join']), {
      undoes: true,
      reject,
    });
    pairs.feed(row('left', 3, 'bad'));
    pairs.feed(row('right', 4));
    pairs.feed(wm(20));
    expect(aside).toEqual([
      { key: 'a', windowStart: 0, windowEnd: 10 },
      { left: { k: 'a', id: 'bad', time: 3 }, right: { k: 'a', id: 'r4', time: 4 } },
    ]);
  });

  it('changes nothing where it comes of a record: that one is put aside', () => {
    const harness = new Harness(joined('interval-join', types['interval-join']), { undoes: true });
    harness.feed(row('left', 3));
    expect(() => harness.feed(row('right', 3, 'bad'))).toThrow('bad');
    harness.feed(row('left', 4));
    harness.feed(wm(20));
    expect(told(harness.emitted)).toEqual(['l3 and nobody at 4', 'l4 and nobody at 5']);
  });
});

describe('joinLatest', () => {
  const create = (kind: 'inner' | 'left') =>
    joined('latest-join', (left, versions) =>
      left.joinLatest(versions, {
        kind,
        select: (a: Row, b: Row | null) => pair(a, b),
        sideOutputLate: { left: 'lateLeft' },
      }),
    );

  it.each(['inner', 'left'] as const)('gives what a plain loop does: %s', (kind) => {
    expectSame(create(kind), (coming) => {
      const { lefts, rights } = sidesOf(coming);
      return lefts.flatMap((one) => {
        const { row: l, splitMs } = one;
        if (hasPassed(splitMs, l.time)) return [lateLine(one)];
        let found: Row | undefined;
        for (const { row: r, splitMs: behind } of rights) {
          const isThere =
            r.k === l.k &&
            l.k !== null &&
            r.time <= l.time &&
            (!hasPassed(behind, r.time) || behind < l.time);
          if (isThere && (found === undefined || r.time >= found.time)) found = r;
        }
        if (found === undefined && kind === 'inner') return [];
        return [`${pair(l, found ?? null)} at ${l.time}`];
      });
    });
  });

  it('takes the last version up to the row’s time, when the watermark is there', () => {
    const versions = [row('right', 3), row('right', 5, 'first'), row('right', 5, 'second')];
    const { emitted } = runPlain(
      create('left'),
      [row('left', 5), ...versions, wm(4), wm(5)],
      SIDES,
    );
    expect(emitted).toEqual([wm(4), { record: 'l5 and second', at: 5 }, wm(5)]);
  });

  it('keeps the newest version up to the watermark, and puts aside a row that is late', () => {
    const harness = new Harness(create('left'), SIDES);
    for (let time = 1; time <= 300; time += 1) {
      harness.feed(row('right', time));
      harness.feed(wm(time));
    }
    const held = harness.snapshot().find(({ name }) => name === 'cells')!;
    expect(held.bytes.length).toBeLessThan(400);
    harness.feed(row('left', 300, 'late'));
    harness.feed(row('left', 900));
    harness.feed(wm(900));
    expect(told(harness.emitted)).toEqual(['l900 and r300 at 900', 'lateLeft: late']);
  });

  it('lets a late version be in force from then on, behind newer ones', () => {
    const items = [
      row('right', 2),
      wm(8),
      row('right', 5, 'late', { behind: 8 }),
      row('left', 9),
      row('right', 10),
      row('left', 11),
      wm(20),
      row('right', 4, 'older', { behind: 20 }),
      row('left', 21),
      wm(30),
    ];
    const { emitted, counters } = runPlain(create('left'), items, SIDES);
    expect(told(emitted)).toEqual(['l11 and r10 at 11', 'l21 and r10 at 21', 'l9 and late at 9']);
    expect(counters).toEqual({ lateVersions: 2 });
  });
});

describe('joins in the graph', () => {
  const build = (use: (left: Rows, right: Rows) => unknown, isTimed = true) =>
    draw((env) => {
      const [left, right] = ['a', 'b'].map((name) => {
        const stream = env.from({ ...source<Row>(name), timed: false });
        return (isTimed ? stream.withTimestamps(({ time }) => time) : stream).keyBy(({ k }) => k);
      });
      const stream = use(left!, right!) as { sinkTo(to: unknown): unknown };
      stream.sinkTo(sink());
    });
  const select = (): string => '';

  it('are refused without event times, but the one that needs none', () => {
    for (const [name, join] of Object.entries({
      intervalJoin: (l: Rows, r: Rows) => l.intervalJoin(r, { lowerMs: 0, upperMs: 1, select }),
      join: (l: Rows, r: Rows) => l.join(r, { window: tumbling(5), select }),
      coGroup: (l: Rows, r: Rows) => l.coGroup(r, { window: tumbling(5), select }),
      joinLatest: (l: Rows, r: Rows) => l.joinLatest(r, { select }),
    })) {
      expect(thrownBy(() => build(join, false))).toMatchObject({
        code: 'ERR_HOLDFAST_NO_TIMESTAMP',
        message: expect.stringContaining(
          `${name}(…) goes by event times, and the left stream has none`,
        ),
      });
    }
    build((l, r) => l.join(r, { select }), false);
  });

  it('tell of a join that keeps everything', () => {
    const noticesOf = (use: (left: Rows, right: Rows) => unknown) =>
      planJob(graphData(build(use)), { slots: 1, keyGroups: 16 }).notices.map(({ text }) => text);
    expect(noticesOf((l, r) => l.join(r, { select }))).toEqual([
      expect.stringContaining('keeps every row of both streams for good'),
    ]);
    expect(noticesOf((l, r) => l.join(r, { select, ttlMs: 5 }))).toEqual([]);
  });

  it('refuse what they cannot do', () => {
    const codeOf = (use: (left: Rows, right: Rows) => unknown) =>
      (thrownBy(() => build(use)) as { code: string; message: string }).message;
    expect(codeOf((l, r) => l.intervalJoin(r, { lowerMs: 2, upperMs: 1, select }))).toContain(
      'would join nothing',
    );
    expect(codeOf((l, r) => l.intervalJoin(r, { lowerMs: 0.5, upperMs: 1, select }))).toContain(
      'intervalJoin({ lowerMs }) must be a whole number',
    );
    expect(codeOf((l, r) => l.join(r, { select, kind: 'left' as never }))).toContain(
      "option join.kind: given was 'left', allowed is 'inner'",
    );
    expect(codeOf((l, r) => l.join(r, { select, lowerMs: 5 } as never))).toContain(
      'option join.lowerMs is not known',
    );
    expect(
      codeOf((l, r) => l.coGroup(r, { select, window: session({ gapMs: 5 }) as never })),
    ).toContain('coGroup({ window }) needs windows that are the same for all keys');
    expect(codeOf((l, r) => l.join(r, { select: 5 } as never))).toContain(
      'join({ select }) needs a function',
    );
    expect(
      codeOf((l, r) =>
        l.join(r, { select, window: tumbling(5), sideOutputLate: { left: 'x', right: 'x' } }),
      ),
    ).toContain("has the name 'x' for both sides");
    expect(codeOf((l) => l.joinLatest(l.map(String) as never, { select }))).toContain(
      'joinLatest(…) was given one keyed stream, the left one',
    );
  });
});
