/** What the handles of all kinds of state have in common: a slot of the current key, copies, and `ttlMs`. */

import { HoldfastError } from '../../base/errors.js';
import type { RecordKeeper } from '../../channels/record-keeper.js';
import type { TtlTime } from '../api/state-specs.js';
import type { KeyedState } from './keyed-state.js';

/** What is kept where states expire: from that time on (ms) it is gone. */
export type Expiring = readonly [atMs: number, kept: unknown];

export interface Place {
  readonly state: KeyedState;
  readonly slot: number;
  readonly keeper: RecordKeeper;
  readonly ttlMs: number | undefined;
  /** It expires by the clock, and not by event time. */
  readonly byClock: boolean;
}

export abstract class Handle {
  protected readonly state: KeyedState;
  protected readonly slot: number;
  protected readonly keeper: RecordKeeper;
  readonly #ttlMs: number | undefined;
  readonly #byClock: boolean;
  readonly expires: boolean;

  constructor({ state, slot, keeper, ttlMs, byClock }: Place) {
    this.state = state;
    this.slot = slot;
    this.keeper = keeper;
    this.#ttlMs = ttlMs;
    this.#byClock = byClock;
    this.expires = ttlMs !== undefined;
  }

  clear(): void {
    if (this.state.read(this.slot) === undefined) return;
    this.put(undefined);
    this.state.emptied();
  }

  /** What the state holds, as a value, a list or a map: for people. A copy. */
  abstract shown(): unknown;

  /** Clears where nothing is undone. */
  protected free(): void {
    this.state.write(this.slot, undefined);
    this.state.emptied();
  }

  /** Undefined: it does not expire. */
  get ttlTime(): TtlTime | undefined {
    if (this.#ttlMs === undefined) return undefined;
    return this.#byClock ? 'processing' : 'event';
  }

  /**
   * Takes out what is gone at that time. Nothing of that is ever undone.
   * @returns when something is gone next; +Infinity for never
   */
  abstract purge(nowMs: number): number;

  /** What state keeps of a value. @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE */
  protected kept(value: unknown): unknown {
    const kept = this.keeper.keep(value);
    this.state.keeps(kept);
    return this.dated(kept);
  }

  protected dated(kept: unknown): unknown {
    if (this.#ttlMs === undefined) return kept;
    const { state } = this;
    if (this.#byClock) {
      const atMs = state.clockMs + this.#ttlMs;
      state.expiresByClock?.(atMs);
      return [atMs, kept] satisfies Expiring;
    }
    const atMs = timed(state.timeMs) + this.#ttlMs;
    state.expires?.(atMs);
    return [atMs, kept] satisfies Expiring;
  }

  /** Is there anything, which has not expired? */
  protected isThere(content: unknown): boolean {
    if (content === undefined || this.#ttlMs === undefined) return content !== undefined;
    const [atMs] = content as Expiring;
    return atMs > (this.#byClock ? this.state.clockMs : timed(this.state.nowMs));
  }

  /** What was kept, of content that is there. */
  protected undated(content: unknown): unknown {
    return this.#ttlMs === undefined ? content : (content as Expiring)[1];
  }

  /** Exchanges the content of the slot. */
  protected put(content: unknown): void {
    const { state, slot } = this;
    if (state.undoes) this.#noteBefore();
    state.write(slot, content);
  }

  #noteBefore(): void {
    const { state, slot } = this;
    const before = state.read(slot);
    state.note(() => state.write(slot, before));
  }
}

function timed(timeMs: number): number {
  if (timeMs > Number.NEGATIVE_INFINITY) return timeMs;
  throw new HoldfastError(
    'ERR_HOLDFAST_NO_TIMESTAMP',
    'state with ttlMs was used without an event time, so nobody knows whether it has expired. Give ' +
      'records their times with .withTimestamps(…) before keyBy, or declare the state without ttlMs.',
  );
}
