import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactDecimal, integerOf, isExact } from '../../src/connectors/exact-number.js';
import { parseJson } from '../../src/connectors/parse-json.js';

describe('parseJson', () => {
  it('reads what JSON.stringify writes, as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(parseJson(text)).toEqual(JSON.parse(text));
        expect(parseJson(text, true)).toEqual(JSON.parse(text));
      }),
    );
    for (const number of [2 ** 64, 1e21, -(2 ** 53), 5e-324, 1.7976931348623157e308, 1e300]) {
      expect(parseJson(JSON.stringify([number]))).toEqual([number]);
    }
  });

  it('refuses numbers that a double cannot hold', () => {
    for (const number of [
      '12345678901234567890',
      '9007199254740993',
      '-9007199254740993',
      '1e400',
      '-1e400',
      '1e-400',
      `1${'0'.repeat(400)}`,
      `0.${'0'.repeat(400)}1`,
    ]) {
      expect(() => parseJson(`{"a": ["x", ${number}]}`), number).toThrow('what a double can hold');
    }
  });

  it('refuses them however they are written, and takes what comes back', () => {
    for (const number of [
      '9007199254740993.0',
      '-9007199254740993.000',
      '9007199254740993e0',
      '90071992547409930e-1',
      '9007199254.740993e6',
      '9007199254740993.5',
      '9007199254740991.75',
    ]) {
      expect(() => parseJson(`[${number}]`), number).toThrow('what a double can hold');
    }
    const text =
      '[9007199254740992.0, 1e21, 1.50E+300, 12345678901234567e3, 0.1, 1.10, 123456789012345678e-3]';
    expect(parseJson(text)).toEqual(JSON.parse(text));
    expect(parseJson(text, true)).toEqual(JSON.parse(text));
  });

  it('gives integers as bigints however they are written', () => {
    expect(
      parseJson('[9007199254740993.0, -900719925474099.30e1, 1234567890123456789e2]', true),
    ).toEqual([9007199254740993n, -9007199254740993n, 123456789012345678900n]);
    expect(() => parseJson('[9007199254740993.5]', true)).toThrow('what a double can hold');
    expect(() => parseJson('[1e999999999]', true)).toThrow('what a double can hold');
  });

  it('takes fractions as everywhere, and digits in texts as they are', () => {
    const text =
      '{"12345678901234567890": "9007199254740993 \\" 1e400", "pi": 3.14159265358979323846, "z": 0e999}';
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it('gives them as bigints when asked, and nothing else', () => {
    const text =
      '{"a": [12345678901234567890, -9007199254740993, 1], "b": "bigint:9007199254740993", ' +
      '"c": "\\u0062igint:9007199254740993", "bigint:1": 9007199254740992, "__proto__": 9007199254740995}';
    const found = parseJson(text, true) as Record<string, unknown>;
    expect(Object.entries(found)).toEqual([
      ['a', [12345678901234567890n, -9007199254740993n, 1]],
      ['b', 'bigint:9007199254740993'],
      ['c', 'bigint:9007199254740993'],
      ['bigint:1', 9007199254740992],
      ['__proto__', 9007199254740995n],
    ]);
    expect(() => parseJson('[1e400]', true)).toThrow('what a double can hold');
  });
});

describe('exactDecimal', () => {
  it('is the nearest double of every decimal of up to 15 digits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }),
        fc.integer({ min: 0, max: 38 }),
        (unscaled, scale) => {
          const wanted = Number(`${unscaled}e-${scale}`);
          expect(exactDecimal(unscaled, scale)).toBe(wanted);
          expect(exactDecimal(BigInt(unscaled), scale)).toBe(wanted);
        },
      ),
    );
  });

  it('is not asked of integers written in other ways', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
        fc.nat(40),
        (integer, shift) => {
          for (const text of [
            `${integer}.${'0'.repeat(shift + 1)}`,
            `${integer}${'0'.repeat(shift)}e-${shift}`,
          ]) {
            expect(integerOf(text)).toBe(integer);
            expect(isExact(text)).toBe(isExact(String(integer)));
          }
          expect(integerOf(`${integer}.5`)).toBeUndefined();
        },
      ),
    );
  });

  it('is only what comes back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), (integer) => {
        const same = BigInt(String(Number(integer))) === integer;
        expect(isExact(String(integer))).toBe(same);
      }),
    );
  });
});
