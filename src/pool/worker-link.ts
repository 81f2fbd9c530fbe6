/** A host in a worker thread. */

import type { CallOptions, HostCallbacks, HostLink, HostSpawner } from '../host/host-link.js';
import type { Beat, HostControl, HostEvent } from '../host/host-protocol.js';
import { type Outcome, unwrap } from '../host/outcome.js';
import type { WorkloadTypes } from '../host/workload.js';
import { type Compiled, mendBundle } from '../module/compile.js';
import { RunQueueWait, readRunQueue } from '../threads/run-queue.js';
import { spawnWorker } from '../threads/worker-handle.js';

export interface ThreadOptions {
  /** See SpawnOptions. */
  readonly resourceLimits?: Readonly<Record<string, number>> | undefined;
  readonly heartbeatIntervalMs: number;
}

/** Starts threads that load what was compiled. */
export function workerSpawner<W extends WorkloadTypes>(
  compiled: Compiled,
  options: ThreadOptions,
): HostSpawner<W> {
  return (name, callbacks) => new WorkerLink<W>(name, compiled, options, callbacks);
}

class WorkerLink<W extends WorkloadTypes> implements HostLink<W> {
  readonly #handle: ReturnType<typeof spawnWorker<HostControl<W>>>;
  readonly #runQueueWait = new RunQueueWait();

  constructor(
    name: string,
    compiled: Compiled,
    { resourceLimits, heartbeatIntervalMs }: ThreadOptions,
    callbacks: HostCallbacks<W>,
  ) {
    mendBundle(compiled);
    this.#handle = spawnWorker<HostControl<W>>({
      entry: compiled.entry,
      workerData: { boot: compiled.boot },
      name,
      resourceLimits,
      heartbeatIntervalMs,
      onEvent: (event) => callbacks.onEvent(event as HostEvent<W>),
      onBeat: (beat) => callbacks.onBeat(beat as Beat),
      onDeath: (death) => callbacks.onDeath(death.failure),
    });
  }

  get name(): string {
    return this.#handle.name;
  }

  set name(name: string) {
    this.#handle.name = name;
  }

  get block(): HostLink<W>['block'] {
    return this.#handle.block;
  }

  get threadId(): number {
    return this.#handle.threadId;
  }

  get dead(): boolean {
    return this.#handle.dead;
  }

  async call(
    method: keyof HostControl<W>,
    args: readonly unknown[],
    options: CallOptions = {},
  ): Promise<never> {
    // Ports carry what they are given: here types end, and begin again on the other side.
    const answer = (await this.#handle.call(
      method as never,
      args as never,
      options,
    )) as Outcome<never>;
    return unwrap(answer);
  }

  async ask(method: PropertyKey, args: readonly unknown[], options?: CallOptions): Promise<never> {
    return await this.call('ask', [method, args], options);
  }

  async terminate(): Promise<void> {
    await this.#handle.terminate('ordered by the driver');
  }

  waitedMs(): number | undefined {
    const sample = readRunQueue(this.#handle.block.nativeId, performance.now());
    return sample === undefined ? undefined : this.#runQueueWait.take(sample);
  }

  utilization(): number | undefined {
    return this.#handle.utilization();
  }
}
