/**
 * From a changelog to what a table holds under each key: `{ key, row }`, where `row` is null when there is none any more.
 *
 *  U1  The keys of the table need not be those of the operator that has made the rows. So a key may go from a row of one
 *      instance to a row of another, and the new one may come before the old one is taken back. Therefore all rows are
 *      kept that are there under a key, mostly one. The newest is in the table; one that is taken back from behind it
 *      changes nothing.
 *  U2  Of a replaced row the new one comes first (`replacedLast`), so that its key is in the table all the time.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Output } from '../api/output.js';
import type { ProcessSpecData } from '../api/process.js';
import { type OwnedState, owned } from '../api/state-specs.js';
import type { Operator, OperatorContext } from '../operator.js';
import type { Upsert } from '../sink.js';
import { type ChangedRow, notThere, type Row, rowOf, takesBack } from './changes.js';
import { StatelessOperator } from './stateless-operator.js';

interface Context {
  readonly key: unknown;
  readonly state: { readonly rows: OwnedState<Row[]> };
}

export const upsertsSpec = {
  state: { rows: owned<Row[]>('table-rows') },
  onElement(record: ChangedRow, { key, state: { rows } }: Context, out: Output<Upsert<Row>>) {
    const row = rowOf(record);
    const there = rows.get() ?? [];
    if (!takesBack(record)) {
      const own = rows.keep(row);
      if (there.length === 0) rows.set([own]);
      else {
        rows.change(() => there.pop());
        there.push(own);
      }
      out.emit({ key, row: own });
      return;
    }
    const at = there.findLastIndex((one) => isDeepStrictEqual(one, row));
    if (at < 0) throw notThere('the table');
    const removed = there[at]!;
    if (there.length === 1) {
      rows.set(undefined);
      out.emit({ key, row: null });
      return;
    }
    rows.change(() => there.splice(at, 0, removed));
    there.splice(at, 1);
    if (at === there.length) out.emit({ key, row: there.at(-1)! });
  },
} as unknown as ProcessSpecData;

/** Exchanges a -U and the +U that follows it directly (U2). */
export function replacedLastOperator(): Operator {
  return new ReplacedLast();
}

class ReplacedLast extends StatelessOperator {
  #turn!: OperatorContext['turn'];
  /** A -U that waits: for its +U, or, when that has gone on, for its turn. */
  #replaced: readonly [record: unknown, timestamp: number, behind: number] | undefined;
  #isBusy = false;

  override open(context: OperatorContext): void {
    super.open(context);
    this.#turn = context.turn;
  }

  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    if (this.#isBusy) this.resume();
    if ((record as ChangedRow).change === '-U') {
      this.#replaced = [record, timestamp, behind];
      return;
    }
    this.output.onElement(record, timestamp, 0, behind);
    if (this.#replaced === undefined) return;
    this.#isBusy = true;
    if (!this.#turn.pause) this.resume();
  }

  get suspended(): boolean {
    return this.#isBusy;
  }

  resume(): void {
    const [record, timestamp, behind] = this.#replaced!;
    this.#replaced = undefined;
    this.#isBusy = false;
    this.output.onElement(record, timestamp, 0, behind);
  }
}
