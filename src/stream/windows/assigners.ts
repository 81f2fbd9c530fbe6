/** From what users write to what operators ask. */

import type { AlignedWindow } from '../api/windows.js';
import type { WindowAssigner } from './assigner.js';
import { CumulativeAssigner } from './cumulative-assigner.js';
import { SlidingAssigner } from './sliding-assigner.js';
import { TumblingAssigner } from './tumbling-assigner.js';

export function assignerOf(window: AlignedWindow): WindowAssigner {
  switch (window.kind) {
    case 'tumbling':
      return new TumblingAssigner(window.sizeMs, window.offsetMs);
    case 'sliding':
      return new SlidingAssigner(window.sizeMs, window.slideMs, window.offsetMs);
    case 'cumulative':
      return new CumulativeAssigner(window.sizeMs, window.stepMs, window.offsetMs);
  }
}
