/**
 * What SIGINT, SIGTERM, SIGHUP and the loss of standard output do. The first of them asks the job to stop with a last
 * checkpoint. The second ends the job at once. A third does not even wait until the job's process is gone.
 *
 * An interrupt from a terminal reaches both processes. It has one meaning, because the guarded process does not act on
 * signals (guardian/child.ts).
 */

import type { GuardedJob } from '../guardian/guarded-job.js';
import type { JobStatus } from '../job/job-types.js';
import type { Console, LostOutput } from '../terminal/console.js';
import { formatMs } from '../terminal/format.js';
import { EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED, lostOutputCode } from './exit-codes.js';

/** The default time for a stop with a last checkpoint. */
export const STOP_TIMEOUT_MS = 10_000;
/** How long the program waits for the end of a killed process. */
const KILL_TIMEOUT_MS = 2_000;

const EXIT_CODES = {
  SIGINT: EXIT_INTERRUPTED,
  SIGTERM: EXIT_TERMINATED,
  SIGHUP: EXIT_HUNG_UP,
} as const;

const ENDED: ReadonlySet<JobStatus> = new Set(['finished', 'stopped', 'failed', 'canceled']);

export interface StopSignalsOptions {
  readonly console: Pick<Console, 'onLost'>;
  readonly note: (text: string) => void;
  /** Leaves the terminal as it was, before the program ends at once. */
  readonly close: () => void;
  readonly timeoutMs?: number | undefined;
}

export class StopSignals {
  readonly #given: StopSignalsOptions;
  readonly #timeoutMs: number;
  readonly #starting = new AbortController();
  #job: GuardedJob | undefined;
  #checkpoint: number | undefined;
  #received = 0;
  #disposed = false;
  #isLost = false;
  #exitCode: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(given: StopSignalsOptions) {
    this.#given = given;
    this.#timeoutMs = given.timeoutMs ?? STOP_TIMEOUT_MS;
    for (const signal of Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[]) {
      process.on(signal, () => this.#receive(EXIT_CODES[signal]));
    }
    given.console.onLost((lost) => this.#lost(lost));
  }

  /** Aborts the start of the job when a signal comes before the job runs. */
  get starting(): AbortSignal {
    return this.#starting.signal;
  }

  /** The exit code when signals have ended the job: that of the first one. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  attach(job: GuardedJob): void {
    this.#job = job;
    job.on('checkpoint', (event) => {
      if (event.kind === 'completed') this.#checkpoint = event.checkpoint;
    });
    job.on('output-lost', (lost) => this.#lost(lost));
    if (this.#exitCode !== undefined) this.#stop(job);
  }

  /**
   * To be called at the program's end. The listeners stay, because without them a signal that comes now would replace
   * the exit code of a job that has finished.
   */
  dispose(): void {
    clearTimeout(this.#timer);
    this.#disposed = true;
  }

  /** Stops the job as an interrupt does, since nobody sees any more how it goes on. */
  #lost(lost: LostOutput): void {
    if (this.#isLost) return;
    this.#isLost = true;
    const why =
      lost.code === 'EPIPE'
        ? 'whoever read standard output has gone away'
        : `standard output cannot be written: ${lost.message}`;
    this.#given.note(why);
    this.#receive(lostOutputCode(lost));
  }

  #receive(exitCode: number): void {
    if (this.#disposed) process.exit();
    this.#received += 1;
    this.#exitCode ??= exitCode;
    if (this.#received === 1) {
      if (this.#job === undefined) this.#starting.abort();
      // A job that has ended is about to tell its result.
      else if (!ENDED.has(this.#job.status)) this.#stop(this.#job);
    } else if (this.#received === 2 && this.#job !== undefined) {
      this.#kill(this.#job);
    } else {
      this.#exit();
    }
  }

  #stop(job: GuardedJob): void {
    this.#given.note('stopping: taking a last checkpoint; another signal ends at once');
    job.stop().catch(() => {});
    this.#timer = setTimeout(() => {
      this.#given.note(
        `the last checkpoint was not complete within ${formatMs(this.#timeoutMs)}: ending without it. ` +
          this.#missing(),
      );
      void job.cancel();
    }, this.#timeoutMs);
  }

  #missing(): string {
    const option = 'Give it more time with --stop-timeout.';
    if (this.#checkpoint === undefined) return `This run has completed no checkpoint. ${option}`;
    return `What came after checkpoint ${this.#checkpoint} is processed again by the next run. ${option}`;
  }

  #kill(job: GuardedJob): void {
    clearTimeout(this.#timer);
    // The program exits even if the system does not let go of the job's process.
    this.#timer = setTimeout(() => this.#exit(), KILL_TIMEOUT_MS);
    job.killProcess('SIGKILL');
    void job.cancel();
  }

  #exit(): never {
    this.#given.close();
    process.exit(this.#exitCode);
  }
}
