/**
 * Which session fires next, and which is freed next.
 *
 *  Q1  A session has an entry for its firing while it has not fired, and one for being freed once it was told of. The time
 *      of an entry follows from the session's end, so it grows with the session at no cost (least-first.ts).
 *  Q2  Entries are not in snapshots: they follow from the sessions that are.
 *  Q3  An entry of a session that was joined to another one, or that has fired meanwhile, is passed over.
 */

import type { Cell } from '../state/cell.js';
import { LeastFirst } from '../task/least-first.js';
import { isGone, type Session } from './session.js';
import type { DueQueue } from './timed-operator.js';

export interface DueSession {
  /** Counts entries: of equal times the lower comes first. */
  readonly index: number;
  readonly cell: Cell;
  readonly session: Session;
  readonly what: 'fire' | 'free';
}

export class SessionQueue implements DueQueue<DueSession> {
  readonly #heap: LeastFirst<DueSession>;
  #numbered = 0;

  constructor(latenessMs: number) {
    this.#heap = new LeastFirst(({ session, what }) =>
      what === 'fire' ? session.end : session.end + latenessMs,
    );
  }

  add(cell: Cell, session: Session, what: DueSession['what']): void {
    this.#heap.add({ index: this.#numbered, cell, session, what });
    this.#numbered += 1;
  }

  /** Adds the entries that a session needs. */
  addAll(cell: Cell, session: Session): void {
    if (!session.fired) this.add(cell, session, 'fire');
    if (session.told !== undefined) this.add(cell, session, 'free');
  }

  areDue(nowMs: number): boolean {
    return this.#heap.size > 0 && this.#heap.boundMs <= nowMs;
  }

  next(nowMs: number): DueSession | undefined {
    for (;;) {
      const due = this.#heap.takeBy(nowMs);
      if (due === undefined) return undefined;
      const { session, what } = due;
      if (!isGone(session) && !(what === 'fire' && session.fired)) return due;
    }
  }
}
