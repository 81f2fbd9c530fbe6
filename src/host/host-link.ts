/**
 * The driver's side of a host, wherever the host runs: in a worker thread or in the calling thread.
 * Protocol file: shapes, and what each kind of link does with an answer.
 */

import { type Failure, failureToError } from '../base/failure.js';
import type { ControlBlock } from '../threads/control-block.js';
import type { Beat, HostControl, HostEvent, Outcome } from './host-protocol.js';

type Answer<M extends keyof HostControl> =
  Awaited<ReturnType<HostControl[M]>> extends Outcome<infer T> ? T : never;

export interface HostLink {
  /** Used in messages. A spare thread gets another name when it is given a slot. */
  name: string;
  /** Counters that outlive the thread. */
  readonly block: ControlBlock;
  readonly threadId: number;
  /** The host is dead, or was ordered to die: what still arrives from it is dropped. */
  readonly dead: boolean;
  /**
   * Rejects with the failure that the host answered, or ERR_HOLDFAST_WORKER_DIED, or
   * ERR_HOLDFAST_CONTROL after `timeoutMs` (default: no deadline but death). Never hangs on a dead host.
   */
  call<M extends keyof HostControl>(
    method: M,
    args: Parameters<HostControl[M]>,
    options?: { readonly timeoutMs?: number; readonly transfer?: readonly ArrayBuffer[] },
  ): Promise<Answer<M>>;
  /** Resolves when the host is gone, or given up as a zombie. */
  terminate(): Promise<void>;
  /** How long the thread has waited for a processor since it began; undefined when unknown. */
  waitedMs(): number | undefined;
  /** Share of time its event loop was busy since the last call, 0…1; undefined when unknown. */
  utilization(): number | undefined;
}

export interface HostCallbacks {
  onEvent(event: HostEvent): void;
  onBeat(beat: Beat): void;
  /** Called exactly once. */
  onDeath(failure: Failure): void;
}

export type HostSpawner = (name: string, callbacks: HostCallbacks) => HostLink;

/** The value of an answer; throws the failure if the answer is one. */
export function unwrap<T>(answer: Outcome<T>): T {
  if (answer.ok) return answer.value;
  throw failureToError(answer.failure);
}
