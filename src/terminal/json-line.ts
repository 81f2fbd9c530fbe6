/** Writes data as one line of JSON. */

import { isError } from '../base/realm.js';
import { escapeJson } from './escape.js';

/**
 * Never throws, whatever a job may collect, print or fail with. Bigints and symbols become texts, Maps and Sets become
 * arrays, errors become their fields. Words stand for circles and for what cannot be read. Controls that JSON may hold
 * raw (those of C1, overrides of direction) are escaped as well, because the line may go to a terminal.
 */
export function jsonLine(data: object): string {
  try {
    return escapeJson(JSON.stringify(data, plainValue));
  } catch {
    return escapeJson(JSON.stringify(withoutCircles(data, new Set()), plainValue));
  }
}

function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (value instanceof Map || value instanceof Set) return [...value];
  if (isError(value)) {
    const { name, message, stack } = value;
    return { ...value, name, message, stack };
  }
  return value;
}

/** Writes values out along each path, so that one which merely occurs twice stays in both places. */
function withoutCircles(value: unknown, above: Set<unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (above.has(value)) return '[circular]';
  above.add(value);
  try {
    const plain = plainValue('', value);
    if (Array.isArray(plain)) return plain.map((item) => withoutCircles(item, above));
    if (plain instanceof Date) return Number.isNaN(plain.getTime()) ? null : plain.toISOString();
    return Object.fromEntries(
      Object.entries(plain as object).map(([key, item]) => [key, withoutCircles(item, above)]),
    );
  } catch {
    return '[unreadable]';
  } finally {
    above.delete(value);
  }
}
