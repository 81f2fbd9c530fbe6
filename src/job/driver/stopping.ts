/**
 * A stop on request: sources stop, a last checkpoint is taken and committed, the job ends.
 *
 *  - The stop outlives failures: when a region restarts meanwhile, its sources are stopped again (`apply`).
 *  - With `drain` the sources end instead of pausing. The ends travel through, windows fire, and the
 *    final checkpoint ends the job as if its input had been no longer.
 */

import { openSavepointTarget, type SavepointTarget } from '../../checkpoint/savepoint.js';
import type { CheckpointStore, Manifest } from '../../checkpoint/store.js';
import type { StreamPool } from '../../workloads/streams/stream-types.js';
import type { CheckpointDriver } from '../checkpoints/checkpoint-driver.js';
import { needsCheckpoints } from '../job-errors.js';

export interface StoppingOptions {
  readonly drain: boolean;
  /** Where to copy the last checkpoint. */
  readonly savepoint: SavepointTarget | undefined;
}

export interface StoppedWorld {
  readonly slots: StreamPool;
  readonly checkpoints: CheckpointDriver;
  readonly onStopped: () => void;
  readonly onFailed: (error: unknown) => void;
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, …_CHECKPOINT_DIRECTORY, …_CHECKPOINT_LOCKED */
export async function savepointTarget(
  store: CheckpointStore | undefined,
  directory: string,
): Promise<SavepointTarget> {
  if (store === undefined) throw needsCheckpoints('a savepoint');
  return await openSavepointTarget(directory);
}

export class Stopping {
  readonly drain: boolean;
  readonly #savepoint: SavepointTarget | undefined;
  /** Why there is no savepoint, though one was asked for. */
  #savepointError: unknown;

  constructor({ drain, savepoint }: StoppingOptions) {
    this.drain = drain;
    this.#savepoint = savepoint;
  }

  /** To be called when all tasks run, and whenever they run again. */
  apply({ slots, checkpoints, onStopped, onFailed }: StoppedWorld): void {
    void slots.askAll('stopSources', [this.drain]);
    if (this.drain) return;
    const { generation } = checkpoints;
    checkpoints.request('stop').then(
      // If it was the final checkpoint, that ends the job by itself. If its commit was interrupted, the restart
      // that makes up for the commit stops the sources again.
      (checkpoint) => {
        if (!checkpoints.isFinal && checkpoint <= checkpoints.committed) onStopped();
      },
      (error) => {
        // All input was processed before the stop came: only the commit has to be waited for.
        if (checkpoints.isFinal) return;
        // When a region has failed, a restart follows, and stops the sources again.
        if (checkpoints.generation === generation) onFailed(error);
      },
    );
  }

  /** To be called after the end. */
  checkSaved(): void {
    if (this.#savepointError !== undefined) throw this.#savepointError;
  }

  /** To be called at the end, while the store is open. Never rejects. */
  async save(store: CheckpointStore | undefined, latest: Manifest | undefined): Promise<void> {
    const target = this.#savepoint;
    if (target === undefined) return;
    try {
      if (store !== undefined && latest !== undefined) await target.write(store, latest);
    } catch (error) {
      this.#savepointError = error;
    } finally {
      await target.close().catch(() => {});
    }
  }
}
