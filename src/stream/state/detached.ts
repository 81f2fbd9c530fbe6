/**
 * Makes copies of keys and values that hold on to nothing else, to be kept in state.
 *
 * A string that was cut out of a frame's text keeps all of that text alive. For a moment that does not matter; in
 * state it adds up to gigabytes. A string cannot be asked whether it is such a piece, and only a copy is sure to be
 * none.
 */

const scratch = Buffer.alloc(1024);
/** Shorter pieces of a string are copies anyway. */
const SLICED_LENGTH_MIN = 13;

/** The same key, holding on to nothing else. A Date or tuple is copied, too: its owner could change it. */
export function detachedKey(key: unknown): unknown {
  if (typeof key === 'string') return flat(key);
  if (Array.isArray(key)) return key.map(detachedKey);
  if (key instanceof Date) return new Date(key);
  return key;
}

/**
 * The same value with flat texts. Plain objects, arrays and Maps are copied, never changed; one that stands in two
 * places still does. Anything else in the value is left as it is.
 */
export function detachedValue(value: unknown): unknown {
  return detached(value, new Map());
}

function detached(value: unknown, copies: Map<object, unknown>): unknown {
  if (typeof value === 'string') return flat(value);
  if (typeof value !== 'object' || value === null) return value;
  const isArray = Array.isArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!isArray && prototype !== Object.prototype && prototype !== Map.prototype) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  if (value instanceof Map) {
    const copy = new Map<unknown, unknown>();
    copies.set(value, copy);
    for (const [key, item] of value) copy.set(detached(key, copies), detached(item, copies));
    return copy;
  }
  const copy = (isArray ? new Array(value.length) : {}) as Record<string, unknown>;
  copies.set(value, copy);
  for (const name of Object.keys(value)) {
    const own = detached((value as Record<string, unknown>)[name], copies);
    if (name === '__proto__') {
      const property = { value: own, writable: true, enumerable: true, configurable: true };
      Object.defineProperty(copy, name, property);
    } else {
      copy[name] = own;
    }
  }
  return copy;
}

function flat(text: string): string {
  if (text.length < SLICED_LENGTH_MIN) return text;
  if (text.length > scratch.length) return Buffer.from(text, 'utf16le').toString('utf16le');
  const copy = scratch.toString('latin1', 0, scratch.write(text, 0, 'latin1'));
  return copy === text ? copy : Buffer.from(text, 'utf16le').toString('utf16le');
}
