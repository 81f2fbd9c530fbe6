/** Snapshots that are made of others. */

import type { Capture, CapturedState, StateSection } from '../operator.js';

/** A snapshot that is complete from the start: sections that were copied at the cut. */
export function readyCapture(sections: readonly StateSection[]): Capture {
  return { step: () => true, take: () => ({ sections }), abort: () => {} };
}

/** Sections that were copied at the cut, together with what `capture` is still working on. */
export function withSections(sections: readonly StateSection[], capture: Capture): Capture {
  return {
    step: (deadline) => capture.step(deadline),
    take(): CapturedState {
      const captured = capture.take();
      return { ...captured, sections: [...sections, ...captured.sections] };
    },
    abort: () => capture.abort(),
  };
}

/** Two snapshots as one. */
export function withCapture(one: Capture, other: Capture): Capture {
  return {
    step: (deadline) => one.step(deadline) && other.step(deadline),
    take(): CapturedState {
      const captured = one.take();
      return { ...captured, sections: [...captured.sections, ...other.take().sections] };
    },
    abort(): void {
      one.abort();
      other.abort();
    },
  };
}
