/**
 * What a callback emits: held until it has returned, then handed on as far as there is room (operator.ts, O2). So user
 * code never runs inside of user code, and of a callback that throws nothing gets out.
 *
 * What is held is a copy, as the job's `records` option has it (record-keeper.ts): the callback may change a record
 * that it has emitted, and emit it again. What cannot be copied may still pass inside a chain, and is held as it is.
 */

import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import { NOT_BEHIND } from '../../channels/element.js';
import { type RecordKeeper, recordKeeper } from '../../channels/record-keeper.js';
import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { Output } from '../api/output.js';
import type { OperatorContext, Receiver } from '../operator.js';

/** Longer lists of held records are not kept for reuse. */
const HELD_KEPT_MAX = 1_024;

/** A held record that goes elsewhere, or has a time of its own. */
class Placed {
  readonly to: Receiver;
  readonly record: unknown;
  readonly timestamp: number;
  readonly behind: number;

  constructor(to: Receiver, record: unknown, timestamp: number, behind: number) {
    this.to = to;
    this.record = record;
    this.timestamp = timestamp;
    this.behind = behind;
  }
}

export class CallbackOutput implements Output<unknown> {
  readonly #where: string;
  #context!: OperatorContext;
  /** Undefined where nothing is copied. */
  #keeper: RecordKeeper | undefined;
  #isOpen = false;
  #timestamp = Number.NaN;
  #behind = NOT_BEHIND;
  /** Only the first `#count` are held. To set the length of an array costs more than a record does. */
  #held: unknown[] = [];
  #count = 0;
  /** Index of the next held record. */
  #at = 0;
  /** Index of the first record of what is dropped if it fails. */
  #from = 0;

  /** @param where whose callbacks they are, for messages: `process` */
  constructor(where: string) {
    this.#where = where;
  }

  open(context: OperatorContext): void {
    this.#context = context;
    // A chain looks at no record: that is for the queues behind it.
    this.#keeper = context.records === 'trusted' ? undefined : recordKeeper(context.records);
  }

  /** A callback begins: what it emits has this time and mark. What is still held keeps its own. */
  begin(timestamp: number, behind: number): void {
    this.#from = this.#count;
    this.at(timestamp, behind);
  }

  /** What is emitted from now on is dropped together, in whichever callbacks it is emitted. */
  mark(): void {
    this.#from = this.#count;
  }

  /** What is emitted from now on has this time and mark. */
  at(timestamp: number, behind: number): void {
    if (this.#at < this.#count) this.#place();
    this.#isOpen = true;
    this.#timestamp = timestamp;
    this.#behind = behind;
  }

  /** The callback has returned: what it has emitted goes on. */
  end(): void {
    this.#isOpen = false;
    if (this.#count > 0) this.resume();
  }

  /** It has failed: what was emitted since `mark`, or `begin`, is dropped. */
  drop(): void {
    this.#isOpen = false;
    if (this.#from === this.#at) this.#clear();
    else this.#count = this.#from;
  }

  emit(record: unknown): void {
    if (!this.#isOpen) this.requireCallback();
    this.put(typeof record === 'object' ? this.#kept(record) : record);
  }

  /** Emits a record with a time and mark of its own, in its turn, e.g. to a side output. */
  emitTo(to: Receiver, record: unknown, timestamp: number, behind: number): void {
    this.requireCallback();
    const kept = typeof record === 'object' ? this.#kept(record) : record;
    this.put(new Placed(to, kept, timestamp, behind));
  }

  /** Emits a row that was made for this, and that nobody else holds. */
  put(row: unknown): void {
    this.#held[this.#count] = row;
    this.#count += 1;
  }

  /** @throws HoldfastError ERR_HOLDFAST_OUTSIDE_CALLBACK when no callback is at work */
  requireCallback(): void {
    if (this.#isOpen) return;
    throw new HoldfastError(
      'ERR_HOLDFAST_OUTSIDE_CALLBACK',
      `ctx or out of ${this.#where} was used when no callback was at work. Use them before the callback returns: ` +
        'what comes later would belong to no record, and be in no checkpoint.',
    );
  }

  get suspended(): boolean {
    return this.#count > 0;
  }

  resume(): void {
    const held = this.#held;
    const { output, turn } = this.#context;
    while (this.#at < this.#count) {
      const record = held[this.#at];
      held[this.#at] = undefined;
      this.#at += 1;
      if (record instanceof Placed) {
        record.to.onElement(record.record, record.timestamp, 0, record.behind);
      } else {
        output.onElement(record, this.#timestamp, 0, this.#behind);
      }
      if (this.#at === this.#count) break;
      this.#context.alive();
      if (turn.pause) return;
    }
    this.#clear();
  }

  #kept(record: object | null): unknown {
    if (isThenable(record)) throw asyncCallbackError(this.#where);
    const keeper = this.#keeper;
    if (record === null || keeper === undefined) return record;
    try {
      return keeper.keep(record);
    } catch (error) {
      if (isHoldfastError(error, 'ERR_HOLDFAST_UNSUPPORTED_VALUE')) return record;
      throw error;
    }
  }

  /** What is still held gets its time and mark for good. */
  #place(): void {
    for (let i = this.#at; i < this.#count; i += 1) {
      const held = this.#held[i];
      if (held instanceof Placed) continue;
      this.#held[i] = new Placed(this.#context.output, held, this.#timestamp, this.#behind);
    }
  }

  #clear(): void {
    if (this.#count > HELD_KEPT_MAX) this.#held = [];
    this.#count = 0;
    this.#at = 0;
  }
}
