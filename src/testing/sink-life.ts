/**
 * One life of a process with a sink. It does what a task and a driver do, and nothing else.
 *
 *  E1  A life knows about earlier lives what a job would know: the run's id, and a checkpoint's manifest, which
 *      keeps transactions as JSON text.
 *  E2  Targets are recovered before a writer is opened, by the sink's committer or its `commit`, exactly
 *      as a job does it (launcher.ts L2).
 *  E3  A life that has crashed is not closed. Its writers go on like those of a thread that was given
 *      up, and their errors do not count any more.
 */

import { HoldfastError } from '../base/errors.js';
import { inTime } from '../base/in-time.js';
import type { Committer } from '../connectors/committer.js';
import { createCommitter } from '../connectors/committers.js';
import { isThenable } from '../stream/api/callbacks.js';
import type { Sink, SinkContext, SinkTransaction, SinkWriter } from '../stream/sink.js';
import { asyncWriteError, checkPrepared, checkWriter } from '../stream/task/sink-checks.js';
import type { SinkConformanceOptions } from './sink-options.js';

const RUN = 'conformance';
const OPERATOR = 'sink';

/** A checkpoint as its manifest keeps it. */
export interface Cut {
  readonly checkpoint: number;
  readonly parallelism: number;
  /** The transactions as JSON, in the order of instances. */
  readonly transactions: readonly string[];
  readonly states: readonly { readonly instance: number; readonly bytes: Uint8Array }[];
  readonly visible: readonly unknown[];
}

/** Values that all lives of a case share. */
export interface Surroundings<T> {
  readonly options: SinkConformanceOptions<T>;
  readonly timeoutMs: number;
  readonly printed: string[];
  readonly fault: (problem: string, cause?: unknown) => HoldfastError;
  readonly nextIncarnation: () => number;
}

interface Instance<T> {
  readonly writer: SinkWriter<T>;
  woken: () => void;
}

export class Life<T> {
  readonly #around: Surroundings<T>;
  readonly #sink: Sink<T>;
  readonly #committer: Committer | undefined;
  readonly #epoch: number;
  readonly #instances: Instance<T>[] = [];
  #crashed = false;
  #failure: { readonly error: unknown } | undefined;
  #collected: unknown[] = [];

  constructor(around: Surroundings<T>, epoch: number) {
    this.#around = around;
    this.#epoch = epoch;
    this.#sink = around.options.create();
    const { committer } = this.#sink;
    this.#committer =
      committer === undefined
        ? undefined
        : createCommitter(JSON.parse(JSON.stringify(committer)) as typeof committer);
  }

  get collected(): readonly unknown[] {
    return this.#collected;
  }

  get isCrashed(): boolean {
    return this.#crashed;
  }

  /** Commits again what `from` promised, then opens the instances (E2). */
  async open(parallelism: number, from: Cut | undefined): Promise<void> {
    const transactions = parsed(from?.transactions ?? []);
    const checkpoint = from?.checkpoint;
    if (this.#committer !== undefined) {
      const state = { run: RUN, checkpoint, transactions };
      await this.#settled('the committer’s check', this.#committer.check?.(state));
      await this.#settled('the committer’s recovery', this.#committer.recover(state));
    } else if (checkpoint !== undefined && transactions.length > 0) {
      await this.#settled('commit() after a restart', this.#commit(checkpoint, transactions));
    }
    for (let instance = 0; instance < parallelism; instance += 1) {
      await this.#open(instance, parallelism, from);
    }
  }

  /** @throws HoldfastError ERR_HOLDFAST_SINK_CONTRACT when the writer says `full` and never wakes */
  async write(instance: number, ...indexes: readonly number[]): Promise<void> {
    const { writer } = this.#instances[instance]!;
    for (const index of indexes) {
      this.writeNow(instance, index);
      if (writer.full === true) await this.#room(instance);
    }
  }

  /** Writes one record without looking at `full`. */
  writeNow(instance: number, index: number): void {
    const { record } = this.#around.options;
    const answer: unknown = this.#tried('write()', () =>
      this.#instances[instance]!.writer.write(record(index), index),
    );
    if (isThenable(answer)) throw asyncWriteError(OPERATOR, answer);
  }

  /** Prepares all instances. Each is cut before this returns. */
  prepare(checkpoint: number): Promise<Cut> {
    const { fault } = this.#around;
    const answers = this.#instances.map(({ writer }) =>
      writer.prepare === undefined
        ? undefined
        : this.#tried('prepare()', () => writer.prepare!(checkpoint)),
    );
    const prepared = Promise.all(answers.map((answer) => this.#settled('prepare()', answer)));
    return prepared.then((all) => {
      this.healthy();
      const transactions: string[] = [];
      const states: Cut['states'][number][] = [];
      const visible: unknown[] = [];
      for (const [instance, one] of all.entries()) {
        try {
          checkPrepared(OPERATOR, this.#sink as Sink<unknown>, one);
        } catch (error) {
          throw fault((error as Error).message, error);
        }
        if (one?.transaction !== undefined) transactions.push(JSON.stringify(one.transaction));
        const chunks = one?.state ?? [];
        if (one?.state !== undefined) states.push({ instance, bytes: copied(chunks) });
        visible.push(...(one?.visible ?? []));
      }
      return { checkpoint, parallelism: this.#instances.length, transactions, states, visible };
    });
  }

  /** Commits a completed checkpoint. */
  async commit(cut: Pick<Cut, 'checkpoint' | 'transactions'> & Partial<Cut>): Promise<void> {
    await this.#settled('commit()', this.#commit(cut.checkpoint, parsed(cut.transactions)));
    this.#collected.push(...(cut.visible ?? []));
    this.healthy();
  }

  abort(checkpoint: number): void {
    for (const { writer } of this.#instances) {
      this.#tried('abort()', () => writer.abort?.(checkpoint));
    }
  }

  /** Closes each writer twice, because a task may be closed more than once. */
  async close(): Promise<void> {
    for (const { writer } of this.#instances) {
      for (const time of ['close()', 'the second close()']) {
        await this.#settled(
          time,
          this.#tried(time, () => writer.close()),
        );
      }
    }
    this.healthy();
  }

  async crash(): Promise<void> {
    this.#crashed = true;
    await this.#settled('crash()', this.#around.options.crash?.(this.#sink));
  }

  /** @throws what the sink has reported by `context.fail` */
  healthy(): void {
    if (this.#failure === undefined || this.#crashed) return;
    throw this.#around.fault('the sink reported a failure', this.#failure.error);
  }

  async #open(instance: number, parallelism: number, from: Cut | undefined): Promise<void> {
    const held: { one: Instance<T> | undefined } = { one: undefined };
    const context: SinkContext = {
      run: RUN,
      operator: OPERATOR,
      instance,
      parallelism,
      epoch: this.#epoch,
      incarnation: this.#around.nextIncarnation(),
      restored: restoredOf(from, instance, parallelism),
      wake: () => held.one?.woken(),
      print: (line) => this.#around.printed.push(line),
      fail: (error) => {
        this.#failure ??= { error };
      },
    };
    const opening = this.#tried('open()', () => this.#sink.open(context));
    const writer: unknown = await this.#settled('open()', opening);
    checkWriter(OPERATOR, writer);
    held.one = { writer: writer as SinkWriter<T>, woken: () => {} };
    this.#instances.push(held.one);
    this.#collected.push(...(held.one.writer.visible?.() ?? []));
  }

  async #room(instance: number): Promise<void> {
    const { fault, timeoutMs } = this.#around;
    const one = this.#instances[instance]!;
    while (one.writer.full === true) {
      const wake = new Promise<void>((resolve) => {
        one.woken = resolve;
      });
      const late = () =>
        fault(`the writer is full, and has not called context.wake() for ${timeoutMs} ms`);
      await inTime(wake, timeoutMs, late);
    }
    this.healthy();
  }

  #commit(checkpoint: number, transactions: readonly SinkTransaction[]): Promise<void> | undefined {
    if (transactions.length === 0) return undefined;
    if (this.#committer !== undefined) return this.#committer.commit(checkpoint, transactions);
    return this.#tried('commit()', () => this.#sink.commit?.(checkpoint, transactions));
  }

  #tried<R>(what: string, act: () => R): R {
    try {
      return act();
    } catch (error) {
      throw this.#around.fault(`${what} has failed`, error);
    }
  }

  async #settled<R>(what: string, promise: R | PromiseLike<R>): Promise<R> {
    const { fault, timeoutMs } = this.#around;
    if (!isThenable(promise)) return promise;
    const late = () => fault(`${what} has not settled for ${timeoutMs} ms`);
    try {
      return (await inTime(promise, timeoutMs, late)) as R;
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'ERR_HOLDFAST_SINK_CONTRACT')
        throw error;
      throw fault(`${what} has failed`, error);
    }
  }
}

/** An instance's own state; after a change of parallelism instance 0 gets all of it. */
function restoredOf(
  from: Cut | undefined,
  instance: number,
  parallelism: number,
): SinkContext['restored'] {
  const states = from?.states ?? [];
  if (from?.parallelism === parallelism) return states.filter((one) => one.instance === instance);
  return instance === 0 ? states : [];
}

function copied(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks));
}

function parsed(transactions: readonly string[]): readonly SinkTransaction[] {
  return transactions.map((text) => JSON.parse(text) as SinkTransaction);
}
