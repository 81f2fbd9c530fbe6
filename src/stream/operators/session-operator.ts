/**
 * Sessions of each key, in event time.
 *
 *  N1  A session is [first, last + gap], both inclusive. So records that are exactly `gapMs` apart are of one session,
 *      whatever watermark comes between them: a session closes when the watermark has reached its end, and by then
 *      a record of that time is late.
 *  N2  A record is late when its own time + the allowed lateness has been passed (lateness.ts), whatever sessions there
 *      are. A record that is not late joins the sessions that it touches: two at most, since they are further apart.
 *  N3  So without allowed lateness a record that is not late is behind the end of each session that has closed: what has
 *      closed is never merged again. With allowed lateness a session is kept for so long behind its end. Either way the
 *      last rows follow from the records that are not late alone, not from when watermarks have come.
 *  N4  A session that has fired, and takes another record, fires again: at once when its end has been passed, otherwise when
 *      the watermark comes there. The row then tells the bounds of all earlier rows of which it takes the place.
 *  N5  Rows come in order of time, across keys (session-queue.ts), and have the session's end as their time: it is behind
 *      each watermark that was forwarded before them.
 *  N6  A row that cannot be made, where failures are put aside, counts as fired.
 */

import { NOT_BEHIND } from '../../channels/element.js';
import { shownKey } from '../../hashring/canonical-key.js';
import type { KeySelector } from '../api/key-selector.js';
import type { SessionWindow } from '../api/windows.js';
import type { Operator, OperatorContext, RestoredSection } from '../operator.js';
import type { Cell } from '../state/cell.js';
import { KeyedState } from '../state/keyed-state.js';
import type { StateDescription } from '../state/state-layout.js';
import { requireTime } from '../windows/assigner.js';
import { CallbackOutput } from './callback-output.js';
import { EventTimers } from './event-timers.js';
import { LateRecords } from './late-records.js';
import { hasPassed } from './lateness.js';
import { canonicalOfSelected, groupOf } from './operator-key.js';
import { leaves, type Session } from './session.js';
import { type DueSession, SessionQueue } from './session-queue.js';
import { TimedOperator, type TimedParts } from './timed-operator.js';
import { TimerQueue } from './timer-queue.js';
import type { WindowContent } from './window-content.js';
import type { WindowOptions } from './window-operator.js';

/** The only slot of a key's state: its sessions in order of time. */
const SLOT = 0;
const NO_SLOT = -1;

export function sessionOperator(
  key: KeySelector,
  window: SessionWindow,
  options: WindowOptions,
  content: () => WindowContent,
  state: StateDescription,
): () => Operator {
  return () => new SessionOperator(key, window.gapMs, options, content(), state);
}

class SessionOperator extends TimedOperator<DueSession> {
  readonly #select: (record: unknown) => unknown;
  readonly #gapMs: number;
  readonly #latenessMs: number;
  readonly #lateTag: string | undefined;
  readonly #content: WindowContent;
  readonly #description: StateDescription;
  readonly #queue: SessionQueue;
  #late!: LateRecords;

  constructor(
    key: KeySelector,
    gapMs: number,
    { allowedLatenessMs, lateTag }: WindowOptions,
    content: WindowContent,
    description: StateDescription,
  ) {
    super(new CallbackOutput('process'));
    this.#select = key as (record: unknown) => unknown;
    this.#gapMs = gapMs;
    this.#latenessMs = allowedLatenessMs;
    this.#lateTag = lateTag;
    this.#content = content;
    this.#description = description;
    this.#queue = new SessionQueue(allowedLatenessMs);
  }

  protected parts(
    context: OperatorContext,
    restored: readonly RestoredSection[],
  ): TimedParts<DueSession> {
    this.#late = new LateRecords(context, this.#lateTag);
    this.#content.open(context);
    const state = new KeyedState(context, restored, {
      description: this.#description,
      slots: 1,
      evolve: (before) => this.#evolution(context.operator, before),
    });
    for (const cell of state.cells()) {
      for (const session of cell.value as Session[]) this.#queue.addAll(cell, session);
    }
    const timers = new EventTimers(context, restored, state, NO_SLOT, this.#latenessMs);
    const clock = new TimerQueue(state, NO_SLOT, () => false);
    return { state, timers, events: this.#queue, clock };
  }

  onElement(record: unknown, timestamp: number, givenGroup: number, behind: number): void {
    requireTime(timestamp);
    const select = this.#select;
    const selected = select(record);
    const canonical = canonicalOfSelected(selected);
    const key = shownKey(selected);
    const group = groupOf(this.context, key, givenGroup);
    const { state, timers } = this;
    if (timers.isLate(group, timestamp, behind)) {
      this.#late.take(record, timestamp, behind);
      return;
    }
    state.begin(key, canonical, group);
    this.out.mark();
    try {
      const session = this.#join(timestamp, record);
      if (hasPassed(timers.watermarkOf(group), session.end)) this.#fire(session, behind); // N4
    } catch (error) {
      this.out.drop();
      state.failed();
      throw error;
    }
    state.end();
    this.out.end();
    this.work();
  }

  protected fireEvent({ cell, session, what }: DueSession): void {
    const { state } = this;
    state.enter(cell);
    state.change();
    let failed: { readonly error: unknown } | undefined;
    this.out.mark();
    if (what === 'fire') {
      try {
        this.#fire(session, NOT_BEHIND);
      } catch (error) {
        this.out.drop();
        failed = { error };
      }
    }
    const { start: windowStart, end: windowEnd } = session;
    if (what === 'free' || this.#latenessMs === 0) this.#free(cell, session);
    state.end();
    if (failed !== undefined) {
      this.rejectWindow(cell.key, { windowStart, windowEnd }, windowEnd, failed.error);
    }
    this.out.end();
  }

  protected fireClock(): void {}

  /** Adds the record of the current key to the session that it is of. */
  #join(timestamp: number, record: unknown): Session {
    const { state } = this;
    const gapMs = this.#gapMs;
    const content = this.#content;
    const sessions = state.read(SLOT) as Session[] | undefined;
    if (sessions === undefined) {
      const session = this.#begun(timestamp, record);
      if (state.undoes) state.note(() => this.#restore(undefined));
      state.write(SLOT, [session]);
      this.#queue.add(state.change(), session, 'fire');
      return session;
    }
    let at = sessions.length - 1;
    while (at >= 0 && timestamp < sessions[at]!.start - gapMs) at -= 1;
    const cell = state.change();
    if (state.undoes) this.#noteBefore(sessions);
    const session = sessions[at];
    if (session === undefined || timestamp > session.end) {
      const begun = this.#begun(timestamp, record);
      sessions.splice(at + 1, 0, begun);
      this.#queue.add(cell, begun, 'fire');
      return begun;
    }
    session.value = content.add(session.value, record, timestamp);
    if (!content.isNumeric) state.keeps(session.value);
    if (timestamp + gapMs > session.end) session.end = timestamp + gapMs;
    const joined =
      timestamp < session.start ? this.#extended(cell, sessions, at, timestamp) : session;
    // One that has not fired has its entry already.
    if (joined.fired) {
      joined.fired = false;
      this.#queue.add(cell, joined, 'fire');
    }
    return joined;
  }

  #begun(timestamp: number, record: unknown): Session {
    const value = this.#content.first(record, timestamp);
    if (!this.#content.isNumeric) this.state.keeps(value);
    const end = timestamp + this.#gapMs;
    return { start: timestamp, end, value, fired: false, told: undefined };
  }

  /** The session begins earlier now, and may touch the one before. */
  #extended(cell: Cell, sessions: Session[], at: number, timestamp: number): Session {
    const session = sessions[at]!;
    session.start = timestamp;
    const before = sessions[at - 1];
    if (before === undefined || timestamp > before.end) return session;
    before.value = this.#content.merge(before.value, session.value);
    before.end = session.end;
    if (session.told !== undefined) {
      if (before.told === undefined) this.#queue.add(cell, before, 'free');
      before.told = [...(before.told ?? []), ...session.told];
    }
    if (!this.#content.isNumeric) this.state.keeps(before.value);
    sessions.splice(at, 1);
    leaves(session);
    return before;
  }

  /** Emits the session's row. */
  #fire(session: Session, behind: number): void {
    const { start, end, value, told } = session;
    session.fired = true; // N6
    const keeps = this.#latenessMs > 0;
    if (keeps && told === undefined) this.#queue.add(this.state.change(), session, 'free');
    if (keeps) session.told = told ?? [];
    const replaces = session.told;
    this.out.at(end, behind); // N5
    const { key, group } = this.state;
    const watermark = this.timers.watermarkOf(group);
    this.#content.fire({ key, start, end, value, watermark, replaces }, this.out);
    if (keeps) session.told = [{ windowStart: start, windowEnd: end }];
  }

  #free(cell: Cell, session: Session): void {
    const { state } = this;
    const sessions = cell.value as Session[];
    leaves(session);
    if (sessions.length > 1) {
      sessions.splice(sessions.indexOf(session), 1);
      return;
    }
    state.write(SLOT, undefined);
    state.emptied();
  }

  #noteBefore(sessions: readonly Session[]): void {
    const before = sessions.map((one) => ({ ...one, value: this.#content.copy(one.value) }));
    this.state.note(() => this.#restore(before));
  }

  #restore(before: Session[] | undefined): void {
    const { state } = this;
    for (const session of (state.read(SLOT) ?? []) as Session[]) leaves(session);
    state.write(SLOT, before);
    if (before === undefined) state.emptied();
    else for (const session of before) this.#queue.addAll(state.change(), session);
  }

  #evolution(operator: string, before: string): (value: unknown, key: unknown) => unknown {
    const evolve = this.#content.evolution(operator, before, this.#description);
    return (sessions, key) =>
      (sessions as Session[]).map((one) => ({ ...one, value: evolve(one.value, key) }));
  }
}
