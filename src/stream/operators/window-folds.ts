/** From windows and what is made of them to the operator that does it, and to the state that it has. */

import { badOption } from '../../base/option-checks.js';
import { requireMerges } from '../api/aggregations.js';
import type { KeySelector } from '../api/key-selector.js';
import { reducedState, type StateVersion } from '../api/state-version.js';
import {
  countEvictor,
  countTrigger,
  type Evictor,
  eventTimeTrigger,
  purgingTrigger,
  type Trigger,
} from '../api/triggers.js';
import { recordsState, type WindowProcessData } from '../api/window-process.js';
import {
  type AlignedWindow,
  type CountWindow,
  type EventTimeWindow,
  isOfEventTime,
  type PartialWindows,
  type SessionWindow,
  type WindowDefinition,
} from '../api/windows.js';
import type { Operator } from '../operator.js';
import type { StateDescription } from '../state/state-layout.js';
import { assignerOf } from '../windows/assigners.js';
import { keyedWindowState, windowedState } from '../windows/window-layout.js';
import { mixedFold, reduceFold } from './cell-fold.js';
import { keyWindowsOf } from './key-windows.js';
import { type KeyedWindowSpec, keyedWindowOperator } from './keyed-window-operator.js';
import { keyOfEnvelope } from './partials.js';
import { PreAggregateOperator } from './pre-aggregate-operator.js';
import { evictedContent, processContent } from './records-content.js';
import {
  type AggregationSpecData,
  ALL_WINDOW_FIELDS,
  aggregatedState,
  KEYED_FIELDS,
  WINDOW_FIELDS,
} from './row-shape.js';
import { sessionOperator } from './session-operator.js';
import type { Migrate } from './state-evolution.js';
import { windowAggregateOperator } from './window-aggregate-operator.js';
import { aggregatedContent, FoldedContent, type WindowContent } from './window-content.js';
import type { WindowOptions } from './window-operator.js';
import { windowReduceOperator } from './window-reduce-operator.js';

/** Windows as a job has described them. */
export interface WindowedInput extends WindowOptions {
  readonly key: KeySelector;
  readonly window: WindowDefinition;
  /** Undefined: what windows of the kind do without one. */
  readonly trigger: Trigger<never> | undefined;
  /** What becomes of records at which that has not fired when their window is over. Default 'drop'. */
  readonly partial?: PartialWindows | undefined;
  readonly evictor: Evictor<never> | undefined;
  /** All records are under one key, which no row shows. */
  readonly isAll: boolean;
  /** Each instance aggregates what it has before it is sent over. */
  readonly preAggregates: boolean;
}

export interface FoldedWindows {
  readonly state: StateDescription;
  readonly create: () => Operator;
  /** The first of two phases; undefined where there is one. @param keepsFailed see PreAggregation */
  readonly createFirst?: ((keepsFailed: boolean) => Operator) | undefined;
}

export function reduceWindows(
  input: WindowedInput,
  fn: (reduced: never, record: never) => unknown,
  version: StateVersion<unknown>,
): FoldedWindows {
  const { key, window } = input;
  const { description } = reducedState(version);
  if (input.preAggregates) {
    const fold = reduceFold(fn, version.migrate as Migrate | undefined);
    const aligned = requirePreAggregated(input);
    return {
      state: windowedState(aligned, description),
      create: windowReduceOperator(keyOfEnvelope(key), aligned, withPartials(input), fn, version),
      createFirst: firstPhase(key, aligned, () => new FoldedContent(fold)),
    };
  }
  if (isPlain(input, window)) {
    const create = windowReduceOperator(key, window, input, fn, version);
    return { state: windowedState(window, description), create };
  }
  const fold = reduceFold(fn, version.migrate as Migrate | undefined);
  return isEvicted(input)
    ? keyed(input, recordsState(version), () => evictedContent(fold, version))
    : keyed(input, description, () => new FoldedContent(fold));
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION for aggregations that cannot be merged, where they have to */
export function aggregateWindows(input: WindowedInput, spec: AggregationSpecData): FoldedWindows {
  const { key, window } = input;
  const description = aggregatedState(spec);
  if (input.preAggregates) {
    const aligned = requirePreAggregated(input);
    requireMerges(spec, 'pre-aggregated');
    const fields = fieldsOf(input);
    const options = withPartials(input);
    return {
      state: windowedState(aligned, description),
      create: windowAggregateOperator(keyOfEnvelope(key), aligned, options, spec, fields),
      createFirst: firstPhase(key, aligned, aggregatedContent(spec, fields)),
    };
  }
  if (isPlain(input, window)) {
    if (window.kind === 'session' || assignerOf(window).overlaps) requireMerges(spec, window.kind);
    const create = windowAggregateOperator(key, window, input, spec, fieldsOf(input));
    return { state: windowedState(window, description), create };
  }
  if (!isEvicted(input)) return keyed(input, description, aggregatedContent(spec, fieldsOf(input)));
  const fold = mixedFold(spec, fieldsOf(input));
  return keyed(input, recordsState({}), () => evictedContent(fold, {}));
}

export function processWindows(input: WindowedInput, spec: WindowProcessData): FoldedWindows {
  const { key, window } = input;
  const content = () => processContent(spec);
  if (input.preAggregates) {
    throw badOption(
      'preAggregate()',
      'process(…)',
      'for aggregate(…) and reduce(…): process(…) needs all records',
    );
  }
  if (!isPlain(input, window) || window.kind !== 'session') {
    return keyed(input, recordsState(spec), content);
  }
  const state = windowedState(window, recordsState(spec));
  return { state, create: sessionOperator(key, window, input, content, state) };
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
function requirePreAggregated(input: WindowedInput): AlignedWindow {
  const { window, lateTag } = input;
  if (!isPlain(input, window) || window.kind === 'session') {
    const given = input.trigger ?? input.evictor;
    throw badOption(
      'preAggregate()',
      given ?? window,
      'for windows of event time that are the same for all keys, such as tumbling(…), without trigger and evictor',
    );
  }
  if (lateTag === undefined) return window;
  throw badOption(
    'preAggregate()',
    `sideOutputLate('${lateTag}')`,
    'for windows that count their late records: of a partial aggregate these cannot be put aside one by one',
  );
}

function withPartials({ allowedLatenessMs }: WindowedInput): WindowOptions {
  return { allowedLatenessMs, takesPartials: true };
}

function firstPhase(
  key: KeySelector,
  window: AlignedWindow,
  content: () => WindowContent,
): (keepsFailed: boolean) => Operator {
  return (keepsFailed) =>
    new PreAggregateOperator({
      key,
      assigner: assignerOf(window),
      content: content(),
      keepsFailed,
    });
}

/** The row's own fields. */
function fieldsOf({ window, isAll }: WindowedInput): readonly string[] {
  if (isAll) return ALL_WINDOW_FIELDS;
  return window.kind === 'count' ? KEYED_FIELDS : WINDOW_FIELDS;
}

/** Windows of event time that fire as they do by themselves. */
function isPlain(
  { trigger, evictor }: WindowedInput,
  window: WindowDefinition,
): window is EventTimeWindow {
  return trigger === undefined && evictor === undefined && isOfEventTime(window);
}

function isEvicted({ window, evictor }: WindowedInput): boolean {
  return evictor !== undefined || (window.kind === 'count' && slides(window));
}

function slides({ size, slide }: CountWindow): boolean {
  return size !== slide;
}

/** The operator that keeps windows by key. */
function keyed(
  input: WindowedInput,
  inner: StateDescription,
  content: () => WindowContent,
): FoldedWindows {
  const { key, window, allowedLatenessMs, lateTag } = input;
  requireTriggered(input, window);
  const windows = keyWindowsOf(window);
  const trigger = input.trigger ?? defaultTrigger(window, windows.restMs);
  const state = keyedWindowState(window, trigger.name ?? 'own', inner);
  const isCount = window.kind === 'count';
  const spec: KeyedWindowSpec = {
    key,
    windows,
    trigger,
    evictor: input.evictor ?? (isCount && slides(window) ? countEvictor(window.size) : undefined),
    partial: input.partial ?? (isOfEventTime(window) ? 'drop' : window.partial),
    flushes: input.partial === 'emit',
    state,
    allowedLatenessMs,
    lateTag,
  };
  return { state, create: keyedWindowOperator(spec, content) };
}

type Triggered = Exclude<WindowDefinition, SessionWindow>;

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
function requireTriggered(
  { trigger, evictor, allowedLatenessMs, lateTag }: WindowedInput,
  window: WindowDefinition,
): asserts window is Triggered {
  if (window.kind === 'session') {
    throw badOption(
      trigger === undefined ? 'evictor(…)' : 'trigger(…)',
      window,
      'windows that are not joined. Sessions of event time fire when they close; sessions of the clock, ' +
        'processingTime(session(…)), take both',
    );
  }
  if (window.kind === 'count' && (trigger ?? evictor) !== undefined) {
    throw badOption(
      trigger === undefined ? 'evictor(…)' : 'trigger(…)',
      window,
      'windows of time: countWindow(n) has a trigger and an evictor of its own',
    );
  }
  if (isOfEventTime(window)) return;
  if (allowedLatenessMs === 0 && lateTag === undefined) return;
  throw badOption(
    lateTag === undefined ? 'allowedLateness(ms)' : 'sideOutputLate(tag)',
    lateTag ?? allowedLatenessMs,
    'for windows of event time only: in others no record is late',
  );
}

/** @param restMs of windows of the clock: how long after their end they fire */
function defaultTrigger(window: Triggered, restMs: number): Trigger<unknown> {
  switch (window.kind) {
    case 'count':
      return slides(window)
        ? countTrigger(window.slide)
        : purgingTrigger(countTrigger(window.size));
    case 'processing-time':
      return clockTrigger(restMs);
    default:
      return eventTimeTrigger();
  }
}

/**
 * Fires when the clock has reached the window's end, which may have moved since the timer was set.
 * @param restMs how much later
 */
function clockTrigger(restMs: number): Trigger<unknown> {
  return {
    name: 'clock',
    onElement(_record, ctx) {
      // Nearly all records are in a window that has its timer: nothing else is asked for them.
      if (ctx.state.get() === true) return 'continue';
      ctx.state.set(true);
      ctx.timers.processingTime(ctx.window.windowEnd + restMs);
      return 'continue';
    },
    onTimer(timeMs, { timers, window }) {
      const endMs = window.windowEnd + restMs;
      if (timeMs >= endMs) return 'fire';
      timers.processingTime(endMs);
      return 'continue';
    },
  };
}
