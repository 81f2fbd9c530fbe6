/** What shapes share: choosing, texts, and the one rule for late records. */

import { type Random, randomInt } from '../../../src/base/random.js';
import {
  type AlignedWindow,
  calendar,
  cumulative,
  globalWindow,
  sliding,
  tumbling,
} from '../../../src/stream/api/windows.js';
import type { FuzzRecord, Given } from '../shape.js';

export const picker =
  (random: Random) =>
  <T>(...from: readonly T[]): T =>
    from[randomInt(random, from.length)]!;

export const key = ({ k }: FuzzRecord): string => k;
export const sorted = (texts: Iterable<string>): string[] => [...texts].sort();
export const recordText = ({ id, k, v, t }: FuzzRecord): string => `${id}:${k}=${v}@${t}`;
export const nameOf = (record: FuzzRecord | null): string =>
  record === null ? '–' : `${record.id}`;

/** Has the time of a record's own split passed that moment before it came? (docs/late-records.md) */
export const isLate = ({ splitMs }: Given, closeMs: number): boolean => splitMs >= closeMs;

export const recordsOf = (given: readonly Given[]): readonly FuzzRecord[] =>
  given.map(({ record }) => record);

export function groupBy<T, K>(items: Iterable<T>, select: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const name = select(item);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [item]);
    else group.push(item);
  }
  return groups;
}

/** Both inclusive. */
export interface Bounds {
  readonly start: number;
  readonly last: number;
}

/** Windows that are the same for all keys. */
export interface Windows {
  readonly text: string;
  readonly window: AlignedWindow;
  /** In which a time is; none in a gap. */
  of(t: number): readonly Bounds[];
}

const floorTo = (t: number, ms: number, offset: number): number =>
  Math.floor((t - offset) / ms) * ms + offset;

const DAY_MS = 86_400_000;

export function drawWindows(random: Random, sizeMs: number): Windows {
  const pick = picker(random);
  const offsetMs = pick(0, 0, Math.floor(sizeMs / 3));
  const kind = pick('tumbling', 'tumbling', 'sliding', 'gaps', 'cumulative', 'calendar');
  switch (kind) {
    case 'tumbling':
      return {
        text: `tumbling(${sizeMs}, { offsetMs: ${offsetMs} })`,
        window: tumbling(sizeMs, { offsetMs }),
        of: (t) => [
          { start: floorTo(t, sizeMs, offsetMs), last: floorTo(t, sizeMs, offsetMs) + sizeMs - 1 },
        ],
      };
    case 'sliding':
    case 'gaps': {
      const slideMs =
        kind === 'gaps' ? Math.ceil(sizeMs * 1.5) : pick(Math.ceil(sizeMs / 3), sizeMs / 5);
      return {
        text: `sliding({ sizeMs: ${sizeMs}, slideMs: ${slideMs}, offsetMs: ${offsetMs} })`,
        window: sliding({ sizeMs, slideMs, offsetMs }),
        of(t) {
          const found: Bounds[] = [];
          for (let start = floorTo(t, slideMs, offsetMs); start + sizeMs > t; start -= slideMs) {
            found.push({ start, last: start + sizeMs - 1 });
          }
          return found;
        },
      };
    }
    case 'cumulative': {
      const stepMs = sizeMs / 5;
      return {
        text: `cumulative({ sizeMs: ${sizeMs}, stepMs: ${stepMs}, offsetMs: ${offsetMs} })`,
        window: cumulative({ sizeMs, stepMs, offsetMs }),
        of(t) {
          const start = floorTo(t, sizeMs, offsetMs);
          const found: Bounds[] = [];
          for (let end = start + stepMs; end <= start + sizeMs; end += stepMs) {
            if (end > t) found.push({ start, last: end - 1 });
          }
          return found;
        },
      };
    }
    default:
      return {
        text: "calendar('day', { timeZone: 'UTC' })",
        window: calendar('day', { timeZone: 'UTC' }),
        of: (t) => [{ start: floorTo(t, DAY_MS, 0), last: floorTo(t, DAY_MS, 0) + DAY_MS - 1 }],
      };
  }
}

const FAR_MS = 8.64e15;

export const everything: Windows = {
  text: 'globalWindow()',
  window: globalWindow(),
  of: () => [{ start: -FAR_MS, last: FAR_MS - 1 }],
};
