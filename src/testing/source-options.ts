/** What the conformance kit has to know about a source. Protocol file: shapes only. */

import type { Source, SourceSplit } from '../stream/source.js';

export interface SourceConformanceOptions<T> {
  /**
   * Makes the source, over the same input each time. Called once for each life of a process, so nothing
   * but the input (files, a service) may connect one source with the next.
   */
  readonly create: () => Source<T>;
  /** What a split holds, where you know it. Otherwise a first reading tells, and the others are compared with it. */
  readonly records?: ((split: SourceSplit) => readonly T[] | PromiseLike<readonly T[]>) | undefined;
  /** Most records read of each split. Default 200. A split that is not bounded must have as many. */
  readonly most?: number | undefined;
  /** Called before each case. Has to bring the input back to where it was, if a case can change it. */
  readonly reset?: (() => void | PromiseLike<void>) | undefined;
  /** Called after each case, also after one that has failed. */
  readonly cleanup?: (() => void | PromiseLike<void>) | undefined;
  /** How long anything that the source promises may take, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number | undefined;
}
