/**
 * The contract of sinks as a list of cases that any test runner can run.
 *
 * A case does to a sink what jobs do: it writes, prepares, commits, gives up. It lets the process "die"
 * at a point, and begins the next life with a fresh sink that knows no more than a manifest would.
 * Then it looks at what an outsider sees.
 *
 *  F1  A case needs no test runner and no thread, and no clock but for its deadline. It resolves, or it throws.
 *  F2  Each case tries one clause. The names of clauses never change, and the error of a broken clause begins with its
 *      name.
 *  F3  Cases share the sink's target, so they run one after the other. Each begins with `reset`.
 */

import { HoldfastError } from '../base/errors.js';
import {
  badOption,
  checkFlag,
  checkNumber,
  checkObject,
  checkOneOf,
  TIMER_MS_MAX,
} from '../base/option-checks.js';
import { AT_LEAST_ONCE_CLAUSES, COMMON_CLAUSES } from './common-clauses.js';
import type { ConformanceCase } from './conformance-case.js';
import { CRASH_CLAUSES } from './crash-clauses.js';
import { EXACTLY_ONCE_CLAUSES } from './exactly-once-clauses.js';
import type { Clause } from './sink-clause.js';
import type { SinkConformanceOptions } from './sink-options.js';
import { Stage, TIMEOUT_MS } from './sink-stage.js';

const NAMES = [
  'create',
  'record',
  'committed',
  'reset',
  'cleanup',
  'crash',
  'guarantee',
  'ordered',
  'rescales',
  'timeoutMs',
] as const;

/**
 * The clauses that a sink has to keep, as cases for a test runner: `{ clause, name, run() }`. They run
 * one after the other, each on a target that was reset.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function sinkConformance<T>(options: SinkConformanceOptions<T>): readonly ConformanceCase[] {
  const given = checkObject('sinkConformance', options, NAMES) as SinkConformanceOptions<T>;
  for (const name of ['create', 'record', 'committed', 'reset'] as const) {
    const value: unknown = given[name];
    if (typeof value !== 'function')
      throw badOption(`sinkConformance.${name}`, value, 'a function');
  }
  for (const name of ['cleanup', 'crash'] as const) {
    const value: unknown = given[name];
    if (value === undefined || typeof value === 'function') continue;
    throw badOption(`sinkConformance.${name}`, value, 'a function');
  }
  for (const name of ['ordered', 'rescales'] as const) {
    checkFlag(`sinkConformance.${name}`, given[name], false);
  }
  checkNumber('sinkConformance.timeoutMs', given.timeoutMs, TIMEOUT_MS, {
    min: 1,
    max: TIMER_MS_MAX,
    unit: 'milliseconds',
  });
  const guarantee = checkOneOf('sinkConformance.guarantee', given.guarantee, 'exactly-once', [
    'exactly-once',
    'at-least-once',
  ]);
  const clauses = [
    ...(guarantee === 'exactly-once'
      ? [...EXACTLY_ONCE_CLAUSES, ...CRASH_CLAUSES]
      : AT_LEAST_ONCE_CLAUSES),
    ...COMMON_CLAUSES,
  ];
  return clauses
    .filter(({ rescales }) => rescales !== true || given.rescales !== false)
    .map(({ clause, name, play }) => ({
      clause,
      name,
      run: () => run(given, { clause, name, play }),
    }));
}

async function run<T>(options: SinkConformanceOptions<T>, { clause, play }: Clause): Promise<void> {
  const stage = new Stage<T>(options, clause);
  try {
    await options.reset();
    await play(stage as unknown as Stage<unknown>);
  } catch (error) {
    const isOurs = error instanceof HoldfastError && error.details['clause'] === clause;
    throw isOurs ? error : stage.fault('something in the case has failed', error);
  } finally {
    await stage.end();
    await options.cleanup?.();
  }
}
