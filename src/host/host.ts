/**
 * A host: the worker-side half of a slot. It builds the graph, makes tasks and channels as the
 * driver says, runs them on its scheduler, and tells the driver what happens.
 *
 *  H1  Everything that a task reports carries its epoch. A task that was fenced reports nothing more.
 *  H2  Each region is deployed, fenced and run independently. Between a region's `fence` and its next
 *      `deploy` nothing of it runs here, and nothing of another region is touched.
 *  H3  `deploy` builds the graph anew: no operator object survives a reset, and regions share none.
 */

import { HoldfastError } from '../base/errors.js';
import { type FailureKind, toFailure } from '../base/failure.js';
import { registerCodecs } from '../codec/codec-registry.js';
// Not by the index of connectors: each thread would run all of them.
import { collect } from '../connectors/memory/collect.js';
import { collectTable } from '../connectors/memory/collect-table.js';
import { print } from '../connectors/memory/print.js';
import type { BuiltinSinks } from '../stream/api/builtin-sinks.js';
import { checkedArguments } from '../stream/api/job-arguments.js';
import type { JobArguments, JobDefinition } from '../stream/api/job-definition.js';
import type { Graph, GraphData } from '../stream/graph/graph.js';
import { buildGraph, graphData } from '../stream/graph/graph-builder.js';
import type { Sink, SinkTransaction } from '../stream/sink.js';
import type { SourceSplit } from '../stream/source.js';
import type { Task } from '../stream/task/task.js';
import type { ControlBlock } from '../threads/control-block.js';
import { Lease } from '../threads/lease.js';
import { Scheduler, type Sleeper } from '../threads/scheduler.js';
import type { Tasklet } from '../threads/tasklet.js';
import type {
  CheckpointBase,
  DeploySpec,
  HostControl,
  HostEvent,
  HostMetrics,
  KillCause,
  Outcome,
} from './host-protocol.js';
import { baseFor, wireTasks } from './host-wiring.js';
import { die } from './kill-causes.js';
import { listInTime } from './split-listing.js';

/** Those that a stream calls by their names: what a graph is built with. */
export const BUILTIN_SINKS: BuiltinSinks = { collect, collectTable, print };

export interface HostOptions {
  readonly definition: JobDefinition;
  readonly block: ControlBlock;
  readonly sleeper: Sleeper;
  readonly emit: (event: HostEvent, transfer?: readonly ArrayBuffer[]) => void;
  /** Lets the thread end by itself; absent in the calling thread. */
  readonly close?: (() => void) | undefined;
}

interface Deployment {
  readonly spec: DeploySpec;
  readonly graph: Graph;
  readonly tasks: readonly Task[];
  /** False once a failure, a fence or the end has taken the tasks off: they report nothing more (H1). */
  live: boolean;
}

export class Host implements HostControl {
  readonly #definition: JobDefinition;
  readonly #block: ControlBlock;
  readonly #emit: HostOptions['emit'];
  readonly #close: (() => void) | undefined;
  readonly #scheduler: Scheduler;
  /** As `build` gets them: the output of the job's schema, if it has one. */
  #args: JobArguments = {};
  #graph: Graph | undefined;
  /** By region. */
  readonly #deployments = new Map<number, Deployment>();

  constructor(options: HostOptions) {
    this.#definition = options.definition;
    this.#block = options.block;
    this.#emit = options.emit;
    this.#close = options.close;
    this.#scheduler = new Scheduler({
      sleeper: options.sleeper,
      onFailure: (tasklet, error) => this.#taskletFailed(tasklet, error),
    });
  }

  build(args: JobArguments): Promise<Outcome<GraphData>> {
    return outcome('build', async () => {
      this.#args = await checkedArguments(this.#definition, args);
      this.#graph = buildGraph(this.#definition, this.#args, BUILTIN_SINKS);
      registerCodecs(this.#graph.codecs);
      return graphData(this.#graph);
    });
  }

  listSplits(operator: string): Promise<Outcome<readonly SourceSplit[]>> {
    return outcome('source', async () => {
      const node = this.#graph?.nodes.find((candidate) => candidate.id === operator);
      if (node?.source === undefined) {
        throw new HoldfastError('ERR_HOLDFAST_INTERNAL', `no source '${operator}' in this graph.`);
      }
      return await listInTime(operator, node.source);
    });
  }

  fence(region: number): Promise<Outcome<undefined>> {
    return outcome('internal', async () => {
      await this.#dispose(region);
      return undefined;
    });
  }

  deploy(spec: DeploySpec): Promise<Outcome<undefined>> {
    return outcome('internal', async () => {
      await this.#dispose(spec.region);
      this.#block.phase = 'restoring';
      const graph = buildGraph(this.#definition, this.#args, BUILTIN_SINKS);
      registerCodecs(graph.codecs);
      const deployment: Deployment = {
        spec,
        graph,
        tasks: wireTasks({
          spec,
          graph,
          block: this.#block,
          lease: new Lease(spec.lease),
          report: (event, transfer) => {
            if (this.#isCurrent(deployment) && deployment.live) this.#emit(event, transfer);
          },
          failed: () => this.#stopTasks(deployment),
          wake: () => this.#scheduler.wake(),
        }),
        live: true,
      };
      this.#deployments.set(spec.region, deployment);
      for (const task of deployment.tasks) {
        await task.open();
        if (!this.#isCurrent(deployment)) {
          // The region was fenced meanwhile: what was opened after the fence is closed here.
          await Promise.allSettled(deployment.tasks.map((opened) => opened.close()));
          break;
        }
      }
      return undefined;
    });
  }

  start(epoch: number): Promise<Outcome<undefined>> {
    return this.#inEpochs([epoch], (deployment) => {
      this.#block.phase = 'running';
      for (const task of deployment.tasks) this.#scheduler.add(task);
    });
  }

  trigger(
    epochs: readonly number[],
    checkpoint: number,
    base: CheckpointBase | undefined,
  ): Promise<Outcome<undefined>> {
    return this.#inEpochs(epochs, (deployment) => {
      for (const task of deployment.tasks) task.trigger(checkpoint, baseFor(base, task));
    });
  }

  abort(epochs: readonly number[], checkpoint: number): Promise<Outcome<undefined>> {
    return this.#inEpochs(epochs, (deployment) => {
      for (const task of deployment.tasks) task.abort(checkpoint);
    });
  }

  committed(epochs: readonly number[], checkpoint: number): Promise<Outcome<undefined>> {
    return this.#inEpochs(epochs, (deployment) => {
      for (const task of deployment.tasks) task.committed(checkpoint);
    });
  }

  commit(
    operator: string,
    checkpoint: number,
    transactions: readonly SinkTransaction[],
  ): Promise<Outcome<undefined>> {
    return outcome('sink', async () => {
      const sink = this.#sink(operator);
      if (sink?.commit === undefined) {
        throw new HoldfastError(
          'ERR_HOLDFAST_INTERNAL',
          `no sink '${operator}' to commit checkpoint ${checkpoint} with.`,
        );
      }
      await sink.commit(checkpoint, transactions);
      return undefined;
    });
  }

  stopSources(drain: boolean): Promise<Outcome<undefined>> {
    return outcome('source', async () => {
      for (const task of this.#tasks()) task.stopSources(drain);
      this.#scheduler.wake();
      return undefined;
    });
  }

  metrics(): Promise<Outcome<HostMetrics>> {
    return outcome('internal', async () => ({
      tasks: this.#tasks().map((task) => task.metrics()),
    }));
  }

  kill(cause: KillCause): Promise<Outcome<undefined>> {
    return outcome('internal', async () => {
      die(cause);
      return undefined;
    });
  }

  shutdown(): Promise<Outcome<undefined>> {
    return outcome('internal', async () => {
      await Promise.all([...this.#deployments.keys()].map((region) => this.#dispose(region)));
      // The answer has to leave before the ports close.
      if (this.#close !== undefined) setImmediate(this.#close);
      return undefined;
    });
  }

  /** Regions never share an epoch. */
  #inEpochs(
    epochs: readonly number[],
    act: (deployment: Deployment) => void,
  ): Promise<Outcome<undefined>> {
    return outcome('internal', async () => {
      for (const deployment of this.#deployments.values()) {
        if (deployment.live && epochs.includes(deployment.spec.epoch)) act(deployment);
      }
      this.#scheduler.wake();
      return undefined;
    });
  }

  #isCurrent(deployment: Deployment): boolean {
    return this.#deployments.get(deployment.spec.region) === deployment;
  }

  #tasks(): readonly Task[] {
    return [...this.#deployments.values()].flatMap(({ tasks }) => tasks);
  }

  /** The sink of its region's deployment, if there is one here, since that may know what it has prepared. */
  #sink(operator: string): Sink<unknown> | undefined {
    const deployment = [...this.#deployments.values()].find(({ spec: { plan, region } }) =>
      plan.regions[region]!.operators.includes(operator),
    );
    const graph = deployment?.graph ?? this.#graph;
    return graph?.nodes.find((candidate) => candidate.id === operator)?.sink;
  }

  #taskletFailed(tasklet: Tasklet, error: unknown): void {
    const deployment = [...this.#deployments.values()].find(({ tasks }) =>
      tasks.some((candidate) => candidate === tasklet),
    );
    const task = deployment?.tasks.find((candidate) => candidate === tasklet);
    if (deployment === undefined || task === undefined || !deployment.live) return;
    // A task reports its own failures; an error that reaches the scheduler is a mistake of ours.
    this.#emit({
      kind: 'task-failed',
      epoch: deployment.spec.epoch,
      vertex: task.vertex,
      instance: task.instance,
      failure: toFailure(error, 'internal', { slot: deployment.spec.slot }),
    });
    this.#stopTasks(deployment);
  }

  /** When a task has failed, takes its region's other tasks here out of service; the driver resets them all. */
  #stopTasks(deployment: Deployment): void {
    deployment.live = false;
    for (const task of deployment.tasks) this.#scheduler.remove(task);
  }

  async #dispose(region: number): Promise<void> {
    const deployment = this.#deployments.get(region);
    if (deployment === undefined) return;
    this.#block.phase = 'stopping';
    this.#stopTasks(deployment);
    this.#deployments.delete(region);
    // If a sink or a reader cannot close, that has no consequence here: its epoch is over.
    await Promise.allSettled(deployment.tasks.map((task) => task.close()));
    if (this.#deployments.size === 0) this.#block.phase = 'idle';
  }
}

async function outcome<T>(kind: FailureKind, act: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await act() };
  } catch (error) {
    return { ok: false, failure: toFailure(error, kind) };
  }
}
