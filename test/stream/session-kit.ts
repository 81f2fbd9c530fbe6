/** Sessions by a plain loop: nothing of Holdfast is in it but the rule of what is late. */

import fc from 'fast-check';
import { type Emitted, type Item, recordsOf, rising } from './operator-kit.js';

export interface Visit {
  readonly k: string | number;
  readonly n: number;
}

export interface SessionRow {
  readonly key: string | number;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly n: number;
  readonly total: number;
  readonly replaces?: readonly { readonly windowStart: number; readonly windowEnd: number }[];
}

/** The records that are not late, of each key in order of time, cut where they are more than `gapMs` apart. */
export function plainSessions(
  items: readonly Item[],
  gapMs: number,
  latenessMs: number,
  fails: (visit: Visit) => boolean = () => false,
): { readonly rows: readonly SessionRow[]; readonly late: number } {
  let watermark = Number.NEGATIVE_INFINITY;
  let late = 0;
  const taken: { readonly k: string | number; readonly n: number; readonly at: number }[] = [];
  for (const item of items) {
    if ('watermark' in item) {
      watermark = Math.max(watermark, item.watermark);
      continue;
    }
    const { record, at = Number.NaN, behind = Number.NEGATIVE_INFINITY } = item;
    if (at + latenessMs <= Math.max(watermark, behind)) late += 1;
    else if (!fails(record as Visit)) taken.push({ ...(record as Visit), at });
  }
  const rows: SessionRow[] = [];
  for (const k of new Set(taken.map((one) => one.k))) {
    const all = taken.filter((one) => one.k === k).sort((a, b) => a.at - b.at);
    let first = 0;
    for (let i = 0; i < all.length; i += 1) {
      if (i + 1 < all.length && all[i + 1]!.at - all[i]!.at <= gapMs) continue;
      const session = all.slice(first, i + 1);
      rows.push({
        key: k,
        windowStart: session[0]!.at,
        windowEnd: all[i]!.at + gapMs,
        n: session.length,
        total: session.reduce((sum, { n }) => sum + n, 0),
      });
      first = i + 1;
    }
  }
  return { rows: rows.sort(byEnd), late };
}

/** What stands in the end where each row takes the place of those that it names. */
export function standing(emitted: readonly Emitted[]): readonly SessionRow[] {
  const rows = new Map<string, SessionRow>();
  for (const { record } of recordsOf(emitted)) {
    const { replaces = [], ...row } = record as SessionRow;
    const name = ({ windowStart, windowEnd }: Pick<SessionRow, 'windowStart' | 'windowEnd'>) =>
      `${typeof row.key} ${row.key} ${windowStart} ${windowEnd}`;
    for (const one of replaces) {
      if (!rows.delete(name(one))) throw new Error(`no row ${name(one)}`);
    }
    if (rows.has(name(row))) throw new Error(`the row ${name(row)} was there`);
    rows.set(name(row), row);
  }
  return [...rows.values()].sort(byEnd);
}

export function byEnd(a: SessionRow, b: SessionRow): number {
  return a.windowEnd - b.windowEnd || (String(a.key) < String(b.key) ? -1 : 1);
}

const KEYS = ['a', 'a', 'a', 0] as const;

/** Records of which some are behind, and rising watermarks, the last of which closes everything. */
export const program: fc.Arbitrary<readonly Item[]> = fc
  .array(
    fc.oneof(
      {
        arbitrary: fc
          .record({
            k: fc.constantFrom(...KEYS),
            n: fc.nat(9),
            at: fc.integer({ min: -20, max: 60 }),
            behind: fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined, freq: 3 }),
          })
          .map(({ k, n, at, behind }): Item => {
            const item = { record: { k, n }, at, key: k };
            return behind === undefined ? item : { ...item, behind: at + behind };
          }),
        weight: 4,
      },
      fc.integer({ min: -20, max: 60 }).map((ms): Item => ({ watermark: ms })),
    ),
    { maxLength: 40, size: 'max' },
  )
  .map(rising);
