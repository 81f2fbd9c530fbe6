/**
 * The contract of operators as a list of cases that any test runner can run.
 *
 * Each case plays the same script to the operators, with something done to them between its items that a job may do at
 * any time. Behind every item the same has to come out as in a plain run.
 *
 *  F1  A case needs no test runner, no thread and no clock. It resolves, or it throws.
 *  F2  Each case tries one clause. The names of clauses never change, and the error of a broken clause begins with its
 *      name.
 *  F3  What comes out is compared item by item: record by record, and with their times. A restore may change the order of
 *      keys, and several instances have none between them: then only the records of one key have to keep theirs. So are
 *      the records of side outputs, and in the end what was counted.
 */

import { inspect, isDeepStrictEqual } from 'node:util';
import { clipped } from '../base/clipped.js';
import { HoldfastError } from '../base/errors.js';
import { badOption, checkNumber, checkObject } from '../base/option-checks.js';
import { canonicalKey } from '../hashring/canonical-key.js';
import type { ConformanceCase } from './conformance-case.js';
import type { Emitted } from './kept-sink.js';
import {
  type Item,
  joined,
  Life,
  type Options,
  played,
  type Step,
  type Trace,
} from './operator-play.js';
import type { OperatorConformanceOptions } from './operator-script.js';

const NAMES = ['build', 'script', 'late', 'expected', 'key', 'waits'] as const;
const MAIN = 'main output';
const SCRIPT_MAX = 10_000;
/** Instances before and after: 1 → 3 → 2 → 1 → … */
const PARALLELISMS = [1, 3, 2] as const;
/** At every third item, beginning with each of the first three. */
const EVERY = 3;
const TEXT_MAX = 400;

interface Clause {
  readonly clause: string;
  readonly name: string;
  /** Undefined: the clause is not asked of that operator. */
  readonly play: (bench: Bench) => Promise<void>;
  readonly isAsked?: (options: Options) => boolean;
}

const CLAUSES: readonly Clause[] = [
  {
    clause: 'answers',
    name: 'the script makes it emit something, and what was expected, every time',
    play: async (bench) => {
      const { steps } = await bench.plain();
      const rows = steps.flatMap((step) => step.get(MAIN) ?? []).map(({ record }) => record);
      const all = steps.flatMap((step) => [...step.values()].flat());
      if (all.length === 0) throw bench.fault('nothing came out, so the script tries nothing');
      const { expected } = bench.options;
      if (expected !== undefined && !isDeepStrictEqual(rows, [...expected])) {
        throw bench.fault(`came out: ${shown(rows)}; expected was: ${shown(expected)}`);
      }
      await bench.compare(await played(bench.options, await Life.open(bench.options)), true);
    },
  },
  {
    clause: 'late',
    name: 'late records are counted or in a side output: none is lost',
    isAsked: ({ late }) => late !== undefined,
    play: async (bench) => {
      const { steps, counters } = await bench.plain();
      const aside = steps.flatMap((step) =>
        [...step].flatMap(([sink, rows]) => (sink === MAIN ? [] : rows)),
      );
      const found = (counters['lateRecords'] ?? 0) + aside.length;
      const { late } = bench.options;
      if (found === late) return;
      throw bench.fault(`${late} records of the script are late, and ${found} were found to be`);
    },
  },
  {
    clause: 'restore',
    name: 'goes on from a snapshot between any two items',
    play: async (bench) => {
      const { options } = bench;
      // Every other life has outputs that are full after each record.
      const between = async (life: Life, at: number): Promise<Life> =>
        await Life.open(options, { restore: await life.snapshot(), isStingy: at % 2 === 1 });
      await bench.compare(await played(options, await Life.open(options), between), false);
    },
  },
  {
    clause: 'restore-changes',
    name: 'goes on from snapshots that hold what has changed since the one before',
    play: async (bench) => {
      const { options } = bench;
      const incremental = true;
      const between = async (life: Life): Promise<Life> =>
        await Life.open(options, { restore: await life.snapshot(), incremental });
      const life = await Life.open(options, { incremental });
      await bench.compare(await played(options, life, between), false);
    },
  },
  {
    clause: 'snapshot-in-passing',
    name: 'a snapshot changes nothing, and what goes on from any of them gives the same',
    play: async (bench) => {
      const { options } = bench;
      const incremental = true;
      const script = options.script as readonly Item[];
      const { steps } = await bench.plain();
      const life = await Life.open(options, { incremental });
      const trace = await played(options, life, async (same, at) => {
        const restore = await same.snapshot();
        if (options.waits === true) return same;
        const other = await Life.open(options, { restore, incremental });
        bench.compareStep(await other.play(script, at + 1), steps[at + 1]!, at + 1, false);
        await other.close();
        return same;
      });
      await bench.compare(trace, true);
    },
  },
  {
    clause: 'capacity-one',
    name: 'goes on where it was stopped, when outputs are full after each record',
    play: async (bench) => {
      const life = await Life.open(bench.options, { isStingy: true });
      await bench.compare(await played(bench.options, life), true);
    },
  },
  {
    clause: 'watermark-repeats',
    name: 'time that is said again, or goes back, changes nothing',
    play: async (bench) => {
      const life = await Life.open(bench.options);
      const between = async (same: Life): Promise<Life> => {
        same.repeatWatermarks();
        return same;
      };
      await bench.compare(await played(bench.options, life, between), true);
    },
  },
  {
    clause: 'instances',
    name: 'three instances give what one gives',
    play: async (bench) => {
      const life = await Life.open(bench.options, { parallelism: 3 });
      await bench.compare(await played(bench.options, life), false);
    },
  },
  {
    clause: 'rescale',
    name: 'goes on with other numbers of instances: 1, 3, 2, at every third item',
    play: async (bench) => {
      const { options } = bench;
      for (let first = 0; first < EVERY; first += 1) {
        let lives = 0;
        const between = async (life: Life, at: number): Promise<Life> => {
          if (at % EVERY !== first) return life;
          lives += 1;
          const parallelism = PARALLELISMS[lives % PARALLELISMS.length]!;
          return await Life.open(options, { restore: await life.snapshot(), parallelism });
        };
        await bench.compare(await played(options, await Life.open(options), between), false);
      }
    },
  },
];

/**
 * The clauses that operators have to keep, as cases for a test runner: `{ clause, name, run() }`. For operators with
 * callbacks of one's own, that they keep all they know in state; and for those of Holdfast. A broken clause is
 * ERR_HOLDFAST_OPERATOR_CONTRACT, which tells the item of the script, and what came out.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function operatorConformance<L, R = L, O = unknown>(
  options: OperatorConformanceOptions<L, R, O>,
): readonly ConformanceCase[] {
  const given = checkObject('operatorConformance', options, NAMES);
  if (typeof given.build !== 'function') {
    throw badOption('operatorConformance.build', given.build, 'a function');
  }
  if (!Array.isArray(given.script) || given.script.length === 0) {
    throw badOption('operatorConformance.script', given.script, 'an array of items');
  }
  const key: unknown = given.key;
  if (key !== undefined && typeof key !== 'function') {
    throw badOption('operatorConformance.key', key, 'a function');
  }
  const late: unknown = given.late;
  checkNumber('operatorConformance.late', late, 0, { min: 0, max: SCRIPT_MAX, integer: true });
  const known = given as unknown as Options;
  const bench = new Run(known);
  return CLAUSES.filter(({ isAsked }) => isAsked?.(known) !== false).map((clause) => ({
    clause: clause.clause,
    name: clause.name,
    run: () => clause.play(new Bench(bench, clause.clause)),
  }));
}

/** The plain run, which all cases compare with. */
class Run {
  readonly options: Options;
  #plain: Promise<Trace> | undefined;

  constructor(options: Options) {
    this.options = options;
  }

  get plain(): Promise<Trace> {
    this.#plain ??= Life.open(this.options).then((life) => played(this.options, life));
    return this.#plain;
  }
}

/** What one case compares with, and how it tells of what is broken. */
class Bench {
  readonly options: Options;
  readonly #run: Run;
  readonly #clause: string;

  constructor(run: Run, clause: string) {
    this.options = run.options;
    this.#run = run;
    this.#clause = clause;
  }

  get isAnyOrder(): boolean {
    return this.options.waits === true;
  }

  plain(): Promise<Trace> {
    return this.#run.plain;
  }

  /** @param isOrdered what comes out behind an item comes in the same order */
  async compare(trace: Trace, isOrdered: boolean): Promise<void> {
    const expected = await this.plain();
    if (this.isAnyOrder) {
      this.compareStep(joined(trace.steps), joined(expected.steps), trace.steps.length - 1, false);
    } else {
      for (const [at, step] of trace.steps.entries()) {
        this.compareStep(step, expected.steps[at]!, at, isOrdered);
      }
    }
    if (isDeepStrictEqual(trace.counters, expected.counters)) return;
    throw this.fault(
      `in the end it has counted ${shown(trace.counters)}; plainly it counts ${shown(expected.counters)}`,
    );
  }

  compareStep(step: Step, expected: Step, at: number, isOrdered: boolean): void {
    for (const [sink, rows] of expected) {
      const found = step.get(sink) ?? [];
      if (this.#isSame(sink, found, rows, isOrdered)) continue;
      const item = this.options.script[at] as Item | undefined;
      const what = item === undefined ? 'the end' : `item ${at + 1}, ${shown(item)}`;
      const where = sink === MAIN ? '' : ` in '${sink}'`;
      throw this.fault(
        `behind ${what} came out${where}: ${shown(found)}; plainly it is: ${shown(rows)}`,
      );
    }
  }

  #isSame(sink: string, found: Rows, expected: Rows, isOrdered: boolean): boolean {
    const { key } = this.options;
    if (isOrdered) return sameRows(found, expected);
    if (this.isAnyOrder || sink !== MAIN || key === undefined)
      return sameInAnyOrder(found, expected);
    return sameByKey(found, expected, key);
  }

  fault(what: string): HoldfastError {
    return new HoldfastError(
      'ERR_HOLDFAST_OPERATOR_CONTRACT',
      `clause '${this.#clause}': ${what}.`,
      {
        details: { clause: this.#clause },
      },
    );
  }
}

type Rows = readonly Emitted<unknown>[];

function sameRows(found: Rows, expected: Rows): boolean {
  return isDeepStrictEqual([...found], [...expected]);
}

function sameInAnyOrder(found: Rows, expected: Rows): boolean {
  if (found.length !== expected.length) return false;
  const left = [...expected];
  return found.every((row) => {
    const at = left.findIndex((other) => isDeepStrictEqual(row, other));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

/** Each key has the same rows in the same order. */
function sameByKey(found: Rows, expected: Rows, keyOf: (record: never) => unknown): boolean {
  const byKey = (rows: Rows): ReadonlyMap<unknown, Rows> => {
    const all = new Map<unknown, Rows>();
    for (const row of rows) {
      const key = canonicalKey(keyOf(row.record as never));
      all.set(key, [...(all.get(key) ?? []), row]);
    }
    return all;
  };
  return isDeepStrictEqual(byKey(found), byKey(expected));
}

function shown(value: unknown): string {
  return clipped(inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY }), TEXT_MAX);
}
