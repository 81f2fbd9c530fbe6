/**
 * Calls an export of a module on a pool of threads, for `mapOnPool`.
 *
 *  Z1  Each instance of the operator has a pool of its own, whose threads are children of the slot's: they end with it,
 *      however it ends, and with the task, however that ends.
 *  Z2  No more calls are under way than there are threads. So none waits in the pool, and a call's time counts from when
 *      a thread has it.
 *  Z3  A call that is given up, by its timeout say, takes its thread along: nothing else stops code that computes. The
 *      next call gets a new one. A thread that dies fails its own call alone.
 *  Z4  Records and results cross as their encoded bytes, which are moved: they arrive as what they were, or are refused
 *      with the path to what could not travel.
 *  Z5  The module is loaded once when the operator opens, so that what is wrong with it is known before any record.
 */

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import { HoldfastError } from '../../base/errors.js';
import { originalError } from '../../base/failure.js';
import { messageOf } from '../../base/realm.js';
import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import { heapLimits } from '../../threads/heap-limits.js';
import type { AsyncCall } from '../api/async-map.js';
import type { PoolSettings } from '../api/pool-map.js';
import type { OperatorContext } from '../operator.js';
import type { AsyncWork } from './async-operator.js';
import type { PoolAnswer, PoolTask } from './pool-calls.js';

/** How long a module may take to load. */
const LOAD_MS = 30_000;

export class PoolWork implements AsyncWork {
  readonly #settings: PoolSettings;
  #operator = '';
  #module = '';
  #pool: Piscina | undefined;
  #isClosed = false;
  callsMax = 1;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
  }

  async open({ operator, module, parallelism }: OperatorContext): Promise<void> {
    const { url, threads, resourceLimits } = this.#settings;
    if (module === undefined) {
      throw new HoldfastError('ERR_HOLDFAST_INTERNAL', `the module ${url} was not compiled.`);
    }
    this.#operator = operator;
    this.#module = module;
    this.callsMax = threads ?? Math.max(1, Math.floor(availableParallelism() / parallelism));
    const { Piscina } = await import('piscina');
    if (this.#isClosed) return;
    const limits = heapLimits(resourceLimits);
    this.#pool = new Piscina({
      filename: fileURLToPath(new URL('./pool-worker.js', import.meta.url)),
      name: 'performPoolCall',
      // With any other number piscina replaces a thread that ends while the pool is being destroyed.
      minThreads: 0,
      maxThreads: this.callsMax,
      idleTimeout: Number.POSITIVE_INFINITY,
      concurrentTasksPerWorker: 1,
      // The default parks a thread between tasks in a way that stops its event loop.
      atomics: 'disabled',
      execArgv: [],
      ...(limits === undefined ? {} : { resourceLimits: limits }),
    });
    // A thread that dies while idle concerns nobody: the next call gets another one.
    this.#pool.on('error', () => {});
    await this.#probe();
  }

  async call(record: unknown, { signal, attempt, timestamp }: AsyncCall): Promise<unknown> {
    const writer = new ByteWriter();
    encodeValue(writer, record, 'record');
    const bytes = writer.take();
    const { name } = this.#settings;
    const task: PoolTask = { module: this.#module, name, call: { bytes, attempt, timestamp } };
    let answer: PoolAnswer;
    try {
      answer = await this.#run(task, signal, [bytes.buffer]);
    } catch (cause) {
      throw signal.aborted ? signal.reason : this.#threadDied(cause);
    }
    if (answer.kind === 'failed') throw originalError(answer.failure);
    if (answer.kind !== 'done') throw this.#unfit(answer);
    return decodeValue(new ByteReader(answer.bytes, { what: 'a result' }));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#pool?.destroy();
  }

  /** Z5 */
  async #probe(): Promise<void> {
    const { name } = this.#settings;
    let answer: PoolAnswer;
    const signal = AbortSignal.timeout(LOAD_MS);
    try {
      answer = await this.#run({ module: this.#module, name }, signal, []);
    } catch (cause) {
      if (this.#isClosed) return;
      const what = signal.aborted ? `was not loaded within ${LOAD_MS} ms` : 'ended its thread';
      throw this.#moduleError(`${what}: ${messageOf(cause)}`, cause);
    }
    if (answer.kind !== 'ready') throw this.#unfit(answer);
  }

  async #run(task: PoolTask, signal: AbortSignal, transferList: ArrayBuffer[]) {
    return (await this.#pool!.run(task, { signal, transferList })) as PoolAnswer;
  }

  #unfit(answer: PoolAnswer): HoldfastError {
    const { name } = this.#settings;
    if (answer.kind === 'no-function') {
      const { found, exported } = answer;
      const names = exported.length === 0 ? 'nothing' : exported.join(', ');
      return this.#moduleError(`has ${found} as its export '${name}'; it exports ${names}`);
    }
    const cause = answer.kind === 'failed' ? originalError(answer.failure) : undefined;
    return this.#moduleError(`failed while it was loaded: ${messageOf(cause)}`, cause);
  }

  #moduleError(what: string, cause?: unknown): HoldfastError {
    const { url, name } = this.#settings;
    return new HoldfastError(
      'ERR_HOLDFAST_POOL_MODULE',
      `the module ${url} of mapOnPool ('${this.#operator}') ${what}. It has to export a function under that name, ` +
        'and its top-level code runs in every thread of the pool.',
      { ...(cause === undefined ? {} : { cause }), details: { url, name } },
    );
  }

  #threadDied(cause: unknown): HoldfastError {
    const { url, name } = this.#settings;
    return new HoldfastError(
      'ERR_HOLDFAST_POOL_THREAD_DIED',
      `a thread of mapOnPool ('${this.#operator}') died in '${name}' of ${url}: ${messageOf(cause)}. Other records go ` +
        'on in other threads; put such records aside with .onError(…), or give the threads more memory with { resourceLimits }.',
      { cause, details: { url, name, operator: this.#operator } },
    );
  }
}
