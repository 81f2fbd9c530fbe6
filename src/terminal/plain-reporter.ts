/** Plain lines, for pipes and logs; with `quiet`, only what the job prints and how it failed. */

import type { Colors } from 'picocolors/types.js';
import type { GuardedJob } from '../guardian/guarded-job.js';
import type { JobProgress, JobResult, JobTreeNode } from '../job/job-types.js';
import { describeError } from './describe-error.js';
import { describePressure } from './describe-pressure.js';
import { describeRescaled } from './describe-rescaled.js';
import { formatBytes, formatCount, formatMs, formatRate } from './format.js';
import type { Reporter } from './reporter.js';
import { drawTree } from './tree-view.js';

export interface PlainReporterOptions {
  readonly write: (line: string) => void;
  readonly writeError: (line: string) => void;
  readonly quiet: boolean;
  readonly colors: Colors;
  /** Milliseconds, from any point in time. */
  readonly now: () => number;
}

const PROGRESS_EVERY_MS = 1_000;

export class PlainReporter implements Reporter {
  readonly #given: PlainReporterOptions;
  #last: { readonly atMs: number; readonly records: number };

  constructor(given: PlainReporterOptions) {
    this.#given = given;
    this.#last = { atMs: given.now(), records: 0 };
  }

  attach(job: GuardedJob): void {
    job.on('print', (lines) => this.#given.write(lines.join('\n')));
    this.#say(`${job.name} runs in process ${job.pid}, run ${job.id}`);
    job.on('status', (status) => {
      if (status !== 'finished' && status !== 'failed') this.#say(status);
    });
    job.on('checkpoint', (event) => {
      if (event.kind === 'completed') {
        const final = event.final ? ' (the last)' : '';
        this.#say(
          `checkpoint ${event.checkpoint}${final} in ${formatMs(event.durationMs)}, ${formatBytes(event.bytes)}`,
        );
      } else {
        this.#say(`checkpoint ${event.checkpoint} failed: ${event.failure.message}`);
      }
    });
    job.on('failure', (failure) => {
      const slot = failure.slot === undefined ? '' : ` on slot ${failure.slot}`;
      this.#say(`failure${slot}: ${failure.name}: ${failure.message}`);
    });
    job.on('pressure', (event) => this.#say(describePressure(event)));
    job.on('rescaled', (event) => {
      for (const line of describeRescaled(event)) this.#say(line);
    });
    job.on('restarted', (event) => {
      this.#recovered(`slot ${event.slot ?? '?'}`, event);
    });
    job.on('process-died', ({ cause, pid }) => this.#say(`process ${pid ?? '?'} died: ${cause}`));
    job.on('process-restarted', (event) => this.#recovered('process', event));
    job.on('progress', (progress) => this.#progress(progress));
  }

  tree(tree: JobTreeNode): void {
    // Asked for by name, so `quiet` does not hide it; standard output is the job's own then.
    const { quiet, write, writeError, colors } = this.#given;
    for (const line of drawTree(tree, colors)) (quiet ? writeError : write)(line);
  }

  note(text: string): void {
    this.#given.writeError(text);
  }

  finished(result: JobResult): void {
    const { sourceRecords, checkpoints, restarts, durationMs, status } = result;
    this.#say(
      `${status}: ${formatCount(sourceRecords)} records in ${formatMs(durationMs)}, ` +
        `${checkpoints} checkpoints, ${restarts} restarts`,
    );
  }

  failed(error: unknown): void {
    this.#given.writeError(describeError(error, this.#given.colors));
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
      `${what} recovered from ${event.cause} in ${formatMs(event.recoverMs)} ` +
        `(found in ${formatMs(event.detectMs)}) from ${from}, ${formatCount(event.replayed)} records replayed`,
    );
  }

  #progress(progress: JobProgress): void {
    const atMs = this.#given.now();
    const sinceMs = atMs - this.#last.atMs;
    if (sinceMs < PROGRESS_EVERY_MS) return;
    const rate = (Math.max(0, progress.sourceRecords - this.#last.records) / sinceMs) * 1_000;
    this.#last = { atMs, records: progress.sourceRecords };
    this.#say(
      `${formatCount(progress.sourceRecords)} records in, ${formatCount(progress.sinkRecords)} out, ` +
        `${formatRate(rate)}/s`,
    );
  }

  #say(line: string): void {
    if (!this.#given.quiet) this.#given.write(line);
  }
}
