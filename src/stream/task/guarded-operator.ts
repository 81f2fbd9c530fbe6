/**
 * Wraps an operator with `.onError(…)`: puts aside the records that the operator fails on.
 *
 *  D1  What an operator emits for a record is held until the operator has returned, and only then goes on: of
 *      a record that fails, nothing gets out. So `flatMap`'s answer is read to its end first, and has to fit
 *      in memory.
 *  D2  The operator itself undoes what a failed record has changed in its state: `context.undoes` tells it to.
 *  D3  A record is put aside when the operator's own user code throws on it, or gives something that is wrong.
 *      What is thrown downstream is not this operator's. A mistake of ours, or of the job as a whole (a
 *      callback that is asynchronous, a changelog without its order), fails the task as without `.onError`.
 *  D4  Each record that is put aside is counted once, in the task's snapshot, as `deadLetters` and
 *      `deadLetters:OPERATOR`.
 *  D5  A firing is no record: its rows go out one by one, and only the ones that fail are put aside
 *      (`context.reject`). So is a record whose call fails later.
 */

import { HoldfastError } from '../../base/errors.js';
import { describeRecord, toFailure } from '../../base/failure.js';
import { NOT_BEHIND } from '../../channels/element.js';
import { copyValue } from '../../codec/value-codec.js';
import type { DeadLetter } from '../dead-letter.js';
import type {
  Capture,
  Operator,
  OperatorContext,
  Port,
  Receiver,
  RestoredSection,
  Turn,
} from '../operator.js';
import { known, LocatedError } from './located-error.js';

type Held =
  | {
      readonly to: Receiver;
      readonly record: unknown;
      readonly timestamp: number;
      readonly group: number;
      readonly behind: number;
    }
  | { readonly to: Receiver; readonly timeMs: number };

export class GuardedOperator implements Operator {
  readonly ports?: readonly Port[];
  readonly #inner: Operator;
  readonly #tag: string | undefined;
  #context!: OperatorContext;
  #side: Receiver | undefined;
  /** The operator is at work on a record: what it emits is held (D1). */
  #holding = false;
  readonly #held: Held[] = [];
  /** Index of the next held element to be emitted. */
  #at = 0;

  /** @param tag the side output for failed records; undefined: they are only counted */
  constructor(inner: Operator, tag: string | undefined) {
    this.#inner = inner;
    this.#tag = tag;
    const { ports } = inner;
    if (ports !== undefined) this.ports = ports.map((port) => this.#guarded(port));
  }

  open(context: OperatorContext, restored: readonly RestoredSection[]): void | Promise<void> {
    this.#context = context;
    this.#side = this.#tag === undefined ? undefined : context.side(this.#tag);
    const sides = new Map<string, Receiver | undefined>();
    const guarded: OperatorContext = {
      ...context,
      output: this.#holder(context.output),
      turn: this.#turn(context.turn),
      undoes: true,
      side: (tag) => {
        const side = context.side(tag);
        if (!sides.has(tag)) sides.set(tag, side && this.#holder(side));
        return sides.get(tag);
      },
      reject: (what, timestamp, error, behind = NOT_BEHIND) => {
        if (!isPutAside(error)) context.reject?.(what, timestamp, error);
        this.#putAside(what, timestamp, behind, error);
      },
    };
    return this.#inner.open(guarded, restored);
  }

  get suspended(): boolean {
    return this.#held.length > 0 || this.#inner.suspended === true;
  }

  get divisible(): boolean {
    return this.#held.length === 0 && this.#inner.divisible === true;
  }

  get saturated(): boolean | undefined {
    return this.#inner.saturated;
  }

  get pending(): boolean {
    return this.#held.length > 0 || this.#inner.pending === true;
  }

  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    this.#process(this.#inner, record, timestamp, group, behind);
  }

  #guarded(port: Port): Port {
    return {
      onElement: (record, timestamp, group, behind) =>
        this.#process(port, record, timestamp, group, behind),
    };
  }

  #process(
    to: Port & Pick<Operator, 'unwrapped'>,
    record: unknown,
    timestamp: number,
    group: number,
    behind: number,
  ): void {
    this.#holding = true;
    try {
      to.onElement(record, timestamp, group, behind);
    } catch (error) {
      this.#holding = false;
      this.#held.length = 0;
      if (!isPutAside(error)) throw error;
      this.#putAside(known(to, record), timestamp, behind, error);
      return;
    }
    this.#holding = false;
    this.#emit();
  }

  onWatermark(timeMs: number): void {
    this.#inner.onWatermark(timeMs);
  }

  onIdle(isSilent: boolean): void {
    this.#inner.onIdle?.(isSilent);
  }

  get dueMs(): number | undefined {
    return this.#inner.dueMs;
  }

  resume(): void {
    if (this.#held.length > 0) this.#emit();
    else this.#inner.resume?.();
  }

  settle(): void {
    this.#inner.settle?.();
  }

  beforeBarrier(): void {
    this.#inner.beforeBarrier?.();
  }

  capture(checkpoint: number, base?: number): Capture | undefined {
    return this.#inner.capture?.(checkpoint, base);
  }

  close(): void | Promise<void> {
    return this.#inner.close?.();
  }

  /** Emits what was held, as far as there is room (operator.ts, O2). */
  #emit(): void {
    const held = this.#held;
    while (this.#at < held.length) {
      const one = held[this.#at]!;
      this.#at += 1;
      if ('timeMs' in one) one.to.onWatermark(one.timeMs);
      else one.to.onElement(one.record, one.timestamp, one.group, one.behind);
      if (this.#at === held.length) break;
      this.#context.alive();
      if (this.#context.turn.pause) return;
    }
    held.length = 0;
    this.#at = 0;
  }

  #holder(to: Receiver): Receiver {
    return {
      onElement: (record, timestamp, group, behind) => {
        if (this.#holding) this.#held.push({ to, record, timestamp, group, behind });
        else to.onElement(record, timestamp, group, behind);
      },
      onWatermark: (timeMs) => {
        if (this.#holding) this.#held.push({ to, timeMs });
        else to.onWatermark(timeMs);
      },
      // Not while a record is at work: whoever emits is not idle.
      onIdle: (isSilent) => to.onIdle?.(isSilent),
    };
  }

  /** While output is held, a full output is no reason to pause. */
  #turn(turn: Turn): Turn {
    const isHolding = (): boolean => this.#holding;
    return {
      get pause() {
        return !isHolding() && turn.pause;
      },
    };
  }

  #putAside(what: unknown, timestamp: number, behind: number, error: unknown): void {
    const { operator, count } = this.#context;
    count('deadLetters', 1); // D4
    count(`deadLetters:${operator}`, 1);
    if (this.#side === undefined) return;
    const { name, message, code = null } = toFailure(error, 'user-code');
    const letter: DeadLetter<unknown> = {
      ...travelling(what),
      error: { name, message, code },
      operator,
      timestamp: Number.isNaN(timestamp) ? null : timestamp,
    };
    this.#side.onElement(letter, timestamp, 0, behind);
  }
}

/** Errors that are not of the record on which they are noticed. */
const OF_THE_JOB: ReadonlySet<string> = new Set([
  'ERR_HOLDFAST_INTERNAL',
  'ERR_HOLDFAST_ASYNC_CALLBACK',
  'ERR_HOLDFAST_CHANGELOG',
  'ERR_HOLDFAST_INEXACT_SUM',
]);

/** D3 */
function isPutAside(error: unknown): boolean {
  if (error instanceof LocatedError) return false;
  if (!(error instanceof HoldfastError)) return true;
  return !OF_THE_JOB.has(error.code);
}

/** A copy that nobody changes any more; or a description, when the record cannot leave the operator. */
function travelling(what: unknown): Pick<DeadLetter<unknown>, 'record' | 'description'> {
  try {
    return { record: copyValue(what, 'record') };
  } catch {
    return { record: undefined, description: describeRecord(what) };
  }
}
