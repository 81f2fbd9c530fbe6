/**
 * Short texts come again and again, above all names of properties. A text that was made not long
 * ago is found by its bytes, and not made anew.
 *
 * There is one place per hash, so texts that never come again cost little and keep little alive.
 */

const PLACES = 512;
export const CACHED_LENGTH_MAX = 24;

const texts: (string | undefined)[] = new Array(PLACES).fill(undefined);

/** The text of `length` Latin-1 bytes from `at`; 0 < length <= CACHED_LENGTH_MAX. */
export function cachedLatin1(bytes: Buffer, at: number, length: number): string {
  const last = at + length - 1;
  const sample = bytes[at]! * 31 + bytes[at + (length >> 1)]! * 7 + bytes[last]! * 131 + length;
  const place = sample & (PLACES - 1);
  const known = texts[place];
  if (known !== undefined && known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === bytes[at + i]) i += 1;
    if (i === length) return known;
  }
  const text = bytes.toString('latin1', at, at + length);
  texts[place] = text;
  return text;
}
