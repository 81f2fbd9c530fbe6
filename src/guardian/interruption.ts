/** One death of a job's process, from the exit to the first output of the next one. */

import { describeDeath } from './errors.js';
import type { ProcessRestartedEvent } from './guarded-job.js';
import type { ProcessDeath } from './machine.js';
import type { RestoredFrom } from './protocol.js';

export interface Interruption {
  readonly death: ProcessDeath;
  readonly pid: number | undefined;
  readonly atMs: number;
  readonly attempt: number;
  readonly detectMs: number;
  /** Position of the sources when the process died. */
  readonly sourceRecords: number;
}

/** @param restored from what the new process has started, if it has told that */
export function restartedEvent(
  { death, pid, attempt, detectMs, atMs, sourceRecords }: Interruption,
  restored: RestoredFrom | undefined,
  nowMs: number,
): ProcessRestartedEvent {
  return {
    cause: describeDeath(death),
    exitCode: death.exitCode,
    signal: death.signal,
    pid,
    attempt,
    detectMs,
    recoverMs: nowMs - atMs,
    checkpoint: restored?.checkpoint,
    replayed: Math.max(0, sourceRecords - (restored?.sourceRecords ?? 0)),
  };
}
