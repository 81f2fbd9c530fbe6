/** The live view in a terminal: folds events into a `JobView` and draws it ten times a second. */

import type { GuardedJob } from '../guardian/guarded-job.js';
import type { JobResult, JobTreeNode } from '../job/job-types.js';
import type { Colors } from './colors.js';
import { describeError } from './describe-error.js';
import { describePressure, describeRescaled, describeResult } from './describe-event.js';
import { linesOf, type Showable } from './escape.js';
import { JobOutput } from './job-output.js';
import { JobView } from './job-view.js';
import { drawJob } from './live-view.js';
import type { Reporter } from './reporter.js';
import { Screen, type TerminalStream } from './screen.js';
import { drawTree } from './tree-view.js';

export interface LiveReporterOptions {
  readonly stream: TerminalStream;
  readonly writeError: (line: Showable) => void;
  readonly colors: Colors;
  readonly now: () => number;
}

const DRAW_EVERY_MS = 100;

export class LiveReporter implements Reporter {
  readonly #given: LiveReporterOptions;
  readonly #screen: Screen;
  readonly #view: JobView;
  readonly #output = new JobOutput();
  #timer: NodeJS.Timeout | undefined;

  constructor(given: LiveReporterOptions) {
    this.#given = given;
    this.#screen = new Screen(given.stream);
    this.#view = new JobView(given.now());
  }

  attach(job: GuardedJob): void {
    const view = this.#view;
    const { now } = this.#given;
    view.name = job.name;
    view.run = job.id;
    view.pid = job.pid;
    view.status = job.status;
    job.on('print', (lines) => this.#print(lines.flatMap(linesOf)));
    job.on('output', (chunk) => this.#print(this.#output.take(chunk)));
    job.on('status', (status) => {
      view.status = status;
      view.pid = job.pid;
    });
    job.on('checkpoint', (event) => view.handleCheckpoint(event, now()));
    job.on('failure', (failure) => {
      const what = failure.slot === undefined ? 'job' : `slot ${failure.slot}`;
      view.handleFailure(what, failure.kind, now());
    });
    job.on('pressure', (event) => this.note(describePressure(event)));
    job.on('rescaled', (event) => this.#print(describeRescaled(event)));
    job.on('restarted', (event) => view.handleRestarted(event, now()));
    job.on('process-died', ({ cause }) => view.handleFailure('process', cause, now()));
    job.on('process-restarted', (event) => view.handleRestarted(event, now()));
    job.on('metrics', (metrics) => {
      view.metrics = metrics;
    });
    job.on('progress', (progress) => view.handleProgress(progress, job.slots(), now()));
    this.#timer = setInterval(() => this.#draw(), DRAW_EVERY_MS);
    this.#draw();
  }

  tree(tree: JobTreeNode): void {
    this.#print(drawTree(tree, this.#given.colors));
  }

  note(text: string): void {
    this.#print([this.#given.colors.yellow(text)]);
  }

  finished(result: JobResult): void {
    this.#view.status = result.status;
    this.#print(this.#output.end());
    this.#draw();
    this.close();
    this.#given.stream.write(`\n${describeResult(result, this.#view.hasStored).text}\n`);
  }

  failed(error: unknown): void {
    this.#print(this.#output.end());
    if (this.#timer !== undefined) {
      this.#view.status = 'failed';
      this.#draw();
    }
    this.close();
    for (const line of describeError(error, this.#given.colors)) this.#given.writeError(line);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#screen.close();
  }

  #draw(): void {
    this.#screen.draw(drawJob(this.#view, this.#given.now(), this.#given.colors));
  }

  #print(lines: readonly Showable[]): void {
    if (lines.length === 0) return;
    this.#screen.print(lines);
    if (this.#timer !== undefined) this.#draw();
  }
}
