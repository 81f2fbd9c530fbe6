/** The part of one region on one slot, in one epoch: its tasks, connected, with a graph of their own. */

import { toFailure } from '../../base/failure.js';
import type { Deployment, Stage } from '../../host/workload.js';
import type { Graph } from '../../stream/graph/graph.js';
import type { Task } from '../../stream/task/task.js';
import type { TaskMetrics } from '../../stream/task/task-types.js';
import type { ControlBlock } from '../../threads/control-block.js';
import { Lease } from '../../threads/lease.js';
import type { Tasklet } from '../../threads/tasklet.js';
import type { CheckpointBase, DeploySpec, Streams } from './stream-types.js';
import { baseFor, wireTasks } from './wiring.js';

export interface StreamDeploymentOptions {
  readonly spec: DeploySpec;
  readonly stage: Stage<Streams>;
  readonly graph: Graph;
  readonly block: ControlBlock;
  readonly closed: () => void;
}

export class StreamDeployment implements Deployment<Streams> {
  readonly graph: Graph;
  readonly tasklets: readonly Task[];
  readonly #spec: DeploySpec;
  readonly #stage: Stage<Streams>;
  readonly #closed: () => void;

  constructor({ spec, stage, graph, block, closed }: StreamDeploymentOptions) {
    this.graph = graph;
    this.#spec = spec;
    this.#stage = stage;
    this.#closed = closed;
    this.tasklets = wireTasks({
      spec,
      graph,
      block,
      lease: new Lease(spec.lease),
      report: stage.report,
      failed: stage.failed,
      wake: stage.wake,
    });
  }

  /** Ids of the region's operators. */
  get operators(): readonly string[] {
    const { plan, region } = this.#spec;
    return plan.regions[region]!.operators;
  }

  async open(isCurrent: () => boolean): Promise<void> {
    for (const task of this.tasklets) {
      await task.open();
      if (isCurrent()) continue;
      // What was opened after the fence is closed here.
      await this.close();
      return;
    }
  }

  trigger(checkpoint: number, base: CheckpointBase | undefined): void {
    for (const task of this.tasklets) task.trigger(checkpoint, baseFor(base, task));
  }

  abort(checkpoint: number): void {
    for (const task of this.tasklets) task.abort(checkpoint);
  }

  committed(checkpoint: number): void {
    for (const task of this.tasklets) task.committed(checkpoint);
  }

  stopSources(drain: boolean): void {
    for (const task of this.tasklets) task.stopSources(drain);
    this.#stage.wake();
  }

  metrics(): readonly TaskMetrics[] {
    return this.tasklets.map((task) => task.metrics());
  }

  broke(tasklet: Tasklet, error: unknown): void {
    const { epoch, slot } = this.#spec;
    const task = this.tasklets.find((candidate) => candidate === tasklet)!;
    const { vertex, instance } = task;
    const failure = toFailure(error, 'internal', { slot });
    this.#stage.report({ kind: 'task-failed', epoch, vertex, instance, failure });
  }

  async close(): Promise<void> {
    this.#closed();
    await Promise.allSettled(this.tasklets.map((task) => task.close()));
  }
}
