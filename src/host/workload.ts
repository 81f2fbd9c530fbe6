/**
 * What a host works on. The host knows threads, regions and epochs; a workload knows what runs in them. Streams are
 * one (`workloads/streams`), actors another (`workloads/actors`). Protocol file: shapes only.
 */

import type { Cell } from '../actors/cell.js';
import type { Tasklet } from '../threads/tasklet.js';
import type { Outcome } from './outcome.js';

/** Calls by name: what each is given, and what it answers. */
export type Signatures = Readonly<
  Record<string, { readonly args: readonly unknown[]; readonly answer: unknown }>
>;

/** What answers these calls. None of them throws. */
export type Answering<S extends Signatures> = {
  readonly [M in keyof S]: (...args: S[M]['args']) => Promise<Outcome<S[M]['answer']>>;
};

/** What host and pool have to know of what is deployed: the part of one region on one slot, in one epoch. */
export interface RegionSpec {
  readonly region: number;
  readonly slot: number;
  /** Regions never share one. */
  readonly epoch: number;
}

/** The types of one workload. Host, link and pool pass them on, and look into none but as far as is said here. */
export interface WorkloadTypes {
  /** What a thread tells of the module that it has loaded. `hash` is the same in all threads. */
  readonly loaded: { readonly hash: string };
  readonly spec: RegionSpec;
  /** What a checkpoint may build on. */
  readonly base: unknown;
  readonly metrics: unknown;
  /** What it tells the driver. */
  readonly event: { readonly kind: string };
  /** Calls that only this workload has. */
  readonly calls: Signatures;
}

/** Made once in each thread. What its methods throw is answered as a failure. */
export interface Workload<W extends WorkloadTypes> {
  /** Makes the loaded module ready with these arguments, and describes it. */
  load(args: Readonly<Record<string, unknown>>): Promise<W['loaded']>;
  /** Makes what `spec` says. Nothing of it runs, or is open, when it returns. */
  deploy(spec: W['spec'], stage: Stage<W>): Deployment<W>;
  readonly calls: Answering<W['calls']>;
}

/** What a deployment is given of its thread. */
export interface Stage<W extends WorkloadTypes> {
  /** Tells the driver, as long as the deployment is in service. */
  report(event: W['event'], transfer?: readonly ArrayBuffer[]): void;
  /** One of its actors has failed, and that was reported: takes all of them out of service. */
  failed(): void;
  /** Asks for a turn soon. */
  wake(): void;
}

/** As much of an actor as its host has to do with. */
export type HostedCell = Tasklet & Pick<Cell<unknown, unknown>, 'start' | 'halt'>;

/**
 * What one `deploy` has made: actors, to which it passes on what it is told. All but `open`, `metrics` and `close` is
 * called only while it is in service.
 */
export interface Deployment<W extends WorkloadTypes> {
  readonly cells: readonly HostedCell[];
  /** Opens the actors with what was restored. Stops where `isCurrent` says no: it was fenced meanwhile. */
  open(isCurrent: () => boolean): Promise<void>;
  trigger(checkpoint: number, base: W['base'] | undefined): void;
  abort(checkpoint: number): void;
  /** @returns once all of them have handled it, or never will; never rejects */
  committed(checkpoint: number): Promise<void>;
  metrics(): Promise<readonly W['metrics'][]>;
  /** Nothing of it runs any more, or will. */
  close(): Promise<void>;
}
