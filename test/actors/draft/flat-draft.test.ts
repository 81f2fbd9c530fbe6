/** Drafts of flat objects against those of immer: what a callback sees through them, and what comes of it. */

import { inspect, isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { enableMapSet } from 'immer';
import { describe, expect, it } from 'vitest';
import { changedFlat, isFlat } from '../../../src/actors/draft/flat-draft.js';
import { staleDraft } from '../../../src/base/stale-draft.js';
import { changedByDraft } from '../../../src/stream/api/draft.js';
import { thrownBy } from '../../stream/graph-kit.js';
import {
  ending,
  type Fields,
  failure,
  lastOf,
  primitive,
  SHAPES,
  stepOf,
  type Told,
  told,
} from './draft-kit.js';

enableMapSet();
const names = { where: 'update(…)', name: 'state.one' };
const changed = <T = object>(base: object, change: (draft: T) => unknown): unknown =>
  changedFlat(base, names, (draft) => change(draft as T));

function caught(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a draft of a flat object', () => {
  it('shows and makes what one of immer does, and leaves the object as it is', () => {
    const program = fc.constantFrom(...SHAPES).chain((keys) =>
      fc.tuple(
        fc
          .array(primitive, { minLength: keys.length, maxLength: keys.length })
          .map((values): Fields => Object.fromEntries(keys.map((key, i) => [key, values[i]]))),
        fc.array(stepOf(fc.constantFrom(...keys)), { maxLength: 8 }),
        fc.option(lastOf(fc.constantFrom(...keys)), { freq: 6, nil: undefined }),
        ending,
      ),
    );
    fc.assert(
      fc.property(fc.array(program, { minLength: 1, maxLength: 4 }), (programs) => {
        for (const [fields, some, last, end] of programs) {
          const steps = last === undefined ? some : [...some, last];
          const before = structuredClone(fields);
          const [mine, plain] = [Object.freeze({ ...fields }), { ...fields }];
          const by = told(mine, steps, end, (one, change) => changed(one, change));
          const reference = told(plain, steps, end, (one, change) =>
            changedByDraft(one, 'update(…)', change),
          );
          expect(isDeepStrictEqual(by, reference), inspect([by, reference], { depth: 9 })).toBe(
            true,
          );
          expect(orderOf(by)).toEqual(orderOf(reference));
          expect(isDeepStrictEqual(mine, before)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('works as the plain object does with what reads objects', () => {
    const base = { id: 7, name: 'x', open: true, at: null, left: undefined };
    changed(base, (draft) => {
      const { id, ...others } = draft as typeof base;
      expect([id, others]).toEqual([7, { name: 'x', open: true, at: null, left: undefined }]);
      expect(JSON.stringify(draft)).toBe(JSON.stringify(base));
      expect(Reflect.ownKeys(draft)).toEqual(Reflect.ownKeys(base));
      expect(Object.getPrototypeOf(draft)).toBe(Object.prototype);
      expect(Object.prototype.propertyIsEnumerable.call(draft, 'name')).toBe(true);
      expect(`${draft}`).toBe('[object Object]');
    });
  });

  it('tells -0 from 0, and that nothing has changed', () => {
    const base = { n: 0, m: Number.NaN };
    const by = (change: (draft: { n: number; m: number }) => void) => changed(base, change);
    expect(Object.is((by((d) => void Object.assign(d, { n: -0 })) as { n: number }).n, -0)).toBe(
      true,
    );
    expect(by((d) => Object.assign(d, { n: 0, m: Number.NaN }) && undefined)).toBe(base);
    const back = by((d) => {
      d.n = 1;
      d.n = 0;
    });
    expect(back).not.toBe(base);
    expect(back).toEqual(base);
  });

  it('gives none of what is not flat, and leaves that to others', () => {
    class Point {
      x = 1;
    }
    const none: readonly object[] = [
      {},
      [],
      [1],
      { list: [1] },
      { at: new Date(0) },
      { fn: () => 1 },
      { symbol: Symbol('s') },
      new Point(),
      Object.assign(Object.create(null) as object, { a: 1 }),
      Object.create({ inherited: 1 }) as object,
      new Map([['a', 1]]),
      JSON.parse('{"__proto__": 1, "a": 2}') as object,
    ];
    for (const value of none) expect(isFlat(value), inspect(value)).toBe(false);
    expect(isFlat({ a: 1 })).toBe(true);
    expect(isFlat({ 1: 'index', a: undefined, b: null, c: 1n })).toBe(true);
  });

  it('is closed when its callback has returned or thrown, for whoever kept it', () => {
    const base = { a: 1, b: 2 };
    const kept: Fields[] = [];
    changed(base, (draft) => void kept.push(draft as Fields));
    expect(() =>
      changed(base, (draft) => {
        (draft as Fields)['a'] = 5;
        kept.push(draft as Fields);
        throw failure;
      }),
    ).toThrow(failure);
    const uses = (draft: Fields) => [
      () => draft['a'],
      () => draft['b'],
      () => Object.assign(draft, { a: 3 }),
      () => Object.assign(draft, { c: 3 }),
      () => delete draft['a'],
      () => 'a' in draft,
      () => Object.keys(draft),
      () => ({ ...draft }),
      () => JSON.stringify(draft),
      () => Object.values(draft),
      () => Object.freeze(draft),
      () => Object.isFrozen(draft),
      () => Object.defineProperty(draft, 'a', { value: 1 }),
      () => Object.getPrototypeOf(draft) as unknown,
      () => Object.setPrototypeOf(draft, null) as unknown,
    ];
    const told = (draft: Fields) => {
      for (const use of uses(draft)) {
        expect(staleDraft(caught(use))?.code).toBe('ERR_HOLDFAST_OUTSIDE_CALLBACK');
      }
    };
    for (const draft of kept) told(draft);
    // Also inside of later callbacks, of the same object and of others.
    for (let i = 0; i < 300; i += 1) {
      changed(i % 2 === 0 ? base : { a: i, b: i }, () => {
        for (const one of kept) told(one);
      });
    }
    expect(base).toEqual({ a: 1, b: 2 });
  });

  it('is another one for a callback inside of its callback, however deep', () => {
    const base = { n: 0 };
    const drafts = new Set<object>();
    const nest = (depth: number): unknown =>
      changed(base, (draft) => {
        drafts.add(draft);
        const inner = depth === 0 ? { n: 0 } : (nest(depth - 1) as { n: number });
        (draft as { n: number }).n = inner.n + 1;
      });
    expect(nest(500)).toEqual({ n: 501 });
    expect(drafts.size).toBe(501);
    expect(base).toEqual({ n: 0 });
  });

  it.each<[string, (draft: Fields) => unknown]>([
    ['a symbol as key', (draft) => Object.assign(draft, { [Symbol('s')]: 1 })],
    ['a hidden property', (draft) => Object.defineProperty(draft, 'hidden', { value: 1 })],
    ['a field made hidden', (draft) => Object.defineProperty(draft, 'a', { enumerable: false })],
    ['another prototype', (draft) => Object.setPrototypeOf(draft, { inherited: 1 })],
  ])('is refused with %s, and is not used again', (_, change) => {
    const base = { a: 1, b: 2 };
    const refused = thrownBy(() => changed(base, (draft) => void change(draft as Fields)));
    expect(refused.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    for (let i = 0; i < 3; i += 1) {
      const seen = changed(base, (draft) => Object.getOwnPropertyDescriptors({ ...draft }));
      expect(seen).toEqual(Object.getOwnPropertyDescriptors(base));
    }
  });

  it('may be frozen, and given a field that is no accessor, and is not used again', () => {
    const base = { a: 1, b: 2 };
    expect(changed(base, (draft) => Object.freeze(draft) && undefined)).toEqual(base);
    const value = { value: 7, enumerable: true, configurable: true, writable: true };
    const defined = changed(base, (draft) => Object.defineProperty(draft, 'a', value));
    expect(defined).toEqual({ a: 7, b: 2 });
    for (let i = 0; i < 3; i += 1) {
      expect(changed(base, (draft) => Object.assign(draft, { a: i, c: i }))).toEqual({
        a: i,
        b: 2,
        c: i,
      });
    }
  });

  it('is a copy wherever it stands in what is returned', () => {
    const base = { a: 1, b: 2 };
    const returned = changed(base, (draft) => ({
      list: [draft],
      by: new Map([[draft, new Set([draft])]]),
    })) as { list: [Fields]; by: Map<Fields, Set<Fields>> };
    expect(returned).toEqual({ list: [base], by: new Map([[base, new Set([base])]]) });
    // It is still one object, and can be read.
    expect([...returned.by.keys()]).toEqual([returned.list[0]]);
  });
});

function orderOf({ outcome }: Told): readonly string[] {
  const value = 'value' in outcome ? outcome.value : undefined;
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}
