/**
 * SIGINT and SIGTERM: the first asks the job to stop with a last checkpoint, the second ends at once.
 *
 * The guarded process does not act on signals (see guarded-process.ts), so an interrupt from a
 * terminal, which reaches both, has one meaning.
 */

import type { GuardedJob } from '../job/guarded-job.js';
import { EXIT_INTERRUPTED, EXIT_TERMINATED } from './exit-codes.js';

const STOP_TIMEOUT_MS = 10_000;

export class StopSignals {
  readonly #note: (text: string) => void;
  readonly #close: () => void;
  readonly #starting = new AbortController();
  readonly #listeners: (readonly [NodeJS.Signals, () => void])[];
  #job: GuardedJob | undefined;
  #exitCode: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param close leaves the terminal as it was, before the program ends at once */
  constructor(note: (text: string) => void, close: () => void) {
    this.#note = note;
    this.#close = close;
    this.#listeners = [
      ['SIGINT', () => this.#received(EXIT_INTERRUPTED)],
      ['SIGTERM', () => this.#received(EXIT_TERMINATED)],
    ];
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  /** Aborted by a signal that comes before the job runs. */
  get starting(): AbortSignal {
    return this.#starting.signal;
  }

  /** What the program exits with when a signal has ended the job. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  attach(job: GuardedJob): void {
    this.#job = job;
    if (this.#exitCode !== undefined) this.#stop(job);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #received(exitCode: number): void {
    if (this.#exitCode !== undefined) {
      this.#job?.killProcess('SIGKILL');
      this.#close();
      process.exit(exitCode);
    }
    this.#exitCode = exitCode;
    if (this.#job === undefined) this.#starting.abort();
    else this.#stop(this.#job);
  }

  #stop(job: GuardedJob): void {
    this.#note('stopping: taking a last checkpoint; another signal ends at once');
    job.stop().catch(() => {});
    this.#timer = setTimeout(() => {
      this.#note(
        `the last checkpoint has taken more than ${STOP_TIMEOUT_MS / 1_000} s: ending without it`,
      );
      void job.cancel();
    }, STOP_TIMEOUT_MS);
  }
}
