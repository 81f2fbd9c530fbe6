/**
 * Knows of large maps that their entries stand in the order in which they expire. So of a map to which entries are
 * added as time goes on only those are looked at that have expired, however many are still there.
 *
 * That is found by walking through the map once, and kept in memory only: after a restore it is found again. Entries
 * that go leave the others in order.
 */

import type { Expiring } from './handle.js';

type Entries = ReadonlyMap<unknown, unknown>;

/** Smaller ones are walked through each time. */
const SIZE_MIN = 64;

export class ExpiryOrder {
  /** When the last entry expires, or one that stood behind it; in ms. */
  readonly #lasts = new WeakMap<Entries, { ms: number }>();

  /** Are they known to be in order? */
  has(entries: Entries): boolean {
    return this.#lasts.has(entries);
  }

  /** They were found to be in order. @param lastMs when the last one expires */
  found(entries: Entries, lastMs: number): void {
    if (entries.size >= SIZE_MIN) this.#lasts.set(entries, { ms: lastMs });
  }

  /** An entry comes behind all others. */
  added(entries: Entries, [atMs]: Expiring): void {
    const last = this.#lasts.get(entries);
    if (last === undefined) return;
    if (atMs >= last.ms) last.ms = atMs;
    else this.#lasts.delete(entries);
  }

  /** An entry stays where it is, and may expire at another time. */
  replaced(entries: Entries, [beforeMs]: Expiring, [atMs]: Expiring): void {
    if (atMs !== beforeMs) this.#lasts.delete(entries);
  }
}
