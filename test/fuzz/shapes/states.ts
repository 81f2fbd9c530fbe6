/** `process` with state, timers and `ttlMs`; `connect` by key; broadcast state; running aggregates. */

import type { Random } from '../../../src/base/random.js';
import { count, max, min, sum } from '../../../src/stream/api/aggregations.js';
import type { Output } from '../../../src/stream/api/output.js';
import { list, map, reducing, value } from '../../../src/stream/api/state-specs.js';
import type { FuzzRecord, Shape } from '../shape.js';
import { groupBy, key, picker, recordsOf, sorted } from './kit.js';

/** Behind all records: such a timer fires when the input has ended. */
const END_MS = 1e12;

const texts = (rows: readonly unknown[] | undefined): string[] =>
  sorted((rows ?? []) as readonly string[]);

/** Timers tell their times, and at the end each key all that it has kept, of both sides. */
export function drawConnect(random: Random, sizeMs: number): Shape {
  const delayMs = picker(random)(0, 20, sizeMs);
  const endText = (k: string, lefts: number, rights: readonly number[], latest: number) =>
    `${k}: ${lefts} left, right ${rights.toSorted((a, b) => a - b).join(' ')}, latest ${latest}`;
  return {
    text: `a.keyBy(k).connect(b.keyBy(k)).process({ timers ${delayMs} ms behind the right, and at the end })`,
    build({ left, right }) {
      left
        .keyBy(key)
        .connect(right.keyBy(key))
        .process({
          state: {
            lefts: value<number>(),
            rights: list<number>(),
            latest: reducing<number>((a, b) => Math.max(a, b)),
          },
          onLeft({ t }, { state, timers }) {
            state.lefts.update((before = 0) => before + 1);
            state.latest.add(t);
            timers.eventTime(END_MS);
          },
          onRight({ id, t }, { state, timers }) {
            state.rights.add(id);
            state.latest.add(t);
            timers.eventTime(t + delayMs);
            timers.eventTime(END_MS);
            timers.eventTime(2 * END_MS + id);
            timers.deleteEventTime(2 * END_MS + id);
          },
          onTimer(time, { key: k, state }, out: Output<string>) {
            if (time !== END_MS) out.emit(`${k} at ${time}`);
            else {
              const { lefts, rights, latest } = state;
              out.emit(endText(k, lefts.get() ?? 0, rights.values(), latest.get()!));
            }
          },
        })
        .uid('connect')
        .collect('rows')
        .uid('rows');
    },
    // One behind the watermark fires at once, and again when it is set again.
    answer: ({ rows }) => ({ row: sorted(new Set(rows as readonly string[])) }),
    right({ left, right }) {
      const [lefts, rights] = [groupBy(recordsOf(left), key), groupBy(recordsOf(right), key)];
      const rows = [...new Set([...lefts.keys(), ...rights.keys()])].flatMap((k) => {
        const [ofLeft, ofRight] = [lefts.get(k) ?? [], rights.get(k) ?? []];
        const latest = Math.max(...[...ofLeft, ...ofRight].map(({ t }) => t));
        const fired = ofRight.map(({ t }) => t + delayMs);
        return [
          ...fired.map((time) => `${k} at ${time}`),
          endText(
            k,
            ofLeft.length,
            ofRight.map(({ id }) => id),
            latest,
          ),
        ];
      });
      return { row: sorted(new Set(rows)) };
    },
  };
}

/** What each key is told at the end of all that was broadcast. */
export function drawBroadcast(random: Random): Shape {
  const isKeyed = random.next() < 0.8;
  const told = (entries: Iterable<readonly [string, number]>) =>
    sorted([...entries].map(([k, n]) => `${k}=${n}`)).join(' ');
  const sums = { sums: map<string, number>() };
  const onRight = (
    { k, v }: FuzzRecord,
    {
      broadcast,
    }: {
      broadcast: { sums: { get(k: string): number | undefined; set(k: string, v: number): void } };
    },
  ) => broadcast.sums.set(k, (broadcast.sums.get(k) ?? 0) + v);
  return {
    text: isKeyed
      ? 'a.keyBy(k).connect(b.broadcast({ sums })).process({ a timer at the end })'
      : 'a.connect(b.broadcast({ sums })).process()',
    build({ left, right }) {
      const rules = right.broadcast(sums);
      const rows = isKeyed
        ? left
            .keyBy(key)
            .connect(rules)
            .process({
              state: { own: value<number>() },
              onLeft(_record, { state, timers }) {
                state.own.update((before = 0) => before + 1);
                timers.eventTime(END_MS);
              },
              onRight,
              onTimer(_time, { key: k, state, broadcast }, out: Output<string>) {
                out.emit(`${k}: ${state.own.get()} of ${told(broadcast.sums.entries())}`);
              },
            })
        : left.connect(rules).process({
            onLeft: ({ id }: FuzzRecord, _ctx, out: Output<string>) => out.emit(`${id}`),
            onRight,
          });
      rows.uid('broadcast').collect('rows').uid('rows');
    },
    answer: ({ rows }) => ({ row: texts(rows) }),
    right({ left, right }) {
      const lefts = recordsOf(left);
      if (!isKeyed) return { row: sorted(lefts.map(({ id }) => `${id}`)) };
      const all = told(
        [...groupBy(recordsOf(right), key)].map(
          ([k, records]) => [k, records.reduce((a, { v }) => a + v, 0)] as const,
        ),
      );
      return {
        row: sorted([...groupBy(lefts, key)].map(([k, { length }]) => `${k}: ${length} of ${all}`)),
      };
    },
  };
}

/**
 * State that is there for a while: of each record how many of its key are remembered. A record's own time, or that of its
 * split if it is behind, decides.
 */
export function drawExpiring(random: Random, sizeMs: number): Shape {
  const ttlMs = picker(random)(1, 20, sizeMs, 10 * sizeMs);
  const text = (id: number, n: number, seen: readonly number[]) =>
    `${id}: ${n} before, seen ${seen.join(' ')}`;
  return {
    text: `.keyBy(k).process({ ttlMs: ${ttlMs} })`,
    build({ left }) {
      left
        .keyBy(key)
        .process({
          state: { n: value<number>({ ttlMs }), seen: list<number>({ ttlMs }) },
          onElement({ id }, { state }, out: Output<string>) {
            const n = state.n.get() ?? 0;
            out.emit(text(id, n, state.seen.values()));
            state.n.set(n + 1);
            state.seen.add(id);
          },
        })
        .uid('expiring')
        .collect('rows')
        .uid('rows');
    },
    answer: ({ rows }) => ({ row: texts(rows) }),
    right({ left }) {
      const rows = [...groupBy(left, ({ record }) => record.k).values()].flatMap((own) => {
        let seen: { readonly id: number; readonly until: number }[] = [];
        let counted = { n: 0, until: Number.NEGATIVE_INFINITY };
        return own.map(({ record: { id, t }, splitMs }) => {
          const now = splitMs >= t ? splitMs : t;
          const there = seen.filter(({ until }) => now < until).map((one) => one.id);
          const n = now < counted.until ? counted.n : 0;
          const row = text(id, n, there);
          seen = [...seen, { id, until: t + ttlMs }];
          counted = { n: n + 1, until: t + ttlMs };
          return row;
        });
      });
      return { row: sorted(rows) };
    },
  };
}

/** The value so far, for each record. */
export function drawRunning(random: Random): Shape {
  const kind = picker(random)('aggregate', 'reduce');
  const text = (k: string, n: number, s: number, lo: number, hi: number) =>
    `${k}: ${n}, sum ${s}, ${lo} to ${hi}`;
  return {
    text: `.keyBy(k).${kind}()`,
    build({ left }) {
      const rows =
        kind === 'aggregate'
          ? left
              .keyBy(key)
              .aggregate({
                n: count(),
                s: sum((r: FuzzRecord) => r.v),
                lo: min((r: FuzzRecord) => r.v),
                hi: max((r: FuzzRecord) => r.v),
              })
              .uid('running')
              .map(({ key: k, n, s, lo, hi }) => text(k, n, s!, lo!, hi!))
          : left
              .map(({ k, v }) => ({ k, n: 1, s: v, lo: v, hi: v }))
              .keyBy(({ k }) => k)
              .reduce((a, b) => ({
                k: a.k,
                n: a.n + b.n,
                s: a.s + b.s,
                lo: Math.min(a.lo, b.lo),
                hi: Math.max(a.hi, b.hi),
              }))
              .uid('running')
              .map(({ k, n, s, lo, hi }) => text(k, n, s, lo, hi));
      rows.collect('rows').uid('rows');
    },
    answer: ({ rows }) => ({ row: texts(rows) }),
    right({ left }) {
      const rows = [...groupBy(recordsOf(left), key)].flatMap(([k, records]) => {
        const values = records.map(({ v }) => v);
        return values.map((_, i) => {
          const so = values.slice(0, i + 1);
          return text(
            k,
            so.length,
            so.reduce((a, b) => a + b, 0),
            Math.min(...so),
            Math.max(...so),
          );
        });
      });
      return { row: sorted(rows) };
    },
  };
}
