/** The savepoint with which a stop on request may end, and why there is none. */

import { openSavepointTarget, type SavepointTarget } from '../../checkpoint/savepoint.js';
import type { CheckpointStore, Manifest } from '../../checkpoint/store.js';
import { needsCheckpoints } from '../job-errors.js';

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, …_CHECKPOINT_DIRECTORY, …_CHECKPOINT_LOCKED */
export async function savepointTarget(
  store: CheckpointStore | undefined,
  directory: string,
): Promise<SavepointTarget> {
  if (store === undefined) throw needsCheckpoints('a savepoint');
  return await openSavepointTarget(directory);
}

export class LastSavepoint {
  readonly #target: SavepointTarget;
  /** Why there is no savepoint, though one was asked for. */
  #error: unknown;

  constructor(target: SavepointTarget) {
    this.#target = target;
  }

  /** To be called after the end. */
  checkSaved(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** To be called at the end, while the store is open. Never rejects. */
  async save(store: CheckpointStore | undefined, latest: Manifest | undefined): Promise<void> {
    try {
      if (store !== undefined && latest !== undefined) await this.#target.write(store, latest);
    } catch (error) {
      this.#error = error;
    } finally {
      await this.#target.close().catch(() => {});
    }
  }
}
