/** One JSON object per line; what the job prints goes to standard error. */

import type { GuardedJob } from '../guardian/guarded-job.js';
import type { JobResult, JobTreeNode } from '../job/job-types.js';
import { sumCounters } from '../stream/task/task-meter.js';
import { errorData } from './describe-error.js';
import { jsonLine } from './json-line.js';
import type { Reporter } from './reporter.js';

export interface JsonReporterOptions {
  readonly write: (line: string) => void;
  readonly writeError: (line: string) => void;
  /** What the job prints. */
  readonly print: (lines: readonly string[]) => void;
  readonly now: () => number;
}

const PROGRESS_EVERY_MS = 1_000;

export class JsonReporter implements Reporter {
  readonly #given: JsonReporterOptions;
  #progressMs = Number.NEGATIVE_INFINITY;
  #counters: Readonly<Record<string, number>> = {};
  /** Whom event time waits for. */
  #holders: readonly object[] = [];

  constructor(given: JsonReporterOptions) {
    this.#given = given;
  }

  attach(job: GuardedJob): void {
    this.#line('started', { job: job.name, run: job.id, pid: job.pid });
    job.on('print', (lines) => this.#given.print(lines));
    job.on('status', (status) => this.#line('status', { status }));
    job.on('checkpoint', (event) => this.#line('checkpoint', event));
    job.on('failure', (failure) => this.#line('failure', { failure }));
    job.on('restarted', (event) => this.#line('restarted', event));
    job.on('slot', (slot) => this.#line('slot', slot));
    job.on('pressure', (event) => this.#line('pressure', event));
    job.on('rescaled', (event) => this.#line('rescaled', event));
    job.on('process-died', (death) => this.#line('process-died', death));
    job.on('process-restarted', (event) => this.#line('process-restarted', event));
    job.on('metrics', ({ operators }) => {
      this.#holders = operators.flatMap(({ instance, holder }) =>
        holder === undefined ? [] : [{ instance, ...holder }],
      );
      this.#counters = sumCounters(operators);
    });
    job.on('progress', (progress) => {
      const nowMs = this.#given.now();
      if (nowMs - this.#progressMs < PROGRESS_EVERY_MS) return;
      this.#progressMs = nowMs;
      this.#line('progress', { ...progress, counters: this.#counters, timeHolders: this.#holders });
    });
  }

  tree(tree: JobTreeNode): void {
    this.#line('tree', { tree });
  }

  note(text: string): void {
    this.#given.writeError(text);
  }

  finished(result: JobResult): void {
    this.#line('result', result);
  }

  failed(error: unknown): void {
    this.#line('error', { error: errorData(error) });
  }

  close(): void {}

  #line(event: string, data: object): void {
    this.#given.write(jsonLine({ event, ...data }));
  }
}
