/**
 * Asks that are open, each with a deadline: every ask is settled exactly once, by the answer, the end of the asked
 * actor, or its deadline. Plain data, but for who is called when an awaited one settles.
 *
 *  A1  What an async handler awaits is named by the run of its message and a number. When the message runs again,
 *      after a restore, its asks are recognised: nobody is asked twice, and the answer is kept until the run has ended.
 */

import type { Failure } from '../../base/failure.js';
import { type Deadline, DeadlineQueue } from '../../supervisor/deadline-queue.js';
import type { ActorRef } from '../actor-context.js';

export type AskOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: Failure };

/** Who wants the answer. */
export type Asker =
  /** Somebody outside the node. */
  | { readonly kind: 'outside'; readonly token: number }
  /** A handler of an actor. */
  | {
      readonly kind: 'reply';
      readonly ref: ActorRef;
      readonly handler: string;
      readonly tag: unknown;
    }
  /** An async handler of an actor (A1). */
  | { readonly kind: 'await'; readonly ref: ActorRef; readonly run: number; readonly n: number };

export interface OpenAsk {
  readonly id: number;
  readonly asker: Asker;
  readonly to: ActorRef;
  readonly handler: string;
  readonly timeoutMs: number;
  readonly dueMs: number;
}

interface Entry {
  readonly ask: OpenAsk;
  readonly deadline: Deadline<number> | undefined;
  /** Only of an awaited one. */
  outcome: AskOutcome | undefined;
  settled: ((outcome: AskOutcome) => void) | undefined;
}

export interface AskImage extends OpenAsk {
  readonly outcome?: AskOutcome | undefined;
}

export class AskTable {
  readonly #entries = new Map<number, Entry>();
  readonly #deadlines = new DeadlineQueue<number>();
  /** `run.n` of awaited asks → id. */
  readonly #awaited = new Map<string, number>();
  #lastId = 0;

  get size(): number {
    return this.#entries.size;
  }

  open(ask: Omit<OpenAsk, 'id'>): number {
    this.#lastId += 1;
    this.#add({ ...ask, id: this.#lastId }, undefined);
    return this.#lastId;
  }

  /** The awaited ask of that run and number, if it has been asked before (A1). */
  known(run: number, n: number, to: ActorRef, handler: string): number | undefined {
    const id = this.#awaited.get(`${run}.${n}`);
    if (id === undefined) return undefined;
    const { ask } = this.#entries.get(id)!;
    if (ask.to.path === to.path && ask.handler === handler) return id;
    this.forget(id); // The run takes another course this time.
    return undefined;
  }

  /** Calls `settled` once, at once when the outcome is there already. */
  whenSettled(id: number, settled: (outcome: AskOutcome) => void): void {
    const entry = this.#entries.get(id)!;
    if (entry.outcome !== undefined) settled(entry.outcome);
    else entry.settled = settled;
  }

  /**
   * Takes the outcome.
   * @returns the ask, for its asker to be told; undefined when nobody waits (any more), or an async handler was told
   */
  settle(id: number, outcome: AskOutcome): OpenAsk | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.outcome !== undefined) return undefined;
    if (entry.deadline !== undefined) this.#deadlines.remove(entry.deadline);
    if (entry.ask.asker.kind === 'await') {
      entry.outcome = outcome;
      entry.settled?.(outcome);
      entry.settled = undefined;
      return undefined;
    }
    this.#entries.delete(id);
    return entry.ask;
  }

  isOpen(id: number): boolean {
    const entry = this.#entries.get(id);
    return entry !== undefined && entry.outcome === undefined;
  }

  /** The run has ended, or will not be: what it has asked is forgotten. */
  ended(run: number): void {
    for (let n = 1; ; n += 1) {
      const name = `${run}.${n}`;
      const id = this.#awaited.get(name);
      if (id === undefined) return;
      this.#awaited.delete(name);
      this.#remove(id);
    }
  }

  /** The asker is no more, or has a new life: its ask is forgotten. */
  forget(id: number): void {
    const asker = this.#entries.get(id)?.ask.asker;
    if (asker?.kind === 'await') this.#awaited.delete(`${asker.run}.${asker.n}`);
    this.#remove(id);
  }

  nextDeadline(): number | undefined {
    return this.#deadlines.earliestMs();
  }

  /** An ask whose time is over. */
  takeDue(now: number): OpenAsk | undefined {
    const id = this.#deadlines.takeDue(now);
    return id === undefined ? undefined : this.#entries.get(id)?.ask;
  }

  image(): { readonly lastId: number; readonly asks: readonly AskImage[] } {
    const asks = Array.from(this.#entries.values(), ({ ask, outcome }) =>
      outcome === undefined ? ask : { ...ask, outcome },
    );
    return { lastId: this.#lastId, asks };
  }

  restore({ lastId, asks }: { readonly lastId: number; readonly asks: readonly AskImage[] }): void {
    this.#lastId = lastId;
    for (const { outcome, ...ask } of asks) this.#add(ask, outcome);
  }

  #add(ask: OpenAsk, outcome: AskOutcome | undefined): void {
    const deadline = outcome === undefined ? this.#deadlines.add(ask.dueMs, ask.id) : undefined;
    this.#entries.set(ask.id, { ask, deadline, outcome, settled: undefined });
    if (ask.asker.kind === 'await') {
      this.#awaited.set(`${ask.asker.run}.${ask.asker.n}`, ask.id);
    }
  }

  #remove(id: number): void {
    const entry = this.#entries.get(id);
    if (entry?.deadline !== undefined) this.#deadlines.remove(entry.deadline);
    this.#entries.delete(id);
  }
}
