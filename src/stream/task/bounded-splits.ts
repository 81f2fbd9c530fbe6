/**
 * The bounded splits of a source task: which of them is read next, and which are open.
 *
 *  B1  Without event time they are read one after the other, in list order.
 *  B2  With event time the split that stands at the least time is read, so that as few windows are open at a
 *      time as the splits allow. Before anything is read, this finds out where each split stands: from a bound
 *      that the source declares, from the snapshot, or by *touching* the split: its first batch is read, the
 *      time of the batch's first record is found out (time-probe.ts), and nothing is emitted. Nothing is read
 *      until all are touched. A split whose touch gives no time counts as the earliest of all, and is read
 *      until one of its records gives a time.
 *  B3  No more readers are open than `OpenReaders` allows. To make room for another, the open split that
 *      stands furthest ahead is closed at its position. The splits to be read next are opened ahead, many at a
 *      time: openings that are under way together cost half as much as one after the other. When a split has
 *      come to its end, the first few of them are polled ahead as well. Not before: to decode what long splits
 *      give first would delay the first records of a restored task.
 *  B4  After CHUNK_RECORDS records of a split, reading goes to a split that stands at an earlier time. With
 *      more splits than may be open it does so only at the end of a batch, because each return costs an opening.
 */

import { LeastFirst } from './least-first.js';
import type { ObservedSplits } from './observed-splits.js';
import type { OpenReaders } from './open-readers.js';
import type { SourceAlignment } from './source-alignment.js';
import type { SplitReader } from './split-reader.js';

const CHUNK_RECORDS = 64;
/** Splits that are touched at the same time. */
const TOUCHES_MAX = 16;
/** Splits that are taken out of the order to be read next, the one that is being read among them. */
const AHEAD = 16;
/** So many of them have a batch at hand, or are being polled. */
const POLLED_AHEAD = 3;

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
  /** Splits that have to be touched: the entries from `#touchedTo` on. */
  readonly #untouched: SplitReader[] = [];
  #touchedTo = 0;
  readonly #touching = new Set<SplitReader>();
  readonly #order: LeastFirst<SplitReader>;
  /** The splits to be read next, the least first; they are not in `#order`. */
  #ahead: SplitReader[] = [];
  /** Splits in `#order` whose readers are open. */
  readonly #spare = new Set<SplitReader>();
  /** One of the splits has come to its end. */
  #hasEnded = false;

  constructor(given: BoundedSplitsOptions) {
    this.#given = given;
    this.#isTimed = given.observers.areTimed;
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

  /** How many splits have not ended. */
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

  /** The split whose batch is to be emitted now. @throws what went wrong with it */
  get next(): SplitReader | undefined {
    const first = this.#ahead[0];
    if (first === undefined) return undefined;
    first.check();
    if (first.kind !== 'holding') return undefined;
    const { alignment } = this.#given;
    if (!this.#isTimed || alignment === undefined) return first;
    return alignment.mayRead(this.#timeOf(first)) ? first : undefined;
  }

  /**
   * After records of `first` were emitted: is nothing to be done but to emit more of them, or to poll for more? While that is
   * so, and no reader has settled, `advance` would find everything else as it was.
   */
  goesOnWith(first: SplitReader): boolean {
    if (first !== this.#ahead[0]) return false;
    if (first.kind !== 'holding' && first.kind !== 'ready') return false;
    if (!this.#isTimed) return true;
    const second = this.#ahead[1] ?? this.#order.least();
    return second === undefined || this.#timeOf(first) < this.#timeOf(second);
  }

  /** How many records of a batch may be emitted before `next` is asked again (B4). */
  get chunkRecords(): number {
    const { count } = this;
    const isWhole = !this.#isTimed || count === 1 || count > this.#given.open.max;
    return isWhole ? Number.POSITIVE_INFINITY : CHUNK_RECORDS;
  }

  #touchesMax(): number {
    return Math.min(TOUCHES_MAX, this.#given.open.max);
  }

  #timeOf(reader: SplitReader): number {
    return this.#isTimed ? this.#given.observers.ownMs(reader.index) : 0;
  }

  #touch(): boolean {
    let moved = false;
    for (const reader of this.#touching) {
      if (reader.kind === 'holding') this.#touched(reader);
      // It would come first, and keeps a reader meanwhile that others need to be touched.
      else if (reader.kind === 'failed') reader.check();
      else if (reader.kind === 'ended') {
        this.#touching.delete(reader);
        this.#given.ended(reader);
      } else if (!reader.advance()) continue;
      moved = true;
    }
    while (this.#touching.size < this.#touchesMax() && this.#given.open.isFree) {
      const reader = this.#untouched[this.#touchedTo];
      if (reader === undefined) break;
      this.#touchedTo += 1;
      this.#touching.add(reader);
      reader.advance(true);
      moved = true;
    }
    if (this.#touching.size === 0) this.#leaveTouchRoom();
    return moved;
  }

  /** Splits that were found later are touched as well, though all readers be taken by those that are read. */
  #leaveTouchRoom(): void {
    const { open } = this.#given;
    if (this.#touchedTo === this.#untouched.length || open.isFree || open.isMakingRoom) return;
    const leaving = this.#furthest(this.#spare) ?? this.#furthest(this.#ahead);
    if (leaving === undefined) return;
    this.#spare.delete(leaving);
    leaving.rest();
  }

  #touched(reader: SplitReader): void {
    const { observers, open } = this.#given;
    observers.touch(reader.index, reader.batch!);
    this.#touching.delete(reader);
    this.#order.add(reader);
    if (open.count > open.max - this.#touchesMax()) reader.rest();
    else this.#spare.add(reader);
  }

  #read(): boolean {
    let moved = false;
    for (const reader of this.#ahead) {
      if (reader.kind !== 'ended') continue;
      moved = true;
      this.#given.ended(reader);
    }
    if (moved) {
      this.#hasEnded = true;
      this.#ahead = this.#ahead.filter(({ kind }) => kind !== 'ended');
    }
    this.#choose();
    this.#tellBound();
    const polled = this.#ahead.slice(0, POLLED_AHEAD);
    const opens = polled.some(({ kind }) => kind === 'closed');
    for (const [place, reader] of this.#ahead.entries()) {
      if (reader.kind === 'closed') {
        if (!opens || !this.#makeRoom(place === 0)) continue;
      } else if (reader.kind === 'ended') {
        // It ended while others stood at earlier times, and nobody wakes the task for it again.
        moved = true;
      } else if (place >= (this.#hasEnded ? POLLED_AHEAD : 1)) continue;
      if (reader.advance()) moved = true;
    }
    return moved;
  }

  /** Moves the splits that stand at the least times from `#order` to `#ahead`, and sorts these. */
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

  /** Lets other instances read up to where the next but one of our splits stands (source-alignment.ts, A1). */
  #tellBound(): void {
    const { alignment } = this.#given;
    if (alignment === undefined) return;
    const second = this.#ahead[1] ?? this.#order.least();
    alignment.tellBound(
      !this.#isTimed || second === undefined ? Number.POSITIVE_INFINITY : this.#timeOf(second),
    );
  }

  /** @param isFirst the split is to be read now: it is opened even when no other can make room */
  #makeRoom(isFirst: boolean): boolean {
    const { open } = this.#given;
    if (open.isFree) return true;
    const leaving = this.#furthest(this.#spare);
    if (leaving === undefined) return isFirst && !open.isMakingRoom;
    this.#spare.delete(leaving);
    leaving.rest();
    return false;
  }

  /** Of those that can be closed now, the one that stands furthest ahead. */
  #furthest(readers: Iterable<SplitReader>): SplitReader | undefined {
    let furthest: SplitReader | undefined;
    for (const reader of readers) {
      if (reader.kind !== 'holding' && reader.kind !== 'ready') continue;
      if (furthest === undefined || this.#timeOf(reader) > this.#timeOf(furthest))
        furthest = reader;
    }
    return furthest;
  }
}
