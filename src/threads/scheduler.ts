/**
 * The turn of a slot: how one thread runs many tasklets and stays responsive.
 *
 *  T1  A turn lasts `turnMs` at most (plus one record). Between turns the event loop runs, and serves control
 *      calls, beats, timers and the user's promises.
 *  T2  Within a turn tasklets are served round robin in quanta, and each turn begins with another one, so that a
 *      busy producer cannot starve its consumer on the same thread.
 *  T3  When nothing moved, the thread sleeps on its event loop. It arms the doorbell first and then looks at the
 *      inputs once more, so that no wake-up is lost.
 *  T4  The only suspension point is the end of `#turn`.
 */

import { TIMER_MS_MAX } from '../base/option-checks.js';
import type { Tasklet } from './tasklet.js';

/** The doorbell as the scheduler sees it; see doorbell.ts. */
export interface Sleeper {
  arm(): void;
  cancel(): void;
  onWake: () => void;
}

export interface SchedulerOptions {
  readonly sleeper: Sleeper;
  /** Longest turn in ms. */
  readonly turnMs?: number;
  /** Longest uninterrupted run of one tasklet while others wait, in ms. */
  readonly quantumMs?: number;
}

export class Scheduler {
  readonly #sleeper: Sleeper;
  readonly #turnMs: number;
  readonly #quantumMs: number;
  #tasklets: Tasklet[] = [];
  #first = 0;
  /** `idle`: armed, nothing scheduled; `scheduled`: a turn is coming; `running`: inside a turn. */
  #state: 'idle' | 'scheduled' | 'running' = 'idle';
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SchedulerOptions) {
    this.#sleeper = options.sleeper;
    this.#turnMs = options.turnMs ?? 5;
    this.#quantumMs = options.quantumMs ?? 1;
    this.#sleeper.onWake = () => this.wake();
  }

  add(tasklet: Tasklet): void {
    this.#tasklets.push(tasklet);
    this.wake();
  }

  remove(tasklet: Tasklet): void {
    this.#tasklets = this.#tasklets.filter((other) => other !== tasklet);
    // What was due was theirs: a timer would keep the process from ending.
    if (this.#tasklets.length === 0) clearTimeout(this.#timer);
  }

  /** Asks for a turn soon. Cheap when one is coming anyway. */
  wake(): void {
    if (this.#state !== 'idle') return;
    this.#sleeper.cancel();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#schedule();
  }

  #schedule(): void {
    this.#state = 'scheduled';
    setImmediate(this.#turn);
  }

  #turn = (): void => {
    this.#state = 'running';
    const deadline = performance.now() + this.#turnMs;
    let moved = false;
    let anyMoved: boolean;
    do {
      anyMoved = this.#round(deadline);
      moved ||= anyMoved;
    } while (anyMoved && performance.now() < deadline);
    const due = this.#flush();
    if (moved || this.#anyRunnable()) {
      this.#schedule();
      return;
    }
    this.#sleep(due);
  };

  #round(deadline: number): boolean {
    const tasklets = this.#tasklets;
    const count = tasklets.length;
    let moved = false;
    this.#first = count === 0 ? 0 : (this.#first + 1) % count;
    for (let i = 0; i < count; i += 1) {
      const tasklet = tasklets[(this.#first + i) % count]!;
      const quantum =
        count === 1 ? deadline : Math.min(deadline, performance.now() + this.#quantumMs);
      try {
        if (tasklet.run(quantum)) moved = true;
      } catch (error) {
        this.#fail(tasklet, error);
      }
    }
    return moved;
  }

  /** Publishes what is due. @returns when the next is due */
  #flush(): number | undefined {
    const now = performance.now();
    let next: number | undefined;
    for (const tasklet of this.#tasklets) {
      try {
        const due = tasklet.flushDue(now);
        if (due !== undefined && (next === undefined || due < next)) next = due;
      } catch (error) {
        this.#fail(tasklet, error);
      }
    }
    return next;
  }

  #fail(tasklet: Tasklet, error: unknown): void {
    this.remove(tasklet);
    tasklet.broke(error);
  }

  #anyRunnable(): boolean {
    return this.#tasklets.some((tasklet) => tasklet.runnable);
  }

  #sleep(due: number | undefined): void {
    this.#sleeper.arm();
    if (this.#anyRunnable()) {
      this.#sleeper.cancel();
      this.#schedule();
      return;
    }
    this.#state = 'idle';
    if (due !== undefined) {
      // What is due in more than that is looked at on the way: a longer wait would be over at once.
      const waitMs = Math.min(Math.max(1, due - performance.now()), TIMER_MS_MAX);
      this.#timer = setTimeout(() => this.wake(), waitMs);
    }
  }
}
