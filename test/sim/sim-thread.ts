/**
 * A worker thread of a simulation: the real host, over a link whose three lanes take their time.
 *
 *  T1  What crosses is cloned, buffers are moved: as between threads.
 *  T2  As a worker handle: once it is ordered to end nothing of it is believed; `onDeath` comes once, after
 *      every event that it had sent; calls settle with the answer, the deadline, or the death.
 *  T3  A zombie is told as dead after a while, and goes on: what it says is heard no more, what it does
 *      to shared memory, the disk and servers happens.
 */

import { HoldfastError } from '../../src/base/errors.js';
import { type Failure, failureToError } from '../../src/base/failure.js';
import { Host } from '../../src/host/host.js';
import type { CallOptions, HostCallbacks, HostLink } from '../../src/host/host-link.js';
import type { HostCalls, HostEvent } from '../../src/host/host-protocol.js';
import { type Outcome, unwrap } from '../../src/host/outcome.js';
import type { Answering } from '../../src/host/workload.js';
import type { JobDefinition } from '../../src/stream/api/job-definition.js';
import { ControlBlock } from '../../src/threads/control-block.js';
import type { StreamCalls, Streams } from '../../src/workloads/streams/stream-types.js';
import { StreamWorkload } from '../../src/workloads/streams/stream-workload.js';
import { cloned } from './clone.js';
import { type Domain, Lane, type World } from './world.js';

export type CallName = keyof HostCalls<Streams> | keyof StreamCalls;
type Event = HostEvent<Streams>;

export interface SimThreadOptions {
  readonly world: World;
  /** The process's main thread. */
  readonly main: Domain;
  readonly name: string;
  readonly threadId: number;
  readonly definition: JobDefinition;
  readonly heartbeatMs: number;
  readonly callbacks: HostCallbacks<Streams>;
  /** What its clock costs, at most: decides how much is done within a turn. */
  readonly lookMs: number;
  /** For faults that wait for a moment, and for oracles. */
  /** What a call says, as the thread will hear it. */
  readonly onArguments: (method: CallName, args: readonly unknown[]) => readonly unknown[];
  readonly onCall: (thread: SimThread, method: CallName, args: readonly unknown[]) => void;
  readonly onEvent: (thread: SimThread, event: Event) => Event;
  readonly onDelivery: (event: Event) => Event;
  readonly onEndOrdered: (thread: SimThread) => void;
}

const ASLEEP = 1;
const ZOMBIE_AFTER_MS = 2_000;

export class SimThread implements HostLink<Streams> {
  readonly block = new ControlBlock();
  readonly threadId: number;
  name: string;
  readonly domain: Domain;
  readonly #given: SimThreadOptions;
  readonly #toThread: Lane;
  readonly #toMain: Lane;
  readonly #events: Lane;
  readonly #beats: Lane;
  readonly #open = new Set<(error: Error) => void>();
  readonly #gone: Promise<void>;
  #tellGone: () => void = () => {};
  #host: Host<Streams> | undefined;
  #onWake: () => void = () => {};
  #armed = false;
  #ordered = false;
  #isGone = false;
  /** It does not end when it is told to (T3). */
  stubborn = false;
  /** It has built the graph: from now on it is watched. */
  loaded = false;
  /** A fault has befallen it: nothing is to be concluded from its being ended. */
  touched = false;

  constructor(given: SimThreadOptions) {
    const { world, main } = given;
    this.#given = given;
    this.name = given.name;
    this.threadId = given.threadId;
    this.domain = world.domain(`thread-${given.threadId}`);
    this.domain.lookMs = given.lookMs;
    this.#toThread = new Lane(world, this.domain);
    this.#toMain = new Lane(world, main);
    this.#events = new Lane(world, main);
    this.#beats = new Lane(world, main);
    this.#gone = new Promise((resolve) => {
      this.#tellGone = resolve;
    });
    this.#toThread.send(() => this.#boot(), 5, 60);
  }

  get dead(): boolean {
    return this.#ordered || this.#isGone;
  }

  /** The doorbell has been rung: by whoever wrote to shared memory. Asked after every event. */
  poll(): void {
    const { words, doorbellIndex } = this.block;
    if (!this.#armed || Atomics.load(words, doorbellIndex) === ASLEEP) return;
    this.#armed = false;
    const wake = this.#onWake;
    this.#given.world.after(this.domain, this.#given.world.between(0.01, 0.2), wake);
  }

  /** Messages of this kind arrive late for a while. */
  delay(lane: 'control' | 'events' | 'beats', forMs: number): void {
    const untilMs = this.#given.world.nowMs + forMs;
    if (lane === 'events') this.#events.delay(untilMs);
    else if (lane === 'beats') this.#beats.delay(untilMs);
    else this.#toThread.delay(untilMs);
  }

  /** It dies here and now, by itself; seen a little later. */
  crash(message: string): void {
    if (!this.domain.alive || this.#isGone) return;
    this.touched = true;
    this.domain.alive = false;
    const { world, main } = this.#given;
    world.after(main, world.between(0.2, 4), () => this.#exited(death(message)));
  }

  call<M extends keyof HostCalls<Streams>>(
    method: M,
    args: HostCalls<Streams>[M]['args'],
    options?: CallOptions,
  ): Promise<HostCalls<Streams>[M]['answer']> {
    return this.#call(method, args, options, (host, sent) => {
      const control: Answering<HostCalls<Streams>> = host;
      return control[method](...sent);
    });
  }

  ask<M extends keyof StreamCalls>(
    method: M,
    args: StreamCalls[M]['args'],
    options?: CallOptions,
  ): Promise<StreamCalls[M]['answer']> {
    return this.#call(method, args, options, (host, sent) => host.ask(method, sent));
  }

  #call<A extends readonly unknown[], T>(
    method: CallName,
    args: A,
    options: CallOptions = {},
    act: (host: Host<Streams>, sent: A) => Promise<Outcome<T>>,
  ): Promise<T> {
    const { world, onCall, onArguments } = this.#given;
    if (this.dead) return Promise.reject(this.#deathError());
    const sent = cloned(onArguments(method, args), options.transfer) as A; // T1
    return new Promise<T>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const settle = (act: () => void) => {
        clearTimeout(timer);
        if (this.#open.delete(fail)) act();
      };
      const fail = (error: Error) => settle(() => reject(error));
      this.#open.add(fail);
      const { timeoutMs } = options;
      if (timeoutMs !== undefined) {
        timer = setTimeout(() => {
          const what = `call of '${method}' on thread '${this.name}' failed: no answer within ${timeoutMs} ms.`;
          fail(new HoldfastError('ERR_HOLDFAST_CONTROL', what));
        }, timeoutMs);
      }
      onCall(this, method, args);
      this.#toThread.send(() => {
        world.log(`${method}`);
        void act(this.#host!, sent).then((answer) => {
          const outcome = cloned(answer);
          this.#toMain.send(() => {
            if (method === 'load') this.loaded = true;
            settle(() => (outcome.ok ? resolve(unwrap(outcome)) : rejectWith(reject, outcome)));
          });
        });
      });
    });
  }

  async terminate(): Promise<void> {
    if (!this.dead) {
      const { world, main, onEndOrdered } = this.#given;
      onEndOrdered(this);
      this.#ordered = true;
      world.log(`terminate ${this.domain.name}${this.stubborn ? ' (zombie)' : ''}`);
      for (const fail of [...this.#open]) fail(this.#deathError());
      if (this.stubborn) {
        world.after(main, ZOMBIE_AFTER_MS, () => this.#exited(death('was given up')));
      } else {
        world.after(main, world.between(0.5, 5), () => {
          this.domain.alive = false;
          this.#exited(death('was ended'));
        });
      }
    }
    await this.#gone;
  }

  waitedMs(): undefined {
    return undefined;
  }

  utilization(): undefined {
    return undefined;
  }

  #boot(): void {
    const { definition, world, callbacks, heartbeatMs, onEvent, onDelivery } = this.#given;
    const { words, doorbellIndex } = this.block;
    const thread = this;
    const send = (event: Event, transfer: readonly ArrayBuffer[] = []) => {
      if (this.#ordered || this.#isGone) return; // T3
      const sent = cloned(onEvent(this, event), transfer); // T1
      this.#events.send(() => {
        world.log(`${sent.kind} from ${this.domain.name}${placeOf(sent)}`);
        callbacks.onEvent(onDelivery(sent));
      });
    };
    this.#host = new Host<Streams>({
      workload: new StreamWorkload(definition, this.block),
      block: this.block,
      sleeper: {
        arm: () => {
          thread.#armed = true;
          Atomics.store(words, doorbellIndex, ASLEEP);
        },
        cancel: () => {
          thread.#armed = false;
          Atomics.store(words, doorbellIndex, 0);
        },
        get onWake() {
          return thread.#onWake;
        },
        set onWake(act) {
          thread.#onWake = act;
        },
      },
      emit: send,
      close: () => {
        this.domain.alive = false;
        const { main } = this.#given;
        world.after(main, world.between(0.2, 4), () => this.#exited(death('has ended')));
      },
    });
    setInterval(() => {
      this.#beats.send(() => {
        if (!this.dead) callbacks.onBeat({ heapUsedBytes: 0, heapLimitBytes: 0 });
      });
    }, heartbeatMs);
    send({ kind: 'ready', name: definition.name });
  }

  #exited(failure: Failure): void {
    if (this.#isGone) return;
    const { world, callbacks } = this.#given;
    // T2: what it had said is heard first.
    this.#toMain.flush();
    this.#events.flush();
    this.#isGone = true;
    world.log(`death of ${this.domain.name}: ${failure.message}`);
    for (const fail of [...this.#open]) fail(this.#deathError());
    callbacks.onDeath(failure);
    this.#tellGone();
  }

  #deathError(): Error {
    return failureToError(death('is dead'), 'ERR_HOLDFAST_WORKER_DIED');
  }
}

function rejectWith(reject: (error: unknown) => void, outcome: Outcome<unknown>): void {
  try {
    unwrap(outcome);
  } catch (error) {
    reject(error);
  }
}

function death(what: string): Failure {
  return {
    kind: 'thread-exit',
    name: 'HoldfastError',
    code: 'ERR_HOLDFAST_WORKER_DIED',
    message: `the thread ${what}.`,
  };
}

function placeOf(event: Event): string {
  const checkpoint = 'checkpoint' in event ? ` #${event.checkpoint}` : '';
  const epoch = 'epoch' in event ? ` e${event.epoch}` : '';
  const task = 'vertex' in event ? ` ${event.vertex}/${event.instance}` : '';
  const failure = 'failure' in event ? `: ${event.failure.message}` : '';
  return `${checkpoint}${epoch}${task}${failure}`;
}
