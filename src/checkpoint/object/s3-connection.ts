/** Options of `s3Checkpoints`, checked, and the service that they name. */

import { badOption, checkNumber, checkObject } from '../../base/option-checks.js';
import type { ObjectClient } from './object-client.js';
import { loadS3Library, type S3Sender } from './s3-library.js';
import { S3ObjectClient } from './s3-store-client.js';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface S3CheckpointsOptions {
  readonly bucket: string;
  /** Where in the bucket, as `jobs/flights`. One per job: a second run on it is refused. Default: its root. */
  readonly prefix?: string | undefined;
  /** An `S3Client` of yours, which stays open. It excludes `endpoint`, `region` and `credentials`. */
  readonly client?: S3Sender | undefined;
  /** Address of the service, for others than AWS. Default: the one of AWS for `region`. */
  readonly endpoint?: string | undefined;
  /** Default: as the AWS library finds it (AWS_REGION, configuration files). */
  readonly region?: string | undefined;
  /** Default: as the AWS library finds them (environment, configuration files, roles). */
  readonly credentials?: S3Credentials | (() => Promise<S3Credentials>) | undefined;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. Default: true if `endpoint` is given. */
  readonly forcePathStyle?: boolean | undefined;
  /**
   * Another machine may take the store over when its owner has been silent for this long, in
   * milliseconds: 1 000 to 600 000. Default 15 000. The owner renews three times as often.
   */
  readonly leaseMs?: number | undefined;
  /** How long one request may take, repetitions included, in milliseconds: 100 to 600 000. Default 30 000. */
  readonly requestTimeoutMs?: number | undefined;
}

const CONNECTION_TIMEOUT_MS = 5_000;
const ATTEMPTS_MAX = 3;
/** S3 allows keys of 1 024 bytes; the rest is for our own names. */
const PREFIX_BYTES_MAX = 768;

/** Where the objects are, and how to get there. */
export interface S3Connection {
  /** `s3://bucket/prefix`. */
  readonly location: string;
  readonly leaseMs: number;
  /** The options as they were given, when another process may have them: neither a client nor secrets. */
  readonly plain: Readonly<Record<string, unknown>> | undefined;
  connect(): Promise<ObjectClient>;
}

/** Nothing is sent yet. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function s3Connection(options: S3CheckpointsOptions): S3Connection {
  const kind = 's3Checkpoints';
  const given = checkObject<S3CheckpointsOptions>(kind, options, [
    'bucket',
    'prefix',
    'client',
    'endpoint',
    'region',
    'credentials',
    'forcePathStyle',
    'leaseMs',
    'requestTimeoutMs',
  ]);
  const { client } = given;
  const bucket = checkText(`${kind}.bucket`, given.bucket, 'the name of a bucket');
  const prefix = checkPrefix(`${kind}.prefix`, given.prefix);
  const region = checkOptional(`${kind}.region`, given.region, 'the name of a region');
  const endpoint = checkEndpoint(`${kind}.endpoint`, given.endpoint);
  checkOwnClient(kind, given);
  const leaseMs = checkNumber(`${kind}.leaseMs`, given.leaseMs, 15_000, milliseconds(1_000));
  const requestTimeoutMs = checkNumber(
    `${kind}.requestTimeoutMs`,
    given.requestTimeoutMs,
    30_000,
    milliseconds(100),
  );
  const location = `s3://${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`;
  return {
    location,
    leaseMs,
    plain: client === undefined && given.credentials === undefined ? { ...given } : undefined,
    async connect() {
      const library = await loadS3Library();
      const common = { library, bucket, prefix, location, requestTimeoutMs };
      if (client !== undefined) {
        return new S3ObjectClient({ ...common, sender: client, destroy: () => {} });
      }
      const own = new library.S3Client({
        ...(region === undefined ? {} : { region }),
        // The library wants a region where nobody looks at it.
        ...(endpoint === undefined ? {} : { endpoint, region: region ?? 'us-east-1' }),
        ...(given.credentials === undefined ? {} : { credentials: given.credentials }),
        forcePathStyle: given.forcePathStyle ?? endpoint !== undefined,
        maxAttempts: ATTEMPTS_MAX,
        requestHandler: {
          connectionTimeout: CONNECTION_TIMEOUT_MS,
          requestTimeout: requestTimeoutMs,
          throwOnRequestTimeout: true,
        },
      });
      return new S3ObjectClient({ ...common, sender: own, destroy: () => own.destroy() });
    },
  };
}

function milliseconds(min: number) {
  return { min, max: 600_000, integer: true, unit: 'milliseconds' };
}

function checkText(option: string, given: unknown, what: string): string {
  if (typeof given === 'string' && given.trim() !== '') return given;
  throw badOption(option, given, what);
}

function checkOptional(option: string, given: unknown, what: string): string | undefined {
  return given === undefined ? undefined : checkText(option, given, what);
}

/** Without slashes at its ends, and then with one: empty, or `a/b/`. */
function checkPrefix(option: string, given: unknown): string {
  if (given === undefined) return '';
  const allowed = `names joined by single slashes, ${PREFIX_BYTES_MAX} bytes at most`;
  if (typeof given !== 'string') throw badOption(option, given, allowed);
  const bare = given.replace(/^\/|\/$/g, '');
  if (bare === '') return '';
  const isBad = bare.split('/').some((name) => name === '' || name === '.' || name === '..');
  if (isBad || Buffer.byteLength(bare) > PREFIX_BYTES_MAX) throw badOption(option, given, allowed);
  return `${bare}/`;
}

function checkEndpoint(option: string, given: unknown): string | undefined {
  if (given === undefined) return undefined;
  const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return given as string;
  throw badOption(option, given, 'an address that begins with https:// or http://');
}

function checkOwnClient(kind: string, given: Partial<S3CheckpointsOptions>): void {
  const { client } = given;
  if (client === undefined) return;
  if (typeof (client as Partial<S3Sender> | null)?.send !== 'function') {
    throw badOption(`${kind}.client`, client, 'an S3Client of @aws-sdk/client-s3');
  }
  for (const name of ['endpoint', 'region', 'credentials', 'forcePathStyle'] as const) {
    if (given[name] === undefined) continue;
    throw badOption(
      `${kind}.${name}`,
      'a value',
      `nothing beside ${kind}.client, which has its own`,
    );
  }
}
