/**
 * A server that speaks as much of S3's protocol as checkpoints need, over real HTTP, for the real client
 * library: objects with ETags, ranges, conditional writes, multipart uploads, listings in pages. It checks
 * what S3 checks (signed at all, checksums of bodies) and can be told to misbehave as services do.
 */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from '../../src/checkpoint/parts/checksum.js';

export interface S3Request {
  /** `PUT`, `GET`, `HEAD`, `DELETE`, `LIST`, `CREATE`, `BLOCK`, `COMPLETE`, `ABORT`, `UPLOADS`. */
  readonly kind: string;
  /** Without the bucket. */
  readonly key: string;
  readonly headers: IncomingMessage['headers'];
}

/**
 * `drop`: the connection ends before anything is done. `lose-answer`: it is done, and nobody hears of it.
 * `late`: nobody hears of it, and it is done when `release` is called. `break-off`: half the answer's body.
 * `hang`: no answer for ever. A number is the status of a refusal, as `[503, 'SlowDown']`.
 */
export type S3Fault =
  | 'drop'
  | 'lose-answer'
  | 'late'
  | 'break-off'
  | 'hang'
  | readonly [status: number, code: string]
  | { readonly delayMs: number };

interface StoredObject {
  bytes: Buffer;
  tag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Upload {
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly blocks: Map<number, { readonly bytes: Buffer; readonly tag: string }>;
}

const PAGE = 3;

export class S3Server {
  readonly bucket = 'checkpoints';
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Upload>();
  readonly log: S3Request[] = [];
  /** Asked for each request that has arrived in full. */
  onRequest: (request: S3Request) => S3Fault | undefined = () => undefined;
  /** Listings go on showing what they showed when this was set. */
  #listed: readonly string[] | undefined;
  ignoresConditions = false;
  #late: (() => void)[] = [];
  #uploadCount = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.destroy(error as Error);
      });
    });
    this.#server.keepAliveTimeout = 1_000;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this.endpoint;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  freezeListings(): void {
    this.#listed = [...this.objects.keys()];
  }

  thawListings(): void {
    this.#listed = undefined;
  }

  /** Does what was told to be done late. */
  release(): void {
    for (const act of this.#late.splice(0)) act();
  }

  keys(prefix: string): readonly string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  /** Another content, as somebody else would write it. */
  replace(key: string, bytes: Buffer): void {
    const { metadata } = this.objects.get(key)!;
    this.objects.set(key, { bytes, metadata, tag: md5(bytes) });
  }

  /** Changes stored bytes behind everybody's back. */
  damage(key: string, change: (bytes: Buffer) => Buffer): void {
    const object = this.objects.get(key)!;
    object.bytes = change(Buffer.from(object.bytes));
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const url = new URL(message.url!, 'http://localhost');
    const [, bucket, ...rest] = decodeURIComponent(url.pathname).split('/');
    const key = rest.join('/');
    const kind = kindOf(message.method!, key, url.searchParams);
    const request = { kind, key, headers: message.headers };
    this.log.push(request);
    const fault = this.onRequest(request);
    const answer = () => this.#answer(request, bucket!, url.searchParams, body);
    if (fault === 'hang') return;
    if (fault === 'drop') {
      message.socket.destroy();
      return;
    }
    if (fault === 'late') {
      this.#late.push(() => {
        answer();
      });
      message.socket.destroy();
      return;
    }
    if (fault === 'lose-answer') {
      answer();
      message.socket.destroy();
      return;
    }
    if (Array.isArray(fault)) {
      send(response, message, failure(fault[0] as number, fault[1] as string));
      return;
    }
    if (typeof fault === 'object' && 'delayMs' in fault) {
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
    }
    const answered = answer();
    if (fault === 'break-off') {
      const headers = { ...answered.headers, 'content-length': String(answered.body.length) };
      response.writeHead(answered.status, headers);
      response.write(answered.body.subarray(0, answered.body.length >> 1), () => {
        message.socket.destroy();
      });
      return;
    }
    send(response, message, answered);
  }

  #answer(request: S3Request, bucket: string, query: URLSearchParams, body: Buffer): Answer {
    const { kind, key, headers } = request;
    if (!String(headers.authorization).startsWith('AWS4-HMAC-SHA256 ')) {
      return failure(403, 'AccessDenied');
    }
    if (bucket !== this.bucket) return failure(404, 'NoSuchBucket');
    if (headers['content-encoding']?.includes('aws-chunked')) return failure(501, 'NotImplemented');
    const claimed = headers['x-amz-checksum-crc32'];
    if (claimed !== undefined) {
      const found = Buffer.alloc(4);
      found.writeUInt32BE(crc32(body));
      if (found.toString('base64') !== claimed) return failure(400, 'BadDigest');
    }
    switch (kind) {
      case 'PUT':
        return (
          this.#refusal(key, headers) ?? this.#store(key, body, metadataOf(headers), md5(body))
        );
      case 'GET':
      case 'HEAD':
        return this.#read(key, headers.range);
      case 'DELETE':
        this.objects.delete(key);
        return { status: 204, headers: {}, body: Buffer.alloc(0) };
      case 'LIST':
        return this.#list(query);
      case 'CREATE': {
        this.#uploadCount += 1;
        const id = `upload-${this.#uploadCount}`;
        this.uploads.set(id, { key, metadata: metadataOf(headers), blocks: new Map() });
        return xml(
          `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
        );
      }
      case 'BLOCK': {
        const upload = this.uploads.get(query.get('uploadId')!);
        if (upload === undefined) return failure(404, 'NoSuchUpload');
        const tag = md5(body);
        upload.blocks.set(Number(query.get('partNumber')), { bytes: body, tag });
        return { status: 200, headers: { etag: tag }, body: Buffer.alloc(0) };
      }
      case 'COMPLETE':
        return this.#complete(request, query.get('uploadId')!, body);
      case 'ABORT':
        if (!this.uploads.delete(query.get('uploadId')!)) return failure(404, 'NoSuchUpload');
        return { status: 204, headers: {}, body: Buffer.alloc(0) };
      case 'UPLOADS': {
        const found = [...this.uploads]
          .filter(([, upload]) => upload.key.startsWith(query.get('prefix') ?? ''))
          .map(
            ([id, { key: of }]) => `<Upload><Key>${of}</Key><UploadId>${id}</UploadId></Upload>`,
          );
        return xml(
          `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${found.join('')}</ListMultipartUploadsResult>`,
        );
      }
      default:
        return failure(405, 'MethodNotAllowed');
    }
  }

  #refusal(key: string, headers: IncomingMessage['headers']): Answer | undefined {
    if (this.ignoresConditions) return undefined;
    const found = this.objects.get(key);
    if (headers['if-none-match'] === '*' && found !== undefined) {
      return failure(412, 'PreconditionFailed');
    }
    const wanted = headers['if-match'];
    if (wanted === undefined) return undefined;
    if (found === undefined) return failure(404, 'NoSuchKey');
    return found.tag === wanted ? undefined : failure(412, 'PreconditionFailed');
  }

  #store(
    key: string,
    bytes: Buffer,
    metadata: Readonly<Record<string, string>>,
    tag: string,
  ): Answer {
    this.objects.set(key, { bytes, tag, metadata });
    return { status: 200, headers: { etag: tag }, body: Buffer.alloc(0) };
  }

  #read(key: string, range: string | undefined): Answer {
    const found = this.objects.get(key);
    if (found === undefined) return failure(404, 'NoSuchKey');
    const headers: Record<string, string> = { etag: found.tag };
    for (const [name, value] of Object.entries(found.metadata)) {
      headers[`x-amz-meta-${name}`] = value;
    }
    const wanted = /^bytes=(\d+)-(\d+)$/.exec(range ?? '');
    if (wanted === null) return { status: 200, headers, body: found.bytes };
    const from = Number(wanted[1]);
    if (from >= found.bytes.length) return failure(416, 'InvalidRange');
    const body = found.bytes.subarray(from, Number(wanted[2]) + 1);
    headers['content-range'] = `bytes ${from}-${from + body.length - 1}/${found.bytes.length}`;
    return { status: 206, headers, body };
  }

  #list(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const all = [...(this.#listed ?? this.objects.keys())]
      .filter((key) => key.startsWith(prefix) && key > after)
      .sort();
    const page = all.slice(0, PAGE);
    const isTruncated = page.length < all.length;
    const contents = page.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('');
    const next = isTruncated
      ? `<NextContinuationToken>${page.at(-1)!}</NextContinuationToken>`
      : '';
    return xml(
      `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${next}${contents}</ListBucketResult>`,
    );
  }

  #complete({ key, headers }: S3Request, id: string, body: Buffer): Answer {
    const upload = this.uploads.get(id);
    if (upload === undefined) return failure(404, 'NoSuchUpload');
    const refused = this.#refusal(key, headers);
    if (refused !== undefined) return refused;
    const wanted = [...body.toString().matchAll(/<Part>.*?<\/Part>/gs)].map(([part]) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part)![1]),
      tag: /<ETag>(.*?)</.exec(part)![1]!.replaceAll('&quot;', '"'),
    }));
    const blocks = wanted.map(({ number, tag }) => {
      const block = upload.blocks.get(number);
      return block?.tag === tag ? block.bytes : undefined;
    });
    if (blocks.length === 0 || blocks.includes(undefined)) return failure(400, 'InvalidPart');
    this.uploads.delete(id);
    const bytes = Buffer.concat(blocks as Buffer[]);
    const tag = `${md5(bytes).slice(0, -1)}-${blocks.length}"`;
    this.#store(key, bytes, upload.metadata, tag);
    return xml(
      `<CompleteMultipartUploadResult><ETag>${tag.replaceAll('"', '&quot;')}</ETag></CompleteMultipartUploadResult>`,
    );
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

function kindOf(method: string, key: string, query: URLSearchParams): string {
  const hasUpload = query.has('uploadId');
  if (method === 'GET' && key === '') return query.has('uploads') ? 'UPLOADS' : 'LIST';
  if (method === 'POST') return query.has('uploads') ? 'CREATE' : 'COMPLETE';
  if (method === 'PUT' && hasUpload) return 'BLOCK';
  if (method === 'DELETE' && hasUpload) return 'ABORT';
  return method;
}

function metadataOf(headers: IncomingMessage['headers']): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(11), String(value)]));
}

function md5(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

function xml(text: string): Answer {
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${text}`);
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

function failure(status: number, code: string): Answer {
  return {
    ...xml(`<Error><Code>${code}</Code><Message>${code}, says the test</Message></Error>`),
    status,
  };
}

function send(response: ServerResponse, { method }: IncomingMessage, answer: Answer): void {
  const headers =
    answer.status === 204
      ? answer.headers
      : { ...answer.headers, 'content-length': String(answer.body.length) };
  response.writeHead(answer.status, headers);
  response.end(method === 'HEAD' ? undefined : answer.body);
}
