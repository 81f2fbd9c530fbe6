/** A window of a key, as the key's state has it, and what its trigger is given. */

import { type Clock, machineClock } from '../../base/clock.js';
import { HoldfastError } from '../../base/errors.js';
import { type RecordKeeper, recordKeeper } from '../../channels/record-keeper.js';
import { describeValue } from '../api/callbacks.js';
import type { TriggerContext } from '../api/triggers.js';
import type { WindowBounds } from '../api/windows.js';
import type { OperatorContext } from '../operator.js';
import { detachedKey } from '../state/detached.js';
import type { KeyedState } from '../state/keyed-state.js';
import type { EventTimers } from './event-timers.js';
import type { TimerQueue } from './timer-queue.js';

/** Part of the snapshot format, as a value. */
export interface KeyWindow {
  start: number;
  end: number;
  /** What its records have come to; undefined when there are none. */
  value: unknown;
  /** Records since it was purged, and since it has fired. */
  records: number;
  fresh: number;
  /** Greatest event time of its records; −∞ for none. */
  lastMs: number;
  /** The trigger's own state. */
  trigger: unknown;
  /** Timers of the trigger, of event time and of the clock. */
  events: number[];
  clocks: number[];
}

/** A window without records. */
export function newWindow(start: number, end: number): KeyWindow {
  // A literal without `...`, which would give each window a hidden class of its own: every look at it would be a search.
  return {
    start,
    end,
    value: undefined,
    records: 0,
    fresh: 0,
    lastMs: Number.NEGATIVE_INFINITY,
    trigger: undefined,
    events: [],
    clocks: [],
  };
}

export interface TriggerParts {
  readonly context: OperatorContext;
  readonly state: KeyedState;
  readonly timers: EventTimers;
  readonly clock: TimerQueue;
  /** Does the trigger do anything when a timer's time has come? */
  readonly hasOnTimer: boolean;
}

/** One for all calls of an operator. */
export class TriggerCallContext implements TriggerContext<unknown> {
  readonly state: TriggerContext<unknown>['state'];
  readonly timers: TriggerContext<unknown>['timers'];
  readonly #parts: TriggerParts;
  readonly #watch: Clock;
  #window!: KeyWindow;
  #timestamp = Number.NaN;

  constructor(parts: TriggerParts) {
    const { context, state, timers, clock } = parts;
    const keeper: RecordKeeper = recordKeeper(context.records, 'state of a trigger');
    this.#parts = parts;
    this.#watch = context.clock ?? machineClock;
    this.state = {
      get: () => keeper.keep(this.#current().trigger),
      set: (value) => {
        const kept = keeper.keep(value);
        state.keeps(kept);
        this.#current().trigger = kept;
      },
    };
    this.timers = {
      eventTime: (ms) => this.#set(this.#current().events, timers.queue, ms, 'eventTime'),
      deleteEventTime: (ms) => remove(this.#current().events, ms),
      processingTime: (ms) => this.#set(this.#current().clocks, clock, ms, 'processingTime'),
      deleteProcessingTime: (ms) => remove(this.#current().clocks, ms),
    };
  }

  /** The trigger is asked about a window. @param timestamp of the record or timer */
  begin(window: KeyWindow, timestamp: number): void {
    this.#window = window;
    this.#timestamp = timestamp;
  }

  get key(): unknown {
    return detachedKey(this.#parts.state.key);
  }

  get window(): WindowBounds {
    const { start, end } = this.#current();
    return { windowStart: start, windowEnd: end };
  }

  get records(): number {
    return this.#current().records;
  }

  get timestamp(): number {
    this.#parts.state.requireCallback();
    return this.#timestamp;
  }

  get watermark(): number {
    const { state, timers } = this.#parts;
    state.requireCallback();
    return timers.watermarkOf(state.group);
  }

  get now(): number {
    this.#parts.state.requireCallback();
    return this.#watch.now();
  }

  /** A method for the reason of `#areDue` in timed-operator.ts. */
  #current(): KeyWindow {
    this.#parts.state.requireCallback();
    return this.#window;
  }

  #set(times: number[], queue: TimerQueue, ms: number, method: string): void {
    if (typeof ms !== 'number' || !Number.isFinite(ms)) {
      throw new HoldfastError(
        'ERR_HOLDFAST_USER_CODE',
        `ctx.timers.${method}(ms) of a trigger needs a time in ms, a finite number, but was given ${describeValue(ms)}.`,
      );
    }
    if (!this.#parts.hasOnTimer) {
      throw new HoldfastError(
        'ERR_HOLDFAST_USER_CODE',
        `ctx.timers.${method}(…) was called in a trigger without onTimer, so nothing would happen when the time comes. ` +
          'Give it an onTimer.',
      );
    }
    if (times.includes(ms)) return;
    times.push(ms);
    queue.set(ms);
  }
}

function remove(times: number[], ms: number): void {
  const at = times.indexOf(ms);
  if (at >= 0) times.splice(at, 1);
}
