/**
 * How long a thread has waited for a processor: that tells a starved thread from a hung one.
 *
 * Linux counts per thread how long it ran and how long it waited (`schedstat`, ns), but counts a wait only when it is
 * over. On a crowded machine that is hundreds of ms late, and meanwhile a slow record looks like a hang. So a thread
 * that is ready to run (state R in `stat`) counts as having waited all the time that it did not run. A thread that
 * asked the kernel to wait for something (a lock, a child process, a sleep) does not count as waiting for a
 * processor, except as far as `schedstat` says so. On other systems nothing is known.
 */

import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** What the kernel tells of a thread; times count from the thread's beginning. */
export interface RunQueueSample {
  readonly atMs: number;
  readonly ranMs: number;
  /** Sum of the waits that are over. */
  readonly waitedMs: number;
  /** The thread runs, or waits to run. */
  readonly isReady: boolean;
}

/** The kernel's number for the calling thread; 0 when it has none. */
export function nativeThreadId(): number {
  try {
    return Number(basename(readlinkSync('/proc/thread-self'))) || 0;
  } catch {
    return 0;
  }
}

/** Adds up how long one thread has waited, from sample to sample. */
export class RunQueueWait {
  #last: RunQueueSample | undefined;
  #sumMs = 0;
  #totalMs = 0;

  /** @returns ms since the first sample; it never falls */
  take(sample: RunQueueSample): number {
    const last = this.#last ?? sample;
    this.#last = sample;
    // Negative where the kernel had told late what the thread ran: that evens out.
    const notRunMs = sample.atMs - last.atMs - (sample.ranMs - last.ranMs);
    this.#sumMs += sample.isReady
      ? notRunMs
      : Math.min(notRunMs, Math.max(0, sample.waitedMs - last.waitedMs));
    this.#totalMs = Math.max(this.#totalMs, this.#sumMs);
    return this.#totalMs;
  }
}

/**
 * A sample of a thread of this process; undefined when nothing is known. Reads files of the kernel's: that takes
 * some ten microseconds, and never touches a disk.
 */
export function readRunQueue(nativeId: number, atMs: number): RunQueueSample | undefined {
  if (nativeId === 0) return undefined;
  try {
    const task = `/proc/self/task/${nativeId}`;
    const [ranNs, waitedNs] = readFileSync(`${task}/schedstat`, 'latin1').split(' ');
    const stat = readFileSync(`${task}/stat`, 'latin1');
    // `12 (a name, perhaps with brackets) R 1 …`
    const isReady = stat.charAt(stat.lastIndexOf(')') + 2) === 'R';
    const ranMs = Number(ranNs) / 1e6;
    const waitedMs = Number(waitedNs) / 1e6;
    const isKnown = Number.isFinite(ranMs) && Number.isFinite(waitedMs);
    return isKnown ? { atMs, ranMs, waitedMs, isReady } : undefined;
  } catch {
    return undefined;
  }
}
