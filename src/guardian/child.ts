/**
 * The guarded process: runs the job as the guardian orders, and tells it what happens.
 *
 *  P1  The process never outlives its guardian. When the channel closes, it cancels the job, gives the checkpoint
 *      directory back and ends; when that takes too long, it ends at once.
 *  P2  It does not act on signals itself. An interrupt from a terminal reaches the whole group of
 *      processes; the guardian decides what it means, and says so over the channel.
 *  P3  How the job ended is the last thing that is said, and it is written out before the exit.
 */

import { HoldfastError, isHoldfastError } from '../base/errors.js';
import { type Failure, toFailure } from '../base/failure.js';
import { recordsIn } from '../job/checkpoints/make-manifest.js';
import { encodeRecord } from '../job/checkpoints/row-record.js';
import { canceledError } from '../job/job-errors.js';
import type { Job, JobEvents, RunOptions } from '../job/job-types.js';
import { type CollectSinks, readCollected } from '../job/recovery/collected-state.js';
import { runWatched } from '../job/run.js';
import { reuseCompiled } from '../module/compile.js';
import { type GuardOrder, type GuardReport, type RestoredFrom, TRACE_FD } from './protocol.js';
import { openPlace } from './store.js';

type RunOrder = Extract<GuardOrder, { kind: 'run' }>;

/** How long the process may take to end when the guardian is gone. */
const ORPHAN_TIMEOUT_MS = 2_000;
const PROGRESS_EVERY_MS = 50;
const METRICS_EVERY_MS = 1_000;
/** So often it is looked whether the first new output has come: the time to it is known that exactly. */
const FIRST_OUTPUT_EVERY_MS = 2;
const FORWARDED: readonly (keyof JobEvents)[] = [
  'status',
  'checkpoint',
  'failure',
  'restarted',
  'slot',
  'pressure',
  'rescaled',
];

/** Takes this process over. */
export function serveGuardian(): void {
  if (process.send === undefined) {
    process.stderr.write('holdfast: this program is started by a guardian, not by hand.\n');
    process.exit(2);
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {}); // P2
  process.on('uncaughtExceptionMonitor', (error) =>
    report({ kind: 'crashing', failure: toFailure(error, 'process-death') }),
  );
  // Whether it matters that a reader has gone away, the guardian judges. What is written from then on is lost.
  process.stdout.once('error', ({ code = '', message }: NodeJS.ErrnoException) =>
    report({ kind: 'output-lost', code, message }),
  );
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const guarded = new GuardedRun();
  process.on('disconnect', () => guarded.orphaned()); // P1
  process.on('message', (order: GuardOrder) => guarded.handle(order));
  report({ kind: 'ready' });
}

/** A guardian that is gone hears nothing; P1 ends the process. */
function report(message: GuardReport, written?: () => void): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => written?.());
}

class GuardedRun {
  #job: Job | undefined;
  #printed: string[] = [];
  /** Before `started` is told, nobody listens to what is printed. */
  #mayPrint = false;
  /** A stop that was ordered before the job ran. */
  #stop: { readonly drain: boolean } | undefined;
  readonly #abort = new AbortController();
  #ran: Promise<unknown> = Promise.resolve();

  /** P1. */
  orphaned(): void {
    setTimeout(() => process.exit(1), ORPHAN_TIMEOUT_MS);
    this.#abort.abort(canceledError());
    void this.#ran.then(() => process.exit(1));
  }

  handle(order: GuardOrder): void {
    switch (order.kind) {
      case 'run':
        this.#ran = this.#run(order).catch((error: unknown) => this.#ended(error));
        return;
      case 'kill':
        this.#job?.kill(order.slot, order.cause);
        return;
      case 'checkpoint-now':
        void this.#checkpoint(order.request, order.savepoint);
        return;
      case 'stop':
        this.#stop = { drain: order.drain };
        this.#applyStop();
        return;
      case 'cancel':
        this.#abort.abort(canceledError());
    }
  }

  async #run(order: RunOrder): Promise<void> {
    reuseCompiled(order.compiled);
    const from = await restoredFrom(order);
    report({ kind: 'restoring', from });
    const store = order.store === undefined ? undefined : await openPlace(order);
    const options = {
      ...order.options,
      ...(store === undefined ? {} : { checkpoint: { ...order.options.checkpoint, store } }),
      restore: restoreOf(order, from),
      signal: this.#abort.signal,
      print: (line: string) => this.#print(line),
    } satisfies RunOptions;
    const job = await runWatched(order.url, options, {
      trace: order.traced ? TRACE_FD : undefined,
      // Before the first death nobody asks where each split is.
      onCommitted: ({ sourceRecords, splits }) =>
        report({
          kind: 'committed',
          reached: { sourceRecords, splits: order.process > 0 ? splits : new Map() },
        }),
    }).catch(async (error: unknown) => {
      throw order.process > 0 ? await withCollected(error, order) : error;
    });
    this.#job = job;
    this.#forward(job);
    report({ kind: 'tree', tree: job.tree() });
    report({ kind: 'started', id: job.id, job: job.name });
    this.#mayPrint = true;
    this.#flushPrint();
    report({ kind: 'event', name: 'status', args: [job.status] });
    const watches = [
      this.#watchProgress(job),
      this.#watchMetrics(job),
      this.#watchFirstOutput(job),
    ];
    this.#applyStop();
    try {
      const result = await job.finished;
      this.#flushPrint();
      this.#reportProgress(job);
      await this.#reportMetrics(job);
      report({ kind: 'tree', tree: job.tree() });
      const { collected, ...rest } = result;
      report({ kind: 'finished', result: rest, collected: encodeRecord(collected) }, () =>
        process.exit(0),
      ); // P3
    } finally {
      for (const watch of watches) clearInterval(watch);
    }
  }

  #ended(error: unknown): void {
    this.#mayPrint = true;
    this.#flushPrint();
    report({ kind: 'failed', failure: toFailure(error, 'internal') }, () => process.exit(1)); // P3
  }

  #applyStop(): void {
    const stop = this.#stop;
    if (stop === undefined || this.#job === undefined) return;
    // `finished` tells how it ends.
    this.#job.stop(stop).catch(() => {});
  }

  #forward(job: Job): void {
    job.on('restarted', () => report({ kind: 'tree', tree: job.tree() }));
    // Ahead of the event: how far the job had come is not to lag behind what is said of a checkpoint.
    job.on('checkpoint', () => this.#reportProgress(job));
    for (const name of FORWARDED) {
      job.on(name, (...args: unknown[]) =>
        report({ kind: 'event', name, args } as Extract<GuardReport, { kind: 'event' }>),
      );
    }
  }

  #reportProgress(job: Job): void {
    report({ kind: 'progress', progress: job.progress(), slots: job.slots() });
  }

  #watchProgress(job: Job): NodeJS.Timeout {
    return setInterval(() => this.#reportProgress(job), PROGRESS_EVERY_MS);
  }

  #watchMetrics(job: Job): NodeJS.Timeout {
    let asked = false;
    return setInterval(async () => {
      if (asked) return;
      asked = true;
      await this.#reportMetrics(job);
      asked = false;
    }, METRICS_EVERY_MS);
  }

  /** When threads do not answer, nothing is reported; the next time they may answer. */
  async #reportMetrics(job: Job): Promise<void> {
    const all = await job.metrics().catch(() => undefined);
    if (all === undefined) return;
    const { checkpoints: _, ...metrics } = all;
    report({ kind: 'metrics', metrics });
  }

  #watchFirstOutput(job: Job): NodeJS.Timeout {
    const watch = setInterval(() => {
      if (job.progress().sinkRecords === 0) return;
      clearInterval(watch);
      report({ kind: 'first-output' });
    }, FIRST_OUTPUT_EVERY_MS);
    return watch;
  }

  async #checkpoint(request: number, savepoint: string | undefined): Promise<void> {
    try {
      if (this.#job === undefined) {
        throw new HoldfastError('ERR_HOLDFAST_NOT_RUNNING', 'the job is still starting.');
      }
      const checkpoint =
        savepoint === undefined
          ? await this.#job.checkpointNow()
          : await this.#job.savepoint(savepoint);
      report({ kind: 'checkpoint-done', request, checkpoint });
    } catch (error) {
      const failure: Failure = toFailure(error, 'checkpoint');
      report({ kind: 'checkpoint-failed', request, failure });
    }
  }

  /** Sends what is printed within a turn as one message. */
  #print(line: string): void {
    if (this.#printed.push(line) === 1) setImmediate(() => this.#flushPrint());
  }

  #flushPrint(): void {
    if (this.#printed.length === 0 || !this.#mayPrint) return;
    report({ kind: 'print', lines: this.#printed });
    this.#printed = [];
  }
}

/**
 * What the store holds before the job starts. Trouble with the store is not reported from here: `run`
 * meets it again and reports it properly.
 */
async function restoredFrom(order: RunOrder): Promise<RestoredFrom> {
  const nothing: RestoredFrom = { checkpoint: undefined, sourceRecords: 0, newest: 0 };
  const store = await openPlace(order).catch(() => undefined);
  if (store === undefined) return nothing;
  try {
    const newest = (await store.list())[0];
    if (newest === undefined) return nothing;
    const sourceRecords = recordsIn(await store.readManifest(newest));
    return { checkpoint: newest, sourceRecords, newest };
  } catch {
    return nothing;
  } finally {
    await store.close().catch(() => {});
  }
}

/**
 * For a run that an earlier process has finished, and died before it could say so. Adds the rows of collect sinks:
 * the mark in the store does not hold them, but the last checkpoint does.
 */
async function withCollected(error: unknown, order: RunOrder): Promise<unknown> {
  if (!isHoldfastError(error, 'ERR_HOLDFAST_ALREADY_FINISHED')) return error;
  const store = await openPlace(order);
  if (store === undefined) return error;
  try {
    const mark = await store.readFinished();
    if (mark?.checkpoint === undefined) return error;
    const { collectSinks, ...result } = mark.result;
    const manifest = await store.readManifest(mark.checkpoint);
    const collected = await readCollected(store, manifest, collectSinks as CollectSinks);
    return new HoldfastError(error.code, error.message, {
      details: { ...error.details, result: { ...result, collected } },
    });
  } finally {
    await store.close().catch(() => {});
  }
}

/**
 * What a later process restores: what an earlier one completed. When none was completed, it starts as the first
 * process did: `'latest'` could be a checkpoint that the user did not want.
 */
function restoreOf(order: RunOrder, from: RestoredFrom): RunOptions['restore'] {
  const first = order.newestAtFirst;
  return order.process > 0 && first !== undefined && from.newest > first
    ? 'latest'
    : order.options.restore;
}
