/** Data as one line of JSON. */

import { isError } from '../base/realm.js';
import { escapeJson } from './escape.js';

/**
 * Never throws, whatever a job may collect, print or fail with: bigints and symbols become texts, Maps
 * and Sets arrays, errors their fields, circles and what cannot be read words that say so. Controls that
 * JSON may hold raw (those of C1, overrides of direction) are escaped as well: the line may go to a terminal.
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

/** Written out along each path, so that what merely occurs twice is told twice. */
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
