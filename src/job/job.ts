/** The `Job` that users hold: a thin face over the driver. */

import type { KillCause } from '../host/host-protocol.js';
import type { JobPlan } from '../stream/graph/plan.js';
import type { JobDriver } from './driver/driver.js';
import type {
  Job,
  JobEvents,
  JobMetrics,
  JobProgress,
  JobResult,
  JobStatus,
  JobTreeNode,
  SlotInfo,
  StopOptions,
} from './job-types.js';

export class RunningJob implements Job {
  readonly #driver: JobDriver;
  readonly id: string;
  readonly name: string;

  constructor(driver: JobDriver) {
    this.#driver = driver;
    this.id = driver.run;
    this.name = driver.plan.graph.job;
  }

  get status(): JobStatus {
    return this.#driver.status;
  }

  get finished(): Promise<JobResult> {
    return this.#driver.finished;
  }

  cancel(): Promise<void> {
    return this.#driver.cancel();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cancel();
  }

  stop(options: StopOptions = {}): Promise<JobResult> {
    return this.#driver.stop(options);
  }

  savepoint(directory: string): Promise<number> {
    return this.#driver.savepoint(directory);
  }

  checkpointNow(): Promise<number> {
    return this.#driver.checkpointNow();
  }

  metrics(): Promise<JobMetrics> {
    return this.#driver.metrics();
  }

  progress(): JobProgress {
    return this.#driver.progress();
  }

  plan(): JobPlan {
    return this.#driver.plan;
  }

  tree(): JobTreeNode {
    return this.#driver.tree();
  }

  slots(): readonly SlotInfo[] {
    return this.#driver.slots();
  }

  collected(name: string): never {
    return this.#driver.collected(name) as never;
  }

  kill(slot: number, cause: KillCause | 'terminate'): void {
    this.#driver.kill(slot, cause);
  }

  on<E extends keyof JobEvents>(event: E, listener: (...args: JobEvents[E]) => void): this {
    this.#driver.events.on(event, listener as never);
    return this;
  }

  once<E extends keyof JobEvents>(event: E, listener: (...args: JobEvents[E]) => void): this {
    this.#driver.events.once(event, listener as never);
    return this;
  }

  off<E extends keyof JobEvents>(event: E, listener: (...args: JobEvents[E]) => void): this {
    this.#driver.events.off(event, listener as never);
    return this;
  }
}
