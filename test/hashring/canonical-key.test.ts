import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isHoldfastError } from '../../src/base/errors.js';
import { canonicalKey } from '../../src/hashring/canonical-key.js';
import { anyKey, isSameKey } from './keys.js';

function refusal(key: unknown): string {
  try {
    canonicalKey(key);
  } catch (error) {
    if (isHoldfastError(error, 'ERR_HOLDFAST_UNSUPPORTED_KEY')) return error.message;
    throw error;
  }
  throw new Error('the key was accepted');
}

describe('canonicalKey', () => {
  test('leaves primitives as they are', () => {
    for (const key of ['', 'a', 'ж', '1', 0, 1, -1.5, 1n, true, false, null, Infinity]) {
      expect(canonicalKey(key)).toBe(key);
    }
  });

  test('knows one zero and one NaN', () => {
    expect(Object.is(canonicalKey(-0), 0)).toBe(true);
    expect(canonicalKey([-0])).toBe(canonicalKey([0]));
    const map = new Map([[canonicalKey(Number.NaN), 'found']]);
    expect(map.get(canonicalKey(0 / 0))).toBe('found');
    expect(canonicalKey([Number.NaN])).toBe(canonicalKey([0 / 0]));
  });

  test('has one fixed text for each Date and tuple', () => {
    expect(canonicalKey(new Date(5))).toBe('\0d5;');
    expect(canonicalKey([])).toBe('\0a0:');
    expect(canonicalKey(['ab', 1.5, 2n, true, false, null, new Date(-1), ['c']])).toBe(
      '\0a8:s2:abn1.5;i2;tf0d-1;a1:s1:c',
    );
  });

  test('keeps strings apart from the texts of Dates and tuples', () => {
    const text = canonicalKey(['a']) as string;
    expect(canonicalKey(text)).not.toBe(text);
    expect(canonicalKey(canonicalKey(text))).not.toBe(canonicalKey(text));
    expect(canonicalKey('\0')).not.toBe('\0');
  });

  test('is equal exactly for equal keys', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        const sameText = new Set([canonicalKey(a), canonicalKey(b)]).size === 1;
        expect(sameText).toBe(isSameKey(a, b));
      }),
      { numRuns: 5_000 },
    );
  });

  test('is the same for a copy', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        expect(canonicalKey(structuredClone(key))).toBe(canonicalKey(key));
      }),
    );
  });

  test('differs for tuples whose parts were cut elsewhere', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (a, b, c) => {
        fc.pre(a !== '' || c !== '');
        expect(canonicalKey([`${a}${b}`, c])).not.toBe(canonicalKey([a, b, c]));
        if (b !== '') expect(canonicalKey([`${a}${b}`, c])).not.toBe(canonicalKey([a, `${b}${c}`]));
      }),
    );
  });
});

describe('what cannot be a key is refused with what was given', () => {
  class Account {}
  test.each<[string, unknown, string]>([
    ['undefined', undefined, 'undefined'],
    ['a plain object', { id: 1 }, 'an object'],
    ['an object without a prototype', Object.create(null), 'an object'],
    ['an instance', new Account(), 'an object of class Account'],
    ['a boxed string', new String('a'), 'an object of class String'],
    ['a typed array', new Uint8Array(2), 'an object of class Uint8Array'],
    ['a Map', new Map(), 'an object of class Map'],
    ['a function', () => 1, 'a function'],
    ['a symbol', Symbol('s'), 'a symbol'],
    ['an invalid Date', new Date(Number.NaN), 'an invalid Date'],
  ])('%s', (_, key, given) => {
    expect(refusal(key)).toContain(`a key cannot be ${given}. A key is a string`);
    expect(refusal([1, key])).toContain(`a key cannot be ${given} (element 1 of the tuple)`);
    expect(refusal([1, 2, ['x', key]])).toContain(`${given} (element 2 of the tuple)`);
  });

  test('a hole in a tuple', () => {
    // biome-ignore lint/suspicious/noSparseArray: that is what is tested
    expect(refusal([1, , 2])).toContain('undefined (element 1 of the tuple)');
  });

  test('a tuple that holds itself', () => {
    const tuple: unknown[] = [1];
    tuple.push(tuple);
    expect(refusal(tuple)).toContain('nested more than 16 deep (element 1 of the tuple)');
  });
});
