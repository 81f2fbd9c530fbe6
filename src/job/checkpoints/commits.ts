/**
 * Which checkpoint restarts go back to, and what of it is committed: the one owner of both.
 *
 *  C1  The manifest's durability is the commit point; sinks commit after it, in order of checkpoints.
 *  C3  Manifests are written, and sinks commit, one after the other. `settle` waits for those under way, so that
 *      nobody has to guess which checkpoint is the newest.
 *  C4  When the death of a thread interrupts its commit, the checkpoint is complete all the same, and the restart
 *      that follows makes up for the commit before anything else. Until then it is *owed*: no newer checkpoint
 *      completes, nor does one after a commit that failed. The restart would go back to the newer one, and nobody
 *      would commit what the older one had promised.
 */

import { HoldfastError } from '../../base/errors.js';
import { type Failure, toFailure } from '../../base/failure.js';
import { atPoint } from '../../base/protocol-points.js';
import type { CheckpointStore, Manifest, ManifestTransaction } from '../../checkpoint/store.js';
import { isInterrupted, type SinkCommitter } from './sink-committer.js';

export interface CommitsOptions {
  readonly store: CheckpointStore | undefined;
  readonly committer: Pick<SinkCommitter, 'commit' | 'recover' | 'recoverInWorkers'>;
  /** The checkpoint from which the run starts. */
  readonly from: Manifest | undefined;
}

export type Committed =
  | { readonly kind: 'committed' }
  /** The restart that follows commits (C4). */
  | { readonly kind: 'interrupted' }
  /** `isTold`: the death that interrupted it is reported by whoever watches the threads. */
  | { readonly kind: 'failed'; readonly failure: Failure; readonly isTold: boolean };

export class Commits {
  readonly #given: CommitsOptions;
  #latest: Manifest | undefined;
  #committed = 0;
  /** The checkpoint whose commit a restart has to make up for (C4). */
  #owed: number | undefined;
  #isFinal = false;
  #turns: Promise<void> = Promise.resolve();

  constructor(given: CommitsOptions) {
    this.#given = given;
    this.#latest = given.from;
  }

  /** The newest durable checkpoint: restarts go back to it. */
  get latest(): Manifest | undefined {
    return this.#latest;
  }

  /** The final checkpoint is durable, and its commit has not failed. */
  get isFinal(): boolean {
    return this.#isFinal;
  }

  /** Its commit was not interrupted, or one of a later checkpoint was not. */
  isCommitted(checkpoint: number): boolean {
    return checkpoint <= this.#committed;
  }

  /** Waits until it is certain which checkpoint is the newest (C3). */
  async settle(): Promise<void> {
    let turns: Promise<void>;
    do {
      turns = this.#turns;
      await turns;
    } while (turns !== this.#turns);
  }

  /** Runs `act` after the manifests and commits before it; those that come later wait for it. */
  async inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turns.then(act);
    this.#turns = done.then(
      () => {},
      () => {},
    );
    return await done;
  }

  /** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_FAILED while a commit is owed (C4) */
  requireNoneOwed(checkpoint: number): void {
    if (this.#owed !== undefined) throw owedError(checkpoint, this.#owed);
  }

  /** A manifest is written. Without a store there is nothing that a restart could go back to. */
  written(manifest: Manifest, isFinal: boolean): void {
    if (this.#given.store !== undefined) this.#latest = manifest;
    if (isFinal) this.#isFinal = true;
  }

  /** Has sinks publish what the checkpoint promised. To be called in turn (C1). */
  async commit(
    checkpoint: number,
    transactions: readonly ManifestTransaction[],
  ): Promise<Committed> {
    const { committer, store } = this.#given;
    try {
      await atPoint('checkpoint:commit', () => committer.commit(checkpoint, transactions));
    } catch (error) {
      this.#owed = checkpoint;
      const isTold = isInterrupted(error);
      if (isTold && store !== undefined) return { kind: 'interrupted' };
      // Without a store no restart can make up for the commit: everything is to be done again.
      this.#isFinal = false;
      return { kind: 'failed', failure: toFailure(error, 'sink'), isTold };
    }
    this.#committed = checkpoint;
    return { kind: 'committed' };
  }

  /**
   * Before anything of a new epoch is staged: commits what the checkpoint promised, and drops what was staged later.
   * @param operators the sinks concerned
   * @param beforeRemoval called before published output of newer checkpoints is removed
   */
  async recover(
    manifest: Manifest | undefined,
    operators: readonly string[],
    beforeRemoval?: () => Promise<void>,
  ): Promise<void> {
    const { committer } = this.#given;
    const transactions = manifest?.transactions ?? [];
    await committer.recover(manifest?.checkpoint, transactions, operators, beforeRemoval);
  }

  /**
   * The same for sinks that commit in a worker, of all regions: the death of another region's thread may have cut a
   * commit off. From here on nothing is owed.
   */
  async recoverInWorkers(manifest: Manifest | undefined): Promise<void> {
    await this.inTurn(async () => {
      if (manifest !== undefined) {
        const { checkpoint, transactions } = manifest;
        await this.#given.committer.recoverInWorkers(checkpoint, transactions);
      }
      this.#owed = undefined;
    });
  }

  /** All tasks run again: what was final is not any more. */
  restarted(): void {
    this.#isFinal = false;
  }
}

function owedError(checkpoint: number, owed: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_FAILED',
    `checkpoint ${checkpoint} was given up: the commit of checkpoint ${owed} was cut off or failed, and ` +
      'the restart that follows makes up for that one first. Ask again when the job runs.',
    { details: { checkpoint, owed } },
  );
}
