/** What goes wrong with S3, in the words that its user reads. */

import { HoldfastError } from '../../base/errors.js';

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/^NoSuchBucket$/, 'Create the bucket, or correct its name.'],
  [
    /^(AccessDenied|AllAccessDisabled|Forbidden|403)$/,
    'Allow these credentials s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload, s3:ListBucket and s3:ListBucketMultipartUploads on the bucket and its objects.',
  ],
  [
    /^(InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|TokenRefreshRequired|CredentialsProviderError)$/,
    'Check the credentials: where they come from, and whether they have expired.',
  ],
  [
    /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException|301)$/,
    'The bucket is in another region: set option region.',
  ],
  [/^RequestTimeTooSkewed$/, 'The clock of this machine is wrong: set it.'],
  [
    /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH)$/,
    'Check option endpoint, the network, and that the service runs.',
  ],
  [
    /^(TimeoutError|AbortError|RequestTimeout|ETIMEDOUT|ECONNRESET|EPIPE)$/,
    'The service or the network is slow or cut off: try again, or raise requestTimeoutMs.',
  ],
  [
    /^(SlowDown|ServiceUnavailable|InternalError|InternalFailure|429|500|502|503|504)$/,
    'The service is overloaded or failing: try again later, or take checkpoints less often.',
  ],
  [
    /^(QuotaExceeded|XMinioStorageFull|InsufficientStorage|507)$/,
    'The storage is full: free space, or raise the quota.',
  ],
  [
    /^(NotImplemented|MethodNotAllowed|501|405)$/,
    'The service does not support this request: checkpoints need conditional writes (If-Match and If-None-Match), multipart uploads and ListObjectsV2.',
  ],
  [/^(BadDigest|XAmzContentChecksumMismatch)$/, 'The bytes were damaged on their way: try again.'],
];

interface AwsError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: unknown } | undefined;
}

/** The error's names, most telling first. */
export function namesOf(error: unknown): readonly string[] {
  const { name, code, $metadata } = (error ?? {}) as AwsError;
  return [name, code, $metadata?.httpStatusCode]
    .filter((one) => typeof one === 'string' || typeof one === 'number')
    .map(String);
}

export function statusOf(error: unknown): number | undefined {
  const status = (error as AwsError | undefined)?.$metadata?.httpStatusCode;
  return typeof status === 'number' ? status : undefined;
}

/** @param what the request, as in `PUT of 'index.json'` */
export function s3Error(location: string, what: string, cause: unknown): HoldfastError {
  const names = namesOf(cause);
  const told = names.map((name) => ADVICE.find(([pattern]) => pattern.test(name))?.[1]);
  const advice =
    told.find((one) => one !== undefined) ??
    'Try again; if it goes on, ask whoever runs the service.';
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_STORE',
    `the checkpoint store '${location}' did not answer as it should: the ${what} failed with ${describe(cause)}. ${advice}`,
    { cause, details: { location, request: what, error: names[0], status: statusOf(cause) } },
  );
}

/** No answer within the store's own deadline, retries included. */
export function s3TimeoutError(location: string, what: string, timeoutMs: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_STORE',
    `the checkpoint store '${location}' did not answer: the ${what} took longer than ${timeoutMs} ms, repetitions included. Check the network and the service, or raise requestTimeoutMs.`,
    { details: { location, request: what, timeoutMs } },
  );
}

function describe(cause: unknown): string {
  const { name, code, message } = (cause ?? {}) as AwsError;
  // Connection failures of several addresses come as an AggregateError without a message.
  const said = typeof message === 'string' && message !== '' ? message : String(code ?? cause);
  return typeof name === 'string' && name !== 'Error' && name !== said ? `${name}: ${said}` : said;
}
