/**
 * Where checkpoints are, as people write it: the path of a directory, or `s3://bucket/prefix`. The environment
 * tells the service behind an S3 address, as for the AWS library itself: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL,
 * AWS_REGION, and whatever the library finds credentials by.
 */

import { resolve } from 'node:path';
import { HoldfastError } from '../base/errors.js';
import {
  type S3CheckpointsOptions,
  type S3Connection,
  s3Connection,
} from './object/s3-connection.js';
import type { CheckpointStore } from './store.js';

export function isS3Place(place: string): boolean {
  return /^s3:/i.test(place);
}

/**
 * Loads the kind of store that it is.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION when it begins like an S3 address and is none
 */
export async function storeAt(place: string): Promise<CheckpointStore> {
  if (!isS3Place(place)) {
    const { openCheckpointDirectory } = await import('./directory/directory-store.js');
    return openCheckpointDirectory(place);
  }
  const options = s3Options(place);
  const { s3Checkpoints } = await import('./object/s3.js');
  return s3Checkpoints(options);
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function s3ConnectionAt(place: string): S3Connection {
  return s3Connection(s3Options(place));
}

/** The same place, as seen from any other working directory. */
export function absolutePlace(place: string): string {
  return isS3Place(place) ? s3ConnectionAt(place).location : resolve(place);
}

/** @param location the location that a store tells of itself */
export function isPlaceOf(place: string, location: string): boolean {
  return isS3Place(place)
    ? absolutePlace(place) === location
    : resolve(place) === resolve(location);
}

function s3Options(place: string): S3CheckpointsOptions {
  const { env } = process;
  const endpoint = env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || undefined;
  const region = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || undefined;
  return { ...parseS3Place(place), endpoint, region };
}

/** A bucket's name, and the beginning of a key without characters that could be meant for something else. */
const S3_PLACE = /^s3:\/\/([a-z0-9][a-z0-9._-]{1,254})(?:\/([^?#\\]*))?$/i;

function parseS3Place(place: string): { readonly bucket: string; readonly prefix: string } {
  const [, bucket, prefix = ''] = S3_PLACE.exec(place) ?? [];
  if (bucket !== undefined) return { bucket, prefix };
  // The address is not repeated when it may hold a secret.
  const shown = place.includes('@') ? 'an address with an @ in it' : `'${place}'`;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `a place for checkpoints in S3 is s3://BUCKET/PREFIX, as s3://checkpoints/jobs/orders; given was ${shown}. ` +
      'Credentials, region and endpoint do not belong in it: they come from the environment.',
    { details: { allowed: 's3://BUCKET/PREFIX' } },
  );
}
