/** Drafts of flat objects against those of immer: what a callback sees through them, and what comes of it. */

import { inspect, isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { enableMapSet } from 'immer';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FlatDrafts, type FlatShape } from '../../../src/actors/draft/flat-drafts.js';
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
/** So often a shape has to be seen. */
const SIGHTINGS = 4;
/** So many drafts of a shape take turns. */
const TURNS = 256;

function shapeOf(value: object, drafts = new FlatDrafts(names)): FlatShape | undefined {
  for (let i = 1; i < SIGHTINGS; i += 1) drafts.shapeOf(value);
  return drafts.shapeOf(value);
}

afterEach(() => void vi.unstubAllGlobals());

describe('a draft of a flat object', () => {
  it('shows and makes what one of immer does, and leaves the object as it is', () => {
    const drafts = new FlatDrafts(names);
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
          const shape = shapeOf(mine, drafts)!;
          const by = told(mine, steps, end, (one, change) => shape.changed(one, change));
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
    const shape = shapeOf(base)!;
    shape.changed(base, (draft) => {
      const { id, ...others } = draft as typeof base;
      expect([id, others]).toEqual([7, { name: 'x', open: true, at: null, left: undefined }]);
      expect(structuredClone(draft)).toEqual(base);
      expect(JSON.stringify(draft)).toBe(JSON.stringify(base));
      expect(Reflect.ownKeys(draft)).toEqual(Reflect.ownKeys(base));
      expect(Object.getPrototypeOf(draft)).toBe(Object.prototype);
      expect(Object.prototype.propertyIsEnumerable.call(draft, 'name')).toBe(true);
      expect(`${draft}`).toBe('[object Object]');
    });
  });

  it('tells -0 from 0, and that nothing has changed', () => {
    const base = { n: 0, m: Number.NaN };
    const shape = shapeOf(base)!;
    const by = (change: (draft: { n: number; m: number }) => void) =>
      shape.changed(base, (draft) => change(draft as { n: number; m: number }));
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
      { 1: 'index', a: 1 },
      JSON.parse('{"__proto__": 1, "a": 2}') as object,
      Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`k${i}`, i])),
    ];
    for (const value of none) expect(shapeOf(value), inspect(value)).toBeUndefined();
    const drafts = new FlatDrafts(names);
    expect(shapeOf({ a: 1 }, drafts)).toBeDefined();
    expect(shapeOf({ a: [1] }, drafts)).toBeUndefined();
  });

  it('gives none where no code may be generated', () => {
    vi.stubGlobal('Function', function refuse() {
      throw new EvalError('Code generation from strings disallowed for this context');
    });
    expect(shapeOf({ a: 1 })).toBeUndefined();
    vi.unstubAllGlobals();
    expect(shapeOf({ a: 1 })).toBeDefined();
  });

  it('has a limit to shapes, and objects used as dictionaries do not use it up', () => {
    const drafts = new FlatDrafts(names);
    for (let i = 0; i < 2_000; i += 1) expect(drafts.shapeOf({ [`word ${i}`]: i })).toBeUndefined();
    const shapes = Array.from({ length: 40 }, (_, i) => shapeOf({ [`field ${i}`]: i }, drafts));
    const found = shapes.filter((shape) => shape !== undefined);
    expect(found.length).toBe(16);
    // They stay, also those that were not found last.
    expect(drafts.shapeOf({ 'field 0': 'again' })).toBe(shapes[0]);
    expect(drafts.shapeOf({ 'field 15': 'again' })).toBe(shapes[15]);
  });

  it('is closed when its callback has returned or thrown, for whoever kept it', () => {
    const base = { a: 1, b: 2 };
    const shape = shapeOf(base)!;
    const kept: Fields[] = [];
    shape.changed(base, (draft) => void kept.push(draft as Fields));
    expect(() =>
      shape.changed(base, (draft) => {
        (draft as Fields)['a'] = 5;
        kept.push(draft as Fields);
        throw failure;
      }),
    ).toThrow(failure);
    const uses = (draft: Fields) => [
      () => draft['a'],
      () => draft['b'],
      () => Object.assign(draft, { a: 3 }),
      () => ({ ...draft }),
      () => JSON.stringify(draft),
      () => structuredClone(draft),
      () => Object.values(draft),
    ];
    const told = (draft: Fields) => {
      for (const use of uses(draft)) {
        expect(thrownBy(use).code).toBe('ERR_HOLDFAST_OUTSIDE_CALLBACK');
      }
    };
    for (const draft of kept) told(draft);
    // Also inside of later callbacks, of which one would have had the same draft again, had nobody used it.
    for (let i = 0; i < 3 * TURNS; i += 1) {
      shape.changed(base, (draft) => {
        expect(kept).not.toContain(draft);
        for (const one of kept) told(one);
      });
    }
    expect(base).toEqual({ a: 1, b: 2 });
  });

  it('tells whoever comes next that somebody has kept one and given it other fields', () => {
    const base = { a: 1, b: 2 };
    for (const misuse of [
      (draft: Fields) => void Object.assign(draft, { c: 3 }),
      (draft: Fields) => void delete draft['a'],
    ]) {
      const shape = shapeOf(base)!;
      let kept: Fields = {};
      shape.changed(base, (draft) => {
        kept = draft as Fields;
      });
      misuse(kept);
      const codes: string[] = [];
      for (let i = 0; i < 3 * TURNS; i += 1) {
        try {
          expect(shape.changed(base, (draft) => void Object.assign(draft, { a: 2 }))).toEqual({
            a: 2,
            b: 2,
          });
        } catch (error) {
          codes.push((error as { code: string }).code);
        }
      }
      expect(codes).toEqual(['ERR_HOLDFAST_OUTSIDE_CALLBACK']);
    }
  });

  it('is another one for a callback inside of its callback, however deep', () => {
    const base = { n: 0 };
    const shape = shapeOf(base)!;
    const drafts = new Set<object>();
    const nest = (depth: number): unknown =>
      shape.changed(base, (draft) => {
        drafts.add(draft);
        const inner = depth === 0 ? { n: 0 } : (nest(depth - 1) as { n: number });
        (draft as { n: number }).n = inner.n + 1;
      });
    expect(nest(2 * TURNS)).toEqual({ n: 2 * TURNS + 1 });
    expect(drafts.size).toBe(2 * TURNS + 1);
    expect(base).toEqual({ n: 0 });
  });

  it.each<[string, (draft: Fields) => unknown]>([
    ['a symbol as key', (draft) => Object.assign(draft, { [Symbol('s')]: 1 })],
    ['a hidden property', (draft) => Object.defineProperty(draft, 'hidden', { value: 1 })],
    ['a field made hidden', (draft) => Object.defineProperty(draft, 'a', { enumerable: false })],
    ['another prototype', (draft) => Object.setPrototypeOf(draft, { inherited: 1 })],
  ])('is refused with %s, and is not used again', (_, change) => {
    const base = { a: 1, b: 2 };
    const shape = shapeOf(base)!;
    const refused = thrownBy(() => shape.changed(base, (draft) => void change(draft as Fields)));
    expect(refused.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    for (let i = 0; i < 2 * TURNS; i += 1) {
      const seen = shape.changed(base, (draft) => Object.getOwnPropertyDescriptors({ ...draft }));
      expect(seen).toEqual(Object.getOwnPropertyDescriptors(base));
    }
  });

  it('may be frozen, and given a field that is no accessor, and is not used again', () => {
    const base = { a: 1, b: 2 };
    const shape = shapeOf(base)!;
    expect(shape.changed(base, (draft) => Object.freeze(draft) && undefined)).toEqual(base);
    const value = { value: 7, enumerable: true, configurable: true, writable: true };
    const defined = shape.changed(base, (draft) => Object.defineProperty(draft, 'a', value));
    expect(defined).toEqual({ a: 7, b: 2 });
    for (let i = 0; i < 2 * TURNS; i += 1) {
      expect(shape.changed(base, (draft) => Object.assign(draft, { a: i, c: i }))).toEqual({
        a: i,
        b: 2,
        c: i,
      });
    }
  });

  it('is a copy wherever it stands in what is returned', () => {
    const base = { a: 1, b: 2 };
    const shape = shapeOf(base)!;
    const returned = shape.changed(base, (draft) => ({
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
