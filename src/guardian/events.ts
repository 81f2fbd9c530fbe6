/** The listeners of a guarded job. */

import { EventEmitter } from 'node:events';
import type { GuardedJobEvents } from './guarded-job.js';

export class GuardedEvents {
  readonly #events = new EventEmitter<GuardedJobEvents>();

  on<E extends keyof GuardedJobEvents>(
    event: E,
    listener: (...args: GuardedJobEvents[E]) => void,
  ): this {
    this.#events.on(event, listener as never);
    return this;
  }

  once<E extends keyof GuardedJobEvents>(
    event: E,
    listener: (...args: GuardedJobEvents[E]) => void,
  ): this {
    this.#events.once(event, listener as never);
    return this;
  }

  off<E extends keyof GuardedJobEvents>(
    event: E,
    listener: (...args: GuardedJobEvents[E]) => void,
  ): this {
    this.#events.off(event, listener as never);
    return this;
  }

  /**
   * An error that a listener throws is its process's to handle, as with every emitter; the guardian goes on.
   * @returns whether anybody listens
   */
  protected tell<E extends keyof GuardedJobEvents>(
    event: E,
    ...args: GuardedJobEvents[E]
  ): boolean {
    try {
      return this.#events.emit(event, ...(args as never));
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
      return true;
    }
  }
}
