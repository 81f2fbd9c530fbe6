/** Describes the death of a job's process. */

import { HoldfastError } from '../base/errors.js';
import { originalError } from '../base/failure.js';
import type { ProcessDeath } from './machine.js';

/** `SIGKILL`, `exit code 134`. */
export function describeDeath({ signal, exitCode }: ProcessDeath): string {
  if (signal !== undefined) return signal;
  return exitCode === undefined ? 'could not be started' : `exit code ${exitCode}`;
}

/** What usually causes such a death, for a process that could not say it. */
function hintOf({ signal, exitCode }: ProcessDeath): string {
  if (signal === 'SIGKILL') {
    return ' Somebody killed it, or the system did for want of memory: its log tells which.';
  }
  if (signal === 'SIGABRT' || exitCode === 134) {
    return (
      ' It aborted: mostly for want of heap, which its standard error tells. Give it more with ' +
      'slot.resourceLimits, or --max-old-space-size for its main thread, or let the job hold less.'
    );
  }
  if (signal === 'SIGSEGV' || signal === 'SIGBUS' || signal === 'SIGILL') {
    return ' Native code crashed: an add-on that the job imports, or Node itself.';
  }
  return '';
}

export function processDied(death: ProcessDeath): HoldfastError {
  const { failure, exitCode, signal } = death;
  const words =
    failure === undefined ? hintOf(death) : ` Its last words: ${failure.name}: ${failure.message}`;
  return new HoldfastError(
    'ERR_HOLDFAST_PROCESS_DIED',
    `the job's process died (${describeDeath(death)}).${words}`,
    {
      details: { exitCode, signal },
      ...(death.failure === undefined ? {} : { cause: originalError(death.failure) }),
    },
  );
}

/** The error with which a job ends whose processes keep dying. */
export function budgetError(death: ProcessDeath, attempts: number): HoldfastError {
  const cause = processDied(death);
  if (attempts === 0) return cause;
  return new HoldfastError(
    'ERR_HOLDFAST_RESTART_BUDGET',
    `gave up after ${attempts} restart${attempts === 1 ? '' : 's'} of the job's process without progress, which ` +
      `is a completed checkpoint beyond what each split had read when it died. ${cause.message}`,
    { cause, details: { ...cause.details, attempts } },
  );
}
