/**
 * Work of a given length in processor time: the same amount of work on an idle machine and on a busy
 * one, where it takes longer.
 */

import { readFileSync } from 'node:fs';

const FILE = '/proc/thread-self/schedstat';

/** Processor time of the calling thread so far, in ms; by the wall clock where the system does not tell. */
function processorMs() {
  try {
    return Number(readFileSync(FILE, 'latin1').split(' ', 1)[0]) / 1e6;
  } catch {
    return performance.now();
  }
}

/** @param {number} ms */
export function spend(ms) {
  const end = processorMs() + ms;
  while (processorMs() < end) {
    const lookAgain = performance.now() + 0.5;
    while (performance.now() < lookAgain);
  }
}
