import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactDecimal, isExactInteger } from '../../src/connectors/exact-number.js';
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

  it('is only what comes back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), (integer) => {
        const same = BigInt(String(Number(integer))) === integer;
        expect(isExactInteger(String(integer))).toBe(same);
      }),
    );
  });
});
