/**
 * Emits what has become of a row: it is new, gone, or replaced. The two records of a replaced row go on one by one, as
 * far as there is room (operator.ts, O2).
 */

import { NOT_BEHIND } from '../../channels/element.js';
import type { OperatorContext, Receiver } from '../operator.js';
import { type ChangedRow, changed, type Row } from './changes.js';

export class ChangeOutput {
  readonly #to: Receiver;
  readonly #turn: OperatorContext['turn'];
  /** The +U that is still to go on. */
  #next: ChangedRow | undefined;
  #timestamp = Number.NaN;
  #behind = NOT_BEHIND;

  constructor(to: Receiver, { turn }: Pick<OperatorContext, 'turn'>) {
    this.#to = to;
    this.#turn = turn;
  }

  /** @param before undefined: there was no row @param after undefined: there is none any more */
  emit(before: Row | undefined, after: Row | undefined, timestamp: number, behind: number): void {
    // Whoever does not look at the turn between two records may come again before it is our turn.
    this.resume();
    const to = this.#to;
    if (before === undefined) {
      if (after !== undefined) to.onElement(changed(after, '+I'), timestamp, 0, behind);
    } else if (after === undefined) {
      to.onElement(changed(before, '-D'), timestamp, 0, behind);
    } else {
      this.#next = changed(after, '+U');
      this.#timestamp = timestamp;
      this.#behind = behind;
      to.onElement(changed(before, '-U'), timestamp, 0, behind);
      if (!this.#turn.pause) this.resume();
    }
  }

  /** The same, but a row that is replaced by an equal one has not changed. The rows have the same fields. */
  emitChanged(before: Row | undefined, after: Row, timestamp: number, behind: number): void {
    if (before !== undefined && Object.keys(after).every(isSame(before, after))) return;
    this.emit(before, after, timestamp, behind);
  }

  get suspended(): boolean {
    return this.#next !== undefined;
  }

  resume(): void {
    const next = this.#next;
    if (next === undefined) return;
    this.#next = undefined;
    this.#to.onElement(next, this.#timestamp, 0, this.#behind);
  }
}

function isSame(before: Row, after: Row): (name: string) => boolean {
  return (name) => Object.is(before[name], after[name]);
}
