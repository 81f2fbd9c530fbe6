/**
 * Finds the shape of a column: which lists, maps and structs its leaves make up. The rules are those of Parquet's
 * specification for annotated groups, and for files of older writers.
 */

import type { LeafColumn } from './leaf-cursor.js';
import type { ParquetLibrary, ParquetSchemaNode } from './parquet-library.js';
import { leafType, type ValueOptions } from './parquet-values.js';

/** A part of a column. It is there at definition level `presentFrom` and above; always, where that is undefined. */
export type Shape =
  | {
      readonly kind: 'leaf';
      readonly presentFrom: number | undefined;
      readonly leaf: LeafColumn;
    }
  | {
      readonly kind: 'struct';
      readonly presentFrom: number | undefined;
      readonly fields: readonly { readonly name: string; readonly shape: Shape }[];
    }
  | {
      readonly kind: 'list';
      readonly presentFrom: number | undefined;
      /** The definition level from which on there is an item, and the repetition level of a further item. */
      readonly itemFrom: number;
      readonly repetition: number;
      readonly item: Shape;
    }
  | {
      readonly kind: 'map';
      readonly presentFrom: number | undefined;
      readonly itemFrom: number;
      readonly repetition: number;
      readonly key: Shape;
      /** Undefined where the file holds keys only. */
      readonly value: Shape | undefined;
    };

export interface ColumnShape {
  readonly name: string;
  readonly shape: Shape;
  readonly leaves: readonly LeafColumn[];
  /** The reason why the column cannot be read. Then it has no leaves. */
  readonly refused?: string;
}

class Refused extends Error {}

/** The shapes of all columns of a file, in its order. */
export function columnShapes(
  root: ParquetSchemaNode,
  options: ValueOptions,
  library: ParquetLibrary,
): readonly ColumnShape[] {
  let firstLeaf = 0;
  return root.children.map((node) => {
    const leaves: LeafColumn[] = [];
    const builder = new ShapeBuilder(firstLeaf, leaves, options, library);
    firstLeaf += countLeaves(node);
    const { name } = node.element;
    try {
      return { name, shape: builder.field(node, 0, 0, []), leaves };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const shape = { kind: 'struct', presentFrom: undefined, fields: [] } as const;
      return { name, shape, leaves: [], refused: error.message };
    }
  });
}

export function leavesOf(shape: Shape): readonly LeafColumn[] {
  switch (shape.kind) {
    case 'leaf':
      return [shape.leaf];
    case 'struct':
      return shape.fields.flatMap((field) => leavesOf(field.shape));
    case 'list':
      return leavesOf(shape.item);
    case 'map':
      return [...leavesOf(shape.key), ...(shape.value === undefined ? [] : leavesOf(shape.value))];
  }
}

class ShapeBuilder {
  readonly #firstLeaf: number;
  readonly #leaves: LeafColumn[];
  readonly #options: ValueOptions;
  readonly #library: ParquetLibrary;

  constructor(
    firstLeaf: number,
    leaves: LeafColumn[],
    options: ValueOptions,
    library: ParquetLibrary,
  ) {
    this.#firstLeaf = firstLeaf;
    this.#leaves = leaves;
    this.#options = options;
    this.#library = library;
  }

  /** @param definition, repetition greatest levels of the groups around the node */
  field(
    node: ParquetSchemaNode,
    definition: number,
    repetition: number,
    path: readonly string[],
  ): Shape {
    switch (node.element.repetition_type) {
      case 'REPEATED':
        // A repeated field without a LIST around it is a list by itself, and never missing.
        return {
          kind: 'list',
          presentFrom: undefined,
          itemFrom: definition + 1,
          repetition: repetition + 1,
          item: this.#content(node, undefined, definition + 1, repetition + 1, path),
        };
      case 'OPTIONAL':
        return this.#content(node, definition + 1, definition + 1, repetition, path);
      default:
        return this.#content(node, undefined, definition, repetition, path);
    }
  }

  #content(
    node: ParquetSchemaNode,
    presentFrom: number | undefined,
    definition: number,
    repetition: number,
    around: readonly string[],
  ): Shape {
    const { element, children } = node;
    const path = [...around, element.name];
    if (children.length === 0) return this.#leaf(node, presentFrom, definition, repetition, path);
    if (element.logical_type?.type === 'VARIANT') {
      throw new Refused('it is a VARIANT, which parquetFile does not read');
    }
    const [only] = children;
    const holdsOne = children.length === 1 && only!.element.repetition_type === 'REPEATED';
    const kind = element.converted_type ?? element.logical_type?.type;
    const item = { itemFrom: definition + 1, repetition: repetition + 1 };
    if (holdsOne && kind === 'LIST') {
      const shape = this.#listItem(element.name, only!, definition + 1, repetition + 1, path);
      return { kind: 'list', presentFrom, ...item, item: shape };
    }
    const isMap = kind === 'MAP' || kind === 'MAP_KEY_VALUE';
    const [key, value, more] = only!.children;
    if (holdsOne && isMap && key !== undefined && more === undefined) {
      const inside = [...path, only!.element.name];
      const part = (of: ParquetSchemaNode) =>
        this.field(of, definition + 1, repetition + 1, inside);
      const keyShape = part(key);
      const valueShape = value === undefined ? undefined : part(value);
      return { kind: 'map', presentFrom, ...item, key: keyShape, value: valueShape };
    }
    const names = new Set(children.map((child) => child.element.name));
    if (names.size < children.length) throw new Refused('two of its fields have the same name');
    const fields = children.map((child) => ({
      name: child.element.name,
      shape: this.field(child, definition, repetition, path),
    }));
    return { kind: 'struct', presentFrom, fields };
  }

  /** The item of a list. The repeated group is the item itself only where it looks like that of an older writer. */
  #listItem(
    list: string,
    repeated: ParquetSchemaNode,
    definition: number,
    repetition: number,
    around: readonly string[],
  ): Shape {
    const { element, children } = repeated;
    const [only] = children;
    const isItem =
      children.length !== 1 ||
      only!.element.repetition_type === 'REPEATED' ||
      element.name === 'array' ||
      element.name === `${list}_tuple`;
    return isItem
      ? this.#content(repeated, undefined, definition, repetition, around)
      : this.field(only!, definition, repetition, [...around, element.name]);
  }

  #leaf(
    { element }: ParquetSchemaNode,
    presentFrom: number | undefined,
    definitionMax: number,
    repetitionMax: number,
    path: readonly string[],
  ): Shape {
    const type = leafType(element, this.#options, this.#library);
    if (type === undefined) throw new Refused(`type ${element.type} is not supported`);
    const index = this.#firstLeaf + this.#leaves.length;
    const leaf = { index, path: path.join('.'), element, type, definitionMax, repetitionMax };
    this.#leaves.push(leaf);
    return { kind: 'leaf', presentFrom, leaf };
  }
}

function countLeaves(node: ParquetSchemaNode): number {
  if (node.children.length === 0) return 1;
  return node.children.reduce((sum, child) => sum + countLeaves(child), 0);
}
