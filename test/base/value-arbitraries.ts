import { types } from 'node:util';
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

/** Classes that not every Node has, by name. */
const late = globalThis as unknown as Record<
  string,
  (new (...parts: unknown[]) => object) | undefined
>;

const { Float16Array } = late;

const bytes: fc.Arbitrary<ArrayBuffer> = fc
  .uint8Array({ maxLength: 5 })
  .map(
    (eights) => Uint8Array.from({ length: eights.length * 8 }, (_, i) => eights[i >> 3]!).buffer,
  );

const binary: fc.Arbitrary<unknown> = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.int16Array({ maxLength: 9 }),
  fc.float64Array({ maxLength: 9 }),
  fc.bigInt64Array({ maxLength: 5 }),
  fc.uint8ClampedArray({ maxLength: 40 }),
  fc.uint8Array({ maxLength: 20 }).map((items) => items.slice().buffer),
  fc.uint8Array({ maxLength: 20 }).map((items) => new DataView(items.slice().buffer)),
  anyText.map((text) => Buffer.from(text)),
  ...(Float16Array === undefined
    ? []
    : [fc.array(anyNumber, { maxLength: 5 }).map((items) => new Float16Array(items))]),
);

/** Views of one ArrayBuffer, with it or without. */
const sharedBytes: fc.Arbitrary<unknown> = fc.oneof(
  bytes.map((buffer) => ({
    buffer,
    all: new Uint8Array(buffer),
    half: new Float64Array(buffer, 0),
  })),
  bytes.map((buffer) => [Buffer.from(buffer), new DataView(buffer), buffer]),
  bytes.map((buffer) => {
    const all = new Uint8Array(buffer);
    return { all, parts: [all.subarray(0, 3), Buffer.from(buffer, 0, all.length >> 1)] };
  }),
  anyText.map((text) => [Buffer.from(text), Buffer.from(text)]),
);

const regexp: fc.Arbitrary<RegExp> = fc
  .tuple(fc.constantFrom(/a+/giu, /[\ud800]/, /x/y), fc.constantFrom(0, 0, 3, -1, Number.NaN))
  .map(([{ source, flags }, lastIndex]) => {
    return Object.assign(new RegExp(source, flags), { lastIndex });
  });

function anyError(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const options = fc.option(value, { nil: undefined }).map((cause) => {
    return cause === undefined ? {} : { cause };
  });
  const kinds = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
  const plain = fc
    .tuple(fc.constantFrom(...kinds), anyText, options)
    .map(([Kind, message, own]) => new Kind(message, own));
  const fields = fc.dictionary(fc.constantFrom('code', 'errno', 'a', '__proto__'), value, {
    noNullPrototype: true,
  });
  return fc.oneof(
    plain,
    fc
      .tuple(plain, fields, anyText)
      .map(([error, own, name]) => Object.assign(withOwn(error, own), { name })),
    fc
      .tuple(fc.array(value, { maxLength: 3 }), anyText, options)
      .map(([errors, message, own]) => new AggregateError(errors, message, own)),
    fc
      .tuple(anyText, fc.constantFrom('AbortError', 'DataCloneError', 'Mine'))
      .map(([message, name]) => new DOMException(message, name)),
    plain.map((error) => {
      return Object.defineProperty(error, 'stack', { value: undefined, enumerable: true });
    }),
  );
}

function withOwn(target: object, own: Record<string, unknown>): object {
  for (const [key, value] of Object.entries(own)) {
    Object.defineProperty(target, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return target;
}

/** One of each kind of Temporal, where this Node has it. */
const temporal: fc.Arbitrary<unknown>[] = (() => {
  const classes = late['Temporal'] as unknown as typeof late | undefined;
  if (classes === undefined) return [];
  const make = (name: string, ...parts: unknown[]): object => new classes[name]!(...parts);
  return [
    fc.constantFrom(
      make('Instant', -1_234_567_890_123_456_789n),
      make('ZonedDateTime', 1_700_000_000_000_000_001n, 'Europe/Berlin', 'hebrew'),
      make('ZonedDateTime', -4_000_000_000_000_000_000n, 'Africa/Monrovia'),
      make('PlainDate', -12_345, 12, 31, 'hebrew'),
      make('PlainTime', 1, 2, 3, 4, 5, 6),
      make('PlainDateTime', 2024, 2, 29, 23, 59, 59, 999, 999, 999),
      make('PlainDateTime', 12_024, 2, 29, 0, 0, 0, 0, 0, 0, 'japanese'),
      make('PlainYearMonth', 2020, 1, 'hebrew', 3),
      make('PlainMonthDay', 2, 29, 'gregory', 2020),
      make('Duration', 0, 0, 0, 0, 0, 0, 1, 1_500, 2_500),
      make('Duration', -1, -2, -3, -4),
    ),
  ];
})();

const anyKey: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: anyText },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString') },
);

/** Any value that comes back equal: one of each kind, nested, shared. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 4, arbitrary: anyText },
    { weight: 4, arbitrary: anyNumber },
    { weight: 1, arbitrary: anyBigint },
    { weight: 1, arbitrary: anyDate },
    { weight: 2, arbitrary: fc.constantFrom(true, false, null, undefined) },
    { weight: 2, arbitrary: fc.oneof(binary, sharedBytes, regexp, ...temporal) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(Object('boxed'), Object(1n), Object(-0), Object(true)),
    },
    { weight: 2, arbitrary: anyError(tie('value')) },
    { weight: 3, arbitrary: fc.dictionary(anyKey, tie('value'), { maxKeys: 5 }) },
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
    { weight: 1, arbitrary: tie('value').map((shared) => ({ first: shared, second: [shared] })) },
    {
      weight: 1,
      arbitrary: tie('value').map((item) => {
        const loop: Record<string, unknown> = { item };
        loop['error'] = Object.assign(new Error('loop'), { loop });
        return loop;
      }),
    },
  ),
})).value;

/**
 * Equal in value, kind, order and visibility of properties, holes, sharing, cycles, and in which bytes
 * views share: what deep equality does not see.
 */
export function same(left: unknown, right: unknown): boolean {
  return new Comparison().alike(left, right);
}

interface Range {
  readonly left: ArrayBufferLike;
  readonly right: ArrayBufferLike;
  readonly start: number;
  readonly end: number;
  /** How much later the bytes lie on the right. */
  readonly shift: number;
}

class Comparison {
  readonly #pairs = new Map<object, object>();
  readonly #backwards = new Map<object, object>();
  readonly #ranges: Range[] = [];

  alike(left: unknown, right: unknown): boolean {
    if (typeof left !== 'object' || typeof right !== 'object') return Object.is(left, right);
    if (left === null || right === null) return left === right;
    // A Date in a column of its own is a value: two places that held one Date hold two.
    if (isPlainDate(left) && isPlainDate(right)) return Object.is(+left, +right);
    if (this.#pairs.has(left) || this.#backwards.has(right)) {
      return this.#pairs.get(left) === right && this.#backwards.get(right) === left;
    }
    this.#pairs.set(left, right);
    this.#backwards.set(right, left);
    return (
      Object.getPrototypeOf(left) === Object.getPrototypeOf(right) &&
      this.#properties(left, right) &&
      this.#slots(left, right)
    );
  }

  #properties(left: object, right: object): boolean {
    const keys = Reflect.ownKeys(left);
    const others = Reflect.ownKeys(right);
    return (
      keys.length === others.length &&
      keys.every((key, i) => {
        if (others[i] !== key) return false;
        const isShown = (object: object): boolean =>
          Object.prototype.propertyIsEnumerable.call(object, key);
        if (isShown(left) !== isShown(right)) return false;
        return this.alike(Reflect.get(left, key), Reflect.get(right, key));
      })
    );
  }

  #slots(left: object, right: object): boolean {
    if (left instanceof Map) return this.alike([...left], [...(right as Map<unknown, unknown>)]);
    if (left instanceof Set) return this.alike([...left], [...(right as Set<unknown>)]);
    if (left instanceof RegExp) return String(left) === String(right);
    if (left instanceof ArrayBuffer) return this.#bytes(left, 0, left, right as ArrayBuffer, 0);
    if (ArrayBuffer.isView(left)) {
      const other = right as ArrayBufferView;
      return (
        left.byteLength === other.byteLength &&
        this.#bytes(left.buffer, left.byteOffset, left, other.buffer, other.byteOffset)
      );
    }
    if (types.isBoxedPrimitive(left)) return Object.is(left.valueOf(), right.valueOf());
    if (left instanceof DOMException) {
      const other = right as DOMException;
      return left.name === other.name && left.message === other.message && left.code === other.code;
    }
    return (
      types.isNativeError(left) === types.isNativeError(right) && inside(left) === inside(right)
    );
  }

  #bytes(
    left: ArrayBufferLike,
    start: number,
    { byteLength }: { readonly byteLength: number },
    right: ArrayBufferLike,
    rightStart: number,
  ): boolean {
    const one = Buffer.from(left, start, byteLength);
    if (!one.equals(Buffer.from(right, rightStart, byteLength))) return false;
    const range = { left, right, start, end: start + byteLength, shift: rightStart - start };
    const agrees = this.#ranges.every((other) => {
      const { shift } = other;
      const onLeft = other.left === left && range.start < other.end && other.start < range.end;
      const onRight =
        other.right === right &&
        range.start + range.shift < other.end + shift &&
        other.start + shift < range.end + range.shift;
      return onLeft === onRight && (!onLeft || shift === range.shift);
    });
    this.#ranges.push(range);
    return agrees;
  }
}

function isPlainDate(value: object): value is Date {
  return types.isDate(value) && Reflect.ownKeys(value).length === 0;
}

/** What a Temporal object shows of itself. */
function inside(value: object): string {
  if (!Object.prototype.toString.call(value).startsWith('[object Temporal.')) return '';
  const text = (value as { toString(options: object): string }).toString({
    calendarName: 'always',
  });
  const ns = (value as { epochNanoseconds?: bigint }).epochNanoseconds;
  const { milliseconds, microseconds } = value as { milliseconds?: number; microseconds?: number };
  return [text, ns, milliseconds, microseconds].join();
}
