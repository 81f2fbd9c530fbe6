/**
 * Windows that are kept by key: those with a trigger, an evictor or `process`, windows of a number of records, and windows
 * of the clock. Aligned windows that do without have an operator that is faster (window-operator.ts), and so do sessions.
 *
 *  K1  A window closes when its time has passed its last moment + the allowed lateness; by the clock, when that has
 *      reached its end. What has been added since it fired last is counted as `recordsLeft` then.
 *  K2  A record is late when all its windows have closed (lateness.ts). It is counted as `partlyLateRecords` when some have.
 *  K3  The trigger decides when a window fires. A window with no records, since it was purged, does not.
 *  K4  Timers of a key are in its state (timer-queue.ts); for which windows they were set, these say themselves. A timer of
 *      the key that no window needs any more does nothing.
 *  K5  Rows have the last moment of their window as their time. Where windows have no bounds, they have the time and the
 *      mark of the record that made them fire; by the clock, none.
 *  K6  With `partial: 'emit'` a key has a timer that comes with the end of the input only. It makes its windows fire.
 *      Windows of event time have one for their end, and all of these come with the end of the input. A checkpoint may
 *      have been written without: so keys are looked at after a restore.
 *  K7  Where failures are put aside, a record that fails changes nothing. Of a timer, the window whose callback fails
 *      is told of; it has lost the timer, and goes on.
 *  K8  With a trigger of which what is left is wanted, a window whose end has come fires if something was added since it
 *      fired last. Late records that come then make it fire as the trigger says, and as it closes.
 *  K9  A window that is never over goes when it was purged, and its trigger is as it was at first.
 */

import { assert } from '../../base/assert.js';
import { type Clock, machineClock } from '../../base/clock.js';
import { NOT_BEHIND } from '../../channels/element.js';
import { shownKey } from '../../hashring/canonical-key.js';
import type { KeySelector } from '../api/key-selector.js';
import type { TimerKind } from '../api/process.js';
import { type Evictor, requireAnswer, type Trigger } from '../api/triggers.js';
import type { PartialWindows, WindowBounds } from '../api/windows.js';
import type { Operator, OperatorContext, RestoredSection } from '../operator.js';
import { KeyedState, slotsOf } from '../state/keyed-state.js';
import type { StateDescription } from '../state/state-layout.js';
import { CallbackOutput } from './callback-output.js';
import { EventTimers } from './event-timers.js';
import { type KeyWindow, newWindow, TriggerCallContext } from './key-window.js';
import type { KeyWindows } from './key-windows.js';
import { LateRecords } from './late-records.js';
import { canonicalOfSelected, groupOf } from './operator-key.js';
import { RecordsContent } from './records-content.js';
import { TimedOperator, type TimedParts } from './timed-operator.js';
import { type Timer, TimerQueue } from './timer-queue.js';
import type { WindowContent } from './window-content.js';
import type { WindowOptions } from './window-operator.js';

const EVENT_SLOT = 0;
const CLOCK_SLOT = 1;
const WINDOWS_SLOT = 2;
const SLOTS = 3;
/** Event time comes here with the end of the input (K6). */
const END_MS = Number.MAX_VALUE;

export interface KeyedWindowSpec extends WindowOptions {
  readonly key: KeySelector;
  readonly windows: KeyWindows;
  readonly trigger: Trigger<never>;
  readonly evictor: Evictor<never> | undefined;
  readonly partial: PartialWindows;
  /** K8 */
  readonly flushes: boolean;
  readonly state: StateDescription;
}

export function keyedWindowOperator(
  spec: KeyedWindowSpec,
  content: () => WindowContent,
): () => Operator {
  return () => new KeyedWindowOperator(spec, content());
}

class KeyedWindowOperator extends TimedOperator<Timer> {
  readonly #spec: KeyedWindowSpec;
  readonly #select: (record: unknown) => unknown;
  readonly #trigger: Trigger<unknown>;
  readonly #content: WindowContent;
  #late!: LateRecords;
  #now!: Clock;
  #ctx!: TriggerCallContext;
  /** The only window of a key that has no end (K9). */
  readonly #isEndless: boolean;

  constructor(spec: KeyedWindowSpec, content: WindowContent) {
    super(new CallbackOutput('process'));
    this.#spec = spec;
    this.#select = spec.key as (record: unknown) => unknown;
    this.#trigger = spec.trigger as Trigger<unknown>;
    this.#content = content;
    this.#isEndless = spec.windows.isEndless;
  }

  protected parts(
    context: OperatorContext,
    restored: readonly RestoredSection[],
  ): TimedParts<Timer> {
    const { lateTag, allowedLatenessMs, state: description } = this.#spec;
    this.#late = new LateRecords(context, lateTag);
    this.#now = context.clock ?? machineClock;
    this.#content.open(context);
    const state = new KeyedState(context, restored, {
      description,
      slots: SLOTS,
      evolve: (before) => this.#evolution(context.operator, before),
    });
    const timers = new EventTimers(context, restored, state, EVENT_SLOT, allowedLatenessMs);
    const clock = new TimerQueue(state, CLOCK_SLOT, () => false);
    this.#ctx = new TriggerCallContext({
      context,
      state,
      timers,
      clock,
      hasOnTimer: this.#trigger.onTimer !== undefined,
    });
    if (this.#hasEndTimers()) setEndTimers(state, timers.queue);
    return { state, timers, events: timers.queue, clock };
  }

  onElement(record: unknown, timestamp: number, givenGroup: number, behind: number): void {
    const { state, timers } = this;
    const { windows } = this.#spec;
    const select = this.#select;
    const selected = select(record);
    const canonical = canonicalOfSelected(selected);
    const key = shownKey(selected);
    const group = groupOf(this.context, key, givenGroup);
    state.begin(key, canonical, group);
    const known = (state.read(WINDOWS_SLOT) ?? []) as readonly KeyWindow[];
    const timeMs = windows.time === 'clock' ? this.#now.now() : timestamp;
    // Most windows refuse a record without a time here.
    const all = windows.at(timeMs, known.at(-1));
    const open =
      windows.time === 'event'
        ? all.filter(({ windowEnd }) => !timers.isLate(group, windowEnd - 1, behind))
        : all;
    if (open.length === 0) {
      state.end();
      if (all.length === 0) this.context.count('recordsOutsideWindows', 1);
      else this.#late.take(record, timestamp, behind);
      return;
    }
    if (open.length < all.length) this.context.count('partlyLateRecords', 1); // K2
    this.out.mark(); // All rows that are made for the record (K7).
    try {
      if (state.undoes) this.#noteBefore(known);
      for (const bounds of open) this.#add(this.#windowOf(bounds), record, timestamp, behind);
    } catch (error) {
      this.out.drop();
      state.failed();
      throw error;
    }
    state.end();
    this.out.end();
    this.work();
  }

  protected override ended(): void {
    // All windows that are open make their rows now, and need no timer.
    if (this.#spec.partial === 'emit') return;
    super.ended();
    let left = 0;
    const { time } = this.#spec.windows;
    // Windows of event time all close now, and count for themselves.
    if (time === 'event') return;
    for (const cell of this.state.cells()) {
      const windows = slotsOf(cell)[WINDOWS_SLOT] as readonly KeyWindow[] | undefined;
      for (const { fresh } of windows ?? []) left += fresh;
    }
    if (left > 0) this.context.count('recordsLeft', left);
  }

  protected fireEvent(timer: Timer): void {
    this.#due(this.timers.queue, timer, 'eventTime');
  }

  protected fireClock(timer: Timer): void {
    this.#due(this.clock, timer, 'processingTime');
  }

  /** K6 */
  #hasEndTimers(): boolean {
    return this.#spec.partial === 'emit' && this.#spec.windows.time !== 'event';
  }

  /** A timer of a key has come: asks the windows that it is for (K4). */
  #due(queue: TimerQueue, timer: Timer, kind: TimerKind): void {
    const { state } = this;
    queue.fires(timer);
    const key = timer.cell.key;
    if (this.#isOfOtherRun(timer.time, kind)) {
      state.end();
      return;
    }
    // The key may have timers that no window needs any more.
    for (const window of [...((state.read(WINDOWS_SLOT) ?? []) as readonly KeyWindow[])]) {
      let failed: { readonly error: unknown } | undefined;
      try {
        this.#ask(window, timer.time, kind);
      } catch (error) {
        this.out.drop();
        failed = { error };
      }
      if (this.#closesBy(window, timer.time, kind)) this.#close(window);
      else if (kind === 'processingTime' && this.#spec.windows.time === 'clock') {
        this.clock.setBy(window.end + this.#spec.windows.restMs); // It has grown.
      }
      this.out.end();
      if (failed !== undefined) this.#reject(key, window, failed.error);
    }
    state.end();
  }

  #ask(window: KeyWindow, timeMs: number, kind: TimerKind): void {
    const times = kind === 'eventTime' ? window.events : window.clocks;
    const due = times.filter((time) => time <= timeMs).sort((a, b) => a - b);
    for (const time of due) {
      times.splice(times.indexOf(time), 1);
      const trigger = this.#trigger;
      if (trigger.onTimer === undefined) continue; // One of the run before has set it.
      this.out.mark();
      this.#ctx.begin(window, time);
      const answer = trigger.onTimer(time, this.#ctx, kind);
      this.#act(window, answer, this.#rowTime(window, window.lastMs), NOT_BEHIND);
    }
    if (window.fresh === 0 || !this.#isOver(window, timeMs, kind)) return;
    this.out.mark();
    const answer = this.#trigger.purges === true ? 'fireAndPurge' : 'fire';
    this.#act(window, answer, this.#rowTime(window, window.lastMs), NOT_BEHIND); // K6, K8
  }

  /** Is what is left of the window wanted now? */
  #isOver(window: KeyWindow, timeMs: number, kind: TimerKind): boolean {
    const { windows, partial, flushes } = this.#spec;
    if (partial !== 'emit') return false;
    const closes = this.#closesBy(window, timeMs, kind);
    if (kind === 'processingTime') return flushes && closes;
    return closes || (windows.time === 'event' && window.end - 1 === timeMs);
  }

  /** The end of the input, which a run has waited for that wanted what is left. This one has told of it (K1). */
  #isOfOtherRun(timeMs: number, kind: TimerKind): boolean {
    const { windows, partial } = this.#spec;
    return (
      timeMs === END_MS && kind === 'eventTime' && windows.time !== 'event' && partial === 'drop'
    );
  }

  #add(window: KeyWindow, record: unknown, timestamp: number, behind: number): void {
    const content = this.#content;
    window.value =
      window.records === 0
        ? content.first(record, timestamp)
        : content.add(window.value, record, timestamp);
    if (!content.isNumeric) this.state.keeps(window.value);
    window.records += 1;
    window.fresh += 1;
    if (timestamp > window.lastMs) window.lastMs = timestamp;
    this.#ctx.begin(window, timestamp);
    const answer = this.#trigger.onElement(record, this.#ctx);
    this.#act(window, answer, this.#rowTime(window, timestamp), behind);
  }

  /** Does what the trigger has answered. */
  #act(window: KeyWindow, answer: unknown, timestamp: number, behind: number): void {
    if (answer === 'continue') return;
    requireAnswer(answer);
    if (answer !== 'purge') this.#fire(window, timestamp, behind);
    if (answer !== 'fire') this.#purge(window);
  }

  #fire(window: KeyWindow, timestamp: number, behind: number): void {
    const { start, end } = window;
    const { evictor } = this.#spec;
    window.fresh = 0;
    if (window.records === 0) return; // K3
    if (evictor !== undefined) {
      const content = this.#content;
      assert(content instanceof RecordsContent, 'evictors have windows that hold their records');
      const bounds = { windowStart: start, windowEnd: end };
      const kept = content.evict(window.value, evictor as Evictor<unknown>, bounds);
      window.value = kept;
      window.records = kept.length;
      if (kept.length === 0) return;
    }
    const { key, group } = this.state;
    const watermark = this.timers.watermarkOf(group);
    this.out.at(timestamp, behind);
    const { value } = window;
    this.#content.fire({ key, start, end, value, watermark, replaces: undefined }, this.out);
  }

  #purge(window: KeyWindow): void {
    window.value = undefined;
    window.records = 0;
    window.fresh = 0;
    const hasTimers = window.events.length > 0 || window.clocks.length > 0;
    if (!this.#isEndless || hasTimers || window.trigger !== undefined) return; // K9
    this.#remove(window);
  }

  /** K5 */
  #rowTime(window: KeyWindow, timestamp: number): number {
    switch (this.#spec.windows.time) {
      case 'event':
        return window.end - 1;
      case 'clock':
        return Number.NaN;
      case 'none':
        return timestamp === Number.NEGATIVE_INFINITY ? Number.NaN : timestamp;
    }
  }

  #windowOf({ windowStart: start, windowEnd: end }: WindowBounds): KeyWindow {
    const { state } = this;
    const { grows } = this.#spec.windows;
    state.change();
    const windows = state.read(WINDOWS_SLOT) as KeyWindow[] | undefined;
    for (let i = 0; i < (windows?.length ?? 0); i += 1) {
      const one = windows![i]!;
      if (one.start !== start || (one.end !== end && !grows)) continue;
      one.end = end;
      return one;
    }
    const window = newWindow(start, end);
    if (windows === undefined) state.write(WINDOWS_SLOT, [window]);
    else windows.push(window);
    const { queue } = this.timers;
    if (this.#spec.windows.time === 'event') {
      queue.set(this.#closeMs(window));
      const isOpen = this.timers.watermarkOf(state.group) < end - 1;
      if (this.#spec.flushes && isOpen) queue.set(end - 1); // K8
    } else if (this.#hasEndTimers()) queue.set(END_MS);
    if (this.#spec.windows.time === 'clock') this.clock.setBy(end + this.#spec.windows.restMs);
    return window;
  }

  #closeMs({ end }: KeyWindow): number {
    return end - 1 + this.#spec.allowedLatenessMs;
  }

  /** K1 */
  #closesBy(window: KeyWindow, timeMs: number, kind: TimerKind): boolean {
    const { time, restMs } = this.#spec.windows;
    if (kind === 'processingTime') return time === 'clock' && window.end + restMs <= timeMs;
    return timeMs === END_MS || (time === 'event' && this.#closeMs(window) <= timeMs);
  }

  #close(window: KeyWindow): void {
    if (window.fresh > 0) this.context.count('recordsLeft', window.fresh);
    this.#remove(window);
  }

  #remove(window: KeyWindow): void {
    const { state } = this;
    const windows = state.read(WINDOWS_SLOT) as KeyWindow[] | undefined;
    if (windows?.includes(window) !== true) return;
    if (windows.length > 1) {
      windows.splice(windows.indexOf(window), 1);
      return;
    }
    state.write(WINDOWS_SLOT, undefined);
    state.emptied();
    const { queue } = this.timers;
    queue.delete(END_MS);
    if (!this.#isEndless || this.#spec.windows.time !== 'event') return;
    queue.delete(this.#closeMs(window));
    queue.delete(window.end - 1);
  }

  /** K7 */
  #reject(key: unknown, { start, end }: KeyWindow, error: unknown): void {
    const timeMs = this.#spec.windows.time === 'event' ? end - 1 : Number.NaN;
    this.rejectWindow(key, { windowStart: start, windowEnd: end }, timeMs, error);
  }

  #noteBefore(known: readonly KeyWindow[]): void {
    const { state } = this;
    const before = known.map((one) => ({
      ...one,
      value: one.records === 0 ? undefined : this.#content.copy(one.value),
      events: [...one.events],
      clocks: [...one.clocks],
    }));
    state.note(() => {
      state.write(WINDOWS_SLOT, before.length === 0 ? undefined : before);
      if (before.length === 0) state.emptied();
    });
  }

  #evolution(operator: string, before: string): (value: unknown, key: unknown) => unknown {
    const evolve = this.#content.evolution(operator, before, this.#spec.state);
    return (slots, key) => {
      const [events, clocks, windows] = slots as [unknown, unknown, (readonly KeyWindow[])?];
      const evolved = windows?.map((one) => {
        return { ...one, value: one.records === 0 ? undefined : evolve(one.value, key) };
      });
      return [events, clocks, evolved];
    };
  }
}

/** K6: timers that are there already stay as they are. */
function setEndTimers(state: KeyedState, queue: TimerQueue): void {
  for (const cell of [...state.cells()]) {
    if (slotsOf(cell)[WINDOWS_SLOT] === undefined) continue;
    state.enter(cell);
    queue.set(END_MS);
    state.end();
  }
}
