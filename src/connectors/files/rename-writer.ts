/**
 * The writing half of the rename sink; the committing half is rename-committer.ts.
 *
 *  W1  A cut is synchronous: the open part ends with the last record before it.
 *  W2  A prepared part is durable, file and name, before its handle leaves `prepare`.
 *  W3  Only a commit takes a staged part away. So a part that is still there was not committed: its checkpoint was
 *      given up, or its commit has not come yet. In both cases its handle goes into the next
 *      transaction as well. Commits are idempotent, and no row depends on being told of an abort.
 *  W4  At most about 1 MiB waits to be written. Then the sink is full, and says when it no longer is.
 *  W5  After a failure nothing is prepared any more, because the rows of the failed part would be missing.
 */

import { randomBytes } from 'node:crypto';
import type { SinkContext, SinkPrepared, SinkWriter } from '../../stream/sink.js';
import { sinkError } from '../sink-error.js';
import { fileAt } from './durable-files.js';
import { jsonLine } from './json-line.js';
import { stagedName, stagingPath } from './part-names.js';
import { renameTransaction, type StagedPartHandle } from './rename-transaction.js';
import { StagedPart } from './staged-part.js';

const BLOCK_CHARACTERS = 128 * 1024;
const UNWRITTEN_BYTES_MAX = 1024 * 1024;

export class RenameWriter<T> implements SinkWriter<T> {
  readonly #directory: string;
  readonly #context: SinkContext;
  #part: StagedPart | undefined;
  #random = '';
  /** Lines not yet handed to the part. */
  #lines = '';
  #unwrittenBytes = 0;
  /** Parts that are staged and durable, and were not seen to be committed (W3). */
  #staged: StagedPartHandle[] = [];
  /** Prepares one after the other. */
  #preparing: Promise<unknown> = Promise.resolve();
  #preparations = 0;
  #failure: Error | undefined;
  #closed = false;

  constructor(directory: string, context: SinkContext) {
    this.#directory = directory;
    this.#context = context;
  }

  get full(): boolean {
    return this.#unwrittenBytes > UNWRITTEN_BYTES_MAX;
  }

  write(record: T): void {
    if (this.#failure !== undefined) throw this.#failure;
    const line = jsonLine(record, this.#directory);
    this.#part ??= this.#begin();
    this.#part.rows += 1;
    this.#lines += line;
    this.#lines += '\n';
    if (this.#lines.length >= BLOCK_CHARACTERS) this.#flush(this.#part);
  }

  prepare(checkpoint: number): Promise<SinkPrepared | undefined> | undefined {
    const part = this.#part;
    const random = this.#random;
    if (part !== undefined) this.#flush(part);
    this.#part = undefined;
    // A part that is being sealed for an earlier checkpoint may have to come again with this one (W3).
    const nothing = part === undefined && this.#staged.length === 0 && this.#preparations === 0;
    if (nothing && this.#failure === undefined) return undefined;
    this.#preparations += 1;
    const prepared = this.#preparing.then(async () => {
      try {
        return await this.#prepare(checkpoint, part, random);
      } finally {
        this.#preparations -= 1;
      }
    });
    this.#preparing = prepared.catch(() => {});
    return prepared;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const part = this.#part;
    this.#part = undefined;
    await this.#preparing;
    await part?.drop();
  }

  #begin(): StagedPart {
    this.#random = randomBytes(8).toString('hex');
    return new StagedPart(stagingPath(this.#directory, this.#name(undefined, this.#random)));
  }

  #name(checkpoint: number | undefined, random: string): string {
    const { run, instance, incarnation } = this.#context;
    return stagedName({ run, checkpoint, instance, incarnation, random });
  }

  #flush(part: StagedPart): void {
    if (this.#lines === '') return;
    const block = Buffer.from(this.#lines);
    this.#lines = '';
    this.#unwrittenBytes += block.length;
    part.append(block).then(
      () => {
        const wasFull = this.full;
        this.#unwrittenBytes -= block.length;
        if (wasFull && !this.full && !this.#closed) this.#context.wake();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Tells the first failure; the others follow from it. */
  #fail(error: unknown): Error {
    if (this.#failure !== undefined) return this.#failure;
    this.#failure = sinkError('write to', this.#directory, error);
    if (!this.#closed) this.#context.fail(this.#failure);
    return this.#failure;
  }

  async #prepare(
    checkpoint: number,
    part: StagedPart | undefined,
    random: string,
  ): Promise<SinkPrepared | undefined> {
    if (this.#failure !== undefined) {
      await part?.drop();
      throw this.#failure;
    }
    const left = await this.#uncommitted();
    if (part !== undefined) {
      const staged = this.#name(checkpoint, random);
      try {
        await part.seal(stagingPath(this.#directory, staged));
      } catch (error) {
        await part.drop();
        throw this.#fail(error);
      }
      const { instance } = this.#context;
      left.push({ staged, checkpoint, instance, bytes: part.bytes, rows: part.rows });
    }
    this.#staged = left;
    return left.length === 0 ? undefined : { transaction: renameTransaction([...left]) };
  }

  async #uncommitted(): Promise<StagedPartHandle[]> {
    const left: StagedPartHandle[] = [];
    for (const handle of this.#staged) {
      const path = stagingPath(this.#directory, handle.staged);
      try {
        if ((await fileAt(path)) !== undefined) left.push(handle);
      } catch (error) {
        throw this.#fail(error);
      }
    }
    return left;
  }
}
