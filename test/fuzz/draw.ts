/** One draw: a job, the right answer, and all the ways in which it is run. */

import { seededRandom } from '../../src/base/random.js';
import { rightAnswer } from './arrivals.js';
import { answerInline, answerSimulated } from './fuzz-run.js';
import {
  describeJob,
  drawJob,
  drawRuns,
  type FuzzJob,
  type FuzzRun,
  type FuzzSource,
} from './job-spec.js';
import type { Answer } from './shape.js';

/** A run that came to another answer. */
export interface Difference {
  /** Undefined: `runInline`. */
  readonly run: FuzzRun | undefined;
  readonly what: readonly string[];
}

export interface DrawResult {
  readonly draw: number;
  readonly job: FuzzJob;
  readonly difference: Difference | undefined;
}

const SHRINK_RUNS_MAX = 400;
const SHOWN_MAX = 12;

/** @param only draws jobs of this shape alone */
export async function runDraw(draw: number, only?: string): Promise<DrawResult> {
  const random = seededRandom(draw);
  const job = drawJob(random, only);
  const runs: readonly (FuzzRun | undefined)[] = [undefined, ...drawRuns(random)];
  return { draw, job, difference: await firstDifference(job, runs) };
}

async function firstDifference(
  job: FuzzJob,
  runs: readonly (FuzzRun | undefined)[],
): Promise<Difference | undefined> {
  const right = rightAnswer(job);
  for (const run of runs) {
    const what = await differences(job, run, right);
    if (what.length > 0) return { run, what };
  }
  return undefined;
}

async function differences(
  job: FuzzJob,
  run: FuzzRun | undefined,
  right: Answer,
): Promise<readonly string[]> {
  let given: Answer;
  try {
    given = run === undefined ? await answerInline(job) : await answerSimulated(job, run);
  } catch (error) {
    return [`it failed: ${error instanceof Error ? error.message : String(error)}`];
  }
  const parts = new Set([...Object.keys(right), ...Object.keys(given)]);
  return [...parts].flatMap((part) => compare(part, given[part] ?? [], right[part] ?? []));
}

/** As multisets. */
function compare(what: string, given: readonly string[], right: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const text of right) left.set(text, (left.get(text) ?? 0) + 1);
  for (const text of given) left.set(text, (left.get(text) ?? 0) - 1);
  return [...left]
    .filter(([, times]) => times !== 0)
    .map(([text, times]) => `${what} ${times > 0 ? 'missing' : 'not wanted'}: ${text}`);
}

/**
 * The same failure by a smaller job: what is left out is not needed for it.
 *
 * @returns the draw as given when it does not fail
 */
export async function shrinkDraw(result: DrawResult): Promise<DrawResult> {
  if (result.difference === undefined) return result;
  let { job, difference } = result;
  let runs = 0;
  let isSmaller = true;
  while (isSmaller) {
    isSmaller = false;
    for (const [smallerJob, smallerRun] of smaller(job, difference.run)) {
      if (runs >= SHRINK_RUNS_MAX) return { ...result, job, difference };
      runs += 1;
      const next = await firstDifference(smallerJob, [smallerRun]);
      if (next === undefined) continue;
      job = smallerJob;
      difference = next;
      isSmaller = true;
      break;
    }
  }
  return { ...result, job, difference };
}

type Case = readonly [FuzzJob, FuzzRun | undefined];

/** Boldest first. */
function* smaller(job: FuzzJob, run: FuzzRun | undefined): Generator<Case> {
  if (run !== undefined) {
    if (run.crashesAtMs.length > 0) {
      yield [job, { ...run, crashesAtMs: run.crashesAtMs.slice(1) }];
      yield [job, { ...run, crashesAtMs: run.crashesAtMs.slice(0, -1) }];
    }
    if (run.ends.length > 0) {
      yield [job, { ...run, ends: [], parallelism: run.parallelism.slice(0, 1) }];
      yield [job, { ...run, ends: [], parallelism: run.parallelism.slice(1) }];
    }
    if (run.alignment !== 'aligned') yield [job, { ...run, alignment: 'aligned' }];
  }
  if (job.sources.length > 1) {
    for (const source of job.sources) yield [{ ...job, sources: [source] }, run];
  }
  if (job.before.length > 0) yield [{ ...job, before: job.before.slice(1) }, run];
  if (job.after.length > 0) yield [{ ...job, after: job.after.slice(1) }, run];
  if (job.rebalance) yield [{ ...job, rebalance: false }, run];
  for (const shape of job.shape.smaller?.() ?? []) yield [{ ...job, shape }, run];
  for (const [s, source] of job.sources.entries()) {
    for (const less of smallerSources(source)) {
      yield [{ ...job, sources: job.sources.with(s, less) }, run];
    }
  }
}

function* smallerSources(source: FuzzSource): Generator<FuzzSource> {
  const { splits } = source;
  if (splits.length > 1) {
    for (const p of splits.keys()) yield { ...source, splits: splits.toSpliced(p, 1) };
  }
  for (const [p, records] of splits.entries()) {
    for (let size = Math.ceil(records.length / 2); size > 0; size = Math.floor(size / 2)) {
      for (let at = 0; at < records.length; at += size) {
        yield { ...source, splits: splits.with(p, records.toSpliced(at, size)) };
      }
    }
  }
}

export function describeDraw({ draw, job, difference }: DrawResult): string {
  if (difference === undefined) return `draw ${draw} passed`;
  const { run, what } = difference;
  const left = what.length - SHOWN_MAX;
  return [
    `draw ${draw} (${job.name}) failed ${run === undefined ? 'in runInline' : `in ${JSON.stringify(run)}`}`,
    describeJob(job),
    ...what.slice(0, SHOWN_MAX).map((line) => `  ${line}`),
    ...(left > 0 ? [`  … and ${left} more`] : []),
    `again: npm run fuzz -- --draw ${draw}`,
  ].join('\n');
}
