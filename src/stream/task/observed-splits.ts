/**
 * Those in a source's chain that keep a time for each split. The first of them is what reading goes by.
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

  /** Is it known where the split stands, for all of them? */
  isKnown(split: number): boolean {
    return this.#observers.every(({ times }) => times.isKnown(split));
  }

  /** Finds out where the split stands from the first batch of it, as far as that tells. */
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

  /** How far ahead of the region's other sources it may be read, in ms: what the strictest of them allows. */
  get maxDriftMs(): number | undefined {
    return this.#maxDriftMs;
  }

  /** Where the split stands; −∞ when that is not known. */
  ownMs(split: number): number {
    return this.#observers[0]!.times.ownMs(split);
  }
}
