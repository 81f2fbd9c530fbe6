/** A whole job in a test, fed by hand. */

import { defineJob, type JobDefinition } from '../stream/api/job-definition.js';
import { Harness, openParts } from './harness.js';
import type { TestInput } from './test-input.js';
import { resolveTestOptions, type TestJobOptions } from './test-options.js';

/**
 * Makes a job ready to be driven by hand, in the calling thread: records are handed in instead of read, sinks keep what
 * comes instead of writing it, and the clock stands still until it is told. Between them stand the operators, tasks and
 * checkpoints of a run.
 *
 * @param job a definition, or its build function
 * @throws HoldfastError as `run`: ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_JOB_BUILD, ERR_HOLDFAST_GRAPH_INCOMPATIBLE for
 *   a snapshot of another job, …
 */
export async function testJob(
  job: JobDefinition | JobDefinition['build'],
  options?: TestJobOptions,
): Promise<TestJob> {
  const definition = typeof job === 'function' ? defineJob('test', job) : job;
  return new TestJob(await openParts(definition, resolveTestOptions(options)));
}

export class TestJob extends Harness<unknown> {
  /**
   * An input by the name of its source: its uid, or its name; needed where there are several.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, which lists the inputs
   */
  input<T = unknown>(source?: string): TestInput<T> {
    return this.inputOf(source);
  }
}
