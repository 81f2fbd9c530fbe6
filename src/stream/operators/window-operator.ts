/**
 * Tumbling windows in event time, over any pane store.
 *
 *  W1  A record that is late (lateness.ts) goes to the side output, or is counted as `lateRecords`: always one
 *      of the two, never both.
 *  W2  A window fires once, when the watermark reaches end − 1. After that, each record that is not late
 *      emits its key's row again.
 *  W3  Windows fire in order of time, one key at a time. When the task pauses, the place is kept (operator.ts,
 *      O2). The watermark is forwarded after the last row that it made fire (operator.ts, O3).
 *  W4  State is freed when the watermark reaches end − 1 + allowed lateness.
 *  W5  The watermark is in the snapshot (I23): what was late stays late. At a barrier that was waited for, all
 *      instances have seen the same watermark, since every producer sends its watermarks to all of them. At one
 *      that was not, they may differ, and a rescale has to remember that (group-times.ts).
 *  W6  A snapshot may fall between two keys of a firing that frees them. The keys that have fired are gone, and
 *      the time in the snapshot stands before the window's end, so that the others fire when the watermark
 *      comes again. The snapshot also holds that the watermark had come: a record of that window is late,
 *      whatever comes first after a restore (group-times.ts). A firing that keeps its keys cannot be divided.
 *  W7  The snapshot holds how far windows have been freed: a freed window never begins again, also when a
 *      later run allows more lateness.
 */

import { NOT_BEHIND } from '../../channels/element.js';
import { type PrimitiveKey, shownKey } from '../../hashring/canonical-key.js';
import type { KeySelector } from '../api/key-selector.js';
import type { WindowDefinition } from '../api/windows.js';
import type { Capture, Operator, OperatorContext, Receiver, RestoredSection } from '../operator.js';
import { withSections } from '../state/captures.js';
import { ownGroups } from '../state/own-groups.js';
import { refuseOtherKind, type StateDescription } from '../state/state-layout.js';
import { earliestTime, encodeTime } from '../state/time-section.js';
import type { Slice, WindowAssigner } from '../windows/assigner.js';
import { assignerOf } from '../windows/assigners.js';
import { type GroupTimes, groupTimes } from './group-times.js';
import { hasPassed, isLate } from './lateness.js';
import { OpenPanes } from './open-panes.js';
import { keyOfSelected } from './operator-key.js';
import type { Pane, PaneStore } from './pane.js';

const TIME_SECTION = 'time';
/** The watermark of a firing that is half-done (W6). */
const FIRING_SECTION = 'firing';
/** Last moment of the windows that are gone (W7); a former run with less allowed lateness freed more. */
const FREED_SECTION = 'freed';

export interface WindowOptions {
  readonly allowedLatenessMs: number;
  /** The side output for late records; undefined: they are counted. */
  readonly lateTag?: string | undefined;
}

/** The window stands in the layout of its state. */
export function windowedState(window: WindowDefinition, state: StateDescription): StateDescription {
  const { kind, sizeMs, offsetMs } = window;
  return { ...state, layout: `${kind}:${sizeMs}:${offsetMs}|${state.layout}` };
}

/** A run over one pane's keys. */
interface Sweep<S> {
  readonly pane: Pane<S>;
  readonly entries: Iterator<[PrimitiveKey, S]>;
  readonly emits: boolean;
  readonly frees: boolean;
}

export class WindowOperator<S> implements Operator {
  readonly #select: (record: unknown) => unknown;
  readonly #assigner: WindowAssigner;
  readonly #options: WindowOptions;
  readonly #store: PaneStore<S>;
  #context!: OperatorContext;
  #output!: Receiver;
  #late: Receiver | undefined;
  #watermark = Number.NEGATIVE_INFINITY;
  /** The watermark before the one for which work is under way. */
  #watermarkBefore = Number.NEGATIVE_INFINITY;
  readonly #panes = new OpenPanes<S>();
  /** The pane of the last record: the next record mostly falls into it, too. */
  #last: Pane<S> | undefined;
  /** No pane has anything to do below this watermark. */
  #due = Number.POSITIVE_INFINITY;
  #sweep: Sweep<S> | undefined;
  /** Undefined while no key group is ahead of the watermark (W5). */
  #ahead: GroupTimes | undefined;
  /** Work for the current watermark is under way; it is forwarded at the end (W3). */
  #advancing = false;
  /** What comes before is idle: told behind the watermark that still fires, which would take it back. */
  #idle: { readonly isSilent: boolean } | undefined;

  constructor(
    key: KeySelector,
    window: WindowDefinition,
    options: WindowOptions,
    store: PaneStore<S>,
  ) {
    this.#select = key as (record: unknown) => unknown;
    this.#assigner = assignerOf(window);
    this.#options = options;
    this.#store = store;
  }

  get suspended(): boolean {
    return this.#advancing;
  }

  /** W6 */
  get divisible(): boolean {
    return this.#sweep === undefined || this.#sweep.frees || !this.#sweep.emits;
  }

  open(context: OperatorContext, restored: readonly RestoredSection[]): void {
    this.#context = context;
    this.#output = context.output;
    const { lateTag } = this.#options;
    this.#late = lateTag === undefined ? undefined : context.side(lateTag);
    this.#watermark = earliestTime(TIME_SECTION, restored);
    this.#store.open(context);
    refuseOtherKind(context.operator, restored, this.#store.state);
    const ahead = groupTimes(
      { fired: TIME_SECTION, closed: FIRING_SECTION, freed: FREED_SECTION },
      this.#options.allowedLatenessMs,
      restored,
      context,
    );
    for (const section of restored) {
      if (section.name !== this.#store.state.section) continue;
      this.#store.restore(
        section,
        ownGroups(context, section),
        () => context.alive(),
        (stored) => this.#paneOf(this.#assigner.indexOf(stored)),
      );
    }
    if (ahead.isAhead(this.#watermark)) this.#ahead = ahead;
  }

  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    let pane = this.#last;
    if (pane === undefined || !(timestamp >= pane.start && timestamp < pane.end)) {
      const index = this.#assigner.indexAt(timestamp);
      const known = this.#panes.find(index);
      const slice = known ?? this.#assigner.slice(index);
      if (this.#isLate(slice.end, group, behind)) {
        this.#tooLate(record, timestamp, behind);
        return;
      }
      pane = known ?? this.#open(slice);
      this.#last = pane;
    } else if (behind > NOT_BEHIND || this.#ahead !== undefined) {
      // The last record of this pane was not late. Only its mark or its key group makes this record late.
      if (this.#isLate(pane.end, group, behind)) {
        this.#tooLate(record, timestamp, behind);
        return;
      }
    }
    const select = this.#select;
    const selected = select(record);
    const canonical = keyOfSelected(selected);
    const key = shownKey(selected);
    const slot = this.#store.add(pane, canonical, key, group, record);
    if (pane.fired || this.#ahead?.hasFired(group, pane.end - 1)) {
      this.#emit(pane, canonical, slot, behind); // lateness.ts, J4
    }
  }

  onIdle(isSilent: boolean): void {
    if (this.#advancing) this.#idle = { isSilent };
    else this.#output.onIdle?.(isSilent);
  }

  onWatermark(timeMs: number): void {
    if (timeMs > this.#watermark) {
      this.#watermarkBefore = this.#watermark;
      this.#watermark = timeMs;
    }
    if (timeMs < this.#due) {
      if (this.#ahead?.isAhead(this.#watermark) === false) this.#ahead = undefined;
      this.#output.onWatermark(timeMs);
      return;
    }
    this.#advancing = true;
    this.resume();
  }

  resume(): void {
    const { turn } = this.#context;
    for (;;) {
      this.#sweep ??= this.#nextSweep();
      const sweep = this.#sweep;
      if (sweep === undefined) break;
      const next = sweep.entries.next();
      if (next.done === true) {
        this.#finish(sweep);
        continue;
      }
      const [canonical, slot] = next.value;
      if (sweep.emits && !this.#hasFired(sweep.pane, slot)) {
        this.#emit(sweep.pane, canonical, slot, NOT_BEHIND);
      }
      if (sweep.frees) this.#store.release(slot, sweep.pane);
      this.#context.alive();
      if (turn.pause) return;
    }
    this.#advancing = false;
    if (this.#ahead?.isAhead(this.#watermark) === false) this.#ahead = undefined;
    this.#due = this.#nextDue();
    this.#output.onWatermark(this.#watermark);
    const idle = this.#idle;
    if (idle === undefined) return;
    this.#idle = undefined;
    this.#output.onIdle?.(idle.isSilent);
  }

  capture(checkpoint: number, base?: number): Capture {
    const firedMs = this.#advancing ? this.#reached() : this.#watermark;
    const times = [encodeTime(TIME_SECTION, firedMs)];
    if (firedMs < this.#watermark) times.push(encodeTime(FIRING_SECTION, this.#watermark));
    times.push(encodeTime(FREED_SECTION, this.#watermark - this.#options.allowedLatenessMs));
    const ahead = this.#ahead?.capture() ?? [];
    return withSections([...times, ...ahead], this.#store.capture(checkpoint, base));
  }

  /** The key's group was ahead of time when it came to this instance, and has fired the window there (W5). */
  #hasFired(pane: Pane<S>, slot: S): boolean {
    return this.#ahead?.hasFired(this.#store.groupOf(slot), pane.end - 1) === true;
  }

  /** In the midst of a firing: a time at which exactly what has fired was due (W6). */
  #reached(): number {
    const next = this.#panes.nextToFire;
    if (next === undefined || next.end - 1 > this.#watermark) return this.#watermark;
    return Math.max(this.#watermarkBefore, next.start - 1);
  }

  #emit(pane: Pane<S>, canonical: PrimitiveKey, slot: S, behind: number): void {
    let row: unknown;
    try {
      row = this.#store.row(pane, canonical, slot);
    } catch (error) {
      this.#rejected(pane, canonical, slot, error);
      return;
    }
    this.#output.onElement(row, pane.end - 1, 0, behind);
  }

  /** A failure that is not one record's: tells it with the fields with which the row would have begun. */
  #rejected(pane: Pane<S>, canonical: PrimitiveKey, slot: S, error: unknown): void {
    const { reject } = this.#context;
    if (reject === undefined) throw error;
    const { start: windowStart, end: windowEnd } = pane;
    const key = this.#store.keyOf(canonical, slot);
    reject({ key, windowStart, windowEnd }, windowEnd - 1, error);
  }

  #tooLate(record: unknown, timestamp: number, behind: number): void {
    if (this.#late === undefined) this.#context.count('lateRecords', 1);
    else this.#late.onElement(record, timestamp, 0, behind);
  }

  /** W1. After a restore some key groups may be closed further than others (group-times.ts). */
  #isLate(end: number, group: number, behind: number): boolean {
    const closeMs = this.#closeOf(end);
    return (
      isLate(closeMs, behind, this.#watermark) ||
      this.#ahead?.isClosed(group, end - 1, closeMs) === true
    );
  }

  #closeOf(end: number): number {
    return end - 1 + this.#options.allowedLatenessMs;
  }

  #paneOf(index: number): Pane<S> {
    return this.#panes.find(index) ?? this.#open(this.#assigner.slice(index));
  }

  #open({ index, start, end, firstEnd, lastEnd, stored }: Slice): Pane<S> {
    const fired = hasPassed(this.#watermark, end - 1);
    const slots = this.#store.newSlots(stored);
    const pane: Pane<S> = { index, start, end, firstEnd, lastEnd, stored, fired, slots };
    this.#panes.add(pane);
    this.#due = Math.min(this.#due, this.#dueOf(pane));
    return pane;
  }

  /** The watermark for which the pane waits, to fire or to be freed; never, when there is no pane. */
  #dueOf(pane: Pane<S> | undefined): number {
    if (pane === undefined) return Number.POSITIVE_INFINITY;
    return pane.fired ? this.#closeOf(pane.end) : pane.end - 1;
  }

  #ifDue(pane: Pane<S> | undefined): Pane<S> | undefined {
    return hasPassed(this.#watermark, this.#dueOf(pane)) ? pane : undefined;
  }

  #nextDue(): number {
    const { nextToFire, nextToFree } = this.#panes;
    return Math.min(this.#dueOf(nextToFire), this.#dueOf(nextToFree));
  }

  /** The earliest pane for which the watermark has something to do. */
  #nextSweep(): Sweep<S> | undefined {
    // Panes that have fired are earlier than those that have not.
    const pane = this.#ifDue(this.#panes.nextToFree) ?? this.#ifDue(this.#panes.nextToFire);
    if (pane === undefined) return undefined;
    const frees = hasPassed(this.#watermark, this.#closeOf(pane.end));
    return { pane, entries: pane.slots.entries(), emits: !pane.fired, frees };
  }

  #finish({ pane, frees }: Sweep<S>): void {
    this.#sweep = undefined;
    if (!frees) {
      this.#panes.fired(pane);
      return;
    }
    this.#panes.remove(pane);
    if (this.#last === pane) this.#last = undefined;
    this.#store.drop(pane);
  }
}
