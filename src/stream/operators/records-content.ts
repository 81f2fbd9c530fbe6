/**
 * A window that holds its records: for `process`, and for evictors, behind which a fold goes over the records that are
 * left.
 */

import { type RecordKeeper, recordKeeper } from '../../channels/record-keeper.js';
import { asyncCallbackError, describeValue, isThenable } from '../api/callbacks.js';
import type { StateVersion } from '../api/state-version.js';
import type { Evictor } from '../api/triggers.js';
import type { WindowProcessData } from '../api/window-process.js';
import type { WindowBounds } from '../api/windows.js';
import type { OperatorContext } from '../operator.js';
import { detachedKey } from '../state/detached.js';
import type { StateDescription } from '../state/state-layout.js';
import type { CallbackOutput } from './callback-output.js';
import type { CellFold } from './cell-fold.js';
import { type EvolveValue, type Migrate, reducedEvolution } from './state-evolution.js';
import type { Firing, WindowContent } from './window-content.js';

/** Part of the snapshot format, as a value: a record, and its event time in ms. */
type Held = readonly [record: unknown, timestamp: number];

/** Makes rows of the records, which are copies that nobody else holds. */
type Finish = (records: readonly Held[], firing: Firing, out: CallbackOutput) => void;

export class RecordsContent implements WindowContent {
  readonly isNumeric = false;
  /** It has copies of its own. */
  readonly keepsRecords = false;
  readonly #finish: Finish;
  readonly #migrate: Migrate | undefined;
  #keeper!: RecordKeeper;

  constructor(finish: Finish, { migrate }: StateVersion<unknown>) {
    this.#finish = finish;
    this.#migrate = migrate as Migrate | undefined;
  }

  open({ records }: OperatorContext): void {
    this.#keeper = recordKeeper(records, 'state');
  }

  first(record: unknown, timestamp: number): unknown {
    return [this.#held(record, timestamp)];
  }

  add(value: unknown, record: unknown, timestamp: number): unknown {
    (value as Held[]).push(this.#held(record, timestamp));
    return value;
  }

  merge(before: unknown, after: unknown): unknown {
    return [...(before as Held[]), ...(after as Held[])];
  }

  copy(value: unknown): unknown {
    return [...(value as Held[])];
  }

  evolution(operator: string, before: string, now: StateDescription): EvolveValue {
    const evolve = reducedEvolution(operator, before, now, this.#migrate);
    return (value, key) =>
      (value as Held[]).map(([record, timestamp]) => [evolve(record, key), timestamp]);
  }

  /** Leaves out what the evictor does not keep. */
  evict(value: unknown, evictor: Evictor<unknown>, window: WindowBounds): readonly unknown[] {
    const known = new Map<object, Held>();
    const shown = (value as Held[]).map((held) => {
      const [record, timestamp] = held;
      const one = Object.freeze({ record, timestamp });
      known.set(one, held);
      return one;
    });
    const kept = evictor.keep(shown, window);
    if (isThenable(kept)) throw asyncCallbackError('evictor(…).keep');
    if (!Array.isArray(kept)) {
      throw new TypeError(
        `an evictor keeps an array of the records that it was given, but gave ${describeValue(kept)}`,
      );
    }
    return kept.map((one) => {
      const held = known.get(one);
      if (held === undefined) throw new TypeError('an evictor gave a record that it was not given');
      return held;
    });
  }

  fire(firing: Firing, out: CallbackOutput): void {
    const records = (firing.value as Held[]).map(
      ([record, timestamp]): Held => [this.#keeper.keep(record), timestamp],
    );
    this.#finish(records, firing, out);
  }

  #held(record: unknown, timestamp: number): Held {
    return [this.#keeper.keep(record), timestamp];
  }
}

/** Hands the records to the user's callback. */
export function processContent(spec: WindowProcessData): RecordsContent {
  const finish: Finish = (records, firing, out) => {
    const { key, start: windowStart, end: windowEnd, watermark, replaces } = firing;
    const answer = spec.onWindow(
      { windowStart, windowEnd },
      records.map(([record]) => record),
      { key: detachedKey(key), watermark, ...(replaces === undefined ? {} : { replaces }) },
      out,
    );
    if (isThenable(answer)) throw asyncCallbackError('process({ onWindow })');
  };
  return new RecordsContent(finish, spec);
}

/** Folds the records each time that the window fires. */
export function evictedContent(fold: CellFold, version: StateVersion<unknown>): RecordsContent {
  const finish: Finish = ([first, ...others], { key, start, end }, out) => {
    let value = fold.first(first![0], first![1]);
    for (const [record, timestamp] of others) value = fold.add(value, record, timestamp);
    out.put(fold.row(value, detachedKey(key), start, end));
  };
  return new RecordsContent(finish, version);
}
