/**
 * Aggregates the rows of a changelog per key, and emits what becomes of the row `{ key, …answers }`: a spec of `process`.
 *
 *  G1  The answers are those over the rows that are there. When the last row of a key is taken back, its answers are gone.
 *  G2  A row that changes none of the answers emits nothing.
 *  G3  All selectors are asked before any state changes. Where failures are put aside, what was added is taken back, and
 *      the other way round.
 */

import { HoldfastError } from '../../base/errors.js';
import { versionOf } from '../api/aggregations.js';
import type { Output } from '../api/output.js';
import type { ProcessSpecData } from '../api/process.js';
import type { RetractableAggregation } from '../api/retraction.js';
import { type OwnedState, owned, type StateSpec } from '../api/state-specs.js';
import { type ChangedRow, emitChange, notThere, type Row, rowOf, takesBack } from './changes.js';
import type { AggregationSpecData } from './row-shape.js';

/** No answer has this name: state is written with it. */
const ROWS = '~rows';

interface Context {
  readonly key: unknown;
  readonly state: Readonly<Record<string, OwnedState<unknown>>>;
}

/** @param spec of aggregations that are retractable */
export function retractingAggregateSpec(spec: AggregationSpecData): ProcessSpecData {
  const parts = Object.entries(spec).map(([name, { retractable }]) => ({
    name,
    of: retractable as RetractableAggregation<unknown, unknown>,
  }));
  const rowOfAnswers = (key: unknown, state: Context['state']): Row => {
    const row: Record<string, unknown> = { key };
    for (const { name, of } of parts) row[name] = of.result(state[name]!.get());
    return row;
  };
  return {
    state: statesOf(spec),
    onElement(record: ChangedRow, { key, state }: Context, out: Output<unknown>) {
      const counted = rowOf(record);
      const selected = parts.map(({ of }) => of.select(counted)); // G3
      const by = takesBack(record) ? -1 : 1;
      const rows = state[ROWS]!;
      const had = (rows.get() as number | undefined) ?? 0;
      if (had + by < 0) throw notThere('aggregate');
      if (had > 0) for (const { name } of parts) requireCounted(state[name]!, name);
      const before = had === 0 ? undefined : rowOfAnswers(key, state);
      for (const [i, { name, of }] of parts.entries()) {
        change(state[name]!, of, selected[i], by, had === 0);
      }
      if (had + by === 0) {
        for (const one of Object.values(state)) one.set(undefined);
        emitChange(out, before, undefined);
        return;
      }
      rows.set(had + by);
      const after = rowOfAnswers(key, state);
      if (
        before === undefined ||
        !parts.every(({ name }) => Object.is(before[name], after[name]))
      ) {
        emitChange(out, before, after);
      }
    },
  } as ProcessSpecData;
}

function statesOf(spec: AggregationSpecData): Readonly<Record<string, StateSpec<unknown>>> {
  const states: Record<string, StateSpec<unknown>> = { [ROWS]: owned<number>('rows') };
  for (const [name, aggregation] of Object.entries(spec)) {
    const migrate = aggregation.kind === 'value' ? aggregation.migrate : undefined;
    const version = versionOf(aggregation);
    states[name] = owned(`retracting-${aggregation.type}`, { version, migrate });
  }
  return states;
}

/** @throws HoldfastError ERR_HOLDFAST_GRAPH_INCOMPATIBLE for an aggregation that came later than the key's rows */
function requireCounted(state: OwnedState<unknown>, name: string): void {
  if (state.get() !== undefined) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    `aggregate(…) over a changelog: '${name}' is new, and does not know the rows that were counted before it. Give this ` +
      "operator and the one that makes its rows another uid, so that both begin anew, or start with restore: 'none'.",
    { details: { aggregation: name } },
  );
}

function change(
  state: OwnedState<unknown>,
  of: RetractableAggregation<unknown, unknown>,
  selected: unknown,
  by: 1 | -1,
  isNew: boolean,
): void {
  const content = isNew ? of.initial() : state.get();
  if (selected === undefined) {
    if (isNew) state.set(content);
    return;
  }
  const { inPlace } = of;
  if (!isNew) {
    state.change(() => {
      if (inPlace) of.change(content, selected, by === 1 ? -1 : 1);
    });
  }
  const next = of.change(content, selected, by);
  if (isNew || !inPlace) state.set(next);
}
