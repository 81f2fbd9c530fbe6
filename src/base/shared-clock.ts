/**
 * One clock for all threads of the process. `performance.now()` counts from the start of its thread, while
 * `process.hrtime` is the machine's monotonic clock in every thread. So the distance between the two is
 * measured once, and added from then on.
 */

const SAMPLES = 5;

const offsetMs = distance();

/**
 * @param localMs a time of this thread's `performance.now()`
 * @returns the same moment on the clock that all threads share, in milliseconds
 */
export function sharedMs(localMs: number = performance.now()): number {
  return localMs + offsetMs;
}

/** The distance of the quickest of several looks, because a thread may lose its processor between its two clocks. */
function distance(): number {
  let best = { tookMs: Number.POSITIVE_INFINITY, distanceMs: 0 };
  for (let i = 0; i < SAMPLES; i += 1) {
    const before = performance.now();
    const machineMs = Number(process.hrtime.bigint()) / 1e6;
    const after = performance.now();
    const tookMs = after - before;
    if (tookMs < best.tookMs) best = { tookMs, distanceMs: machineMs - (before + after) / 2 };
  }
  return best.distanceMs;
}
