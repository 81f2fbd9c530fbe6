/** From what users write to what operators ask. */

import { type AlignedWindow, WEEKDAYS } from '../api/windows.js';
import type { WindowAssigner } from './assigner.js';
import { CalendarAssigner } from './calendar-assigner.js';
import { CumulativeAssigner } from './cumulative-assigner.js';
import { GlobalAssigner } from './global-assigner.js';
import { SlidingAssigner } from './sliding-assigner.js';
import { stretchAt } from './time-zone.js';
import { TumblingAssigner } from './tumbling-assigner.js';

export function assignerOf(window: AlignedWindow): WindowAssigner {
  switch (window.kind) {
    case 'tumbling':
      return new TumblingAssigner(window.sizeMs, window.offsetMs);
    case 'sliding':
      return new SlidingAssigner(window.sizeMs, window.slideMs, window.offsetMs);
    case 'cumulative':
      return new CumulativeAssigner(window.sizeMs, window.stepMs, window.offsetMs);
    case 'calendar': {
      const { unit, timeZone, weekStartsOn } = window;
      const first = WEEKDAYS.indexOf(weekStartsOn) + 1;
      return new CalendarAssigner((timeMs) => stretchAt(timeMs, unit, timeZone, first));
    }
    case 'global':
      return new GlobalAssigner();
  }
}
