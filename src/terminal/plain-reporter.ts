/** Plain lines, for pipes and logs; with `quiet`, only what the job prints and how it failed. */

import type { GuardedJob } from '../guardian/guarded-job.js';
import type { JobProgress, JobResult, JobTreeNode } from '../job/job-types.js';
import { sumCounters } from '../stream/task/task-meter.js';
import type { Colors } from './colors.js';
import { describeError } from './describe-error.js';
import {
  countedLines,
  describeCheckpoint,
  describePressure,
  describeRescaled,
  describeResult,
  isStored,
  timeHolders,
} from './describe-event.js';
import { joinShown, type Showable, type Shown, shown } from './escape.js';
import { formatCount, formatMs, formatNumberOf, formatRate } from './format.js';
import type { Reporter } from './reporter.js';
import { drawTree } from './tree-view.js';

export interface PlainReporterOptions {
  readonly write: (line: Showable) => void;
  readonly writeError: (line: Showable) => void;
  /** What the job prints. */
  readonly print: (lines: readonly string[]) => void;
  readonly quiet: boolean;
  readonly colors: Colors;
  /** Milliseconds since any fixed moment. */
  readonly now: () => number;
}

const PROGRESS_EVERY_MS = 1_000;

export class PlainReporter implements Reporter {
  readonly #given: PlainReporterOptions;
  #last: { readonly atMs: number; readonly records: number };
  #counters: Readonly<Record<string, number>> = {};
  #holders: readonly Shown[] = [];
  #stored = false;

  constructor(given: PlainReporterOptions) {
    this.#given = given;
    this.#last = { atMs: given.now(), records: 0 };
  }

  attach(job: GuardedJob): void {
    job.on('print', (lines) => this.#given.print(lines));
    this.#say(shown`${job.name} runs in process ${job.pid ?? '?'}, run ${job.id}`);
    job.on('status', (status) => {
      if (status !== 'finished' && status !== 'failed') this.#say(status);
    });
    job.on('checkpoint', (event) => {
      this.#stored ||= isStored(event);
      this.#say(describeCheckpoint(event));
    });
    job.on('failure', (failure) => {
      const slot = failure.slot === undefined ? '' : ` on slot ${failure.slot}`;
      this.#say(shown`failure${slot}: ${failure.name}: ${failure.message}`);
    });
    job.on('pressure', (event) => this.#say(describePressure(event)));
    job.on('rescaled', (event) => {
      for (const line of describeRescaled(event)) this.#say(line);
    });
    job.on('restarted', (event) => {
      this.#recovered(`slot ${event.slot ?? '?'}`, event);
    });
    job.on('process-died', ({ cause, pid }) =>
      this.#say(shown`process ${pid ?? '?'} died: ${cause}`),
    );
    job.on('process-restarted', (event) => this.#recovered('process', event));
    job.on('metrics', ({ operators }) => {
      this.#holders = timeHolders(operators);
      this.#counters = sumCounters(operators);
    });
    job.on('progress', (progress) => this.#progress(progress));
  }

  tree(tree: JobTreeNode): void {
    // The user has asked for the tree, so `quiet` does not hide it; but then standard output belongs to the job.
    const { quiet, write, writeError, colors } = this.#given;
    for (const line of drawTree(tree, colors)) (quiet ? writeError : write)(line);
  }

  note(text: string): void {
    this.#given.writeError(text);
  }

  finished(result: JobResult): void {
    this.#say(describeResult(result, this.#stored));
  }

  failed(error: unknown): void {
    for (const line of describeError(error, this.#given.colors)) this.#given.writeError(line);
  }

  close(): void {}

  #recovered(
    what: string,
    event: {
      readonly cause: string;
      readonly detectMs: number;
      readonly recoverMs: number;
      readonly checkpoint: number | undefined;
      readonly replayed: number;
    },
  ): void {
    const from =
      event.checkpoint === undefined ? 'the beginning' : `checkpoint ${event.checkpoint}`;
    this.#say(
      shown`${what} recovered from ${event.cause} in ${formatMs(event.recoverMs)} (found in ${formatMs(event.detectMs)}) from ${from}, ${formatNumberOf(event.replayed, 'record')} replayed`,
    );
  }

  #progress(progress: JobProgress): void {
    const atMs = this.#given.now();
    const sinceMs = atMs - this.#last.atMs;
    if (sinceMs < PROGRESS_EVERY_MS) return;
    const rate = (Math.max(0, progress.sourceRecords - this.#last.records) / sinceMs) * 1_000;
    this.#last = { atMs, records: progress.sourceRecords };
    const parts = [
      `${formatNumberOf(progress.sourceRecords, 'record')} in`,
      `${formatCount(progress.sinkRecords)} out`,
      `${formatRate(rate)}/s`,
      ...countedLines(this.#counters),
      ...this.#holders.map((holder) => shown`time ${holder}`),
    ];
    this.#say(joinShown(parts, ', '));
  }

  #say(line: Showable): void {
    if (!this.#given.quiet) this.#given.write(line);
  }
}
