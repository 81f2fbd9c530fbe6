/**
 * Quantiles within one per cent, by a sketch: DDSketch (C. Masson, J. E. Rim, H. K. Lee, 2019). Numbers are counted in
 * bins that grow with them, so that all of a bin are within 1 % of its middle. Sketches are merged by adding up bins.
 */

import { badOption } from '../../base/option-checks.js';
import { type Aggregation, type Counted, numberOf } from './aggregations.js';
import { checkCallback } from './callbacks.js';

const ERROR = 0.01;
const GAMMA = (1 + ERROR) / (1 - ERROR);
const LOG_GAMMA = Math.log(GAMMA);

interface Sketch {
  counted: number;
  nans: number;
  zeros: number;
  least: number;
  greatest: number;
  /** How many numbers are in each bin; bin i has (γ^(i−1), γ^i]. */
  readonly above: Map<number, number>;
  readonly below: Map<number, number>;
}

/**
 * About the number below which that share of what `select` gives lies: 0.5 is the median, 0.99 what one in a hundred
 * is above. It is within 1 % of one of the numbers at that place; the least (0) and the greatest (1) are exact. null and
 * undefined are skipped; the answer is null when nothing was counted, and NaN once NaN was.
 * @param share from 0 to 1
 */
export function approximateQuantile<T, N extends number | null | undefined>(
  select: (record: T) => N,
  share: number,
): Aggregation<T, Counted<N>> {
  checkCallback(select, 'approximateQuantile');
  if (typeof share !== 'number' || !(share >= 0 && share <= 1)) {
    throw badOption('approximateQuantile(…, share)', share, 'a number from 0 to 1');
  }
  const number = numberOf<T>(select, 'approximateQuantile');
  const aggregation: Aggregation<T, number | null> = {
    kind: 'value',
    type: 'quantile',
    initial: (): Sketch => ({
      counted: 0,
      nans: 0,
      zeros: 0,
      least: Number.POSITIVE_INFINITY,
      greatest: Number.NEGATIVE_INFINITY,
      above: new Map(),
      below: new Map(),
    }),
    copy(state) {
      const { above, below, ...numbers } = state as Sketch;
      return { ...numbers, above: new Map(above), below: new Map(below) };
    },
    add(state, record) {
      const value = number(record);
      if (value !== undefined) count(state as Sketch, value);
      return state;
    },
    merge: (before, after) => addUp(before as Sketch, after as Sketch),
    result: (state) => answer(state as Sketch, share),
  };
  return aggregation as Aggregation<T, Counted<N>>;
}

function count(sketch: Sketch, value: number): void {
  sketch.counted += 1;
  if (Number.isNaN(value)) {
    sketch.nans += 1;
    return;
  }
  sketch.least = Math.min(sketch.least, value);
  sketch.greatest = Math.max(sketch.greatest, value);
  if (value === 0) sketch.zeros += 1;
  else raise(value > 0 ? sketch.above : sketch.below, binOf(Math.abs(value)), 1);
}

const binOf = (value: number) => Math.ceil(Math.log(value) / LOG_GAMMA);
/** By `exp`, since the last digits of `**` differ between versions of Node, and an answer is not to. */
const middleOf = (bin: number) => (2 / (GAMMA + 1)) * Math.exp(bin * LOG_GAMMA);

function raise(bins: Map<number, number>, bin: number, by: number): void {
  bins.set(bin, (bins.get(bin) ?? 0) + by);
}

function addUp(sketch: Sketch, later: Sketch): Sketch {
  sketch.counted += later.counted;
  sketch.nans += later.nans;
  sketch.zeros += later.zeros;
  sketch.least = Math.min(sketch.least, later.least);
  sketch.greatest = Math.max(sketch.greatest, later.greatest);
  for (const [bin, by] of later.above) raise(sketch.above, bin, by);
  for (const [bin, by] of later.below) raise(sketch.below, bin, by);
  return sketch;
}

function answer(sketch: Sketch, share: number): number | null {
  const { counted, nans, zeros, least, greatest, above, below } = sketch;
  if (counted === 0) return null;
  if (nans > 0) return Number.NaN;
  /** How many come before the one that is looked for. */
  let before = Math.floor(share * (counted - 1));
  if (before === 0) return least;
  if (before === counted - 1) return greatest;
  const within = (value: number) => Math.min(greatest, Math.max(least, value));
  for (const [bin, here] of [...below].sort(([a], [b]) => b - a)) {
    if (before < here) return within(-middleOf(bin));
    before -= here;
  }
  if (before < zeros) return 0;
  before -= zeros;
  for (const [bin, here] of [...above].sort(([a], [b]) => a - b)) {
    if (before < here) return within(middleOf(bin));
    before -= here;
  }
  return greatest;
}
