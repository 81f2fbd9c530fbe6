/**
 * A process function that does what its records say, and the same as a plain loop over plain objects: nothing of
 * Holdfast is in the latter but the rule of when a timer is due.
 */

import fc from 'fast-check';
import type { KeySelector } from '../../src/stream/api/key-selector.js';
import type { ProcessContext, ProcessSpec, StateSpecs } from '../../src/stream/api/process.js';
import { list, map, value } from '../../src/stream/api/state-specs.js';
import type { Operator } from '../../src/stream/operator.js';
import { processOperator } from '../../src/stream/operators/process-operator.js';
import { type Emitted, type Item, recordsOf, rising } from './operator-kit.js';

export type Step =
  | readonly ['add', number]
  | readonly ['clear', 'last' | 'all' | 'by']
  | readonly ['put', string, number]
  | readonly ['drop', string]
  | readonly ['timer', number]
  | readonly ['untimer', number]
  | readonly ['fail'];

export interface Told {
  readonly k: string | number;
  readonly steps: readonly Step[];
}

/** What was seen of a key's state by a callback. */
export interface Seen {
  readonly k: string | number;
  readonly by: 'element' | 'timer';
  readonly last: { readonly n: number } | undefined;
  readonly all: readonly number[];
  readonly entries: readonly (readonly [string, number])[];
}

const statesOf = (ttlMs?: number) => ({
  last: value<{ n: number }>({ ttlMs }),
  all: list<number>({ ttlMs }),
  by: map<string, number>({ ttlMs }),
});

type ToldStates = ReturnType<typeof statesOf>;
type Context = ProcessContext<ToldStates, string | number>;

function see({ key: k, state: { last, all, by } }: Context, who: Seen['by']): Seen {
  return { k, by: who, last: last.get(), all: all.values(), entries: [...by.entries()] };
}

function take({ state, timers }: Context, [what, a, b]: Step): void {
  switch (what) {
    case 'fail':
      throw new Error('told to fail');
    case 'add':
      if (a % 2 === 0) state.last.update((last) => ({ n: (last?.n ?? 0) + a }));
      else {
        state.last.update((last) => {
          if (last === undefined) return { n: a };
          last.n += a;
        });
      }
      state.all.add(a);
      break;
    case 'clear':
      state[a].clear();
      break;
    case 'put':
      state.by.set(a, b);
      break;
    case 'drop':
      state.by.delete(a);
      break;
    case 'timer':
      timers.eventTime(a);
      break;
    case 'untimer':
      timers.deleteEventTime(a);
      break;
  }
}

/** A timer of a time that three divides sets another one, once; each counts, and says twice what it sees. */
export const obeying = (ttlMs?: number): ProcessSpec<Told, string | number, ToldStates, Seen> => ({
  state: statesOf(ttlMs),
  onElement(record, ctx, out) {
    for (const step of record.steps) take(ctx, step);
    out.emit(see(ctx, 'element'));
  },
  onTimer(time, ctx, out) {
    out.emit(see(ctx, 'timer'));
    ctx.state.by.set('fired', (ctx.state.by.get('fired') ?? 0) + 1);
    if (time % 3 === 0) ctx.timers.eventTime(time + 1);
    out.emit(see(ctx, 'timer'));
  },
});

export const byK = ((record: Told) => record.k) as KeySelector;
export const obeyFor = (ttlMs?: number): (() => Operator) =>
  processOperator(byK, obeying(ttlMs) as never);
export const obey = obeyFor();

interface Plain<V> {
  readonly v: V;
  readonly until: number;
}

class PlainKey {
  last: Plain<number> | undefined;
  all: Plain<number>[] = [];
  by = new Map<string, Plain<number>>();
  timers = new Set<number>();

  /** Forgets what has expired by then. */
  free(now: number): void {
    if (!isThere(this.last, now)) this.last = undefined;
    this.all = this.all.filter((one) => isThere(one, now));
    for (const [key, one] of this.by) if (!isThere(one, now)) this.by.delete(key);
  }

  /** So that it stands last. */
  set(key: string, one: Plain<number>, now: number): void {
    if (!isThere(this.by.get(key), now)) this.by.delete(key);
    this.by.set(key, one);
  }
}

const isThere = <V>(one: Plain<V> | undefined, now: number): one is Plain<V> =>
  one !== undefined && one.until > now;

const fails = ([what]: Step): boolean => what === 'fail';

/** What comes of the items, by key, as texts. A record on which the callback fails changes nothing. */
export function plainly(
  items: readonly Item[],
  ttlMs = Number.POSITIVE_INFINITY,
): ReadonlyMap<string | number, readonly string[]> {
  const keys = new Map<string | number, PlainKey>();
  const told = new Map<string | number, string[]>();
  let watermark = Number.NEGATIVE_INFINITY;
  const tell = (k: string | number, by: Seen['by'], at: number, now = at): void => {
    const { last, all, by: entries } = keys.get(k)!;
    const seen = {
      k,
      by,
      last: isThere(last, now) ? { n: last.v } : undefined,
      all: all.filter((one) => isThere(one, now)).map(({ v }) => v),
      entries: [...entries]
        .filter(([, one]) => isThere(one, now))
        .map(([key, { v }]) => [key, v] as const),
    };
    told.set(k, [...(told.get(k) ?? []), textOf(seen, at)]);
  };
  const fire = (): void => {
    for (;;) {
      let next: { k: string | number; time: number } | undefined;
      for (const [k, { timers }] of keys) {
        for (const time of timers) {
          if (time <= watermark && (next === undefined || time < next.time)) next = { k, time };
        }
      }
      const freed = Math.min(watermark, next?.time ?? watermark);
      if (freed < Number.POSITIVE_INFINITY) for (const state of keys.values()) state.free(freed);
      if (next === undefined) return;
      const { k, time } = next;
      const state = keys.get(k)!;
      state.timers.delete(time);
      tell(k, 'timer', time);
      const fired = state.by.get('fired');
      const v = (isThere(fired, time) ? fired.v : 0) + 1;
      state.set('fired', { v, until: time + ttlMs }, time);
      if (time % 3 === 0) state.timers.add(time + 1);
      tell(k, 'timer', time);
    }
  };
  for (const item of items) {
    if ('watermark' in item) {
      watermark = Math.max(watermark, item.watermark);
    } else {
      const { k, steps } = item.record as Told;
      if (steps.some(fails)) continue;
      const now = Math.max(item.at!, watermark);
      const state = keys.get(k) ?? new PlainKey();
      keys.set(k, state);
      const until = item.at! + ttlMs;
      for (const [what, a, b] of steps) {
        if (what === 'add') {
          state.last = { v: (isThere(state.last, now) ? state.last.v : 0) + a, until };
          state.all.push({ v: a, until });
        } else if (what === 'put') state.set(a, { v: b, until }, now);
        else if (what === 'drop') state.by.delete(a);
        else if (what === 'timer') state.timers.add(a);
        else if (what === 'untimer') state.timers.delete(a);
        else if (a === 'last') state.last = undefined;
        else if (a === 'all') state.all = [];
        else if (a === 'by') state.by = new Map();
      }
      tell(k, 'element', item.at!, now);
    }
    fire();
  }
  return told;
}

/** What was emitted, by key, as texts. */
export function byKey(
  emitted: readonly Emitted[],
): ReadonlyMap<string | number, readonly string[]> {
  const told = new Map<string | number, string[]>();
  for (const one of emitted) {
    if (!('record' in one)) continue;
    const seen = one.record as Seen;
    told.set(seen.k, [...(told.get(seen.k) ?? []), textOf(seen, one.at)]);
  }
  return told;
}

function textOf(seen: Seen, at: number): string {
  return `${at} ${JSON.stringify(seen)}`;
}

/** Integers have an index of their own. */
const KEYS = ['a', 'b', 'c', 0, -7, 65_536] as const;
const time = fc.nat(40);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constant('add' as const), fc.nat(9)),
  fc.tuple(fc.constant('clear' as const), fc.constantFrom('last', 'all', 'by')),
  fc.tuple(fc.constant('put' as const), fc.constantFrom('x', 'y', 'z'), fc.nat(9)),
  fc.tuple(fc.constant('drop' as const), fc.constantFrom('x', 'y', 'z')),
  { arbitrary: fc.tuple(fc.constant('timer' as const), time), weight: 4 },
  { arbitrary: fc.tuple(fc.constant('untimer' as const), time), weight: 2 },
);

const record = fc
  .record({ k: fc.constantFrom(...KEYS), steps: fc.array(step, { maxLength: 4 }), at: time })
  .map(({ k, steps, at }): Item => ({ record: { k, steps }, at, key: k }));

/** Records and rising watermarks, the last of which fires everything. */
const programOf = (records: fc.Arbitrary<Item>): fc.Arbitrary<readonly Item[]> =>
  fc
    .array(
      fc.oneof(
        { arbitrary: records, weight: 3 },
        time.map((ms): Item => ({ watermark: ms })),
      ),
      {
        maxLength: 30,
      },
    )
    .map(rising);

export const program = programOf(record);

/** On some of these records the callback fails, after a few of its steps. */
export const failingProgram = programOf(
  fc.tuple(record, fc.boolean()).map(([item, isFailing]) => {
    if (!isFailing || !('record' in item)) return item;
    const { k, steps } = item.record as Told;
    return { ...item, record: { k, steps: [...steps, ['fail']] } };
  }),
);

export const end: Item = { watermark: Number.POSITIVE_INFINITY };
export const at = (time: number, k = 'a', more: object = {}): Item => ({
  record: { k, ...more },
  at: time,
  key: k,
});

/** The operator of a spec over records `{ k }`. */
export function of<S extends StateSpecs>(
  spec: ProcessSpec<{ k: string; n?: number }, string, S, unknown>,
) {
  return processOperator(byK, spec as never);
}

export const shown = (emitted: readonly Emitted[]) =>
  recordsOf(emitted).map(({ record, at: time }) => `${String(record)} at ${time}`);
