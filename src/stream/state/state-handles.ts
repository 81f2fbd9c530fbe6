/**
 * What callbacks find in `ctx.state`: a value, a list or a map in a slot of the current key's state (keyed-state.ts).
 * What goes in and what comes out is a copy, as the job's `records` option has it (record-keeper.ts).
 */

import { HoldfastError } from '../../base/errors.js';
import { type RecordKeeper, type RecordsMode, recordKeeper } from '../../channels/record-keeper.js';
import { asyncCallbackError, describeValue, isThenable } from '../api/callbacks.js';
import type {
  ListState,
  MapState,
  MapStateKey,
  StateKind,
  ValueState,
} from '../api/state-specs.js';
import { detachedKey } from './detached.js';
import { type KeyedState, outsideCallback, slotsOf } from './keyed-state.js';

export type StateHandle = ValueHandle | ListHandle | MapHandle;

export function stateHandle(
  kind: StateKind,
  name: string,
  slot: number,
  state: KeyedState,
  records: RecordsMode | undefined,
): StateHandle {
  const keeper = recordKeeper(records, `state.${name}`);
  switch (kind) {
    case 'value':
      return new ValueHandle(state, slot, keeper);
    case 'list':
      return new ListHandle(state, slot, keeper);
    case 'map':
      return new MapHandle(state, slot, keeper);
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
    if (this.state.slots?.[this.slot] === undefined) return;
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
    const slots = slotsOf(state.change());
    if (state.undoes) {
      const before = slots[slot];
      state.note(() => {
        slots[slot] = before;
      });
    }
    slots[slot] = content;
  }
}

class ValueHandle extends Handle implements ValueState<unknown> {
  get(): unknown {
    return this.keeper.keep(this.state.slots?.[this.slot]);
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

class ListHandle extends Handle implements ListState<unknown> {
  add(item: unknown): void {
    const { state } = this;
    const kept = this.kept(item);
    const items = state.slots?.[this.slot] as unknown[] | undefined;
    if (items === undefined) {
      this.put([kept]);
      return;
    }
    state.change();
    items.push(kept);
    if (state.undoes) state.note(() => items.pop());
  }

  values(): unknown[] {
    const items = (this.state.slots?.[this.slot] ?? []) as readonly unknown[];
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
    return this.state.slots?.[this.slot] as Entries | undefined;
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
