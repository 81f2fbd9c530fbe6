/**
 * What the source tasks of a region know of each other's time, in memory that their threads share. A cell per
 * source and instance:
 *
 *      bound   how far others of the same source may read: where the *next but one* of its bounded splits stands
 *      time    where its watermark stands; what others, of this source and of others, go by
 *      waits   it waits for one of these to grow
 *
 *  A1  An instance reads a bounded split only up to the least bound of the others. So instances stay about a
 *      split apart, whatever their splits are like: two may always read at the same time, and windows stay
 *      open for a few splits and not for all.
 *  A2  Nobody waits for ever: whoever stands at the least time is at or below every bound, since a bound is
 *      never less than the time of the one that gives it. An instance without bounded splits has no bound, and
 *      one that is idle or at its end holds nobody up. Unbounded splits wait for no bound.
 *  A3  A source with a drift bound is read only up to the least time of the others plus that.
 *  A4  Who waits says so first and looks again afterwards; who has moved on looks for those that wait
 *      afterwards. Both are sequentially consistent, so nobody sleeps through it.
 */

import type { JobPlan } from '../graph/plan.js';

/** A source of the region. */
export interface AlignedSource {
  readonly operator: string;
  readonly instances: number;
}

const CELL_WORDS = 3;
const BOUND = 0;
const TIME = 1;
const WAITS = 2;

const LOWEST = -(2n ** 62n);
const HIGHEST = 2n ** 62n;

export interface SourceAlignmentOptions {
  readonly shared: SharedArrayBuffer;
  /** All of the region, in one order everywhere. */
  readonly sources: readonly AlignedSource[];
  readonly operator: string;
  readonly instance: number;
  /** Wakes the thread of a source's instance. */
  readonly ring: (operator: string, instance: number) => void;
}

interface Cell {
  readonly operator: string;
  readonly instance: number;
  readonly at: number;
}

export class SourceAlignment {
  readonly #words: BigInt64Array;
  readonly #ring: (operator: string, instance: number) => void;
  readonly #own: Cell;
  readonly #others: readonly Cell[];
  readonly #siblings: readonly Cell[];
  #bound: bigint | undefined;
  #time: bigint | undefined;

  constructor({ shared, sources, operator, instance, ring }: SourceAlignmentOptions) {
    this.#words = new BigInt64Array(shared);
    this.#ring = ring;
    const cells = cellsOf(sources);
    const isOwn = (cell: Cell) => cell.operator === operator && cell.instance === instance;
    this.#own = cells.find(isOwn)!;
    this.#others = cells.filter((cell) => !isOwn(cell));
    this.#siblings = this.#others.filter((cell) => cell.operator === operator);
  }

  /** Memory for the sources of a region. Until one has told anything it holds the others up. */
  static memoryFor(sources: readonly AlignedSource[]): SharedArrayBuffer {
    const cells = cellsOf(sources);
    const shared = new SharedArrayBuffer(cells.length * CELL_WORDS * 8);
    const words = new BigInt64Array(shared);
    for (const { at } of cells) {
      words[at + BOUND] = LOWEST;
      words[at + TIME] = LOWEST;
    }
    return shared;
  }

  /** Others of this source may read up to there; +∞ when it has nothing to wait for. */
  tellBound(timeMs: number): void {
    const bound = wordOf(timeMs);
    if (bound === this.#bound) return;
    this.#bound = bound;
    this.#tell(BOUND, bound, this.#siblings);
  }

  /** Its watermark; +∞ when it holds nobody up. */
  tellTime(timeMs: number): void {
    const time = wordOf(timeMs);
    if (time === this.#time) return;
    this.#time = time;
    this.#tell(TIME, time, this.#others);
  }

  /** May a bounded split that stands there be read (A1)? When not, this thread is woken when that may have changed. */
  mayRead(timeMs: number): boolean {
    const time = wordOf(timeMs);
    return this.#passes(() => time <= this.#least(BOUND, this.#siblings));
  }

  /** May a split that stands there be read (A3)? As above. */
  mayDrift(timeMs: number, maxDriftMs: number): boolean {
    return this.#passes(() => timeMs - maxDriftMs <= Number(this.#least(TIME, this.#others)));
  }

  /** Is anybody in the region further than that? */
  isBehind(timeMs: number): boolean {
    return this.#others.some(({ at }) => {
      const other = Atomics.load(this.#words, at + TIME);
      return other < HIGHEST && other > wordOf(timeMs);
    });
  }

  #passes(test: () => boolean): boolean {
    if (test()) return true;
    Atomics.store(this.#words, this.#own.at + WAITS, 1n); // A4
    return test();
  }

  #tell(word: number, value: bigint, to: readonly Cell[]): void {
    Atomics.store(this.#words, this.#own.at + word, value);
    for (const { operator, instance, at } of to) {
      if (Atomics.load(this.#words, at + WAITS) === 0n) continue;
      Atomics.store(this.#words, at + WAITS, 0n);
      this.#ring(operator, instance);
    }
  }

  #least(word: number, cells: readonly Cell[]): bigint {
    let least = HIGHEST;
    for (const { at } of cells) {
      const value = Atomics.load(this.#words, at + word);
      if (value < least) least = value;
    }
    return least;
  }
}

/** The sources of a region. */
export function alignedSources(plan: JobPlan, region: number): readonly AlignedSource[] {
  return plan.regions[region]!.vertices.flatMap((index) => {
    const { id, nodes, parallelism } = plan.vertices[index]!;
    const isSource = plan.graph.nodes[nodes[0]!]!.kind === 'source';
    return isSource ? [{ operator: id, instances: parallelism }] : [];
  });
}

function cellsOf(sources: readonly AlignedSource[]): readonly Cell[] {
  return sources
    .flatMap(({ operator, instances }) =>
      Array.from({ length: instances }, (_, instance) => ({ operator, instance })),
    )
    .map((cell, index) => ({ ...cell, at: index * CELL_WORDS }));
}

/** Whole ms, rounded down: nobody reads further than is allowed by that. */
function wordOf(timeMs: number): bigint {
  if (timeMs === Number.POSITIVE_INFINITY) return HIGHEST;
  return timeMs === Number.NEGATIVE_INFINITY ? LOWEST : BigInt(Math.floor(timeMs));
}
