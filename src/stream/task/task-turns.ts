/**
 * Operators of a chain that have stopped half-way (operator.ts, O2), or that hold output back to save work.
 *
 *  S1  The most downstream suspended operator goes on before the others, so that no operator gets more than it
 *      has room for.
 *  S2  For a checkpoint that does not wait, half-done work can be forced to its end. It then emits into full
 *      outputs, as much as one record emits, and FORCED_RESUMES_MAX times at most. Divisible work is left
 *      as it is.
 *  S3  While an operator is saturated (operator.ts, O5), none before it goes on. What is behind it does, and it itself.
 */

import type { Operator } from '../operator.js';
import { earlier } from '../state/time-section.js';
import { locate } from './located-error.js';
import type { ChainOperator } from './task-chain.js';
import type { TaskGate } from './task-gate.js';

const FORCED_RESUMES_MAX = 4_096;

export class TaskTurns {
  readonly #operators: readonly ChainOperator[];
  readonly #gate: TaskGate;
  /** Most downstream first (S1). */
  readonly #suspendable: readonly Operator[];
  readonly #settling: readonly Operator[];
  /** Those that may be saturated. */
  readonly #limited: readonly Operator[];
  readonly #moved: () => void;
  #forced = 0;

  /** @param operators upstream before downstream @param moved called before an operator does anything */
  constructor(operators: readonly ChainOperator[], gate: TaskGate, moved: () => void) {
    this.#operators = operators;
    this.#gate = gate;
    this.#moved = moved;
    const all = operators.map(({ operator }) => operator);
    this.#suspendable = all.filter((operator) => operator.resume !== undefined).reverse();
    this.#settling = all.filter((operator) => operator.settle !== undefined);
    this.#limited = all.filter((operator) => operator.saturated !== undefined);
  }

  get suspended(): boolean {
    return this.#suspendable.some((operator) => operator.suspended === true);
  }

  /** Is an operator suspended that may go on? */
  get canResume(): boolean {
    return this.#next() !== undefined;
  }

  /** Has an operator no room for records? */
  get saturated(): boolean {
    return this.#limited.some((operator) => operator.saturated === true);
  }

  /** Has an operator taken something that has not gone out? */
  get pending(): boolean {
    return this.#limited.some((operator) => operator.pending === true);
  }

  /** Lets suspended operators go on. True when none is suspended any more. */
  resume(): boolean {
    for (;;) {
      const next = this.#next();
      if (next === undefined) return !this.suspended;
      if (this.#gate.pause) return false;
      this.#moved();
      this.#operate(next, () => next.resume?.());
    }
  }

  /**
   * The input rests for a moment: operators emit what they hold back.
   * @returns false when one has stopped half-way: those behind it are told when it has gone on
   */
  settle(): boolean {
    for (const operator of this.#settling) {
      if (this.suspended) return false;
      this.#operate(operator, () => operator.settle?.());
    }
    return true;
  }

  /** When time alone gives `settle` something to do (performance.now() ms). */
  get dueMs(): number | undefined {
    let due: number | undefined;
    for (const { dueMs } of this.#settling) due = earlier(due, dueMs);
    return due;
  }

  /** Is there half-done work that `force` could bring further? */
  get canForce(): boolean {
    return this.#forced < FORCED_RESUMES_MAX || this.#indivisible() === undefined;
  }

  /**
   * Brings half-done work that cannot be divided to its end (S2), until `deadline` (performance.now() ms) or a
   * little longer. True when none of it is left.
   */
  force(deadline: number): boolean {
    for (let isFirst = true; ; isFirst = false) {
      const next = this.#indivisible();
      if (next === undefined) return true;
      if (this.#forced >= FORCED_RESUMES_MAX) return false;
      if (!isFirst && performance.now() >= deadline) return false;
      this.#forced += 1;
      this.#moved();
      this.#operate(next, () => next.resume?.());
    }
  }

  /** A part is about to be taken. */
  beforeBarrier(): void {
    for (const { operator } of this.#operators) {
      if (operator.beforeBarrier === undefined) continue;
      this.#operate(operator, () => operator.beforeBarrier?.());
    }
  }

  /** The part for which work was forced has been taken. */
  forced(): void {
    this.#forced = 0;
  }

  /** S1, S3 */
  #next(): Operator | undefined {
    for (const operator of this.#suspendable) {
      if (operator.suspended === true) return operator;
      if (operator.saturated === true) return undefined;
    }
    return undefined;
  }

  #indivisible(): Operator | undefined {
    return this.#suspendable.find(({ suspended, divisible }) => suspended && divisible !== true);
  }

  #operate(operator: Operator, act: () => void): void {
    try {
      act();
    } catch (error) {
      const entry = this.#operators.find((candidate) => candidate.operator === operator);
      throw locate(error, entry!.node.id);
    }
  }
}
