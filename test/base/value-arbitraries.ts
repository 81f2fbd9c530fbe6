import { inspect, isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';

/** Strings of any UTF-16 units: Latin-1, other scripts, lone surrogates; now and then long ones. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 30 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
      .map((units) => String.fromCharCode(...units)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('a', 'é', '日', '\ud800'), fc.integer({ min: 60, max: 5_000 }))
      .map(([unit, times]) => unit.repeat(times)),
  },
);

export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    0,
    -0,
    Number.NaN,
    Infinity,
    2 ** 31,
    -(2 ** 31),
    -(2 ** 31) - 1,
    2 ** 53,
    127,
    128,
  ),
);

export const anyBigint: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 600n), max: 2n ** 600n }),
  fc.constantFrom(0n, 2n ** 63n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 64n),
);

export const anyDate: fc.Arbitrary<Date> = fc.date({ noInvalidDate: false });

class Point {
  x: unknown;
  y: unknown;
  readonly #hidden = 1;
  constructor(x: unknown, y: unknown) {
    this.x = x;
    this.y = y;
  }
  get sum(): number {
    return Number(this.x) + this.#hidden;
  }
}

const binary = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.int16Array({ maxLength: 9 }),
  fc.float64Array({ maxLength: 9 }),
  fc.bigInt64Array({ maxLength: 5 }),
  fc.uint8ClampedArray({ maxLength: 9 }),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => bytes.slice().buffer),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => new DataView(bytes.slice().buffer)),
);

/** Any value that `structuredClone` takes, but for objects without a prototype. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 4, arbitrary: anyText },
    { weight: 4, arbitrary: anyNumber },
    { weight: 1, arbitrary: anyBigint },
    { weight: 1, arbitrary: anyDate },
    { weight: 2, arbitrary: fc.constantFrom(true, false, null, undefined) },
    { weight: 1, arbitrary: binary },
    {
      weight: 1,
      arbitrary: fc.constantFrom(/a+/giu, /[\ud800]/, Object('boxed'), Object(1n), Object(-0)),
    },
    { weight: 1, arbitrary: anyText.map((message) => new TypeError(message, { cause: message })) },
    {
      weight: 2,
      arbitrary: fc.dictionary(anyText, tie('value'), { maxKeys: 5, noNullPrototype: true }),
    },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 5 }) },
    { weight: 1, arbitrary: fc.sparseArray(tie('value'), { maxNumElements: 4, maxLength: 20 }) },
    {
      weight: 1,
      arbitrary: fc
        .array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 })
        .map((e) => new Map(e)),
    },
    {
      weight: 1,
      arbitrary: fc.array(tie('value'), { maxLength: 4 }).map((items) => new Set(items)),
    },
    { weight: 1, arbitrary: fc.tuple(tie('value'), tie('value')).map(([x, y]) => new Point(x, y)) },
    { weight: 1, arbitrary: tie('value').map((shared) => ({ first: shared, second: [shared] })) },
  ),
})).value;

/**
 * Equal in value, kind, order of keys, holes, sharing and cycles: deep equality does not see the
 * order, and what is printed does not see all of the rest.
 */
export function same(left: unknown, right: unknown): boolean {
  const seen = picture(left);
  // To Node two invalid Dates are never deeply equal.
  return (
    seen === picture(right) && (isDeepStrictEqual(left, right) || seen.includes('Invalid Date'))
  );
}

function picture(value: unknown): string {
  return inspect(value, {
    depth: Number.POSITIVE_INFINITY,
    maxArrayLength: null,
    maxStringLength: null,
    compact: true,
  });
}
