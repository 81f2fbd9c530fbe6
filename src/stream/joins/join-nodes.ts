/** From what a join is given to the operator in the graph. */

import { HoldfastError } from '../../base/errors.js';
import { describeBroadcast } from '../api/broadcast.js';
import { checkCallback, describeValue } from '../api/callbacks.js';
import { describeSlots, slotsOf } from '../api/process.js';
import { requireWholeMs, type WindowBounds } from '../api/windows.js';
import type { NewNode } from '../graph/graph-draft.js';
import type { ElementInput } from '../operators/process-operator.js';
import { operatorOf } from '../operators/process-operator.js';
import type { Source } from '../source.js';
import type { StateDescription } from '../state/state-layout.js';
import { windowedState } from '../windows/window-layout.js';
import { intervalJoinSpec } from './interval-join.js';
import type { SideName } from './join-context.js';
import {
  checkInterval,
  checkKind,
  checkLateness,
  checkLateTags,
  checkState,
  checkWindow,
  requireJoin,
} from './join-options.js';
import type { Select } from './join-sides.js';
import { keyJoinSpec } from './key-join.js';
import { KeyTypes } from './key-types.js';
import { latestJoinSpec } from './latest-join.js';
import { ROW_OF_CHANGES } from './latest-row-join.js';
import { lookupOperator, TABLE_STATE } from './lookup-operator.js';
import { coGroupSpec, windowJoinSpec } from './window-join.js';

/** A join, before it is known what it joins. */
export interface JoinNode {
  /** For messages: `intervalJoin`. */
  readonly method: string;
  /** It goes by event times. */
  readonly needsTimes: boolean;
  readonly node: (
    inputs: readonly ElementInput[],
  ) => Pick<NewNode, 'parameters' | 'tags' | 'states' | 'create'> & { readonly type: string };
}

interface Drawn {
  readonly type: string;
  readonly method: string;
  readonly needsTimes: boolean;
  readonly parameters: NonNullable<NewNode['parameters']>;
  readonly lateTags?: Readonly<Partial<Record<SideName, string>>>;
  readonly spec: object & { readonly state: object };
  readonly describe?: (state: StateDescription) => StateDescription;
}

function joinNode({
  type,
  method,
  needsTimes,
  parameters,
  lateTags,
  spec,
  describe,
}: Drawn): JoinNode {
  const data = { ...spec, sideOutputs: sidesOf(lateTags) } as Parameters<typeof operatorOf>[0];
  const plain = describeSlots(slotsOf(data));
  const description = describe?.(plain) ?? plain;
  return {
    method,
    needsTimes,
    node: (inputs) => ({
      type,
      parameters,
      tags: Object.values(lateTags ?? {}),
      states: [description],
      create: () => {
        const keys = new KeyTypes(method);
        const watched = inputs.map(({ name, key }) => {
          const side = name === 'onLeft' ? 'left' : 'right';
          return { name, key: key && keys.watched(side, key) };
        });
        return operatorOf(data, { inputs: watched, description })();
      },
    }),
  };
}

function sidesOf(lateTags: Drawn['lateTags']) {
  return Object.fromEntries(
    Object.values(lateTags ?? {}).map((tag) => [tag, { kind: 'sideOutput' as const }]),
  );
}

const SHARED = ['select', 'kind', 'sideOutputLate', 'state'];

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK, as all here */
export function intervalJoinNode(options: unknown): JoinNode {
  const method = 'intervalJoin';
  const given = requireJoin(method, options, [
    ...SHARED,
    'lowerMs',
    'upperMs',
    'allowedLatenessMs',
  ]);
  const bounds = checkInterval(method, given);
  const allowedLatenessMs = checkLateness(method, given['allowedLatenessMs']);
  const kind = checkKind(method, given['kind']);
  const lateTags = checkLateTags(method, given['sideOutputLate']);
  const select = given['select'] as Select;
  const parameters = { ...bounds, allowedLatenessMs, kind };
  const versions = checkState(method, given['state']);
  const spec = intervalJoinSpec({ method, ...parameters, select, lateTags, versions });
  return joinNode({ type: 'interval-join', method, needsTimes: true, parameters, lateTags, spec });
}

/** By window where there is one, else by key alone, or by key and `ttlMs`. */
export function equalJoinNode(options: unknown): JoinNode {
  const method = 'join';
  const { window } = (options ?? {}) as { readonly window?: unknown };
  if (window !== undefined) return windowJoinNode(options);
  const given = requireJoin(method, options, ['select', 'kind', 'ttlMs', 'window', 'state']);
  const kind = checkKind(method, given['kind'], ['inner']);
  const { ttlMs } = given;
  const select = given['select'] as Select;
  const versions = checkState(method, given['state']);
  if (ttlMs === undefined) {
    const spec = keyJoinSpec(select, versions);
    return joinNode({ type: 'join', method, needsTimes: false, parameters: { ttlMs: null }, spec });
  }
  requireWholeMs('join({ ttlMs })', ttlMs, 1);
  const [lowerMs, upperMs] = [1 - ttlMs, ttlMs - 1];
  const within = { method, lowerMs, upperMs, allowedLatenessMs: 0, kind, select, lateTags: {} };
  const spec = intervalJoinSpec({ ...within, versions });
  return joinNode({ type: 'join', method, needsTimes: true, parameters: { ttlMs }, spec });
}

function windowJoinNode(options: unknown): JoinNode {
  const method = 'join';
  const given = requireJoin(method, options, [...SHARED, 'window']);
  const window = checkWindow(method, given['window']);
  const kind = checkKind(method, given['kind']);
  const lateTags = checkLateTags(method, given['sideOutputLate']);
  const versions = checkState(method, given['state']);
  return joinNode({
    type: 'window-join',
    method,
    needsTimes: true,
    parameters: { window: { ...window }, kind },
    lateTags,
    spec: windowJoinSpec({ window, lateTags, versions }, kind, given['select'] as Select),
    describe: (state) => windowedState(window, state),
  });
}

export function coGroupNode(options: unknown): JoinNode {
  const method = 'coGroup';
  const given = requireJoin(method, options, ['window', 'select', 'sideOutputLate', 'state']);
  const window = checkWindow(method, given['window']);
  const lateTags = checkLateTags(method, given['sideOutputLate']);
  const select = given['select'] as (l: never, r: never, k: never, w: WindowBounds) => unknown;
  const versions = checkState(method, given['state']);
  return joinNode({
    type: 'co-group',
    method,
    needsTimes: true,
    parameters: { window: { ...window } },
    lateTags,
    spec: coGroupSpec({ window, lateTags, versions }, select),
    describe: (state) => windowedState(window, state),
  });
}

/** @param of what the right side has: records that are versions, or changes of rows */
export function latestJoinNode(options: unknown, of: 'versions' | 'changes'): JoinNode {
  const method = 'joinLatest';
  const given = requireJoin(method, options, SHARED);
  const kind = checkKind(method, given['kind'], ['inner', 'left']);
  const lateTags = checkLateTags(method, given['sideOutputLate'], ['left']);
  const state = checkState(method, given['state']);
  const select = given['select'] as Select;
  return joinNode({
    // What it keeps of a changelog is something else.
    type: of === 'versions' ? 'latest-join' : 'latest-join-changes',
    method,
    needsTimes: true,
    parameters: { kind },
    lateTags,
    spec: latestJoinSpec(
      kind,
      lateTags,
      select,
      state,
      of === 'versions' ? undefined : ROW_OF_CHANGES,
    ),
  });
}

/** The operator of a look-up, which has one input. */
export function lookupNode(
  source: unknown,
  options: unknown,
): Pick<NewNode, 'stateful' | 'parameters' | 'states' | 'create'> {
  const method = 'lookup';
  requireTable(source);
  const given = requireJoin(method, options, ['key', 'tableKey', 'select', 'kind']);
  const { key, tableKey, select } = given as Record<'key' | 'tableKey' | 'select', never>;
  for (const [name, fn] of Object.entries({ key, tableKey })) {
    checkCallback(fn, `${method}({ ${name} })`);
  }
  const kind = checkKind(method, given['kind'], ['inner', 'left']);
  const keepsUnmatched = kind === 'left';
  return {
    stateful: true,
    parameters: { kind },
    states: [describeBroadcast(TABLE_STATE)],
    create: lookupOperator({ source, key, tableKey, keepsUnmatched, select }),
  };
}

function requireTable(source: unknown): asserts source is Source<unknown> {
  const given = source as Partial<Source<unknown>> | null | undefined;
  const problem =
    typeof given?.splits !== 'function' || typeof given.open !== 'function'
      ? `needs a source for its table, as csvFile('codes.csv'), but was given ${describeValue(source)}`
      : given.bounded === false || given.discover !== undefined
        ? 'reads its table to the end before the first record, and this source has none'
        : given.rejectTag !== undefined
          ? 'has no side output for malformed lines of its table. Leave out the option malformed of the source'
          : undefined;
  if (problem === undefined) return;
  throw new HoldfastError('ERR_HOLDFAST_BAD_OPTION', `lookup(…) ${problem}.`);
}
