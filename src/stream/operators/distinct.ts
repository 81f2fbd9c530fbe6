/**
 * One record of each key: a spec of `process`.
 *
 *  D1  Among records that are equal in what decides, the first is kept by 'first', and the last by 'last', in the order
 *      in which they come.
 *  D2  A record that is equal to the row it would replace changes nothing.
 *  D3  What decides is kept beside the row; also without a row, after a deletion: an older record that comes later does
 *      not bring the key back.
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

/** What is kept of a key. */
type Kept = readonly [row: Row | undefined, by: readonly OrderValue[]];

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
      const [before, decided] = kept.get() ?? [undefined, undefined];
      if (decided !== undefined && !replaces(compareLists(values, decided), keep)) return; // D1
      const after = gone === true ? undefined : kept.keep(row);
      if (after === undefined && values.length === 0) kept.set(undefined);
      else kept.set([after, values]); // D3
      // D2
      const isSame = before !== undefined && after !== undefined && isSameRow(before, after);
      if (!isSame) emitChange(out, before, after);
    },
  } as ProcessSpecData;
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
    migrate(kept: never, from: number): Kept {
      const [row, by] = kept as Kept;
      return [row && one(row, from), by];
    },
  };
}
