/**
 * S3's protocol behind `ObjectClient`, through the client library of AWS.
 *
 * Retries are the library's. Beyond them every request, its body included, has a deadline of its own: a
 * client that somebody else has configured may wait for ever.
 */

import type {
  ObjectClient,
  ObjectFacts,
  OpenUpload,
  PutCondition,
  PutOutcome,
  StoredObject,
} from './object-client.js';
import { namesOf, s3Error, s3TimeoutError, statusOf } from './s3-errors.js';
import type { S3Library, S3Sender } from './s3-library.js';

export interface S3ClientOptions {
  readonly library: S3Library;
  readonly sender: S3Sender;
  readonly bucket: string;
  /** Empty, or ending with a slash. */
  readonly prefix: string;
  readonly location: string;
  readonly requestTimeoutMs: number;
  /** Called by `close`. */
  readonly destroy: () => void;
}

/** Downloads whose body broke off are asked for again this often. */
const BODIES_MAX = 3;

interface Body {
  readonly transformToByteArray: () => Promise<Uint8Array>;
  readonly destroy?: (error?: Error) => unknown;
}

export class S3ObjectClient implements ObjectClient {
  readonly #options: S3ClientOptions;

  constructor(options: S3ClientOptions) {
    this.#options = options;
  }

  get(key: string): Promise<StoredObject | undefined> {
    const command = () => new this.#library.GetObjectCommand(this.#at(key));
    return this.#download(`GET of '${key}'`, command);
  }

  async getRange(key: string, from: number, length: number): Promise<Uint8Array> {
    const what = `GET of '${key}'`;
    const range = { ...this.#at(key), Range: `bytes=${from}-${from + length - 1}` };
    const found = await this.#download(what, () => new this.#library.GetObjectCommand(range));
    if (found === undefined) {
      throw s3Error(this.#options.location, what, new Error('the object is gone'));
    }
    // A service that ignores ranges sends all of it.
    return found.bytes.length > length ? found.bytes.subarray(from, from + length) : found.bytes;
  }

  async head(key: string): Promise<ObjectFacts | undefined> {
    const found = await this.#send(
      `HEAD of '${key}'`,
      new this.#library.HeadObjectCommand(this.#at(key)),
      (answer) => ({
        bytes: Number(answer['ContentLength']),
        sha256: (answer['Metadata'] as Record<string, string> | undefined)?.['sha256'],
      }),
      (error) => (isMissing(error) ? 'none' : undefined),
    );
    return found === 'none' ? undefined : found;
  }

  put(
    key: string,
    bytes: Uint8Array,
    sha256: string,
    condition: PutCondition,
  ): Promise<PutOutcome> {
    return this.#send<PutOutcome, PutOutcome>(
      `PUT of '${key}'`,
      new this.#library.PutObjectCommand({
        ...this.#at(key),
        Body: bytes,
        ContentLength: bytes.length,
        Metadata: { sha256 },
        ...(condition.kind === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.tag }),
      }),
      (answer) => ({ kind: 'written', tag: tagOf(answer) }),
      (error) => asRefusal(error, condition.kind === 'match'),
    );
  }

  beginUpload(key: string): Promise<OpenUpload> {
    return this.#send(
      `begin of the upload of '${key}'`,
      new this.#library.CreateMultipartUploadCommand(this.#at(key)),
      (answer) => ({ key, id: textOf(answer, 'UploadId') }),
    );
  }

  uploadPart(upload: OpenUpload, number: number, bytes: Uint8Array): Promise<string> {
    return this.#send(
      `upload of block ${number} of '${upload.key}'`,
      new this.#library.UploadPartCommand({
        ...this.#at(upload.key),
        UploadId: upload.id,
        PartNumber: number,
        Body: bytes,
        ContentLength: bytes.length,
      }),
      tagOf,
    );
  }

  completeUpload(upload: OpenUpload, tags: readonly string[]): Promise<PutOutcome> {
    return this.#send<PutOutcome, PutOutcome>(
      `end of the upload of '${upload.key}'`,
      new this.#library.CompleteMultipartUploadCommand({
        ...this.#at(upload.key),
        UploadId: upload.id,
        MultipartUpload: { Parts: tags.map((ETag, index) => ({ ETag, PartNumber: index + 1 })) },
        IfNoneMatch: '*',
      }),
      (answer) => ({ kind: 'written', tag: tagOf(answer) }),
      (error) => asRefusal(error, false),
    );
  }

  async abortUpload(upload: OpenUpload): Promise<void> {
    await this.#send(
      `end of the upload of '${upload.key}'`,
      new this.#library.AbortMultipartUploadCommand({
        ...this.#at(upload.key),
        UploadId: upload.id,
      }),
      () => {},
      (error) => (isMissing(error) ? null : undefined),
    );
  }

  async uploads(of: string): Promise<readonly OpenUpload[]> {
    const found: OpenUpload[] = [];
    await this.#pages(
      `list of uploads under '${of}'`,
      (after) => new this.#library.ListMultipartUploadsCommand({ ...this.#under(of), ...after }),
      (answer) => {
        for (const one of (answer['Uploads'] ?? []) as readonly Record<string, unknown>[]) {
          for (const key of this.#strip(one['Key'])) {
            found.push({ key, id: String(one['UploadId']) });
          }
        }
        if (answer['IsTruncated'] !== true) return undefined;
        const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = answer;
        return { KeyMarker, UploadIdMarker };
      },
    );
    return found;
  }

  async list(of: string): Promise<readonly string[]> {
    const found: string[] = [];
    await this.#pages(
      `list of '${of}'`,
      (after) => new this.#library.ListObjectsV2Command({ ...this.#under(of), ...after }),
      (answer) => {
        for (const one of (answer['Contents'] ?? []) as readonly Record<string, unknown>[]) {
          found.push(...this.#strip(one['Key']));
        }
        const next = answer['NextContinuationToken'];
        if (answer['IsTruncated'] !== true || typeof next !== 'string') return undefined;
        return { ContinuationToken: next };
      },
    );
    return found;
  }

  async remove(key: string): Promise<void> {
    await this.#send(
      `DELETE of '${key}'`,
      new this.#library.DeleteObjectCommand(this.#at(key)),
      () => {},
      (error) => (isMissing(error) ? null : undefined),
    );
  }

  async close(): Promise<void> {
    this.#options.destroy();
  }

  get #library(): S3Library {
    return this.#options.library;
  }

  #at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#options.bucket, Key: `${this.#options.prefix}${key}` };
  }

  #under(of: string): { readonly Bucket: string; readonly Prefix: string } {
    return { Bucket: this.#options.bucket, Prefix: `${this.#options.prefix}${of}` };
  }

  /** A key as the store knows it; none for keys of others. */
  #strip(key: unknown): string[] {
    const { prefix } = this.#options;
    return typeof key === 'string' && key.startsWith(prefix) ? [key.slice(prefix.length)] : [];
  }

  /** Sends and takes the answer in, within the deadline. `absent`: what such an answer stands for. */
  async #send<T, A = never>(
    what: string,
    command: object,
    take: (answer: Record<string, unknown>) => T | Promise<T>,
    absent?: (error: unknown) => A | undefined,
  ): Promise<T | A> {
    const { sender, location, requestTimeoutMs } = this.#options;
    const deadline = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(s3TimeoutError(location, what, requestTimeoutMs));
        deadline.abort();
      }, requestTimeoutMs);
    });
    const work = sender
      .send(command as never, { abortSignal: deadline.signal } as never)
      .then((answer) => take(answer as Record<string, unknown>));
    // Whoever loses the race has nobody to tell.
    work.catch(() => {});
    late.catch(() => {});
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      const found = absent?.(error);
      if (found !== undefined) return found;
      throw deadline.signal.aborted ? error : s3Error(location, what, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #download(what: string, command: () => object): Promise<StoredObject | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const found = await this.#send(what, command(), bodyOf, (error) =>
          isMissing(error) ? 'none' : undefined,
        );
        return found === 'none' ? undefined : found;
      } catch (error) {
        // The library repeats requests, not bodies.
        const status = statusOf((error as Error).cause);
        const isTimeout = (error as Error).cause === undefined;
        if (attempt === BODIES_MAX || status !== undefined || isTimeout) throw error;
      }
    }
  }

  async #pages(
    what: string,
    page: (after: Record<string, unknown>) => object,
    take: (answer: Record<string, unknown>) => Record<string, unknown> | undefined,
  ): Promise<void> {
    let after: Record<string, unknown> | undefined = {};
    while (after !== undefined) after = await this.#send(what, page(after), take);
  }
}

async function bodyOf(answer: Record<string, unknown>): Promise<StoredObject> {
  const bytes = await (answer['Body'] as Body).transformToByteArray();
  const length = answer['ContentLength'];
  if (typeof length === 'number' && length !== bytes.length) {
    throw new Error(`${bytes.length} of ${length} bytes arrived`);
  }
  return { bytes, tag: tagOf(answer) };
}

function tagOf(answer: Record<string, unknown>): string {
  return textOf(answer, 'ETag');
}

function textOf(answer: Record<string, unknown>, name: string): string {
  const value = answer[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`the service's answer has no ${name}`);
}

/** Not a missing bucket: that is a failure. HEAD cannot tell the two apart. */
function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && !namesOf(error).includes('NoSuchBucket');
}

/**
 * 412: the condition did not hold. 409: a conflicting write was under way, nothing was written. 404 for
 * If-Match: there is no object to match.
 */
function asRefusal(error: unknown, matches: boolean): PutOutcome | undefined {
  const status = statusOf(error);
  const isRefused =
    status === 412 ||
    namesOf(error).includes('ConditionalRequestConflict') ||
    (matches && isMissing(error));
  return isRefused ? { kind: 'refused' } : undefined;
}
