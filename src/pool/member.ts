/**
 * A thread of the pool.
 *
 *     loading → ready → ending
 *
 *  - `loading`: it imports the user's module and makes it ready. Nothing is deployed to it, and it cannot be judged.
 *  - `ready`: it serves a slot, or is a spare that could.
 *  - `ending`: its end was ordered, or told. Nobody needs to hear more of it.
 *
 *  A thread may die in each of them; `isAlive` says whether it has, or was ordered to. Only the death of one that
 *  is `ready` and serves a slot is a failure. Whom it serves is apart from that: a thread that loads may be a slot's
 *  already.
 */

import { deferred } from '../base/deferred.js';
import { HoldfastError } from '../base/errors.js';
import { type Failure, failureToError } from '../base/failure.js';
import { inTime } from '../base/in-time.js';
import type { HostLink, HostSpawner } from '../host/host-link.js';
import { isLifeEvent, type KillCause } from '../host/host-protocol.js';
import type { WorkloadTypes } from '../host/workload.js';
import type { HeapSample } from '../supervisor/heap-watch.js';
import type { Phase } from '../threads/control-block.js';
import type { PoolOptions } from './pool-types.js';
import { Vitals } from './vitals.js';

const LOAD_TIMEOUT_MS = 60_000;
/** Phases in which a thread's heap holds what its tasks need, and nothing more is being read into it. */
const WORKING: readonly Phase[] = ['running', 'aligning', 'capturing'];

/** A kill that was ordered. */
interface Order {
  readonly cause: string;
  readonly atMs: number;
}

type Life =
  | { readonly kind: 'loading'; readonly order: Order | undefined }
  | { readonly kind: 'ready'; readonly order: Order | undefined }
  | { readonly kind: 'ending'; readonly wasLoaded: boolean };

/** Whom a thread serves. */
export interface Place {
  readonly slot: number;
  readonly incarnation: number;
}

export interface MemberOptions<W extends WorkloadTypes> {
  readonly name: string;
  readonly spawn: HostSpawner<W>;
  readonly options: PoolOptions;
  /** Throws when another thread has loaded something else. */
  readonly check: (loaded: W['loaded']) => void;
  readonly onEvent: (member: Member<W>, event: W['event']) => void;
  readonly onBeat: (member: Member<W>) => void;
  readonly onDeath: (member: Member<W>, failure: Failure) => void;
}

export class Member<W extends WorkloadTypes> {
  readonly link: HostLink<W>;
  /** Rejects when it cannot load; it is ended then. */
  readonly loaded: Promise<void>;
  readonly vitals: Vitals;
  /** Undefined: it is a spare. */
  place: Place | undefined;
  #life: Life = { kind: 'loading', order: undefined };

  constructor({ name, spawn, options, check, onEvent, onBeat, onDeath }: MemberOptions<W>) {
    this.vitals = new Vitals(options.heartbeat, performance.now());
    const ready = deferred<void>();
    this.link = spawn(name, {
      onEvent: (event) => {
        if (!isLifeEvent(event)) onEvent(this, event);
        else if (event.kind === 'ready') ready.resolve();
        else ready.reject(failureToError(event.failure));
      },
      onBeat: (beat) => {
        this.vitals.beat(beat, performance.now());
        onBeat(this);
      },
      onDeath: (failure) => {
        ready.reject(failureToError(failure, 'ERR_HOLDFAST_WORKER_DIED'));
        onDeath(this, failure);
      },
    });
    this.loaded = this.#load(ready.promise, options.args, check);
    this.loaded.then(
      () => this.#ready(),
      () => void this.end(),
    );
  }

  get isAlive(): boolean {
    return !this.link.dead;
  }

  get isLoaded(): boolean {
    return this.#life.kind === 'ending' ? this.#life.wasLoaded : this.#life.kind === 'ready';
  }

  /** Its death, or its hanging, would be a failure. */
  get isWatched(): boolean {
    return this.#life.kind === 'ready';
  }

  /** The kill that was ordered, if one was and nobody has heard of its end. */
  get order(): Order | undefined {
    return this.#life.kind === 'ending' ? undefined : this.#life.order;
  }

  heapSample({ slot, incarnation }: Place): Omit<HeapSample, 'mayRestart'> {
    return {
      slot,
      incarnation,
      usedBytes: this.vitals.heapUsedBytes,
      limitBytes: this.vitals.heapLimitBytes,
      working: WORKING.includes(this.link.block.phase),
    };
  }

  /** The end that follows is told as that of this cause. */
  orderKill(cause: KillCause | 'terminate'): void {
    if (this.#life.kind === 'ending') return;
    this.#life = { ...this.#life, order: { cause, atMs: performance.now() } };
  }

  /** From here on nobody needs to hear of it. */
  forget(): void {
    this.#life = { kind: 'ending', wasLoaded: this.isLoaded };
  }

  async end(): Promise<void> {
    this.forget();
    await this.link.terminate();
  }

  #ready(): void {
    if (this.#life.kind === 'loading') this.#life = { kind: 'ready', order: this.#life.order };
    this.vitals.begin(performance.now());
  }

  async #load(
    ready: Promise<void>,
    args: PoolOptions['args'],
    check: (loaded: W['loaded']) => void,
  ): Promise<void> {
    await inTime(ready, LOAD_TIMEOUT_MS, loadTimeout);
    check(await this.link.call('load', [args], { timeoutMs: LOAD_TIMEOUT_MS }));
  }
}

function loadTimeout(): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_JOB_MODULE',
    `the job module did not load within ${LOAD_TIMEOUT_MS} ms. Top-level code must not wait or loop.`,
  );
}
