/** Small helpers that every bench uses: medians, percentiles, sampling a counter over a window. */

import { setTimeout as sleep } from 'node:timers/promises';

/** @param {readonly number[]} values */
export const median = (values) => percentile(values, 0.5);

/**
 * Nearest-rank percentile.
 * @param {readonly number[]} values
 * @param {number} p 0…1
 */
export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? NaN;
}

/**
 * Rate of a growing counter over a window.
 * @param {() => number} read
 * @param {number} windowMs
 * @returns {Promise<number>} per second
 */
export async function rate(read, windowMs) {
  const from = performance.now();
  const before = read();
  await sleep(windowMs);
  return ((read() - before) / (performance.now() - from)) * 1_000;
}

/**
 * Rates of an act, by the clock on the wall and by the processor time of the whole process.
 * @param {() => Promise<number>} act gives the number of records that it was
 * @returns {Promise<{ perSecond: number, perCpuSecond: number }>}
 */
export async function rates(act) {
  const from = performance.now();
  const usage = process.cpuUsage();
  const records = await act();
  const { user, system } = process.cpuUsage(usage);
  const seconds = (performance.now() - from) / 1_000;
  return { perSecond: records / seconds, perCpuSecond: records / ((user + system) / 1e6) };
}

/** @param {number} value */
export const round = (value, digits = 2) => Number(value.toFixed(digits));

export { sleep };
