/**
 * How a thread that has nothing to do learns that there is something again.
 *
 * The consumer's control block has a word that says whether its thread sleeps. A producer that has
 * published something looks at the word (one atomic load); only when it says "asleep" does it pay
 * for a wake-up.
 *
 *  B1  A sleeper first says "asleep" and then looks at its inputs; a producer first publishes and then
 *      looks at the word. Both orders are sequentially consistent, so at least one of
 *      the two sees the other: no wake-up is lost.
 *  B2  At most one `Atomics.waitAsync` is pending per sleeper. `cancel` leaves it pending and the
 *      next `arm` uses it again, because only a notification can end a wait without a time limit.
 *  B3  A wake-up may be spurious; it is never missing while armed.
 *
 * A pending wait does not keep a thread alive, so the sleeper holds a ref'd handle of its own.
 */

import type { ControlBlock } from './control-block.js';

const AWAKE = 0;
const ASLEEP = 1;

/** Wakes the thread of this block if it sleeps. */
export function ringDoorbell(block: ControlBlock): void {
  const { words, doorbellIndex } = block;
  if (Atomics.load(words, doorbellIndex) === AWAKE) return;
  if (Atomics.exchange(words, doorbellIndex, AWAKE) === ASLEEP)
    Atomics.notify(words, doorbellIndex);
}

interface AsyncWait {
  readonly async: boolean;
  readonly value: string | Promise<string>;
}
type WaitAsync = (words: Int32Array, index: number, value: number) => AsyncWait;
const waitAsync = (Atomics as unknown as { readonly waitAsync: WaitAsync }).waitAsync;

/** The sleeping side. One per thread, made on the thread that the block belongs to. */
export class Sleeper {
  /** Called once per `arm`, on the event loop, when somebody rang; never after `cancel`. */
  onWake: () => void = () => {};
  readonly #words: Int32Array;
  readonly #index: number;
  #armed = false;
  #waiting = false;

  constructor(block: ControlBlock) {
    this.#words = block.words;
    this.#index = block.doorbellIndex;
    Atomics.store(this.#words, this.#index, AWAKE);
  }

  /** Says "asleep". The caller then looks at its inputs once more (B1), and cancels if one is ready. */
  arm(): void {
    this.#armed = true;
    Atomics.store(this.#words, this.#index, ASLEEP);
    if (this.#waiting) return;
    const wait = waitAsync(this.#words, this.#index, ASLEEP);
    if (wait.async) {
      this.#waiting = true;
      void (wait.value as Promise<string>).then(this.#rung);
    } else {
      // Somebody rang between the two lines above.
      queueMicrotask(this.#woken);
    }
  }

  /** Says "awake": `onWake` is not called for earlier rings. */
  cancel(): void {
    this.#armed = false;
    Atomics.store(this.#words, this.#index, AWAKE);
  }

  #rung = (): void => {
    this.#waiting = false;
    this.#woken();
  };

  #woken = (): void => {
    if (!this.#armed) return;
    this.#armed = false;
    // After `cancel` and `arm` an old ring may arrive while the word says "asleep" again (B3).
    Atomics.store(this.#words, this.#index, AWAKE);
    this.onWake();
  };
}
