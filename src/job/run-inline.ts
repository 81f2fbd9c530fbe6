/** `runInline`: the same graph, driver and protocol in the calling thread, for tests. */

import { HoldfastError } from '../base/errors.js';
import { failureToError, toFailure } from '../base/failure.js';
import { inTime } from '../base/in-time.js';
import type { Host } from '../host/host.js';
import type { CallOptions, HostCallbacks, HostLink } from '../host/host-link.js';
import type { HostCalls } from '../host/host-protocol.js';
import { type Outcome, unwrap } from '../host/outcome.js';
import type { Answering } from '../host/workload.js';
import { checkCodeGeneration, ownPackageFiles } from '../module/own-package.js';
import type { NotPromise } from '../stream/api/callbacks.js';
import type { StreamEnvironment } from '../stream/api/environment.js';
import type { JobArguments, JobDefinition } from '../stream/api/job-definition.js';
import { defineJob, requireJobDefinition } from '../stream/api/job-definition.js';
import type { CollectedOf } from '../stream/api/stream-sink.js';
import { ControlBlock } from '../threads/control-block.js';
import type { inlineHost } from '../workloads/inline-host.js';
import type { StreamCalls, Streams } from '../workloads/streams/stream-types.js';
import type { Job, JobResult, RunOptions } from './job-types.js';
import { resolveOptions } from './options.js';
import { launchJob } from './run-job.js';

/** As of `run`; there is one slot. */
export type InlineOptions = Omit<RunOptions, 'parallelism' | 'spares' | 'slot'>;

/**
 * Runs a job to its end in the calling thread: one slot, no worker, nothing to kill.
 *
 * @param job a definition, or its build function
 * @returns the result, `collected` rows included; rejects with what failed
 * @typeParam C rows that the job collects, by name
 */
export async function runInline<C>(
  job: JobDefinition<C>,
  options?: InlineOptions,
): Promise<JobResult<C>>;
export async function runInline<R>(
  job: (env: StreamEnvironment, args: JobArguments) => NotPromise<R>,
  options?: InlineOptions,
): Promise<JobResult<CollectedOf<R>>>;
export async function runInline(job: unknown, options?: InlineOptions): Promise<JobResult> {
  return await (await startInline(job as JobDefinition, options)).finished;
}

/**
 * As `runInline`, for somebody who does something with the job while it runs: stops it, takes a savepoint…
 * @returns the job, when all tasks run. Its `kill` throws ERR_HOLDFAST_BAD_OPTION
 */
export async function startInline<C>(
  job: JobDefinition<C>,
  options?: InlineOptions,
): Promise<Job<C>>;
export async function startInline<R>(
  job: (env: StreamEnvironment, args: JobArguments) => NotPromise<R>,
  options?: InlineOptions,
): Promise<Job<CollectedOf<R>>>;
export async function startInline(given: unknown, options: InlineOptions = {}): Promise<Job> {
  ownPackageFiles();
  checkCodeGeneration();
  const definition =
    typeof given === 'function'
      ? defineJob('inline', given as JobDefinition['build'])
      : requireJobDefinition(given, 'a job that runs in the calling thread', REMEDY);
  const resolved = resolveOptions({ ...options, parallelism: 1, spares: 0 });
  // Loaded here, because everything that runs in threads comes with it: a third of what programs would load for `run`.
  const { inlineHost } = await import('../workloads/inline-host.js');
  const running = await launchJob(
    resolved,
    (name, callbacks) => new InlineLink(inlineHost, name, definition, callbacks),
    (failure) => failure,
  );
  running.kill = () => {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      'kill(…) ends a thread, and this job runs in the calling one. Run it with run(…) to see it recover.',
    );
  };
  return running;
}

const REMEDY =
  'Write: runInline((env) => { … }), or runInline(defineJob(…)). The URL of a job module is for run(…).';

/** After this time, what does not close is left alone, like a zombie thread. */
const GIVE_UP_AFTER_MS = 2_000;

function notAnswered(method: string, timeoutMs: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CONTROL',
    `'${method}' was not answered within ${timeoutMs} ms: a source, operator or sink does not close.`,
  );
}

class InlineLink implements HostLink<Streams> {
  readonly block = new ControlBlock();
  readonly threadId = 0;
  name: string;
  readonly #host: Host<Streams>;
  readonly #beats: NodeJS.Timeout;
  dead = false;

  constructor(
    makeHost: typeof inlineHost,
    name: string,
    definition: JobDefinition,
    callbacks: HostCallbacks<Streams>,
  ) {
    this.name = name;
    // As over a port, an event never comes in the middle of what is being done now.
    this.#host = makeHost(definition, this.block, (event) =>
      queueMicrotask(() => callbacks.onEvent(event)),
    );
    // The thread that would be judged by its beats is the one that judges: beats are a formality.
    this.#beats = setInterval(
      () => callbacks.onBeat({ heapUsedBytes: 0, heapLimitBytes: 0 }),
      20,
    ).unref();
    setImmediate(() => callbacks.onEvent({ kind: 'ready', name: definition.name }));
  }

  async call<M extends keyof HostCalls<Streams>>(
    method: M,
    args: HostCalls<Streams>[M]['args'],
    options?: CallOptions,
  ): Promise<HostCalls<Streams>[M]['answer']> {
    if (method === 'kill') {
      throw failureToError(toFailure(new Error('there is no thread to kill'), 'internal'));
    }
    const control: Answering<HostCalls<Streams>> = this.#host;
    return await this.#answer(method, control[method](...args), options);
  }

  async ask<M extends keyof StreamCalls>(
    method: M,
    args: StreamCalls[M]['args'],
    options?: CallOptions,
  ): Promise<StreamCalls[M]['answer']> {
    return await this.#answer(method, this.#host.ask(method, args), options);
  }

  async #answer<T>(
    method: string,
    answer: Promise<Outcome<T>>,
    { timeoutMs }: CallOptions = {},
  ): Promise<T> {
    if (timeoutMs === undefined) return unwrap(await answer);
    return unwrap(await inTime(answer, timeoutMs, () => notAnswered(method, timeoutMs)));
  }

  async terminate(): Promise<void> {
    this.dead = true;
    clearInterval(this.#beats);
    const late = () => notAnswered('shutdown', GIVE_UP_AFTER_MS);
    await inTime(this.#host.shutdown(), GIVE_UP_AFTER_MS, late).catch(() => {});
  }

  waitedMs(): undefined {
    return undefined;
  }

  utilization(): undefined {
    return undefined;
  }
}
