/** Those in a source's chain that keep something for each split: they hear of all splits, and in order. */

import type { SplitObserver, TaskSplits } from '../operator.js';

export class ObservedSplits implements TaskSplits, SplitObserver {
  readonly #observers: SplitObserver[] = [];

  attach(observer: SplitObserver): void {
    this.#observers.push(observer);
  }

  add(split: number, earliestMs?: number): void {
    for (const observer of this.#observers) observer.add(split, earliestMs);
  }

  begin(split: number): void {
    for (const observer of this.#observers) observer.begin(split);
  }

  finish(split: number): void {
    for (const observer of this.#observers) observer.finish(split);
  }
}
