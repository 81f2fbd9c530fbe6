/**
 * Checks what a user's own source hands over, before it is used. So a mistake is told as the source's, wherever it
 * was made, and does no harm that only shows later.
 */

import { HoldfastError } from '../../base/errors.js';
import { MISUSE } from '../../base/failure.js';
import { describeValue } from '../api/callbacks.js';
import type { SourceBatch, SourceReader, SourceSplit } from '../source.js';

/** @throws HoldfastError ERR_HOLDFAST_SOURCE when these are no splits, or two have the same id */
export function checkSplits(
  operator: string,
  splits: unknown,
  method: 'splits()' | 'discover()' = 'splits()',
): readonly SourceSplit[] {
  const wrong = (what: string): HoldfastError =>
    misuse(operator, `${method} of source '${operator}' gave ${what}`);
  if (!Array.isArray(splits)) {
    throw wrong(`${describeValue(splits)}: it must give an array of splits, as [{ id: 'a' }].`);
  }
  const ids = new Set<string>();
  for (const split of splits as readonly unknown[]) {
    const id = (split as Partial<SourceSplit> | null | undefined)?.id;
    if (typeof id !== 'string') {
      throw wrong(
        `a split without an id: ${describeValue(split)}. Every split needs a text for one.`,
      );
    }
    if (ids.has(id)) throw wrong(`two splits with the id '${id}': ids must be unique.`);
    ids.add(id);
    const { bounded, earliestMs } = split as Partial<SourceSplit>;
    if (bounded !== undefined && typeof bounded !== 'boolean') {
      throw wrong(`split '${id}' with bounded ${describeValue(bounded)}: it is true or false.`);
    }
    if (earliestMs !== undefined && !Number.isFinite(earliestMs)) {
      throw wrong(
        `split '${id}' with earliestMs ${describeValue(earliestMs)}: it is a time in ms.`,
      );
    }
  }
  return splits as readonly SourceSplit[];
}

/** @throws HoldfastError ERR_HOLDFAST_SOURCE when it is no reader */
export function checkReader(operator: string, reader: unknown): SourceReader<unknown> {
  const given = reader as Partial<SourceReader<unknown>> | null | undefined;
  for (const method of ['poll', 'position', 'describe', 'close'] as const) {
    if (typeof given?.[method] === 'function') continue;
    throw misuse(
      operator,
      `open() of source '${operator}' gave ${describeValue(reader)}, which has no method ${method}: ` +
        'it must give a reader with poll, position, describe and close.',
    );
  }
  return given as SourceReader<unknown>;
}

/**
 * @returns undefined at the split's end
 * @throws HoldfastError ERR_HOLDFAST_SOURCE when it is no batch
 */
export function checkBatch(operator: string, batch: unknown): SourceBatch<unknown> | undefined {
  if (batch === undefined) return undefined;
  const { records, timestamps, rejected } = (batch ?? {}) as Partial<SourceBatch<unknown>>;
  const wrong = (what: string): HoldfastError =>
    misuse(operator, `poll() of source '${operator}' gave ${what}`);
  if (!Array.isArray(records)) {
    throw wrong(
      `${describeValue(batch)}: it must give { records: [...] }, or undefined at the end of the split.`,
    );
  }
  if (timestamps !== undefined && !(timestamps?.length >= records.length)) {
    throw wrong(
      `timestamps that are not a Float64Array with one for each of its ${records.length} records.`,
    );
  }
  if (rejected !== undefined && !Array.isArray(rejected)) {
    throw wrong('rejected that is not an array of indexes of its records.');
  }
  return batch as SourceBatch<unknown>;
}

function misuse(operator: string, message: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_SOURCE', message, {
    details: { operator, [MISUSE]: true },
  });
}
