/**
 * The guardian: runs a job in a process of its own and starts it again when that process dies.
 *
 * A thread is no failure domain: an abort, a crash in native code or SIGKILL takes all threads. So the guardian is
 * the base case of fault tolerance, and the recovery of threads its fast path. The guardian does no work of the
 * job's; it is the driver of `machine.ts`.
 *
 *  - There is one bundle per run: it is compiled here once, and every process loads it.
 *  - Once the guardian has settled how the job ended, whatever a process still says is dropped.
 *  - A job may have ended between two lives: its last process died after the last checkpoint was
 *    committed. The next process finds it finished, and the guardian returns its result.
 */

import { pathToFileURL } from 'node:url';
import { DeadlineTimer } from '../base/deadline-timer.js';
import { type Deferred, deferred } from '../base/deferred.js';
import { HoldfastError } from '../base/errors.js';
import { type Failure, failureToError } from '../base/failure.js';
import { seededRandom } from '../base/random.js';
import { absolutePlace } from '../checkpoint/checkpoint-place.js';
import { registerCodecs } from '../codec/codec-registry.js';
import type { KillCause } from '../host/host-protocol.js';
import { type EncodedRecord, rowRecord } from '../job/checkpoints/row-record.js';
import { canceledError } from '../job/job-errors.js';
import type {
  JobProgress,
  JobResult,
  JobStatus,
  JobTreeNode,
  RunOptions,
  SlotInfo,
} from '../job/job-types.js';
import { resolveOptions } from '../job/options.js';
import { type CompiledJob, compileJob, locateJob } from '../module/compile.js';
import type { JobDefinition, RowsOf } from '../stream/api/job-definition.js';
import { budgetError, describeDeath, processDied } from './errors.js';
import { GuardedEvents } from './events.js';
import type { GuardedJob, GuardedMetrics, ProcessSignal } from './guarded-job.js';
import { type Interruption, restartedEvent } from './interruption.js';
import {
  type GuardCommand,
  type GuardEvent,
  GuardMachine,
  type GuardOutcome,
  type ProcessDeath,
} from './machine.js';
import { checkPlainOptions } from './options.js';
import { type GuardedOutput, GuardProcess } from './process.js';
import type { GuardReport, RestoredFrom } from './protocol.js';
import { describePlace, type GuardedPlace } from './store.js';
import { tidyPlace } from './tidy.js';
import { TraceFile } from './trace-file.js';

/** Plain data, except for a `checkpoint.store`, which must have a `description`. */
export interface GuardedOptions extends Omit<RunOptions, 'signal' | 'logger' | 'print'> {
  /** Cancels the job. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Where the job's own writes to standard output go. `'stderr'`: to standard error, so that the
   * caller's standard output stays its own. `'events'`: both streams are told as `output`.
   * Default `'inherit'`.
   */
  readonly output?: GuardedOutput | undefined;
}

/** How long a process that was told to end may take; then it is killed. */
const CANCEL_TIMEOUT_MS = 2_000;

/**
 * Runs a job in a child process under a guardian.
 *
 * @param url the job module, as for `run`
 * @param options as `run`'s, but plain data only
 * @returns the job, when all tasks run. `finished` tells what fails later: when a process dies, another
 *   one goes on from the newest checkpoint, as `restart` allows
 * @throws HoldfastError for whatever keeps the job from starting; ERR_HOLDFAST_PROCESS_DIED or
 *   ERR_HOLDFAST_RESTART_BUDGET when its processes die before it does
 * @typeParam D as of `run`
 */
export async function runGuarded<D extends JobDefinition = JobDefinition>(
  url: URL | string,
  options: GuardedOptions = {},
): Promise<GuardedJob<RowsOf<D>>> {
  // Codecs stay here: rows travel between the processes as bytes.
  const { signal, output = 'inherit', codecs, ...given } = options;
  const place = describePlace(given);
  checkPlainOptions(place.options);
  if (place.store !== undefined) checkPlainOptions({ 'checkpoint.store.description': place.store });
  const resolved = resolveOptions({ ...given, codecs, signal });
  registerCodecs(resolved.codecs);
  const compiled = await compileUnless(signal, url);
  const machine = new GuardMachine({
    restart: resolved.restart,
    random: seededRandom(Date.now()),
  });
  const guardian = new Guardian({
    url: pathToFileURL(locateJob(url)).href,
    place,
    compiled,
    machine,
    output,
  });
  const onAbort = () => void guardian.cancel(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const forget = () => signal?.removeEventListener('abort', onAbort);
  guardian.finished.then(forget, forget);
  if (signal?.aborted) onAbort();
  await guardian.start();
  return guardian as GuardedJob as GuardedJob<never>;
}

/** A signal that ends the program may end the compiler's process first: then the error is no mistake of the job. */
async function compileUnless(
  signal: AbortSignal | undefined,
  url: URL | string,
): Promise<CompiledJob> {
  if (signal?.aborted) throw canceledError(signal.reason);
  try {
    return await compileJob(url);
  } catch (error) {
    throw signal?.aborted ? canceledError(signal.reason) : error;
  }
}

interface GuardianOptions {
  readonly url: string;
  readonly place: GuardedPlace;
  readonly compiled: CompiledJob;
  readonly machine: GuardMachine;
  readonly output: GuardedOutput;
}

class Guardian extends GuardedEvents implements GuardedJob {
  readonly #given: GuardianOptions;
  readonly #finished = deferred<JobResult>();
  readonly #started = deferred<void>();
  readonly #startedMs = performance.now();
  readonly #requests = new Map<number, Deferred<number>>();
  readonly #trace = new TraceFile();
  #process: GuardProcess | undefined;
  #lastPid: number | undefined;
  #id = '';
  #name = '';
  #status: JobStatus = 'starting';
  #progress: JobProgress = { sourceRecords: 0, sinkRecords: 0 };
  #slots: readonly SlotInfo[] = [];
  #metrics: GuardedMetrics | undefined;
  #tree: JobTreeNode | undefined;
  #restored: RestoredFrom | undefined;
  #newestAtFirst: number | undefined;
  #interruption: Interruption | undefined;
  #threadRestarts = 0;
  /** Checkpoints completed by this process, and by those before it. */
  #checkpoints = { now: 0, before: 0 };
  #request = 0;
  #killed: { readonly atMs: number } | undefined;
  #stop: { readonly drain: boolean } | undefined;
  #ended = false;
  #cancelReason: unknown;
  #wasStarted = false;
  #held: (() => unknown)[] | undefined;
  readonly #early: Uint8Array[] = [];
  /** The last process died without closing what it had open. */
  #diedOpen = false;
  /** The process has said how the job ended, after it had closed everything. */
  #isTold = false;
  readonly #timer = new DeadlineTimer(() => this.#handle({ kind: 'tick' }));
  #deadline: NodeJS.Timeout | undefined;

  constructor(given: GuardianOptions) {
    super();
    this.#given = given;
    this.#finished.promise.catch(() => {});
    this.#started.promise.catch(() => {});
  }

  /** Resolves when all tasks run for the first time. */
  async start(): Promise<void> {
    this.#handle({ kind: 'start' });
    await this.#started.promise;
  }

  get id(): string {
    return this.#id;
  }

  get name(): string {
    return this.#name;
  }

  get status(): JobStatus {
    return this.#status;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get finished(): Promise<JobResult> {
    return this.#finished.promise;
  }

  progress(): JobProgress {
    return this.#progress;
  }

  metrics(): GuardedMetrics | undefined {
    return this.#metrics;
  }

  slots(): readonly SlotInfo[] {
    return this.#slots;
  }

  tree(): JobTreeNode | undefined {
    return this.#tree;
  }

  kill(slot: number, cause: KillCause | 'terminate'): void {
    this.#process?.order({ kind: 'kill', slot, cause });
  }

  killProcess(signal: ProcessSignal = 'SIGKILL'): void {
    this.#killed = { atMs: performance.now() };
    this.#process?.kill(signal);
  }

  checkpointNow(): Promise<number> {
    return this.#checkpoint(undefined);
  }

  savepoint(directory: string): Promise<number> {
    return this.#checkpoint(absolutePlace(directory));
  }

  async #checkpoint(savepoint: string | undefined): Promise<number> {
    if (this.#process === undefined) throw this.#notRunning();
    this.#request += 1;
    const answer = deferred<number>();
    this.#requests.set(this.#request, answer);
    this.#process.order({ kind: 'checkpoint-now', request: this.#request, savepoint });
    return await answer.promise;
  }

  async stop(options: { readonly drain?: boolean | undefined } = {}): Promise<JobResult> {
    if (!this.#ended && this.#stop === undefined) {
      this.#stop = { drain: options.drain ?? false };
      this.#process?.order({ kind: 'stop', ...this.#stop });
      this.#handle({ kind: 'stop' });
    }
    return await this.#finished.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cancel();
  }

  /** @param reason the reason of an aborted signal */
  async cancel(reason?: unknown): Promise<void> {
    if (!this.#ended) {
      this.#cancelReason ??= reason;
      this.#handle({ kind: 'cancel' });
      this.#process?.order({ kind: 'cancel' });
      this.#endProcessSoon();
    }
    await this.#finished.promise.catch(() => {});
  }

  // ---- the machine's driver --------------------------------------------------------------------

  #handle(event: GuardEvent): void {
    const { machine } = this.#given;
    for (const command of machine.handle(event, performance.now())) this.#perform(command);
    this.#timer.set(machine.nextDeadline());
  }

  #perform(command: GuardCommand): void {
    switch (command.kind) {
      case 'fork':
        this.#fork(command.process);
        return;
      case 'restarting':
        this.#interrupted(command.death, command.attempt);
        return;
      case 'end':
        this.#end(command.outcome);
        return;
      case 'give-up':
        this.#fail(budgetError(command.death, command.attempts));
    }
  }

  #fork(number: number): void {
    this.#trace.clear();
    const child: GuardProcess = new GuardProcess({
      output: this.#given.output,
      trace: this.#trace.fd,
      onReport: (report) => this.#inTurn(() => this.#reported(child, number, report)),
      onOutput: (chunk) => this.#output(chunk),
      onExit: (death) => this.#inTurn(() => this.#exited(death)),
    });
    this.#process = child;
  }

  /**
   * Delays what comes right behind `started` until the caller of `runGuarded` has had a turn to listen, since several
   * reports may come at a time.
   */
  #inTurn(act: () => unknown): void {
    if (this.#held === undefined) act();
    else this.#held.push(act);
  }

  /** What the job's module writes while it is loaded is kept for listeners that come later. */
  #output(chunk: Uint8Array): void {
    if (this.#wasStarted) this.#inTurn(() => this.tell('output', chunk));
    else this.#early.push(chunk);
  }

  #firstStarted(): void {
    this.#wasStarted = true;
    this.#held = this.#early.splice(0).map((chunk) => () => this.tell('output', chunk));
    this.#started.resolve();
    setImmediate(() => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const act of held) act();
    });
  }

  #reported(child: GuardProcess, number: number, report: GuardReport): void {
    if (this.#ended) return;
    switch (report.kind) {
      case 'ready':
        child.order({
          kind: 'run',
          url: this.#given.url,
          ...this.#given.place,
          compiled: this.#given.compiled,
          process: number,
          newestAtFirst: this.#newestAtFirst,
          traced: this.#trace.fd !== undefined,
        });
        if (this.#stop !== undefined) child.order({ kind: 'stop', ...this.#stop });
        return;
      case 'restoring':
        this.#restored = report.from;
        this.#newestAtFirst ??= report.from.newest;
        return;
      case 'started':
        this.#id = report.id;
        this.#name = report.job;
        if (!this.#wasStarted) this.#firstStarted();
        return;
      case 'event':
        if (report.name === 'status') this.#setStatus(report.args[0]);
        else this.tell(report.name, ...(report.args as never));
        if (report.name === 'restarted') this.#threadRestarts += 1;
        if (report.name === 'checkpoint' && report.args[0].kind === 'completed') {
          this.#checkpoints.now += 1;
        }
        return;
      case 'committed':
        this.#handle({ kind: 'checkpoint', ...report.reached });
        return;
      case 'progress':
        this.#progress = report.progress;
        this.#slots = report.slots;
        this.#handle({ kind: 'progress', sourceRecords: report.progress.sourceRecords });
        this.tell('progress', report.progress);
        return;
      case 'metrics':
        this.#metrics = report.metrics;
        this.tell('metrics', report.metrics);
        return;
      case 'tree':
        this.#tree = report.tree;
        return;
      case 'first-output':
        this.#recovered();
        return;
      case 'output-lost':
        this.tell('output-lost', report);
        return;
      case 'print':
        this.#print(report.lines);
        return;
      case 'checkpoint-done':
        this.#take(report.request)?.resolve(report.checkpoint);
        return;
      case 'checkpoint-failed':
        this.#take(report.request)?.reject(failureToError(report.failure));
        return;
      case 'finished':
        this.#settle({
          kind: 'finished',
          result: { ...report.result, collected: rowRecord(report.collected) },
        });
        return;
      case 'failed':
        this.#settle(this.#outcomeOf(report.failure, number));
        return;
      case 'crashing':
        return;
    }
  }

  #print(lines: readonly string[]): void {
    if (this.tell('print', lines)) return;
    const stream = this.#given.output === 'stderr' ? process.stderr : process.stdout;
    stream.write(`${lines.join('\n')}\n`);
  }

  /** That the run is finished already is no failure when another life of this very run has finished it. */
  #outcomeOf(failure: Failure, number: number): GuardOutcome {
    const result = failure.details?.['result'];
    const isOurs = failure.code === 'ERR_HOLDFAST_ALREADY_FINISHED' && number > 0;
    if (!isOurs || typeof result !== 'object') return { kind: 'failed', failure };
    const { collected = [], ...rest } = result as { collected?: EncodedRecord };
    const found = { counters: {}, ...rest, collected: rowRecord(collected) };
    return { kind: 'finished', result: found as unknown as JobResult };
  }

  #settle(outcome: GuardOutcome): void {
    this.#isTold = true;
    this.#handle({ kind: 'outcome', outcome });
    this.#endProcessSoon();
  }

  #exited(death: ProcessDeath): void {
    clearTimeout(this.#deadline);
    const pid = this.#process?.pid;
    this.#process = undefined;
    this.#diedOpen = pid !== undefined && (death.signal !== undefined || !this.#isTold);
    for (const id of [...this.#requests.keys()]) this.#take(id)?.reject(processDied(death));
    this.#lastPid = pid;
    this.#handle({ kind: 'exited', death, stood: this.#trace.read() });
  }

  #take(request: number): Deferred<number> | undefined {
    const found = this.#requests.get(request);
    this.#requests.delete(request);
    return found;
  }

  #interrupted(death: ProcessDeath, attempt: number): void {
    const atMs = performance.now();
    this.#interruption ??= {
      death,
      pid: this.#lastPid,
      atMs,
      attempt,
      detectMs: this.#killed === undefined ? 0 : atMs - this.#killed.atMs,
      sourceRecords: this.#progress.sourceRecords,
    };
    this.#killed = undefined;
    this.#checkpoints = { now: 0, before: this.#checkpoints.before + this.#checkpoints.now };
    this.#slots = [];
    this.#setStatus('restarting');
    this.tell('process-died', { cause: describeDeath(death), pid: this.#lastPid });
  }

  #recovered(): void {
    const interruption = this.#interruption;
    if (interruption === undefined) return;
    this.#interruption = undefined;
    this.tell('process-restarted', restartedEvent(interruption, this.#restored, performance.now()));
  }

  // ---- the end ---------------------------------------------------------------------------------

  /** Kills a process that does not end by itself: nothing that it could still do matters. */
  #endProcessSoon(): void {
    clearTimeout(this.#deadline);
    if (this.#process === undefined) return;
    this.#deadline = setTimeout(() => this.#process?.kill('SIGKILL'), CANCEL_TIMEOUT_MS);
  }

  #end(outcome: GuardOutcome): void {
    if (outcome.kind === 'canceled') {
      this.#fail(canceledError(this.#cancelReason));
    } else if (outcome.kind === 'failed') {
      this.#fail(failureToError(outcome.failure));
    } else {
      this.#recovered();
      const restarts = this.#threadRestarts + this.#given.machine.restarts;
      const checkpoints = this.#checkpoints.before + outcome.result.checkpoints;
      const durationMs = performance.now() - this.#startedMs;
      void this.#close(outcome.result.status).then(() => {
        this.#started.resolve();
        this.#finished.resolve({ ...outcome.result, restarts, checkpoints, durationMs });
      });
    }
  }

  #fail(error: HoldfastError): void {
    for (const chunk of this.#early.splice(0)) process.stderr.write(chunk);
    void this.#close(error.code === 'ERR_HOLDFAST_CANCELED' ? 'canceled' : 'failed').then(() => {
      this.#started.reject(error);
      this.#finished.reject(error);
    });
  }

  async #close(status: JobStatus): Promise<void> {
    this.#ended = true;
    this.#timer.set(undefined);
    clearTimeout(this.#deadline);
    this.#trace.close();
    if (this.#diedOpen) await tidyPlace(this.#given.place);
    this.#setStatus(status);
  }

  #setStatus(status: JobStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.tell('status', status);
  }

  #notRunning(): HoldfastError {
    const message = `the job is ${this.#status}, not running.`;
    return new HoldfastError('ERR_HOLDFAST_NOT_RUNNING', message);
  }
}
