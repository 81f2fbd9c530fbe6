/**
 * How far time may have come (I25), by a model of its own, which looks at all splits each time it is asked.
 *
 *  Z1  A watermark is at most the least of the own times of the splits of its task that have neither ended nor
 *      kept quiet for `idleAfterMs` while they were asked.
 *  Z2  When all are quiet it is at most where the one stands that fell quiet last, of those that have spoken: so
 *      far it would have come by itself, and idleness adds nothing.
 *  Z3  What was said goes on to be allowed: time never goes back (I23), also when a quiet split speaks again.
 *  Z4  An instance is silent when no split that goes on has ever said a time.
 */

import type { RestoredSection } from '../../src/stream/operator.js';
import { ObservedSplits } from '../../src/stream/task/observed-splits.js';
import { SourceAlignment } from '../../src/stream/task/source-alignment.js';
import { SplitReader } from '../../src/stream/task/split-reader.js';
import { SplitTimes } from '../../src/stream/task/split-times.js';
import { type DriftingSplits, DriftOracle, type RegionTold } from './drift-oracle.js';
import type { Occasion } from './life.js';
import { allOf, patch, patchGetter } from './patch.js';
import { DISORDER_MS, type SourceSpec } from './topology.js';

export interface TimesWatch {
  /** Virtual ms. */
  readonly now: () => number;
  /** Of the operator that gives times to a source's records; undefined: none of the simulation's. */
  readonly sourceOf: (operator: string) => SourceSpec | undefined;
  /** Those of this simulation, by their numbers. */
  readonly regions: () => RegionTold[];
  readonly violated: (what: string) => void;
  readonly on: (occasion: Occasion) => void;
}

interface ModelSplit {
  ownMs: number;
  /** Since when it has been quiet, later by what it was not asked: at the earliest, and at the latest. */
  quietSinceMs: number;
  /** Infinite until it was looked at. */
  quietAtLatestMs: number;
  /** It was idle in the checkpoint, and has not spoken since. */
  idle: boolean;
}

/** As a share of `idleAfterMs`: after so long it has been seen that a split is quiet. */
const LOOKED_AT_EVERY = 1 / 16;

const NEVER = Number.NEGATIVE_INFINITY;

class ModelTimes implements DriftingSplits {
  readonly #watch: TimesWatch;
  readonly #splits = new Map<number, ModelSplit>();
  readonly #restored = new Map<number, Pick<ModelSplit, 'ownMs' | 'idle'>>();
  maxDriftMs: number | undefined;
  #idleAfterMs = Number.POSITIVE_INFINITY;
  #name = '';
  #current: ModelSplit | undefined;
  /** Z3 */
  #allowedMs = NEVER;
  #saidMs = NEVER;

  constructor(watch: TimesWatch) {
    this.#watch = watch;
  }

  attach(operator: string): void {
    const source = this.#watch.sourceOf(operator);
    this.#name = operator;
    this.#idleAfterMs = source?.idleAfterMs ?? Number.POSITIVE_INFINITY;
    this.maxDriftMs = source?.maxDriftMs;
  }

  get leastMs(): number {
    const holding = [...this.#splits.values()].filter((split) => !this.#isQuiet(split));
    return Math.min(...holding.map(({ ownMs }) => ownMs));
  }

  ownMs(index: number): number {
    return this.#splits.get(index)!.ownMs;
  }

  restore(sections: readonly RestoredSection[]): void {
    const said: number[] = [];
    for (const { name, bytes } of sections) {
      if (name !== 'split-times') continue;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      said.push(view.getFloat64(1, true));
      for (let at = 9; at < bytes.byteLength; at += 13) {
        this.#restored.set(view.getUint32(at, true), {
          idle: view.getUint8(at + 4) === 1,
          ownMs: view.getFloat64(at + 5, true) - DISORDER_MS - 1,
        });
      }
    }
    this.#saidMs = said.length === 0 ? NEVER : Math.min(...said);
    this.#allowedMs = this.#saidMs;
  }

  add(index: number): void {
    const { ownMs, idle } = this.#restored.get(index) ?? { ownMs: NEVER, idle: false };
    const quietSinceMs = this.#watch.now();
    this.#splits.set(index, {
      ownMs,
      idle,
      quietSinceMs,
      quietAtLatestMs: Number.POSITIVE_INFINITY,
    });
  }

  begin(index: number): void {
    this.#current = this.#splits.get(index);
  }

  observe(timeMs: number): void {
    const split = this.#current;
    if (split === undefined) return;
    if (this.#isQuiet(split)) this.#watch.on('idle splits that spoke again');
    split.ownMs = Math.max(split.ownMs, timeMs - DISORDER_MS - 1);
    split.idle = false;
    split.quietSinceMs = this.#watch.now();
    split.quietAtLatestMs = Number.POSITIVE_INFINITY;
  }

  touch(index: number, timeMs: number): void {
    const split = this.#splits.get(index)!;
    split.ownMs = Math.max(split.ownMs, timeMs - DISORDER_MS - 1);
  }

  finish(index: number): void {
    this.#splits.delete(index);
  }

  /** It was found out whether the split was asked for something all the time since then. */
  asked(index: number, now: number, sinceMs: number, wasAsked: boolean): void {
    const split = this.#splits.get(index);
    if (split === undefined || wasAsked) return;
    const { quietSinceMs } = split;
    split.quietSinceMs = Math.min(now, quietSinceMs + now - Math.max(sinceMs, quietSinceMs));
    split.quietAtLatestMs += now - sinceMs;
  }

  judged(now: number): void {
    for (const split of this.#splits.values()) {
      const isLookedAt = now >= split.quietSinceMs + this.#idleAfterMs * LOOKED_AT_EVERY;
      if (isLookedAt) split.quietAtLatestMs = Math.min(split.quietAtLatestMs, now);
    }
    this.#allow();
  }

  said(timeMs: number): void {
    this.#allow();
    if (timeMs > this.#allowedMs) {
      this.#watch.violated(
        `I25: '${this.#name}' says ${timeMs}, and its splits allow ${this.#allowedMs}`,
      );
    }
    if (timeMs < this.#saidMs) {
      this.#watch.violated(`I23: '${this.#name}' says ${timeMs} behind ${this.#saidMs}`);
    }
    this.#saidMs = timeMs;
  }

  /** Z4 */
  silent(isSaid: boolean): void {
    const hasSpoken = [...this.#splits.values()].some(({ ownMs }) => ownMs > NEVER);
    if (isSaid !== hasSpoken) return;
    this.#watch.violated(
      `I25: '${this.#name}' is ${isSaid ? 'silent' : 'not silent'}, and its splits differ`,
    );
  }

  #isQuiet({ idle, quietSinceMs }: ModelSplit): boolean {
    return idle || this.#watch.now() - quietSinceMs >= this.#idleAfterMs;
  }

  #allow(): void {
    const splits = [...this.#splits.values()];
    const holding = splits.filter((split) => !this.#isQuiet(split)).map(({ ownMs }) => ownMs);
    if (holding.length > 0) {
      this.#allowedMs = Math.max(this.#allowedMs, Math.min(...holding));
      return;
    }
    const spoken = splits.filter(({ ownMs }) => ownMs > NEVER);
    const lastMs = Math.max(...spoken.map(({ quietSinceMs }) => quietSinceMs));
    for (const { quietAtLatestMs, ownMs } of spoken) {
      if (quietAtLatestMs >= lastMs) this.#allowedMs = Math.max(this.#allowedMs, ownMs);
    }
  }
}

/** Looks on until what it returns is called. */
export function watchTimes(watch: TimesWatch): () => void {
  const models = new WeakMap<SplitTimes, ModelTimes>();
  const modelOf = (times: SplitTimes): ModelTimes => {
    const known = models.get(times);
    if (known !== undefined) return known;
    const model = new ModelTimes(watch);
    models.set(times, model);
    return model;
  };
  const observed = new WeakMap<ObservedSplits, ModelTimes>();
  const drift = new DriftOracle(watch.violated, watch.regions);
  let asked: ModelTimes | undefined;
  return allOf([
    drift.watch(() => {
      const model = asked;
      asked = undefined;
      return model;
    }),
    patchGetter(ObservedSplits.prototype, 'leastMs', (original) => {
      return function (this: ObservedSplits) {
        asked = observed.get(this);
        return original.call(this);
      };
    }),
    // Called for each chunk.
    patch(ObservedSplits.prototype, 'begin', (original) => {
      return function (this: ObservedSplits, index) {
        const model = observed.get(this);
        if (model !== undefined) drift.emits(model, index, model.maxDriftMs);
        original.call(this, index);
      };
    }),
    patch(ObservedSplits.prototype, 'attach', (original) => {
      return function (this: ObservedSplits, operator, times) {
        const model = modelOf(times as SplitTimes);
        model.attach(operator);
        observed.set(this, model);
        original.call(this, operator, times);
      };
    }),
    patch(SplitTimes.prototype, 'restore', (original) => {
      return function (this: SplitTimes, sections) {
        original.call(this, sections);
        modelOf(this).restore(sections);
      };
    }),
    patch(SplitTimes.prototype, 'add', (original) => {
      return function (this: SplitTimes, index, earliestMs) {
        original.call(this, index, earliestMs);
        modelOf(this).add(index);
      };
    }),
    patch(SplitTimes.prototype, 'begin', (original) => {
      return function (this: SplitTimes, index) {
        original.call(this, index);
        modelOf(this).begin(index);
      };
    }),
    patch(SplitTimes.prototype, 'observe', (original) => {
      return function (this: SplitTimes, timeMs) {
        modelOf(this).observe(timeMs);
        return original.call(this, timeMs);
      };
    }),
    patchGetter(SplitTimes.prototype, 'isSilent', (original) => {
      return function (this: SplitTimes) {
        const isSaid = original.call(this);
        modelOf(this).silent(isSaid);
        return isSaid;
      };
    }),
    patch(SplitTimes.prototype, 'touch', (original) => {
      return function (this: SplitTimes, index, timeMs) {
        original.call(this, index, timeMs);
        modelOf(this).touch(index, timeMs);
      };
    }),
    patch(SplitTimes.prototype, 'finish', (original) => {
      return function (this: SplitTimes, index) {
        original.call(this, index);
        modelOf(this).finish(index);
      };
    }),
    patch(SplitTimes.prototype, 'judge', (original) => {
      return function (this: SplitTimes, now, wasAsked) {
        const model = modelOf(this);
        const wasIdle = this.isIdle;
        original.call(this, now, (index, sinceMs) => {
          const answer = wasAsked(index, sinceMs);
          model.asked(index, now, sinceMs, answer);
          return answer;
        });
        model.judged(now);
        if (this.isIdle && !wasIdle) watch.on('splits that were found idle');
      };
    }),
    patch(SplitTimes.prototype, 'advance', (original) => {
      return function (this: SplitTimes) {
        const timeMs = original.call(this);
        if (timeMs !== undefined) modelOf(this).said(timeMs);
        return timeMs;
      };
    }),
    patch(SourceAlignment.prototype, 'mayDrift', (original) => {
      return function (this: SourceAlignment, timeMs, maxDriftMs) {
        const may = original.call(this, timeMs, maxDriftMs);
        if (!may) watch.on('sources that waited for others');
        return may;
      };
    }),
    patch(SplitReader.prototype, 'rest', (original) => {
      return function (this: SplitReader) {
        watch.on('readers that made room for others');
        original.call(this);
      };
    }),
  ]);
}
