import type { Slice, WindowAssigner } from './assigner.js';

/** What a Date can hold: ± this many ms. */
const DATE_MS_MAX = 8.64e15;

const ALL: Slice = {
  ...{ index: 0, whole: 0, stored: 0 },
  ...{ start: -DATE_MS_MAX, end: DATE_MS_MAX, firstEnd: DATE_MS_MAX, lastEnd: DATE_MS_MAX },
};

/** One window, in which everything is, records without a time as well. */
export class GlobalAssigner implements WindowAssigner {
  readonly overlaps = false;

  indexAt(): number {
    return ALL.index;
  }

  indexOf(): number {
    return ALL.index;
  }

  slice(): Slice {
    return ALL;
  }

  startOf(): number {
    return ALL.start;
  }

  nextEnd(): number {
    return Number.POSITIVE_INFINITY;
  }

  pivotOf(start: number): number {
    return start;
  }
}
