/**
 * What a state table has to write so that a snapshot may build on an earlier one.
 *
 *     ── floor ─────────── pending ─────────── now ──▶
 *            changes of pending    changes since
 *
 *  G1  `floor` is a cut whose checkpoint is complete: storage holds the table's content as of then. `pending`
 *      is the newest cut; whether its checkpoint completes is known here only when somebody says so.
 *  G2  The changes of `pending` are all changes since `floor`, not only those since the cut before. So when a
 *      checkpoint was given up, declined or failed, its changes are in the next one, and nobody has to say that
 *      it was: nothing is forgotten until its completion is told.
 *  G3  A snapshot builds only on a base that is `floor` or `pending`. The word that a checkpoint is complete
 *      comes with the order to take the next one (I6), so in practice every base is one of the two. With any
 *      other base, after a restore for instance or when a cut that came in between was given up, the snapshot
 *      holds everything.
 *  G4  A table may refuse to keep so many changes. Then `floor` is forgotten, and the next snapshot holds
 *      everything. Without a floor nothing is kept.
 *  G5  A snapshot that holds everything is a cut like any other: if it does not complete, the next one
 *      may still build on `floor`.
 */

interface Cut<M> {
  readonly checkpoint: number;
  /** Where the table was then, in its own terms. */
  readonly mark: M;
}

export interface NewCut<C, M> extends Cut<M> {
  /** The newest completed checkpoint; undefined to build on nothing. */
  readonly base: number | undefined;
  /** Changes since the last cut. */
  readonly changes: C;
}

/** @template C a set of changes. @template M a place in the table's history. */
export class ChangeLog<C, M> {
  readonly #merge: (older: C, newer: C) => C | undefined;
  #floor: Cut<M> | undefined;
  #pending: (Cut<M> & { readonly changes: C }) | undefined;

  /** @param merge gives undefined when the two together are too much to be kept (G4) */
  constructor(merge: (older: C, newer: C) => C | undefined) {
    this.#merge = merge;
  }

  /** The table holds exactly what is in that checkpoint. */
  restored(checkpoint: number, mark: M): void {
    this.#floor = { checkpoint, mark };
    this.#pending = undefined;
  }

  /**
   * Notes a cut.
   * @returns all changes since `base`, and where the table was then; undefined when that is not known
   */
  cut({ checkpoint, mark, base, changes }: NewCut<C, M>): { changes: C; since: M } | undefined {
    const pending = this.#pending;
    let since = changes;
    if (pending !== undefined && base === pending.checkpoint) {
      this.#floor = pending;
    } else if (pending !== undefined && this.#floor !== undefined) {
      const merged = this.#merge(pending.changes, changes);
      if (merged === undefined) this.#floor = undefined;
      else since = merged;
    }
    this.#pending = { checkpoint, mark, changes: since };
    const floor = this.#floor;
    if (floor === undefined || base !== floor.checkpoint) return undefined;
    return { changes: since, since: floor.mark };
  }
}
