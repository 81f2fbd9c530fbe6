/** CRC-32 as in zlib (polynomial 0xEDB88320, reflected), and how people read it. */

export { crc32 } from 'node:zlib';

/** As people read it: `0x0badcafe`. */
export function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
