/** Joins of rows that are near each other, of all rows of a key, with the latest version, and with a table. */

import { type Random, randomInt } from '../../../src/base/random.js';
import { fromCollection } from '../../../src/connectors/index.js';
import { count } from '../../../src/stream/api/aggregations.js';
import type { DataStream } from '../../../src/stream/api/data-stream.js';
import { tumbling } from '../../../src/stream/api/windows.js';
import type { JoinKind } from '../../../src/stream/joins/join-options.js';
import type { Answer, Collected, FuzzRecord, Given, Shape } from '../shape.js';
import { groupBy, isLate, key, nameOf, picker, recordsOf, recordText, sorted } from './kit.js';

export interface Pair {
  readonly k: string;
  readonly pair: string;
}

export const pairOf = (left: FuzzRecord | null, right: FuzzRecord | null): Pair => ({
  k: (left ?? right)!.k,
  pair: `${nameOf(left)} and ${nameOf(right)}`,
});
const pairText = ({ k, pair }: Pair): string => `${k}: ${pair}`;

export const LATE_SIDES = { left: 'lateLeft', right: 'lateRight' } as const;

export function collectLate(joined: DataStream<unknown, 'lateLeft' | 'lateRight'>): void {
  for (const tag of Object.values(LATE_SIDES)) {
    joined.sideOutput<FuzzRecord>(tag).collect(tag).uid(tag);
  }
}

export const lateTexts = (collected: Collected): Answer =>
  Object.fromEntries(
    Object.values(LATE_SIDES).map((tag) => [
      tag,
      sorted(((collected[tag] ?? []) as readonly FuzzRecord[]).map(recordText)),
    ]),
  );

export const rightLate = (left: readonly Given[], right: readonly Given[]): Answer => ({
  lateLeft: sorted(recordsOf(left).map(recordText)),
  lateRight: sorted(recordsOf(right).map(recordText)),
});

/** Every pair that meets, and by kind those that meet nobody. */
export function pairsOf(
  lefts: readonly FuzzRecord[],
  rights: readonly FuzzRecord[],
  kind: JoinKind,
  meet: (left: FuzzRecord, right: FuzzRecord) => boolean,
): readonly (readonly [FuzzRecord | null, FuzzRecord | null])[] {
  const pairs: (readonly [FuzzRecord | null, FuzzRecord | null])[] = [];
  for (const left of lefts) {
    const found = rights.filter((right) => left.k === right.k && meet(left, right));
    for (const right of found) pairs.push([left, right]);
    if (found.length === 0 && kind !== 'inner') pairs.push([left, null]);
  }
  if (kind !== 'full') return pairs;
  for (const right of rights) {
    if (!lefts.some((left) => left.k === right.k && meet(left, right))) pairs.push([null, right]);
  }
  return pairs;
}

const rowsText = (pairs: ReturnType<typeof pairsOf>): string[] =>
  sorted(pairs.map(([left, right]) => pairText(pairOf(left, right))));

interface Interval {
  readonly lowerMs: number;
  readonly upperMs: number;
  readonly allowedLatenessMs: number;
  readonly kind: JoinKind;
  /** Above 0: pairs, by their times, in windows of this size. A row that has met nobody has the last moment at which it might have. */
  readonly thenMs: number;
}

function intervalShape(interval: Interval): Shape {
  const { lowerMs, upperMs, allowedLatenessMs, kind, thenMs } = interval;
  const then = thenMs > 0 ? `.keyBy(k).window(tumbling(${thenMs})).aggregate()` : '';
  return {
    text: `a.intervalJoin(b, { lowerMs: ${lowerMs}, upperMs: ${upperMs}, allowedLatenessMs: ${allowedLatenessMs}, kind: '${kind}' })${then}`,
    build({ left, right }) {
      const joined = left
        .keyBy(key)
        .intervalJoin(right.keyBy(key), {
          lowerMs,
          upperMs,
          allowedLatenessMs,
          kind,
          select: (l, r) => pairOf(l, r),
          sideOutputLate: LATE_SIDES,
        })
        .uid('join');
      collectLate(joined);
      joined.collect('rows').uid('rows');
      if (thenMs === 0) return;
      joined
        .keyBy(({ k }) => k)
        .window(tumbling(thenMs))
        .aggregate({ n: count() })
        .uid('then')
        .collect('windows')
        .uid('windows');
    },
    answer: (collected) => ({
      row: sorted((collected['rows'] as readonly Pair[]).map(pairText)),
      window: sorted(
        (
          (collected['windows'] ?? []) as readonly { key: string; windowStart: number; n: number }[]
        ).map(({ key, windowStart, n }) => `${key}@${windowStart}: ${n}`),
      ),
      ...lateTexts(collected),
    }),
    right({ left, right }) {
      const late = (given: Given) => isLate(given, given.record.t + allowedLatenessMs);
      const [lefts, rights] = [left, right].map((given) =>
        recordsOf(given.filter((one) => !late(one))),
      );
      const pairs = pairsOf(lefts!, rights!, kind, (l, r) => {
        return r.t - l.t >= lowerMs && r.t - l.t <= upperMs;
      });
      const timeOf = ([l, r]: (typeof pairs)[number]): number => {
        if (l !== null && r !== null) return Math.max(l.t, r.t);
        return l === null ? Math.max(r!.t, r!.t - lowerMs) : Math.max(l.t, l.t + upperMs);
      };
      const counts =
        thenMs === 0
          ? []
          : [
              ...groupBy(
                pairs,
                (pair) =>
                  `${(pair[0] ?? pair[1])!.k}@${Math.floor(timeOf(pair) / thenMs) * thenMs}`,
              ),
            ].map(([window, found]) => `${window}: ${found.length}`);
      return {
        row: rowsText(pairs),
        window: sorted(counts),
        ...rightLate(left.filter(late), right.filter(late)),
      };
    },
    smaller: () =>
      [
        ...(thenMs > 0 ? [{ ...interval, thenMs: 0 }] : []),
        ...(kind === 'inner' ? [] : [{ ...interval, kind: 'inner' as const }]),
        ...(allowedLatenessMs > 0 ? [{ ...interval, allowedLatenessMs: 0 }] : []),
      ].map(intervalShape),
  };
}

export function drawIntervalJoin(random: Random, sizeMs: number): Shape {
  const pick = picker(random);
  const lowerMs = pick(-sizeMs, -20, 0, 0, 7, Math.floor(sizeMs / 2));
  const allowedLatenessMs = pick(0, 0, 10, 3 * sizeMs);
  return intervalShape({
    lowerMs,
    upperMs: lowerMs + pick(0, 5, 40, sizeMs),
    allowedLatenessMs,
    kind: pick('inner', 'left', 'full'),
    thenMs: allowedLatenessMs === 0 && random.next() < 0.4 ? sizeMs : 0,
  });
}

/** By key alone, or less than so far apart. */
export function drawKeyJoin(random: Random, sizeMs: number): Shape {
  const ttlMs = picker(random)(undefined, 1, 30, sizeMs, 5 * sizeMs);
  return {
    text: `a.join(b, { ttlMs: ${ttlMs} })`,
    build({ left, right }) {
      const options = { select: (l: FuzzRecord, r: FuzzRecord) => pairOf(l, r), ttlMs };
      left.keyBy(key).join(right.keyBy(key), options).uid('join').collect('rows').uid('rows');
    },
    answer: (collected) => ({ row: sorted((collected['rows'] as readonly Pair[]).map(pairText)) }),
    right({ left, right }) {
      const [lefts, rights] = [left, right].map((given) =>
        recordsOf(given.filter((one) => ttlMs === undefined || !isLate(one, one.record.t))),
      );
      return {
        row: rowsText(
          pairsOf(
            lefts!,
            rights!,
            'inner',
            (l, r) => Math.abs(l.t - r.t) < (ttlMs ?? Number.POSITIVE_INFINITY),
          ),
        ),
      };
    },
  };
}

/** Which of several versions of one moment is the last one is not promised, so a version tells its time alone. */
export function drawLatestJoin(random: Random): Shape {
  const kind = picker(random)('inner', 'left');
  const text = (left: FuzzRecord, right: FuzzRecord | null) =>
    `${left.id} has ${right?.t ?? 'none'}`;
  return {
    text: `a.joinLatest(b, { kind: '${kind}' })`,
    build({ left, right }) {
      const joined = left
        .keyBy(key)
        .joinLatest(right.keyBy(key), {
          kind,
          select: (l, r: FuzzRecord | null) => text(l, r),
          sideOutputLate: { left: 'late' },
        })
        .uid('join');
      joined.collect('rows').uid('rows');
      joined.sideOutput<FuzzRecord>('late').collect('late').uid('late');
    },
    answer: (collected) => ({
      row: sorted(collected['rows'] as readonly string[]),
      late: sorted((collected['late'] as readonly FuzzRecord[]).map(recordText)),
    }),
    right({ left, right }) {
      const late = (given: Given) => isLate(given, given.record.t);
      const rows = left
        .filter((given) => !late(given))
        .flatMap(({ record }) => {
          // A late version is there for rows behind the time that its split had come to.
          const times = right
            .filter((one) => one.record.k === record.k && one.record.t <= record.t)
            .filter((one) => !late(one) || one.splitMs < record.t)
            .map((one) => one.record);
          if (times.length === 0) return kind === 'left' ? [text(record, null)] : [];
          return [
            text(
              record,
              times.reduce((a, b) => (b.t > a.t ? b : a)),
            ),
          ];
        });
      return {
        row: sorted(rows),
        late: sorted(recordsOf(left.filter(late)).map(recordText)),
      };
    },
  };
}

interface TableRow {
  readonly code: string;
  readonly n: number;
}

export function drawLookup(random: Random): Shape {
  const pick = picker(random);
  const kind = pick('inner', 'left');
  const rows = Array.from({ length: pick(0, 3, 12) }, (_, n): TableRow => {
    return { code: `k${randomInt(random, 6)}`, n };
  });
  const text = ({ id }: FuzzRecord, row: TableRow | null) => `${id} has ${row?.n ?? 'none'}`;
  return {
    text: `a.lookup([${rows.map(({ code, n }) => `${code}=${n}`).join(' ')}], { kind: '${kind}' })`,
    build({ left }) {
      left
        .lookup(fromCollection(rows), {
          key,
          tableKey: ({ code }) => code,
          kind,
          select: (l, r: TableRow | null) => text(l, r),
        })
        .uid('lookup')
        .collect('rows')
        .uid('rows');
    },
    answer: (collected) => ({ row: sorted(collected['rows'] as readonly string[]) }),
    right: ({ left }) => ({
      row: sorted(
        recordsOf(left).flatMap((record) => {
          const found = rows.filter(({ code }) => code === record.k);
          if (found.length > 0) return found.map((row) => text(record, row));
          return kind === 'left' ? [text(record, null)] : [];
        }),
      ),
    }),
  };
}
