// For whoever compiles with declarations of ours and without this library.
/// <reference lib="esnext.disposable" preserve="true" />

/** The face of a guarded job. Protocol file: shapes only. */

import type {
  JobEvents,
  JobHandle,
  JobMetrics,
  JobProgress,
  JobResult,
  JobTreeNode,
} from '../job/job-types.js';

/** A process of the job has died, and a record of the next one has reached a sink. */
export interface ProcessRestartedEvent {
  /** The signal that ended it, or its exit code: `SIGKILL`, `exit code 134`. */
  readonly cause: string;
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly pid: number | undefined;
  /** Number of the restart since there was progress (machine.ts, G3), from 1. */
  readonly attempt: number;
  /** From `killProcess` to the exit in the guardian; 0 for a death that was not ordered. */
  readonly detectMs: number;
  /** From the exit to the first record that reaches a sink, or to the job's end if none does. */
  readonly recoverMs: number;
  /** The checkpoint restored; undefined: from the beginning. */
  readonly checkpoint: number | undefined;
  /** Source records emitted before the death, as far as reported, and emitted again. */
  readonly replayed: number;
}

/** A job's metrics without those of checkpoints, which have events of their own. */
export type GuardedMetrics = Omit<JobMetrics, 'checkpoints'>;

export interface GuardedJobEvents extends JobEvents {
  /** Several times a second. */
  progress: [progress: JobProgress];
  /** About once a second, and at the end. */
  metrics: [metrics: GuardedMetrics];
  /** Lines of `print()` sinks. When nobody listens, they are written to where `output` sends the rest. */
  print: [lines: readonly string[]];
  /** What the job's threads write themselves; only with `output: 'events'`. */
  output: [chunk: Uint8Array];
  /** The inherited standard output takes nothing any more: EPIPE, ENOSPC… The job goes on. */
  'output-lost': [lost: { readonly code: string; readonly message: string }];
  /** A process of the job has died; a restart or the job's end follows. */
  'process-died': [death: { readonly cause: string; readonly pid: number | undefined }];
  'process-restarted': [event: ProcessRestartedEvent];
}

/** Signals that end, stop or wake a process. */
export type ProcessSignal =
  | 'SIGABRT'
  | 'SIGCONT'
  | 'SIGHUP'
  | 'SIGINT'
  | 'SIGKILL'
  | 'SIGQUIT'
  | 'SIGSEGV'
  | 'SIGSTOP'
  | 'SIGTERM'
  | 'SIGUSR1'
  | 'SIGUSR2';

/**
 * A job in a process of its own. What it tells is what its process has reported last, and it has no `plan()` and no `collected()`:
 * rows are in its result. @typeParam C as of `JobHandle`
 */
export interface GuardedJob<C = unknown> extends JobHandle<C> {
  /** Id of the process that runs the job now; undefined between two processes. */
  readonly pid: number | undefined;
  /** As of every job. The result's figures are of all processes. */
  readonly finished: Promise<JobResult<C>>;
  /** As last reported; undefined before the first report. */
  metrics(): GuardedMetrics | undefined;
  /** As last reported: when the job runs, with every restart, and at its end. Undefined before. */
  tree(): JobTreeNode | undefined;
  /** For demonstrations and tests: a signal to the whole process. Default SIGKILL. */
  killProcess(signal?: ProcessSignal): void;
  on<E extends keyof GuardedJobEvents>(
    event: E,
    listener: (...args: GuardedJobEvents[E]) => void,
  ): this;
  once<E extends keyof GuardedJobEvents>(
    event: E,
    listener: (...args: GuardedJobEvents[E]) => void,
  ): this;
  off<E extends keyof GuardedJobEvents>(
    event: E,
    listener: (...args: GuardedJobEvents[E]) => void,
  ): this;
}
