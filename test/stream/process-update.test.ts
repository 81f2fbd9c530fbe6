/** `value().update(fn)`: what `fn` does to the draft is kept, what it returns replaces, and nothing is lost in silence. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { staleDraft } from '../../src/base/stale-draft.js';
import type { RecordsMode } from '../../src/channels/record-keeper.js';
import { changedByDraft } from '../../src/stream/api/draft.js';
import { type ValueState, value } from '../../src/stream/api/state-specs.js';
import { GuardedOperator } from '../../src/stream/task/guarded-operator.js';
import {
  ending,
  type Fields,
  primitive,
  SHAPES,
  type Step,
  stepOf,
  type Told,
  told,
} from '../actors/draft/draft-kit.js';
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

  it('keeps of flat values what immer makes of them, in each mode of records', () => {
    const steps = fc
      .constantFrom(...SHAPES.slice(0, 5))
      .chain((keys) =>
        fc.tuple(
          fc.array(primitive, { minLength: keys.length, maxLength: keys.length }),
          fc.array(
            fc.tuple(
              fc.array(stepOf(fc.constantFrom(...keys)), { maxLength: 4 }),
              fc.option(fc.constant<Step>(['throw']), { freq: 6, nil: undefined }),
              ending,
            ),
            { minLength: 12, maxLength: 16 },
          ),
          fc.constant(keys),
        ),
      );
    fc.assert(
      fc.property(steps, ([values, programs, keys]) => {
        const first = (): Fields => Object.fromEntries(keys.map((key, i) => [key, values[i]]));
        const run = (records: RecordsMode) => {
          const seen: unknown[] = [];
          const create = of({
            state: { one: value<Fields>() },
            onElement({ n }, { state: { one } }) {
              const [some, last, end] = programs[n!]!;
              // What was made by an earlier record is changed further where it is still flat, and else made anew.
              const before = one.get();
              if (n! % 2 === 0 || !isFlat(before)) one.set(first());
              const base = one.get()!;
              const all = last === undefined ? some : [...some, last];
              const by = told(base, all, end, (_, change) => {
                one.update(change as never);
                return one.get();
              });
              const reference = told(base, all, end, (plain, change) =>
                changedByDraft(plain, 'update(…)', change),
              );
              seen.push([withoutSameness(by), withoutSameness(reference)]);
            },
          });
          runPlain(
            create,
            programs.map((_, n) => at(n, 'a', { n })),
            { records },
          );
          return seen as [unknown, unknown][];
        };
        for (const records of ['checked', 'trusted', 'frozen'] as const) {
          for (const [by, reference] of run(records)) expect(by).toEqual(reference);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('writes nothing where nothing was changed, and leaves what others hold as it is', () => {
    const got: unknown[] = [];
    const create = of({
      state: { one: value<{ n: number }>() },
      onElement(_, { state: { one } }) {
        if (one.get() === undefined) one.set({ n: 0 });
        const before = one.get();
        one.update((draft) => void draft!.n);
        got.push(one.get() === before);
        one.update((draft) => {
          draft!.n += 1;
          // The state is what it was until the callback has returned.
          got.push(one.get());
        });
        got.push(before, one.get());
      },
    });
    const many = Array.from({ length: 6 }, (_, n) => at(n, 'a', { n }));
    runPlain(create, many, { records: 'trusted' });
    expect(got).toEqual(
      many
        .flatMap((_, n) => [true, { n }, { n }, { n: n + 1 }])
        .map((one, i) =>
          // What made no draft yet is a copy.
          i < 12 && one === true ? expect.any(Boolean) : one,
        ),
    );
  });

  it('names whoever uses a draft of a flat value later, a timer say', () => {
    const kept: { n: number }[] = [];
    const create = of({
      state: { one: value<{ n: number }>() },
      onElement({ n }, { state: { one } }) {
        if (one.get() === undefined) one.set({ n: 0 });
        one.update((draft) => {
          if (n! > 4) kept.push(draft!);
          if (n === 7) draft!.n = kept[0]!.n;
        });
      },
    });
    const many = Array.from({ length: 8 }, (_, n) => at(n, 'a', { n }));
    for (const use of [() => runPlain(create, many), () => kept[0]!.n]) {
      expect(staleDraft(thrownBy(use))?.code).toBe('ERR_HOLDFAST_OUTSIDE_CALLBACK');
    }
    expect(kept.length).toBeGreaterThan(1);
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

/** State is a copy, and whether it is the same one is told elsewhere. */
function withoutSameness({ seen, outcome }: Told): unknown {
  return { seen, outcome: 'value' in outcome ? outcome.value : outcome };
}

function isFlat(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every((one) => typeof one !== 'object' || one === null);
}
