/** Opens sinks and readers. `open()` is user code, which may wait for ever: here it has a deadline. */

import { type ErrorCode, HoldfastError } from '../../base/errors.js';
import { inTime } from '../../base/in-time.js';
import { isThenable } from '../api/callbacks.js';

/** How long `open()` of a sink or a source may take, in milliseconds. */
export const OPEN_TIMEOUT_MS = 60_000;

const CODES = {
  sink: 'ERR_HOLDFAST_SINK',
  source: 'ERR_HOLDFAST_SOURCE',
} as const satisfies Readonly<Record<string, ErrorCode>>;

/**
 * What `open()` gives. What it gives after the deadline is closed again.
 * @param signal aborted when nobody waits for it any more
 * @throws HoldfastError ERR_HOLDFAST_SINK or ERR_HOLDFAST_SOURCE after OPEN_TIMEOUT_MS
 */
export async function openInTime<T extends { close(): unknown }>(
  kind: keyof typeof CODES,
  operator: string,
  opening: T | Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  // Not a promise: nothing to wait for, and no timer to set.
  if (!isThenable(opening)) return opening;
  const opened = Promise.resolve(opening);
  const late = () => {
    void opened.then((that) => that.close()).catch(() => {});
    return new HoldfastError(
      CODES[kind],
      `${kind} '${operator}' could not be opened: its open() has not settled for ` +
        `${OPEN_TIMEOUT_MS / 1_000} s. Give what it waits for (a connection, a lock, a reply) a shorter ` +
        'deadline of its own.',
      { details: { operator, timeoutMs: OPEN_TIMEOUT_MS } },
    );
  };
  return await inTime(opened, OPEN_TIMEOUT_MS, late, signal);
}
