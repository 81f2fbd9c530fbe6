/** Heap pressure in one line, for plain and live output. */

import type { PressureEvent } from '../job/job-types.js';
import { formatBytes } from './format.js';

export function describePressure(event: PressureEvent): string {
  const { slot, heapUsedBytes, heapLimitBytes, share, action } = event;
  const full = `${Math.round(share * 100)} % (${formatBytes(heapUsedBytes)} of ${formatBytes(heapLimitBytes)})`;
  const what = action === 'restarting' ? ': taking a checkpoint, then restarting it' : '';
  return `heap of slot ${slot} at ${full}${what}`;
}
