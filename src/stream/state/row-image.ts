/**
 * Numeric state as it was at a checkpoint, put together from the state written in full and the changes written
 * since (row-section.ts, row-delta-section.ts).
 *
 *  M1  Changes are applied in the order in which they were written. A changed row takes the place of the row with
 *      its number; rows from the new number of rows on are gone.
 *  M2  A row below the number of rows that is not among the changes stays what it was. New rows are always among
 *      the changes; should one be missing, it is free, never garbage.
 *  M3  Pieces of keys lie end to end: a gap or an overlap is damage.
 */

import { HoldfastError } from '../../base/errors.js';
import { SLOT_BYTES, type SlotPrefix } from './key-blob.js';
import { type KeyEntry, readEntry } from './key-entry.js';
import { decodeRowDelta, type RowDelta } from './row-delta-section.js';
import { corruptRows, decodeRowSection } from './row-section.js';

const FREE = -1;

export interface RowShape {
  /** Words per row. */
  readonly stride: number;
  readonly layout: string;
}

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FORMAT */
export function shapeOfRows(full: Uint8Array): RowShape {
  const { stride, layout } = decodeRowSection(full);
  return { stride, layout };
}

export class RowImage {
  readonly rows: number;
  /** `rows` rows, one after the other; there may be more behind them. */
  readonly data: Float64Array;
  /** In ascending order of their numbers. */
  readonly slots: readonly SlotPrefix[];
  readonly stride: number;
  /** A large slot stands here under each number that it takes up (key-blob.ts, K3). */
  readonly #slotOf = new Map<number, { readonly number: number; readonly buffer: Buffer }>();

  constructor(stride: number, rows: number, data: Float64Array, slots: readonly SlotPrefix[]) {
    this.stride = stride;
    this.rows = rows;
    this.data = data;
    this.slots = slots;
    for (const { number, bytes } of slots) {
      const slot = {
        number,
        buffer: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      };
      const span = Math.max(1, Math.ceil(bytes.length / SLOT_BYTES));
      for (let i = 0; i < span; i += 1) this.#slotOf.set(number + i, slot);
    }
  }

  /**
   * The key of a row, undefined when the row is free.
   * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT
   */
  entry(row: number): KeyEntry | undefined {
    const reference = this.data[row * this.stride]!;
    if (reference < 0) return undefined;
    const slot = this.#slotOf.get(Math.floor(reference / SLOT_BYTES));
    if (slot === undefined) throw corruptRows(`row ${row} refers to a key that is not there`);
    return readEntry(slot.buffer, reference - slot.number * SLOT_BYTES);
  }
}

/**
 * @param full the state as it was written in full
 * @param deltas the changes since, in order
 * @param alive called for each delta
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FORMAT, ERR_HOLDFAST_GRAPH_INCOMPATIBLE
 */
export function readRowImage(
  full: Uint8Array,
  deltas: readonly Uint8Array[],
  shape: RowShape,
  alive: () => void,
): RowImage {
  const section = decodeRowSection(full);
  checkShape(section, shape);
  if (deltas.length === 0) {
    return new RowImage(shape.stride, section.rows, section.data, section.slots);
  }
  const changes = deltas.map((bytes) => {
    const delta = decodeRowDelta(bytes);
    checkShape(delta, shape);
    return delta;
  });
  const most = changes.reduce((rows, delta) => Math.max(rows, delta.rows), section.rows);
  const data = new Float64Array(most * shape.stride);
  data.set(section.data);
  const keys = new Keys(section.slots);
  let rows = section.rows;
  for (const delta of changes) {
    applyRows(data, rows, delta);
    keys.apply(delta);
    rows = delta.rows;
    alive();
  }
  return new RowImage(shape.stride, rows, data, keys.slots());
}

/** M1, M2. */
function applyRows(data: Float64Array, before: number, delta: RowDelta): void {
  const { stride, rows, changed, numbers } = delta;
  for (let row = before; row < rows; row += 1) data[row * stride] = FREE;
  for (let i = 0; i < changed; i += 1) {
    const row = numbers[i]!;
    if (row >= rows) throw corruptRows(`row ${row} of ${rows} is among its changes`);
    const to = row * stride;
    const from = i * stride;
    for (let word = 0; word < stride; word += 1) data[to + word] = delta.data[from + word]!;
  }
}

/** The slots of keys while pieces are added (M3). */
class Keys {
  readonly #slots = new Map<number, { bytes: number; readonly pieces: Uint8Array[] }>();

  constructor(slots: readonly SlotPrefix[]) {
    for (const { number, bytes } of slots) {
      this.#slots.set(number, { bytes: bytes.length, pieces: [bytes] });
    }
  }

  apply({ firstSlot, pieces }: RowDelta): void {
    for (const number of this.#slots.keys()) if (number < firstSlot) this.#slots.delete(number);
    for (const { number, from, bytes } of pieces) {
      let slot = this.#slots.get(number);
      if (slot === undefined) {
        slot = { bytes: 0, pieces: [] };
        this.#slots.set(number, slot);
      }
      if (from !== slot.bytes) {
        throw corruptRows(`keys of slot ${number} go on at ${from} instead of ${slot.bytes}`);
      }
      slot.pieces.push(bytes);
      slot.bytes += bytes.length;
    }
  }

  slots(): SlotPrefix[] {
    return [...this.#slots]
      .map(([number, { pieces }]) => ({
        number,
        bytes: pieces.length === 1 ? pieces[0]! : new Uint8Array(Buffer.concat(pieces)),
      }))
      .sort((a, b) => a.number - b.number);
  }
}

function checkShape(found: RowShape, now: RowShape): void {
  if (found.stride === now.stride && found.layout === now.layout) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    `the checkpoint holds '${found.layout}' where the job now has '${now.layout}'. Restore with the ` +
      "aggregations and windows the state was made with, give the operator another .uid(), or start afresh with restore: 'none'.",
    { details: { before: found.layout, now: now.layout } },
  );
}
