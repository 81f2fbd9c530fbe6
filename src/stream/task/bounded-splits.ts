/**
 * The bounded splits of a source task: which of them is read next, and which are open.
 *
 *  B1  Without event time they are read one after the other, in list order.
 *  B2  With event time the one that stands at the least time is read, so that as few windows are open at a
 *      time as the splits allow. For that it is found out first where each stands: from a bound that the source
 *      declares, from the snapshot, or by *touching* it: its first batch is read, the time of its first record
 *      found out (time-probe.ts), and nothing emitted. Nothing is read until all are touched. Where
 *      that does not tell, a split counts as the earliest of all, and is read until it speaks.
 *  B3  No more readers are open than `OpenReaders` allows. One that has to make room is closed at its position:
 *      of those at hand the one that stands furthest. Those to be read next are opened ahead.
 *  B4  A split is left after CHUNK_RECORDS records for one that stands at an earlier time; with more splits than
 *      may be open only at the end of a batch, for each return costs an opening.
 */

import { LeastFirst } from './least-first.js';
import type { ObservedSplits } from './observed-splits.js';
import type { OpenReaders } from './open-readers.js';
import type { SourceAlignment } from './source-alignment.js';
import type { SplitReader } from './split-reader.js';

const CHUNK_RECORDS = 64;
/** Splits that are touched at a time. */
const TOUCHES_MAX = 16;
/** Splits that are open to be read next, the one that is being read among them. */
const AHEAD = 3;

export interface BoundedSplitsOptions {
  readonly observers: ObservedSplits;
  readonly open: OpenReaders;
  readonly alignment: SourceAlignment | undefined;
  /** A split has come to its end. */
  readonly ended: (reader: SplitReader) => void;
}

export class BoundedSplits {
  readonly #given: BoundedSplitsOptions;
  readonly #isTimed: boolean;
  readonly #touchesMax: number;
  /** To be touched, from `#touchedTo` on. */
  readonly #untouched: SplitReader[] = [];
  #touchedTo = 0;
  readonly #touching = new Set<SplitReader>();
  readonly #order: LeastFirst<SplitReader>;
  /** Taken out of the order: the next ones, the least first. */
  #ahead: SplitReader[] = [];
  /** Open, and back in the order. */
  readonly #spare = new Set<SplitReader>();

  constructor(given: BoundedSplitsOptions) {
    this.#given = given;
    const { observers, open } = given;
    this.#isTimed = observers.areTimed;
    this.#touchesMax = Math.min(TOUCHES_MAX, open.max);
    this.#order = new LeastFirst((reader) => this.#timeOf(reader));
  }

  add(readers: readonly SplitReader[]): void {
    const { observers } = this.#given;
    const isMany = readers.length + this.count > 1;
    for (const reader of readers) {
      if (!this.#isTimed || !isMany || observers.isKnown(reader.index)) this.#order.add(reader);
      else this.#untouched.push(reader);
    }
  }

  /** Those that have not ended. */
  get count(): number {
    const untouched = this.#untouched.length - this.#touchedTo;
    return untouched + this.#touching.size + this.#order.size + this.#ahead.length;
  }

  /** Does whatever needs no waiting. True when anything was done. */
  advance(): boolean {
    const moved = this.#touch();
    if (this.#touchedTo < this.#untouched.length || this.#touching.size > 0) return moved;
    return this.#read() || moved;
  }

  /** The one whose batch is to be emitted now. @throws what went wrong with it */
  get next(): SplitReader | undefined {
    const first = this.#ahead[0];
    if (first === undefined) return undefined;
    first.check();
    if (first.kind !== 'holding') return undefined;
    const { alignment } = this.#given;
    if (!this.#isTimed || alignment === undefined) return first;
    return alignment.mayRead(this.#timeOf(first)) ? first : undefined;
  }

  /** How many records of a batch may be emitted before `next` is asked again (B4). */
  get chunkRecords(): number {
    const { count } = this;
    const isWhole = !this.#isTimed || count === 1 || count > this.#given.open.max;
    return isWhole ? Number.POSITIVE_INFINITY : CHUNK_RECORDS;
  }

  #timeOf(reader: SplitReader): number {
    return this.#isTimed ? this.#given.observers.ownMs(reader.index) : 0;
  }

  #touch(): boolean {
    let moved = false;
    for (const reader of this.#touching) {
      if (reader.kind === 'holding') this.#touched(reader);
      else if (reader.kind === 'failed') {
        this.#touching.delete(reader);
        this.#order.add(reader);
      } else if (reader.kind === 'ended') {
        this.#touching.delete(reader);
        this.#given.ended(reader);
      } else if (!reader.advance()) continue;
      moved = true;
    }
    while (this.#touching.size < this.#touchesMax && this.#given.open.isFree) {
      const reader = this.#untouched[this.#touchedTo];
      if (reader === undefined) break;
      this.#touchedTo += 1;
      this.#touching.add(reader);
      reader.advance();
      moved = true;
    }
    return moved;
  }

  #touched(reader: SplitReader): void {
    const { observers, open } = this.#given;
    observers.touch(reader.index, reader.batch!);
    this.#touching.delete(reader);
    this.#order.add(reader);
    if (open.count > open.max - this.#touchesMax) reader.rest();
    else this.#spare.add(reader);
  }

  #read(): boolean {
    let moved = false;
    for (const reader of this.#ahead) {
      if (reader.kind !== 'ended') continue;
      moved = true;
      this.#given.ended(reader);
    }
    if (moved) this.#ahead = this.#ahead.filter(({ kind }) => kind !== 'ended');
    this.#choose();
    this.#tellBound();
    for (const [place, reader] of this.#ahead.entries()) {
      if (reader.kind === 'closed' && !this.#makeRoom(place === 0)) continue;
      if (reader.advance()) moved = true;
    }
    return moved;
  }

  /** The least of all are ahead, in order. */
  #choose(): void {
    const ahead = this.#ahead;
    const most = this.#isTimed ? Math.min(AHEAD, this.#given.open.max) : 1;
    while (ahead.length < most) {
      const reader = this.#order.take();
      if (reader === undefined) break;
      this.#spare.delete(reader);
      ahead.push(reader);
    }
    if (!this.#isTimed || ahead.length === 0) return;
    this.#sort();
    for (;;) {
      const least = this.#order.least();
      const last = ahead.at(-1)!;
      if (least === undefined || this.#timeOf(least) >= this.#timeOf(last)) return;
      this.#order.take();
      this.#spare.delete(least);
      ahead[ahead.length - 1] = least;
      this.#order.add(last);
      if (last.isOpen) this.#spare.add(last);
      this.#sort();
    }
  }

  #sort(): void {
    this.#ahead.sort((a, b) => this.#timeOf(a) - this.#timeOf(b) || a.index - b.index);
  }

  /** Others may read as far as the one stands that comes after the one that is being read (A1 of the alignment). */
  #tellBound(): void {
    const { alignment } = this.#given;
    if (alignment === undefined) return;
    const second = this.#ahead[1] ?? this.#order.least();
    alignment.tellBound(
      !this.#isTimed || second === undefined ? Number.POSITIVE_INFINITY : this.#timeOf(second),
    );
  }

  /** @param isFirst it is to be read now: if nobody can make room it is opened all the same */
  #makeRoom(isFirst: boolean): boolean {
    const { open } = this.#given;
    if (open.isFree) return true;
    let furthest: SplitReader | undefined;
    for (const reader of this.#spare) {
      if (reader.kind !== 'holding' && reader.kind !== 'ready') continue;
      if (furthest === undefined || this.#timeOf(reader) > this.#timeOf(furthest))
        furthest = reader;
    }
    if (furthest === undefined) return isFirst && !open.isMakingRoom;
    this.#spare.delete(furthest);
    furthest.rest();
    return false;
  }
}
