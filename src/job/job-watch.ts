/** Protocol file: shapes only. It stands by itself, since `run` is public and its declarations need no types of Node. */

import type { SplitCounts } from '../threads/split-trace.js';

/** How far a checkpoint reaches. */
export interface ReachedSplits {
  /** Of all sources together. */
  readonly sourceRecords: number;
  /** Of the splits of sources that leave a trace. */
  readonly splits: SplitCounts;
}

/** What somebody asks for who outlives this process, and decides then whether it had got anywhere. */
export interface JobWatch {
  /** See DeploySpec. */
  readonly trace: number | undefined;
  /** A checkpoint is complete and committed. */
  readonly onCommitted: (reached: ReachedSplits) => void;
}
