/**
 * What a callback emits: held until it has returned, then handed on as far as there is room (operator.ts, O2). So user
 * code never runs inside of user code, and of a callback that throws nothing gets out.
 */

import { HoldfastError } from '../../base/errors.js';
import { NOT_BEHIND } from '../../channels/element.js';
import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { Output } from '../api/output.js';
import type { OperatorContext } from '../operator.js';

/** Longer lists of held records are not kept for reuse. */
const HELD_KEPT_MAX = 1_024;

export class CallbackOutput implements Output<unknown> {
  readonly #where: string;
  #context!: OperatorContext;
  #isOpen = false;
  #timestamp = Number.NaN;
  #behind = NOT_BEHIND;
  #held: unknown[] = [];
  /** Index of the next held record. */
  #at = 0;

  /** @param where whose callbacks they are, for messages: `connect` */
  constructor(where: string) {
    this.#where = where;
  }

  open(context: OperatorContext): void {
    this.#context = context;
  }

  /** A callback begins: what it emits has this time and mark. */
  begin(timestamp: number, behind: number): void {
    this.#isOpen = true;
    this.#timestamp = timestamp;
    this.#behind = behind;
  }

  /** The callback has returned: what it has emitted goes on. */
  end(): void {
    this.#isOpen = false;
    if (this.#held.length > 0) this.resume();
  }

  /** The callback has failed: what it has emitted is dropped. */
  drop(): void {
    this.#isOpen = false;
    this.#clear();
  }

  emit(record: unknown): void {
    this.requireCallback();
    if (isThenable(record)) throw asyncCallbackError(this.#where);
    this.#held.push(record);
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
    return this.#held.length > 0;
  }

  resume(): void {
    const held = this.#held;
    const { output, turn } = this.#context;
    while (this.#at < held.length) {
      const record = held[this.#at];
      this.#at += 1;
      output.onElement(record, this.#timestamp, 0, this.#behind);
      if (this.#at === held.length) break;
      this.#context.alive();
      if (turn.pause) return;
    }
    this.#clear();
  }

  #clear(): void {
    if (this.#held.length > HELD_KEPT_MAX) this.#held = [];
    else this.#held.length = 0;
    this.#at = 0;
  }
}
