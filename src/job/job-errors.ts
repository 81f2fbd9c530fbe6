/** Errors with which a job ends, and errors for requests that it cannot answer. */

import { HoldfastError, isHoldfastError } from '../base/errors.js';
import { type Failure, failureToError, GONE, MISUSE } from '../base/failure.js';
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
    `gave up after ${attempts} restart${attempts === 1 ? '' : 's'} without progress, which is a completed ` +
      `checkpoint beyond where it failed; the last failure was: ${root.message}`,
    { cause: root, details: { ...root.details, attempts } },
  );
}

/** @param times how often in a row the job has failed in this way */
export function hopelessError(failure: Failure, times: number): HoldfastError {
  const root = failureToError(failure);
  return new HoldfastError(
    'ERR_HOLDFAST_RESTART_BUDGET',
    `gave up: ${reasonOf(failure, `${times} times in a row`)} The failure was: ${root.message}`,
    { cause: root, details: { ...root.details, attempts: times - 1 } },
  );
}

function reasonOf({ kind, operator, record, position, details }: Failure, often: string): string {
  const gone = details?.[GONE];
  if (typeof gone === 'string') {
    return `'${gone}' is gone, and was ${often}: it does not come back by itself.`;
  }
  if (details?.[MISUSE] === true) {
    return `source '${operator}' has broken its contract in the same way ${often}, and would again. Mend it.`;
  }
  const which =
    record === undefined ? position : `${record}${position === undefined ? '' : ` (${position})`}`;
  return kind === 'sink'
    ? `the sink has refused the same record, ${which}, ${often}, and would again. Change such records ahead of ` +
        'it, or leave them out.'
    : `user code has failed in the same way ${often}, each time on the same record, ${which}, and would again. ` +
        'Mend it, or have such records put aside with .onError(…) on the operator.';
}

export function needsCheckpoints(what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${what} needs checkpoints: give run a checkpoint.directory.`,
  );
}
