/** Tells of events. What a listener throws is its process's to handle, as with any emitter; whoever tells goes on. */

import { EventEmitter } from 'node:events';

export class SafeEmitter<T extends Record<keyof T, unknown[]>> extends EventEmitter<T> {
  tell<E extends keyof T>(event: E, ...args: T[E]): void {
    try {
      this.emit(event as never, ...(args as never));
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
}
