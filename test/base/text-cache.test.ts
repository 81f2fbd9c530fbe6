import { describe, expect, it } from 'vitest';
import { CACHED_LENGTH_MAX, cachedLatin1 } from '../../src/codec/text-cache.js';

const text = (bytes: Buffer, at = 0, length = bytes.length - at) => cachedLatin1(bytes, at, length);

describe('texts that come again', () => {
  it('are those of the bytes, whichever came before in the same place', () => {
    // More texts than places, in an order in which most find another one where they belong.
    const texts = Array.from({ length: 5_000 }, (_, i) => `n${(i * 7_919) % 2_000}`);
    for (const each of texts) expect(text(Buffer.from(each, 'latin1'))).toBe(each);
  });

  it('differ in any one byte', () => {
    const name = 'abcdefghijklmnopqrstuvwx';
    expect(name).toHaveLength(CACHED_LENGTH_MAX);
    for (let i = 0; i < name.length; i += 1) {
      const other = `${name.slice(0, i)}\u00ff${name.slice(i + 1)}`;
      for (const each of [name, other, name]) {
        expect(text(Buffer.from(each, 'latin1'))).toBe(each);
      }
    }
  });

  it('are found in the midst of other bytes, and differ in length', () => {
    const bytes = Buffer.from('--count--');
    expect(text(bytes, 2, 5)).toBe('count');
    expect(text(bytes, 2, 4)).toBe('coun');
    expect(text(bytes, 2, 1)).toBe('c');
  });
});
