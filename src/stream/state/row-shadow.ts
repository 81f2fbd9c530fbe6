/**
 * The memory where a snapshot of a row table puts rows: segments like the table's, and the rows' numbers where only
 * changed rows are put there. It is kept and used again, because memory that is allocated for each snapshot,
 * megabytes of it, makes V8 collect the whole heap of a data thread in the midst of the snapshot.
 */

import { SEGMENT_ROWS } from './row-layout.js';

export class RowShadow {
  readonly segments: Float64Array[] = [];
  readonly numbers: Uint32Array[] = [];
  readonly #stride: number;

  /** @param stride words of a row */
  constructor(stride: number) {
    this.#stride = stride;
  }

  /** Room for that many rows. */
  reserveRows(rows: number): void {
    while (this.segments.length * SEGMENT_ROWS < rows) this.segments.push(rowSegment(this.#stride));
  }

  /** Room for that many rows and their numbers. */
  reserve(rows: number): void {
    this.reserveRows(rows);
    while (this.numbers.length * SEGMENT_ROWS < rows) {
      this.numbers.push(new Uint32Array(new SharedArrayBuffer(SEGMENT_ROWS * 4)));
    }
  }

  /** The first `rows` rows. */
  rowBytes(rows: number): Uint8Array[] {
    return filled(this.segments, rows, this.#stride * Float64Array.BYTES_PER_ELEMENT);
  }

  /** The numbers of the first `rows` rows. */
  numberBytes(rows: number): Uint8Array[] {
    return filled(this.numbers, rows, Uint32Array.BYTES_PER_ELEMENT);
  }
}

/** A segment of SEGMENT_ROWS rows, in shared memory. */
export function rowSegment(stride: number): Float64Array {
  return new Float64Array(
    new SharedArrayBuffer(SEGMENT_ROWS * stride * Float64Array.BYTES_PER_ELEMENT),
  );
}

function filled(
  segments: readonly (Float64Array | Uint32Array)[],
  rows: number,
  bytesPerRow: number,
): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < rows; at += SEGMENT_ROWS) {
    const bytes = Math.min(SEGMENT_ROWS, rows - at) * bytesPerRow;
    chunks.push(new Uint8Array(segments[at / SEGMENT_ROWS]!.buffer, 0, bytes));
  }
  return chunks;
}
