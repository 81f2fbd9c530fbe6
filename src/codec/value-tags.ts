/**
 * The value format: how one value becomes bytes.
 *
 * A value is a tag byte, followed by what the tag says. This is a storage format, so these rules hold for ever:
 *
 *  V1  A tag's number and meaning never change and are never used again for something else. A new
 *      kind of value gets a new number and raises `VALUE_CODEC_VERSION`; a reader refuses a tag
 *      that it does not know.
 *  V2  Values that can be shared or cyclic (all but primitives) are numbered in the order in which
 *      their tags appear, from 0; `reference` + number stands for one that was begun before. Writer
 *      and reader count alike.
 *  V3  Keys of objects come in the order of the object's own enumerable string keys.
 *  V4  Integers are LEB128 in their shortest form, other numbers little-endian.
 *  V5  A view (typed array, DataView, Buffer) is stored as the bytes it shows, not as the whole
 *      buffer behind it. What lies within the bytes of an earlier object is stored as a place there.
 *  V6  A NaN is one NaN; its payload is not kept.
 *
 *      0x80–0xff  the integers 0…127
 *      0x40–0x7f  a string of 0…63 Latin-1 characters, then its bytes
 */

/** The number of this description, raised when it changes. Nothing reads it yet.
 * @public
 */
export const VALUE_CODEC_VERSION = 2;

/** How deep arrays, objects, Maps and Sets may be nested in each other. */
export const VALUE_DEPTH_MAX = 1_000;

export const SMALL_INTEGER = 0x80;
export const SHORT_STRING = 0x40;
export const SHORT_STRING_LENGTH_MAX = 0x3f;

export const Tag = {
  undefined: 0x01,
  null: 0x02,
  true: 0x03,
  false: 0x04,
  /** varint value */
  positiveInteger: 0x05,
  /** varint −1 − value */
  negativeInteger: 0x06,
  /** float64 */
  double: 0x07,
  /** varint byte count, magnitude bytes from the lowest */
  positiveBigint: 0x08,
  /** as positiveBigint, of −value */
  negativeBigint: 0x09,
  /** varint length, bytes */
  latin1: 0x0a,
  /** varint length in UTF-16 units, units */
  utf16: 0x0b,
  /** varint number of the value (V2) */
  reference: 0x0c,
  /** float64 ms, NaN when invalid */
  date: 0x10,
  /** varint length, values: no holes, no properties but the elements */
  array: 0x11,
  /** varint length, varint property count, then string key and value each (indexes are keys too) */
  sparseArray: 0x12,
  /** varint property count, then string key and value each */
  object: 0x13,
  /** as object, with null as prototype */
  nullObject: 0x14,
  /** varint size, then key and value each */
  map: 0x15,
  /** varint size, values */
  set: 0x16,
  /** varint byte count, bytes */
  arrayBuffer: 0x17,
  /** view kind (see `viewKinds`), varint byte count, bytes */
  view: 0x18,
  /** string source, string flags; `lastIndex` is 0 */
  regexp: 0x19,
  /** error kind (see `errorKinds`), flags (1 message, 2 stack, 4 cause), then string, string, value */
  error: 0x1a,
  /** the primitive value */
  boxed: 0x1b,
  /** as regexp, then `lastIndex`: a number. From here on since version 2 */
  regexpAt: 0x1c,
  /**
   * error kind, of a DOMException: string name, string message; varint property count, then string key,
   * 1 when enumerable or else 0, value each
   */
  errorFields: 0x1d,
  /** view kind, varint number of an ArrayBuffer or a view, varint offset in its bytes, varint byte count */
  viewInside: 0x1e,
  /** varint number of a view that shows all of it */
  bufferOfView: 0x1f,
  /** Temporal kind (see `temporalKinds`), varint count of parts, values */
  temporal: 0x20,
  /** string id of the codec, varint version, the data as value */
  custom: 0x21,
} as const;

export const ERROR_MESSAGE = 1;
export const ERROR_STACK = 2;
export const ERROR_CAUSE = 4;
