/**
 * Windows of event time that are the same for all keys, over any pane store. Which times are in which windows says an
 * assigner (stream/windows/); a window of several slices is merged from them (window-merge.ts).
 *
 *  W1  A record that is late (lateness.ts) for all its windows goes to the side output, or is counted as
 *      `lateRecords`: always one of the two, never both. One that is late for its first windows only counts in the
 *      others, and once as `partlyLateRecords`. It is kept in a part of its slice, which only those windows see.
 *  W2  A window fires once, when the watermark reaches end − 1. After that, each record that is not late
 *      emits its key's row again, of each of its windows that have fired.
 *  W3  Windows fire in order of time, one key at a time. When the task pauses, the place is kept (operator.ts,
 *      O2). The watermark is forwarded after the last row that it made fire (operator.ts, O3).
 *  W4  A slice's state is freed when the watermark reaches the end of its last window − 1 + allowed lateness.
 *  W5  The watermark is in the snapshot (I23): what was late stays late. At a barrier that was waited for, all
 *      instances have seen the same watermark, since every producer sends its watermarks to all of them. At one
 *      that was not, they may differ, and a rescale has to remember that (group-times.ts).
 *  W6  A snapshot may fall between two keys of a firing that frees them. The keys that have fired are gone, and
 *      the time in the snapshot stands before the window's end, so that the others fire when the watermark
 *      comes again. The snapshot also holds that the watermark had come: a record of that window is late,
 *      whatever comes first after a restore (group-times.ts). Of a firing that keeps its keys the snapshot tells which
 *      have fired (half-fired.ts).
 *  W7  The snapshot holds how far windows have been freed: a freed window never begins again, also when a
 *      later run allows more lateness.
 *  W8  A record between windows that are shorter than their slide is in none: it is counted as
 *      `recordsOutsideWindows`.
 */

import { NOT_BEHIND } from '../../channels/element.js';
import { type PrimitiveKey, shownKey } from '../../hashring/canonical-key.js';
import { keyGroupOf } from '../../hashring/key-group.js';
import type { KeySelector } from '../api/key-selector.js';
import type { AlignedWindow } from '../api/windows.js';
import type { Capture, Operator, OperatorContext, Receiver, RestoredSection } from '../operator.js';
import { withCapture, withSections } from '../state/captures.js';
import { ownGroups } from '../state/own-groups.js';
import { refuseOtherKind } from '../state/state-layout.js';
import { earliestTime, encodeTime } from '../state/time-section.js';
import type { Slice, WindowAssigner } from '../windows/assigner.js';
import { assignerOf } from '../windows/assigners.js';
import { type GroupTimes, groupTimes } from './group-times.js';
import { HalfFired } from './half-fired.js';
import type { KeyRun, Window } from './key-run.js';
import { LateRecords } from './late-records.js';
import { hasPassed, isLate } from './lateness.js';
import { OpenPanes } from './open-panes.js';
import { keyOfSelected } from './operator-key.js';
import type { Pane, PaneStore } from './pane.js';
import { type Envelope, isPartial, type PartialEnvelope, type RecordEnvelope } from './partials.js';
import { WindowMerge } from './window-merge.js';
import { firedKeys, type PaneSweep, type Sweep } from './window-sweep.js';

const TIME_SECTION = 'time';
/** The watermark of a firing that is half-done (W6). */
const FIRING_SECTION = 'firing';
/** Last moment of the windows that are gone (W7); a former run with less allowed lateness freed more. */
const FREED_SECTION = 'freed';

export interface WindowOptions {
  readonly allowedLatenessMs: number;
  /** The side output for late records; undefined: they are counted. */
  readonly lateTag?: string | undefined;
  /** What comes are envelopes of partials and records (partials.ts), by a key of these. */
  readonly takesPartials?: boolean | undefined;
}

export class WindowOperator<S> implements Operator {
  /** W6 */
  readonly divisible = true;
  readonly #select: (record: unknown) => unknown;
  readonly #assigner: WindowAssigner;
  readonly #options: WindowOptions;
  readonly #store: PaneStore<S>;
  #context!: OperatorContext;
  #output!: Receiver;
  #late!: LateRecords;
  #watermark = Number.NEGATIVE_INFINITY;
  /** The watermark before the one for which work is under way. */
  #watermarkBefore = Number.NEGATIVE_INFINITY;
  readonly #panes = new OpenPanes<S>();
  /** Undefined where each slice is a window. */
  readonly #merge: WindowMerge<S> | undefined;
  /** The pane of the last record that was late for no window: the next record mostly falls into it, too. */
  #last: Pane<S> | undefined;
  /** No pane has anything to do below this watermark. */
  #due = Number.POSITIVE_INFINITY;
  #sweep: Sweep<S> | undefined;
  /** Undefined while no key group is ahead of the watermark (W5). */
  #ahead: GroupTimes | undefined;
  /** Undefined while no firing is left that was half-done when the state was restored. */
  #half: HalfFired | undefined;
  /** Work for the current watermark is under way; it is forwarded at the end (W3). */
  #advancing = false;
  /** What comes before is idle: told behind the watermark that still fires, which would take it back. */
  #idle: { readonly isSilent: boolean } | undefined;

  constructor(
    key: KeySelector,
    window: AlignedWindow,
    options: WindowOptions,
    store: PaneStore<S>,
  ) {
    this.#select = key as (record: unknown) => unknown;
    this.#assigner = assignerOf(window);
    this.#options = options;
    this.#store = store;
    const assigner = this.#assigner;
    this.#merge = assigner.overlaps ? new WindowMerge(assigner, store, this.#panes) : undefined;
  }

  get suspended(): boolean {
    return this.#advancing;
  }

  unwrapped(given: unknown): unknown {
    if (this.#options.takesPartials !== true) return given;
    const envelope = given as Envelope;
    return isPartial(envelope) ? { key: envelope.key } : envelope.record;
  }

  open(context: OperatorContext, restored: readonly RestoredSection[]): void {
    this.#context = context;
    this.#output = context.output;
    this.#late = new LateRecords(context, this.#options.lateTag);
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
    const half = new HalfFired();
    half.restore(restored, context);
    if (!half.isEmpty) this.#half = half;
  }

  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    let pane = this.#last;
    if (
      pane === undefined ||
      !(timestamp >= pane.start && timestamp < pane.end) ||
      // The last record was not late. Only its mark or its key group makes this record late.
      ((behind > NOT_BEHIND || this.#ahead !== undefined) &&
        this.#isLate(pane.firstEnd, group, behind))
    ) {
      const place = this.#place(record, timestamp, group, behind);
      if (typeof place === 'string') {
        if (place === 'late') this.#takeLate(record, timestamp, behind);
        return;
      }
      pane = place;
    }
    const select = this.#select;
    const selected = select(record);
    const canonical = keyOfSelected(selected);
    const key = shownKey(selected);
    const slot = this.#store.add(pane, canonical, key, group, record, timestamp);
    if (
      pane.fired ||
      this.#ahead?.hasFired(group, pane.firstEnd - 1) ||
      this.#half?.has(pane.firstEnd, canonical)
    ) {
      this.#emitAgain(pane, canonical, slot, group, behind); // lateness.ts, J4
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
      if (this.#last !== undefined && hasPassed(timeMs, this.#closeOf(this.#last.firstEnd))) {
        this.#last = undefined;
      }
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
      if (!(sweep.pane === undefined ? this.#fireNext() : this.#sweepNext(sweep))) continue;
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
    const state = withSections([...times, ...ahead], this.#store.capture(checkpoint, base));
    const half = this.#captureHalf();
    return half === undefined ? state : withCapture(half, state);
  }

  #captureHalf(): Capture | undefined {
    const firing = this.#sweep && firedKeys(this.#sweep, this.#store, this.#merge);
    if (firing === undefined && this.#half === undefined) return undefined;
    return (this.#half ?? new HalfFired()).capture(this.#context.keyGroups, firing);
  }

  /** One key of a pane. @returns false: it was the last one before */
  #sweepNext(sweep: PaneSweep<S>): boolean {
    const next = sweep.entries.next();
    if (next.done === true) {
      this.#finish(sweep);
      return false;
    }
    const { pane } = sweep;
    const [canonical, slot] = next.value;
    // The key's group was ahead of time when it came to this instance, and has fired the window there (W5).
    const hasFired =
      this.#ahead?.hasFired(this.#store.groupOf(slot), pane.end - 1) === true ||
      this.#half?.has(pane.end, canonical) === true;
    sweep.count += 1;
    if (sweep.emits && !hasFired) this.#emit(pane, canonical, slot, NOT_BEHIND);
    if (sweep.frees) this.#store.release(slot, pane);
    return true;
  }

  /** One key of a window. @returns false: it was the last one before */
  #fireNext(): boolean {
    const merge = this.#merge!;
    const run = merge.next();
    if (run === undefined) {
      this.#sweep = undefined;
      this.#hasFired(merge.window.end);
      merge.finish();
      return false;
    }
    if (!merge.advance(run)) return true;
    const { window } = merge;
    const { end } = window;
    if (this.#half?.has(end, run.canonical)) return true;
    if (this.#ahead !== undefined) {
      const group = keyGroupOf(run.key, this.#context.keyGroups);
      if (this.#ahead.hasFired(group, end - 1)) return true;
    }
    this.#emitRun(run, window, NOT_BEHIND);
    return true;
  }

  /** In the midst of a firing: a time at which exactly what has fired was due (W6). */
  #reached(): number {
    const sweep = this.#sweep;
    const isFiring = sweep !== undefined && sweep.pane === undefined;
    const end = isFiring ? this.#merge!.window.end : this.#nextEnd();
    if (!hasPassed(this.#watermark, end - 1)) return this.#watermark;
    return Math.max(this.#watermarkBefore, end - 2);
  }

  /** For a record that was added: the rows of its windows that have fired (W2). */
  #emitAgain(pane: Pane<S>, canonical: PrimitiveKey, slot: S, group: number, behind: number): void {
    const merge = this.#merge;
    if (merge === undefined) {
      this.#emit(pane, canonical, slot, behind);
      return;
    }
    const key = this.#keyOf(canonical, slot);
    merge.changed(canonical, key, pane);
    for (const [window, run] of merge.runsOf(canonical, key, pane)) {
      const { end } = window;
      const isDue = hasPassed(this.#watermark, end - 1);
      if (
        !isDue &&
        this.#ahead?.hasFired(group, end - 1) !== true &&
        this.#half?.has(end, canonical) !== true
      ) {
        return;
      }
      this.#emitRun(run, window, behind);
    }
  }

  #emit(pane: Pane<S>, canonical: PrimitiveKey, slot: S, behind: number): void {
    let row: unknown;
    try {
      row = this.#store.row(pane, canonical, slot);
    } catch (error) {
      this.#rejected(this.#keyOf(canonical, slot), pane.start, pane.end, error);
      return;
    }
    this.#output.onElement(row, pane.end - 1, 0, behind);
  }

  #emitRun(run: KeyRun<S>, window: Window, behind: number): void {
    let row: unknown;
    try {
      row = run.row(window);
    } catch (error) {
      this.#rejected(run.key, window.start, window.end, error);
      return;
    }
    this.#output.onElement(row, window.end - 1, 0, behind);
  }

  #keyOf(canonical: PrimitiveKey, slot: S): unknown {
    return this.#store.keyOf(canonical, slot);
  }

  /** A failure that is not one record's: tells it with the fields with which the row would have begun. */
  #rejected(key: unknown, windowStart: number, windowEnd: number, error: unknown): void {
    const { reject } = this.#context;
    if (reject === undefined) throw error;
    reject({ key, windowStart, windowEnd }, windowEnd - 1, error);
  }

  /** The pane for a record; or that all its windows are over, or that it is in none (W1, W8). */
  #place(
    record: unknown,
    timestamp: number,
    group: number,
    behind: number,
  ): Pane<S> | 'late' | 'nowhere' {
    const index = this.#assigner.indexAt(timestamp);
    const known = this.#panes.find(index);
    const slice = known ?? this.#assigner.slice(index);
    let end = slice.firstEnd;
    if (end > slice.lastEnd) {
      this.#context.count('recordsOutsideWindows', 1);
      return 'nowhere';
    }
    if (!this.#isLate(end, group, behind)) {
      const pane = known ?? this.#open(slice);
      this.#last = pane;
      return pane;
    }
    if (this.#isLate(slice.lastEnd, group, behind)) return 'late';
    let part = index;
    while (this.#isLate(end, group, behind)) {
      end = this.#assigner.nextEnd(end);
      part += 1;
    }
    this.#context.count('partlyLateRecords', this.#recordsOf(record));
    return this.#paneOf(part);
  }

  #takeLate(record: unknown, timestamp: number, behind: number): void {
    if (this.#options.takesPartials !== true) this.#late.take(record, timestamp, behind);
    else if (isPartial(record as Envelope))
      this.#context.count('lateRecords', this.#recordsOf(record));
    else this.#late.take((record as RecordEnvelope).record, timestamp, behind);
  }

  /** How many records came with what came. */
  #recordsOf(record: unknown): number {
    if (this.#options.takesPartials !== true || !isPartial(record as Envelope)) return 1;
    return (record as PartialEnvelope).records;
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

  #open(slice: Slice): Pane<S> {
    const merge = this.#merge;
    const fired = hasPassed(this.#watermark, slice.firstEnd - 1);
    let dueEnd = slice.firstEnd;
    if (fired) dueEnd = merge?.endAfter(this.#watermark, slice) ?? Number.POSITIVE_INFINITY;
    const { index, whole, start, end, firstEnd, lastEnd, stored } = slice;
    const slots = this.#store.newSlots(stored);
    // One literal: each record looks at its pane, and one made of spreads is slower to look at.
    const pane: Pane<S> = {
      index,
      whole,
      start,
      end,
      firstEnd,
      lastEnd,
      stored,
      fired,
      dueEnd,
      slots,
    };
    this.#panes.add(pane);
    this.#due = Math.min(this.#due, this.#dueOf(pane));
    return pane;
  }

  /** The watermark for which the pane waits, to fire or to be freed. */
  #dueOf({ dueEnd, lastEnd }: Pane<S>): number {
    return dueEnd === Number.POSITIVE_INFINITY ? this.#closeOf(lastEnd) : dueEnd - 1;
  }

  /** Where the next window ends that is to fire; infinite when there is none. */
  #nextEnd(): number {
    if (this.#merge !== undefined) return this.#merge.nextEnd;
    return this.#panes.nextToFire?.dueEnd ?? Number.POSITIVE_INFINITY;
  }

  #nextDue(): number {
    const toFree = this.#panes.nextToFree;
    const freeMs = toFree === undefined ? Number.POSITIVE_INFINITY : this.#closeOf(toFree.lastEnd);
    return Math.min(this.#nextEnd() - 1, freeMs);
  }

  /** The earliest pane or window for which the watermark has something to do. */
  #nextSweep(): Sweep<S> | undefined {
    const end = this.#nextEnd();
    const old = this.#panes.nextToFree;
    // What is freed has fired with all its windows.
    if (old !== undefined && old.lastEnd < end) {
      if (hasPassed(this.#watermark, this.#closeOf(old.lastEnd))) {
        return { pane: old, entries: old.slots.entries(), emits: false, frees: true, count: 0 };
      }
    }
    if (end === Number.POSITIVE_INFINITY || !hasPassed(this.#watermark, end - 1)) return undefined;
    if (this.#merge !== undefined) {
      this.#merge.begin(() => this.#context.alive());
      return { pane: undefined };
    }
    const pane = this.#panes.nextToFire!;
    const frees = hasPassed(this.#watermark, this.#closeOf(end));
    return { pane, entries: pane.slots.entries(), emits: true, frees, count: 0 };
  }

  /** The window has fired for all keys. */
  #hasFired(end: number): void {
    this.#half?.fired(end);
    if (this.#half?.isEmpty) this.#half = undefined;
  }

  #finish({ pane, frees, emits }: PaneSweep<S>): void {
    this.#sweep = undefined;
    if (emits) this.#hasFired(pane.end);
    if (!frees) {
      this.#panes.fired(pane);
      return;
    }
    this.#panes.remove(pane);
    if (this.#last === pane) this.#last = undefined;
    this.#store.drop(pane);
  }
}
