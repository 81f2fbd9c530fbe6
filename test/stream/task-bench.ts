/** One task on a bench: its channels at hand, what it tells written down. */

import type { Failure } from '../../src/base/failure.js';
import type { Element } from '../../src/channels/element.js';
import type { RecordsMode } from '../../src/channels/record-keeper.js';
import type { Graph } from '../../src/stream/graph/graph.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import type { JobPlan } from '../../src/stream/graph/plan.js';
import { planChannels, planJob } from '../../src/stream/graph/planner.js';
import type { RestoredSection } from '../../src/stream/operator.js';
import type { SourceSplit } from '../../src/stream/source.js';
import { Task } from '../../src/stream/task/task.js';
import { TaskGate } from '../../src/stream/task/task-gate.js';
import type { CapturedTask, TaskOptions } from '../../src/stream/task/task-types.js';
import type { TimeHolder } from '../../src/stream/task/time-holder.js';
import { ControlBlock } from '../../src/threads/control-block.js';
import { Lease } from '../../src/threads/lease.js';
import { batchOf, TestChannel } from './task-kit.js';

export interface BenchOptions {
  /** Id of the task's vertex, its first node's. */
  readonly vertex: string;
  readonly slots?: number;
  readonly instance?: number;
  readonly mode?: TaskOptions['mode'];
  readonly alignedTimeoutMs?: number;
  readonly incremental?: boolean;
  readonly records?: RecordsMode;
  readonly splits?: number;
  readonly restored?: TaskOptions['restored'];
  readonly bufferTimeoutMs?: number;
  readonly capacityRecords?: number;
  readonly maxOpenSplits?: number;
  /** What the tasks of the plan tell each other of their time. */
  readonly alignment?: (plan: JobPlan) => TaskOptions['alignment'];
}

export class TaskBench {
  readonly task: Task;
  readonly block = new ControlBlock();
  readonly lease = Lease.of(5);
  readonly gate = new TaskGate();
  readonly inputs: TestChannel[];
  /** By edge, then by consuming instance. */
  readonly outputs: TestChannel[][];
  readonly captured: CapturedTask[] = [];
  readonly declined: { checkpoint: number; failure: Failure }[] = [];
  readonly failures: Failure[] = [];
  readonly visible: unknown[] = [];
  readonly printed: string[] = [];
  readonly holders: TimeHolder[] = [];
  ended = 0;
  woken = 0;
  firstOutputs = 0;

  constructor(graph: Graph, options: BenchOptions) {
    const plan = planJob(graphData(graph), { slots: options.slots ?? 1, keyGroups: 16 });
    const vertex = plan.vertices.find(({ id }) => id === options.vertex);
    if (vertex === undefined) throw new Error(`no vertex in ${plan.vertices.map(({ id }) => id)}`);
    const instance = options.instance ?? 0;
    const { gate } = this;
    const capacityRecords = options.capacityRecords ?? 6;
    const channels = planChannels(plan);
    const inputs = channels
      .filter(
        (one) => plan.edges[one.edge]!.toVertex === vertex.index && one.toInstance === instance,
      )
      .map(({ edge }) => ({ edge, channel: new TestChannel() }));
    const outputs = plan.edges
      .filter((edge) => edge.fromVertex === vertex.index)
      .map(({ index }) => ({
        edge: index,
        channels: channels
          .filter((one) => one.edge === index && one.fromInstance === instance)
          .map(() => new TestChannel({ gate, capacityRecords })),
      }));
    this.inputs = inputs.map(({ channel }) => channel);
    this.outputs = outputs.map((output) => output.channels);
    const splits: SourceSplit[] = Array.from({ length: options.splits ?? 0 }, (_, i) => ({
      id: `split ${i}`,
    }));
    this.task = new Task({
      graph,
      plan,
      vertex: vertex.index,
      instance,
      inputs,
      outputs,
      gate,
      block: this.block,
      lease: this.lease,
      splits: options.restored === undefined ? { [vertex.id]: splits } : undefined,
      restored: options.restored ?? [],
      mode: options.mode ?? 'exactly-once',
      alignedTimeoutMs: options.alignedTimeoutMs,
      incremental: options.incremental,
      records: options.records,
      maxOpenSplits: options.maxOpenSplits,
      alignment: options.alignment?.(plan),
      run: 'run',
      epoch: 5,
      incarnation: 1,
      checkpoints: undefined,
      bufferTimeoutMs: options.bufferTimeoutMs ?? 5,
      callbacks: {
        captured: (part) => this.captured.push(part),
        declined: (checkpoint, failure) => this.declined.push({ checkpoint, failure }),
        ended: () => {
          this.ended += 1;
        },
        failed: (failure) => this.failures.push(failure),
        wake: () => {
          this.woken += 1;
        },
        print: (line) => this.printed.push(line),
        holding: (holder) => this.holders.push(holder),
        reading: () => {},
        restoredVisible: (operator, rows) => this.visible.push({ operator, rows }),
        firstOutput: () => {
          this.firstOutputs += 1;
        },
      },
    });
  }

  static async open(graph: Graph, options: BenchOptions): Promise<TaskBench> {
    const bench = new TaskBench(graph, options);
    await bench.task.open();
    return bench;
  }

  trigger(checkpoint: number, base?: number): void {
    this.task.receive({ kind: 'trigger', checkpoint, base });
  }

  abort(checkpoint: number): void {
    this.task.receive({ kind: 'abort', checkpoint });
  }

  committed(checkpoint: number): void {
    this.task.receive({ kind: 'committed', checkpoint });
  }

  stopSources(drain: boolean): void {
    this.task.receive({ kind: 'stop-sources', drain });
  }

  feed(input: number, ...elements: (Element | readonly unknown[])[]): void {
    for (const element of elements) {
      this.inputs[input]!.queue.push(
        'kind' in element ? element : batchOf(element.map((record) => ({ record }))),
      );
    }
  }

  /** Runs until nothing is left to do, promises included. */
  async settle(): Promise<void> {
    let runs = 0;
    for (let idle = 0; idle < 3; ) {
      if (this.task.runnable) {
        runs += 1;
        if (runs > 10_000) throw new Error('the task says that it is runnable, and does nothing');
        this.task.run(Number.POSITIVE_INFINITY);
        idle = 0;
      } else {
        await new Promise((resolve) => setImmediate(resolve));
        idle += 1;
      }
    }
  }

  /** A captured part as a restore gets it. */
  restorable(part: CapturedTask = this.captured.at(-1)!): TaskOptions['restored'] {
    const sections = new Map<string, RestoredSection[]>();
    for (const { operator, name, chunks } of part.sections) {
      const bytes = new Uint8Array(Buffer.concat(chunks));
      const list = sections.get(operator) ?? [];
      sections.set(operator, list);
      list.push({ name, instance: this.task.instance, bytes });
    }
    return [...sections].map(([operator, list]) => ({ operator, sections: list }));
  }
}

export const barrier = (checkpoint: number): Element => ({ kind: 'barrier', checkpoint });
export const idle: Element = { kind: 'idle', isSilent: false };
/** What goes on behind the channel has never said a time. */
export const silent: Element = { kind: 'idle', isSilent: true };
export const watermark = (timeMs: number): Element => ({ kind: 'watermark', timeMs });
export const end: Element = { kind: 'end' };
