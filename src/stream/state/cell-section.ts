/**
 * Cells as bytes (part of the snapshot format): the encoded value `['holdfast-cells', 1, layout]`, then
 * the cells, each as
 *
 *     namespace f64 | key group u16 | key, encoded | value, encoded
 *
 * The changes since an earlier checkpoint are `['holdfast-cell-changes', 1, layout]`, then entries. An entry begins
 * with a byte that tells its kind:
 *
 *     0: a bucket that was dropped     namespace f64
 *     1: a cell that was deleted       namespace f64 | key group u16 | key, encoded
 *     2: a cell's value now            namespace f64 | key group u16 | key, encoded | value, encoded
 */

import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import { ByteReader } from '../../codec/byte-reader.js';
import type { ByteWriter } from '../../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import { VALUE_DEPTH_MAX } from '../../codec/value-tags.js';
import { describeValue } from '../api/callbacks.js';
import type { Cell } from './cell.js';
import { ChunkedWriter } from './chunked-writer.js';
import { isPackable, type PackedBatch } from './packed-cells.js';

const MAGIC = 'holdfast-cells';
const MAGIC_CHANGES = 'holdfast-cell-changes';
const VERSION = 1;
const DROP = 0;
const REMOVE = 1;
const PUT = 2;
/** Tuples in keys are copies, however deep (detached.ts). */
const OWN_KEY = VALUE_DEPTH_MAX;

export class CellSectionWriter {
  readonly #operator: string;
  readonly #isDelta: boolean;
  readonly #packs: PackedBatch | undefined;
  readonly #ownLevels: number;
  readonly #chunks: ChunkedWriter;
  /** How much was written so far: cells, and tombstones. */
  entries = 0;
  readonly #writer: ByteWriter;

  /**
   * @param isDelta the section holds only changes
   * @param packs where given, cells keep the bytes that are written of their values (packed-cells.ts)
   * @param ownLevels as in the options of a cell table
   */
  constructor(
    operator: string,
    layout: string,
    isDelta: boolean,
    packs?: PackedBatch,
    ownLevels = 0,
  ) {
    this.#operator = operator;
    this.#isDelta = isDelta;
    this.#packs = packs;
    this.#ownLevels = ownLevels;
    this.#chunks = new ChunkedWriter(packs && ((chunk) => packs.seal(chunk)));
    this.#writer = this.#chunks.writer;
    encodeValue(this.#writer, [isDelta ? MAGIC_CHANGES : MAGIC, VERSION, layout]);
  }

  /**
   * @param namespace undefined: the cell's key group
   * @param mayKeep the cell may keep the bytes: its value is not about to change
   * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE that names operator and key
   */
  write(namespace: number | undefined, cell: Cell, mayKeep: boolean): void {
    if (this.#isDelta) this.#writer.u8(PUT);
    this.#entry(namespace ?? cell.group, cell.group, cell.key, cell, mayKeep);
  }

  /** Only in a section of changes: to be called before anything is written to the same bucket (cell-table.ts, V9). */
  drop(namespace: number): void {
    this.#writer.u8(DROP);
    this.#writer.f64(namespace);
    this.entries += 1;
    this.#chunks.cutFull();
  }

  /** Only in a section of changes: to be called before the same key is written (cell-table.ts, V9). */
  remove(namespace: number, group: number, key: unknown): void {
    this.#writer.u8(REMOVE);
    this.#entry(namespace, group, key, undefined, false);
  }

  #entry(
    namespace: number,
    group: number,
    key: unknown,
    cell: Cell | undefined,
    mayKeep: boolean,
  ): void {
    const writer = this.#writer;
    try {
      writer.f64(namespace);
      writer.u16(group);
      encodeValue(writer, key, 'key', OWN_KEY);
      if (cell !== undefined) this.#value(cell, mayKeep);
    } catch (cause) {
      if (!isHoldfastError(cause, 'ERR_HOLDFAST_UNSUPPORTED_VALUE')) throw cause;
      throw new HoldfastError(
        'ERR_HOLDFAST_UNSUPPORTED_VALUE',
        `the state of operator '${this.#operator}' for key ${describeKey(key)} cannot be written to a ` +
          `checkpoint: ${cause.message}`,
        { cause, details: { ...cause.details, operator: this.#operator, key: describeKey(key) } },
      );
    }
    this.entries += 1;
    this.#chunks.cutFull();
  }

  #value(cell: Cell, mayKeep: boolean): void {
    const writer = this.#writer;
    const from = writer.position;
    const { packed } = cell;
    if (packed !== undefined) writer.copy(packed.bytes, packed.from, packed.to);
    else {
      const { value } = cell;
      encodeValue(writer, value, 'value', this.#ownLevels);
      if (!isPackable(value)) return;
    }
    if (mayKeep) this.#packs?.add(cell, from, writer.position);
  }

  finish(): readonly Uint8Array[] {
    return this.#chunks.finish();
  }
}

/** @param from where the value lies as bytes @param to behind it */
type VisitCell = (
  namespace: number,
  group: number,
  key: unknown,
  value: unknown,
  from: number,
  to: number,
) => void;

export interface CellChangesVisitor {
  readonly drop: (namespace: number) => void;
  readonly remove: (namespace: number, group: number, key: unknown) => void;
  readonly put: VisitCell;
}

/** The layout that a section was written under. @throws HoldfastError …_CHECKPOINT_CORRUPT, …_FORMAT */
export function layoutOfCells(bytes: Uint8Array): string {
  return readHead(new ByteReader(bytes), MAGIC);
}

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FORMAT */
export function readCellSection(bytes: Uint8Array, visit: VisitCell): void {
  const reader = new ByteReader(bytes);
  readHead(reader, MAGIC);
  while (reader.remaining > 0) readCell(reader, reader.f64(), visit);
}

/**
 * @param layout the layout of the state that has changed: changes of another layout are damage
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FORMAT
 */
export function readCellChanges(
  bytes: Uint8Array,
  layout: string,
  visitor: CellChangesVisitor,
): void {
  const reader = new ByteReader(bytes);
  const found = readHead(reader, MAGIC_CHANGES);
  if (found !== layout) throw reader.corrupt(`changes of '${found}' in state of '${layout}'`, 0);
  while (reader.remaining > 0) {
    const kind = reader.u8();
    const namespace = reader.f64();
    if (kind === DROP) visitor.drop(namespace);
    else if (kind === REMOVE) visitor.remove(namespace, reader.u16(), decodeValue(reader));
    else if (kind === PUT) readCell(reader, namespace, visitor.put);
    else throw reader.corrupt(`an unknown change ${kind}`, reader.position);
  }
}

function readCell(reader: ByteReader, namespace: number, visit: VisitCell): void {
  const group = reader.u16();
  const key = decodeValue(reader);
  const from = reader.position;
  const value = decodeValue(reader);
  visit(namespace, group, key, value, from, reader.position);
}

/** @returns the layout */
function readHead(reader: ByteReader, magic: string): string {
  const head = decodeValue(reader);
  if (!Array.isArray(head) || head[0] !== magic) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
      'keyed state in the checkpoint is damaged: it does not begin as it should. Restore an older checkpoint.',
    );
  }
  if (head[1] !== VERSION) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_FORMAT',
      `keyed state was written in format ${String(head[1])}, this version of Holdfast reads ${VERSION}.`,
    );
  }
  return String(head[2]);
}

export function describeKey(key: unknown): string {
  return Array.isArray(key) ? JSON.stringify(key.map(String)) : describeValue(key);
}
