/**
 * The rows of all `collect` sinks by name, as a job's result shows them. Rows are decoded where they are shown, since
 * that needs the codecs of that thread. Rows of a class without a codec throw only when they are looked at, so that
 * a job that has ended well ends well.
 */

import { isHoldfastError } from '../../base/errors.js';
import { decodeRows, encodeRows } from '../../codec/encoded-rows.js';

export type RowRecord = Readonly<Record<string, readonly unknown[]>>;
/** Rows by name, in a form that can be cloned. */
export type EncodedRecord = readonly (readonly [string, readonly Uint8Array[]])[];

const encodedOf = new WeakMap<RowRecord, ReadonlyMap<string, readonly Uint8Array[]>>();

export function rowRecord(names: EncodedRecord): RowRecord {
  const record: Record<string, readonly unknown[]> = {};
  const left = new Map<string, readonly Uint8Array[]>();
  for (const [name, chunks] of names) {
    const property = decoded(name, chunks);
    if ('get' in property) left.set(name, chunks);
    Object.defineProperty(record, name, { ...property, enumerable: true, configurable: true });
  }
  encodedOf.set(record, left);
  return record;
}

/** The record in a form for another process. @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE */
export function encodeRecord(record: RowRecord): EncodedRecord {
  const left = encodedOf.get(record);
  return Object.keys(record).map((name) => [
    name,
    left?.get(name) ?? [encodeRows(record[name]!).bytes],
  ]);
}

function decoded(name: string, chunks: readonly Uint8Array[]): PropertyDescriptor {
  const rows: unknown[] = [];
  try {
    for (const chunk of chunks) decodeRows(chunk, rowsOf(name), rows);
    return { value: rows, writable: true };
  } catch (error) {
    if (!isHoldfastError(error, 'ERR_HOLDFAST_CODEC')) throw error;
    return {
      get() {
        throw error;
      },
    };
  }
}

/** Names a sink's rows in messages. */
export function rowsOf(name: string): string {
  return `rows of collect('${name}')`;
}
