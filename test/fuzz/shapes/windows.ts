/**
 * Windows that keep their records: all records of a window at once, over all keys, over everything, of a number of
 * records, of the clock; triggers and evictors.
 */

import type { Random } from '../../../src/base/random.js';
import { count, sum } from '../../../src/stream/api/aggregations.js';
import type { Output } from '../../../src/stream/api/output.js';
import {
  countEvictor,
  countTrigger,
  deltaTrigger,
  type Evictor,
  eventTimeTrigger,
  purgingTrigger,
  type Trigger,
  timeEvictor,
} from '../../../src/stream/api/triggers.js';
import {
  countWindow,
  processingTime,
  session,
  sliding,
  tumbling,
} from '../../../src/stream/api/windows.js';
import type { FuzzRecord, Given, Shape } from '../shape.js';
import { sessionsOf } from './fold.js';
import {
  type Bounds,
  drawWindows,
  everything,
  groupBy,
  isLate,
  key,
  picker,
  recordsOf,
  recordText,
  sorted,
} from './kit.js';

const texts = (rows: readonly unknown[] | undefined): string[] =>
  sorted((rows ?? []) as readonly string[]);
const listed = (ids: readonly number[]): string => ids.toSorted((a, b) => a - b).join(' ');
const boundsText = ({ start, last }: Bounds): string => `${start}–${last + 1}`;
const sumOf = (records: readonly FuzzRecord[]): number => records.reduce((a, { v }) => a + v, 0);

/** All records of a window, by key or of all keys. */
export function drawAllRecords(random: Random, sizeMs: number): Shape {
  const windows = random.next() < 0.2 ? everything : drawWindows(random, sizeMs);
  const isAll = random.next() < 0.35;
  const isFold = isAll && random.next() < 0.5;
  const text = (k: string, bounds: string, ids: readonly number[]) =>
    `${k}@${bounds}: ${listed(ids)}`;
  const foldText = (bounds: string, n: number, s: number | null) => `${bounds}: ${n}, ${s}`;
  return {
    text: `${isAll ? '.windowAll' : '.keyBy(k).window'}(${windows.text}).${isFold ? 'aggregate' : 'process'}()`,
    build({ left }) {
      const onWindow = (
        { windowStart, windowEnd }: { readonly windowStart: number; readonly windowEnd: number },
        records: readonly FuzzRecord[],
        ctx: object,
        out: Output<string>,
      ) => {
        const k = isAll ? 'all' : (ctx as { readonly key: string }).key;
        out.emit(
          text(
            k,
            `${windowStart}–${windowEnd}`,
            records.map(({ id }) => id),
          ),
        );
      };
      if (isFold) {
        left
          .windowAll(windows.window)
          .aggregate({ n: count(), s: sum((r: FuzzRecord) => r.v) })
          .uid('windows')
          .map(({ windowStart, windowEnd, n, s }) => foldText(`${windowStart}–${windowEnd}`, n, s))
          .collect('rows')
          .uid('rows');
        return;
      }
      const rows = isAll
        ? left.windowAll(windows.window).sideOutputLate('late').process({ onWindow })
        : left.keyBy(key).window(windows.window).sideOutputLate('late').process({ onWindow });
      rows.uid('windows').collect('rows').uid('rows');
      rows.sideOutput<FuzzRecord>('late').collect('late').uid('late');
    },
    answer: ({ rows, late }) => ({
      row: texts(rows),
      late: sorted(((late ?? []) as readonly FuzzRecord[]).map(recordText)),
    }),
    right({ left }) {
      const late: FuzzRecord[] = [];
      const placed = left.flatMap((given) => {
        const all = windows.of(given.record.t);
        const open = all.filter(({ last }) => !isLate(given, last));
        if (all.length > 0 && open.length === 0) late.push(given.record);
        return open.map((bounds) => ({ bounds: boundsText(bounds), record: given.record }));
      });
      const name = ({ bounds, record }: (typeof placed)[number]) =>
        `${isAll ? 'all' : record.k}@${bounds}`;
      const rows = [...groupBy(placed, name).values()].map((own) => {
        const { bounds, record } = own[0]!;
        const records = own.map((one) => one.record);
        if (isFold) return foldText(bounds, records.length, sumOf(records));
        return text(
          isAll ? 'all' : record.k,
          bounds,
          records.map(({ id }) => id),
        );
      });
      return { row: sorted(rows), late: isFold ? [] : sorted(late.map(recordText)) };
    },
  };
}

/** All records of a session, by `process`, which cannot be merged but as the records that they are. */
export function drawSessionRecords(random: Random, sizeMs: number): Shape {
  const gapMs = picker(random)(1, 7, 40, sizeMs);
  const text = (k: string, bounds: string, ids: readonly number[]) =>
    `${k}@${bounds}: ${listed(ids)}`;
  return {
    text: `.keyBy(k).window(session({ gapMs: ${gapMs} })).process()`,
    build({ left }) {
      const rows = left
        .keyBy(key)
        .window(session({ gapMs }))
        .sideOutputLate('late')
        .process({
          onWindow({ windowStart, windowEnd }, records, ctx, out: Output<string>) {
            const ids = records.map(({ id }) => id);
            out.emit(text(ctx.key, `${windowStart}–${windowEnd}`, ids));
          },
        })
        .uid('windows');
      rows.collect('rows').uid('rows');
      rows.sideOutput<FuzzRecord>('late').collect('late').uid('late');
    },
    answer: ({ rows, late }) => ({
      row: texts(rows),
      late: sorted(((late ?? []) as readonly FuzzRecord[]).map(recordText)),
    }),
    right({ left }) {
      const late = left.filter((given) => isLate(given, given.record.t));
      const onTime = recordsOf(left.filter((given) => !isLate(given, given.record.t)));
      const rows = sessionsOf(onTime, gapMs).map(({ key: k, start, end, records }) => {
        const ids = records.map(({ id }) => id);
        return text(k, `${start}–${end}`, ids);
      });
      return { row: sorted(rows), late: sorted(recordsOf(late).map(recordText)) };
    },
  };
}

/** Of a number of records. Each key is of one split. */
export function drawCountWindow(random: Random): Shape {
  const pick = picker(random);
  const size = pick(1, 2, 5, 20);
  const slide = pick(undefined, 1, 2, 3);
  const partial = pick<'drop' | 'emit'>('drop', 'emit');
  const options = { partial, ...(slide === undefined || slide >= size ? {} : { slide }) };
  const step = options.slide ?? size;
  const text = (k: string, ids: readonly number[]) => `${k}: ${ids.join(' ')}`;
  return {
    text: `.keyBy(k).window(countWindow(${size}, ${JSON.stringify(options)})).process()`,
    build({ left }) {
      left
        .keyBy(key)
        .window(countWindow(size, options))
        .process({
          onWindow(_bounds, records, ctx, out: Output<string>) {
            out.emit(
              text(
                ctx.key,
                records.map(({ id }) => id),
              ),
            );
          },
        })
        .uid('windows')
        .collect('rows')
        .uid('rows');
    },
    answer: ({ rows }) => ({ row: texts(rows) }),
    right({ left }) {
      const rows = [...groupBy(recordsOf(left), key)].flatMap(([k, records]) => {
        const ids = records.map(({ id }) => id);
        const found: string[] = [];
        for (let end = step; end <= ids.length; end += step) {
          found.push(text(k, ids.slice(Math.max(0, end - size), end)));
        }
        const rest = ids.length % step;
        // Where windows overlap, the last one begins as far back as any.
        if (rest > 0 && partial === 'emit')
          found.push(text(k, ids.slice(step < size ? -size : -rest)));
        return found;
      });
      return { row: sorted(rows) };
    },
  };
}

/** Windows of the clock differ from run to run; each record is in one of them, or in as many as they overlap. */
export function drawClockWindow(random: Random): Shape {
  const pick = picker(random);
  const kind = pick('tumbling', 'sliding', 'session');
  const overlap = kind === 'sliding' ? 4 : 1;
  const window = {
    tumbling: tumbling(40),
    sliding: sliding({ sizeMs: 80, slideMs: 20 }),
    session: session({ gapMs: 15 }),
  }[kind];
  const total = (k: string, n: number, s: number) => `${k}: ${n}, ${s}`;
  return {
    text: `.keyBy(k).window(processingTime(${kind}, { partial: 'emit' })).aggregate()`,
    build({ left }) {
      left
        .keyBy(key)
        .window(processingTime(window, { partial: 'emit' }))
        .aggregate({ n: count(), s: sum((r: FuzzRecord) => r.v) })
        .uid('windows')
        .collect('rows')
        .uid('rows');
    },
    answer({ rows }) {
      const windows = (rows ?? []) as readonly { key: string; n: number; s: number }[];
      return {
        total: sorted(
          [...groupBy(windows, (row) => row.key)].map(([k, own]) =>
            total(
              k,
              own.reduce((a, { n }) => a + n, 0),
              own.reduce((a, { s }) => a + s, 0),
            ),
          ),
        ),
      };
    },
    right: ({ left }) => ({
      total: sorted(
        [...groupBy(recordsOf(left), key)].map(([k, own]) =>
          total(k, overlap * own.length, overlap * sumOf(own)),
        ),
      ),
    }),
  };
}

type Fire = 'continue' | 'fire' | 'purge';

interface TriggerModel {
  readonly text: string;
  readonly make: () => Trigger<FuzzRecord, never>;
  /** Of one window: what a record brings about. */
  readonly model: () => (record: FuzzRecord) => Fire;
  readonly firesAtEnd: boolean;
}

function drawTrigger(random: Random): TriggerModel {
  const pick = picker(random);
  const n = pick(1, 2, 3, 7);
  const kind = pick('count', 'purging count', 'delta', 'own');
  const counting = (answer: Fire) => () => {
    let seen = 0;
    return () => {
      seen += 1;
      return seen % n === 0 ? answer : 'continue';
    };
  };
  switch (kind) {
    case 'count':
      return {
        text: `countTrigger(${n})`,
        make: () => countTrigger(n) as never,
        model: counting('fire'),
        firesAtEnd: false,
      };
    case 'purging count':
      return {
        text: `purgingTrigger(countTrigger(${n}))`,
        make: () => purgingTrigger(countTrigger(n)) as never,
        model: counting('purge'),
        firesAtEnd: false,
      };
    case 'delta':
      return {
        text: `deltaTrigger({ threshold: ${n} })`,
        make: () =>
          deltaTrigger<FuzzRecord>({ threshold: n, delta: (a, b) => Math.abs(a.v - b.v) }) as never,
        model: () => {
          let last: number | undefined;
          return ({ v }) => {
            if (last !== undefined && Math.abs(last - v) <= n) return 'continue';
            const isFirst = last === undefined;
            last = v;
            return isFirst ? 'continue' : 'fire';
          };
        },
        firesAtEnd: false,
      };
    default:
      return {
        text: `{ fires when the sum is above ${n * 10}, and at the end }`,
        make: () =>
          ({
            name: 'sum',
            onElement(
              { v }: FuzzRecord,
              ctx: Parameters<Trigger<FuzzRecord, number>['onElement']>[1],
            ) {
              const total = (ctx.state.get() ?? 0) + v;
              ctx.timers.eventTime(ctx.window.windowEnd - 1);
              ctx.state.set(total > n * 10 ? 0 : total);
              return total > n * 10 ? 'fire' : 'continue';
            },
            onTimer: () => 'fire',
          }) as never,
        model: () => {
          let total = 0;
          return ({ v }) => {
            total += v;
            if (total <= n * 10) return 'continue';
            total = 0;
            return 'fire';
          };
        },
        firesAtEnd: true,
      };
  }
}

interface EvictorModel {
  readonly text: string;
  readonly evictor: Evictor<FuzzRecord> | undefined;
  readonly keep: (records: readonly FuzzRecord[]) => readonly FuzzRecord[];
}

function drawEvictor(random: Random, sizeMs: number): EvictorModel {
  const pick = picker(random);
  const n = pick(1, 2, 4);
  switch (pick('none', 'count', 'time', 'own')) {
    case 'count':
      return {
        text: `countEvictor(${n})`,
        evictor: countEvictor(n),
        keep: (records) => records.slice(-n),
      };
    case 'time': {
      const ms = Math.ceil(sizeMs / (2 * n));
      return {
        text: `timeEvictor(${ms})`,
        evictor: timeEvictor(ms),
        keep(records) {
          const newest = Math.max(...records.map(({ t }) => t));
          return records.filter(({ t }) => t > newest - ms);
        },
      };
    }
    case 'own':
      return {
        text: '{ keeps odd values }',
        evictor: { keep: (records) => records.filter(({ record }) => record.v % 2 === 1) },
        keep: (records) => records.filter(({ v }) => v % 2 === 1),
      };
    default:
      return { text: 'none', evictor: undefined, keep: (records) => records };
  }
}

/** Each key is of one split: how often a window fires, and over what, follows from its records. */
export function drawTriggered(random: Random, sizeMs: number): Shape {
  const windows = random.next() < 0.25 ? everything : drawWindows(random, sizeMs);
  const trigger = drawTrigger(random);
  const evictor = drawEvictor(random, sizeMs);
  const partial = random.next() < 0.5 ? 'emit' : 'drop';
  const text = (k: string, bounds: string, ids: readonly number[]) =>
    `${k}@${bounds}: ${ids.join(' ')}`;
  return {
    text: `.keyBy(k).window(${windows.text}).trigger(${trigger.text}, { partial: '${partial}' }).evictor(${evictor.text}).process()`,
    build({ left }) {
      const plain = left
        .keyBy(key)
        .window(windows.window)
        .sideOutputLate('late')
        .trigger(trigger.make(), { partial });
      const window = evictor.evictor === undefined ? plain : plain.evictor(evictor.evictor);
      const rows = window
        .process({
          onWindow({ windowStart, windowEnd }, records, ctx, out: Output<string>) {
            out.emit(
              text(
                ctx.key,
                `${windowStart}–${windowEnd}`,
                records.map(({ id }) => id),
              ),
            );
          },
        })
        .uid('windows');
      rows.collect('rows').uid('rows');
      rows.sideOutput<FuzzRecord>('late').collect('late').uid('late');
    },
    answer: ({ rows, late }) => ({
      row: texts(rows),
      late: sorted((late as readonly FuzzRecord[]).map(recordText)),
    }),
    right({ left }) {
      const late = left.filter((given) => {
        const all = windows.of(given.record.t);
        return all.length > 0 && all.every(({ last }) => isLate(given, last));
      });
      const placed = left.flatMap((given) =>
        windows
          .of(given.record.t)
          .flatMap((bounds) =>
            isLate(given, bounds.last) ? [] : [{ name: boundsText(bounds), record: given.record }],
          ),
      );
      const rows: string[] = [];
      for (const own of groupBy(placed, ({ name, record }) => `${record.k}@${name}`).values()) {
        const { name, record } = own[0]!;
        const asked = trigger.model();
        let kept: readonly FuzzRecord[] = [];
        let added = 0;
        let fresh = 0;
        const fire = () => {
          fresh = 0;
          if (added === 0) return;
          kept = evictor.keep(kept);
          if (kept.length > 0)
            rows.push(
              text(
                record.k,
                name,
                kept.map(({ id }) => id),
              ),
            );
        };
        for (const one of own) {
          kept = [...kept, one.record];
          added += 1;
          fresh += 1;
          const answer = asked(one.record);
          if (answer !== 'continue') fire();
          if (answer === 'purge') [kept, added] = [[], 0];
        }
        if (trigger.firesAtEnd || (partial === 'emit' && fresh > 0)) fire();
      }
      return { row: sorted(rows), late: sorted(recordsOf(late).map(recordText)) };
    },
  };
}

/** Early firings differ from run to run; the last row of a window does not. */
export function drawEarly(random: Random, sizeMs: number): Shape {
  const pick = picker(random);
  const early = { earlyCount: pick(1, 2, 5), ...(random.next() < 0.5 ? { earlyMs: 10 } : {}) };
  const allowedLatenessMs = pick(0, sizeMs, 100_000);
  const text = (k: string, start: number, n: number, s: number) => `${k}@${start}: ${n}, ${s}`;
  return {
    text: `.keyBy(k).window(tumbling(${sizeMs})).allowedLateness(${allowedLatenessMs}).trigger(eventTimeTrigger(${JSON.stringify(early)})).aggregate()`,
    build({ left }) {
      const rows = left
        .keyBy(key)
        .window(tumbling(sizeMs))
        .allowedLateness(allowedLatenessMs)
        .sideOutputLate('late')
        .trigger(eventTimeTrigger(early))
        .aggregate({ n: count(), s: sum((r: FuzzRecord) => r.v) })
        .uid('windows');
      rows.collect('rows').uid('rows');
      rows.sideOutput<FuzzRecord>('late').collect('late').uid('late');
    },
    answer({ rows, late }) {
      const windows = (rows ?? []) as readonly {
        key: string;
        windowStart: number;
        n: number;
        s: number;
      }[];
      const lasts = [...groupBy(windows, (row) => `${row.key}@${row.windowStart}`).values()].map(
        (own) => own.reduce((a, b) => (b.n > a.n ? b : a)),
      );
      return {
        last: sorted(lasts.map((row) => text(row.key, row.windowStart, row.n, row.s))),
        late: sorted((late as readonly FuzzRecord[]).map(recordText)),
      };
    },
    right({ left }) {
      const startOf = ({ t }: FuzzRecord) => Math.floor(t / sizeMs) * sizeMs;
      const late = (given: Given) =>
        isLate(given, startOf(given.record) + sizeMs - 1 + allowedLatenessMs);
      const records = recordsOf(left.filter((given) => !late(given)));
      const windows = groupBy(records, (record) => `${record.k}@${startOf(record)}`);
      return {
        last: sorted(
          [...windows.values()].map((own) =>
            text(own[0]!.k, startOf(own[0]!), own.length, sumOf(own)),
          ),
        ),
        late: sorted(recordsOf(left.filter(late)).map(recordText)),
      };
    },
  };
}
