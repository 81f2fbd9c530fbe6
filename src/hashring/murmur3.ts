/**
 * The hash of a key, by murmur3_x86_32 of Austin Appleby (public domain): over bytes, over the UTF-16 units of a
 * string, and over numbers, the last two without allocating.
 *
 * Invariants
 *   H1  A string hashes as its units' bytes do, low byte first, on every platform.
 *   H2  An integer of 32 bits hashes as its four bytes, any other number as the eight of its
 *       float64, low byte first; so the hash depends on the value alone, never on how an engine
 *       happens to hold it. −0 is 0, and there is one NaN.
 *   H3  Each kind of key has a seed of its own, so that 1, '1', 1n and true have unrelated hashes.
 *   H4  Equal keys have equal hashes: primitives hash as themselves, Dates and tuples as their
 *       canonical text.
 *
 * The hash decides the key group in which a snapshot keeps a key, so it is part of the snapshot
 * format and must never change. Golden vectors in the tests pin it.
 */

import { canonicalKey } from './canonical-key.js';
import { tupleUnits, writeTuple } from './tuple-hash.js';

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

const SEED_STRING = 0;
const SEED_NUMBER = 0x9e3779b9;
const SEED_BIGINT = 0x3c6ef372;
const SEED_OTHER = 0xdaa66d2b;

const NAN_HIGH_WORD = 0x7ff80000;
const scratch = new DataView(new ArrayBuffer(8));

/**
 * Hash of bytes. The published vectors are for bytes, so the tests check the other forms against this one.
 * @returns an unsigned 32-bit integer
 * @public
 */
export function murmur3Bytes(bytes: Uint8Array, seed = 0): number {
  const length = bytes.length;
  const blocksEnd = length & ~3;
  let hash = seed | 0;
  for (let i = 0; i < blocksEnd; i += 4) {
    const block = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    hash = mixBlock(hash, block);
  }
  let tail = 0;
  for (let i = length - 1; i >= blocksEnd; i -= 1) tail = (tail << 8) | bytes[i]!;
  if (blocksEnd < length) hash ^= scramble(tail);
  return finish(hash, length) >>> 0;
}

/**
 * Hash of a string's UTF-16 units, low byte first. Does not allocate.
 * @returns an unsigned 32-bit integer
 */
export function murmur3Utf16(text: string, seed = 0): number {
  return hashUnits(text, seed) >>> 0;
}

/**
 * Hash of a number (H2). Does not allocate.
 * @returns an unsigned 32-bit integer
 */
export function murmur3Number(value: number, seed = 0): number {
  return hashNumber(value, seed) >>> 0;
}

/**
 * Hash of a key (H3, H4). Allocates only for bigints, Dates, and tuples of more than strings and integers.
 * @returns an unsigned 32-bit integer
 * @throws `ERR_HOLDFAST_UNSUPPORTED_KEY` for what cannot be a key
 */
export function hashKey(key: unknown): number {
  return signedHashOfKey(key) >>> 0;
}

/**
 * `hashKey` as a signed integer. V8 keeps it without an allocation; an unsigned one that a call returns would be
 * allocated, unless the call is inlined.
 */
export function signedHashOfKey(key: unknown): number {
  if (typeof key === 'string') return hashUnits(key, SEED_STRING);
  if (typeof key === 'number') return hashNumber(key, SEED_NUMBER);
  if (typeof key === 'bigint') return hashUnits(key.toString(), SEED_BIGINT);
  if (typeof key === 'boolean') return hashNumber(key ? 2 : 1, SEED_OTHER);
  if (key === null) return hashNumber(0, SEED_OTHER);
  if (Array.isArray(key)) {
    const written = writeTuple(key);
    if (written >= 0) return hashWritten(written, SEED_STRING);
  }
  return hashUnits(canonicalKey(key) as string, SEED_STRING);
}

/** As `hashUnits`, of the first units that `writeTuple` has written. */
function hashWritten(count: number, seed: number): number {
  const even = count & ~1;
  let hash = seed | 0;
  for (let i = 0; i < even; i += 2) {
    hash = mixBlock(hash, tupleUnits[i]! | (tupleUnits[i + 1]! << 16));
  }
  if (even < count) hash ^= scramble(tupleUnits[even]!);
  return finish(hash, count << 1);
}

function hashUnits(text: string, seed: number): number {
  const units = text.length;
  const end = units & ~3;
  let hash = seed | 0;
  let i = 0;
  // Two blocks per round, because that halves the share of the loop itself.
  for (; i < end; i += 4) {
    hash = mixBlock(hash, text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16));
    hash = mixBlock(hash, text.charCodeAt(i + 2) | (text.charCodeAt(i + 3) << 16));
  }
  if ((units & 2) !== 0) {
    hash = mixBlock(hash, text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16));
    i += 2;
  }
  if ((units & 1) !== 0) hash ^= scramble(text.charCodeAt(i));
  return finish(hash, units << 1);
}

function hashNumber(value: number, seed: number): number {
  const integer = value | 0;
  if (integer === value) return finish(mixBlock(seed | 0, integer), 4);
  return hashFloat64(value, seed);
}

function hashFloat64(value: number, seed: number): number {
  let low = 0;
  let high = NAN_HIGH_WORD;
  if (!Number.isNaN(value)) {
    scratch.setFloat64(0, value, true);
    low = scratch.getInt32(0, true);
    high = scratch.getInt32(4, true);
  }
  return finish(mixBlock(mixBlock(seed | 0, low), high), 8);
}

function scramble(block: number): number {
  const mixed = Math.imul(block, C1);
  return Math.imul((mixed << 15) | (mixed >>> 17), C2);
}

function mixBlock(hash: number, block: number): number {
  const mixed = hash ^ scramble(block);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, byteLength: number): number {
  let h = hash ^ byteLength;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
