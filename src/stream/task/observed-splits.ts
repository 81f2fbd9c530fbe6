/**
 * The operators of a source's chain that keep a time for each split. Reading goes by the times of the first.
 */

import type { SplitObserver, TaskSplits } from '../operator.js';
import type { SourceBatch } from '../source.js';
import type { TimeProbe } from './time-probe.js';

interface Observer {
  readonly times: SplitObserver;
  readonly probe: TimeProbe | undefined;
}

export class ObservedSplits implements TaskSplits {
  readonly #observers: Observer[] = [];
  #maxDriftMs: number | undefined;
  readonly #probeOf: (operator: string) => TimeProbe | undefined;

  /** @param probeOf finds out what time an operator would give to a record of the source */
  constructor(probeOf: (operator: string) => TimeProbe | undefined) {
    this.#probeOf = probeOf;
  }

  attach(operator: string, times: SplitObserver): void {
    this.#observers.push({ times, probe: this.#probeOf(operator) });
    const given = this.#observers.flatMap((observer) => observer.times.maxDriftMs ?? []);
    this.#maxDriftMs = given.length === 0 ? undefined : Math.min(...given);
  }

  /** Records are given event times right behind the source. */
  get areTimed(): boolean {
    return this.#observers.length > 0;
  }

  add(split: number, earliestMs?: number): void {
    for (const { times } of this.#observers) times.add(split, earliestMs);
  }

  begin(split: number): void {
    for (const { times } of this.#observers) times.begin(split);
  }

  finish(split: number): void {
    for (const { times } of this.#observers) times.finish(split);
  }

  /** Do all of them know where the split stands? */
  isKnown(split: number): boolean {
    return this.#observers.every(({ times }) => times.isKnown(split));
  }

  /** Finds out from the split's first batch where the split stands, as far as the batch tells. */
  touch(split: number, batch: SourceBatch<unknown>): void {
    for (const { times, probe } of this.#observers) {
      if (times.isKnown(split)) continue;
      const timeMs = probe?.firstTime(batch);
      if (timeMs !== undefined) times.touch(split, timeMs);
    }
  }

  /** Where the watermark of what is read stands or could stand; +∞ when nobody has to wait for it. */
  get leastMs(): number {
    return this.#observers[0]?.times.leastMs ?? Number.POSITIVE_INFINITY;
  }

  get holder(): SplitObserver['holder'] {
    return this.#observers[0]?.times.holder;
  }

  /** How far ahead of the region's other sources this one may be read, in ms: the least that any operator allows. */
  get maxDriftMs(): number | undefined {
    return this.#maxDriftMs;
  }

  /** Where the split stands; −∞ when that is not known. */
  ownMs(split: number): number {
    return this.#observers[0]!.times.ownMs(split);
  }
}
