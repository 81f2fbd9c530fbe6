/**
 * How far ahead of others a source is read (source-alignment.ts, A3).
 *
 *  D1  What is emitted at once, a chunk or a batch, begins at most `maxDriftMs` ahead of the slowest instance of the
 *      region's other sources, and of this one, as far as these have told. One that has told nothing yet stands at −∞;
 *      one that is at its end, or whose splits are all quiet, holds up nobody.
 *  D2  Nobody tells more than its splits allow that are not quiet.
 */

import { SourceAlignment } from '../../src/stream/task/source-alignment.js';
import { allOf, patch } from './patch.js';

/** The splits of an instance, as the model of their times has them. */
export interface DriftingSplits {
  /** Where the slowest of them stands that is not quiet; +∞: there is none. */
  readonly leastMs: number;
  /** Where one of them stands. */
  ownMs(index: number): number;
}

export interface RegionTold {
  /** By name: what each source's instance has told last. */
  readonly told: Map<string, number>;
}

const NEVER = Number.NEGATIVE_INFINITY;

export class DriftOracle {
  readonly #violated: (what: string) => void;
  readonly #regions: () => RegionTold[];
  readonly #views = new WeakMap<DriftingSplits, SourceAlignment>();

  /** @param regions of the simulation that is under way, by their numbers; it adds to them */
  constructor(violated: (what: string) => void, regions: () => RegionTold[]) {
    this.#violated = violated;
    this.#regions = regions;
  }

  /**
   * Looks on until what it returns is called.
   * @param taken the splits whose least time was asked for, to be told; undefined: nobody has asked
   */
  watch(taken: () => DriftingSplits | undefined): () => void {
    const oracle = this;
    return allOf([
      patch(SourceAlignment, 'memoryFor', (original) => (tasks) => {
        const sources = tasks.filter(({ isSource }) => isSource);
        const names = sources.flatMap(({ operator, instances }) =>
          Array.from({ length: instances }, (_, instance) => `${operator}/${instance}`),
        );
        const regions = oracle.#regions();
        regions.push({ told: new Map(names.map((name) => [name, NEVER])) });
        return marked(original(tasks), regions.length - 1);
      }),
      patch(SourceAlignment.prototype, 'tellTime', (original) => {
        return function (this: SourceAlignment, timeMs) {
          original.call(this, timeMs);
          oracle.#told(this, timeMs, taken());
        };
      }),
    ]);
  }

  /** The instance begins to emit records of this split. @param maxDriftMs of its source; undefined: no bound */
  emits(splits: DriftingSplits, index: number, maxDriftMs: number | undefined): void {
    const view = this.#views.get(splits);
    if (view === undefined || maxDriftMs === undefined) return;
    const ownMs = splits.ownMs(index);
    for (const [name, timeMs] of this.#regionOf(view).told) {
      if (name === view.name || ownMs - maxDriftMs <= timeMs) continue;
      this.#violated(
        `I25: '${view.name}' reads on at ${ownMs}, more than ${maxDriftMs} ahead of '${name}' at ${timeMs}`,
      );
    }
  }

  #told(view: SourceAlignment, timeMs: number, splits: DriftingSplits | undefined): void {
    this.#regionOf(view).told.set(view.name, timeMs);
    // Whoever is at its end tells so without a look at its splits.
    if (splits === undefined) return;
    this.#views.set(splits, view);
    if (timeMs > splits.leastMs) {
      this.#violated(
        `I25: '${view.name}' tells others ${timeMs}, and its splits stand at ${splits.leastMs}`,
      );
    }
  }

  #regionOf({ memory }: SourceAlignment): RegionTold {
    return this.#regions()[Number(new BigInt64Array(memory).at(-1))]!;
  }
}

/** The memory, and a number behind it: between threads it is not the same object. */
function marked(memory: SharedArrayBuffer, number: number): SharedArrayBuffer {
  const words = new BigInt64Array(memory);
  const longer = new BigInt64Array(new SharedArrayBuffer(memory.byteLength + 8));
  longer.set(words);
  longer[words.length] = BigInt(number);
  return longer.buffer as SharedArrayBuffer;
}
