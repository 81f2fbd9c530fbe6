/**
 * `map()` state: the slot of a key holds a Map.
 *
 *  P1  Within a callback it is one Map that is changed in place, also while it is empty and the slot is undefined
 *      (keyed-state.ts, S1). So an iterator sees changes as that of a plain Map does.
 *  P2  Where failures are put aside, a copy is made before the first entry goes within a callback: an entry that has
 *      gone cannot be put back to its place. Undoing restores the Map itself, since other notes are of it, too.
 */

import { HoldfastError } from '../../base/errors.js';
import { describeValue } from '../api/callbacks.js';
import type { MapState, MapStateKey } from '../api/state-specs.js';
import { detachedKey } from './detached.js';
import { ExpiryOrder } from './expiry-order.js';
import { type Expiring, Handle } from './handle.js';
import { outsideCallback } from './keyed-state.js';

type Entries = Map<MapStateKey, unknown>;

export class MapHandle extends Handle implements MapState<MapStateKey, unknown> {
  readonly #order = new ExpiryOrder();
  /** The Map of a slot that was undefined in the callback of that number (P1). */
  #blank: Entries = new Map();
  #blankIn = 0;
  /** Number of the callback in which the last copy was made (P2). */
  #savedIn = 0;

  get(key: MapStateKey): unknown {
    const content = this.#entries()?.get(key);
    return this.isThere(content) ? this.keeper.keep(this.undated(content)) : undefined;
  }

  has(key: MapStateKey): boolean {
    const entries = this.#entries();
    return entries?.has(key) === true && (!this.expires || this.isThere(entries.get(key)));
  }

  set(key: MapStateKey, value: unknown): void {
    requireKey(key);
    const { state } = this;
    const kept = this.kept(value);
    // Whether what has expired was freed already makes no difference: the key comes last.
    if (this.expires && !this.has(key)) this.#remove(key);
    const entries = this.#entries();
    if (entries === undefined) {
      const blank = this.#blankEntries();
      blank.set(detachedKey(key) as MapStateKey, kept);
      this.put(blank);
      return;
    }
    state.change();
    if (!entries.has(key)) {
      if (this.expires) this.#order.added(entries, kept as Expiring);
      entries.set(detachedKey(key) as MapStateKey, kept);
      if (state.undoes) state.note(() => entries.delete(key));
      return;
    }
    const before = entries.get(key);
    if (this.expires) this.#order.replaced(entries, before as Expiring, kept as Expiring);
    if (state.undoes) state.note(() => entries.set(key, before));
    entries.set(key, kept);
  }

  delete(key: MapStateKey): boolean {
    const wasThere = this.has(key);
    this.#remove(key);
    return wasThere;
  }

  override clear(): void {
    const entries = this.#entries();
    if (entries === undefined) return;
    this.#save(entries);
    entries.clear();
    this.#emptied(entries);
  }

  purge(nowMs: number): number {
    const entries = this.#entries();
    if (entries === undefined) return Number.POSITIVE_INFINITY;
    const wasOrdered = this.#order.has(entries);
    let leastMs = Number.POSITIVE_INFINITY;
    let lastMs = Number.NEGATIVE_INFINITY;
    let isOrdered = true;
    this.state.change();
    for (const [key, content] of entries) {
      const [atMs] = content as Expiring;
      if (atMs <= nowMs) {
        entries.delete(key);
        continue;
      }
      if (wasOrdered) return atMs;
      leastMs = Math.min(leastMs, atMs);
      isOrdered &&= atMs >= lastMs;
      lastMs = atMs;
    }
    if (entries.size === 0) this.free();
    else if (isOrdered) this.#order.found(entries, lastMs);
    return leastMs;
  }

  shown(): Entries {
    return new Map(this.entries());
  }

  entries(): IterableIterator<[MapStateKey, unknown]> {
    return this.#walk(this.#entries() ?? this.#blankEntries(), this.state.requireCallback());
  }

  *#walk(entries: Entries, callback: number): Generator<[MapStateKey, unknown]> {
    const { state } = this;
    for (const [key, value] of entries) {
      if (state.requireCallback() !== callback) throw outsideCallback();
      if (this.expires && !this.isThere(value)) continue;
      yield [key, this.keeper.keep(this.undated(value))];
    }
  }

  #remove(key: MapStateKey): void {
    const entries = this.#entries();
    if (entries?.has(key) !== true) return;
    this.#save(entries);
    entries.delete(key);
    if (entries.size === 0) this.#emptied(entries);
  }

  /** To be called before entries go (P2). */
  #save(entries: Entries): void {
    const { state, slot } = this;
    state.change();
    if (!state.undoes) return;
    const callback = state.requireCallback();
    if (this.#savedIn === callback) return;
    this.#savedIn = callback;
    const before = new Map(entries);
    state.note(() => {
      entries.clear();
      for (const [key, content] of before) entries.set(key, content);
      state.write(slot, entries);
    });
  }

  #emptied(entries: Entries): void {
    this.#blank = entries;
    this.#blankIn = this.state.requireCallback();
    this.free();
  }

  #blankEntries(): Entries {
    const callback = this.state.requireCallback();
    if (this.#blankIn !== callback) {
      this.#blank = new Map();
      this.#blankIn = callback;
    }
    return this.#blank;
  }

  #entries(): Entries | undefined {
    return this.state.read(this.slot) as Entries | undefined;
  }
}

function requireKey(key: unknown): void {
  switch (typeof key) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return;
    default:
      if (key === null) return;
      throw new HoldfastError(
        'ERR_HOLDFAST_UNSUPPORTED_KEY',
        `a key of map() state cannot be ${describeValue(key)}. It is a string, number, bigint, boolean or null.`,
      );
  }
}
