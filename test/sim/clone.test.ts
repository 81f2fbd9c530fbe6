import { describe, expect, test } from 'vitest';
import { cloned } from './clone.js';

const bytes = (...given: number[]) => new Uint8Array(given);

describe('a message between simulated threads', () => {
  test('arrives as structuredClone would make it', () => {
    const shared = { a: 1 };
    const message = {
      kind: 'captured',
      none: undefined,
      nothing: null,
      big: 3n,
      list: [1, 'two', Number.NaN, [shared, shared]],
      view: new Float64Array(new Float64Array([1, 2, 3]).buffer, 8, 1),
      bytes: Buffer.from('abc'),
      data: new DataView(bytes(1, 2, 3).buffer, 1, 2),
    };
    const copy = cloned(message);
    expect(copy).toEqual(structuredClone(message));
    expect(Object.keys(copy)).toEqual(Object.keys(message));
    expect(copy.bytes).not.toBeInstanceOf(Buffer);
    const [one, other] = copy.list[3] as [object, object];
    expect(one).toBe(other);
    expect(one).not.toBe(shared);
  });

  test('shares no memory, unless it is made for that', () => {
    const own = bytes(1, 2);
    const shared = new Uint8Array(new SharedArrayBuffer(1));
    const copy = cloned({ own, shared });
    own[0] = 9;
    shared[0] = 9;
    expect(copy.own[0]).toBe(1);
    expect(copy.shared[0]).toBe(9);
  });

  test('two views of a buffer are of one buffer there', () => {
    const { buffer } = bytes(1, 2, 3, 4);
    const [a, b] = cloned([new Uint8Array(buffer, 0, 2), new Uint8Array(buffer, 1, 2)]);
    expect(a!.buffer).toBe(b!.buffer);
    expect([...b!]).toEqual([2, 3]);
  });

  test('takes its buffers along', () => {
    const moved = bytes(1, 2, 3);
    const kept = bytes(4);
    const sections = [
      { name: 'a', bytes: moved.subarray(1), rest: 1 },
      { name: 'b', bytes: kept, rest: 2 },
    ];
    const copy = cloned({ sections }, [moved.buffer]);
    expect(moved.length).toBe(0);
    expect(kept.length).toBe(1);
    expect(copy.sections.map((one) => [...one.bytes])).toEqual([[2, 3], [4]]);
    expect(Object.keys(copy.sections[0]!)).toEqual(['name', 'bytes', 'rest']);
  });

  test('of what is not plain comes through as well, or does not', () => {
    const message = { at: new Map([[1, new Error('an error')]]), own: bytes(1, 2) };
    const copy = cloned(message, [message.own.buffer]);
    expect(copy.at.get(1)).toEqual(new Error('an error'));
    expect([...copy.own]).toEqual([1, 2]);
    expect(message.own.length).toBe(0);
    expect(() => cloned({ act: () => {} })).toThrow(/could not be cloned/);
  });
});
