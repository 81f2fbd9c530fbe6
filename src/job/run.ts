/** `run`: a job module on worker threads. */

import { availableParallelism } from 'node:os';
import type { Failure } from '../base/failure.js';
import { type CompiledJob, compileJob } from '../module/compile.js';
import { checkCodeGeneration } from '../module/own-package.js';
import { mapError, mapFailure, warmSourceMap } from '../module/source-maps.js';
import { workerSpawner } from '../pool/worker-link.js';
import type { JobDefinition, RowsOf } from '../stream/api/job-definition.js';
import { settleScavenging } from '../threads/scavenging.js';
import type { StreamSpawner, Streams } from '../workloads/streams/stream-types.js';
import { canceledError } from './job-errors.js';
import type { Job, RunOptions } from './job-types.js';
import type { JobWatch } from './job-watch.js';
import { type ResolvedOptions, resolveOptions } from './options.js';
import { launchJob } from './run-job.js';

/** By then the job runs, and the start of its process is over. */
const SOURCE_MAPS_AFTER_MS = 1_000;

/**
 * Runs the job that a module exports by default.
 *
 * @param url the job module, TypeScript or JavaScript: a file URL or a path
 * @returns the job, when all tasks run. `job.finished` tells what fails later.
 * @throws HoldfastError for bad options, a module that cannot be loaded, an unusable checkpoint
 *   directory, missing input: whatever keeps the job from starting; ERR_HOLDFAST_CANCELED when the
 *   signal is aborted before the job runs
 * @typeParam D the definition, for the types of collected rows: `run<typeof orders>(…)`, with `import type orders`
 */
export async function run<D extends JobDefinition = JobDefinition>(
  url: URL | string,
  options: RunOptions = {},
): Promise<Job<RowsOf<D>>> {
  return (await runWatched(url, options, undefined)) as Job as Job<RowsOf<D>>;
}

/** As `run`, for somebody who outlives this process. */
export async function runWatched(
  url: URL | string,
  options: RunOptions,
  watch: JobWatch | undefined,
): Promise<Job> {
  const resolved = resolveOptions(options);
  if (resolved.signal?.aborted) throw canceledError(resolved.signal.reason);
  const { compiled, spawn } = await compiledJob(url, resolved);
  const map = (failure: Failure) => mapFailure(failure, compiled);
  try {
    const job = await launchJob(resolved, spawn, map, undefined, watch);
    // Read at the first failure, the source maps would add to that recovery; read at once, to every start.
    setTimeout(warmSourceMap, SOURCE_MAPS_AFTER_MS, compiled).unref();
    return job;
  } catch (error) {
    mapError(error, compiled);
    throw error;
  }
}

/** Compiles the job's module, and gives the function that starts threads which have loaded it. */
export async function compiledJob(
  url: URL | string,
  options: ResolvedOptions,
): Promise<{ readonly compiled: CompiledJob; readonly spawn: StreamSpawner }> {
  checkCodeGeneration();
  const compiled = await compileJob(url);
  const { slot, parallelism, heartbeat } = options;
  settleScavenging({
    scavenging: slot.scavenging,
    slots: parallelism,
    cores: availableParallelism(),
  });
  const spawn = workerSpawner<Streams>(compiled, {
    resourceLimits: slot.resourceLimits,
    heartbeatIntervalMs: heartbeat.intervalMs,
  });
  return { compiled, spawn };
}
