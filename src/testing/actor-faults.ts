/** Has handlers throw when a test says so. */

import { types } from 'node:util';
import type { ActorContext } from '../actors/actor-context.js';
import type { AnyDefinition } from '../actors/actor-definition.js';
import type { Handler } from '../actors/node/actor-kind.js';

export class ActorFaults {
  /** By path, in the order in which they are to be thrown. */
  readonly #due = new Map<string, unknown[]>();

  /** The next message of that actor throws this in the place of its handler; one more for each call. */
  throwNext(path: string, error: unknown): void {
    const due = this.#due.get(path);
    if (due === undefined) this.#due.set(path, [error]);
    else due.push(error);
  }

  /** The same definition, whose handlers throw what is due. An async handler stays one. */
  within(definition: AnyDefinition): AnyDefinition {
    const handlers = Object.entries(definition.handlers as Record<string, Handler>).map(
      ([name, handler]) => [name, this.#faulty(handler)],
    );
    return Object.freeze({ ...definition, handlers: Object.fromEntries(handlers) });
  }

  #faulty(handler: Handler): Handler {
    if (types.isAsyncFunction(handler)) {
      return async (state, message, ctx) => {
        this.#check(ctx);
        return await handler(state, message, ctx);
      };
    }
    return (state, message, ctx) => {
      this.#check(ctx);
      return handler(state, message, ctx);
    };
  }

  #check({ self }: ActorContext): void {
    const due = this.#due.get(self.path);
    if (due === undefined) return;
    const error = due.shift();
    if (due.length === 0) this.#due.delete(self.path);
    throw error;
  }
}
