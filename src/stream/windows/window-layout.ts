/** Windows as they stand in the layout of their state: `tumbling:SIZE:OFFSET` and the like, times in ms. */

import type { WindowDefinition } from '../api/windows.js';
import type { StateDescription } from '../state/state-layout.js';

export function windowedState(window: WindowDefinition, state: StateDescription): StateDescription {
  // Sessions of a key are in its cell, whatever their values are.
  const section = window.kind === 'session' ? 'cells' : state.section;
  return { ...state, section, layout: `${windowLayout(window)}|${state.layout}` };
}

/** Of windows that are kept by key, under a trigger of that name. */
export function keyedWindowState(
  window: WindowDefinition,
  trigger: string,
  state: StateDescription,
): StateDescription {
  const layout = `keyed:${trigger}:${windowLayout(window)}|${state.layout}`;
  return { ...state, section: 'cells', layout };
}

function windowLayout(window: WindowDefinition): string {
  switch (window.kind) {
    case 'tumbling':
      return `tumbling:${window.sizeMs}:${window.offsetMs}`;
    case 'sliding':
      return `sliding:${window.sizeMs}:${window.slideMs}:${window.offsetMs}`;
    case 'cumulative':
      return `cumulative:${window.sizeMs}:${window.stepMs}:${window.offsetMs}`;
    case 'session':
      return `session:${window.gapMs}`;
    case 'calendar': {
      const week = window.unit === 'week' ? `:${window.weekStartsOn}` : '';
      return `calendar:${window.unit}:${window.timeZone}${week}`;
    }
    case 'global':
      return 'global';
    case 'count':
      return `count:${window.size}:${window.slide}`;
    case 'processing-time':
      return `clock:${windowLayout(window.window)}`;
  }
}
