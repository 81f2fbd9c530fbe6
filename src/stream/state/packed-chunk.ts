/** Encoded values of cells, side by side in memory that V8's collector does not look through: see packed-cells.ts. */

import { ByteReader } from '../../codec/byte-reader.js';
import { decodeValue } from '../../codec/value-codec.js';

/** A cell whose value may go again, since its bytes are there. */
export interface Repackable {
  repack(): void;
}

export class PackedChunk {
  readonly bytes: Buffer;
  readonly #reader: ByteReader;
  readonly #opened: Repackable[];

  /** @param opened is told of each cell whose value is decoded */
  constructor(bytes: Uint8Array, opened: Repackable[]) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#reader = new ByteReader(bytes, { what: 'a value in keyed state' });
    this.#opened = opened;
  }

  /** The value that begins there, anew. */
  decode(from: number, cell: Repackable): unknown {
    this.#reader.position = from;
    const value = decodeValue(this.#reader);
    this.#opened.push(cell);
    return value;
  }
}

/** Stands for a chunk that is not complete yet. */
export const UNSEALED = new PackedChunk(new Uint8Array(0), []);
