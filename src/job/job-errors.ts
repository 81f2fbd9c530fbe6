/** How a job ends badly, and what cannot be asked of it. */

import { HoldfastError, isHoldfastError } from '../base/errors.js';
import { type Failure, failureToError } from '../base/failure.js';
import type { JobStatus } from './job-types.js';

export function canceledError(reason?: unknown): HoldfastError {
  if (isHoldfastError(reason, 'ERR_HOLDFAST_CANCELED')) return reason;
  const options = reason === undefined ? {} : { cause: reason };
  return new HoldfastError('ERR_HOLDFAST_CANCELED', 'the job was canceled.', options);
}

export function notRunning(status: JobStatus): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_NOT_RUNNING', `the job is ${status}, not running.`);
}

export function budgetError(failure: Failure, attempts: number): Error {
  const root = failureToError(failure);
  if (attempts === 0) return root;
  return new HoldfastError(
    'ERR_HOLDFAST_RESTART_BUDGET',
    `gave up after ${attempts} restarts without a completed checkpoint between them; the last ` +
      `failure was: ${root.message}`,
    { cause: root, details: { ...root.details, attempts } },
  );
}

export function needsCheckpoints(what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${what} needs checkpoints: give run a checkpoint.directory.`,
  );
}
