/**
 * What has changed in numeric state since an earlier checkpoint, as bytes (part of the snapshot format):
 *
 *     magic u32 | version u32 | header bytes u32 | stride u32 | rows u32 | changed u32 | first slot u32
 *     pieces u32 | pieces × (slot number u32 | from u32 | bytes u32)
 *     layout bytes u32 | layout, UTF-8 | zeros up to a multiple of 8
 *     changed × stride × float64 | changed × row number u32
 *     the pieces' bytes, one after the other
 *
 * `rows` is how many rows there are now, in use or free. A changed row that is free has the reference −1. Keys
 * are an append-only log (key-blob.ts, K1), so the new keys are pieces at the ends of slots; slots before
 * `first slot` are gone.
 */

import { HoldfastError } from '../../base/errors.js';
import type { SlotPiece } from './key-blob.js';
import { corruptRows, floats } from './row-section.js';

const MAGIC = 0x4452_4648;
const VERSION = 1;
const FIXED_BYTES = 32;
const PIECE_BYTES = 12;

export interface RowDeltaHeader {
  readonly stride: number;
  readonly rows: number;
  readonly changed: number;
  readonly firstSlot: number;
  readonly pieces: readonly SlotPiece[];
  readonly layout: string;
}

export interface RowDelta extends RowDeltaHeader {
  /** `changed` rows, one after the other. */
  readonly data: Float64Array;
  /** Their numbers. */
  readonly numbers: Uint32Array;
}

export function encodeRowDeltaHeader(header: RowDeltaHeader): Uint8Array {
  const layout = Buffer.from(header.layout, 'utf8');
  const plain = FIXED_BYTES + header.pieces.length * PIECE_BYTES + 4 + layout.length;
  const bytes = Buffer.from(new ArrayBuffer(Math.ceil(plain / 8) * 8));
  const { stride, rows, changed, firstSlot, pieces } = header;
  const words = [MAGIC, VERSION, bytes.length, stride, rows, changed, firstSlot, pieces.length];
  for (const piece of pieces) words.push(piece.number, piece.from, piece.bytes.length);
  words.push(layout.length);
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, i * 4);
  layout.copy(bytes, words.length * 4);
  return new Uint8Array(bytes.buffer);
}

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FORMAT */
export function decodeRowDelta(bytes: Uint8Array): RowDelta {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < FIXED_BYTES || buffer.readUInt32LE(0) !== MAGIC) {
    throw corruptRows('changes do not begin as they should');
  }
  const word = (index: number): number => buffer.readUInt32LE(index * 4);
  if (word(1) !== VERSION) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_FORMAT',
      `changes of keyed state were written in format ${word(1)}, this version of Holdfast reads ${VERSION}.`,
    );
  }
  const [headerBytes, stride, rows, changed] = [word(2), word(3), word(4), word(5)];
  const [firstSlot, pieceCount] = [word(6), word(7)];
  const layoutAt = FIXED_BYTES + pieceCount * PIECE_BYTES;
  if (headerBytes > buffer.length || layoutAt + 4 > headerBytes) {
    throw corruptRows('the header of its changes is cut short');
  }
  const layoutEnd = layoutAt + 4 + buffer.readUInt32LE(layoutAt);
  if (layoutEnd > headerBytes) throw corruptRows('the header of its changes is cut short');
  const numbersAt = headerBytes + changed * stride * 8;
  let at = numbersAt + changed * 4;
  if (at > buffer.length) throw corruptRows('its changed rows are cut short');
  const pieces: SlotPiece[] = [];
  for (let i = 0; i < pieceCount; i += 1) {
    const place = FIXED_BYTES + i * PIECE_BYTES;
    const end = at + buffer.readUInt32LE(place + 8);
    if (end > buffer.length) throw corruptRows('its new keys are cut short');
    pieces.push({
      number: buffer.readUInt32LE(place),
      from: buffer.readUInt32LE(place + 4),
      bytes: bytes.subarray(at, end),
    });
    at = end;
  }
  return {
    stride,
    rows,
    changed,
    firstSlot,
    pieces,
    layout: buffer.toString('utf8', layoutAt + 4, layoutEnd),
    data: floats(bytes, headerBytes, changed * stride),
    numbers: new Uint32Array(
      Uint8Array.from(bytes.subarray(numbersAt, numbersAt + changed * 4)).buffer,
    ),
  };
}
