import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HoldfastError, isHoldfastError } from '../../src/base/errors.js';
import { ByteReader } from '../../src/codec/byte-reader.js';
import { ByteWriter } from '../../src/codec/byte-writer.js';
import { checkValue, copyValue, decodeValue, encodeValue } from '../../src/codec/value-codec.js';
import { anyValue, same } from './value-arbitraries.js';

function encode(value: unknown): Uint8Array {
  const writer = new ByteWriter(8);
  encodeValue(writer, value);
  return writer.take();
}

function decode(bytes: Uint8Array): unknown {
  const reader = new ByteReader(bytes);
  const value = decodeValue(reader);
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

class Account {
  balance = 5;
}

function resizable(): ArrayBuffer {
  return new (ArrayBuffer as new (bytes: number, options: object) => ArrayBuffer)(8, {
    maxByteLength: 16,
  });
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const WELL_FORMED = new Set([
  'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
  'ERR_HOLDFAST_CODEC',
  'ERR_HOLDFAST_UNSUPPORTED_VALUE',
]);

const hex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('objects of a shape that has come often', () => {
  const keys = fc.uniqueArray(
    fc.oneof(
      fc.string({ maxLength: 5 }),
      fc.constantFrom(
        '__proto__',
        'constructor',
        '7',
        '\u2028',
        '\ud800',
        '"\\',
        'ä€',
        'a\nb',
        'x'.repeat(70),
      ),
    ),
    { minLength: 1, maxLength: 6 },
  );
  const made = (names: readonly string[], values: readonly unknown[]): object => {
    const object = {};
    for (const [i, name] of names.entries()) {
      const value = values[i % values.length];
      Object.defineProperty(object, name, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return object;
  };

  it('are written as the first one was, and come back, whatever they hold', () => {
    const values = fc.array(anyValue, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(keys, values, (names, held) => {
        const first = encode(made(names, held));
        for (let i = 0; i < 30; i += 1) {
          // Another between: a shape is found among several.
          encode(made([...names, `own ${i % 6}`], [i]));
          expect(Buffer.compare(encode(made(names, held)), first)).toBe(0);
        }
        expect(same(decode(first), made(names, held))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('are told from others that have a key more, a key less, or inherit one', () => {
    const bytes = new Map<object, Uint8Array>();
    const parent = { b: 2 };
    const objects = [{ a: 1, b: 2 }, { a: 1 }, { a: 1, b: 2, c: 3 }, { b: 2, a: 1 }];
    for (const object of objects) bytes.set(object, encode(object));
    for (let i = 0; i < 200; i += 1) {
      const object = objects[i % objects.length]!;
      expect(encode(object)).toEqual(bytes.get(object));
      expect(decode(encode(object))).toEqual(object);
    }
    expect(thrown(() => encode(Object.assign(Object.create(parent), { a: 1 }))).code).toBe(
      'ERR_HOLDFAST_UNSUPPORTED_VALUE',
    );
    for (let i = 0; i < 20; i += 1) encode({ a: 1, b: { c: 1 } });
    const refused = thrown(() => encode({ a: 1, b: { c: () => 1 } }));
    expect(refused.details['path']).toBe('value.b.c');
  });

  it('name the accessor that throws', () => {
    const withAccessor = (text: string) => ({
      parts: [1],
      get whole(): number {
        return JSON.parse(text);
      },
    });
    for (let i = 0; i < 20; i += 1) encode(withAccessor('2'));
    const refused = thrown(() => encode({ of: { it: withAccessor('{') } }));
    expect(refused.details['path']).toBe('value.of.it.whole');
  });

  it('that serve as dictionaries take up no room', () => {
    for (let i = 0; i < 20_000; i += 1) {
      const object = { [`key ${i}`]: i };
      expect(decode(encode(object))).toEqual(object);
    }
  });
});

describe('value codec', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(same(roundTrip(value), value)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it('copies as it encodes and decodes, and passes what it gives back', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const copy = copyValue(value);
        expect(same(copy, value)).toBe(true);
        expect(Buffer.from(encode(copy)).equals(encode(value))).toBe(true);
        checkValue(value, 'value');
      }),
      { numRuns: 3_000 },
    );
  });

  it('copies nothing that is shared with the original', () => {
    const parts = (value: unknown, into: Set<object>): Set<object> => {
      if (typeof value !== 'object' || value === null || into.has(value)) return into;
      into.add(value);
      if (ArrayBuffer.isView(value)) into.add(value.buffer);
      if (value instanceof Map || value instanceof Set) parts([...value], into);
      for (const key of Reflect.ownKeys(value)) parts(Reflect.get(value, key), into);
      return into;
    };
    fc.assert(
      fc.property(anyValue, (value) => {
        const originals = parts(value, new Set());
        for (const part of parts(copyValue(value), new Set()))
          expect(originals.has(part)).toBe(false);
      }),
      { numRuns: 1_000 },
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
        // Each value by itself: what two of them share comes apart.
        back.forEach((value, i) => {
          expect(same(value, values[i])).toBe(true);
        });
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

  it('gives Buffers back as Buffers, with no more than the bytes they show', () => {
    const buffer = Buffer.from('holdfast');
    const bytes = encode({ buffer });
    const back = decode(bytes) as { buffer: Buffer };
    expect(Buffer.isBuffer(back.buffer)).toBe(true);
    expect(back.buffer.toString()).toBe('holdfast');
    expect(back.buffer.buffer.byteLength).toBe(8);
    bytes.fill(0);
    expect(back.buffer.toString()).toBe('holdfast');
    const copy = copyValue(buffer);
    buffer.fill(0);
    expect(copy.toString()).toBe('holdfast');
  });

  it.each<[string, <T>(value: T) => T]>([
    ['decoding', roundTrip],
    ['copying', copyValue],
  ])('keeps views of one ArrayBuffer together when %s', (_, through) => {
    const all = new Uint8Array(32);
    const back = through({
      all,
      buffer: all.buffer,
      words: new Uint32Array(all.buffer, 8, 2),
      nested: [all.subarray(8, 12), Buffer.from(all.buffer, 8, 1)],
    });
    expect(back.buffer).toBe(back.all.buffer);
    back.words[0] = 0x01020304;
    expect([...back.nested[0]!]).toEqual([4, 3, 2, 1]);
    expect(back.nested[1]![0]).toBe(4);
    expect(back.all[9]).toBe(3);
    // Neighbours in Node's pool of small Buffers are apart.
    const [one, two] = through([Buffer.from('one'), Buffer.from('two')]);
    expect(one!.buffer).not.toBe(two!.buffer);
    // What a first view of a part had to leave behind cannot be known to a later one.
    const refused = [
      [all.subarray(0, 8), all.subarray(4, 12)],
      [all.subarray(0, 8), all.buffer],
      [all.subarray(1, 25), new Float64Array(all.buffer, 8, 1)],
    ];
    for (const value of refused) {
      const error = thrown(() => through(value));
      expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
      expect(error.message).toMatch(/^value\[1\] is an? .* put the one that holds all/);
    }
  });

  it('gives errors back with name, code, cause, errors and fields of their own', () => {
    const error = Object.assign(new RangeError('bad', { cause: { at: 3 } }), {
      code: 'E_BAD',
      name: 'BadError',
      more: new Map([['k', [1n]]]),
    });
    const back = roundTrip(error);
    expect(back).toBeInstanceOf(RangeError);
    expect(same(back, error)).toBe(true);
    expect(String(back)).toBe('BadError: bad');
    expect(back.stack).toBe(error.stack);
    expect(back.more).toEqual(new Map([['k', [1n]]]));
    const all = roundTrip(new AggregateError([error, new TypeError('t')], 'all'));
    expect(all).toBeInstanceOf(AggregateError);
    expect(all.errors[1]).toBeInstanceOf(TypeError);
    expect(Object.keys(all)).toEqual([]);
    const aborted = roundTrip(new DOMException('stop', 'AbortError'));
    expect(aborted).toBeInstanceOf(DOMException);
    expect([aborted.name, aborted.message, aborted.code]).toEqual(['AbortError', 'stop', 20]);
    const own = new HoldfastError('ERR_HOLDFAST_SINK', 'full', { details: { bytes: 1 } });
    expect(same(roundTrip(own), own)).toBe(true);
    expect(isHoldfastError(copyValue(own), 'ERR_HOLDFAST_SINK')).toBe(true);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a file that is missing', () => readFile('/no/such/file')],
    ['a call with a wrong argument', async () => Buffer.alloc(-1)],
    ['malformed JSON', async () => JSON.parse('{')],
    ['a malformed URL', async () => new URL('x')],
    ['an aborted signal', async () => AbortSignal.abort().throwIfAborted()],
  ])('gives back the error of %s', async (_, fail) => {
    const error: unknown = await fail().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(Error);
    checkValue(error, 'error');
    // Not its prototype: errors with a code have one of Node's in between.
    for (const back of [roundTrip(error), copyValue(error)] as Error[]) {
      expect(back).toBeInstanceOf((error as Error).constructor);
      expect(back.stack).toBe((error as Error).stack);
      const fields = (from: object): unknown => ({
        ...Object.getOwnPropertyDescriptors(from),
        stack: 0,
      });
      expect(fields(back)).toEqual(fields(error as Error));
    }
  });

  it('takes objects without a prototype, and those of another realm', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(Object.getPrototypeOf(roundTrip(bare))).toBe(null);
    const strange: unknown = runInNewContext(
      `({ o: { a: [1, , 3] }, d: new Date(5), m: new Map([[1, new Set([2])]]), e: new TypeError('t'),
         u: new Uint8Array([7]) })`,
    );
    checkValue(strange, 'value');
    for (const back of [roundTrip(strange), copyValue(strange)]) {
      const expected = {
        o: { a: Object.assign(new Array(3), { 0: 1, 2: 3 }) },
        d: new Date(5),
        m: new Map([[1, new Set([2])]]),
        e: (strange as { e: unknown }).e,
        u: new Uint8Array([7]),
      };
      expect(same({ ...(back as object), e: 0 }, { ...expected, e: 0 })).toBe(true);
      expect((back as { e: unknown }).e).toBeInstanceOf(TypeError);
    }
  });

  it.each<[string, () => unknown, string, string]>([
    ['a function', () => ({ a: [1, { callback: () => 1 }] }), 'value.a[1].callback', 'function'],
    ['a symbol', () => ({ 'odd key': Symbol('s') }), 'value["odd key"]', 'symbol'],
    ['a Promise', () => [Promise.resolve(1)], 'value[0]', 'Promise'],
    ['an instance of a class', () => ({ m: [new Account()] }), 'value.m[0]', 'class Account'],
    [
      'an Array of a class',
      () => ({ l: new (class List extends Array {})() }),
      'value.l',
      'class List',
    ],
    ['a Map of a class', () => [new (class Index extends Map {})()], 'value[0]', 'class Index'],
    ['a Date of a class', () => [new (class Day extends Date {})()], 'value[0]', 'class Day'],
    ['an error of a class', () => [new (class Bad extends Error {})()], 'value[0]', 'class Bad'],
    ['bytes of a class', () => [new (class Raw extends Uint8Array {})()], 'value[0]', 'class Raw'],
    ['an impostor', () => [Object.create(Date.prototype)], 'value[0]', 'a Date'],
    ['an object of an odd prototype', () => [Object.create({})], 'value[0]', 'unknown kind'],
    ['a resizable buffer', () => ({ r: resizable() }), 'value.r', 'resizable'],
    ['a view of one', () => ({ r: new Uint8Array(resizable()) }), 'value.r', 'resizable'],
    [
      'a view of shared memory',
      () => [new Int8Array(new SharedArrayBuffer(8))],
      'value[0]',
      'shared',
    ],
    ['a detached buffer', () => [detached()], 'value[0]', 'detached'],
    [
      'a symbol in an error',
      () => Object.assign(new Error('x'), { [Symbol('s')]: 1 }),
      'value',
      'Symbol(s)',
    ],
    ['a WeakMap', () => new Map([['k', new WeakMap()]]), 'value<value 0>', 'WeakMap'],
    ['a WeakRef', () => new Set([1, new WeakRef({})]), 'value<item 1>', 'WeakRef'],
    ['a Proxy of a Map', () => ({ m: new Proxy(new Map(), {}) }), 'value.m', 'Proxy'],
    ['a generator', () => (function* () {})(), 'value', 'Generator'],
    ['an Intl object', () => ({ c: new Intl.Collator() }), 'value.c', 'Intl.Collator'],
    ['a URL', () => ({ u: new URL('http://a.b/') }), 'value.u', 'URL'],
    ['shared memory', () => ({ s: new SharedArrayBuffer(8) }), 'value.s', 'SharedArrayBuffer'],
    ['a boxed symbol', () => ({ s: Object(Symbol('s')) }), 'value.s', 'Symbol'],
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
    for (const refuse of [() => copyValue(make()), () => checkValue(make(), 'value')]) {
      const other = thrown(refuse);
      expect([other.code, other.message]).toEqual([error.code, error.message]);
    }
    // The encoder is as good as new afterwards.
    encodeValue(writer, { fine: true });
    expect(decodeValue(new ByteReader(writer.written().subarray(1)))).toEqual({ fine: true });
  });

  it.each<[string, () => unknown, string, string]>([
    ['a symbol as a key', () => ({ a: { [Symbol('s')]: 1 } }), 'value.a', 'Symbol(s)'],
    [
      'a hidden property',
      () => [Object.defineProperty({}, 'h', { value: 1 })],
      'value[0].h',
      'not enumerable',
    ],
    [
      'an accessor',
      () => ({
        get now() {
          return 7;
        },
      }),
      'value.now',
      'accessor',
    ],
    [
      'an accessor in an array',
      () => Object.defineProperty([1], 0, { get: () => 1 }),
      'value[0]',
      'accessor',
    ],
    ['a Proxy of a plain object', () => ({ p: new Proxy({}, {}) }), 'value.p', 'Proxy'],
    ['a Proxy of an array', () => ({ p: new Proxy([], {}) }), 'value.p', 'Proxy'],
    ['a revoked Proxy', () => ({ p: revoked() }), 'value.p', 'Proxy'],
    [
      'arguments',
      () =>
        (function () {
          // biome-ignore lint/complexity/noArguments: an object that looks plain is what is wanted
          return arguments;
        })(),
      'value',
      'Symbol.iterator',
    ],
    ['a namespace', () => [Math], 'value[0]', 'Symbol.toStringTag'],
    [
      'a property of a Date',
      () => [Object.assign(new Date(0), { zone: 'x' })],
      'value[0].zone',
      'a Date',
    ],
    [
      'a property of a Map',
      () => [Object.assign(new Map(), { zone: 'x' })],
      'value[0].zone',
      'a Map',
    ],
    [
      'a property of a RegExp',
      () => [Object.assign(/a/, { zone: 'x' })],
      'value[0].zone',
      'a RegExp',
    ],
    [
      'a property of a String',
      () => [Object.assign(Object('ab'), { zone: 'x' })],
      'value[0].zone',
      'a String',
    ],
    [
      'a property of few bytes',
      () => [Object.assign(Buffer.from('a'), { zone: 'x' })],
      'value[0].zone',
      'a Buffer',
    ],
    [
      'a property of many bytes',
      () => [Object.assign(new Int8Array(99), { zone: 'x' })],
      'value[0].zone',
      'an Int8Array',
    ],
    [
      'a symbol on bytes',
      () => [Object.assign(Buffer.alloc(99), { [Symbol('s')]: 1 })],
      'value[0]',
      'Symbol(s)',
    ],
    [
      'an accessor of an error',
      () => Object.defineProperty(new Error('x'), 'a', { get: () => 1 }),
      'value.a',
      'accessor',
    ],
  ])('refuses %s when asked to check', (_, make, path, what) => {
    const error = thrown(() => checkValue(make(), 'value'));
    expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    expect(error.details['path']).toBe(path);
    expect(error.message).toContain(what);
    checkValue({ fine: [true] }, 'value');
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

  it('keeps the bytes of what came with version 2', () => {
    const all = Uint8Array.of(1, 2, 3, 4);
    const golden: readonly (readonly [unknown, string])[] = [
      [Buffer.from('ab'), '18 0c 02 6162'],
      [Object.assign(/a/g, { lastIndex: 3 }), '1c 4161 4167 83'],
      [
        Object.assign(new RangeError('m'), { stack: 's', code: 'E' }),
        '1d 02 03 45737461636b 00 4173 476d657373616765 00 416d 44636f6465 01 4145',
      ],
      [[all, all.subarray(1, 3)], '11 02 18 01 04 01020304 1e 01 01 01 02'],
      [[all, all.buffer], '11 02 18 01 04 01020304 1f 01'],
      [[all.buffer, new Uint16Array(all.buffer, 2)], '11 02 17 04 01020304 1e 04 01 02 02'],
    ];
    for (const [value, bytes] of golden) {
      expect(Buffer.from(encode(value)).toString('hex')).toBe(bytes.replaceAll(' ', ''));
      expect(same(decode(hex(bytes)), value)).toBe(true);
    }
  });

  it.each([
    ['Float16Array', '18 0d 02 003c', 'Float16Array', 24],
    ['Temporal', '20 00 01 0801e8', 'Temporal.Instant', 26],
  ])('names a class that this Node lacks: %s', (name, bytes, what, node) => {
    const late = globalThis as Record<string, unknown>;
    const known = Object.getOwnPropertyDescriptor(globalThis, name);
    if (known !== undefined) {
      expect(Buffer.from(encode(decode(hex(bytes)))).toString('hex')).toBe(
        bytes.replaceAll(' ', ''),
      );
    }
    try {
      delete late[name];
      const error = thrown(() => decode(hex(bytes)));
      expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
      expect(error.message).toContain(`hold a ${what}, which Node`);
      expect(error.message).toContain(`Node ${node} or newer`);
    } finally {
      if (known !== undefined) Object.defineProperty(globalThis, name, known);
    }
  });

  it('ends hostile bytes in a value or in the error for corrupt data', () => {
    const survive = (bytes: Uint8Array): void => {
      try {
        decodeValue(new ByteReader(bytes));
      } catch (error) {
        // A codec that is not registered, a class that this Node lacks: bytes may say so, too.
        if (!(error instanceof HoldfastError) || !WELL_FORMED.has(error.code)) throw error;
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
    ['an error with fields, of an unknown kind', '1d 63 00'],
    ['a view inside of no bytes', '11 02 13 00 1e 01 01 00 00'],
    ['a view beyond the bytes', '11 02 17 02 0102 1e 01 01 01 02'],
    ['a view at an odd place', '11 02 17 04 01020304 1e 04 01 01 02'],
    ['a malformed Temporal object', '20 63 00'],
    ['a codec without an id', '21 81 01 81'],
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
  });
});
