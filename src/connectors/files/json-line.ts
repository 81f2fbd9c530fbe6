/** One record as one line of JSON, and nothing lost at its top level without a word. */

import { HoldfastError } from '../../base/errors.js';
import { isError, messageOf } from '../../base/realm.js';

/** The record's JSON without a newline. Throws ERR_HOLDFAST_SINK for what JSON cannot hold. */
export function jsonLine(record: unknown, target: string): string {
  let line: string | undefined;
  try {
    line = JSON.stringify(record);
  } catch (error) {
    const message = messageOf(error);
    throw unfit(target, `JSON cannot hold this record: ${message}`, error);
  }
  // The three results behind which JSON hides what it could not say.
  if (line === undefined || line === 'null' || line === '{}') refuseLoss(record, target);
  if (line === undefined) throw unfit(target, 'toJSON() of this record gave nothing');
  return line;
}

function refuseLoss(record: unknown, target: string): void {
  if (record === undefined || typeof record === 'function' || typeof record === 'symbol') {
    throw unfit(target, `JSON has no ${typeof record}`);
  }
  if (typeof record === 'number' && !Number.isFinite(record)) {
    throw unfit(target, `JSON has no ${record}`);
  }
  if (record instanceof Date && Number.isNaN(record.getTime())) {
    throw unfit(target, 'JSON has no invalid dates');
  }
  if (record instanceof Map || record instanceof Set || isError(record)) {
    throw unfit(target, `JSON would make an empty object of a ${record.constructor.name}`);
  }
}

function unfit(target: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SINK',
    `'${target}': ${why}. Map records to plain JSON data before the sink ` +
      '(bigints to text or number, Maps to objects).',
    { cause },
  );
}
