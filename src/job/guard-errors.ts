/** How the death of a job's process is told. */

import { HoldfastError } from '../base/errors.js';
import { originalError } from '../base/failure.js';
import type { ProcessDeath } from './guard-machine.js';

/** `SIGKILL`, `exit code 134`. */
export function describeDeath({ signal, exitCode }: ProcessDeath): string {
  if (signal !== undefined) return signal;
  return exitCode === undefined ? 'could not be started' : `exit code ${exitCode}`;
}

export function processDied(death: ProcessDeath): HoldfastError {
  const words = death.failure === undefined ? '' : ` Its last words: ${death.failure.message}`;
  return new HoldfastError(
    'ERR_HOLDFAST_PROCESS_DIED',
    `the job's process died (${describeDeath(death)}).${words}`,
    {
      details: { exitCode: death.exitCode, signal: death.signal },
      ...(death.failure === undefined ? {} : { cause: originalError(death.failure) }),
    },
  );
}

/** What a job whose processes keep dying ends with. */
export function budgetError(death: ProcessDeath, attempts: number): HoldfastError {
  const cause = processDied(death);
  if (attempts === 0) return cause;
  return new HoldfastError(
    'ERR_HOLDFAST_RESTART_BUDGET',
    `gave up after ${attempts} restarts of the job's process without a completed checkpoint between ` +
      `them. ${cause.message}`,
    { cause, details: { ...cause.details, attempts } },
  );
}
