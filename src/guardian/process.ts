/**
 * One process of a guarded job, as its guardian holds it: start, orders, reports, exit.
 *
 *  - Its exit is told once, after everything that the process had said.
 *  - It does not inherit the options of this Node process: two processes cannot share an inspector's port, and
 *    the job does not need the guardian's loaders. Limits of memory are inherited.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Failure } from '../base/failure.js';
import type { ProcessSignal } from './guarded-job.js';
import type { ProcessDeath } from './machine.js';
import type { GuardOrder, GuardReport } from './protocol.js';

/** Where the process's own standard output goes. */
export type GuardedOutput = 'inherit' | 'stderr' | 'events';

export interface GuardProcessOptions {
  readonly output: GuardedOutput;
  /** Descriptor of the file for how far splits have come: TRACE_FD of the process. */
  readonly trace: number | undefined;
  readonly onReport: (report: GuardReport) => void;
  readonly onOutput: (chunk: Uint8Array) => void;
  readonly onExit: (death: ProcessDeath) => void;
}

const KEPT_FLAGS = /^--(max-old-space-size|max-semi-space-size|stack-size|no-warnings)\b/;
/** How long reports that were under way at the exit are waited for. */
const LAST_REPORTS_MS = 1_000;

export class GuardProcess {
  readonly #child: ChildProcess;
  readonly #given: GuardProcessOptions;
  #lastWords: Failure | undefined;
  #exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  #told = false;

  constructor(given: GuardProcessOptions) {
    this.#given = given;
    const pipe = given.output === 'events';
    this.#child = fork(fileURLToPath(new URL('./child-main.js', import.meta.url)), [], {
      serialization: 'advanced',
      execArgv: process.execArgv.filter((flag) => KEPT_FLAGS.test(flag)),
      stdio: [
        'ignore',
        pipe ? 'pipe' : given.output === 'stderr' ? 2 : 'inherit',
        pipe ? 'pipe' : 'inherit',
        'ipc',
        ...(given.trace === undefined ? [] : [given.trace]),
      ],
    });
    this.#child.on('message', (report: GuardReport) => {
      if (report.kind === 'crashing') this.#lastWords = report.failure;
      else given.onReport(report);
    });
    this.#child.on('error', (error) => this.#failed(error));
    this.#child.on('exit', (code, signal) => this.#exited(code, signal));
    this.#child.on('disconnect', () => this.#disconnected());
    this.#child.stdout?.on('data', given.onOutput);
    this.#child.stderr?.on('data', given.onOutput);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  order(order: GuardOrder): void {
    // An order to a dying process may get lost: what matters is its exit, and that is told.
    if (this.#child.connected) this.#child.send(order, () => {});
  }

  kill(signal: ProcessSignal): void {
    this.#child.kill(signal);
  }

  /** The process could not be started at all. An error of an order does not matter (see `order`). */
  #failed(error: Error): void {
    if (this.#child.pid !== undefined) return;
    this.#tell({ exitCode: undefined, signal: undefined, failure: startFailure(error) });
  }

  #exited(code: number | null, signal: string | null): void {
    this.#exit = { code, signal };
    if (!this.#child.connected) this.#tellExit();
    else setTimeout(() => this.#tellExit(), LAST_REPORTS_MS).unref();
  }

  #disconnected(): void {
    if (this.#exit !== undefined) this.#tellExit();
  }

  #tellExit(): void {
    const { code, signal } = this.#exit ?? { code: null, signal: null };
    this.#tell({
      exitCode: code ?? undefined,
      signal: signal ?? undefined,
      failure: this.#lastWords,
    });
  }

  #tell(death: ProcessDeath): void {
    if (this.#told) return;
    this.#told = true;
    this.#given.onExit(death);
  }
}

function startFailure(error: Error): Failure {
  return {
    kind: 'process-death',
    name: error.name,
    message: `the process could not be started: ${error.message}`,
  };
}
