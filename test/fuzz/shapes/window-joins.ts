/** Joins by window, and all of a key and window at once. */

import type { Random } from '../../../src/base/random.js';
import type { Given, Shape } from '../shape.js';
import {
  collectLate,
  LATE_SIDES,
  lateTexts,
  type Pair,
  pairOf,
  pairsOf,
  rightLate,
} from './joins.js';
import {
  type Bounds,
  drawWindows,
  everything,
  groupBy,
  isLate,
  key,
  picker,
  sorted,
  type Windows,
} from './kit.js';

const boundsText = ({ start, last }: Bounds): string => `${start}–${last + 1}`;

/** Those of a time that its own split had not passed. */
const openOf = (windows: Windows, given: Given): readonly Bounds[] =>
  windows.of(given.record.t).filter(({ last }) => !isLate(given, last));

function isLateFor(windows: Windows, given: Given): boolean {
  return windows.of(given.record.t).length > 0 && openOf(windows, given).length === 0;
}

/** By window, the records of a side in it. */
const inWindows = (windows: Windows, side: readonly Given[]) =>
  groupBy(
    side.flatMap((given) => openOf(windows, given).map((bounds) => ({ bounds, given }))),
    ({ bounds }) => boundsText(bounds),
  );

export function drawWindowJoin(random: Random, sizeMs: number): Shape {
  const kind = picker(random)('inner', 'left', 'full');
  const windows = random.next() < 0.15 ? everything : drawWindows(random, sizeMs);
  return {
    text: `a.join(b, { window: ${windows.text}, kind: '${kind}' })`,
    build({ left, right }) {
      const joined = left
        .keyBy(key)
        .join(right.keyBy(key), {
          window: windows.window,
          kind,
          select: (l, r) => pairOf(l, r),
          sideOutputLate: LATE_SIDES,
        })
        .uid('join');
      collectLate(joined);
      joined.collect('rows').uid('rows');
    },
    answer: (collected) => ({
      row: sorted((collected['rows'] as readonly Pair[]).map(({ k, pair }) => `${k}: ${pair}`)),
      ...lateTexts(collected),
    }),
    right({ left, right }) {
      const [lefts, rights] = [inWindows(windows, left), inWindows(windows, right)];
      const rows = [...new Set([...lefts.keys(), ...rights.keys()])].flatMap((window) => {
        const records = (side: typeof lefts) =>
          (side.get(window) ?? []).map(({ given }) => given.record);
        return pairsOf(records(lefts), records(rights), kind, () => true);
      });
      const late = (given: Given) => isLateFor(windows, given);
      return {
        row: sorted(rows.map(([l, r]) => pairOf(l, r)).map(({ k, pair }) => `${k}: ${pair}`)),
        ...rightLate(left.filter(late), right.filter(late)),
      };
    },
  };
}

export function drawCoGroup(random: Random, sizeMs: number): Shape {
  const windows = random.next() < 0.15 ? everything : drawWindows(random, sizeMs);
  const text = (k: string, bounds: string, lefts: readonly number[], rights: readonly number[]) => {
    const listed = (ids: readonly number[]) => ids.toSorted((a, b) => a - b).join(' ');
    return `${k}@${bounds}: ${listed(lefts)} and ${listed(rights)}`;
  };
  return {
    text: `a.coGroup(b, { window: ${windows.text} })`,
    build({ left, right }) {
      const joined = left
        .keyBy(key)
        .coGroup(right.keyBy(key), {
          window: windows.window,
          select: (lefts, rights, k, { windowStart, windowEnd }) =>
            text(
              k,
              `${windowStart}–${windowEnd}`,
              lefts.map(({ id }) => id),
              rights.map(({ id }) => id),
            ),
          sideOutputLate: LATE_SIDES,
        })
        .uid('join');
      collectLate(joined);
      joined.collect('rows').uid('rows');
    },
    answer: (collected) => ({
      row: sorted(collected['rows'] as readonly string[]),
      ...lateTexts(collected),
    }),
    right({ left, right }) {
      const [lefts, rights] = [inWindows(windows, left), inWindows(windows, right)];
      const rows = [...new Set([...lefts.keys(), ...rights.keys()])].flatMap((window) => {
        const ids = (side: typeof lefts, k: string) =>
          (side.get(window) ?? []).flatMap(({ given: { record } }) =>
            record.k === k ? [record.id] : [],
          );
        const all = [...(lefts.get(window) ?? []), ...(rights.get(window) ?? [])];
        return [...new Set(all.map(({ given }) => given.record.k))].map((k) =>
          text(k, window, ids(lefts, k), ids(rights, k)),
        );
      });
      const late = (given: Given) => isLateFor(windows, given);
      return { row: sorted(rows), ...rightLate(left.filter(late), right.filter(late)) };
    },
  };
}
