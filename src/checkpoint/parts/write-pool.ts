/**
 * Large parts on threads of their own: copying, checksums and I/O of megabytes do not hold up the
 * caller's event loop.
 *
 *  W1  Threads start with the first large part and end after a time without work.
 *  W2  Every task has a deadline that grows with its bytes; past it the thread is killed and the task
 *      fails. A thread that dies fails its task; the next task gets a new one.
 *  W3  Chunks in shared memory are shared; chunks that fill their ArrayBuffer are transferred away from
 *      the caller; other views are copied first, or the whole buffer behind them would travel.
 *  W4  Where threads cannot be had (running from TypeScript sources, a module that does not load, a full
 *      queue) the calling thread does the work, asynchronously.
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import type { Piscina } from 'piscina';
import { HoldfastError } from '../../base/errors.js';
import { originalError } from '../../base/failure.js';
import { messageOf } from '../../base/realm.js';
import { nodeFileSystem } from '../directory/node-file-system.js';
import type { PartDescriptor, PartInput, RestoredPartSection } from '../store.js';
import { bodyBytesOf } from './part-file.js';
import { type PartIo, threadPartIo, type WrittenFile } from './part-io.js';
import type { PoolAnswer, PoolTask } from './part-writer-worker.js';

export interface WritePoolOptions {
  readonly threadsMax?: number;
  readonly queueMax?: number;
  readonly idleTimeoutMs?: number;
  /** Of a task without bytes. */
  readonly baseDeadlineMs?: number;
  /** Slowest writing that is not taken for a hang. */
  readonly bytesPerSecondMin?: number;
  /** The compiled worker module; another one in tests. */
  readonly worker?: URL;
}

const THREADS_MAX = 2;
const QUEUE_MAX = 256;
const IDLE_TIMEOUT_MS = 30_000;
const BASE_DEADLINE_MS = 60_000;
const BYTES_PER_SECOND_MIN = 4 * 1024 * 1024;

export class WritePool implements PartIo {
  readonly #options: WritePoolOptions;
  readonly #inThread: PartIo = threadPartIo(nodeFileSystem);
  #pool: Promise<Piscina | undefined> | undefined;

  constructor(options: WritePoolOptions = {}) {
    this.#options = options;
  }

  /** Threads that run now. */
  async threads(): Promise<number> {
    return (await this.#pool)?.threads.length ?? 0;
  }

  async write(path: string, part: PartInput): Promise<WrittenFile> {
    const pool = await this.#ready();
    if (pool === undefined) return await this.#inThread.write(path, part);
    const bytes = bodyBytesOf(part);
    const { compact, transfer } = packPart(part);
    const task: PoolTask = { kind: 'write', path, part: compact };
    const answer = await this.#run(pool, task, transfer, bytes);
    if (answer.kind !== 'written') throw unexpected(answer);
    return answer.file;
  }

  async read(path: string, part: PartDescriptor): Promise<readonly RestoredPartSection[]> {
    const pool = await this.#ready();
    if (pool === undefined) return await this.#inThread.read(path, part);
    const answer = await this.#run(pool, { kind: 'read', path, part }, [], part.bytes);
    if (answer.kind !== 'read') throw unexpected(answer);
    return answer.sections;
  }

  /** Ends the threads; tasks under way fail. A later task starts them again. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await (await pool)?.destroy();
  }

  async #run(
    pool: Piscina,
    task: PoolTask,
    transfer: readonly ArrayBuffer[],
    bytes: number,
  ): Promise<PoolAnswer> {
    const { baseDeadlineMs, bytesPerSecondMin } = this.#options;
    const deadlineMs =
      (baseDeadlineMs ?? BASE_DEADLINE_MS) +
      Math.ceil((bytes * 1_000) / (bytesPerSecondMin ?? BYTES_PER_SECOND_MIN));
    const signal = AbortSignal.timeout(deadlineMs);
    let answer: PoolAnswer;
    try {
      answer = (await pool.run(task, { signal, transferList: [...transfer] })) as PoolAnswer;
    } catch (error) {
      const what = `the thread that was to ${task.kind} '${task.path}' (${bytes} bytes)`;
      const how = signal.aborted ? `did not answer within ${deadlineMs} ms` : 'died';
      throw new HoldfastError(
        'ERR_HOLDFAST_CHECKPOINT_FAILED',
        `${what} ${how}: ${messageOf(error)}. The next attempt gets a new thread; if it goes on, look at the disk and at the memory left.`,
        { cause: error, details: { file: task.path, bytes, deadlineMs } },
      );
    }
    if (answer.kind === 'failed') throw originalError(answer.failure);
    return answer;
  }

  async #ready(): Promise<Piscina | undefined> {
    this.#pool ??= this.#start();
    const pool = await this.#pool;
    const queueMax = this.#options.queueMax ?? QUEUE_MAX;
    return pool !== undefined && pool.queueSize < queueMax ? pool : undefined;
  }

  async #start(): Promise<Piscina | undefined> {
    const worker = this.#options.worker ?? new URL('./part-writer-worker.js', import.meta.url);
    if (!existsSync(fileURLToPath(worker))) return undefined;
    try {
      // Piscina never settles a task whose module does not load: try it here first.
      await import(worker.href);
      const { Piscina } = await import('piscina');
      const pool = new Piscina({
        filename: worker.href,
        name: 'performPoolTask',
        minThreads: 0,
        maxThreads: this.#options.threadsMax ?? THREADS_MAX,
        maxQueue: (this.#options.queueMax ?? QUEUE_MAX) + 1,
        idleTimeout: this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
        // The default parks a thread between tasks in a way that stops its event loop.
        atomics: 'disabled',
        execArgv: [],
      });
      // A thread that dies while idle concerns nobody: the next task gets another one.
      pool.on('error', () => {});
      return pool;
    } catch {
      return undefined;
    }
  }
}

/** A part as it travels (W3). */
function packPart(part: PartInput): {
  readonly compact: PartInput;
  readonly transfer: readonly ArrayBuffer[];
} {
  const transfer = new Set<ArrayBuffer>();
  const sections = part.sections.map(({ operator, name, chunks }) => ({
    operator,
    name,
    chunks: chunks.map((chunk) => {
      if (types.isSharedArrayBuffer(chunk.buffer)) return plainView(chunk);
      const isWhole = chunk.byteLength === chunk.buffer.byteLength;
      // Not `slice`: a Buffer's is a view of the same memory.
      const whole = isWhole ? plainView(chunk) : new Uint8Array(chunk);
      if (whole.byteLength > 0) transfer.add(whole.buffer as ArrayBuffer);
      return whole;
    }),
  }));
  return { compact: { ...part, sections }, transfer: [...transfer] };
}

/** Not a Buffer: those arrive as Uint8Arrays anyway. */
function plainView(chunk: Uint8Array): Uint8Array {
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function unexpected(answer: PoolAnswer): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_INTERNAL',
    `the write pool answered '${answer.kind}'. Please report this.`,
  );
}
