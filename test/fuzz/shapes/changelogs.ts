/**
 * Rows that change. What is compared is the table in the end: as `collectTable` shows it, and as it is for somebody who
 * puts rows in and takes them out as the changes say.
 */

import type { Random } from '../../../src/base/random.js';
import { average, count, max, min, sum } from '../../../src/stream/api/aggregations.js';
import type { ChangelogStream } from '../../../src/stream/api/data-stream.js';
import { asc, desc } from '../../../src/stream/api/order-by.js';
import { session, tumbling } from '../../../src/stream/api/windows.js';
import type { Answer, Collected, FuzzRecord, Given, Shape } from '../shape.js';
import { sessionsOf } from './fold.js';
import { groupBy, isLate, key, picker, recordsOf, sorted } from './kit.js';

type Fields = Readonly<Record<string, unknown>>;

/** Fields in the order of their names. */
function rowText(row: object): string {
  const fields = Object.entries(row).filter(([name]) => name !== 'change');
  return JSON.stringify(Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** What there is once all changes are done, and what was taken out more often than it was put in. */
function tableOf(changes: readonly unknown[]): string[] {
  const rows = new Map<string, number>();
  for (const change of changes as readonly Fields[]) {
    const by = change['change'] === '+I' || change['change'] === '+U' ? 1 : -1;
    rows.set(rowText(change), (rows.get(rowText(change)) ?? 0) + by);
  }
  return sorted(
    [...rows].flatMap(([text, times]) =>
      times >= 0 ? Array.from({ length: times }, () => text) : [`${times} of ${text}`],
    ),
  );
}

function collectChanges<T extends object>(
  changelog: ChangelogStream<T>,
  tableKey: ((row: T) => string) | undefined,
): void {
  changelog.asRecords().collect('changes').uid('changes');
  if (tableKey !== undefined) changelog.collectTable('table', { key: tableKey }).uid('table');
}

const answerOf = (collected: Collected, hasTable: boolean): Answer => ({
  changes: tableOf(collected['changes'] ?? []),
  ...(hasTable
    ? { table: sorted((collected['table'] ?? []).map((row) => rowText(row as object))) }
    : {}),
});

const rightTable = (rows: readonly object[], hasTable: boolean): Answer => {
  const texts = sorted(rows.map(rowText));
  return hasTable ? { changes: texts, table: texts } : { changes: texts };
};

const sumOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

interface KeyRow {
  readonly key: string;
  readonly n: number;
  readonly s: number;
}

const keyRows = (records: readonly FuzzRecord[]): KeyRow[] =>
  [...groupBy(records, key)].map(([k, { length: n }]) => {
    return { key: k, n, s: sumOf(records.filter((r) => r.k === k).map(({ v }) => v)) };
  });

const groupOf = (n: number): string => `g${n % 3}`;

/** Rows of a key go from group to group as they change. */
export function drawRetractions(random: Random): Shape {
  const isFiltered = random.next() < 0.4;
  const passes = ({ n }: { readonly n: number }) => !isFiltered || n % 4 !== 0;
  return {
    text: `.keyBy(k).aggregate().toChangelog()${isFiltered ? '.filter()' : ''}.keyBy(n % 3).aggregate()`,
    build({ left }) {
      const rows = left
        .keyBy(key)
        .aggregate({ n: count(), s: sum((r: FuzzRecord) => r.v) })
        .uid('once')
        .toChangelog();
      const again = (isFiltered ? rows.filter(passes) : rows)
        .keyBy(({ n }) => groupOf(n))
        .aggregate({
          keys: count(),
          n: sum(({ n }) => n),
          lo: min(({ s }) => s),
          hi: max(({ s }) => s),
          mean: average(({ n }) => n),
        })
        .uid('again');
      collectChanges(again, (row) => row.key);
    },
    answer: (collected) => answerOf(collected, true),
    right({ left }) {
      const rows = keyRows(recordsOf(left)).filter(passes);
      return rightTable(
        [...groupBy(rows, ({ n }) => groupOf(n))].map(([group, own]) => {
          const [ns, ss] = [own.map(({ n }) => n), own.map(({ s }) => s)];
          const n = sumOf(ns);
          return {
            key: group,
            keys: own.length,
            n,
            lo: Math.min(...ss),
            hi: Math.max(...ss),
            mean: n / own.length,
          };
        }),
        true,
      );
    },
  };
}

/** The best of each key, of records or of rows that change. */
export function drawTopN(random: Random): Shape {
  const pick = picker(random);
  const n = pick(1, 2, 5);
  const hasPlace = random.next() < 0.5;
  const from = pick('records', 'ties', 'changes');
  const options = hasPlace ? { rank: 'place' as const } : {};
  const placed = <T extends object>(rows: readonly T[]) =>
    rows.slice(0, n).map((row, i) => (hasPlace ? { ...row, place: i + 1 } : row));
  const down =
    <T>(...selectors: ((row: T) => number)[]) =>
    (a: T, b: T) =>
      selectors.map((select) => select(b) - select(a)).find((sign) => sign !== 0) ?? 0;
  return {
    text: `topN(${n}, { ${hasPlace ? "rank: 'place'" : ''} }) of ${from}`,
    build({ left }) {
      if (from === 'records') {
        const top = left
          .keyBy(key)
          .topN(n, { by: [desc(({ v }) => v), asc(({ id }) => id)], ...options });
        collectChanges(top.uid('top'), undefined);
      } else if (from === 'ties') {
        const top = left
          .map(({ k, v }) => ({ k, v: v % 4 }))
          .keyBy(({ k }) => k)
          .topN(n, { by: ({ v }) => v, ties: 'content', ...options });
        collectChanges(top.uid('top'), undefined);
      } else {
        const top = left
          .keyBy(key)
          .aggregate({ n: count(), s: sum((r: FuzzRecord) => r.v) })
          .uid('once')
          .toChangelog()
          .keyBy(({ key: k }) => (k < 'k3' ? 'low' : 'high'))
          .topN(n, { by: [desc(({ s }) => s!), asc(({ key: k }) => k)], ...options });
        collectChanges(top.uid('top'), undefined);
      }
    },
    answer: (collected) => answerOf(collected, false),
    right({ left }) {
      const records = recordsOf(left);
      if (from === 'changes') {
        const rows = keyRows(records).sort((a, b) => (a.key < b.key ? -1 : 1));
        const groups = groupBy(rows, ({ key: k }) => (k < 'k3' ? 'low' : 'high'));
        return rightTable(
          [...groups.values()].flatMap((own) => placed(own.sort(down(({ s }) => s)))),
          false,
        );
      }
      const groups = [...groupBy(records, key).values()];
      if (from === 'records') {
        const better = down<FuzzRecord>(
          ({ v }) => v,
          ({ id }) => -id,
        );
        return rightTable(
          groups.flatMap((own) => placed(own.sort(better))),
          false,
        );
      }
      return rightTable(
        groups.flatMap((own) =>
          placed(own.map(({ k, v }) => ({ k, v: v % 4 })).sort(down(({ v }) => v))),
        ),
        false,
      );
    },
  };
}

/** The last of each value, by what the records say, not by when they came. */
export function drawDistinct(random: Random): Shape {
  const pick = picker(random);
  const keep = pick<'first' | 'last'>('first', 'last');
  const by = pick('time', 'fields');
  // A deletion and a record of one time would be told apart by their arrival.
  const deletes = keep === 'last' && by === 'fields' && random.next() < 0.6;
  const isGone = ({ v }: FuzzRecord) => v % 3 === 0;
  return {
    text: `.distinctBy(k, { keep: '${keep}', by: ${by}${deletes ? ', deletes' : ''} })`,
    build({ left }) {
      const options = { keep, ...(deletes ? { deletes: isGone } : {}) };
      const rows =
        by === 'time'
          ? left
              .map(({ k, t }) => ({ k, t }))
              .distinctBy(({ k }) => k, { keep, by: 'time' })
              .uid('distinct')
          : left
              .distinctBy(key, {
                ...options,
                by: [({ t }: FuzzRecord) => t, ({ id }: FuzzRecord) => id],
              })
              .uid('distinct');
      collectChanges(rows as ChangelogStream<{ k: string }>, ({ k }) => k);
    },
    answer: (collected) => answerOf(collected, true),
    right({ left }) {
      const rows = [...groupBy(recordsOf(left), key).values()].flatMap((own): object[] => {
        const last = own.reduce((a, b) => {
          const isLater = b.t > a.t || (b.t === a.t && b.id >= a.id);
          return isLater === (keep === 'last') ? b : a;
        });
        if (deletes && isGone(last)) return [];
        return [by === 'time' ? { k: last.k, t: last.t } : last];
      });
      return rightTable(rows, true);
    },
  };
}

/** The first of each value, remembered for a while. Each key is of one split. */
export function drawFirst(random: Random, sizeMs: number): Shape {
  const ttlMs = picker(random)(undefined, undefined, 5, 100, sizeMs);
  return {
    text: `.distinctBy(k, { ttlMs: ${ttlMs} })`,
    build({ left }) {
      left.distinctBy(key, { ttlMs }).uid('first').collect('rows').uid('rows');
    },
    answer: ({ rows }) => ({
      row: sorted((rows as readonly FuzzRecord[]).map(({ id }) => `${id}`)),
    }),
    right({ left }) {
      const rows = [...groupBy(left, ({ record }) => record.k).values()].flatMap((own) => {
        let until = Number.NEGATIVE_INFINITY;
        return own.flatMap(({ record: { id, t }, splitMs }) => {
          if ((splitMs >= t ? splitMs : t) < until) return [];
          until = ttlMs === undefined ? Number.POSITIVE_INFINITY : t + ttlMs;
          return [`${id}`];
        });
      });
      return { row: sorted(rows) };
    },
  };
}

/** Windows that late records change, and what is made of their rows. */
export function drawWindowChanges(random: Random, sizeMs: number): Shape {
  const pick = picker(random);
  const allowedLatenessMs = pick(0, sizeMs, 5 * sizeMs, 100_000);
  const gapMs = random.next() < 0.4 ? pick(1, 10, sizeMs) : 0;
  const then = pick('none', 'best', 'totals');
  const window = gapMs > 0 ? `session(${gapMs})` : `tumbling(${sizeMs})`;
  const best = ({ n, key: k }: KeyWindow) => [n, k] as const;
  return {
    text: `.keyBy(k).window(${window}).allowedLateness(${allowedLatenessMs}).aggregate().toChangelog(), then ${then}`,
    build({ left }) {
      const rows = left
        .keyBy(key)
        .window(gapMs > 0 ? session({ gapMs }) : tumbling(sizeMs))
        .allowedLateness(allowedLatenessMs)
        .aggregate({ n: count(), s: sum((r: FuzzRecord) => r.v) })
        .uid('windows')
        .toChangelog()
        .map(({ key: k, windowStart, windowEnd, n, s }) => ({
          key: k,
          windowStart,
          windowEnd,
          n,
          s: s!,
        }));
      if (then === 'none') {
        collectChanges(rows, (row) => `${row.key}@${row.windowStart}–${row.windowEnd}`);
      } else if (then === 'best') {
        const top = rows
          .keyBy(({ windowStart }) => windowStart)
          .topN(1, {
            by: [
              desc((row) => best(row)[0]),
              asc((row) => best(row)[1]),
              asc((row) => row.windowEnd),
            ],
          });
        collectChanges(top.uid('top'), undefined);
      } else {
        const totals = rows
          .keyBy(({ key: k }) => k)
          .aggregate({
            windows: count(),
            n: sum(({ n }) => n),
            hi: max(({ s }) => s),
          });
        collectChanges(totals.uid('totals'), (row) => row.key);
      }
    },
    answer: (collected) => answerOf(collected, then !== 'best'),
    right({ left }) {
      const close = ({ record: { t } }: Given) =>
        (gapMs > 0 ? t : Math.floor(t / sizeMs) * sizeMs + sizeMs - 1) + allowedLatenessMs;
      const records = recordsOf(left.filter((given) => !isLate(given, close(given))));
      const rows = gapMs > 0 ? sessionRows(records, gapMs) : windowRows(records, sizeMs);
      if (then === 'none') return rightTable(rows, true);
      if (then === 'best') {
        const groups = [...groupBy(rows, ({ windowStart }) => windowStart).values()];
        return rightTable(
          groups.map((own) => own.reduce((a, b) => (isAhead(b, a) ? b : a))),
          false,
        );
      }
      return rightTable(
        [...groupBy(rows, ({ key: k }) => k)].map(([k, own]) => ({
          key: k,
          windows: own.length,
          n: sumOf(own.map(({ n }) => n)),
          hi: Math.max(...own.map(({ s }) => s)),
        })),
        true,
      );
    },
  };
}

interface KeyWindow extends KeyRow {
  readonly windowStart: number;
  readonly windowEnd: number;
}

function isAhead(a: KeyWindow, b: KeyWindow): boolean {
  if (a.n !== b.n) return a.n > b.n;
  return a.key === b.key ? a.windowEnd < b.windowEnd : a.key < b.key;
}

function windowRows(records: readonly FuzzRecord[], sizeMs: number): KeyWindow[] {
  const windows = groupBy(records, ({ k, t }) => `${k}@${Math.floor(t / sizeMs)}`);
  return [...windows.values()].map((own) => {
    const windowStart = Math.floor(own[0]!.t / sizeMs) * sizeMs;
    const bounds = { windowStart, windowEnd: windowStart + sizeMs };
    return { key: own[0]!.k, ...bounds, n: own.length, s: sumOf(own.map(({ v }) => v)) };
  });
}

function sessionRows(records: readonly FuzzRecord[], gapMs: number): KeyWindow[] {
  return sessionsOf(records, gapMs).map(({ key: k, start, end, records: own }) => {
    return {
      key: k,
      windowStart: start,
      windowEnd: end!,
      n: own.length,
      s: sumOf(own.map(({ v }) => v)),
    };
  });
}
