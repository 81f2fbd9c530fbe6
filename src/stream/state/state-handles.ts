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
  const place = { state, slot, keeper: recordKeeper(records, `state.${name}`), ttlMs: spec.ttlMs };
  switch (spec.kind) {
    case 'value':
      return new ValueHandle(place);
    case 'list':
      return new ListHandle(place);
    case 'map':
      return new MapHandle(place);
    case 'reducing':
      return new ReducingHandle(place, spec.reduce as Reduce);
    case 'aggregating':
      return new AggregatingHandle(place, spec.aggregation as AnyAggregation);
  }
}

/** What is kept where states expire: from that event time on (ms) it is gone. */
export type Expiring = readonly [atMs: number, kept: unknown];

interface Place {
  readonly state: KeyedState;
  readonly slot: number;
  readonly keeper: RecordKeeper;
  readonly ttlMs: number | undefined;
}

abstract class Handle {
  protected readonly state: KeyedState;
  protected readonly slot: number;
  protected readonly keeper: RecordKeeper;
  readonly #ttlMs: number | undefined;

  constructor({ state, slot, keeper, ttlMs }: Place) {
    this.state = state;
    this.slot = slot;
    this.keeper = keeper;
    this.#ttlMs = ttlMs;
  }

  clear(): void {
    if (this.state.read(this.slot) === undefined) return;
    this.put(undefined);
    this.state.emptied();
  }

  get expires(): boolean {
    return this.#ttlMs !== undefined;
  }

  /**
   * Takes out what is gone at that time.
   * @returns when something is gone next; +Infinity for never
   */
  abstract purge(nowMs: number): number;

  /** What state keeps of a value. @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE */
  protected kept(value: unknown): unknown {
    const kept = this.keeper.keep(value);
    this.state.keeps(kept);
    return this.dated(kept);
  }

  protected dated(kept: unknown): unknown {
    if (this.#ttlMs === undefined) return kept;
    const atMs = timed(this.state.timeMs) + this.#ttlMs;
    this.state.expires?.(atMs);
    return [atMs, kept] satisfies Expiring;
  }

  /** Is there anything, which has not expired? */
  protected isThere(content: unknown): boolean {
    if (content === undefined || this.#ttlMs === undefined) return content !== undefined;
    return (content as Expiring)[0] > timed(this.state.nowMs);
  }

  /** What was kept, of content that is there. */
  protected undated(content: unknown): unknown {
    return this.#ttlMs === undefined ? content : (content as Expiring)[1];
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

/** The content of the slot is one value. */
abstract class SingleHandle extends Handle {
  purge(nowMs: number): number {
    const content = this.state.read(this.slot) as Expiring | undefined;
    if (content === undefined) return Number.POSITIVE_INFINITY;
    if (content[0] > nowMs) return content[0];
    this.clear();
    return Number.POSITIVE_INFINITY;
  }

  protected get content(): unknown {
    const content = this.state.read(this.slot);
    return this.isThere(content) ? this.undated(content) : undefined;
  }
}

class ValueHandle extends SingleHandle implements ValueState<unknown> {
  get(): unknown {
    return this.keeper.keep(this.content);
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
    if (isThenable(reduced)) throw asyncCallbackError('reducing');
    if (reduced === undefined) this.clear();
    else this.put(this.kept(reduced));
  }
}

type AnyAggregation = Aggregation<unknown, unknown>;

/** Numbers are kept as the accumulator's words in an array, other values as they are: they are immutable. */
class AggregatingHandle extends SingleHandle implements AggregatingState<unknown, unknown> {
  readonly #aggregation: AnyAggregation;

  constructor(place: Place, aggregation: AnyAggregation) {
    super(place);
    this.#aggregation = aggregation;
  }

  get(): unknown {
    const aggregation = this.#aggregation;
    const { content } = this;
    if (aggregation.kind === 'value') return aggregation.result(content ?? aggregation.initial());
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
      const next = aggregation.add(content ?? aggregation.initial(), item);
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

  values(): unknown[] {
    const items = (this.state.read(this.slot) ?? []) as readonly unknown[];
    const there = this.expires ? items.filter((item) => this.isThere(item)) : items;
    return there.map((item) => this.keeper.keep(this.undated(item)));
  }

  purge(nowMs: number): number {
    const items = this.state.read(this.slot) as readonly Expiring[] | undefined;
    if (items === undefined) return Number.POSITIVE_INFINITY;
    const left = items.filter(([atMs]) => atMs > nowMs);
    if (left.length === 0) this.clear();
    else if (left.length < items.length) this.put(left);
    return left.reduce((least, [atMs]) => Math.min(least, atMs), Number.POSITIVE_INFINITY);
  }
}

type Entries = Map<MapStateKey, unknown>;

class MapHandle extends Handle implements MapState<MapStateKey, unknown> {
  get(key: MapStateKey): unknown {
    const content = this.#entries()?.get(key);
    return this.isThere(content) ? this.keeper.keep(this.undated(content)) : undefined;
  }

  has(key: MapStateKey): boolean {
    const entries = this.#entries();
    return entries?.has(key) === true && (!this.expires || this.isThere(entries.get(key)));
  }

  set(key: MapStateKey, value: unknown): void {
    requireKey(key);
    const { state } = this;
    const kept = this.kept(value);
    // Whether what has expired was freed already makes no difference: the key comes last.
    if (this.expires && !this.has(key)) this.#remove(key);
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
    const wasThere = this.has(key);
    this.#remove(key);
    return wasThere;
  }

  purge(nowMs: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (const [key, content] of this.#entries() ?? []) {
      const [atMs] = content as Expiring;
      if (atMs > nowMs) least = Math.min(least, atMs);
      else this.#remove(key);
    }
    return least;
  }

  entries(): IterableIterator<[MapStateKey, unknown]> {
    return this.#walk(this.#entries(), this.state.requireCallback());
  }

  *#walk(entries: Entries | undefined, callback: number): Generator<[MapStateKey, unknown]> {
    const { state } = this;
    for (const [key, value] of entries ?? []) {
      if (state.requireCallback() !== callback) throw outsideCallback();
      if (this.expires && !this.isThere(value)) continue;
      yield [key, this.keeper.keep(this.undated(value))];
    }
  }

  #remove(key: MapStateKey): void {
    const { state } = this;
    const entries = this.#entries();
    if (entries?.has(key) !== true) return;
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

function timed(timeMs: number): number {
  if (timeMs > Number.NEGATIVE_INFINITY) return timeMs;
  throw new HoldfastError(
    'ERR_HOLDFAST_NO_TIMESTAMP',
    'state with ttlMs was used without an event time, so nobody knows whether it has expired. Give ' +
      'records their times with .withTimestamps(…) before keyBy, or declare the state without ttlMs.',
  );
}
