import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSameRow } from '../../src/stream/operators/changes.js';
import { widener } from '../../src/stream/operators/wider-row.js';

const names = fc.oneof(
  fc.string({ maxLength: 4 }),
  fc.constantFrom('__proto__', 'constructor', 'change', 'rank', '7', '\ud800', '"\\', 'a\nb'),
);
const values = fc.oneof(
  fc.integer(),
  fc.constantFrom(Number.NaN, -0, undefined, null),
  fc.array(fc.nat()),
);
/** Fields as they are put in. */
const rows = fc.array(fc.tuple(names, values), { maxLength: 6 });

function made(fields: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const row = {};
  for (const [name, value] of fields) {
    Object.defineProperty(row, name, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return row;
}

describe('a row with fields more', () => {
  it('is what spreading gives, in the same order, however often its shape has come', () => {
    fc.assert(
      fc.property(rows, fc.constantFrom('rank', '__proto__', '7', 'ä"'), (fields, rank) => {
        const one = widener('change');
        const two = widener(rank, 'change');
        for (let i = 0; i < 30; i += 1) {
          const row = made(i % 3 === 0 ? fields.slice(1) : fields);
          for (const [found, expected] of [
            [one(row, '+I'), { ...row, change: '+I' }],
            [two(row, i, '-D'), { ...row, [rank]: i, change: '-D' }],
          ] as const) {
            expect(Reflect.ownKeys(found)).toEqual(Reflect.ownKeys(expected));
            expect(isDeepStrictEqual(found, expected)).toBe(true);
          }
        }
      }),
    );
  });

  it('is made of the row alone: a row with a key more, or less, is no row of the shape', () => {
    const widen = widener('rank', 'change');
    for (let i = 0; i < 40; i += 1)
      expect(Object.keys(widen({ a: 1, b: 2 }, i, '+I'))).toHaveLength(4);
    expect(widen({ a: 1 }, 1, '+I')).toEqual({ a: 1, rank: 1, change: '+I' });
    expect(widen({ b: 1, a: 2 }, 1, '+I')).toEqual({ b: 1, a: 2, rank: 1, change: '+I' });
    expect(widen({ a: 1, b: 2, c: 3 }, 1, '+I')).toEqual({
      a: 1,
      b: 2,
      c: 3,
      rank: 1,
      change: '+I',
    });
    const row = { a: 1, b: 2 };
    expect(widen(row, 1, '+I')).not.toBe(row);
    expect(row).toEqual({ a: 1, b: 2 });
  });
});

describe('two rows', () => {
  it('are the same where Node says that they are deeply equal', () => {
    fc.assert(
      fc.property(rows, rows, fc.boolean(), (some, others, isEqual) => {
        const one = made(some);
        const other = made(isEqual ? some : others);
        expect(isSameRow(one, other)).toBe(isDeepStrictEqual(one, other));
      }),
    );
    expect(isSameRow({ a: 0 }, { a: -0 })).toBe(false);
    expect(isSameRow({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toBe(true);
    expect(isSameRow({ a: undefined }, {})).toBe(false);
  });
});
