/** Nexmark's events as the source of a job. */

import { generate } from 'holdfast';
import { nexmark } from './generator.mjs';

/** How far, in ms, a watermark is behind: Nexmark says 4 s. */
export const OUT_OF_ORDERNESS_MS = 4_000;

/**
 * Without a rate, events come in ranges of ids that instances read in turn; with one, each of `splits` parts has every
 * so-many-th event. Either way an event is the same however many instances read.
 *
 * @param {object} [options]
 * @param {number} [options.events] how many; without it the source never ends
 * @param {number} [options.ratePerSecond] events per second of wall clock; default: as fast as they are taken
 * @param {number} [options.splits]
 * @param {Partial<typeof import('./generator.mjs').DEFAULTS>} [options.generator]
 */
export function nexmarkSource({ events, ratePerSecond, splits, generator } = {}) {
  const { event, idAt } = nexmark(generator);
  const isInOrder = (generator?.outOfOrderGroup ?? 1) === 1;
  const eventAt = isInOrder ? event : (position) => event(idAt(position, events));
  return generate(eventAt, {
    count: events,
    ratePerSecond,
    splits,
  });
}
