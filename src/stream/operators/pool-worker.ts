/**
 * A thread of an operator's pool: loads the user's module, and calls one of its exports. Whatever that throws is told as
 * data. So piscina hears of an error only when the thread dies.
 */

import { pathToFileURL } from 'node:url';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { toFailure } from '../../base/failure.js';
import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import { describeValue } from '../api/callbacks.js';
import type { PoolCall } from '../api/pool-map.js';
import type { PoolAnswer, PoolTask } from './pool-calls.js';

type Exports = Readonly<Record<string, unknown>>;

export async function performPoolCall({ module, name, call }: PoolTask): Promise<unknown> {
  try {
    const { module: exports } = (await import(pathToFileURL(module).href)) as { module: Exports };
    const isExport = Object.hasOwn(exports, name);
    const fn = exports[name];
    if (!isExport || typeof fn !== 'function') {
      const found = isExport ? describeValue(fn) : 'nothing';
      return { kind: 'no-function', found, exported: Object.keys(exports) } satisfies PoolAnswer;
    }
    if (call === undefined) return { kind: 'ready' } satisfies PoolAnswer;
    const { bytes, attempt, timestamp } = call;
    const record = decodeValue(new ByteReader(bytes, { what: 'a record' }));
    const told: PoolCall = { attempt, timestamp };
    return done(await (fn as (record: unknown, call: PoolCall) => unknown)(record, told));
  } catch (error) {
    return { kind: 'failed', failure: toFailure(error, 'user-code') } satisfies PoolAnswer;
  }
}

/** The result's bytes are moved, not copied. */
function done(value: unknown): unknown {
  const writer = new ByteWriter();
  encodeValue(writer, value, 'result');
  const bytes = writer.take();
  const answer: PoolAnswer = { kind: 'done', bytes };
  return move({ [transferableSymbol]: [bytes.buffer], [valueSymbol]: answer } as never);
}
