/**
 * Keeps records where the runtime holds a reference: in a queue, for all branches of a fan-out but the last, in
 * state. It keeps a copy that nobody else holds, so a later change of the record does not reach the copy, nor the other
 * way round.
 *
 *  K1  A function that is generated for the record's layout checks every record, and copies it as well: keys,
 *      prototype, and what kind each value is of. A closer look, for symbols as keys and hidden properties, is taken
 *      at the first record of each layout, at each that brings a value of another kind, and at one in CHECKED_OF.
 *  K2  Values inside a record are copied deep. Shared and circular references are kept.
 *  K3  Where code may not be generated from strings, and for records of rare shapes, the copier of values
 *      does it: as right, but several times slower.
 *  K4  'trusted' copies nothing, and looks closely at the first record and at one in TRUSTED_OF. 'frozen' freezes
 *      the record itself, so that a change throws where it is made. If the record holds what cannot be frozen
 *      (Maps, Dates, binary data), a frozen copy of the record is kept.
 */

import { types } from 'node:util';
import { checkValue, copyValue } from '../codec/value-codec.js';
import { ValueCopier } from '../codec/value-copier.js';
import { type CopyLoop, compileCopy, type FieldKind } from './copy-codegen.js';
import { CHECKED_OF, isWhole, LayoutTable, Shape } from './layout-table.js';

export type RecordsMode = 'checked' | 'trusted' | 'frozen';
export const RECORDS_MODES = ['checked', 'trusted', 'frozen'] as const;

const TRUSTED_OF = 1_024;
const LAYOUTS_MAX = 64;
const SIGHTINGS_MIN = 8;

export interface RecordKeeper {
  /**
   * The record, or the copy of it, that may be kept.
   * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE with the path to what cannot be kept
   */
  keep(record: unknown): unknown;
}

/** @param name what a record is called in messages */
export function recordKeeper(mode: RecordsMode = 'checked', name = 'record'): RecordKeeper {
  switch (mode) {
    case 'checked':
      return new CopyingKeeper(name);
    case 'trusted':
      return new TrustingKeeper(name);
    case 'frozen':
      return { keep: (record) => frozen(record, name) };
  }
}

class TrustingKeeper implements RecordKeeper {
  readonly #name: string;
  #left = 1;

  constructor(name: string) {
    this.#name = name;
  }

  keep(record: unknown): unknown {
    this.#left -= 1;
    if (this.#left === 0) {
      this.#left = TRUSTED_OF;
      checkValue(record, this.#name);
    }
    return record;
  }
}

class CopyingKeeper implements RecordKeeper {
  readonly #name: string;
  readonly #layouts: LayoutTable<CopyLayout>;
  /** The layout of the last record. */
  #layout: CopyLayout | undefined;
  #copy: CopyLoop = fitsNothing;
  #left = CHECKED_OF;

  constructor(name: string) {
    this.#name = name;
    const copier = new ValueCopier();
    this.#layouts = new LayoutTable({
      make: (keys) => new CopyLayout(keys, copier, name),
      layoutsMax: LAYOUTS_MAX,
      sightingsMin: SIGHTINGS_MIN,
      first: (record) => checkValue(record, name),
    });
  }

  keep(record: unknown): unknown {
    if (typeof record !== 'object') {
      if (typeof record === 'function' || typeof record === 'symbol')
        checkValue(record, this.#name);
      return record;
    }
    if (record === null) return null;
    this.#left -= 1;
    if (this.#left === 0) this.#look(record);
    const copy = this.#copy;
    return copy(record) ?? this.#place(record);
  }

  /** K1 */
  #look(record: object): void {
    this.#left = CHECKED_OF;
    const keys = this.#layout?.isFlat === true ? this.#layout.keys : undefined;
    if (keys === undefined || !isWhole(record, keys.length)) checkValue(record, this.#name);
  }

  #place(record: object): unknown {
    const layout = this.#layouts.of(record);
    while (layout?.keys !== undefined) {
      const copy = layout.copy?.(record);
      if (copy !== undefined) {
        this.#layout = layout;
        this.#copy = layout.copy!;
        return copy;
      }
      if (!layout.widen(record)) break;
      // A value of another kind may hide what the first record did not have.
      checkValue(record, this.#name);
    }
    return copyValue(record, this.#name);
  }
}

const fitsNothing: CopyLoop = () => undefined;

class CopyLayout extends Shape {
  readonly #copier: ValueCopier;
  readonly #name: string;
  #kinds: readonly FieldKind[] = [];
  copy: CopyLoop | undefined;

  constructor(keys: readonly string[] | undefined, copier: ValueCopier, name: string) {
    super(keys);
    this.#copier = copier;
    this.#name = name;
  }

  /** Are all values of the record primitive? */
  get isFlat(): boolean {
    return !this.#kinds.includes('deep');
  }

  /** Takes in the kinds of a record's values. False when there is nothing to widen. */
  widen(record: object): boolean {
    const { keys } = this;
    if (keys === undefined || !this.matches(record)) return false;
    const kinds = keys.map((key, i) => {
      const kind = kindOf((record as Record<string, unknown>)[key]);
      const before = this.#kinds[i] ?? kind;
      if (before === kind) return kind;
      return before === 'deep' || kind === 'deep' ? 'deep' : 'primitive';
    });
    if (this.copy !== undefined && kinds.join() === this.#kinds.join()) return false;
    this.#kinds = kinds;
    this.copy = compileCopy(keys, kinds, this.#copier, this.#name);
    return this.copy !== undefined;
  }
}

function kindOf(value: unknown): FieldKind {
  const kind = typeof value;
  switch (kind) {
    case 'number':
    case 'string':
    case 'boolean':
    case 'bigint':
      return kind;
    case 'undefined':
      return 'primitive';
    default:
      return value === null ? 'primitive' : 'deep';
  }
}

function frozen(record: unknown, name: string): unknown {
  checkValue(record, name);
  if (freeze(record, new Set())) return record;
  const copy = copyValue(record, name);
  freeze(copy, new Set());
  return copy;
}

/** Freezes plain objects, arrays and errors all the way down. False when something in it stays changeable. */
function freeze(value: unknown, met: Set<object>): boolean {
  if (typeof value !== 'object' || value === null || met.has(value)) return true;
  met.add(value);
  const isOpen = Array.isArray(value) || types.isNativeError(value) || isPlain(value);
  if (!isOpen) return false;
  let isAll = true;
  for (const key of Object.getOwnPropertyNames(value)) {
    if (!freeze((value as Record<string, unknown>)[key], met)) isAll = false;
  }
  Object.freeze(value);
  return isAll;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === Object.prototype || prototype === null;
}
