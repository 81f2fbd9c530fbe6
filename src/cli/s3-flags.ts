/**
 * `--s3-endpoint` and `--s3-region` set variables of the environment. There everything that opens a place in S3 finds
 * them, the job's own process included. Credentials are never flags, because every user of a machine can see command
 * lines.
 */

import { badOption } from '../base/option-checks.js';
import type { S3Flags } from './arguments.js';

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function useS3Flags({ s3Endpoint, s3Region }: S3Flags): void {
  if (s3Endpoint !== undefined) {
    if (!/^https?:\/\//.test(s3Endpoint) || !URL.canParse(s3Endpoint)) {
      throw badOption(
        '--s3-endpoint',
        s3Endpoint,
        'an address that begins with https:// or http://',
      );
    }
    process.env['AWS_ENDPOINT_URL_S3'] = s3Endpoint;
  }
  if (s3Region !== undefined) process.env['AWS_REGION'] = s3Region;
}
