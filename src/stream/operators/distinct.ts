/**
 * One record of each key: a spec of `process`.
 *
 *  D1  Among records that are equal in what decides, the first is kept by 'first', and the last by 'last', in the order
 *      in which they come.
 *  D2  A record that is equal to the row it would replace changes nothing.
 *  D3  What decides is asked of the row that is kept, or kept beside it, if it is time. It is also kept without a row,
 *      after a deletion: an older record that comes later does not bring the key back.
 *  D4  What is no longer remembered stays where it was emitted: no row is taken back because of its age.
 */

import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { DistinctPlan } from '../api/changelog.js';
import { compareLists, type OrderValue, orderValues } from '../api/order-by.js';
import type { Output } from '../api/output.js';
import type { ProcessSpecData } from '../api/process.js';
import { type OwnedState, owned } from '../api/state-specs.js';
import type { StateVersion } from '../api/state-version.js';
import { emitChange, isSameRow, type Row, requireRow } from './changes.js';

interface SeenContext {
  readonly state: { readonly seen: OwnedState<true> };
}

/** Emits the record of each key that comes first, as it is. */
export function firstSpec({ ttlMs }: DistinctPlan): ProcessSpecData {
  return {
    state: { seen: owned('seen', {}, ttlMs) },
    onElement(record: unknown, { state: { seen } }: SeenContext, out: Output<unknown>) {
      if (seen.get() === true) return;
      seen.set(true);
      out.emit(record);
    },
  } as ProcessSpecData;
}

/** What is kept of a key. Former versions always kept both. */
type Kept = Row | readonly [row: Row | undefined, by: readonly OrderValue[]];

type Selectors = Exclude<DistinctPlan['by'], 'time'>;

interface KeptContext {
  readonly timestamp: number;
  readonly state: { readonly kept: OwnedState<Kept> };
}

/** Emits what becomes of the row of each key. */
export function latestSpec(plan: DistinctPlan): ProcessSpecData {
  const { by, deletes, keep, ttlMs } = plan;
  // What decides is kept: by another rule it would be compared with what it cannot be compared with.
  const type = `kept-${keep}-${by === 'time' ? by : by.length}`;
  const isDeletion = deletes as ((record: unknown) => unknown) | undefined;
  return {
    state: { kept: owned(type, rowMigrated(plan.state), ttlMs) },
    onElement(record: unknown, ctx: KeptContext, out: Output<unknown>) {
      const { kept } = ctx.state;
      const row = requireRow(record, 'distinctBy');
      const values = by === 'time' ? [ctx.timestamp] : orderValues(by, row);
      const gone = isDeletion?.(row);
      if (isThenable(gone)) throw asyncCallbackError('distinctBy({ deletes })');
      const content = kept.get();
      const before = isPair(content) ? content[0] : content;
      if (content !== undefined) {
        const decided = isPair(content) ? content[1] : orderValues(by as Selectors, content);
        if (!replaces(compareLists(values, decided), keep)) return; // D1
      }
      const after = gone === true ? undefined : kept.keep(row);
      // D3
      if (after !== undefined && by !== 'time') kept.set(after);
      else kept.set(after === undefined && values.length === 0 ? undefined : [after, values]);
      // D2
      const isSame = before !== undefined && after !== undefined && isSameRow(before, after);
      if (!isSame) emitChange(out, before, after);
    },
  } as ProcessSpecData;
}

/** A row is a plain object, and never an array. */
function isPair(content: Kept | undefined): content is Exclude<Kept, Row> {
  return Array.isArray(content);
}

function replaces(sign: number, keep: DistinctPlan['keep']): boolean {
  return keep === 'last' ? sign >= 0 : sign < 0;
}

/** What users migrate is a row. */
function rowMigrated({ version, migrate }: StateVersion<unknown>): StateVersion<unknown> {
  if (migrate === undefined) return { version };
  const one = migrate as (row: unknown, from: number) => Row;
  return {
    version,
    migrate(given: never, from: number): Kept {
      const kept = given as Kept;
      if (!isPair(kept)) return one(kept, from);
      const [row, by] = kept;
      return [row && one(row, from), by];
    },
  };
}
