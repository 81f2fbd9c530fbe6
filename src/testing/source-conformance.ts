/**
 * The contract of sources as a list of cases that any test runner can run.
 *
 * A case does to a source what jobs do: it lists splits, reads, notes positions, lets the process "die", and
 * goes on with a fresh source that knows no more than a snapshot would.
 *
 *  F1  A case needs no test runner and no thread, and no clock but for its deadline. It resolves, or it throws.
 *  F2  Each case tries one clause. The names of clauses never change, and the error of a broken clause begins with its
 *      name.
 *  F3  Cases share the source's input, so they run one after the other. Each begins with `reset`.
 */

import { HoldfastError } from '../base/errors.js';
import { badOption, checkNumber, checkObject, TIMER_MS_MAX } from '../base/option-checks.js';
import type { ConformanceCase } from './conformance-case.js';
import { SOURCE_CLAUSES, type SourceClause } from './source-clauses.js';
import type { SourceConformanceOptions } from './source-options.js';
import { SOURCE_RECORDS, SOURCE_TIMEOUT_MS, SourceStage } from './source-stage.js';

const NAMES = ['create', 'records', 'most', 'reset', 'cleanup', 'timeoutMs'] as const;
const MOST_MAX = 1_000_000;

/**
 * The clauses that a source has to keep, as cases for a test runner: `{ clause, name, run() }`. They run
 * one after the other, each on an input that was reset. A broken clause is ERR_HOLDFAST_SOURCE_CONTRACT.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function sourceConformance<T>(
  options: SourceConformanceOptions<T>,
): readonly ConformanceCase[] {
  const given = checkObject('sourceConformance', options, NAMES) as SourceConformanceOptions<T>;
  const create: unknown = given.create;
  if (typeof create !== 'function') {
    throw badOption('sourceConformance.create', create, 'a function');
  }
  for (const name of ['records', 'reset', 'cleanup'] as const) {
    const value: unknown = given[name];
    if (value === undefined || typeof value === 'function') continue;
    throw badOption(`sourceConformance.${name}`, value, 'a function');
  }
  checkNumber('sourceConformance.most', given.most, SOURCE_RECORDS, { min: 1, max: MOST_MAX });
  checkNumber('sourceConformance.timeoutMs', given.timeoutMs, SOURCE_TIMEOUT_MS, {
    min: 1,
    max: TIMER_MS_MAX,
    unit: 'milliseconds',
  });
  return SOURCE_CLAUSES.map((clause) => ({
    clause: clause.clause,
    name: clause.name,
    run: () => run(given as SourceConformanceOptions<unknown>, clause),
  }));
}

async function run(
  options: SourceConformanceOptions<unknown>,
  { clause, play }: SourceClause,
): Promise<void> {
  const stage = new SourceStage(options, clause);
  try {
    await options.reset?.();
    await play(stage);
  } catch (error) {
    const isOurs = error instanceof HoldfastError && error.details['clause'] === clause;
    throw isOurs ? error : stage.fault('something in the case has failed', error);
  } finally {
    await stage.end();
    await options.cleanup?.();
  }
}
