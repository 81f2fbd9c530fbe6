/**
 * All who look on at the real classes while a simulation runs.
 *
 * They stay from one seed to the next, and tell whichever simulation is under way: whenever a method is replaced V8
 * gives up what it has compiled of its class, which for each seed anew was a fifth of the time. Only a planted mistake
 * makes them step aside, for it stands below them: who looks on sees what it does.
 */

import type { RestartStrategy } from '../../src/supervisor/restart-strategy.js';
import { watchInputs } from './input-oracle.js';
import type { Occasion } from './life.js';
import { allOf } from './patch.js';
import { watchSupervision } from './supervision-oracle.js';
import { watchTasks } from './task-oracle.js';
import { type TimesWatch, watchTimes } from './time-oracle.js';

/** What they ask of a simulation, and tell it. */
export interface Watch extends TimesWatch {
  /** Of a pipeline: are the records of a split all on one way? Dealt ones have no order. */
  readonly isOrdered: (pipeline: number) => boolean;
  /** Of all groups. */
  readonly restart: RestartStrategy;
}

let watch: Watch | undefined;
let undo: (() => void) | undefined;

/** From now on they tell this one, until another takes its place or `stopWatching` is called. */
export function watchFor(given: Watch): void {
  watch = given;
  undo ??= install();
}

/** The classes are as they were. */
export function stopWatching(): void {
  undo?.();
  undo = undefined;
  watch = undefined;
}

function install(): () => void {
  const violated = (what: string) => watch!.violated(what);
  const on = (occasion: Occasion) => watch!.on(occasion);
  return allOf([
    watchTasks((pipeline) => watch!.isOrdered(pipeline), violated),
    watchSupervision(() => watch!.restart, violated),
    watchInputs({ violated, onSilent: () => on('times that counted no more') }),
    watchTimes({
      now: () => watch!.now(),
      sourceOf: (operator) => watch!.sourceOf(operator),
      regions: () => watch!.regions(),
      violated,
      on,
    }),
  ]);
}
