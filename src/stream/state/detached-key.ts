/** Keys that stand for themselves, to be kept in state. */

const scratch = Buffer.alloc(1024);
/** Shorter pieces of a string are copies anyway. */
const SLICED_LENGTH_MIN = 13;

/**
 * The same key, holding on to nothing else: a key cut out of a frame's text would keep the whole
 * frame alive, and a Date or tuple could be changed by its owner.
 */
export function detachedKey(key: unknown): unknown {
  if (typeof key === 'string') return flat(key);
  if (Array.isArray(key)) return key.map(detachedKey);
  if (key instanceof Date) return new Date(key);
  return key;
}

function flat(text: string): string {
  if (text.length < SLICED_LENGTH_MIN) return text;
  // There is no way to ask for a flat copy but to make one.
  if (text.length > scratch.length) return Buffer.from(text, 'utf16le').toString('utf16le');
  const copy = scratch.toString('latin1', 0, scratch.write(text, 0, 'latin1'));
  return copy === text ? copy : Buffer.from(text, 'utf16le').toString('utf16le');
}
