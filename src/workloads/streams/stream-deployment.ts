/** The part of one region on one slot, in one epoch: its tasks, connected, with a graph of their own. */

import type { Deployment, Stage } from '../../host/workload.js';
import type { Graph } from '../../stream/graph/graph.js';
import type { TaskMetrics } from '../../stream/task/task-types.js';
import type { ControlBlock } from '../../threads/control-block.js';
import { Lease } from '../../threads/lease.js';
import type { CheckpointBase, DeploySpec, Streams } from './stream-types.js';
import { baseFor, type TaskActor, wireTasks } from './wiring.js';

export interface StreamDeploymentOptions {
  readonly spec: DeploySpec;
  readonly stage: Stage<Streams>;
  readonly graph: Graph;
  readonly block: ControlBlock;
  readonly closed: () => void;
}

export class StreamDeployment implements Deployment<Streams> {
  readonly graph: Graph;
  readonly #spec: DeploySpec;
  readonly #actors: readonly TaskActor[];
  readonly #closed: () => void;

  constructor({ spec, stage, graph, block, closed }: StreamDeploymentOptions) {
    this.graph = graph;
    this.#spec = spec;
    this.#closed = closed;
    this.#actors = wireTasks({
      spec,
      graph,
      block,
      lease: new Lease(spec.lease),
      report: stage.report,
      failed: stage.failed,
      wake: stage.wake,
    });
  }

  get cells(): readonly TaskActor['cell'][] {
    return this.#actors.map(({ cell }) => cell);
  }

  /** Ids of the region's operators. */
  get operators(): readonly string[] {
    const { plan, region } = this.#spec;
    return plan.regions[region]!.operators;
  }

  async open(isCurrent: () => boolean): Promise<void> {
    for (const { task } of this.#actors) {
      await task.open();
      if (isCurrent()) continue;
      // What was opened after the fence is closed here.
      await this.close();
      return;
    }
  }

  trigger(checkpoint: number, base: CheckpointBase | undefined): void {
    for (const { task, cell } of this.#actors) {
      cell.tell({ kind: 'trigger', checkpoint, base: baseFor(base, task) });
    }
  }

  abort(checkpoint: number): void {
    for (const { cell } of this.#actors) cell.tell({ kind: 'abort', checkpoint });
  }

  async committed(checkpoint: number): Promise<void> {
    const message = { kind: 'committed', checkpoint } as const;
    await Promise.all(this.#actors.map(({ cell }) => cell.ask(message)));
  }

  stopSources(drain: boolean): void {
    for (const { cell } of this.#actors) cell.tell({ kind: 'stop-sources', drain });
  }

  async metrics(): Promise<readonly TaskMetrics[]> {
    return await Promise.all(this.#actors.map(metricsOf));
  }

  async close(): Promise<void> {
    this.#closed();
    await Promise.allSettled(this.#actors.map(({ cell }) => cell.stop()));
  }
}

/** One that does not run yet, or any more, cannot answer, and is read as it lies. */
async function metricsOf({ task, cell }: TaskActor): Promise<TaskMetrics> {
  if (cell.life !== 'running') return task.metrics();
  const reply = await cell.ask({ kind: 'metrics' });
  return (reply.kind === 'handled' ? reply.answer : undefined) ?? task.metrics();
}
