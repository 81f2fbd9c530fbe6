/**
 * CRC-32 as in zlib (polynomial 0xEDB88320, reflected). Node has it natively from 20.15 and 22.2 on;
 * elsewhere a table does the same, so that every file is readable on every supported Node.
 */

import * as zlib from 'node:zlib';

/** CRC-32 of `data` as an unsigned 32-bit number, continuing from `previous`. */
export type Crc32 = (data: Uint8Array, previous?: number) => number;

let table: Uint32Array | undefined;

function crcTable(): Uint32Array {
  if (table !== undefined) return table;
  table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    }
    table[byte] = value >>> 0;
  }
  return table;
}

/** The table-driven form; exported for the test that compares the two. */
export const portableCrc32: Crc32 = (data, previous = 0) => {
  const entries = crcTable();
  let crc = ~previous;
  for (let i = 0; i < data.length; i += 1) {
    crc = entries[(crc ^ data[i]!) & 0xff]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
};

export const crc32: Crc32 = (zlib as { readonly crc32?: Crc32 }).crc32 ?? portableCrc32;

/** As people read it: `0x0badcafe`. */
export function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
