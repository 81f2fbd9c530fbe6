/**
 * Part files as objects.
 *
 *  O1  Keys are never used twice, and every write is made on the condition that there is no object: what
 *      is there under the key can only be what this very call has sent.
 *  O2  So a refusal or a lost answer is settled by looking. The object is there in full, or not at all,
 *      because services make objects and completed uploads visible as a whole.
 *  O3  Writing needs memory for two blocks of an upload, whatever the size of the part. Reading needs one
 *      window beside the sections.
 */

import { createHash, type Hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { ReadableFile } from '../directory/file-system.js';
import { encodedBytesMax, encodePart } from '../parts/part-file.js';
import type { WrittenFile } from '../parts/part-io.js';
import { readPartFile } from '../parts/part-reader.js';
import type { PartDescriptor, PartInput, RestoredPartSection } from '../store.js';
import type { ObjectClient, PutOutcome } from './object-client.js';

/** Larger parts go up in blocks of this size. S3 wants at least 5 MiB. */
export const BLOCK_BYTES = 8 * 1024 * 1024;
/** S3 allows 10 000. */
const BLOCKS_MAX = 9_000;
/** Read at a time. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Durable when it resolves. `blockBytes` is for tests and services with other limits. */
export async function writePartObject(
  client: ObjectClient,
  key: string,
  part: PartInput,
  blockBytes = BLOCK_BYTES,
): Promise<WrittenFile> {
  const most = encodedBytesMax(part);
  const hash = createHash('sha256');
  if (most <= blockBytes) {
    let bytes = new Uint8Array();
    for await (const block of blocksOf(part, most, most, hash)) bytes = block;
    const sha256 = hash.digest('hex');
    await putNew(client, key, bytes, sha256);
    return { bytes: bytes.length, sha256 };
  }
  const size = Math.max(blockBytes, Math.ceil(most / BLOCKS_MAX));
  const upload = await client.beginUpload(key);
  try {
    const tags: string[] = [];
    let total = 0;
    let before: Promise<void> | undefined;
    for await (const block of blocksOf(part, most, size, hash)) {
      total += block.length;
      // One block on its way while the next is made (O3).
      await before;
      const number = tags.push('');
      before = client.uploadPart(upload, number, block).then((tag) => {
        tags[number - 1] = tag;
      });
      before.catch(() => {});
    }
    await before;
    await settle(client, key, total, undefined, () => client.completeUpload(upload, tags));
    return { bytes: total, sha256: hash.digest('hex') };
  } catch (error) {
    await client.abortUpload(upload).catch(() => {});
    throw error;
  }
}

/** An object under a key that was never used. */
export async function putNew(
  client: ObjectClient,
  key: string,
  bytes: Uint8Array,
  sha256: string,
): Promise<void> {
  const condition = { kind: 'absent' } as const;
  await settle(client, key, bytes.length, sha256, () => client.put(key, bytes, sha256, condition));
}

/** O2. */
async function settle(
  client: ObjectClient,
  key: string,
  bytes: number,
  sha256: string | undefined,
  write: () => Promise<PutOutcome>,
): Promise<void> {
  let failure: unknown;
  try {
    const outcome = await write();
    if (outcome.kind === 'written') return;
    failure = new Error(`there is another object under the key '${key}'`);
  } catch (error) {
    failure = error;
  }
  const facts = await client.head(key).catch(() => undefined);
  if (facts?.bytes === bytes && (sha256 === undefined || facts.sha256 === sha256)) return;
  throw failure;
}

/** The part's bytes, `most` of them at most, in buffers of their own of `size` bytes, the last one shorter. */
async function* blocksOf(
  part: PartInput,
  most: number,
  size: number,
  hash: Hash,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  let left = most;
  let block = new Uint8Array(Math.min(size, left));
  let at = 0;
  for (const encoded of encodePart(part)) {
    hash.update(encoded);
    // Checksums and compression of a large part must not hold up what else this thread does.
    await turn();
    for (let from = 0; from < encoded.length; ) {
      const length = Math.min(encoded.length - from, block.length - at);
      block.set(encoded.subarray(from, from + length), at);
      from += length;
      at += length;
      if (at < block.length) continue;
      yield block;
      left -= at;
      block = new Uint8Array(Math.min(size, left));
      at = 0;
    }
  }
  if (at > 0) yield block.subarray(0, at);
}

/** Rejects with ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FORMAT, or with what the client says. */
export function readPartObject(
  client: ObjectClient,
  location: string,
  key: string,
  part: PartDescriptor,
): Promise<readonly RestoredPartSection[]> {
  const files = { open: () => openObject(client, key) };
  return readPartFile(files, `${location}/${key}`, part);
}

async function openObject(client: ObjectClient, key: string): Promise<ReadableFile> {
  const facts = await client.head(key);
  if (facts === undefined) throw Object.assign(new Error('no such object'), { code: 'ENOENT' });
  return new ObjectFile(client, key, facts.bytes);
}

/** An object as a file to read, through one window. */
class ObjectFile implements ReadableFile {
  readonly #client: ObjectClient;
  readonly #key: string;
  readonly #bytes: number;
  #window: Uint8Array = new Uint8Array();
  #from = 0;

  constructor(client: ObjectClient, key: string, bytes: number) {
    this.#client = client;
    this.#key = key;
    this.#bytes = bytes;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    if (position >= this.#bytes || target.length === 0) return 0;
    if (position < this.#from || position >= this.#from + this.#window.length) {
      const length = Math.min(WINDOW_BYTES, this.#bytes - position);
      this.#window = await this.#client.getRange(this.#key, position, length);
      this.#from = position;
    }
    const at = position - this.#from;
    const bytes = this.#window.subarray(at, at + target.length);
    target.set(bytes);
    return bytes.length;
  }

  async size(): Promise<number> {
    return this.#bytes;
  }

  async close(): Promise<void> {
    this.#window = new Uint8Array();
  }
}
