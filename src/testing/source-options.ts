/** What the conformance kit has to know of a source. Protocol file: shapes only. */

import type { Source, SourceSplit } from '../stream/source.js';

export interface SourceConformanceOptions<T> {
  /**
   * Makes the source, over the same input each time: called once for each life of a process, so nothing
   * but the input (files, a service) may connect one with the next.
   */
  readonly create: () => Source<T>;
  /** What a split holds, where you know it. Otherwise a first reading is what the others are held to. */
  readonly records?: ((split: SourceSplit) => readonly T[] | PromiseLike<readonly T[]>) | undefined;
  /** Records read of each split at most. Default 200; a split that is not bounded must have as many. */
  readonly most?: number | undefined;
  /** Called before each case: brings the input back to where it was, if a case can change it. */
  readonly reset?: (() => void | PromiseLike<void>) | undefined;
  /** Called after each case, also after one that has failed. */
  readonly cleanup?: (() => void | PromiseLike<void>) | undefined;
  /** How long anything that the source promises may take, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number | undefined;
}
