/**
 * A worker thread as its supervisor holds it: one incarnation, from spawn to death.
 *
 *  H1  `onDeath` is called exactly once, whatever happens, also when the thread cannot start at all. It comes
 *      after every event that the thread had sent, and nothing is called after it.
 *  H2  A call settles: with the answer, at its deadline, or with the thread's death.
 *  H3  `dead` is true from the moment at which we order the end, or see it. Events that the thread had sent
 *      before are still delivered. Their receiver looks at `dead` and drops them.
 *  H4  A thread that cannot be ended in time (a blocking native call) is a zombie: its lanes are closed, its
 *      death is told, and it no longer holds the process. Nothing that it does later is heard.
 *
 * When the `exit` event is seen, what the thread had said is in our port's queue, perhaps thousands of messages
 * deep. So at `exit` the queue is emptied there and then, synchronously.
 */

import type { EventLoopUtilization } from 'node:perf_hooks';
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from 'node:worker_threads';
import { deferred } from '../base/deferred.js';
import { HoldfastError } from '../base/errors.js';
import { type Failure, failureToError, originalError } from '../base/failure.js';
import { ControlBlock } from './control-block.js';
import { heapLimits } from './heap-limits.js';
import { type CallOptions, WorkerCalls } from './worker-calls.js';
import { judgeDeath, type WorkerDeath } from './worker-death.js';
import type { EventMessage, WorkerBeat, WorkerInit } from './worker-lanes.js';

export type { CallOptions } from './worker-calls.js';
export type { WorkerDeath } from './worker-death.js';

const ZOMBIE_AFTER_MS = 2_000;

export interface SpawnOptions {
  /** What the thread loads; it calls `connectWorker`. A file URL or an absolute path. */
  readonly entry: URL | string;
  /** Structured-cloneable; the name `holdfast` is taken. */
  readonly workerData?: Readonly<Record<string, unknown>> | undefined;
  /** The thread's name: for people, debuggers and messages. */
  readonly name: string;
  /** V8's limits in MB, as the Worker takes them; a limit for old objects brings one for young ones. */
  readonly resourceLimits?: Readonly<Record<string, number>> | undefined;
  readonly heartbeatIntervalMs: number;
  /** How long `terminate` waits for the thread's end, in milliseconds. Default 2 000. */
  readonly zombieAfterMs?: number | undefined;
  onEvent(event: unknown): void;
  onBeat(beat: WorkerBeat): void;
  onDeath(death: WorkerDeath): void;
}

type MethodOf<C> = keyof C & string;
type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never;
type AnswerOf<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

/** `C`: the methods that the worker exposes. */
export interface WorkerHandle<C> {
  /** Used in messages: a thread may be given another task, and with it another name. */
  name: string;
  /** Shared with the thread; outlives it. */
  readonly block: ControlBlock;
  /** −1 if the thread could not start. */
  readonly threadId: number;
  readonly dead: boolean;
  /** The thread was given up without having ended. */
  readonly zombie: boolean;
  /** Rejects with ERR_HOLDFAST_WORKER_DIED or ERR_HOLDFAST_CONTROL. */
  call<M extends MethodOf<C>>(
    method: M,
    args: ArgumentsOf<C[M]>,
    options?: CallOptions,
  ): Promise<AnswerOf<C[M]>>;
  /**
   * Ends the thread without asking it. Resolves when it is gone or given up (H4), after `onDeath`;
   * never rejects. Calling it again waits for the same end.
   */
  terminate(reason: string): Promise<void>;
  /** Share of time its event loop was busy since the last call, 0…1; undefined when not known. */
  utilization(): number | undefined;
}

/** Starts a thread. Never throws: if the thread cannot start, `onDeath` tells it later. */
export function spawnWorker<C>(options: SpawnOptions): WorkerHandle<C> {
  return new ThreadHandle<C>(options);
}

class ThreadHandle<C> implements WorkerHandle<C> {
  name: string;
  readonly block = new ControlBlock();
  readonly threadId: number;
  readonly #options: SpawnOptions;
  readonly #worker: Worker | undefined;
  readonly #control: MessagePort;
  readonly #events: MessagePort;
  readonly #beats: MessagePort;
  readonly #calls: WorkerCalls;
  readonly #gone = deferred<void>();
  #utilization: EventLoopUtilization | undefined;
  #fatal: Failure | undefined;
  #error: { readonly thrown: unknown } | undefined;
  #ordered: string | undefined;
  #closing = false;
  #death: WorkerDeath | undefined;
  #zombie = false;
  #zombieTimer: NodeJS.Timeout | undefined;

  constructor(options: SpawnOptions) {
    this.#options = options;
    this.name = options.name;
    const control = new MessageChannel();
    const events = new MessageChannel();
    const beats = new MessageChannel();
    this.#control = control.port1;
    this.#events = events.port1;
    this.#beats = beats.port1;
    this.#calls = new WorkerCalls(() => this.name, this.#control);
    this.#events.on('message', (message: EventMessage) => this.#take(message));
    this.#events.on('messageerror', () => {
      void this.terminate('it sent an event that could not be read');
    });
    this.#beats.on('message', (beat: WorkerBeat) => {
      if (!this.dead) options.onBeat(beat);
    });
    this.#worker = this.#spawn({
      control: control.port2,
      events: events.port2,
      beats: beats.port2,
      block: this.block.shared,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
    });
    this.threadId = this.#worker?.threadId ?? -1;
  }

  get dead(): boolean {
    return this.#death !== undefined || this.#ordered !== undefined;
  }

  get zombie(): boolean {
    return this.#zombie;
  }

  call<M extends MethodOf<C>>(
    method: M,
    args: ArgumentsOf<C[M]>,
    options?: CallOptions,
  ): Promise<AnswerOf<C[M]>> {
    return this.#calls.call(method, args, options) as Promise<AnswerOf<C[M]>>;
  }

  terminate(reason: string): Promise<void> {
    if (this.#death === undefined && this.#ordered === undefined) {
      this.#ordered = reason;
      this.#calls.close(deathError(this.name, this.#judge(undefined).failure));
      if (this.#worker !== undefined) {
        const { zombieAfterMs = ZOMBIE_AFTER_MS } = this.#options;
        this.#zombieTimer = setTimeout(() => this.#giveUp(), zombieAfterMs);
        void this.#worker.terminate();
      }
    }
    return this.#gone.promise;
  }

  utilization(): number | undefined {
    if (this.#worker === undefined || this.#death !== undefined) return undefined;
    const { performance } = this.#worker;
    const now = performance.eventLoopUtilization();
    const since =
      this.#utilization === undefined
        ? now
        : performance.eventLoopUtilization(now, this.#utilization);
    this.#utilization = now;
    // When both are 0, the thread's event loop has not begun.
    return since.active + since.idle > 0 ? since.utilization : undefined;
  }

  #spawn(init: WorkerInit): Worker | undefined {
    const { entry, workerData } = this.#options;
    const resourceLimits = heapLimits(this.#options.resourceLimits);
    try {
      const worker = new Worker(entry, {
        workerData: { ...workerData, holdfast: init },
        transferList: [init.control, init.events, init.beats],
        name: this.name,
        execArgv: [],
        ...(resourceLimits === undefined ? {} : { resourceLimits }),
      });
      // Without a listener the error would end this process.
      worker.on('error', (thrown) => {
        this.#error ??= { thrown };
      });
      worker.on('messageerror', () => {});
      worker.once('exit', (exitCode) => this.#exited(exitCode));
      return worker;
    } catch (thrown) {
      // No more threads, a bad limit, data that cannot be cloned. Told later, like any other death.
      this.#error = { thrown };
      setImmediate(() => this.#exited(undefined));
      return undefined;
    }
  }

  #take(message: EventMessage): void {
    switch (message.kind) {
      case 'event':
        this.#options.onEvent(message.event);
        return;
      case 'fatal':
        this.#fatal ??= message.failure;
        return;
      case 'closing':
        this.#closing = true;
    }
  }

  #exited(exitCode: number | undefined): void {
    if (this.#death !== undefined) return; // H1: a zombie ended after all.
    // The queue is emptied first, since it may tell what the thread died of. The events follow (H3).
    const late = this.#drain();
    this.#death = this.#judge(exitCode);
    try {
      for (const event of late) this.#options.onEvent(event);
    } finally {
      this.#finish(this.#death);
    }
  }

  /** @returns the events that were still queued; everything else in the queue is noted */
  #drain(): readonly unknown[] {
    const events: unknown[] = [];
    for (;;) {
      try {
        const received = receiveMessageOnPort(this.#events);
        if (received === undefined) return events;
        const message = received.message as EventMessage;
        if (message.kind === 'event') events.push(message.event);
        else this.#take(message);
      } catch {
        // A message that cannot be read is out of the queue now; its sender is dead already.
      }
    }
  }

  #giveUp(): void {
    this.#zombie = true; // H4
    this.#worker?.unref();
    this.#death = this.#judge(undefined);
    this.#finish(this.#death);
  }

  #finish(death: WorkerDeath): void {
    clearTimeout(this.#zombieTimer);
    for (const port of [this.#control, this.#events, this.#beats]) port.close();
    this.#calls.close(deathError(this.name, death.failure));
    try {
      this.#options.onDeath(death);
    } finally {
      this.#gone.resolve();
    }
  }

  #judge(exitCode: number | undefined): WorkerDeath {
    return judgeDeath({
      name: this.name,
      exitCode,
      fatal: this.#fatal,
      error: this.#error,
      ordered: this.#ordered,
      closing: this.#closing,
      heapLimitMb: this.#options.resourceLimits?.['maxOldGenerationSizeMb'],
      atMs: performance.now(),
    });
  }
}

function deathError(thread: string, failure: Failure): HoldfastError {
  if (failure.code === 'ERR_HOLDFAST_WORKER_DIED') return failureToError(failure);
  return new HoldfastError(
    'ERR_HOLDFAST_WORKER_DIED',
    `thread '${thread}' died of ${failure.name}: ${failure.message}`,
    { cause: originalError(failure), details: { thread, kind: failure.kind } },
  );
}
