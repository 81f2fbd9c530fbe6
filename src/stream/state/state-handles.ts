/**
 * What callbacks find in `ctx.state`: a value, a list or a map in a slot of the current key's state (keyed-state.ts).
 * What goes in and what comes out is a copy, as the job's `records` option has it (record-keeper.ts).
 */

import { enableMapSet, isDraftable } from 'immer';
import { changedFlat, type DraftNames, isFlat } from '../../actors/draft/flat-draft.js';
import { HoldfastError } from '../../base/errors.js';
import { type RecordKeeper, type RecordsMode, recordKeeper } from '../../channels/record-keeper.js';
import { copyValue } from '../../codec/value-codec.js';
import type { Aggregation, NumericAggregation } from '../api/aggregations.js';
import { asyncCallbackError, describeValue, isThenable, requireReduced } from '../api/callbacks.js';
import { changedByDraft, changedInPlace } from '../api/draft.js';
import type {
  AggregatingState,
  ListState,
  OwnedState,
  ReducingState,
  StateSpec,
  ValueState,
} from '../api/state-specs.js';
import { hasShared } from '../api/value-change.js';
import { type Expiring, Handle, type Place } from './handle.js';
import type { KeyedState } from './keyed-state.js';
import { MapHandle } from './map-handle.js';
import { RowsHandle } from './rows-handle.js';

export type StateHandle =
  | ValueHandle
  | OwnedHandle
  | ListHandle
  | MapHandle
  | ReducingHandle
  | AggregatingHandle
  | RowsHandle;

/** By name, those of all slots that have a state. */
export function stateHandles(
  slots: readonly { readonly name: string; readonly spec: StateSpec<unknown> | undefined }[],
  state: KeyedState,
  records: RecordsMode | undefined,
): Readonly<Record<string, StateHandle>> {
  const handles: Record<string, StateHandle> = {};
  for (const [slot, { name, spec }] of slots.entries()) {
    if (spec !== undefined) handles[name] = stateHandle(spec, name, slot, state, records);
  }
  return handles;
}

function stateHandle(
  spec: StateSpec<unknown>,
  name: string,
  slot: number,
  state: KeyedState,
  records: RecordsMode | undefined,
): StateHandle {
  const place = {
    state,
    slot,
    keeper: recordKeeper(records, `state.${name}`),
    ttlMs: spec.ttlMs,
    byClock: spec.ttlTime === 'processing',
  };
  if (spec.owned !== undefined) return new OwnedHandle(place);
  switch (spec.kind) {
    case 'value':
      return new ValueHandle(place, records, `state.${name}`);
    case 'list':
      return new ListHandle(place);
    case 'map':
      return new MapHandle(place);
    case 'rows':
      return new RowsHandle(place);
    case 'reducing':
      return new ReducingHandle(place, spec.reduce as Reduce);
    case 'aggregating':
      return new AggregatingHandle(
        place,
        spec.aggregation as AnyAggregation,
        recordKeeper(records, `state.${name}`),
      );
  }
}

/** On so many levels of what is in its slot, arrays are made by the handle, and by nobody else. */
export function ownLevels(spec: StateSpec<unknown> | undefined): number {
  if (spec === undefined || spec.kind === 'rows') return 3;
  const dated = spec.ttlMs === undefined ? 0 : 1;
  const isOwn = spec.kind === 'list' || spec.kind === 'map' || spec.isOwnArray === true;
  return isOwn ? dated + 1 : dated;
}

/** The content of the slot is one value. */
abstract class SingleHandle extends Handle {
  purge(nowMs: number): number {
    const content = this.state.read(this.slot) as Expiring | undefined;
    if (content === undefined) return Number.POSITIVE_INFINITY;
    if (content[0] > nowMs) return content[0];
    this.free();
    return Number.POSITIVE_INFINITY;
  }

  abstract get(): unknown;

  shown(): unknown {
    return this.get();
  }

  protected get content(): unknown {
    const content = this.state.read(this.slot);
    if (!this.expires) return content;
    return this.isThere(content) ? this.undated(content) : undefined;
  }
}

class ValueHandle extends SingleHandle implements ValueState<unknown> {
  /** What `get` gives is nobody else's. */
  readonly #copies: boolean;
  readonly #names: DraftNames;

  constructor(place: Place, records: RecordsMode | undefined, name: string) {
    super(place);
    this.#copies = (records ?? 'checked') === 'checked';
    this.#names = { where: 'update(…)', name };
    enableMapSet(); // Idempotent, and not at the top of a module, which has to stay free of effects.
  }

  get(): unknown {
    const { content } = this;
    return typeof content === 'number' ? content : this.keeper.keep(content);
  }

  set(value: unknown): void {
    // The hottest of all, with few steps on its way: V8 compiles it into its caller then.
    if (typeof value === 'number' && !this.expires) this.put(value);
    else if (value === undefined) this.clear();
    else this.put(this.kept(value));
  }

  update(fn: (value: unknown) => unknown): void {
    const before = this.state.read(this.slot);
    const { content } = this;
    const isObject = typeof content === 'object' && content !== null;
    const isPlain = isObject && isFlat(content);
    // A draft of what is flat gives out primitives only: it needs no copy.
    const value = isPlain ? content : this.keeper.keep(content);
    const answer = isObject ? this.#changed(value as object, fn, isPlain) : fn(value);
    if (answer === undefined) {
      // What `fn` itself has set or cleared stands.
      if (this.state.read(this.slot) !== before) return;
      throw nothingReturned(value);
    }
    if (isThenable(answer)) throw asyncCallbackError('update');
    // Nothing was changed, and nothing is to be dated anew.
    const isAsBefore = answer === content && this.state.read(this.slot) === before;
    if (isPlain && isAsBefore && !this.expires) return;
    this.put(this.kept(answer));
  }

  /**
   * What `fn` has made of the value. It works on a draft of it, or on a copy, of which nothing but the outcome is kept: so
   * Dates and the like may be changed in place as well.
   */
  #changed(value: object, fn: (value: unknown) => unknown, isPlain: boolean): unknown {
    const before = this.state.read(this.slot);
    let isAnswered = false;
    const change = (given: unknown): unknown => {
      const answer = fn(given);
      isAnswered = answer !== undefined;
      if (isThenable(answer)) throw asyncCallbackError('update');
      return answer;
    };
    const next = isPlain
      ? changedFlat(value, this.#names, change)
      : this.#changedCopy(value, change);
    return isAnswered || this.state.read(this.slot) === before ? next : undefined;
  }

  #changedCopy(value: object, change: (value: unknown) => unknown): unknown {
    const copy = this.#copies ? value : copyValue(value, 'state');
    const isDrafted = isDraftable(copy) && !hasShared(copy);
    return isDrafted ? changedByDraft(copy, 'update(…)', change) : changedInPlace(copy, change);
  }
}

function nothingReturned(value: unknown): HoldfastError {
  const what =
    value === undefined
      ? 'the key has no value yet, and the callback returned nothing that could be its first'
      : `the callback returned nothing, and ${describeValue(value)} cannot be changed in place`;
  return new HoldfastError(
    'ERR_HOLDFAST_USER_CODE',
    `update(…) of a state: ${what}. Return the next value. (clear() takes a value away; get() tells whether there is one.)`,
    { details: { where: 'update' } },
  );
}

class OwnedHandle extends SingleHandle implements OwnedState<unknown> {
  get(): unknown {
    return this.content;
  }

  set(content: unknown): void {
    const { state } = this;
    if (content === undefined) {
      this.clear();
      return;
    }
    state.keeps(content);
    this.put(this.dated(content));
  }

  change(undo: () => void): void {
    const { state } = this;
    state.change();
    state.note(undo);
    state.keeps(this.content);
  }

  keep<V>(value: V): V {
    return this.keeper.keep(value) as V;
  }
}

type Reduce = (reduced: unknown, item: unknown) => unknown;

class ReducingHandle extends SingleHandle implements ReducingState<unknown> {
  readonly #fn: Reduce;

  constructor(place: Place, fn: Reduce) {
    super(place);
    this.#fn = fn;
  }

  get(): unknown {
    return this.keeper.keep(this.content);
  }

  add(item: unknown): void {
    const fn = this.#fn;
    const before = this.get();
    const reduced = before === undefined ? item : fn(before, item);
    requireReduced('reducing', reduced, before, item);
    if (reduced === undefined) this.clear();
    else this.put(this.kept(reduced));
  }
}

type AnyAggregation = Aggregation<unknown, unknown>;

/** Numbers are kept as the accumulator's words in an array, other values as they are: they are immutable. */
class AggregatingHandle extends SingleHandle implements AggregatingState<unknown, unknown> {
  readonly #aggregation: AnyAggregation;
  /** Keeps what is added; it has other layouts than what is given out. */
  readonly #items: RecordKeeper;

  constructor(place: Place, aggregation: AnyAggregation, items: RecordKeeper) {
    super(place);
    this.#aggregation = aggregation;
    this.#items = items;
  }

  get(): unknown {
    const aggregation = this.#aggregation;
    const { content } = this;
    if (aggregation.kind === 'value') {
      const value = content === undefined ? aggregation.initial() : content;
      return this.keeper.keep(aggregation.result(value));
    }
    return aggregation.result((content as number[] | undefined) ?? begun(aggregation), 0);
  }

  add(item: unknown): void {
    const aggregation = this.#aggregation;
    const { state } = this;
    // Saved for a snapshot before the aggregation, which may change Dates and the like in place.
    state.change();
    const { content } = this;
    state.emptied();
    if (aggregation.kind === 'value') {
      const value = content === undefined ? aggregation.initial() : content;
      // A copy of the item, since the value may keep it, and is frozen.
      const next = aggregation.add(value, this.#items.keep(item));
      state.keeps(next);
      this.put(this.dated(next));
      return;
    }
    // In an array of its own, since a selector may throw half-way.
    const words = content === undefined ? begun(aggregation) : [...(content as number[])];
    aggregation.add(words, 0, item);
    this.put(this.dated(words));
  }
}

function begun(aggregation: NumericAggregation<unknown, unknown>): number[] {
  const data = new Array<number>(aggregation.words).fill(0);
  aggregation.init(data, 0);
  return data;
}

class ListHandle extends Handle implements ListState<unknown> {
  add(item: unknown): void {
    const { state } = this;
    const kept = this.kept(item);
    const items = state.read(this.slot) as unknown[] | undefined;
    if (items === undefined) {
      this.put([kept]);
      return;
    }
    state.change();
    items.push(kept);
    if (state.undoes) state.note(() => items.pop());
  }

  shown(): unknown[] {
    return this.values();
  }

  values(): unknown[] {
    const items = (this.state.read(this.slot) ?? []) as readonly unknown[];
    const there = this.expires ? items.filter((item) => this.isThere(item)) : items;
    return there.map((item) => this.keeper.keep(this.undated(item)));
  }

  purge(nowMs: number): number {
    const items = this.state.read(this.slot) as readonly Expiring[] | undefined;
    if (items === undefined) return Number.POSITIVE_INFINITY;
    const left = items.filter(([atMs]) => atMs > nowMs);
    if (left.length === 0) this.free();
    else if (left.length < items.length) this.state.write(this.slot, left);
    return left.reduce((least, [atMs]) => Math.min(least, atMs), Number.POSITIVE_INFINITY);
  }
}
