import fc from 'fast-check';
import type { Key } from '../../src/hashring/canonical-key.js';

const string = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.string({ unit: fc.constantFrom('\0', 's', 'd', 'a', '1', ':', ';', '\ud800'), maxLength: 6 }),
);

/** Keys from a small world, so that equal and nearly equal ones are met often. */
export const anyKey: fc.Arbitrary<Key> = fc.letrec<{ key: Key }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    string,
    fc.constantFrom(0, -0, 1, 2, 1.5, Number.NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53),
    fc.double(),
    fc.integer(),
    fc.bigInt({ min: -3n, max: 3n }),
    fc.bigInt(),
    fc.boolean(),
    fc.constant(null),
    fc.date({ noInvalidDate: true }),
    fc.constantFrom(new Date(0), new Date(1), '1', 'true', '\0d1;'),
    fc.array(tie('key'), { maxLength: 3 }),
  ),
})).key;

/** Sameness of keys as it is meant, written without canonical texts. */
export function isSameKey(a: Key, b: Key): boolean {
  if (a instanceof Date) return b instanceof Date && a.getTime() === b.getTime();
  if (Array.isArray(a)) {
    const other = b as readonly Key[];
    return (
      Array.isArray(b) &&
      a.length === other.length &&
      a.every((element, i) => isSameKey(element as Key, other[i]!))
    );
  }
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}
