/**
 * Asks that were open when the actors were dealt out to another number of nodes have other names since. Whoever keeps
 * such a name in a state or a message, to reply later, still says the one of then.
 *
 *  F1  A number is never used twice: asks made since then have greater ones on every node (`before`).
 *  F2  So a name of before means the ask that has another name now, or one that is settled: nobody waits for its answer.
 */

import type { AskAddress } from '../actor-context.js';
import { OUTSIDE } from '../placement.js';

export interface FormerAsk {
  readonly name: AskAddress;
  readonly now: AskAddress;
  /** When it is settled at the latest. */
  readonly dueMs: number;
}

/** Plain data. */
export interface FormerAsksImage {
  /** The greatest number of before. */
  readonly before: number;
  readonly asks: readonly FormerAsk[];
}

export class FormerAsks {
  #before = 0;
  readonly #asks = new Map<string, FormerAsk>();

  /** @returns the name that it has now; undefined: it is settled (F2) */
  nameOf(given: AskAddress): AskAddress | undefined {
    if (given.node === OUTSIDE || given.id > this.#before) return given;
    return this.#asks.get(nameOf(given))?.now;
  }

  /** Undefined: there are none. What must be settled by `now` is left out. */
  image(now: number): FormerAsksImage | undefined {
    if (this.#before === 0) return undefined;
    return {
      before: this.#before,
      asks: [...this.#asks.values()].filter(({ dueMs }) => dueMs > now),
    };
  }

  restore({ before, asks }: FormerAsksImage): void {
    this.#before = before;
    for (const ask of asks) this.#asks.set(nameOf(ask.name), ask);
  }
}

/** As a key. */
export function nameOf({ node, id }: AskAddress): string {
  return `${node}.${id}`;
}
