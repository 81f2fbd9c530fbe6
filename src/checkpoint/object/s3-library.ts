/** The client library of AWS is optional: loaded when a store in S3 is first used. */

import { HoldfastError } from '../../base/errors.js';
import { messageOf } from '../../base/realm.js';

/** A client of the library, in our own words, so that our types do not need it installed. */
export interface S3Sender {
  send(command: never, options?: never): Promise<unknown>;
}

const COMMANDS = [
  'GetObjectCommand',
  'HeadObjectCommand',
  'PutObjectCommand',
  'DeleteObjectCommand',
  'ListObjectsV2Command',
  'CreateMultipartUploadCommand',
  'UploadPartCommand',
  'CompleteMultipartUploadCommand',
  'AbortMultipartUploadCommand',
  'ListMultipartUploadsCommand',
] as const;

type Input = Readonly<Record<string, unknown>>;

export type S3Library = Readonly<
  Record<(typeof COMMANDS)[number], new (input: Input) => object>
> & {
  readonly S3Client: new (configuration: Input) => S3Sender & { destroy(): void };
};

// A literal name, so that bundlers see it; with a `catch`, so that they leave it external where it is not installed.
const importPackage = (): Promise<unknown> => import('@aws-sdk/client-s3').catch(missing);

function missing(error: unknown): never {
  throw error;
}

/** Rejects with ERR_HOLDFAST_CHECKPOINT_STORE that says what to install. */
export async function loadS3Library(
  load: () => Promise<unknown> = importPackage,
): Promise<S3Library> {
  let loaded: unknown;
  try {
    loaded = await load();
  } catch (error) {
    const isMissing = (error as { readonly code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_STORE',
      isMissing
        ? 's3Checkpoints needs a package that is not installed: npm install @aws-sdk/client-s3'
        : `s3Checkpoints could not load @aws-sdk/client-s3: ${messageOf(error)}. Install it again: npm install @aws-sdk/client-s3`,
      { cause: error },
    );
  }
  const library = loaded as Partial<Record<string, unknown>>;
  const absent = [...COMMANDS, 'S3Client'].filter((name) => typeof library[name] !== 'function');
  if (absent.length === 0) return loaded as S3Library;
  throw new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_STORE',
    `the installed @aws-sdk/client-s3 has no ${absent.join(', ')}: it is too old. Install a newer one: npm install @aws-sdk/client-s3@3`,
  );
}
