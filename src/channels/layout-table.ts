/**
 * The layouts that a channel's encoder has learnt, found by a record's shape.
 *
 *  T1  A shape is the own enumerable keys in order, and the prototype: an instance of a class with the
 *      same keys must not pass for a plain object.
 *  T2  The table is bounded: `layoutsMax` compiled layouts, `SIGHTINGS_MAX` shapes being counted.
 */

import { classify } from '../codec/value-kinds.js';
import { compileEncode, type EncodeLoop } from './frame-codegen.js';
import {
  type ColumnKind,
  describeLayout,
  kindFor,
  LAYOUT_KEYS_MAX,
  type LayoutSize,
  layoutSize,
  SEEN_OTHER,
  seen,
} from './frame-layout.js';

const SIGHTINGS_MAX = 256;
/** Generated code for the widest layouts is slow to compile; more columns per key than that is rare. */
const WIDENINGS_MAX = 64;

/** One shape and the loop for what its columns have held so far. */
export class EncoderLayout {
  readonly keys: readonly string[] | undefined;
  readonly prototype: object | undefined;
  readonly #bits: number[];
  #widenings = 0;
  kinds: readonly ColumnKind[] = [];
  size: LayoutSize = layoutSize([]);
  descriptor: Buffer = Buffer.alloc(0);
  encode!: EncodeLoop;

  constructor(keys: readonly string[] | undefined, prototype: object | undefined) {
    this.keys = keys;
    this.prototype = prototype;
    this.#bits = new Array<number>(keys?.length ?? 1).fill(0);
  }

  /** Does it have columns? Not before the first `widen`. */
  get columnar(): boolean {
    return this.kinds.length > 0 && (this.keys !== undefined || this.kinds[0] !== 'x');
  }

  /** Is this record of the shape, whatever its values? */
  matches(record: unknown): boolean {
    const { keys } = this;
    if (keys === undefined) return isScalar(record);
    if (typeof record !== 'object' || record === null) return false;
    if (Object.getPrototypeOf(record) !== this.prototype) return false;
    let k = 0;
    for (const key in record) {
      if (key !== keys[k]) return false;
      k += 1;
    }
    return k === keys.length;
  }

  /**
   * Takes in the values of all records of this shape. False when the loop is what it was, or when
   * there is no end to widening (values that differ each time they are read).
   */
  widen(records: readonly unknown[], count: number): boolean {
    const bits = this.#bits;
    const { keys } = this;
    for (let r = 0; r < count; r += 1) {
      const record = records[r];
      if (!this.matches(record)) continue;
      if (keys === undefined) bits[0]! |= seen(record);
      else {
        for (let i = 0; i < keys.length; i += 1) {
          // An accessor may answer differently each time: the slow column takes whatever comes.
          bits[i]! |= seen((record as Record<string, unknown>)[keys[i]!]);
        }
      }
    }
    const kinds = bits.map(kindFor);
    if (kinds.join() === this.kinds.join() || this.#widenings >= WIDENINGS_MAX) return false;
    this.#widenings += 1;
    this.#compile(kinds);
    return true;
  }

  #compile(kinds: readonly ColumnKind[]): void {
    const layout = { keys: this.keys, kinds };
    this.kinds = kinds;
    // Values of many kinds, not in objects: no column takes them all, see `columnar`.
    if (!this.columnar) return;
    this.encode = compileEncode(layout, this.prototype);
    this.size = layoutSize(kinds);
    this.descriptor = Buffer.from(describeLayout(layout), 'latin1');
  }
}

export class LayoutTable {
  readonly #layoutsMax: number;
  readonly #sightingsMin: number;
  readonly #byKeys = new Map<string, EncoderLayout[]>();
  readonly #sightings = new Map<string, number>();
  #count = 0;
  #last: EncoderLayout | undefined;

  constructor(layoutsMax: number, sightingsMin: number) {
    this.#layoutsMax = layoutsMax;
    this.#sightingsMin = sightingsMin;
  }

  /**
   * The layout for a record of this shape, or undefined when it has none (yet).
   * @param weight how many records this sighting may stand for
   */
  of(record: unknown, weight: number): EncoderLayout | undefined {
    if (this.#last?.matches(record)) return this.#last;
    const found = this.#find(record, weight);
    if (found !== undefined) this.#last = found;
    return found;
  }

  #find(record: unknown, weight: number): EncoderLayout | undefined {
    if (isScalar(record))
      return this.#known('', record) ?? this.#learn('', undefined, undefined, weight);
    if (typeof record !== 'object' || record === null || classify(record) !== 'object') {
      return undefined;
    }
    const prototype = Object.getPrototypeOf(record) as object;
    const keys = Object.keys(record);
    if (keys.length === 0 || keys.length > LAYOUT_KEYS_MAX || keys.includes('__proto__')) {
      return undefined;
    }
    const name = JSON.stringify(keys);
    return this.#known(name, record) ?? this.#learn(name, keys, prototype, weight);
  }

  #known(name: string, record: unknown): EncoderLayout | undefined {
    return this.#byKeys.get(name)?.find((layout) => layout.matches(record));
  }

  #learn(
    name: string,
    keys: readonly string[] | undefined,
    prototype: object | undefined,
    weight: number,
  ): EncoderLayout | undefined {
    if (this.#count >= this.#layoutsMax) return undefined;
    const sightings = (this.#sightings.get(name) ?? 0) + weight;
    if (sightings < this.#sightingsMin) {
      if (this.#sightings.size >= SIGHTINGS_MAX) this.#sightings.clear();
      this.#sightings.set(name, sightings);
      return undefined;
    }
    this.#sightings.delete(name);
    const layout = new EncoderLayout(keys, prototype);
    const same = this.#byKeys.get(name);
    if (same === undefined) this.#byKeys.set(name, [layout]);
    else same.push(layout);
    this.#count += 1;
    return layout;
  }
}

/** Has a column kind of its own as a record. */
function isScalar(record: unknown): boolean {
  return (
    typeof record !== 'function' &&
    typeof record !== 'symbol' &&
    (typeof record !== 'object' || record === null || seen(record) !== SEEN_OTHER)
  );
}
