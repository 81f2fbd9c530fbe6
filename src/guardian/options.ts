/** Checks at the guardian's door that options can be handed to another process. */

import { HoldfastError } from '../base/errors.js';
import { withArticle } from '../base/with-article.js';
import type { PlainRunOptions } from './protocol.js';

/**
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION naming the option that cannot travel, and the way out
 */
export function checkPlainOptions(
  options: PlainRunOptions | Readonly<Record<string, unknown>>,
): void {
  for (const [name, value] of Object.entries(options)) checkPlain(name, value, new Set());
  try {
    structuredClone(options);
  } catch (error) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `the options of a guarded run must be plain data, for they travel to another process: ` +
        (error as Error).message,
      { cause: error },
    );
  }
}

const WAYS_OUT: Readonly<Record<string, string>> = {
  logger: "Listen to the job's events instead.",
  print: "Listen to the job's 'print' event instead.",
};

function checkPlain(name: string, value: unknown, seen: Set<unknown>): void {
  if (value === undefined) return;
  const kind = typeof value;
  const isTaken = name in WAYS_OUT;
  if (kind === 'function' || kind === 'symbol' || isTaken) {
    const given = kind === 'object' ? 'an object with methods' : withArticle(kind);
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `option ${name} of a guarded run is ${given}, which cannot travel to another process. ` +
        (WAYS_OUT[name] ?? 'Give plain data, or use run() without a guardian.'),
      { details: { option: name } },
    );
  }
  if (kind !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set) return;
  for (const [key, inner] of Object.entries(value)) checkPlain(`${name}.${key}`, inner, seen);
}
