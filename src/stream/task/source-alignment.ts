/**
 * Tells the source tasks of a region each other's time, in memory that their threads share. Each instance of
 * each source, and of each task that gives times behind an exchange, has a cell of three words:
 *
 *      bound   how far others of the same source may read: where its *next but one* bounded split stands
 *      time    where its watermark stands; others, of this source and of others, go by it
 *      waits   set while it waits for one of the others' words to grow
 *
 *  A1  An instance reads a bounded split only up to the least bound of the other instances. So instances stay
 *      about a split apart, whatever their splits are like: two may always read at the same time, and windows
 *      stay open for a few splits and not for all.
 *  A2  Nobody waits for ever. A bound is never less than the time of the instance that gives it, so whoever
 *      stands at the least time is at or below every bound. An instance without bounded splits has no bound, and
 *      one that is idle or at its end holds nobody up. Unbounded splits wait for no bound.
 *  A3  A source with a drift bound is read only up to the least time of the others plus that bound. Times that are
 *      given behind an exchange do not count: they may be those of the source itself, which would wait for itself.
 *  A4  Who waits first sets `waits` and then looks again; who has moved on first writes its word and then looks
 *      for those that wait. Both are sequentially consistent, so nobody sleeps through a change.
 *  A5  Whoever holds time back sees by all times that others are further, and is named for it (time-holder.ts).
 */

import type { JobPlan } from '../graph/plan.js';

/** A task of the region that reads a source, or gives times behind an exchange. */
export interface AlignedTask {
  /** Id of its vertex. */
  readonly operator: string;
  readonly instances: number;
  readonly isSource: boolean;
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
  readonly tasks: readonly AlignedTask[];
  readonly operator: string;
  readonly instance: number;
  /** Wakes the thread of a source's instance. */
  readonly ring: (operator: string, instance: number) => void;
}

interface Cell {
  readonly operator: string;
  readonly instance: number;
  readonly isSource: boolean;
  readonly at: number;
}

export class SourceAlignment {
  /** `operator/instance`: whose view it is. */
  readonly name: string;
  /** The same for all that tell each other. */
  readonly memory: SharedArrayBuffer;
  readonly #words: BigInt64Array;
  readonly #ring: (operator: string, instance: number) => void;
  readonly #own: Cell;
  readonly #others: readonly Cell[];
  /** Those of `#others` that are sources. */
  readonly #sources: readonly Cell[];
  readonly #siblings: readonly Cell[];
  #bound: bigint | undefined;
  #timeMs: number | undefined;

  constructor({ shared, tasks, operator, instance, ring }: SourceAlignmentOptions) {
    this.name = `${operator}/${instance}`;
    this.memory = shared;
    this.#words = new BigInt64Array(shared);
    this.#ring = ring;
    const cells = cellsOf(tasks);
    const isOwn = (cell: Cell) => cell.operator === operator && cell.instance === instance;
    this.#own = cells.find(isOwn)!;
    this.#others = cells.filter((cell) => !isOwn(cell));
    this.#sources = this.#others.filter(({ isSource }) => isSource);
    this.#siblings = this.#others.filter((cell) => cell.operator === operator);
  }

  /** Memory for the tasks of a region. An instance that has told nothing yet holds the others up. */
  static memoryFor(tasks: readonly AlignedTask[]): SharedArrayBuffer {
    const cells = cellsOf(tasks);
    const shared = new SharedArrayBuffer(cells.length * CELL_WORDS * 8);
    const words = new BigInt64Array(shared);
    for (const { at } of cells) {
      words[at + BOUND] = LOWEST;
      words[at + TIME] = LOWEST;
    }
    return shared;
  }

  /** Other instances of this source may read up to that time; +∞ when this one has no bound. */
  tellBound(timeMs: number): void {
    const bound = wordOf(timeMs);
    if (bound === this.#bound) return;
    this.#bound = bound;
    this.#tell(BOUND, bound, this.#siblings);
  }

  /** The instance's watermark; +∞ when it holds nobody up. */
  tellTime(timeMs: number): void {
    const wholeMs = Math.floor(timeMs);
    if (wholeMs === this.#timeMs) return;
    this.#timeMs = wholeMs;
    this.#tell(TIME, wordOf(wholeMs), this.#own.isSource ? this.#sources : []);
  }

  /** May a bounded split that stands at that time be read (A1)? If not, the thread is woken when it may be. */
  mayRead(timeMs: number): boolean {
    const time = wordOf(timeMs);
    return this.#passes(() => time <= this.#least(BOUND, this.#siblings));
  }

  /** May a split that stands at that time be read (A3)? If not, this thread is woken as by `mayRead`. */
  mayDrift(timeMs: number, maxDriftMs: number): boolean {
    return this.#passes(() => timeMs - maxDriftMs <= Number(this.#least(TIME, this.#sources)));
  }

  /** Is any other instance of the region, not at its end, further than that? */
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

/** The tasks of a region that have cells. */
export function alignedTasks(plan: JobPlan, region: number): readonly AlignedTask[] {
  return plan.regions[region]!.vertices.flatMap((index) => alignedTask(plan, index) ?? []);
}

/** Undefined when the task neither reads a source nor gives times. */
export function alignedTask(plan: JobPlan, vertex: number): AlignedTask | undefined {
  const { id, nodes, parallelism } = plan.vertices[vertex]!;
  const isSource = plan.graph.nodes[nodes[0]!]!.kind === 'source';
  const givesTimes = nodes.some((node) => plan.graph.nodes[node]!.type === 'timestamps');
  return isSource || givesTimes ? { operator: id, instances: parallelism, isSource } : undefined;
}

function cellsOf(tasks: readonly AlignedTask[]): readonly Cell[] {
  return tasks
    .flatMap(({ operator, instances, isSource }) =>
      Array.from({ length: instances }, (_, instance) => ({ operator, instance, isSource })),
    )
    .map((cell, index) => ({ ...cell, at: index * CELL_WORDS }));
}

/** Whole ms, rounded down: so nobody reads further than is allowed. */
function wordOf(timeMs: number): bigint {
  if (timeMs === Number.POSITIVE_INFINITY) return HIGHEST;
  return timeMs === Number.NEGATIVE_INFINITY ? LOWEST : BigInt(Math.floor(timeMs));
}
