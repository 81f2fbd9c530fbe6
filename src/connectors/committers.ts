/**
 * Committers: what the driver needs to make staged output visible, without the job's code. They run
 * in the main thread, so that no thread that was given up can commit anything.
 */

import { HoldfastError } from '../base/errors.js';
import type { CommitterData, SinkTransaction } from '../stream/sink.js';
import { RenameCommitter } from './files/rename-committer.js';

export interface RecoverState {
  /** Same across restarts and processes, new for a fresh run. */
  readonly run: string;
  /** Restored checkpoint; undefined on a fresh start, also when the run starts again before its first one. */
  readonly checkpoint: number | undefined;
  /** What that checkpoint's manifest promised. */
  readonly transactions: readonly SinkTransaction[];
  /**
   * Called before published output of newer checkpoints is removed: when it has resolved, nobody can
   * go on from those any more, whose output would be missing.
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
   * Before anything of a new epoch is staged: takes or checks the target, commits `transactions`,
   * drops whatever else the run has staged. Rejects with ERR_HOLDFAST_SINK_OCCUPIED,
   * ERR_HOLDFAST_SINK_REWOUND or ERR_HOLDFAST_SINK. Idempotent.
   */
  recover(state: RecoverState): Promise<void>;
  /** After the checkpoint's manifest is durable. Rejects with ERR_HOLDFAST_SINK. Idempotent. */
  commit(checkpoint: number, transactions: readonly SinkTransaction[]): Promise<void>;
}

/** Data of `ndjsonFiles`. */
export interface RenameCommitterData {
  readonly kind: 'rename';
  /** Absolute. */
  readonly directory: string;
  readonly existing: 'refuse' | 'append' | 'overwrite';
  readonly onRewind: 'refuse' | 'remove';
}

/** @throws HoldfastError ERR_HOLDFAST_INTERNAL for a kind that this version does not know */
export function createCommitter(data: CommitterData): Committer {
  if (data.kind === 'rename') return new RenameCommitter(data as unknown as RenameCommitterData);
  throw new HoldfastError(
    'ERR_HOLDFAST_INTERNAL',
    `no committer of kind '${data.kind}' is known. Are two versions of Holdfast installed?`,
  );
}

/**
 * Two sinks of one job may not write to one target: their files would get the same names.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION that names both
 */
export function checkDistinctTargets(
  sinks: readonly { readonly id: string; readonly committer: CommitterData | undefined }[],
): void {
  const owners = new Map<string, string>();
  for (const { id, committer } of sinks) {
    if (committer === undefined || committer.kind !== 'rename') continue;
    const { directory } = committer as unknown as RenameCommitterData;
    const owner = owners.get(directory);
    if (owner !== undefined) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `the sinks '${owner}' and '${id}' both write to '${directory}'. Give each a folder of its own.`,
        { details: { sinks: [owner, id], directory } },
      );
    }
    owners.set(directory, id);
  }
}
