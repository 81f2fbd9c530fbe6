/**
 * A host: the worker-side half of a slot. It has the workload make what the driver deploys, runs that on its
 * scheduler, and answers the driver. It knows regions, epochs and the thread; what runs in them it does not.
 *
 *  H1  What a deployment reports is dropped once the deployment is out of service: failed, fenced or replaced.
 *  H2  Each region is deployed, fenced and run independently. Between a region's `fence` and its next
 *      `deploy` nothing of it runs here, and nothing of another region is touched.
 *  H3  `deploy` makes everything anew: nothing that a workload has made survives a reset, and regions share none of it.
 */

import type { ControlBlock } from '../threads/control-block.js';
import { Scheduler, type Sleeper } from '../threads/scheduler.js';
import type { HostControl, KillCause } from './host-protocol.js';
import { die } from './kill-causes.js';
import { type Outcome, outcome } from './outcome.js';
import type { Deployment, Workload, WorkloadTypes } from './workload.js';

export interface HostOptions<W extends WorkloadTypes> {
  readonly workload: Workload<W>;
  readonly block: ControlBlock;
  readonly sleeper: Sleeper;
  readonly emit: (event: W['event'], transfer?: readonly ArrayBuffer[]) => void;
  /** Lets the thread end by itself; absent in the calling thread. */
  readonly close?: (() => void) | undefined;
}

/** A region's part here. */
interface Part<W extends WorkloadTypes> {
  readonly spec: W['spec'];
  readonly deployment: Deployment<W>;
  /** False once a failure, a fence or the end has taken its actors off (H1). */
  live: boolean;
}

export class Host<W extends WorkloadTypes> implements HostControl<W> {
  readonly #workload: Workload<W>;
  readonly #block: ControlBlock;
  readonly #emit: HostOptions<W>['emit'];
  readonly #close: (() => void) | undefined;
  readonly #scheduler: Scheduler;
  /** By region. */
  readonly #parts = new Map<number, Part<W>>();

  constructor(options: HostOptions<W>) {
    this.#workload = options.workload;
    this.#block = options.block;
    this.#emit = options.emit;
    this.#close = options.close;
    this.#scheduler = new Scheduler({ sleeper: options.sleeper });
  }

  load(args: Readonly<Record<string, unknown>>): Promise<Outcome<W['loaded']>> {
    return outcome('build', () => this.#workload.load(args));
  }

  fence(region: number): Promise<Outcome<undefined>> {
    return outcome('internal', async () => {
      await this.#dispose(region);
      return undefined;
    });
  }

  deploy(spec: W['spec']): Promise<Outcome<undefined>> {
    return outcome('internal', async () => {
      await this.#dispose(spec.region);
      this.#block.phase = 'restoring';
      const isCurrent = () => this.#parts.get(spec.region) === part;
      const deployment = this.#workload.deploy(spec, {
        report: (event, transfer) => {
          if (isCurrent() && part.live) this.#emit(event, transfer);
        },
        failed: () => this.#takeOff(part),
        wake: () => this.#scheduler.wake(),
      });
      const part: Part<W> = { spec, deployment, live: true };
      this.#parts.set(spec.region, part);
      await deployment.open(isCurrent);
      return undefined;
    });
  }

  start(epoch: number): Promise<Outcome<undefined>> {
    return this.#inEpochs([epoch], ({ cells }) => {
      this.#block.phase = 'running';
      for (const cell of cells) {
        cell.start();
        this.#scheduler.add(cell);
      }
    });
  }

  trigger(
    epochs: readonly number[],
    checkpoint: number,
    base: W['base'] | undefined,
  ): Promise<Outcome<undefined>> {
    return this.#inEpochs(epochs, (deployment) => deployment.trigger(checkpoint, base));
  }

  abort(epochs: readonly number[], checkpoint: number): Promise<Outcome<undefined>> {
    return this.#inEpochs(epochs, (deployment) => deployment.abort(checkpoint));
  }

  committed(epochs: readonly number[], checkpoint: number): Promise<Outcome<undefined>> {
    return this.#inEpochs(epochs, (deployment) => deployment.committed(checkpoint));
  }

  metrics(): Promise<Outcome<readonly W['metrics'][]>> {
    return outcome('internal', async () => {
      const parts = [...this.#parts.values()];
      return (await Promise.all(parts.map(({ deployment }) => deployment.metrics()))).flat();
    });
  }

  async ask<M extends keyof W['calls']>(
    method: M,
    args: W['calls'][M]['args'],
  ): Promise<Outcome<W['calls'][M]['answer']>> {
    return await this.#workload.calls[method](...args);
  }

  kill(cause: KillCause): Promise<Outcome<undefined>> {
    return outcome('internal', async () => {
      die(cause);
      return undefined;
    });
  }

  shutdown(): Promise<Outcome<undefined>> {
    return outcome('internal', async () => {
      await Promise.all([...this.#parts.keys()].map((region) => this.#dispose(region)));
      // The answer has to leave before the ports close.
      if (this.#close !== undefined) setImmediate(this.#close);
      return undefined;
    });
  }

  #inEpochs(
    epochs: readonly number[],
    act: (deployment: Deployment<W>) => void | Promise<void>,
  ): Promise<Outcome<undefined>> {
    return outcome('internal', async () => {
      const concerned = [...this.#parts.values()].filter(
        ({ live, spec }) => live && epochs.includes(spec.epoch),
      );
      await Promise.all(concerned.map(({ deployment }) => act(deployment)));
      return undefined;
    });
  }

  /** When one has failed, the region's others here go out of service, too; the driver resets them all. */
  #takeOff(part: Part<W>): void {
    part.live = false;
    for (const cell of part.deployment.cells) {
      this.#scheduler.remove(cell);
      cell.halt();
    }
  }

  async #dispose(region: number): Promise<void> {
    const part = this.#parts.get(region);
    if (part === undefined) return;
    this.#block.phase = 'stopping';
    this.#takeOff(part);
    this.#parts.delete(region);
    // If something cannot close, that has no consequence here: its epoch is over.
    await part.deployment.close().catch(() => {});
    if (this.#parts.size === 0) this.#block.phase = 'idle';
  }
}
