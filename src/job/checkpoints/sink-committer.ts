/**
 * Makes sinks' staged output visible, once their checkpoint is complete.
 *
 * Sinks with `committer` data are committed here, in the main thread, so that no fenced thread can commit.
 * Sinks with a `commit` function of their own are asked through a worker. Both ways are idempotent, and
 * after a restart both are used again for what the restored manifest promised.
 */

import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import { messageOf } from '../../base/realm.js';
import type { ManifestTransaction } from '../../checkpoint/store.js';
import type { Committer } from '../../connectors/committer.js';
import { createCommitter } from '../../connectors/committers.js';
import type { GraphNodeData } from '../../stream/graph/graph.js';
import type { CommitterData, SinkTransaction } from '../../stream/sink.js';

export type CommitInWorker = (
  operator: string,
  checkpoint: number,
  transactions: readonly SinkTransaction[],
) => Promise<void>;

export type CreateCommitter = (data: CommitterData) => Committer;

export class SinkCommitter {
  readonly #committers = new Map<string, Committer>();
  readonly #inWorker: CommitInWorker;
  readonly #run: string;
  readonly #workerSinks: readonly string[];

  constructor(
    sinks: readonly GraphNodeData[],
    run: string,
    inWorker: CommitInWorker,
    create: CreateCommitter = createCommitter,
  ) {
    this.#run = run;
    this.#inWorker = inWorker;
    for (const sink of sinks) {
      if (sink.committer !== undefined) this.#committers.set(sink.id, create(sink.committer));
    }
    this.#workerSinks = sinks.filter((sink) => sink.commitsInWorker).map((sink) => sink.id);
  }

  /**
   * To be called before anything of a new epoch is written: commits what the restored checkpoint promised, drops
   * what was staged after it, and refuses a target that holds somebody else's output.
   * @param only the sinks concerned: others may have staged more since
   * @param beforeRemoval called before published output of newer checkpoints is removed
   */
  async recover(
    checkpoint: number | undefined,
    transactions: readonly ManifestTransaction[],
    only: readonly string[],
    beforeRemoval?: () => Promise<void>,
  ): Promise<void> {
    const concerned = [...this.#committers]
      .filter(([operator]) => only.includes(operator))
      .map(([operator, committer]) => {
        const own = ofOperator(transactions, operator);
        return {
          committer,
          state: { beforeRemoval, run: this.#run, checkpoint, transactions: own },
        };
      });
    // All are checked first: when one refuses, none has removed or published anything.
    for (const { committer, state } of concerned) await committer.check?.(state);
    for (const { committer, state } of concerned) await committer.recover(state);
  }

  /** The same for sinks that commit in a worker; needs a living worker. */
  async recoverInWorkers(
    checkpoint: number,
    transactions: readonly ManifestTransaction[],
  ): Promise<void> {
    await this.#commitInWorkers(checkpoint, transactions);
  }

  async commit(checkpoint: number, transactions: readonly ManifestTransaction[]): Promise<void> {
    for (const [operator, committer] of this.#committers) {
      const own = ofOperator(transactions, operator);
      if (own.length > 0) await committer.commit(checkpoint, own);
    }
    await this.#commitInWorkers(checkpoint, transactions);
  }

  async #commitInWorkers(
    checkpoint: number,
    transactions: readonly ManifestTransaction[],
  ): Promise<void> {
    for (const operator of this.#workerSinks) {
      const own = ofOperator(transactions, operator);
      if (own.length === 0) continue;
      try {
        await this.#inWorker(operator, checkpoint, own);
      } catch (error) {
        throw isInterrupted(error) ? error : commitError(operator, checkpoint, error);
      }
    }
  }
}

/** Has the thread died that was to commit? Its death is reported elsewhere, and the restart commits again. */
export function isInterrupted(error: unknown): boolean {
  return isHoldfastError(error, 'ERR_HOLDFAST_WORKER_DIED');
}

function commitError(operator: string, checkpoint: number, cause: unknown): HoldfastError {
  const problem = messageOf(cause);
  const hint = isHoldfastError(cause, 'ERR_HOLDFAST_CONTROL')
    ? ' A commit may take checkpoint.timeoutMs.'
    : '';
  return new HoldfastError(
    'ERR_HOLDFAST_SINK',
    `sink '${operator}' could not commit checkpoint ${checkpoint}: ${problem}.${hint} It is asked ` +
      'again after each restart, as long as the restart strategy allows.',
    { cause, details: { operator, checkpoint } },
  );
}

function ofOperator(
  transactions: readonly ManifestTransaction[],
  operator: string,
): readonly SinkTransaction[] {
  return transactions
    .filter((entry) => entry.operator === operator)
    .map((entry) => entry.transaction);
}
