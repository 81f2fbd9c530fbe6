/**
 * What callbacks find in `ctx.state`: a value, a list or a map in a slot of the current key's state (keyed-state.ts).
 * What goes in and what comes out is a copy, as the job's `records` option has it (record-keeper.ts).
 */

import { HoldfastError } from '../../base/errors.js';
import { type RecordKeeper, type RecordsMode, recordKeeper } from '../../channels/record-keeper.js';
import type { Aggregation, NumericAggregation } from '../api/aggregations.js';
import { asyncCallbackError, describeValue, isThenable } from '../api/callbacks.js';
import type {
  AggregatingState,
  ListState,
  MapState,
  MapStateKey,
  ReducingState,
  StateSpec,
  ValueState,
} from '../api/state-specs.js';
import { detachedKey } from './detached.js';
import { type KeyedState, outsideCallback } from './keyed-state.js';

export type StateHandle = ValueHandle | ListHandle | MapHandle | ReducingHandle | AggregatingHandle;

export function stateHandle(
  spec: StateSpec<unknown>,
  name: string,
  slot: number,
  state: KeyedState,
  records: RecordsMode | undefined,
): StateHandle {
  const keeper = recordKeeper(records, `state.${name}`);
  switch (spec.kind) {
    case 'value':
      return new ValueHandle(state, slot, keeper);
    case 'list':
      return new ListHandle(state, slot, keeper);
    case 'map':
      return new MapHandle(state, slot, keeper);
    case 'reducing':
      return new ReducingHandle(state, slot, keeper, spec.reduce as Reduce);
    case 'aggregating':
      return new AggregatingHandle(state, slot, keeper, spec.aggregation as AnyAggregation);
  }
}

class Handle {
  protected readonly state: KeyedState;
  protected readonly slot: number;
  protected readonly keeper: RecordKeeper;

  constructor(state: KeyedState, slot: number, keeper: RecordKeeper) {
    this.state = state;
    this.slot = slot;
    this.keeper = keeper;
  }

  clear(): void {
    if (this.state.read(this.slot) === undefined) return;
    this.put(undefined);
    this.state.emptied();
  }

  /** What state keeps of a value. @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE */
  protected kept(value: unknown): unknown {
    const kept = this.keeper.keep(value);
    this.state.keeps(kept);
    return kept;
  }

  /** Exchanges the content of the slot. */
  protected put(content: unknown): void {
    const { state, slot } = this;
    if (state.undoes) {
      const before = state.read(slot);
      state.note(() => state.write(slot, before));
    }
    state.write(slot, content);
  }
}

class ValueHandle extends Handle implements ValueState<unknown> {
  get(): unknown {
    return this.keeper.keep(this.state.read(this.slot));
  }

  set(value: unknown): void {
    if (value === undefined) this.clear();
    else this.put(this.kept(value));
  }

  update(fn: (value: unknown) => unknown): void {
    const value = fn(this.get());
    if (isThenable(value)) throw asyncCallbackError('update');
    this.set(value);
  }
}

type Reduce = (reduced: unknown, item: unknown) => unknown;

class ReducingHandle extends Handle implements ReducingState<unknown> {
  readonly #fn: Reduce;

  constructor(state: KeyedState, slot: number, keeper: RecordKeeper, fn: Reduce) {
    super(state, slot, keeper);
    this.#fn = fn;
  }

  get(): unknown {
    return this.keeper.keep(this.state.read(this.slot));
  }

  add(item: unknown): void {
    const fn = this.#fn;
    const before = this.get();
    const reduced = before === undefined ? item : fn(before, item);
    if (isThenable(reduced)) throw asyncCallbackError('reducing');
    if (reduced === undefined) this.clear();
    else this.put(this.kept(reduced));
  }
}

type AnyAggregation = Aggregation<unknown, unknown>;

/** Numbers are kept as the accumulator's words in an array, other values as they are: they are immutable. */
class AggregatingHandle extends Handle implements AggregatingState<unknown, unknown> {
  readonly #aggregation: AnyAggregation;

  constructor(state: KeyedState, slot: number, keeper: RecordKeeper, aggregation: AnyAggregation) {
    super(state, slot, keeper);
    this.#aggregation = aggregation;
  }

  get(): unknown {
    const aggregation = this.#aggregation;
    const content = this.state.read(this.slot);
    if (aggregation.kind === 'value') return aggregation.result(content ?? aggregation.initial());
    return aggregation.result((content as number[] | undefined) ?? begun(aggregation), 0);
  }

  add(item: unknown): void {
    const aggregation = this.#aggregation;
    const { state } = this;
    // Saved for a snapshot before the aggregation, which may change Dates and the like in place.
    state.change();
    const content = state.read(this.slot);
    state.emptied();
    if (aggregation.kind === 'value') {
      const next = aggregation.add(content ?? aggregation.initial(), item);
      state.keeps(next);
      this.put(next);
      return;
    }
    // In an array of its own, since a selector may throw half-way.
    const words = content === undefined ? begun(aggregation) : [...(content as number[])];
    aggregation.add(words, 0, item);
    this.put(words);
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

  values(): unknown[] {
    const items = (this.state.read(this.slot) ?? []) as readonly unknown[];
    return items.map((item) => this.keeper.keep(item));
  }
}

type Entries = Map<MapStateKey, unknown>;

class MapHandle extends Handle implements MapState<MapStateKey, unknown> {
  get(key: MapStateKey): unknown {
    return this.keeper.keep(this.#entries()?.get(key));
  }

  has(key: MapStateKey): boolean {
    return this.#entries()?.has(key) === true;
  }

  set(key: MapStateKey, value: unknown): void {
    requireKey(key);
    const { state } = this;
    const kept = this.kept(value);
    const entries = this.#entries();
    if (entries === undefined) {
      this.put(new Map([[detachedKey(key) as MapStateKey, kept]]));
      return;
    }
    state.change();
    if (!entries.has(key)) {
      entries.set(detachedKey(key) as MapStateKey, kept);
      if (state.undoes) state.note(() => entries.delete(key));
      return;
    }
    if (state.undoes) {
      const before = entries.get(key);
      state.note(() => entries.set(key, before));
    }
    entries.set(key, kept);
  }

  delete(key: MapStateKey): boolean {
    const { state } = this;
    const entries = this.#entries();
    if (entries?.has(key) !== true) return false;
    if (entries.size === 1) {
      this.clear();
    } else if (state.undoes) {
      // A copy goes on, since the entry could not be put back to its place.
      const left: Entries = new Map(entries);
      left.delete(key);
      this.put(left);
    } else {
      state.change();
      entries.delete(key);
    }
    return true;
  }

  entries(): IterableIterator<[MapStateKey, unknown]> {
    return this.#walk(this.#entries(), this.state.requireCallback());
  }

  *#walk(entries: Entries | undefined, callback: number): Generator<[MapStateKey, unknown]> {
    const { state } = this;
    for (const [key, value] of entries ?? []) {
      if (state.requireCallback() !== callback) throw outsideCallback();
      yield [key, this.keeper.keep(value)];
    }
  }

  #entries(): Entries | undefined {
    return this.state.read(this.slot) as Entries | undefined;
  }
}

function requireKey(key: unknown): void {
  switch (typeof key) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return;
    default:
      if (key === null) return;
      throw new HoldfastError(
        'ERR_HOLDFAST_UNSUPPORTED_KEY',
        `a key of map() state cannot be ${describeValue(key)}. It is a string, number, bigint, boolean or null.`,
      );
  }
}
