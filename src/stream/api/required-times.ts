/** Specs that go by event time: found over a stream without times while the graph is drawn. */

import type { EdgeDraft } from '../graph/graph-draft.js';
import { requireTimes } from '../graph/require-times.js';
import type { AggregationSpec } from './aggregations.js';
import type { DistinctPlan } from './changelog.js';
import { type StateSpecs, ttlTimeOf } from './process.js';
import type { Evictor } from './triggers.js';

/** States whose `ttlMs` is one of event time. @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP */
export function requireStateTimes(
  states: StateSpecs | undefined,
  edges: readonly EdgeDraft[],
): void {
  for (const [name, spec] of Object.entries(states ?? {})) {
    if (ttlTimeOf(spec) !== 'event') continue;
    requireTimes(`process({ state: { ${name}: ${spec.kind}({ ttlMs }) } })`, 'stream', edges);
  }
}

/** `first` and `last`. @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP */
export function requireAggregationTimes(
  spec: AggregationSpec<never>,
  edges: readonly EdgeDraft[],
): void {
  for (const aggregation of Object.values(spec)) {
    if (aggregation.kind !== 'value' || aggregation.needsTime !== true) continue;
    requireTimes(`${aggregation.type}(…)`, 'stream', edges);
  }
}

/** @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP */
export function requireDistinctTimes(
  { by, ttlMs }: DistinctPlan,
  edges: readonly EdgeDraft[],
): void {
  if (by === 'time') requireTimes("distinctBy(…, { by: 'time' })", 'stream', edges);
  else if (ttlMs !== undefined) requireTimes('distinctBy(…, { ttlMs })', 'stream', edges);
}

/** `timeEvictor`, and others that look at times. @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP */
export function requireEvictorTimes(
  evictor: Evictor<never> | undefined,
  edges: readonly EdgeDraft[],
): void {
  if (evictor?.needsTime === true) requireTimes('evictor(…)', 'stream', edges);
}
