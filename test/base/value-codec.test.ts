import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HoldfastError, isHoldfastError } from '../../src/base/errors.js';
import { ByteReader } from '../../src/codec/byte-reader.js';
import { ByteWriter } from '../../src/codec/byte-writer.js';
import { type DecodeOptions, decodeValue, encodeValue } from '../../src/codec/value-codec.js';
import { anyValue, same } from './value-arbitraries.js';

function encode(value: unknown): Uint8Array {
  const writer = new ByteWriter(8);
  encodeValue(writer, value);
  return writer.take();
}

function decode(bytes: Uint8Array, options?: DecodeOptions): unknown {
  const reader = new ByteReader(bytes);
  const value = decodeValue(reader, options);
  expect(reader.remaining).toBe(0);
  return value;
}

function roundTrip<T>(value: T): T {
  return decode(encode(value)) as T;
}

function thrown(action: () => unknown): HoldfastError {
  try {
    action();
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const hex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('value codec', () => {
  it('gives back what structuredClone gives back', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(same(roundTrip(value), structuredClone(value))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('writes many values behind each other', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 6 }), (values) => {
        const writer = new ByteWriter();
        for (const value of values) encodeValue(writer, value);
        const reader = new ByteReader(writer.written());
        const back = values.map(() => decodeValue(reader));
        expect(reader.remaining).toBe(0);
        expect(
          same(
            back,
            values.map((value) => structuredClone(value)),
          ),
        ).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps cycles and shared references', () => {
    interface Node {
      name: string;
      next?: Node;
      all: Set<Node>;
      by: Map<Node, Node>;
    }
    const a: Node = { name: 'a', all: new Set(), by: new Map() };
    const b: Node = { name: 'b', next: a, all: a.all, by: new Map([[a, a]]) };
    a.next = b;
    a.all.add(a).add(b);
    const back = roundTrip(a);
    expect(back.next!.next).toBe(back);
    expect(back.next!.all).toBe(back.all);
    expect([...back.all]).toEqual([back, back.next]);
    expect(back.next!.by.get(back)).toBe(back);
    const loop: unknown[] = [];
    loop.push(loop, { loop });
    const loopBack = roundTrip(loop) as [unknown, { loop: unknown }];
    expect(loopBack[0]).toBe(loopBack);
    expect(loopBack[1].loop).toBe(loopBack);
  });

  it('keeps references among more objects than the short list holds', () => {
    const objects = Array.from({ length: 100 }, (_, i) => ({ i }));
    const back = roundTrip([...objects, ...objects]);
    for (let i = 0; i < 100; i += 1) expect(back[i]).toBe(back[i + 100]);
    expect(same(back, [...objects, ...objects])).toBe(true);
  });

  it('takes Buffers as the bytes they show, and copies them', () => {
    const buffer = Buffer.from('holdfast');
    const bytes = encode({ buffer });
    const back = decode(bytes) as { buffer: Uint8Array };
    expect(back.buffer.constructor).toBe(Uint8Array);
    expect(Buffer.from(back.buffer).toString()).toBe('holdfast');
    expect(back.buffer.buffer.byteLength).toBe(8);
    bytes.fill(0);
    expect(Buffer.from(back.buffer).toString()).toBe('holdfast');
  });

  it('takes objects without a prototype, and classes as plain data', () => {
    class Account {
      static kind = 'static';
      balance = 5;
      readonly #pin = 1234;
      get double(): number {
        return this.balance * 2 + this.#pin * 0;
      }
    }
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(Object.getPrototypeOf(roundTrip(bare))).toBe(null);
    expect(same(roundTrip(new Account()), { balance: 5 })).toBe(true);
    expect(
      same(
        roundTrip({
          get now() {
            return 7;
          },
        }),
        { now: 7 },
      ),
    ).toBe(true);
    class Tagged {
      v = 1;
      get [Symbol.toStringTag](): string {
        return 'Tagged';
      }
    }
    expect(same(roundTrip(new Tagged()), { v: 1 })).toBe(true);
    expect(roundTrip(new (class extends Map<string, number> {})([['k', 1]]))).toEqual(
      new Map([['k', 1]]),
    );
  });

  it('keeps name, message, stack and cause of errors, and nothing else', () => {
    class Custom extends RangeError {}
    const error = Object.assign(new Custom('bad', { cause: { at: 3 } }), { code: 'E' });
    const back = roundTrip(error);
    expect(back).toBeInstanceOf(RangeError);
    expect(back.stack).toBe(error.stack);
    expect(Object.getOwnPropertyNames(back).sort()).toEqual(['cause', 'message', 'stack']);
    expect(back.cause).toEqual({ at: 3 });
    expect(Object.hasOwn(roundTrip(new Error()), 'message')).toBe(false);
  });

  it.each<[string, () => unknown, string, string]>([
    ['a function', () => ({ a: [1, { callback: () => 1 }] }), 'value.a[1].callback', 'function'],
    ['a symbol', () => ({ 'odd key': Symbol('s') }), 'value["odd key"]', 'symbol'],
    ['a Promise', () => [Promise.resolve(1)], 'value[0]', 'Promise'],
    [
      'a Promise with properties',
      () => Object.assign(Promise.resolve(1), { a: 1 }),
      'value',
      'Promise',
    ],
    ['a WeakMap', () => new Map([['k', new WeakMap()]]), 'value<value 0>', 'WeakMap'],
    ['a WeakRef', () => new Set([1, new WeakRef({})]), 'value<item 1>', 'WeakRef'],
    ['a Proxy of a Map', () => ({ m: new Proxy(new Map(), {}) }), 'value.m', 'Proxy'],
    ['a generator', () => (function* () {})(), 'value', 'Generator'],
    ['an Intl object', () => ({ c: new Intl.Collator() }), 'value.c', 'Intl.Collator'],
    ['a URL', () => ({ u: new URL('http://a.b/') }), 'value.u', 'URL'],
    ['shared memory', () => ({ s: new SharedArrayBuffer(8) }), 'value.s', 'SharedArrayBuffer'],
    ['a boxed symbol', () => ({ s: Object(Symbol('s')) }), 'value.s', 'symbol'],
    ['a function as cause', () => new Error('x', { cause: () => 1 }), 'value.cause', 'function'],
    [
      'a function in a sparse array',
      () => Object.assign(new Array(3), { 1: () => 1 }),
      'value[1]',
      'function',
    ],
  ])('refuses %s and says where', (_, make, path, what) => {
    const writer = new ByteWriter();
    writer.u8(7);
    const error = thrown(() => encodeValue(writer, make()));
    expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    expect(error.details['path']).toBe(path);
    expect(error.message).toContain(what);
    expect(writer.position).toBe(1);
    // The encoder is as good as new afterwards.
    encodeValue(writer, { fine: true });
    expect(decodeValue(new ByteReader(writer.written().subarray(1)))).toEqual({ fine: true });
  });

  it('refuses what is nested too deep, on both sides', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 1_000; i += 1) deep = [deep];
    expect(isDeepStrictEqual(roundTrip(deep), deep)).toBe(true);
    const error = thrown(() => encode([deep]));
    expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    expect(error.message).toContain('1000 levels');
    const hostile = new Uint8Array(200_000).map((_, i) => (i % 2 === 0 ? 0x11 : 0x01));
    expect(thrown(() => decodeValue(new ByteReader(hostile))).code).toBe(
      'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    );
  });

  it('can be used by a getter of the value being encoded', () => {
    const inner = { n: [1, 2] };
    const value = {
      before: inner,
      get bytes(): Uint8Array {
        return encode({ inner });
      },
      after: inner,
    };
    const back = roundTrip(value);
    expect(back.after).toBe(back.before);
    expect(decode(back.bytes)).toEqual({ inner });
  });

  it('keeps its bytes: stored values must be readable for ever', () => {
    const golden: readonly (readonly [unknown, string])[] = [
      [undefined, '01'],
      [null, '02'],
      [true, '03'],
      [false, '04'],
      [0, '80'],
      [127, 'ff'],
      [128, '05 8001'],
      [2 ** 53 - 1, '05 ffffffffffffff0f'],
      [-1, '06 00'],
      [-300, '06 ab02'],
      [-0, '07 0000000000000080'],
      [1.5, '07 000000000000f83f'],
      [Number.NaN, '07 000000000000f87f'],
      [0n, '08 00'],
      [256n, '08 02 0001'],
      [-255n, '09 01 ff'],
      ['', '40'],
      ['abc', '43 616263'],
      ['é', '41 e9'],
      ['a'.repeat(64), `0a 40 ${'61'.repeat(64)}`],
      ['日', '0b 01 e565'],
      ['\ud800', '0b 01 00d8'],
      [new Date(1), '10 000000000000f03f'],
      [[1, 'a', null], '11 03 81 4161 02'],
      [Object.assign(new Array(3), { 1: 5, x: 6 }), '12 03 02 4131 85 4178 86'],
      [{ a: 1, b: {} }, '13 02 4161 81 4162 13 00'],
      [Object.create(null), '14 00'],
      [new Map([[1, 2]]), '15 01 81 82'],
      [new Set([3]), '16 01 83'],
      [new Uint8Array([1, 2]).buffer, '17 02 0102'],
      [new Uint16Array([258]), '18 04 02 0201'],
      [new DataView(new ArrayBuffer(1)), '18 0b 01 00'],
      [/a/g, '19 4161 4167'],
      [Object.assign(new TypeError('m'), { stack: 's' }), '1a 05 03 416d 4173'],
      [Object(5), '1b 85'],
      [((shared) => [shared, shared])({}), '11 02 13 00 0c 01'],
    ];
    for (const [value, bytes] of golden) {
      expect(Buffer.from(encode(value)).toString('hex')).toBe(bytes.replaceAll(' ', ''));
      expect(same(decode(hex(bytes)), value)).toBe(true);
    }
    const all = createHash('sha256')
      .update(encode(golden.map(([value]) => value)))
      .digest('hex');
    expect(all).toBe('3f79a62f7eeb9b7c7bb99a103e72262b13b9ebb612e572986a946c33dce937d1');
  });

  it('ends hostile bytes in a value or in the error for corrupt data', () => {
    const survive = (bytes: Uint8Array): void => {
      try {
        decodeValue(new ByteReader(bytes));
      } catch (error) {
        if (!isHoldfastError(error, 'ERR_HOLDFAST_CHECKPOINT_CORRUPT')) throw error;
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), survive), { numRuns: 5_000 });
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.integer({ min: 0, max: 255 }), (value, where, byte) => {
        const bytes = encode(value);
        survive(bytes.subarray(0, where % bytes.length));
        bytes[where % bytes.length] = byte;
        survive(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['a string longer than the bytes', '0a ffffffff07 61'],
    ['an array longer than the bytes', '11 ffffffffffffff0f'],
    ['a Map larger than the bytes', '15 ffff03 81'],
    ['a buffer larger than the bytes', '17 80808008 00'],
    ['an array of impossible length', '12 ffffffff1f 00'],
    ['an array index beyond the length', '12 01 01 4132 81'],
    ['an array property length', '12 01 01 466c656e677468 8a'],
    ['a view of odd length', '18 05 03 010203'],
    ['an unknown view', '18 63 00'],
    ['an unknown tag', '3f'],
    ['a reference to nothing', '0c 00'],
    ['a reference to a box not made yet', '1b 0c 00'],
    ['a box around an object', '1b 13 00'],
    ['a key that is no string', '13 01 81 81'],
    ['an unknown error', '1a 63 00'],
    ['a malformed regular expression', '19 4128 40'],
    ['an integer that is too long', '05 ffffffffffffffffff01'],
    ['an integer with a needless byte', '05 8000'],
    ['nothing', ''],
  ])('refuses %s', (_, bytes) => {
    const error = thrown(() => decodeValue(new ByteReader(hex(bytes))));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(error.message).toMatch(/at byte \d+/);
  });

  it('allocates for what is there, not for what is claimed', () => {
    // An empty array of length 2^32 − 1, a thousand times over: gigabytes if it were allocated.
    const one = hex('12 ffffffff0f 00');
    const bytes = Buffer.concat([hex('11 e807'), ...Array.from({ length: 1_000 }, () => one)]);
    const back = decode(new Uint8Array(bytes)) as unknown[][];
    expect(back).toHaveLength(1_000);
    expect(back[999]).toHaveLength(0xffff_ffff);
  });

  it('never lets a key change a prototype', () => {
    const value = JSON.parse('{"__proto__": {"admin": true}, "constructor": 1}') as object;
    const back = roundTrip(value);
    expect(Object.keys(back)).toEqual(['__proto__', 'constructor']);
    expect((back as { admin?: unknown }).admin).toBe(undefined);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      const bytes = encode(JSON.parse(`{"a": {"${key}": 1}}`));
      const error = thrown(() => decodeValue(new ByteReader(bytes), { untrusted: true }));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
      expect(error.message).toContain(key);
    }
  });
});
