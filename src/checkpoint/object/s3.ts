/**
 * `holdfast/s3`: checkpoints in a bucket of S3, or of a service that speaks its protocol. An entry point
 * of its own, because it needs a package that others need not install: `npm install @aws-sdk/client-s3`.
 */

import type { CheckpointStore } from '../store.js';
import { ObjectStore } from './object-store.js';
import { type S3CheckpointsOptions, s3Connection } from './s3-connection.js';

export type { CheckpointStore } from '../store.js';
export type { S3CheckpointsOptions, S3Credentials } from './s3-connection.js';
export type { S3Sender } from './s3-library.js';

/**
 * A checkpoint store for `checkpoint: { store }`. Nothing is sent before the job starts.
 *
 * The service must be consistent for single objects and honour `If-Match` and `If-None-Match` on PUT,
 * which is tried at the start; listings may lag behind. Objects are `index.json` (the truth, changed by
 * conditional writes only), `manifests/…`, `parts/…` and `conditions.txt` under the prefix. Do not let a
 * life-cycle rule delete them by age; rules that abort incomplete multipart uploads and that expire the
 * *noncurrent* versions of a bucket with versioning are welcome.
 *
 * `runGuarded` takes it, too, unless it was given a `client` or `credentials`: those do not travel to
 * another process, which looks for its own (environment, configuration files, roles).
 *
 * Failures: ERR_HOLDFAST_CHECKPOINT_STORE (the service, the network, rights, a missing package),
 * ERR_HOLDFAST_CHECKPOINT_LOCKED (another run owns the prefix, or has taken it over),
 * ERR_HOLDFAST_CHECKPOINT_FAILED (something was not written), …_CORRUPT, …_FORMAT, …_NOT_FOUND.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function s3Checkpoints(options: S3CheckpointsOptions): CheckpointStore {
  const { location, leaseMs, plain, connect } = s3Connection(options);
  return new ObjectStore({
    location,
    leaseMs,
    connect,
    description:
      plain === undefined
        ? undefined
        : { module: import.meta.url, factory: 's3Checkpoints', options: plain },
  });
}
