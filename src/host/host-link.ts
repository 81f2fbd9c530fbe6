/**
 * The driver's side of a host, wherever the host runs: in a worker thread or in the calling thread.
 * Protocol file: shapes only.
 */

import type { Failure } from '../base/failure.js';
import type { ControlBlock } from '../threads/control-block.js';
import type { Beat, HostCalls, HostEvent } from './host-protocol.js';
import type { WorkloadTypes } from './workload.js';

export interface CallOptions {
  /** In milliseconds. Default: no deadline but the thread's death. */
  readonly timeoutMs?: number;
  /** Buffers that change hands with the arguments. */
  readonly transfer?: readonly ArrayBuffer[];
}

export interface HostLink<W extends WorkloadTypes> {
  /** Used in messages. A spare thread gets another name when it is given a slot. */
  name: string;
  /** Counters that outlive the thread. */
  readonly block: ControlBlock;
  readonly threadId: number;
  /** The host is dead, or was ordered to die: what still arrives from it is dropped. */
  readonly dead: boolean;
  /**
   * Calls what every host has. Rejects with the failure that the host answered, or ERR_HOLDFAST_WORKER_DIED, or
   * ERR_HOLDFAST_CONTROL at the deadline. Never hangs on a dead host.
   */
  call<M extends keyof HostCalls<W>>(
    method: M,
    args: HostCalls<W>[M]['args'],
    options?: CallOptions,
  ): Promise<HostCalls<W>[M]['answer']>;
  /** Calls what only this workload has. Rejects as `call` does. */
  ask<M extends keyof W['calls']>(
    method: M,
    args: W['calls'][M]['args'],
    options?: CallOptions,
  ): Promise<W['calls'][M]['answer']>;
  /** Resolves when the host is gone, or given up as a zombie. */
  terminate(): Promise<void>;
  /** How long the thread has waited for a processor since it began; undefined when unknown. */
  waitedMs(): number | undefined;
  /** Share of time its event loop was busy since the last call, 0…1; undefined when unknown. */
  utilization(): number | undefined;
}

export interface HostCallbacks<W extends WorkloadTypes> {
  onEvent(event: HostEvent<W>): void;
  onBeat(beat: Beat): void;
  /** Called exactly once. */
  onDeath(failure: Failure): void;
}

export type HostSpawner<W extends WorkloadTypes> = (
  name: string,
  callbacks: HostCallbacks<W>,
) => HostLink<W>;
