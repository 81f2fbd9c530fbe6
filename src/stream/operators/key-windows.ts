/** Which windows a record of a key is in, for windows that are kept by key. */

import type {
  AlignedWindow,
  ProcessingTimeWindow,
  WindowBounds,
  WindowDefinition,
} from '../api/windows.js';
import type { WindowAssigner } from '../windows/assigner.js';
import { assignerOf } from '../windows/assigners.js';
import type { KeyWindow } from './key-window.js';

/** What windows go by: event time, the clock, or nothing but the records. */
export type WindowTime = 'event' | 'clock' | 'none';

export interface KeyWindows {
  readonly time: WindowTime;
  /** Windows become longer with the records that come: they are told apart by their starts. */
  readonly grows: boolean;
  /** A key has one window, which is over with the end of the input only. */
  readonly isEndless: boolean;
  /** How long behind its end a window of the clock closes: a session's end belongs to it. */
  readonly restMs: number;
  /**
   * The windows of a time, in the order in which they end.
   * @param last the key's last window: what grows with its records takes them up
   */
  at(timeMs: number, last: Pick<KeyWindow, 'start' | 'end'> | undefined): readonly WindowBounds[];
}

/** The only window of a key, where it has no bounds in time. */
const ENDLESS: readonly WindowBounds[] = [
  { windowStart: Number.NEGATIVE_INFINITY, windowEnd: Number.POSITIVE_INFINITY },
];

export function keyWindowsOf(
  window: Exclude<WindowDefinition, { readonly kind: 'session' }>,
): KeyWindows {
  switch (window.kind) {
    case 'count':
      return { time: 'none', grows: false, isEndless: true, restMs: 0, at: () => ENDLESS };
    case 'processing-time':
      return clockWindows(window.window);
    default:
      return {
        ...{ time: 'event', grows: false, isEndless: window.kind === 'global' },
        ...{ restMs: 0, at: alignedAt(window) },
      };
  }
}

function clockWindows(window: ProcessingTimeWindow['window']): KeyWindows {
  if (window.kind !== 'session')
    return { time: 'clock', grows: false, isEndless: false, restMs: 0, at: alignedAt(window) };
  const { gapMs } = window;
  return {
    time: 'clock',
    grows: true,
    isEndless: false,
    restMs: 1,
    at(timeMs, last) {
      const endMs = timeMs + gapMs;
      if (last === undefined || timeMs > last.end)
        return [{ windowStart: timeMs, windowEnd: endMs }];
      // A clock that was set back shortens nothing.
      return [{ windowStart: last.start, windowEnd: Math.max(last.end, endMs) }];
    },
  };
}

function alignedAt(window: AlignedWindow): KeyWindows['at'] {
  const assigner: WindowAssigner = assignerOf(window);
  // Nearly all records are in the windows of the one before them.
  let index = Number.NaN;
  let windows: readonly WindowBounds[] = [];
  return (timeMs) => {
    const at = assigner.indexAt(timeMs);
    if (at === index) return windows;
    const slice = assigner.slice(at);
    const found: WindowBounds[] = [];
    for (let end = slice.firstEnd; end <= slice.lastEnd; end = assigner.nextEnd(end)) {
      found.push({ windowStart: assigner.startOf(end), windowEnd: end });
    }
    index = at;
    windows = found;
    return found;
  };
}
