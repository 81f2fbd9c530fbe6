/** Snapshots that are made of others. */

import type { Capture, CapturedState, StateSection } from '../operator.js';

/** A snapshot that is complete from the start: sections that were copied at the cut. */
export function readyCapture(sections: readonly StateSection[]): Capture {
  return { step: () => true, take: () => ({ sections }), abort: () => {} };
}

/** Sections that were copied at the cut, together with what `capture` is still working on. */
export function withSections(sections: readonly StateSection[], capture: Capture): Capture {
  return withCapture(readyCapture(sections), capture);
}

/** Two snapshots as one. */
export function withCapture(one: Capture, other: Capture): Capture {
  return {
    step: (deadline) => one.step(deadline) && other.step(deadline),
    take(): CapturedState {
      const first = one.take();
      const second = other.take();
      return { ...first, ...second, sections: [...first.sections, ...second.sections] };
    },
    abort(): void {
      one.abort();
      other.abort();
    },
  };
}
