/**
 * The unbounded splits of a source task, read side by side: a split that has nothing to give stops no other.
 *
 *  F1  All open splits are polled. With event time the batch of the split that stands at the least time is
 *      emitted first; without, the splits take turns.
 *  F2  When there are more splits than may be open, they also take turns at being open. After TURN_MS a split
 *      is closed at its position if it has nothing at hand or may not be read now, and the split that has
 *      waited longest is opened. Otherwise splits that are too far ahead of other sources would keep closed
 *      the very split that the others wait for.
 *  F3  A split whose poll was cut off, and which had given nothing since its turn before, gets twice the time at its
 *      next turn, up to TURN_MS_MAX. Nobody can tell a slow poll from one of a split at rest, and a slow one that
 *      was begun anew at every turn would never come to its end.
 */

import type { ObservedSplits } from './observed-splits.js';
import type { OpenReaders } from './open-readers.js';
import type { SplitReader } from './split-reader.js';

const CHUNK_RECORDS = 64;
const TURN_MS = 250;
const TURN_MS_MAX = 4_000;

export interface FlowingSplitsOptions {
  readonly observers: ObservedSplits;
  readonly open: OpenReaders;
  readonly ended: (reader: SplitReader) => void;
  /** May a split that stands at that time be read now? */
  readonly mayDrift: (timeMs: number) => boolean;
}

export class FlowingSplits {
  readonly #given: FlowingSplitsOptions;
  readonly #isTimed: boolean;
  #open: SplitReader[] = [];
  /** Closed, or being closed. */
  #waiting: SplitReader[] = [];
  #turn = 0;
  /** Of splits whose polls were cut off (F3). */
  readonly #cutOff = new Map<SplitReader, { turnMs: number; records: number }>();

  constructor(given: FlowingSplitsOptions) {
    this.#given = given;
    this.#isTimed = given.observers.areTimed;
  }

  add(readers: readonly SplitReader[]): void {
    this.#waiting.push(...readers);
  }

  get count(): number {
    return this.#open.length + this.#waiting.length;
  }

  /** Does whatever needs no waiting. True when anything was done. @throws what went wrong with a split */
  advance(now: number): boolean {
    // Who could not be closed is not opened again, so nobody else would tell.
    for (const reader of this.#waiting) reader.check();
    let moved = this.#makeRoom(now);
    while (this.#given.open.isFree) {
      const next = this.#waiting.findIndex(({ kind }) => kind === 'closed');
      if (next < 0) break;
      const [reader] = this.#waiting.splice(next, 1);
      this.#open.push(reader!);
      reader!.advance();
      moved = true;
    }
    for (const reader of this.#open) {
      reader.check();
      if (reader.kind !== 'ended') continue;
      this.#cutOff.delete(reader);
      this.#given.ended(reader);
    }
    const { length } = this.#open;
    this.#open = this.#open.filter(({ kind }) => kind !== 'ended');
    if (this.#open.length < length) moved = true;
    for (const reader of this.#open) if (reader.advance()) moved = true;
    return moved;
  }

  /** The split whose batch is to be emitted now. */
  next(): SplitReader | undefined {
    let chosen: SplitReader | undefined;
    let chosenMs = Number.POSITIVE_INFINITY;
    const { length } = this.#open;
    for (let i = 0; i < length; i += 1) {
      const reader = this.#open[(this.#turn + i) % length]!;
      if (reader.kind !== 'holding') continue;
      const timeMs = this.#timeOf(reader);
      if (chosen !== undefined && timeMs >= chosenMs) continue;
      chosen = reader;
      chosenMs = timeMs;
    }
    if (chosen === undefined || !this.#given.mayDrift(chosenMs)) return undefined;
    this.#turn = (this.#open.indexOf(chosen) + 1) % length;
    return chosen;
  }

  get chunkRecords(): number {
    return this.#isTimed && this.count > 1 ? CHUNK_RECORDS : Number.POSITIVE_INFINITY;
  }

  /** When an open split may have to make room for a waiting one (performance.now() ms). */
  get dueMs(): number | undefined {
    if (this.#waiting.length === 0) return undefined;
    const turns = this.#open.filter((reader) => reader.kind !== 'ready' && this.#mayLeave(reader));
    if (turns.length === 0) return undefined;
    return Math.min(...turns.map((reader) => this.#turnEndMs(reader)));
  }

  #turnEndMs(reader: SplitReader): number {
    return reader.openedMs + (this.#cutOff.get(reader)?.turnMs ?? TURN_MS);
  }

  /** F3 */
  #noteCutOff(reader: SplitReader): void {
    const { records } = reader.progress;
    const before = this.#cutOff.get(reader);
    const gaveNothing = before?.records === records;
    const turnMs = gaveNothing ? Math.min(before!.turnMs * 2, TURN_MS_MAX) : TURN_MS;
    if (reader.kind === 'polling') this.#cutOff.set(reader, { turnMs, records });
    else this.#cutOff.delete(reader);
  }

  #mayLeave(reader: SplitReader): boolean {
    const { kind } = reader;
    if (kind === 'polling' || kind === 'ready') return true;
    return kind === 'holding' && !this.#given.mayDrift(this.#timeOf(reader));
  }

  #timeOf({ index }: SplitReader): number {
    return this.#isTimed ? this.#given.observers.ownMs(index) : 0;
  }

  /** F2 */
  #makeRoom(now: number): boolean {
    if (this.#waiting.length === 0 || this.#given.open.isFree) return false;
    let wanted = this.#waiting.filter(({ kind }) => kind === 'closed').length;
    const leaving = this.#open.filter((reader) => {
      if (wanted === 0 || now < this.#turnEndMs(reader) || !this.#mayLeave(reader)) return false;
      wanted -= 1;
      return true;
    });
    if (leaving.length === 0) return false;
    for (const reader of leaving) {
      this.#noteCutOff(reader);
      reader.rest();
    }
    this.#open = this.#open.filter((reader) => !leaving.includes(reader));
    this.#waiting.push(...leaving);
    return true;
  }
}
