/**
 * Cells as bytes (part of the snapshot format): the encoded value `['holdfast-cells', 1, layout]`, then
 * the cells, each as
 *
 *     namespace f64 | key group u16 | key, encoded | value, encoded
 */

import { ByteReader } from '../../base/byte-reader.js';
import { ByteWriter } from '../../base/byte-writer.js';
import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import { decodeValue, encodeValue } from '../../base/value-codec.js';
import { describeValue } from '../callbacks.js';

const MAGIC = 'holdfast-cells';
const VERSION = 1;
const CHUNK_BYTES = 256 * 1024;

export class CellSectionWriter {
  readonly #operator: string;
  readonly #chunks: Uint8Array[] = [];
  readonly #writer = new ByteWriter();

  constructor(operator: string, layout: string) {
    this.#operator = operator;
    encodeValue(this.#writer, [MAGIC, VERSION, layout]);
  }

  /** @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE that names operator and key */
  write(namespace: number, group: number, key: unknown, value: unknown): void {
    const writer = this.#writer;
    try {
      writer.f64(namespace);
      writer.u16(group);
      encodeValue(writer, key);
      encodeValue(writer, value);
    } catch (cause) {
      if (!isHoldfastError(cause, 'ERR_HOLDFAST_UNSUPPORTED_VALUE')) throw cause;
      throw new HoldfastError(
        'ERR_HOLDFAST_UNSUPPORTED_VALUE',
        `the state of operator '${this.#operator}' for key ${describeKey(key)} cannot be written to a ` +
          `checkpoint: ${cause.message}`,
        { cause, details: { ...cause.details, operator: this.#operator, key: describeKey(key) } },
      );
    }
    if (writer.position >= CHUNK_BYTES) this.#cut();
  }

  finish(): readonly Uint8Array[] {
    this.#cut();
    return this.#chunks;
  }

  #cut(): void {
    if (this.#writer.position === 0) return;
    this.#chunks.push(this.#writer.take());
    this.#writer.reset();
  }
}

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FORMAT, ERR_HOLDFAST_GRAPH_INCOMPATIBLE */
export function readCellSection(
  bytes: Uint8Array,
  layout: string,
  visit: (namespace: number, group: number, key: unknown, value: unknown) => void,
): void {
  const reader = new ByteReader(bytes);
  const head = decodeValue(reader);
  if (!Array.isArray(head) || head[0] !== MAGIC) {
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
  if (head[2] !== layout) {
    throw new HoldfastError(
      'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
      `the checkpoint holds '${String(head[2])}' where the job now has '${layout}'. Restore with the ` +
        "aggregations and windows the state was made with, give the operator another .uid(), or start afresh with restore: 'none'.",
      { details: { before: head[2], now: layout } },
    );
  }
  while (reader.remaining > 0) {
    visit(reader.f64(), reader.u16(), decodeValue(reader), decodeValue(reader));
  }
}

function describeKey(key: unknown): string {
  return Array.isArray(key) ? JSON.stringify(key.map(String)) : describeValue(key);
}
