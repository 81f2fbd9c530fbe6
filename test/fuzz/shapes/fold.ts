/**
 * Windows of event time that overlap or not, and sessions, folded by `aggregate` or `reduce`, with allowed lateness, and
 * perhaps folded again by a second window.
 *
 * A record is late when its window's end − 1 + allowed lateness is at or before the time that its own split
 * had just before it. For sessions its own time stands in the place of the window's end − 1. Where windows overlap, it is
 * late when it is so for all of them, and counts in the others.
 */

import { type Random, randomInt } from '../../../src/base/random.js';
import { count, max, min, sum } from '../../../src/stream/api/aggregations.js';
import {
  cumulative,
  session,
  sliding,
  tumbling,
  type WindowBounds,
  type WindowDefinition,
} from '../../../src/stream/api/windows.js';
import type { Answer, Arrivals, Collected, FuzzRecord, Shape, Streams } from '../shape.js';
import { key, picker, recordText, sorted } from './kit.js';

export interface FoldSpec {
  readonly sizeMs: number;
  /** Above 0 windows are sessions with this gap, of which `sizeMs` says nothing. */
  readonly gapMs: number;
  /** Windows that overlap: how, and how far apart their ends are. Undefined: they do not. */
  readonly overlap: FuzzOverlap | undefined;
  readonly allowedLatenessMs: number;
  readonly fold: 'aggregate' | 'reduce';
  /** Size of a second window, a multiple of the first, that folds the rows of the first; 0: none. */
  readonly againMs: number;
}

export interface FuzzOverlap {
  readonly kind: 'sliding' | 'cumulative';
  readonly everyMs: number;
}

export function drawFold(random: Random, sizeMs: number): FoldSpec {
  const pick = picker(random);
  const allowedLatenessMs = pick(0, 0, sizeMs, 3 * sizeMs, 100_000);
  const fold = pick('aggregate', 'aggregate', 'reduce');
  const isTwofold = fold === 'aggregate' && allowedLatenessMs === 0 && random.next() < 0.3;
  // A reduced record does not tell which earlier ones it takes the place of.
  const maySession = fold === 'aggregate' || allowedLatenessMs === 0;
  const gapMs = maySession && random.next() < 0.35 ? pick(1, 7, 40, sizeMs) : 0;
  const againMs = isTwofold ? sizeMs * pick(2, 5) : 0;
  const spec = { sizeMs, gapMs, overlap: undefined, allowedLatenessMs, fold, againMs } as const;
  const mayOverlap = fold === 'aggregate' && gapMs === 0 && againMs === 0;
  if (!mayOverlap || random.next() < 0.5) return spec;
  const overlap = [
    { kind: 'sliding', everyMs: sizeMs / 5 },
    // Ends of windows divide slides.
    { kind: 'sliding', everyMs: Math.ceil(sizeMs / 3) },
    { kind: 'cumulative', everyMs: sizeMs / 5 },
  ] as const;
  return { ...spec, overlap: overlap[randomInt(random, overlap.length)] };
}

export function foldShape(spec: FoldSpec): Shape {
  const { sizeMs, gapMs, overlap, allowedLatenessMs, fold, againMs } = spec;
  const plain = gapMs > 0 ? `session(${gapMs})` : `tumbling(${sizeMs})`;
  const window = overlap === undefined ? plain : `${overlap.kind}(${sizeMs}, ${overlap.everyMs})`;
  const again = againMs > 0 ? `.keyBy(key).window(tumbling(${againMs})).aggregate()` : '';
  return {
    text: `.keyBy(k).window(${window}).allowedLateness(${allowedLatenessMs}).${fold}()${again}`,
    build: (streams) => build(spec, streams),
    answer: (collected) => answerOf(spec, collected),
    right: (arrivals) => rightFold(spec, arrivals),
    smaller: () =>
      [
        ...(gapMs > 0 ? [{ ...spec, gapMs: 0 }] : []),
        ...(overlap === undefined ? [] : [{ ...spec, overlap: undefined }]),
        ...(againMs > 0 ? [{ ...spec, againMs: 0 }] : []),
        ...(allowedLatenessMs > 0 ? [{ ...spec, allowedLatenessMs: 0 }] : []),
      ].map(foldShape),
  };
}

interface AggregateRow {
  readonly key: string;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly replaces?: readonly WindowBounds[];
  readonly n: number;
  readonly s: number;
  readonly lo: number;
  readonly hi: number;
}

function build(spec: FoldSpec, { left }: Streams): void {
  const windows = left
    .keyBy(key)
    .window(windowOf(spec))
    .allowedLateness(spec.allowedLatenessMs)
    .sideOutputLate('late');
  if (spec.fold === 'reduce') {
    const reduced = windows.reduce((a, b) => (a.id > b.id ? a : b)).uid('fold');
    reduced.collect('rows').uid('rows');
    reduced.sideOutput<FuzzRecord>('late').collect('late').uid('late');
    return;
  }
  const once = windows
    .aggregate({
      n: count(),
      s: sum((r: FuzzRecord) => r.v),
      lo: min((r: FuzzRecord) => r.v),
      hi: max((r: FuzzRecord) => r.v),
    })
    .uid('fold');
  once.sideOutput<FuzzRecord>('late').collect('late').uid('late');
  if (spec.againMs === 0) {
    once.collect('rows').uid('rows');
    return;
  }
  once
    .keyBy(({ key }) => key)
    .window(tumbling(spec.againMs))
    .aggregate({
      n: sum(({ n }: { n: number }) => n),
      s: sum(({ s }: { s: number | null }) => s),
      lo: min(({ lo }: { lo: number | null }) => lo),
      hi: max(({ hi }: { hi: number | null }) => hi),
    })
    .uid('again')
    .collect('rows')
    .uid('rows');
}

function windowOf({ sizeMs, gapMs, overlap }: FoldSpec): WindowDefinition {
  if (gapMs > 0) return session({ gapMs });
  switch (overlap?.kind) {
    case 'sliding':
      return sliding({ sizeMs, slideMs: overlap.everyMs });
    case 'cumulative':
      return cumulative({ sizeMs, stepMs: overlap.everyMs });
    default:
      return tumbling(sizeMs);
  }
}

const windowStart = (t: number, sizeMs: number): number => Math.floor(t / sizeMs) * sizeMs;

interface Fold {
  readonly key: string;
  readonly start: number;
  /** Of a session: its last record's time + the gap. Of windows that overlap: where it ends. */
  readonly end?: number | undefined;
  n: number;
  s: number;
  lo: number;
  hi: number;
}

function aggregateText({ key, start, end, n, s, lo, hi }: Readonly<Fold>): string {
  return `${key}@${start}${end === undefined ? '' : `–${end}`}: n ${n}, sum ${s}, min ${lo}, max ${hi}`;
}

function reduceText({ gapMs, sizeMs }: FoldSpec, { k, t, id, v }: FuzzRecord): string {
  // Where a session begins does not show in a reduced record.
  return `${k}${gapMs > 0 ? '' : `@${windowStart(t, sizeMs)}`}: id ${id}, v ${v}`;
}

/** A window that fired again has several rows. */
function answerOf(spec: FoldSpec, collected: Collected): Answer {
  const rows = collected['rows'] ?? [];
  const late = ((collected['late'] ?? []) as readonly FuzzRecord[]).map(recordText);
  const isByBounds = spec.gapMs > 0 || spec.overlap !== undefined;
  if (spec.fold === 'aggregate' && isByBounds && spec.againMs === 0) {
    return { row: sorted(standingRows(rows)), late: sorted(late) };
  }
  const texts = spec.fold === 'reduce' ? lastReduced(spec, rows) : lastAggregated(rows);
  return { row: sorted(texts), late: sorted(late) };
}

/** The last row of a window is the one over most records; where it lies among others says nothing. */
function lastAggregated(rows: readonly unknown[]): string[] {
  const last = new Map<string, Fold>();
  for (const { key, windowStart, n, s, lo, hi } of rows as readonly AggregateRow[]) {
    const name = `${key}@${windowStart}`;
    const known = last.get(name);
    if (known === undefined || n > known.n)
      last.set(name, { key, start: windowStart, n, s, lo, hi });
  }
  return [...last.values()].map(aggregateText);
}

/** Those that no other row takes the place of. A row of the same bounds counts more records, or comes later. */
function standingRows(rows: readonly unknown[]): string[] {
  const folds = rows as readonly AggregateRow[];
  const name = (key: string, { windowStart, windowEnd }: WindowBounds) =>
    `${key}@${windowStart}–${windowEnd}`;
  const replaced = new Set<string>();
  const last = new Map<string, AggregateRow>();
  for (const row of folds) {
    const own = name(row.key, row);
    for (const one of row.replaces ?? []) {
      if (name(row.key, one) !== own) replaced.add(name(row.key, one));
    }
    const known = last.get(own);
    if (known === undefined || row.n > known.n) last.set(own, row);
  }
  return [...last]
    .filter(([own]) => !replaced.has(own))
    .map(([, { key, windowStart: start, windowEnd: end, n, s, lo, hi }]) =>
      aggregateText({ key, start, end, n, s, lo, hi }),
    );
}

/** Of sessions each comes once. */
function lastReduced(spec: FoldSpec, rows: readonly unknown[]): string[] {
  const records = rows as readonly FuzzRecord[];
  if (spec.gapMs > 0) return records.map((record) => reduceText(spec, record));
  const last = new Map<string, FuzzRecord>();
  for (const record of records) {
    const name = `${record.k}@${windowStart(record.t, spec.sizeMs)}`;
    const known = last.get(name);
    if (known === undefined || record.id > known.id) last.set(name, record);
  }
  return [...last.values()].map((record) => reduceText(spec, record));
}

function rightFold(spec: FoldSpec, { left }: Arrivals): Answer {
  const { sizeMs, gapMs, allowedLatenessMs } = spec;
  const late: string[] = [];
  const onTime: FuzzRecord[] = [];
  const overlapping = new Map<string, Window>();
  for (const { record, splitMs } of left) {
    const open = boundsOf(spec, record.t).filter(({ last }) => last + allowedLatenessMs > splitMs);
    if (open.length === 0) late.push(recordText(record));
    else if (spec.overlap === undefined) onTime.push(record);
    else for (const { start, last } of open) put(overlapping, record, { start, end: last + 1 });
  }
  const windows = [
    ...(gapMs > 0 ? sessionsOf(onTime, gapMs) : tumblingOf(onTime, sizeMs)),
    ...overlapping.values(),
  ];
  const rows = again(spec, windows.map(foldOf)).map(aggregateText);
  const reduced = windows.map(({ records }) =>
    reduceText(
      spec,
      records.reduce((a, b) => (b.id > a.id ? b : a)),
    ),
  );
  return { row: sorted(spec.fold === 'aggregate' ? rows : reduced), late: sorted(late) };
}

interface Window extends Pick<Fold, 'key' | 'start' | 'end'> {
  readonly records: FuzzRecord[];
}

/** The windows of a time: where they begin, and the moment with which they close. */
function boundsOf({ sizeMs, gapMs, overlap }: FoldSpec, t: number) {
  if (gapMs > 0) return [{ start: t, last: t }];
  const begin = windowStart(t, sizeMs);
  if (overlap === undefined) return [{ start: begin, last: begin + sizeMs - 1 }];
  const { kind, everyMs } = overlap;
  const found: { readonly start: number; readonly last: number }[] = [];
  if (kind === 'sliding') {
    for (let start = windowStart(t, everyMs); start + sizeMs > t; start -= everyMs) {
      found.push({ start, last: start + sizeMs - 1 });
    }
  } else {
    for (let end = begin + everyMs; end <= begin + sizeMs; end += everyMs) {
      if (end > t) found.push({ start: begin, last: end - 1 });
    }
  }
  return found;
}

function put(
  windows: Map<string, Window>,
  record: FuzzRecord,
  bounds: Pick<Fold, 'start' | 'end'>,
): void {
  const name = `${record.k}@${bounds.start}–${bounds.end}`;
  const window = windows.get(name) ?? { key: record.k, ...bounds, records: [] };
  window.records.push(record);
  windows.set(name, window);
}

function tumblingOf(records: readonly FuzzRecord[], sizeMs: number): readonly Window[] {
  const windows = new Map<string, Window>();
  for (const record of records) put(windows, record, { start: windowStart(record.t, sizeMs) });
  return [...windows.values()];
}

/** Cuts the records of each key, in order of time, where they are more than the gap apart. */
export function sessionsOf(records: readonly FuzzRecord[], gapMs: number): readonly Window[] {
  const windows: Window[] = [];
  for (const key of new Set(records.map(({ k }) => k))) {
    const own = records.filter(({ k }) => k === key).sort((a, b) => a.t - b.t);
    let first = 0;
    for (const [i, { t }] of own.entries()) {
      if (i + 1 < own.length && own[i + 1]!.t - t <= gapMs) continue;
      windows.push({ key, start: own[first]!.t, end: t + gapMs, records: own.slice(first, i + 1) });
      first = i + 1;
    }
  }
  return windows;
}

function foldOf({ records, ...bounds }: Window): Fold {
  const values = records.map(({ v }) => v);
  const s = values.reduce((a, b) => a + b, 0);
  return { ...bounds, n: values.length, s, lo: Math.min(...values), hi: Math.max(...values) };
}

/** The second window over the rows of the first, each of which has the last moment of its window as its time. */
function again({ againMs, sizeMs }: FoldSpec, folds: readonly Fold[]): readonly Fold[] {
  if (againMs === 0) return folds;
  const wider = new Map<string, Fold>();
  for (const { key, start, end = start + sizeMs - 1, n, s, lo, hi } of folds) {
    const from = windowStart(end, againMs);
    const name = `${key}@${from}`;
    const known = wider.get(name);
    if (known === undefined) {
      wider.set(name, { key, start: from, n, s, lo, hi });
      continue;
    }
    known.n += n;
    known.s += s;
    known.lo = Math.min(known.lo, lo);
    known.hi = Math.max(known.hi, hi);
  }
  return [...wider.values()];
}
