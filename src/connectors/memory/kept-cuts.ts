/** What was cut for checkpoints that may still be given up. */

/** Only checkpoints in flight are given up, at most 8; one more is kept in case an abort is late. */
const CUTS_KEPT = 9;

interface Cut<T> {
  readonly checkpoint: number;
  readonly rows: readonly T[];
}

export class KeptCuts<T> {
  #cuts: readonly Cut<T>[] = [];

  /** Keeps what belongs to a checkpoint, and lets go of the oldest when there are too many. */
  add(checkpoint: number, rows: readonly T[]): void {
    this.#cuts = [...this.#cuts, { checkpoint, rows }].slice(-CUTS_KEPT);
  }

  /** Gives back what was kept for a checkpoint, and forgets it; undefined: it is not known, or no longer. */
  take(checkpoint: number): readonly T[] | undefined {
    const cut = this.#cuts.find((one) => one.checkpoint === checkpoint);
    this.#cuts = this.#cuts.filter((one) => one !== cut);
    return cut?.rows;
  }
}
