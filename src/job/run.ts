/** `run`: a job module on worker threads. */

import { availableParallelism } from 'node:os';
import type { Failure } from '../base/failure.js';
import type { CallOptions, HostCallbacks, HostLink } from '../host/host-link.js';
import type { Beat, HostControl, HostEvent } from '../host/host-protocol.js';
import { type Outcome, unwrap } from '../host/outcome.js';
import { type CompiledJob, compileJob, mendBundle } from '../module/compile.js';
import { checkCodeGeneration } from '../module/own-package.js';
import { mapError, mapFailure, warmSourceMap } from '../module/source-maps.js';
import type { JobDefinition, RowsOf } from '../stream/api/job-definition.js';
import { RunQueueWait, readRunQueue } from '../threads/run-queue.js';
import { settleScavenging } from '../threads/scavenging.js';
import { spawnWorker } from '../threads/worker-handle.js';
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
  return { compiled, spawn: workerSpawner(compiled, options) };
}

function workerSpawner(compiled: CompiledJob, options: ResolvedOptions): StreamSpawner {
  settleScavenging({
    scavenging: options.slot.scavenging,
    slots: options.parallelism,
    cores: availableParallelism(),
  });
  return (name, callbacks) => new WorkerLink(name, compiled, options, callbacks);
}

class WorkerLink implements HostLink<Streams> {
  readonly #handle: ReturnType<typeof spawnWorker<HostControl<Streams>>>;
  readonly #runQueueWait = new RunQueueWait();

  constructor(
    name: string,
    compiled: CompiledJob,
    options: ResolvedOptions,
    callbacks: HostCallbacks<Streams>,
  ) {
    mendBundle(compiled);
    this.#handle = spawnWorker<HostControl<Streams>>({
      entry: compiled.entry,
      workerData: { boot: compiled.boot },
      name,
      resourceLimits: options.slot.resourceLimits,
      heartbeatIntervalMs: options.heartbeat.intervalMs,
      onEvent: (event) => callbacks.onEvent(event as HostEvent<Streams>),
      onBeat: (beat) => callbacks.onBeat(beat as Beat),
      onDeath: (death) => callbacks.onDeath(death.failure),
    });
  }

  get name(): string {
    return this.#handle.name;
  }

  set name(name: string) {
    this.#handle.name = name;
  }

  get block(): HostLink<Streams>['block'] {
    return this.#handle.block;
  }

  get threadId(): number {
    return this.#handle.threadId;
  }

  get dead(): boolean {
    return this.#handle.dead;
  }

  async call(
    method: keyof HostControl<Streams>,
    args: readonly unknown[],
    options: CallOptions = {},
  ): Promise<never> {
    // Ports carry what they are given: here types end, and begin again on the other side.
    const answer = (await this.#handle.call(method, args as never, options)) as Outcome<never>;
    return unwrap(answer);
  }

  async ask(method: string, args: readonly unknown[], options?: CallOptions): Promise<never> {
    return await this.call('ask', [method, args], options);
  }

  async terminate(): Promise<void> {
    await this.#handle.terminate('ordered by the driver');
  }

  waitedMs(): number | undefined {
    const sample = readRunQueue(this.#handle.block.nativeId, performance.now());
    return sample === undefined ? undefined : this.#runQueueWait.take(sample);
  }

  utilization(): number | undefined {
    return this.#handle.utilization();
  }
}
