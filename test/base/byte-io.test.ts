import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../src/base/errors.js';
import { ByteReader } from '../../src/codec/byte-reader.js';
import { ByteWriter } from '../../src/codec/byte-writer.js';
import { anyText } from './value-arbitraries.js';

describe('byte writer and reader', () => {
  it('give back integers, floats and texts in order', () => {
    const item = fc.oneof(
      fc.record({ kind: fc.constant('varint' as const), value: fc.maxSafeNat() }),
      fc.record({ kind: fc.constant('u16' as const), value: fc.nat(0xffff) }),
      fc.record({ kind: fc.constant('u32' as const), value: fc.nat(0x7fff_ffff) }),
      fc.record({ kind: fc.constant('f64' as const), value: fc.double() }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(item, anyText)), (items) => {
        const writer = new ByteWriter(8);
        for (const [number, text] of items) {
          writer[number.kind](number.value);
          writer.varint(text.length);
          writer.utf16(text);
        }
        const reader = new ByteReader(writer.take());
        for (const [number, text] of items) {
          expect(reader[number.kind]()).toBe(number.value);
          expect(reader.utf16(reader.length(2))).toBe(text);
        }
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it('write integers in their shortest form at every boundary', () => {
    for (let bits = 0; bits <= 53; bits += 1) {
      for (const value of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]) {
        if (!Number.isSafeInteger(value)) continue;
        const writer = new ByteWriter();
        writer.varint(value);
        expect(writer.position).toBe(Math.max(1, Math.ceil(value.toString(2).length / 7)));
        expect(new ByteReader(writer.written()).varint()).toBe(value);
      }
    }
  });

  it('pad to multiples of 8 with zero bytes, also in memory used before', () => {
    const writer = new ByteWriter(8);
    writer.raw(new Uint8Array(40).fill(255));
    writer.reset();
    writer.u8(1);
    writer.align8();
    expect([...writer.written()]).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
    writer.align8();
    expect(writer.position).toBe(8);
  });

  it('hand out bytes that later writes do not touch', () => {
    const writer = new ByteWriter();
    writer.u32(1);
    const taken = writer.take();
    writer.shrink(8);
    writer.u32(2);
    expect([...taken]).toEqual([1, 0, 0, 0]);
    expect(taken.buffer.byteLength).toBe(4);
  });

  it('refuse to read past the end, in the words of the caller', () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const reads: ((reader: ByteReader) => unknown)[] = [
      (reader) => reader.u32(),
      (reader) => reader.f64(),
      (reader) => reader.raw(4),
      (reader) => reader.copy(4),
      (reader) => reader.latin1(4),
      (reader) => reader.utf16(2),
    ];
    for (const read of reads) {
      expect(() => read(new ByteReader(bytes, { what: "state 'x'" }))).toThrow(/state 'x': ends/);
      const fail = (problem: string): HoldfastError =>
        new HoldfastError('ERR_HOLDFAST_INTERNAL', `mine: ${problem}`);
      expect(() => read(new ByteReader(bytes, { fail }))).toThrow(/^mine: ends/);
    }
  });
});
