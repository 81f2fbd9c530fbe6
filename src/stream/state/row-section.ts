/**
 * Numeric state as bytes (part of the snapshot format):
 *
 *     magic u32 | version u32 | header bytes u32 | stride u32 | rows u32 | slots u32
 *     slots × (number u32 | bytes u32) | layout bytes u32 | layout, UTF-8 | zeros up to a multiple of 8
 *     rows × stride × float64
 *     the slots' bytes, one after the other (key-blob.ts, key-entry.ts)
 *
 * Everything is little-endian, as is every platform that Node supports; the magic number tells of any other order.
 */

import { HoldfastError } from '../../base/errors.js';
import type { SlotPrefix } from './key-blob.js';

const MAGIC = 0x5752_4648;
const VERSION = 1;
const FIXED_BYTES = 24;

export interface RowSectionHeader {
  readonly stride: number;
  readonly rows: number;
  readonly slots: readonly SlotPrefix[];
  readonly layout: string;
}

export function encodeRowHeader(header: RowSectionHeader): Uint8Array {
  const layout = Buffer.from(header.layout, 'utf8');
  const plain = FIXED_BYTES + header.slots.length * 8 + 4 + layout.length;
  const bytes = Buffer.from(new ArrayBuffer(Math.ceil(plain / 8) * 8));
  const words = [MAGIC, VERSION, bytes.length, header.stride, header.rows, header.slots.length];
  for (const slot of header.slots) words.push(slot.number, slot.bytes.length);
  words.push(layout.length);
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, i * 4);
  layout.copy(bytes, words.length * 4);
  return new Uint8Array(bytes.buffer);
}

export interface RowSection {
  readonly stride: number;
  readonly rows: number;
  readonly layout: string;
  /** In ascending order of their numbers. */
  readonly slots: readonly SlotPrefix[];
  /** The rows, one after the other. */
  readonly data: Float64Array;
}

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FORMAT */
export function decodeRowSection(bytes: Uint8Array): RowSection {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < FIXED_BYTES || buffer.readUInt32LE(0) !== MAGIC) {
    throw corruptRows('it does not begin as numeric state does');
  }
  const version = buffer.readUInt32LE(4);
  if (version !== VERSION) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_FORMAT',
      `keyed state was written in format ${version}, this version of Holdfast reads ${VERSION}.`,
    );
  }
  const headerBytes = buffer.readUInt32LE(8);
  const stride = buffer.readUInt32LE(12);
  const rows = buffer.readUInt32LE(16);
  const slotCount = buffer.readUInt32LE(20);
  const layoutAt = FIXED_BYTES + slotCount * 8;
  if (headerBytes > buffer.length || layoutAt + 4 > headerBytes)
    throw corruptRows('its header is cut short');
  const layoutBytes = buffer.readUInt32LE(layoutAt);
  const rowsEnd = headerBytes + rows * stride * 8;
  if (rowsEnd > buffer.length) throw corruptRows('its rows are cut short');
  const slots: SlotPrefix[] = [];
  let at = rowsEnd;
  for (let i = 0; i < slotCount; i += 1) {
    const number = buffer.readUInt32LE(FIXED_BYTES + i * 8);
    const end = at + buffer.readUInt32LE(FIXED_BYTES + i * 8 + 4);
    if (end > buffer.length) throw corruptRows('its keys are cut short');
    slots.push({ number, bytes: bytes.subarray(at, end) });
    at = end;
  }
  const layout = buffer.toString('utf8', layoutAt + 4, layoutAt + 4 + layoutBytes);
  return { stride, rows, layout, slots, data: floats(bytes, headerBytes, rows * stride) };
}

/** A view where the bytes are aligned, else a copy. */
export function floats(bytes: Uint8Array, at: number, length: number): Float64Array {
  const offset = bytes.byteOffset + at;
  if (offset % 8 === 0) return new Float64Array(bytes.buffer, offset, length);
  return new Float64Array(Uint8Array.from(bytes.subarray(at, at + length * 8)).buffer);
}

export function corruptRows(what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    `keyed state in the checkpoint is damaged: ${what}. Restore an older checkpoint.`,
  );
}

/**
 * For inspection from outside: how many rows are in use, or undefined when this is no numeric state.
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FORMAT
 */
export function rowsIn(bytes: Uint8Array): number | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const magic = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (magic !== MAGIC) return undefined;
  const { rows, stride, data } = decodeRowSection(bytes);
  let used = 0;
  for (let row = 0; row < rows; row += 1) if (data[row * stride]! >= 0) used += 1;
  return used;
}
