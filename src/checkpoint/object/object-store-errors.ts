/** What goes wrong with an object store, in the words that its user reads. */

import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import { messageOf } from '../../base/realm.js';
import type { LeaseOwner } from './object-index.js';

/** The damaged index: nothing can be said about what there is, so nothing may be written. */
export function damagedIndexError(file: string, cause: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    `the index '${file}' of the checkpoints cannot be used: ${messageOf(cause)} Nothing was changed. Bring back an earlier version of that object (a bucket with versioning keeps them), or start on another prefix.`,
    { cause, details: isHoldfastError(cause) ? cause.details : { file } },
  );
}

export function missingIndexError(file: string, found: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    `the index '${file}' is missing although there are checkpoints beside it ('${found}'): something deleted it. Nothing was changed. Bring back that object (a bucket with versioning keeps it), or start on another prefix.`,
    { details: { file, found } },
  );
}

export function inUseError(location: string, owner: LeaseOwner): HoldfastError {
  const where = owner.pid === process.pid ? 'this very process' : `process ${owner.pid}`;
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_LOCKED',
    `the checkpoints in '${location}' are in use by ${where} (pid ${owner.pid} on host '${owner.host}'). Wait for that run to end or stop it, or choose another prefix. A run that died is found out within ${owner.leaseMs} ms.`,
    { details: { location, pid: owner.pid, host: owner.host } },
  );
}

export function crowdedError(location: string, attempts: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_LOCKED',
    `the checkpoints in '${location}' changed hands ${attempts} times while they were being taken: several runs start there at once. Start one run per prefix.`,
    { details: { location } },
  );
}

export function lostError(location: string, owner: LeaseOwner | undefined): HoldfastError {
  const now =
    owner === undefined
      ? 'it has been given back'
      : `process ${owner.pid} on '${owner.host}' has it`;
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_LOCKED',
    `this run has lost the lease of '${location}': ${now}. It was cut off, or stood still, for longer than the lease, or something changed the index by hand; nothing more is committed. Start the job again, once.`,
    { details: { location, pid: owner?.pid, host: owner?.host } },
  );
}

/** The service takes conditional writes as unconditional ones: two runs could overwrite each other. */
export function unconditionalError(location: string, what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_STORE',
    `'${location}' cannot keep checkpoints: the service ignores ${what} on a PUT, so that two runs could overwrite each other's checkpoints unseen. Use a service that supports conditional writes (Amazon S3, Cloudflare R2, MinIO, Ceph from version 19), or a newer version of this one.`,
    { details: { location } },
  );
}

/** Whatever is not typed yet. */
export function asStoreError(location: string, cause: unknown): HoldfastError {
  if (isHoldfastError(cause)) return cause;
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_STORE',
    `the checkpoint store '${location}' cannot be used: ${messageOf(cause)}.`,
    { cause, details: { location } },
  );
}
