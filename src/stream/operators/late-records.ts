import type { OperatorContext, Receiver } from '../operator.js';

/** Where an operator puts the records that are too late for it (lateness.ts): aside, or among those that are counted. */
export class LateRecords {
  readonly #context: OperatorContext;
  readonly #side: Receiver | undefined;

  /** @param tag of a side output; undefined: they are counted as `lateRecords` */
  constructor(context: OperatorContext, tag: string | undefined) {
    this.#context = context;
    this.#side = tag === undefined ? undefined : context.side(tag);
  }

  take(record: unknown, timestamp: number, behind: number): void {
    if (this.#side === undefined) this.#context.count('lateRecords', 1);
    else this.#side.onElement(record, timestamp, 0, behind);
  }
}
