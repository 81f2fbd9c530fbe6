/**
 * A sketch of how many different values there are: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier, 2007), with the
 * estimate of O. Ertl (New cardinality estimation algorithms for HyperLogLog sketches, 2017), which needs no
 * corrections for few or for many values.
 *
 * A value is noted in one of 2^12 registers, as the greatest number of zeros that any value's hash began with there.
 */

import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import { murmur3Number, murmur3Utf16 } from '../../hashring/murmur3.js';

const INDEX_BITS = 12;
const REGISTERS = 2 ** INDEX_BITS;
/** Bits of the hash that zeros are counted in. */
const RANK_BITS = 32;

export function newRegisters(): Uint8Array {
  return new Uint8Array(REGISTERS);
}

export function note(registers: Uint8Array, value: PrimitiveKey): void {
  const index = hash(value, 1) >>> (32 - INDEX_BITS);
  const rank = Math.clz32(hash(value, 2)) + 1;
  if (rank > registers[index]!) registers[index] = rank;
}

/** Adds what `later` has to `registers`, and gives these. */
export function merged(registers: Uint8Array, later: Uint8Array): Uint8Array {
  for (let i = 0; i < REGISTERS; i += 1) {
    if (later[i]! > registers[i]!) registers[i] = later[i]!;
  }
  return registers;
}

export function estimate(registers: Uint8Array): number {
  const counts = new Array<number>(RANK_BITS + 2).fill(0);
  for (const rank of registers) counts[rank] = counts[rank]! + 1;
  let z = REGISTERS * tau(1 - counts[RANK_BITS + 1]! / REGISTERS);
  for (let rank = RANK_BITS; rank >= 1; rank -= 1) z = 0.5 * (z + counts[rank]!);
  z += REGISTERS * sigma(counts[0]! / REGISTERS);
  return Math.round(REGISTERS ** 2 / (2 * Math.LN2 * z));
}

function hash(value: PrimitiveKey, seed: number): number {
  if (typeof value === 'number') return murmur3Number(value, seed);
  if (typeof value === 'string') return murmur3Utf16(value, seed);
  return murmur3Utf16(`${typeof value} ${String(value)}`, seed);
}

function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let [x, y, z, before] = [share, 1, share, Number.NaN];
  while (z !== before) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let [x, y, z, before] = [share, 1, 1 - share, Number.NaN];
  while (z !== before) {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}
