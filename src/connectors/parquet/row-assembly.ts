/**
 * Makes lists, maps and structs of a column's entries. There is one reader for each part of the column's shape, which
 * takes the entries of one value from its leaves (the reverse of Dremel's encoding).
 *
 *  A1  Every part takes the same number of entries from each of its leaves: one where the part is missing or empty.
 *  A2  The parts of one value are at the same place in all leaves, so the levels of the first leaf hold for all.
 */

import type { LeafEntries } from './leaf-cursor.js';
import { leavesOf, type Shape } from './parquet-shape.js';
import { UnfitValue } from './parquet-values.js';

export type MapForm = 'object' | 'entries';

/** Makes the values of a column of entries that it gets piece by piece. */
export class RowAssembly {
  readonly #leaves: readonly LeafWalk[];
  readonly #read: () => unknown;

  constructor(shape: Shape, maps: MapForm) {
    const walks = new Map(
      leavesOf(shape).map(({ index, definitionMax }) => [index, new LeafWalk(definitionMax)]),
    );
    this.#leaves = [...walks.values()];
    this.#read = readerOf(shape, walks, maps);
  }

  /**
   * @param entries those of each leaf, all for the same rows
   * @throws UnfitRow for a value that cannot be given, with its row among these
   */
  rows(entries: readonly LeafEntries[], count: number): unknown[] {
    for (const [i, leaf] of this.#leaves.entries()) leaf.begin(entries[i]!);
    const values: unknown[] = new Array(count);
    for (let row = 0; row < count; row += 1) {
      try {
        values[row] = this.#read();
      } catch (error) {
        throw error instanceof UnfitValue ? new UnfitRow(row, error) : error;
      }
    }
    return values;
  }
}

export class UnfitRow extends Error {
  readonly row: number;

  constructor(row: number, error: UnfitValue) {
    super(error.message, { cause: error });
    this.row = row;
  }
}

class LeafWalk {
  readonly #definitionMax: number;
  #entries: LeafEntries | undefined;
  #at = 0;
  #value = 0;

  constructor(definitionMax: number) {
    this.#definitionMax = definitionMax;
  }

  begin(entries: LeafEntries): void {
    this.#entries = entries;
    this.#at = 0;
    this.#value = 0;
  }

  /** Definition level of the next entry. */
  get definition(): number {
    return this.#entries!.definitions?.[this.#at] ?? this.#definitionMax;
  }

  /** Repetition level of the next entry; 0 behind the last one. */
  get repetition(): number {
    return this.#entries!.repetitions?.[this.#at] ?? 0;
  }

  pass(): void {
    this.#at += 1;
  }

  take(): unknown {
    this.#at += 1;
    const value = this.#entries!.values[this.#value];
    if (value === undefined) throw new Error('a value of a nested column is missing');
    this.#value += 1;
    return value;
  }
}

type Read = () => unknown;
type Walks = ReadonlyMap<number, LeafWalk>;

function readerOf(shape: Shape, walks: Walks, maps: MapForm): Read {
  const own = leavesOf(shape).map(({ index }) => walks.get(index)!);
  const first = own[0]!;
  const read = contentReader(shape, own, walks, maps);
  const { presentFrom } = shape;
  if (presentFrom === undefined) return read;
  return () => {
    if (first.definition >= presentFrom) return read();
    for (const leaf of own) leaf.pass();
    return null;
  };
}

function contentReader(shape: Shape, own: readonly LeafWalk[], walks: Walks, maps: MapForm): Read {
  switch (shape.kind) {
    case 'leaf': {
      const [leaf] = own;
      if (shape.leaf.type.instant === undefined) return () => leaf!.take();
      return () => new Date(leaf!.take() as number);
    }
    case 'struct':
      return structReader(
        shape.fields.map(({ name }) => name),
        shape.fields.map((field) => readerOf(field.shape, walks, maps)),
      );
    case 'list':
      return itemsReader(shape, own, readerOf(shape.item, walks, maps));
    case 'map':
      return mapReader(shape, own, walks, maps);
  }
}

/** Generates the reader of a struct, so that all have one hidden class. The names are data (parquet-rows.ts). */
function structReader(names: readonly string[], readers: readonly Read[]): Read {
  const properties = names.map((name, i) => `[${JSON.stringify(name)}]: r${i}()`);
  const make = new Function(
    ...names.map((_, i) => `r${i}`),
    `return () => ({ ${properties.join(', ')} });`,
  ) as (...readers: readonly Read[]) => Read;
  return make(...readers);
}

function itemsReader(
  { itemFrom, repetition }: { readonly itemFrom: number; readonly repetition: number },
  own: readonly LeafWalk[],
  read: Read,
): () => unknown[] {
  const first = own[0]!;
  return () => {
    if (first.definition < itemFrom) {
      for (const leaf of own) leaf.pass();
      return [];
    }
    const items: unknown[] = [];
    do {
      items.push(read());
    } while (first.repetition === repetition);
    return items;
  };
}

function mapReader(
  shape: Extract<Shape, { readonly kind: 'map' }>,
  own: readonly LeafWalk[],
  walks: Walks,
  maps: MapForm,
): Read {
  const key = readerOf(shape.key, walks, maps);
  const value = shape.value === undefined ? () => null : readerOf(shape.value, walks, maps);
  const read = itemsReader(shape, own, () => [key(), value()] as const) as () => [
    unknown,
    unknown,
  ][];
  if (maps === 'entries') return read;
  const isDay = shape.key.kind === 'leaf' && shape.key.leaf.type.instant === 'day';
  return () => {
    const object: Record<string, unknown> = {};
    for (const [name, item] of read()) {
      const text = keyText(name, isDay);
      if (Object.hasOwn(object, text)) {
        throw new UnfitValue(`a map has the key '${text}' twice. ${AS_ENTRIES}`);
      }
      if (text === '__proto__') {
        const descriptor = { value: item, writable: true, enumerable: true, configurable: true };
        Object.defineProperty(object, text, descriptor);
      } else {
        object[text] = item;
      }
    }
    return object;
  };
}

/** A key as a text, the same in every time zone. */
function keyText(key: unknown, isDay: boolean): string {
  switch (typeof key) {
    case 'string':
      return key;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(key);
  }
  if (key instanceof Date) return isDay ? key.toISOString().slice(0, -14) : key.toISOString();
  throw new UnfitValue(
    `a key of a map is no text, number, boolean or time, and names no property. ${AS_ENTRIES}`,
  );
}

const AS_ENTRIES = "Read maps as lists of keys and values: { maps: 'entries' }";
