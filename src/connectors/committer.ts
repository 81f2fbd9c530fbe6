/**
 * Makes a sink's staged output visible for the driver, without the job's code. Committers run in the main thread, so
 * that no thread that was given up can commit anything.
 */

import type { SinkTransaction } from '../stream/sink.js';

export interface RecoverState {
  /** Same across restarts and processes, new for a fresh run. */
  readonly run: string;
  /** Restored checkpoint; undefined on a fresh start, also when the run starts again before its first one. */
  readonly checkpoint: number | undefined;
  /** What that checkpoint's manifest promised. */
  readonly transactions: readonly SinkTransaction[];
  /**
   * Called before published output of newer checkpoints is removed. When it has resolved, nobody can go on from
   * these checkpoints any more: their output would be missing.
   */
  readonly beforeRemoval?: (() => Promise<void>) | undefined;
}

export interface Committer {
  /**
   * Would `recover` refuse the target? Asked of all sinks before any of them recovers: nothing is
   * changed here. Rejects with ERR_HOLDFAST_SINK_OCCUPIED or ERR_HOLDFAST_SINK_REWOUND.
   */
  check?(state: RecoverState): Promise<void>;
  /**
   * Called before anything of a new epoch is staged: takes or checks the target, commits `transactions`, and
   * drops whatever else the run has staged. Rejects with ERR_HOLDFAST_SINK_OCCUPIED,
   * ERR_HOLDFAST_SINK_REWOUND or ERR_HOLDFAST_SINK. Idempotent.
   */
  recover(state: RecoverState): Promise<void>;
  /** Called when the checkpoint's manifest is durable. Rejects with ERR_HOLDFAST_SINK. Idempotent. */
  commit(checkpoint: number, transactions: readonly SinkTransaction[]): Promise<void>;
}
