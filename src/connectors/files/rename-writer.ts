/**
 * The writing half of the rename sink; the committing half is rename-committer.ts.
 *
 *  W1  A cut is synchronous: each open part ends with the last record before it.
 *  W2  A prepared part is durable, file and name, before its handle leaves `prepare`.
 *  W3  Only a commit takes a staged part away. So a part that is still there was not committed: its checkpoint was
 *      given up, or its commit has not come yet. In both cases its handle goes into the next
 *      transaction as well. Commits are idempotent, and no row depends on being told of an abort.
 *  W4  When more than 1 MiB waits to be written, the sink is full, and says when it no longer is. Beside that, lines
 *      wait to be handed over: less than a block of each open part, and at most 4 Mi characters of all partitions.
 *  W5  After a failure nothing is prepared any more, because the rows of the failed part would be missing.
 */

import { randomBytes } from 'node:crypto';
import { clipped } from '../../base/clipped.js';
import { HoldfastError } from '../../base/errors.js';
import { UNFIT_RECORD } from '../../base/failure.js';
import { atPoint } from '../../base/protocol-points.js';
import { withArticle } from '../../base/with-article.js';
import type { SinkContext, SinkPrepared, SinkWriter } from '../../stream/sink.js';
import { sinkError } from '../sink-error.js';
import { fileAt, syncDirectory } from './durable-files.js';
import { jsonLine } from './json-line.js';
import { isPartition, PARTITION_RULE, stagedName, stagingPath } from './part-names.js';
import { renameTransaction, type StagedPartHandle } from './rename-transaction.js';
import { StagedPart } from './staged-part.js';

const BLOCK_CHARACTERS = 128 * 1024;
const UNWRITTEN_BYTES_MAX = 1024 * 1024;
/** Of all partitions together: what waits in many of them must not fill the memory. */
const WAITING_CHARACTERS_MAX = 4 * 1024 * 1024;
/** Each has an open file, and its handle is in a transaction of at most 1 MiB. */
const PARTITIONS_MAX = 1_000;
/** Of a cut: a file system makes several files durable together. */
const SEALED_AT_ONCE = 16;

/** A part that is being written. */
interface OpenPart {
  readonly partition: string;
  readonly part: StagedPart;
  /** Of its name. */
  readonly random: string;
  /** Lines not yet handed to the part. */
  lines: string;
}

export class RenameWriter<T> implements SinkWriter<T> {
  readonly #directory: string;
  readonly #context: SinkContext;
  readonly #partitionBy: ((record: T) => string) | undefined;
  /** By partition. */
  #open = new Map<string, OpenPart>();
  /** The part of the last record: the next record mostly goes there, too. */
  #last: OpenPart | undefined;
  #waitingCharacters = 0;
  #unwrittenBytes = 0;
  /** Parts that are staged and durable, and were not seen to be committed (W3). */
  #staged: StagedPartHandle[] = [];
  /** Prepares one after the other. */
  #preparing: Promise<unknown> = Promise.resolve();
  #preparations = 0;
  #failure: Error | undefined;
  #closed = false;

  constructor(
    directory: string,
    context: SinkContext,
    partitionBy: ((record: T) => string) | undefined,
  ) {
    this.#directory = directory;
    this.#context = context;
    this.#partitionBy = partitionBy;
  }

  get full(): boolean {
    return this.#unwrittenBytes > UNWRITTEN_BYTES_MAX;
  }

  write(record: T): void {
    if (this.#failure !== undefined) throw this.#failure;
    const line = jsonLine(record, this.#directory);
    const open = this.#openFor(record);
    open.part.rows += 1;
    open.lines += line;
    open.lines += '\n';
    this.#waitingCharacters += line.length + 1;
    if (open.lines.length >= BLOCK_CHARACTERS) this.#flush(open);
    else if (this.#waitingCharacters >= WAITING_CHARACTERS_MAX) {
      for (const waiting of this.#open.values()) this.#flush(waiting);
    }
  }

  prepare(checkpoint: number): Promise<SinkPrepared | undefined> | undefined {
    const open = this.#taken();
    for (const part of open) this.#flush(part);
    // A part that is being sealed for an earlier checkpoint may have to come again with this one (W3).
    const nothing = open.length === 0 && this.#staged.length === 0 && this.#preparations === 0;
    if (nothing && this.#failure === undefined) return undefined;
    this.#preparations += 1;
    const prepared = this.#preparing.then(async () => {
      try {
        return await this.#prepare(checkpoint, open);
      } finally {
        this.#preparations -= 1;
      }
    });
    this.#preparing = prepared.catch(() => {});
    return prepared;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const open = this.#taken();
    await this.#preparing;
    for (const { part } of open) await part.drop();
  }

  /** The open parts, which are the caller's from now on. */
  #taken(): readonly OpenPart[] {
    const open = [...this.#open.values()];
    this.#open = new Map();
    this.#last = undefined;
    return open;
  }

  #openFor(record: T): OpenPart {
    const partition = this.#partitionBy === undefined ? '' : this.#partitionBy(record);
    if (this.#last !== undefined && this.#last.partition === partition) return this.#last;
    const open = this.#open.get(partition) ?? this.#begin(partition);
    this.#last = open;
    return open;
  }

  #begin(partition: string): OpenPart {
    if (this.#partitionBy !== undefined && !isPartition(partition)) {
      throw this.#refused(
        `partitionBy gave ${shown(partition)}, which is no folder below it. ${PARTITION_RULE}`,
        { [UNFIT_RECORD]: true },
      );
    }
    if (this.#open.size === PARTITIONS_MAX) {
      throw this.#refused(
        `rows of more than ${PARTITIONS_MAX} partitions wait for one checkpoint. Let partitionBy give fewer, keyBy the ` +
          'partition before the sink, or checkpoint more often',
      );
    }
    const random = randomBytes(8).toString('hex');
    const part = new StagedPart(stagingPath(this.#directory, this.#name(undefined, random)));
    const open: OpenPart = { partition, part, random, lines: '' };
    this.#open.set(partition, open);
    return open;
  }

  #refused(problem: string, more: Readonly<Record<string, unknown>> = {}): HoldfastError {
    return new HoldfastError(
      'ERR_HOLDFAST_SINK',
      `nothing can be written to '${this.#directory}': ${problem}.`,
      {
        details: { directory: this.#directory, ...more },
      },
    );
  }

  #name(checkpoint: number | undefined, random: string): string {
    const { run, instance, incarnation } = this.#context;
    return stagedName({ run, checkpoint, instance, incarnation, random });
  }

  #flush(open: OpenPart): void {
    if (open.lines === '') return;
    const block = Buffer.from(open.lines);
    this.#waitingCharacters -= open.lines.length;
    open.lines = '';
    this.#unwrittenBytes += block.length;
    open.part.append(block).then(
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

  async #prepare(checkpoint: number, open: readonly OpenPart[]): Promise<SinkPrepared | undefined> {
    const left = this.#failure === undefined ? await this.#uncommitted() : [];
    for (let i = 0; i < open.length; i += SEALED_AT_ONCE) {
      const some = open.slice(i, i + SEALED_AT_ONCE);
      await Promise.all(some.map((one) => this.#seal(checkpoint, one, left)));
    }
    if (open.length > 0 && this.#failure === undefined) {
      const staging = stagingPath(this.#directory, '');
      await atPoint('output:staging-sync', () => syncDirectory(staging)).catch((error: unknown) => {
        this.#fail(error);
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#staged = left;
    return left.length === 0 ? undefined : { transaction: renameTransaction([...left]) };
  }

  async #seal(
    checkpoint: number,
    { part, partition, random }: OpenPart,
    into: StagedPartHandle[],
  ): Promise<void> {
    const staged = this.#name(checkpoint, random);
    try {
      if (this.#failure === undefined) await part.seal(stagingPath(this.#directory, staged));
    } catch (error) {
      this.#fail(error);
    }
    if (this.#failure !== undefined) {
      await part.drop();
      return;
    }
    const { instance } = this.#context;
    const of = partition === '' ? {} : { partition };
    into.push({ staged, checkpoint, instance, ...of, bytes: part.bytes, rows: part.rows });
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

function shown(partition: unknown): string {
  if (typeof partition === 'string') return JSON.stringify(clipped(partition, 80));
  const isNothing = partition === undefined || partition === null;
  return isNothing ? String(partition) : withArticle(typeof partition);
}
