/**
 * Checks what a user's own sink gives, where it gives it. So a mistake is named when it is made, and does not
 * come up as a TypeError in another thread, or as rows that are missing after a crash.
 *
 *  Y1  A sink that breaks the contract would break it again. So ERR_HOLDFAST_SINK_CONTRACT ends the job, and no
 *      restart is spent on it.
 *  Y2  A transaction has to come out of JSON as it went in: the manifest keeps it as text, and after a crash
 *      that text is all that is left of it. So what JSON would drop or change is refused.
 */

import { types } from 'node:util';
import { HoldfastError } from '../../base/errors.js';
import { describeValue, isThenable } from '../api/callbacks.js';
import type { Sink, SinkPrepared, SinkWriter } from '../sink.js';

/** Size of one transaction's JSON. A transaction is a handle, kept in every manifest; the rows are elsewhere. */
export const TRANSACTION_BYTES_MAX = 1024 * 1024;
const DEPTH_MAX = 64;

/** @throws HoldfastError ERR_HOLDFAST_SINK_CONTRACT when `open()` gave no writer */
export function checkWriter(
  operator: string,
  writer: unknown,
): asserts writer is SinkWriter<unknown> {
  const wanted =
    'it must give a writer, an object with write(record, timestampMs) and close(), and, if it can, ' +
    'prepare(checkpoint) and abort(checkpoint)';
  if (typeof writer !== 'object' || writer === null) {
    throw broken(operator, `open() gave ${describeValue(writer)}; ${wanted}`);
  }
  const given = writer as Readonly<Record<string, unknown>>;
  for (const name of ['write', 'close', 'prepare', 'abort', 'visible']) {
    const isNeeded = name === 'write' || name === 'close';
    if (given[name] === undefined && !isNeeded) continue;
    if (typeof given[name] === 'function') continue;
    throw broken(operator, `the writer's ${name} is ${describeValue(given[name])}; ${wanted}`);
  }
}

/** The error for a `write` that gives a promise. Nobody waits for that promise, so its rejection is caught here. */
export function asyncWriteError(operator: string, answer: PromiseLike<unknown>): HoldfastError {
  answer.then(undefined, () => {});
  return broken(
    operator,
    'write() gives a promise, but is not waited for. Keep the record and return; be `full` while too ' +
      'much is kept, call context.wake() when that ends, context.fail(error) when it goes wrong, and ' +
      'let the promise of prepare() wait for the rest',
  );
}

/** @throws HoldfastError ERR_HOLDFAST_SINK_CONTRACT when this is not what `prepare` may give */
export function checkPrepared(
  operator: string,
  sink: Sink<unknown>,
  prepared: unknown,
): asserts prepared is SinkPrepared | undefined {
  if (prepared === undefined) return;
  if (typeof prepared !== 'object' || prepared === null || Array.isArray(prepared)) {
    throw broken(
      operator,
      `prepare() gave ${describeValue(prepared)}; it must give nothing, or an object that may have ` +
        'transaction, state and visible',
    );
  }
  const { transaction, state, visible } = prepared as Readonly<Record<string, unknown>>;
  if (transaction !== undefined) checkTransaction(operator, sink, transaction);
  const isState = Array.isArray(state) && state.every(types.isUint8Array);
  if (state !== undefined && !isState) {
    throw broken(operator, `prepare() gave a state that is ${list(state)}; it must be Uint8Arrays`);
  }
  if (visible !== undefined && !Array.isArray(visible)) {
    throw broken(operator, `prepare() gave as visible ${describeValue(visible)}, not an array`);
  }
}

function checkTransaction(operator: string, sink: Sink<unknown>, transaction: unknown): void {
  if (sink.commit === undefined && sink.committer === undefined) {
    throw broken(
      operator,
      'prepare() gave a transaction, but the sink has no commit() that would make it visible',
    );
  }
  const problem =
    typeof transaction === 'object' && transaction !== null && !Array.isArray(transaction)
      ? jsonProblem(transaction, 'transaction', [])
      : `transaction is ${describeValue(transaction)}, not an object`;
  if (problem !== undefined) {
    throw broken(
      operator,
      `prepare() gave a transaction that is no JSON data: ${problem}. It is kept as JSON in the ` +
        'checkpoint, and must come back equal: plain objects and arrays of texts, finite numbers, ' +
        'booleans and null',
    );
  }
  const bytes = Buffer.byteLength(JSON.stringify(transaction));
  if (bytes <= TRANSACTION_BYTES_MAX) return;
  throw broken(
    operator,
    `prepare() gave a transaction of ${bytes} bytes; at most ${TRANSACTION_BYTES_MAX} are allowed. ` +
      'Stage the rows where commit() finds them, and put only their name into the transaction',
  );
}

const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Where a value would not come out of JSON as it went in (Y2); undefined when it does.
 * @param path of the value, for the message
 * @param above the objects that the value lies in
 */
export function jsonProblem(
  value: unknown,
  path: string,
  above: readonly object[],
): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : `${path} is ${value}`;
  }
  if (typeof value !== 'object') return `${path} is ${describeValue(value)}`;
  if (above.includes(value)) return `${path} contains itself`;
  if (above.length > DEPTH_MAX) return `${path} is deeper than ${DEPTH_MAX} levels`;
  const inside = [...above, value];
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) {
      const problem = jsonProblem(value[at], `${path}[${at}]`, inside);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return `${path} is ${describeValue(value)}`;
  }
  if (Object.getOwnPropertySymbols(value).length > 0) return `${path} has a symbol as a key`;
  for (const [key, entry] of Object.entries(value)) {
    // Sealed documents, in which transactions are kept, refuse these keys as well.
    if (RESERVED.has(key)) return `${path} has a key ${key}`;
    const problem = jsonProblem(entry, `${path}.${key}`, inside);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** The error for a `prepare` that does not settle. */
export function prepareTimeoutError(operator: string, timeoutMs: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SINK',
    `sink '${operator}' could not prepare: its prepare() has not settled for ${timeoutMs} ms. ` +
      'Give what it waits for (a connection, a disk, a reply) a shorter deadline of its own, or raise ' +
      'checkpoint.timeoutMs, from which this one follows.',
    { details: { operator, timeoutMs } },
  );
}

function list(state: unknown): string {
  if (!Array.isArray(state)) return describeValue(state);
  const wrong = (state as readonly unknown[]).find((chunk) => !types.isUint8Array(chunk));
  return `an array with ${isThenable(wrong) ? 'a promise' : describeValue(wrong)}`;
}

function broken(operator: string, problem: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SINK_CONTRACT',
    `sink '${operator}' breaks the contract of sinks: ${problem}.`,
    { details: { operator } },
  );
}
