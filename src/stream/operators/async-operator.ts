/**
 * One result for each record, of a promise: several records are in flight at a time (`mapAsync`, `mapOnPool`).
 *
 *  Y1  In flight is a record that was taken and whose result has not gone out. There are `capacity` of them, or a few
 *      more: what one record of the task still brings, and what a restore gives. Of these, calls begin in order.
 *  Y2  Records between two watermarks are a segment. Results leave only the first one: in the order of its records, or
 *      as they come. When all are out, the watermark behind them goes, and the next segment is the first.
 *  Y3  The snapshot holds the records in flight, and nothing of their calls. After a restore they are called again,
 *      in order, before what comes from the input. Watermarks that waited are left out: the task says its own again
 *      (task.ts, K4), behind what was restored.
 *  Y4  An attempt settles once: with its promise, or by its timeout. What comes later of it is not heard.
 *  Y5  A record that has failed, and is not tried again, is told of in its turn, as if that were its result.
 *  Y6  The operator keeps a copy of the record, and each attempt gets one of its own: the callback may change it, and
 *      so may whoever has emitted it.
 *
 * The method is that of Flink's AsyncWaitOperator.
 */

import { HoldfastError } from '../../base/errors.js';
import { messageOf } from '../../base/realm.js';
import { type RecordKeeper, recordKeeper } from '../../channels/record-keeper.js';
import { type BackOffState, freshBackOff, nextDelay } from '../../supervisor/back-off.js';
import type { AsyncCall, AsyncSettings } from '../api/async-map.js';
import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { Capture, Operator, OperatorContext, RestoredSection } from '../operator.js';
import { InFlightCapture, restoredInFlight, type TakenRecord } from '../state/in-flight-section.js';

/** What is done for a record. */
export interface AsyncWork {
  open?(context: OperatorContext): Promise<void>;
  call(record: unknown, call: AsyncCall): unknown;
  /** Calls that may be under way at a time, known when it is open; absent: as many as there are records. */
  readonly callsMax?: number;
  close?(): Promise<void>;
}

interface Flight extends TakenRecord {
  readonly segment: Segment;
  attempt: number;
  backOff: BackOffState;
  /** Of the attempt under way. */
  controller: AbortController | undefined;
  /** The attempt's timeout, or the next attempt's beginning. */
  timer: NodeJS.Timeout | undefined;
  outcome: Outcome | undefined;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** Y2 */
interface Segment {
  /** In the order in which they were taken. */
  readonly flights: Set<Flight>;
  /** Where order does not matter: those with an outcome, in the order in which they got it. */
  readonly done: Flight[];
  /** What comes behind them. */
  watermark: number | undefined;
  idle: { readonly isSilent: boolean } | undefined;
}

const newSegment = (): Segment => ({
  flights: new Set(),
  done: [],
  watermark: undefined,
  idle: undefined,
});

const chance = { next: Math.random };

/** @param where the method that makes it, for messages */
export function asyncOperator(
  where: string,
  create: () => AsyncWork,
  settings: AsyncSettings,
): () => Operator {
  return () => new AsyncOperator(where, create(), settings);
}

class AsyncOperator implements Operator {
  readonly divisible = true;
  readonly #where: string;
  readonly #work: AsyncWork;
  readonly #settings: AsyncSettings;
  #context!: OperatorContext;
  #keeper!: RecordKeeper;
  /** Never empty. */
  readonly #segments: Segment[] = [newSegment()];
  /** Records in flight (Y1). */
  #count = 0;
  /** Attempts under way. */
  #calls = 0;
  /** Records whose next attempt waits until one of those has settled. */
  readonly #waiting: Flight[] = [];
  #isClosed = false;

  constructor(where: string, work: AsyncWork, settings: AsyncSettings) {
    this.#where = where;
    this.#work = work;
    this.#settings = settings;
  }

  open(context: OperatorContext, restored: readonly RestoredSection[]): void | Promise<void> {
    this.#context = context;
    this.#keeper = recordKeeper(context.records);
    for (const taken of restoredInFlight(context, restored)) this.#take(taken);
    const opened = this.#work.open?.(context);
    if (opened === undefined) this.#callWaiting();
    else return opened.then(() => this.#callWaiting());
  }

  get saturated(): boolean {
    return this.#count >= this.#settings.capacity;
  }

  get pending(): boolean {
    return this.#count > 0 || this.#segments.length > 1 || hasControl(this.#segments[0]!);
  }

  get suspended(): boolean {
    const first = this.#segments[0]!;
    return this.#nextOf(first) !== undefined || (first.flights.size === 0 && hasControl(first));
  }

  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    this.#take({ record: this.#keeper.keep(record), timestamp, group, behind });
    this.#callWaiting();
    if (this.saturated) this.#context.pause();
  }

  onWatermark(timeMs: number): void {
    const last = this.#segments.at(-1)!;
    if (!this.pending) this.#context.output.onWatermark(timeMs);
    else {
      last.watermark = timeMs;
      last.idle = undefined;
    }
  }

  onIdle(isSilent: boolean): void {
    if (!this.pending) this.#context.output.onIdle?.(isSilent);
    else this.#segments.at(-1)!.idle = { isSilent };
  }

  resume(): void {
    const { turn } = this.#context;
    while (this.suspended) {
      const first = this.#segments[0]!;
      const flight = this.#nextOf(first);
      if (flight === undefined) this.#emitControl(first);
      else this.#emit(flight);
      this.#context.alive();
      if (turn.pause) return;
    }
  }

  capture(): Capture | undefined {
    if (this.#count === 0) return undefined;
    return new InFlightCapture(this.#segments.flatMap(({ flights }) => [...flights]));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const reason = new HoldfastError(
      'ERR_HOLDFAST_CANCELED',
      `the call was given up, because the task of ${this.#where} has stopped.`,
    );
    for (const { flights } of this.#segments) {
      for (const { timer, controller } of flights) {
        clearTimeout(timer);
        controller?.abort(reason);
      }
    }
    await this.#work.close?.();
  }

  #take(taken: TakenRecord): void {
    let segment = this.#segments.at(-1)!;
    if (hasControl(segment)) {
      segment = newSegment();
      this.#segments.push(segment);
    }
    const flight: Flight = {
      ...taken,
      segment,
      attempt: 0,
      backOff: freshBackOff,
      controller: undefined,
      timer: undefined,
      outcome: undefined,
    };
    segment.flights.add(flight);
    this.#waiting.push(flight);
    this.#count += 1;
  }

  #callWaiting(): void {
    const { capacity } = this.#settings;
    const callsMax = Math.min(capacity, this.#work.callsMax ?? capacity);
    while (this.#calls < callsMax && this.#waiting.length > 0 && !this.#isClosed) {
      this.#call(this.#waiting.shift()!);
    }
  }

  #call(flight: Flight): void {
    const controller = new AbortController();
    flight.controller = controller;
    flight.attempt += 1;
    this.#calls += 1;
    flight.timer = setTimeout(() => this.#timedOut(flight), this.#settings.timeoutMs);
    const { timestamp, attempt } = flight;
    const record = this.#keeper.keep(flight.record); // Y6
    const { signal } = controller;
    const time = Number.isNaN(timestamp) ? undefined : timestamp;
    // Whatever the callback throws, also before it gives a promise, is the attempt's failure.
    const answer = new Promise((resolve) => {
      resolve(this.#work.call(record, { signal, attempt, timestamp: time }));
    });
    const settle = (act: () => void): void => {
      if (flight.controller !== controller || this.#isClosed) return; // Y4
      act();
    };
    answer.then(
      (value) => settle(() => this.#settled(flight, { value })),
      (error: unknown) => settle(() => this.#failed(flight, error)),
    );
  }

  #timedOut(flight: Flight): void {
    const { controller } = flight;
    const error = timeoutError(this.#where, this.#context.operator, this.#settings.timeoutMs);
    this.#context.count('asyncTimeouts', 1);
    this.#failed(flight, error);
    controller?.abort(error);
  }

  #failed(flight: Flight, error: unknown): void {
    const { retry } = this.#settings;
    if (retry === undefined) {
      this.#settled(flight, { error });
      return;
    }
    const again = this.#isWorthRetrying(error);
    if ('error' in again) {
      this.#settled(flight, again);
      return;
    }
    const answer = nextDelay(flight.backOff, retry, 0, chance);
    if (answer.kind === 'give-up') {
      const spent = spentError(this.#where, this.#context.operator, flight.attempt, error);
      this.#settled(flight, { error: spent });
      return;
    }
    this.#endAttempt(flight);
    this.#context.count('asyncRetries', 1);
    flight.backOff = answer.state;
    flight.timer = setTimeout(() => {
      this.#waiting.unshift(flight);
      this.#callWaiting();
    }, answer.delayMs);
    this.#callWaiting();
  }

  /** @returns the error that ends it when it is not */
  #isWorthRetrying(error: unknown): { readonly error: unknown } | { readonly yes: true } {
    const { retryIf } = this.#settings;
    try {
      if (retryIf === undefined) return { yes: true };
      const answer: unknown = retryIf(error);
      if (!isThenable(answer)) return answer ? { yes: true } : { error };
      answer.then(undefined, () => {});
      return { error: asyncCallbackError(`${this.#where}({ retryIf })`) };
    } catch (thrown) {
      return { error: thrown };
    }
  }

  #settled(flight: Flight, outcome: Outcome): void {
    this.#endAttempt(flight);
    flight.outcome = outcome;
    if (!this.#settings.ordered) flight.segment.done.push(flight);
    this.#callWaiting();
    if (this.suspended) this.#context.wake();
  }

  #endAttempt(flight: Flight): void {
    clearTimeout(flight.timer);
    flight.controller = undefined;
    this.#calls -= 1;
  }

  /** The flight of the segment that may go out; undefined when it has to wait. */
  #nextOf({ flights, done }: Segment): Flight | undefined {
    if (!this.#settings.ordered) return done[0];
    for (const flight of flights) return flight.outcome === undefined ? undefined : flight;
    return undefined;
  }

  #emit(flight: Flight): void {
    const { record, timestamp, behind, segment } = flight;
    const outcome = flight.outcome!;
    segment.flights.delete(flight);
    if (!this.#settings.ordered) segment.done.shift();
    this.#count -= 1;
    if ('value' in outcome) this.#context.output.onElement(outcome.value, timestamp, 0, behind);
    else this.#context.reject?.(record, timestamp, outcome.error, behind); // Y5
  }

  #emitControl({ watermark, idle }: Segment): void {
    this.#segments.shift();
    if (this.#segments.length === 0) this.#segments.push(newSegment());
    const { output } = this.#context;
    if (watermark !== undefined) output.onWatermark(watermark);
    if (idle !== undefined) output.onIdle?.(idle.isSilent);
  }
}

function hasControl({ watermark, idle }: Segment): boolean {
  return watermark !== undefined || idle !== undefined;
}

function timeoutError(where: string, operator: string, timeoutMs: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_ASYNC_TIMEOUT',
    `a call of ${where} ('${operator}') had not settled after ${timeoutMs} ms (timeoutMs). Give it more time with ` +
      '{ timeoutMs }, try again with { retry }, or put such records aside with .onError(…).',
    { details: { operator, timeoutMs } },
  );
}

function spentError(
  where: string,
  operator: string,
  attempts: number,
  cause: unknown,
): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_ASYNC_RETRIES_SPENT',
    `${where} ('${operator}') has failed ${attempts} times for one record, as often as retry allows. The last ` +
      `error: ${messageOf(cause)}`,
    { cause, details: { operator, attempts } },
  );
}
