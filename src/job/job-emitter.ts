/** The job's events. What a listener throws is its process's to handle, as with any emitter; the job goes on. */

import { EventEmitter } from 'node:events';
import type { JobEvents } from './job-types.js';

export class JobEmitter extends EventEmitter<JobEvents> {
  tell<E extends keyof JobEvents>(event: E, ...args: JobEvents[E]): void {
    try {
      this.emit(event, ...(args as never));
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
}
