/**
 * The boundary between the driver (main thread) and a host (a worker thread, or the calling thread
 * in `runInline`). Protocol file: shapes only.
 *
 * Three lanes: `HostControl` is called over comlink; `HostEvent`s come back over a port of their own;
 * beats over a third. Records never pass here.
 */

import type { Failure } from '../base/failure.js';
import type { Outcome } from './outcome.js';
import type { Answering, WorkloadTypes } from './workload.js';

export type KillCause = 'throw' | 'exit' | 'hang' | 'out-of-memory';

/** What the driver asks of every host. */
export type HostCalls<W extends WorkloadTypes> = {
  /** Makes the module that the thread has loaded ready with these arguments, and describes it. */
  readonly load: {
    readonly args: readonly [args: Readonly<Record<string, unknown>>];
    readonly answer: W['loaded'];
  };
  /** Stops a region's actors after what they are at and forgets them; answers when that is done. */
  readonly fence: { readonly args: readonly [region: number]; readonly answer: undefined };
  /** Makes and opens the region's part on this slot, from restored state. It does not run yet. */
  readonly deploy: { readonly args: readonly [spec: W['spec']]; readonly answer: undefined };
  readonly start: { readonly args: readonly [epoch: number]; readonly answer: undefined };
  /** Checkpoint `checkpoint` begins. `epochs`: of all regions. */
  readonly trigger: {
    readonly args: readonly [
      epochs: readonly number[],
      checkpoint: number,
      base: W['base'] | undefined,
    ];
    readonly answer: undefined;
  };
  /** The checkpoint was given up: nothing of it is captured any more, and what it blocked goes on. */
  readonly abort: {
    readonly args: readonly [epochs: readonly number[], checkpoint: number];
    readonly answer: undefined;
  };
  /** The checkpoint is complete, and what it promised outside is done. `epochs`: of all regions then. */
  readonly committed: {
    readonly args: readonly [epochs: readonly number[], checkpoint: number];
    readonly answer: undefined;
  };
  readonly metrics: { readonly args: readonly []; readonly answer: readonly W['metrics'][] };
  /** For demonstrations and tests: the thread dies. */
  readonly kill: { readonly args: readonly [cause: KillCause]; readonly answer: undefined };
  /** Closes what is deployed, and the ports, so that the thread ends by itself. */
  readonly shutdown: { readonly args: readonly []; readonly answer: undefined };
};

/** What a host exposes. Every call answers with an `Outcome`; none throws. */
export interface HostControl<W extends WorkloadTypes> extends Answering<HostCalls<W>> {
  /** A call that only this workload has. */
  ask<M extends keyof W['calls']>(
    method: M,
    args: W['calls'][M]['args'],
  ): Promise<Outcome<W['calls'][M]['answer']>>;
}

/** What every host tells of itself. */
export type LifeEvent =
  | { readonly kind: 'ready'; readonly name: string }
  | { readonly kind: 'load-failed'; readonly failure: Failure };

export type HostEvent<W extends WorkloadTypes> = LifeEvent | W['event'];

export function isLifeEvent<E extends { readonly kind: string }>(
  event: LifeEvent | E,
): event is LifeEvent {
  return event.kind === 'ready' || event.kind === 'load-failed';
}

/** V8's old generation; sent by a worker every heartbeat interval on a port of its own. */
export interface Beat {
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
}
