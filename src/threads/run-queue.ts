/**
 * How long a thread has waited for a processor: what tells a starved thread from a hung one.
 *
 * Linux counts it per thread (`schedstat`, second number, ns); elsewhere nothing is known.
 */

import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** The kernel's number for the calling thread; 0 when it has none. */
export function nativeThreadId(): number {
  try {
    return Number(basename(readlinkSync('/proc/thread-self'))) || 0;
  } catch {
    return 0;
  }
}

/**
 * Time in ms that a thread of this process has been ready to run and was not, since it began;
 * undefined when that is not known. Reads a file of the kernel's: microseconds, never a disk.
 */
export function runQueueWaitMs(nativeId: number): number | undefined {
  if (nativeId === 0) return undefined;
  try {
    const [, waitedNs] = readFileSync(`/proc/self/task/${nativeId}/schedstat`, 'latin1').split(' ');
    const waitedMs = Number(waitedNs) / 1e6;
    return Number.isFinite(waitedMs) ? waitedMs : undefined;
  } catch {
    return undefined;
  }
}
