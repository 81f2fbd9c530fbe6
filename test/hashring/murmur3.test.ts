import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalKey, type Key } from '../../src/hashring/canonical-key.js';
import {
  hashKey,
  murmur3Bytes,
  murmur3Number,
  murmur3Utf16,
  signedHashOfKey,
} from '../../src/hashring/murmur3.js';
import { anyKey, isSameKey } from './keys.js';

const ascii = (text: string) => new TextEncoder().encode(text);
const seed = fc.integer({ min: 0, max: 0xffff_ffff });

describe('murmur3_x86_32', () => {
  test.each<[string, Uint8Array, number, number]>([
    ['nothing', ascii(''), 0, 0],
    ['nothing', ascii(''), 1, 0x514e28b7],
    ['nothing', ascii(''), 0xffffffff, 0x81f16f39],
    ['ff ff ff ff', Uint8Array.of(255, 255, 255, 255), 0, 0x76293b50],
    ['21 43 65 87', Uint8Array.of(0x21, 0x43, 0x65, 0x87), 0, 0xf55b516b],
    ['21 43 65 87', Uint8Array.of(0x21, 0x43, 0x65, 0x87), 0x5082edee, 0x2362f9de],
    ['21 43 65', Uint8Array.of(0x21, 0x43, 0x65), 0, 0x7e4a8634],
    ['21 43', Uint8Array.of(0x21, 0x43), 0, 0xa0f7b07a],
    ['21', Uint8Array.of(0x21), 0, 0x72661cf4],
    ['four zeros', new Uint8Array(4), 0, 0x2362f9de],
    ['one zero', new Uint8Array(1), 0, 0x514e28b7],
    ['test', ascii('test'), 0, 0xba6bd213],
    ['test', ascii('test'), 0x9747b28c, 0x704b81dc],
    ['Hello, world!', ascii('Hello, world!'), 0, 0xc0363e43],
    ['Hello, world!', ascii('Hello, world!'), 0x9747b28c, 0x24884cba],
    ['a pangram', ascii('The quick brown fox jumps over the lazy dog'), 0x9747b28c, 0x2fa826cd],
  ])('of %s is the published value', (_, bytes, from, published) => {
    expect(murmur3Bytes(bytes, from)).toBe(published);
  });

  test('of a string is that of its units, low byte first', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 });
    fc.assert(
      fc.property(text, seed, (value, from) => {
        expect(murmur3Utf16(value, from)).toBe(murmur3Bytes(Buffer.from(value, 'utf16le'), from));
      }),
    );
    expect(murmur3Utf16('\ud800x')).toBe(murmur3Bytes(Uint8Array.of(0, 0xd8, 0x78, 0)));
  });

  test('of a number is that of its four or eight bytes, low byte first', () => {
    const bytesOf = (value: number) => {
      const isInt32 = Number.isInteger(value) && Math.abs(value + 0.5) < 2 ** 31;
      const bytes = Buffer.alloc(isInt32 ? 4 : 8);
      if (isInt32) bytes.writeInt32LE(value);
      else bytes.writeDoubleLE(value);
      return bytes;
    };
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true }), fc.integer()), seed, (value, from) => {
        expect(murmur3Number(value, from)).toBe(murmur3Bytes(bytesOf(value), from));
      }),
    );
    for (const value of [2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53, Infinity]) {
      expect(murmur3Number(value)).toBe(murmur3Bytes(bytesOf(value)));
    }
  });
});

describe('hashKey', () => {
  /** Part of the snapshot format: a change here makes every snapshot ever written unreadable. */
  const golden: readonly (readonly [Key, number])[] = [
    ['', 0x00000000],
    ['a', 0x6f49d11a],
    ['ab', 0x165860ca],
    ['abc', 0x42b016c3],
    ['abcd', 0x44fa9d34],
    ['SFO', 0x9a447295],
    ['key-000000042', 0x8927dd2f],
    ['Zürich', 0x8a3e63b6],
    ['東京', 0x2314827b],
    ['\ud83d\ude80', 0xd077e02c],
    ['\0', 0x30f4c306],
    ['\0d0;', 0xaf59c200],
    [0, 0xb4658096],
    [1, 0x462feb7d],
    [-1, 0x0bd854ed],
    [42, 0x0dfbe10a],
    [1_000_000, 0x5d5f929c],
    [2 ** 31 - 1, 0x05012ae0],
    [-(2 ** 31), 0xb72872cf],
    [2 ** 31, 0xd5af2721],
    [2 ** 53, 0x8a566af9],
    [0.5, 0x128aed16],
    [-1.25, 0x32956f14],
    [1e300, 0x1560f19a],
    [Number.NaN, 0x4744d1e4],
    [Infinity, 0xe695b00e],
    [-Infinity, 0x17604f9a],
    [0n, 0xdde68307],
    [1n, 0x714fb5ce],
    [-1n, 0xa69cbc6c],
    [2n ** 70n, 0x25491822],
    [true, 0xf18c3d93],
    [false, 0x72197510],
    [null, 0x6ba0a402],
    [new Date(0), 0xaf59c200],
    [new Date(978_307_200_000), 0xfd335f64],
    [[], 0xbc97733a],
    [['SFO'], 0x9e823c11],
    [['SFO', 1], 0xed83459f],
    [['SFO', 'LAX'], 0x5da86b7e],
    [[1, [2n, null], true, new Date(0)], 0xfa0073bc],
  ];

  test('is what snapshots rely on', () => {
    const actual = golden.map(([key]) => [inspect(key), hashKey(key)]);
    expect(actual).toEqual(golden.map(([key, hash]) => [inspect(key), hash]));
  });

  test('of a tuple is that of its canonical text, whichever way it is found', () => {
    const element = fc.oneof(
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double(),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(
        0,
        -0,
        9,
        10,
        99,
        1e9 - 1,
        1e9,
        -1e9,
        2 ** 53 - 1,
        2 ** 53,
        1e21,
        'x'.repeat(2_000),
      ),
    );
    fc.assert(
      fc.property(fc.array(element, { maxLength: 12 }), (tuple) => {
        expect(hashKey(tuple)).toBe(murmur3Utf16(canonicalKey(tuple) as string));
      }),
      { numRuns: 2_000 },
    );
  });

  test('is equal for equal keys, whatever they are made of', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        expect(hashKey(structuredClone(a))).toBe(hashKey(a));
        if (isSameKey(a, b)) expect(hashKey(a)).toBe(hashKey(b));
      }),
      { numRuns: 2_000 },
    );
  });

  test('does not depend on how a number is held', () => {
    const held = new Float64Array([1, -0, 3]);
    expect(hashKey(held[0])).toBe(hashKey(1));
    expect(hashKey(held[1])).toBe(hashKey(0));
    expect(hashKey(held[2]! / 2 + 1.5)).toBe(hashKey(3));
    const strange = new Float64Array(new Uint32Array([1, 0xfff80000]).buffer)[0];
    expect(hashKey(strange)).toBe(hashKey(Number.NaN));
  });

  test('does not depend on how a string is held', () => {
    const text = 'a piece of a longer text, cut out and joined again';
    const wide = `${text}ж`;
    expect(hashKey(wide.slice(0, -1))).toBe(hashKey(text));
    expect(hashKey([...text].join(''))).toBe(hashKey(text));
  });

  test('is unsigned, and has a signed twin', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const hash = hashKey(key);
        expect(hash).toBeGreaterThanOrEqual(0);
        expect(hash).toBeLessThan(2 ** 32);
        expect(signedHashOfKey(key)).toBe(hash | 0);
      }),
    );
  });

  test('refuses what cannot be a key', () => {
    const code = 'ERR_HOLDFAST_UNSUPPORTED_KEY';
    expect(() => hashKey(undefined)).toThrow(expect.objectContaining({ code }));
    expect(() => hashKey({})).toThrow(expect.objectContaining({ code }));
    expect(() => hashKey([{}])).toThrow(expect.objectContaining({ code }));
  });
});
