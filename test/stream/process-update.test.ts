/** `value().update(fn)`: what `fn` does to the draft is kept, what it returns replaces, and nothing is lost in silence. */

import { describe, expect, it } from 'vitest';
import { staleDraft } from '../../src/base/stale-draft.js';
import type { RecordsMode } from '../../src/channels/record-keeper.js';
import { type ValueState, value } from '../../src/stream/api/state-specs.js';
import { GuardedOperator } from '../../src/stream/task/guarded-operator.js';
import { thrownBy } from './graph-kit.js';
import { Harness, recordsOf, runPlain, runRestoring } from './operator-kit.js';
import { at, of } from './process-kit.js';

/** Calls `update` of one state for each of the records 1 to 3, and emits what is there then. */
const updating = <T>(fn: (value: T | undefined, n: number, state: ValueState<T>) => unknown) =>
  of({
    state: { one: value<T>() },
    onElement({ n }, { state: { one } }, out) {
      one.update(((before: T | undefined) => fn(before, n!, one)) as never);
      out.emit(one.get() ?? 'none');
    },
  });

const items = [1, 2, 3].map((n) => at(n, 'a', { n }));

/** What is emitted in each mode of records, which is the same. */
const emittedOf = (create: ReturnType<typeof updating>) => {
  const runs = (['checked', 'trusted', 'frozen'] as RecordsMode[]).flatMap((records) => [
    runPlain(create, items, { records }),
    runRestoring(create, items, { records }),
  ]);
  const [first, ...others] = runs.map(({ emitted }) => recordsOf(emitted).map((one) => one.record));
  for (const other of others) expect(other).toEqual(first);
  return first;
};

describe('update of a value', () => {
  it.each<[string, () => object]>([
    ['a plain object', () => ({ n: 1 })],
    ['a Date', () => new Date(0)],
    ['binary data', () => new Uint8Array(2)],
    [
      'what is no tree',
      () => {
        const one: unknown[] = [];
        return { one, other: one };
      },
    ],
  ])('may make null of %s', (_, make) => {
    const toggled = updating<object | null>((given) => (given ? null : make()));
    // What is emitted for null is 'none'.
    expect(emittedOf(toggled)).toEqual([make(), 'none', make()]);
  });

  it('keeps what was done to the draft', () => {
    const counted = updating<{ readonly n: number; readonly by: ReadonlyMap<number, number[]> }>(
      (given, n) => {
        if (given === undefined) return { n, by: new Map([[n, []]]) };
        const draft = given as { n: number; by: Map<number, number[]> };
        draft.n += n;
        draft.by.get(1)!.push(n);
        draft.by.set(n, [n]);
        return undefined;
      },
    );
    expect(emittedOf(counted)).toEqual([
      { n: 1, by: new Map([[1, []]]) },
      {
        n: 3,
        by: new Map([
          [1, [2]],
          [2, [2]],
        ]),
      },
      {
        n: 6,
        by: new Map([
          [1, [2, 3]],
          [2, [2]],
          [3, [3]],
        ]),
      },
    ]);
  });

  it('replaces by what is returned, the draft itself or with parts of it', () => {
    const pushed = updating<number[]>((all = [], n) => {
      all.push(n);
      return all;
    });
    expect(emittedOf(pushed)).toEqual([[1], [1, 2], [1, 2, 3]]);
    const nested = updating<{ a: { n: number } }>((before, n) =>
      before === undefined ? { a: { n } } : { a: before.a, n },
    );
    expect(emittedOf(nested)).toEqual([
      { a: { n: 1 } },
      { a: { n: 1 }, n: 2 },
      { a: { n: 1 }, n: 3 },
    ]);
  });

  it('keeps changes of what no draft is made of: Dates, binary data, what stands in two places', () => {
    const create = updating<{ at: Date; bytes: Uint8Array; a: number[]; b: number[] }>((one, n) => {
      const a: number[] = [];
      if (one === undefined) return { at: new Date(n), bytes: new Uint8Array([n]), a, b: a };
      one.at.setTime(n);
      one.bytes[0] = n;
      one.a.push(n);
      return undefined;
    });
    const withAll = (n: number, all: number[]) => ({
      at: new Date(n),
      bytes: new Uint8Array([n]),
      a: all,
      b: all,
    });
    expect(emittedOf(create)).toEqual([withAll(1, []), withAll(2, [2]), withAll(3, [2, 3])]);
    const dates = updating<Date>((date, n) =>
      date === undefined ? new Date(n) : void date.setTime(n),
    );
    expect(emittedOf(dates)).toEqual([new Date(1), new Date(2), new Date(3)]);
  });

  it('lets stand what the callback itself has cleared', () => {
    const create = updating<{ n: number }>((one, n, state) => {
      if (one === undefined) return { n };
      one.n += n;
      state.clear();
      return undefined;
    });
    expect(emittedOf(create)).toEqual([{ n: 1 }, 'none', { n: 3 }]);
  });

  it.each([
    ['for a number', updating<number>((n) => (n === undefined ? 1 : undefined))],
    ['for null', updating<null>((n) => (n === undefined ? null : undefined))],
    [
      'for no value',
      updating<{ n: number }>((given = { n: 0 }) => void Object.assign(given, { n: 1 })),
    ],
    [
      'with a changed draft beside it',
      updating<number[]>((all, n) => (all === undefined ? [n] : all.push(n))),
    ],
  ])('refuses an answer that would lose something: %s', (_, create) => {
    expect(thrownBy(() => runPlain(create, items)).code).toBe('ERR_HOLDFAST_USER_CODE');
  });

  it('is undone where the record is put aside, with what was changed in place', () => {
    const create = updating<{ n: number; at: Date }>((one, n) => {
      if (one === undefined) return { n, at: new Date(n) };
      one.n += n;
      one.at.setTime(n);
      if (n === 2) throw new Error('two');
      return undefined;
    });
    for (const records of ['checked', 'trusted', 'frozen'] as const) {
      const guarded = () => new GuardedOperator(create(), undefined);
      const { emitted } = runRestoring(guarded, items, { records });
      expect(recordsOf(emitted).map(({ record }) => record)).toEqual([
        { n: 1, at: new Date(1) },
        { n: 4, at: new Date(3) },
      ]);
    }
  });

  it('gives a draft for one call only, and names whoever uses it later', () => {
    const kept: { n: number; by: Map<number, { m: number }> }[] = [];
    const harness = new Harness(
      updating<(typeof kept)[number]>((one) => {
        if (one === undefined) return { n: 1, by: new Map([[1, { m: 1 }]]) };
        kept.push(one, { ...one, by: one.by }, { ...one, by: new Map([[1, one.by.get(1)!]]) });
        return undefined;
      }),
    );
    for (const item of items.slice(0, 2)) harness.feed(item);
    const [root, map, inner] = kept as [(typeof kept)[0], (typeof kept)[0], (typeof kept)[0]];
    const uses = [
      () => root.n,
      () => {
        root.n = 2;
      },
      () => map.by.get(1),
      () => map.by.set(1, { m: 2 }),
      () => inner.by.get(1)!.m,
    ];
    for (const use of uses) {
      const named = staleDraft(thrownBy(use))!;
      expect(named.code).toBe('ERR_HOLDFAST_OUTSIDE_CALLBACK');
      expect(named.message).toContain('a draft was used after its callback had returned');
    }
    expect(staleDraft(new TypeError('x is not a function'))).toBeUndefined();
  });
});
