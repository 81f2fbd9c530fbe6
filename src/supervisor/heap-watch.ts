/**
 * Is a thread about to run out of heap? Judged from what its beats say, beat by beat.
 *
 * The heap in use also holds garbage: between two collections it rises, and a collection takes it down to what is
 * really kept. So it says little when a share of the limit is reached once. When several beats in a row did not fall
 * below a share, that much is kept memory, or the heap is collected in vain. So the *floor* is judged: the lowest
 * share of the last `FLOOR_BEATS` beats.
 *
 *   quiet ── floor ≥ reportAt ──▶ reported ── floor ≥ restartAt, W3…W5 ──▶ restarting
 *     ▲                              │
 *     └── all of the last beats below reportAt − RELIEF ──┘
 *
 *  W1  `report` is said once in an episode. An episode ends with relief, or with the thread.
 *  W2  Only a working thread is judged: before it is deployed, or while it restores, a full heap is no pressure.
 *  W3  A restart is ordered only where it gives something back: when the same thread has worked with
 *      `GAIN` less than `restartAt`. State that fills the heap would come back with the checkpoint,
 *      and the thread would be restarted for ever.
 *  W4  One restart at a time over all slots: from `restart` until `restartEnded`.
 *  W5  A restart that may not be made now (the job is restarting or ending) is ordered when it may, if the
 *      pressure is still there.
 */

export interface HeapWatchOptions {
  /** Share of the limit, 0…1, at which pressure is reported. */
  readonly reportAt: number;
  /** Share at which a restart is ordered, not below `reportAt`; undefined: never. */
  readonly restartAt?: number | undefined;
}

/** One beat of a slot's thread. */
export interface HeapSample {
  readonly slot: number;
  /** Incarnation of the slot's thread; another one begins anew. */
  readonly incarnation: number;
  readonly usedBytes: number;
  /** 0 when not known: then nothing is judged. */
  readonly limitBytes: number;
  /** The thread's tasks run. */
  readonly working: boolean;
  /** The job is in a state in which a thread can be restarted. */
  readonly mayRestart: boolean;
}

export type HeapVerdict = 'none' | 'report' | 'restart';

/** Shares that are compared with a limit have to differ by more than chance makes them differ. */
export const HEAP_SHARE_MIN = 0.2;

const FLOOR_BEATS = 3;
const RELIEF = 0.05;
const GAIN = 0.1;

interface Episode {
  readonly incarnation: number;
  /** The last shares, newest last, `FLOOR_BEATS` at most. */
  readonly last: number[];
  lowest: number;
  isReported: boolean;
}

export class HeapWatch {
  readonly #reportAt: number;
  readonly #restartAt: number;
  readonly #slots = new Map<number, Episode>();
  #restarting = false;

  constructor({ reportAt, restartAt }: HeapWatchOptions) {
    this.#reportAt = reportAt;
    this.#restartAt = restartAt ?? Number.POSITIVE_INFINITY;
  }

  observe(sample: HeapSample): HeapVerdict {
    const { slot, incarnation, usedBytes, limitBytes, working, mayRestart } = sample;
    if (!working || limitBytes <= 0) {
      this.#slots.delete(slot); // W2
      return 'none';
    }
    const episode = this.#episode(slot, incarnation);
    const { last } = episode;
    last.push(usedBytes / limitBytes);
    if (last.length > FLOOR_BEATS) last.shift();
    episode.lowest = Math.min(episode.lowest, last.at(-1)!);
    if (last.length < FLOOR_BEATS) return 'none';
    if (Math.max(...last) < this.#reportAt - RELIEF) episode.isReported = false; // W1
    const floor = Math.min(...last);
    if (floor < this.#reportAt) return 'none';
    const helps = episode.lowest <= this.#restartAt - GAIN; // W3
    if (floor >= this.#restartAt && helps && mayRestart && !this.#restarting) {
      this.#restarting = true; // W4
      episode.isReported = true;
      return 'restart';
    }
    if (episode.isReported) return 'none';
    episode.isReported = true;
    return 'report';
  }

  /** The thread is ended, or it was decided not to end it: the next restart may be ordered. */
  restartEnded(): void {
    this.#restarting = false;
  }

  #episode(slot: number, incarnation: number): Episode {
    const known = this.#slots.get(slot);
    if (known?.incarnation === incarnation) return known;
    const episode = { incarnation, last: [], lowest: Number.POSITIVE_INFINITY, isReported: false };
    this.#slots.set(slot, episode);
    return episode;
  }
}
