/**
 * What some pipelines have beside all else: an operator that reads the first source alone, into a sink of its own. It
 * follows from what is drawn already, so that the rest of a seed is drawn as it was before there were asides.
 *
 * Its keys are those of one split each, whose records keep their order: so each row, and how often each comes, follows
 * from the split alone.
 */

import type { DataStream } from '../../src/stream/api/data-stream.js';
import { asc, desc } from '../../src/stream/api/order-by.js';
import type { Output } from '../../src/stream/api/output.js';
import { countTrigger, type Evictor } from '../../src/stream/api/triggers.js';
import { processingTime, tumbling } from '../../src/stream/api/windows.js';
import { wrong } from './sim-values.js';
import {
  DISORDER_MS,
  mix,
  type PipelineSpec,
  type Row,
  type SimRecord,
  splitOf,
  WINDOW_MS,
  windowOf,
} from './topology.js';

const ASIDES = ['triggers', 'evictors', 'clock', 'top', 'distinct'] as const;
/** `triggers`, `evictors`: windows with one. `clock`: windows of the clock. `top`, `distinct`: the changes of a table. */
export type Aside = (typeof ASIDES)[number];

/** One pipeline in two has none. */
const SHARE = 2 * ASIDES.length;
const TRIGGER_COUNT = 3;
const EVICTED_COUNT = 2;
const KEPT = 3;
const TOP = 2;
const CLOCK_WINDOW_MS = 40;

/** Undefined where a pipeline is about splits that differ: what is late would depend on the clock. */
export function asideOf({ sources }: PipelineSpec): Aside | undefined {
  const { records, batch, paceMs, unequal } = sources[0]!;
  return unequal === undefined ? ASIDES[mix(records, batch, paceMs, 17) % SHARE] : undefined;
}

const keyOf = (record: SimRecord): string => `${splitOf(record)}/${record.k}`;
const nameOf = ({ i, x, n }: SimRecord): string => `${i}${wrong(x, n)}`;
const firing = (g: string, start: number, records: readonly SimRecord[]): Row => ({
  g,
  r: `${start}: ${records.map(nameOf).join(' ')}`,
});

/** Keeps the first ones: one that comes back takes the place of another. */
const keepFirst: Evictor<SimRecord> = { keep: (records) => records.slice(0, KEPT) };

export function asideRows(
  aside: Aside,
  stream: DataStream<SimRecord>,
  uid: string,
): DataStream<Row> {
  const keyed = stream.keyBy(keyOf);
  switch (aside) {
    case 'triggers':
    case 'evictors': {
      const windows = keyed.window(tumbling(WINDOW_MS));
      const fired =
        aside === 'triggers'
          ? windows.trigger(countTrigger(TRIGGER_COUNT))
          : windows.trigger(countTrigger(EVICTED_COUNT)).evictor(keepFirst);
      return fired
        .process({
          onWindow({ windowStart }, records, { key }, out: Output<Row>) {
            out.emit(firing(key, windowStart, records));
          },
        })
        .uid(uid);
    }
    case 'clock':
      return keyed
        .window(processingTime(tumbling(CLOCK_WINDOW_MS), { partial: 'emit' }))
        .process({
          onWindow(_bounds, records, { key }, out: Output<Row>) {
            for (const record of records) out.emit({ g: key, r: nameOf(record) });
          },
        })
        .uid(uid);
    case 'top':
      return keyed
        .topN(TOP, { by: [desc(({ v }) => v), asc(({ i }) => i)] })
        .uid(uid)
        .asRecords()
        .map((row) => ({ g: keyOf(row), r: `${row.change} ${nameOf(row)}` }));
    case 'distinct':
      return stream
        .distinctBy(keyOf, { keep: 'last', by: 'time' })
        .uid(uid)
        .asRecords()
        .map((row) => ({ g: keyOf(row), r: `${row.change} ${nameOf(row)}` }));
  }
}

/** What has to come out of it. @param records of the first source, each split's in their order */
export function expectedAsideRows(aside: Aside, records: readonly SimRecord[]): readonly Row[] {
  const model = MODELS[aside];
  const keys = new Map<string, Coming[]>();
  const times = new Map<string, number>();
  for (const record of records) {
    const splitMs = times.get(splitOf(record)) ?? Number.NEGATIVE_INFINITY;
    times.set(splitOf(record), Math.max(splitMs, record.t - DISORDER_MS - 1));
    const key = keyOf(record);
    keys.set(key, [...(keys.get(key) ?? []), { record, splitMs }]);
  }
  return [...keys].flatMap(([key, own]) => model(key, own));
}

interface Coming {
  readonly record: SimRecord;
  /** The time of its split just before it. */
  readonly splitMs: number;
}

type Model = (key: string, own: readonly Coming[]) => readonly Row[];

const MODELS: Readonly<Record<Aside, Model>> = {
  triggers: fired(TRIGGER_COUNT, (records) => records),
  evictors: fired(EVICTED_COUNT, (records) => records.slice(0, KEPT)),
  clock: (g, own) => own.map(({ record }) => ({ g, r: nameOf(record) })),
  top(g, own) {
    let top: readonly SimRecord[] = [];
    return own.flatMap(({ record }) => {
      const before = top;
      const ranked = [...before, record].sort((a, b) => b.v - a.v || a.i - b.i);
      top = ranked.slice(0, TOP);
      if (!top.includes(record)) return [];
      const gone = before.filter((one) => !top.includes(one));
      return [...gone.map((one) => `-D ${nameOf(one)}`), `+I ${nameOf(record)}`].map((r) => ({
        g,
        r,
      }));
    });
  },
  distinct(g, own) {
    let last: SimRecord | undefined;
    return own.flatMap(({ record }) => {
      const before = last;
      if (before !== undefined && record.t < before.t) return [];
      last = record;
      const changes =
        before === undefined
          ? [`+I ${nameOf(record)}`]
          : [`-U ${nameOf(before)}`, `+U ${nameOf(record)}`];
      return changes.map((r) => ({ g, r }));
    });
  },
};

function fired(
  count: number,
  keep: (records: readonly SimRecord[]) => readonly SimRecord[],
): Model {
  return (key, own) => {
    const windows = new Map<number, { kept: readonly SimRecord[]; seen: number }>();
    return own.flatMap(({ record, splitMs }) => {
      const start = windowOf(record.t);
      if (start + WINDOW_MS - 1 <= splitMs) return [];
      const window = windows.get(start) ?? { kept: [], seen: 0 };
      windows.set(start, window);
      window.kept = [...window.kept, record];
      window.seen += 1;
      if (window.seen % count !== 0) return [];
      window.kept = keep(window.kept);
      return [firing(key, start, window.kept)];
    });
  };
}
