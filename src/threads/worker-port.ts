/**
 * The worker's side of its lanes.
 *
 *  P1  An uncaught exception or an unhandled rejection ends the thread with exit code 1. Its failure
 *      is sent ahead as data, because Node's own `error` event loses the class, the code and the causes.
 *  P2  The control port holds the thread alive until `close`. Timers and sockets of user code are
 *      neither needed for that nor enough.
 *  P3  The event loop's timers send the beats: a thread whose loop is stuck sends none, by design.
 */

import { workerData } from 'node:worker_threads';
import { type Endpoint, expose } from 'comlink';
import { assert } from '../base/assert.js';
import { HoldfastError } from '../base/errors.js';
import { toFailure } from '../base/failure.js';
import { ControlBlock } from './control-block.js';
import { heapBeat } from './heap-beat.js';
import { nativeThreadId } from './run-queue.js';
import type { EventMessage, WorkerInit } from './worker-lanes.js';

export interface WorkerPort<C> {
  /** Shared with the supervisor. */
  readonly block: ControlBlock;
  /** Answers calls with these methods. To be called once. What a method throws arrives as a rejection of the call. */
  expose(control: C): void;
  /** @throws DataCloneError when the event cannot be cloned */
  emit(event: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Stops beats and closes the lanes: the thread then ends when nothing else holds it. Idempotent. */
  close(): void;
}

/** A bundle brings its own copy of this module: through this symbol both copies find the same lanes. */
const CONNECTED = Symbol.for('holdfast.workerPort');

/** The port of this thread, if it is a worker that was connected. */
export function runningWorker(): WorkerPort<object> | undefined {
  return Reflect.get(globalThis, CONNECTED) as WorkerPort<object> | undefined;
}

/** Connects this thread with the handle that spawned it; a second call gives the same port. */
export function connectWorker<C extends object>(): WorkerPort<C> {
  const connected = runningWorker();
  if (connected !== undefined) return connected as WorkerPort<C>;
  const init = (workerData as { readonly holdfast?: WorkerInit } | null)?.holdfast;
  assert(init !== undefined, 'connectWorker was called in a thread that spawnWorker did not make');
  const port = new ThreadPort<C>(init);
  Reflect.set(globalThis, CONNECTED, port);
  return port;
}

class ThreadPort<C extends object> implements WorkerPort<C> {
  readonly block: ControlBlock;
  readonly #init: WorkerInit;
  readonly #beats: NodeJS.Timeout;
  #exposed = false;
  #closed = false;

  constructor(init: WorkerInit) {
    this.#init = init;
    this.block = new ControlBlock(init.block);
    this.block.nativeId = nativeThreadId();
    process.on('uncaughtException', this.#die); // P1
    process.on('unhandledRejection', this.#die);
    init.control.ref(); // P2
    this.#beat();
    this.#beats = setInterval(() => this.#beat(), init.heartbeatIntervalMs).unref();
  }

  expose(control: C): void {
    assert(!this.#exposed, 'a worker exposes its methods once');
    this.#exposed = true;
    const { control: port } = this.#init;
    // A call that cannot be read cannot be answered either: its caller would wait for ever.
    port.on('messageerror', (cause) => {
      const what = 'a call could not be read in this thread, so nobody would answer it.';
      this.#die(new HoldfastError('ERR_HOLDFAST_CONTROL', what, { cause }));
    });
    expose(control, port as unknown as Endpoint);
  }

  emit(event: unknown, transfer: readonly ArrayBuffer[] = []): void {
    this.#post({ kind: 'event', event }, transfer);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#post({ kind: 'closing' });
    clearInterval(this.#beats);
    // From here on Node itself tells of errors.
    process.off('uncaughtException', this.#die);
    process.off('unhandledRejection', this.#die);
    const { control, events, beats } = this.#init;
    for (const port of [control, events, beats]) port.close();
  }

  #post(message: EventMessage, transfer: readonly ArrayBuffer[] = []): void {
    this.#init.events.postMessage(message, [...transfer]);
  }

  #beat(): void {
    this.#init.beats.postMessage(heapBeat());
  }

  readonly #die = (thrown: unknown): void => {
    try {
      this.#post({ kind: 'fatal', failure: toFailure(thrown, 'thread-error') });
    } finally {
      process.exit(1);
    }
  };
}
