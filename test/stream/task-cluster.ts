/**
 * A whole job without threads: all tasks of a plan, a driver reduced to what snapshots need, and one
 * control lane per slot. Who acts next is drawn from a seed; everything may come late, but in order.
 * With `alignments` the channels are the real ones, as small as they can be made.
 */

import { type Random, randomInt } from '../../src/base/random.js';
import type { InputChannel, OutputChannel } from '../../src/channels/element.js';
import { localChannel } from '../../src/channels/local-channel.js';
import { createRing } from '../../src/channels/ring.js';
import { RingInput, RingOutput } from '../../src/channels/ring-channel.js';
import type { Graph } from '../../src/stream/graph/graph.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import type { JobPlan } from '../../src/stream/graph/plan.js';
import { planChannels, planJob } from '../../src/stream/graph/planner.js';
import { inputAt } from '../../src/stream/graph/ports.js';
import type { RestoredSection } from '../../src/stream/operator.js';
import type { SourceSplit } from '../../src/stream/source.js';
import { isChannelFor, parseChannelSection } from '../../src/stream/task/channel-state.js';
import { Task } from '../../src/stream/task/task.js';
import { TaskGate } from '../../src/stream/task/task-gate.js';
import type { CapturedTask, TaskMessage } from '../../src/stream/task/task-types.js';
import { ControlBlock } from '../../src/threads/control-block.js';
import { Lease } from '../../src/threads/lease.js';
import { type Published, TestChannel } from './task-kit.js';

const KEY_GROUPS = 32;

interface Pending {
  readonly id: number;
  /** What tasks were told that they may build on. */
  readonly base: Checkpoint | undefined;
  readonly parts: Map<Task, CapturedTask>;
}

interface Checkpoint {
  readonly id: number;
  readonly plan: JobPlan;
  /** By vertex and instance. */
  readonly parts: ReadonlyMap<string, StoredTask>;
}

interface StoredTask {
  readonly instance: number;
  readonly sections: readonly {
    readonly operator: string;
    readonly name: string;
    /** In full, then what has changed. */
    readonly chain: readonly Uint8Array[];
  }[];
}

interface Slot {
  readonly block: ControlBlock;
  readonly lease: Lease;
  readonly tasks: Task[];
  /** Control messages under way to this slot, in order. */
  readonly lane: (() => void)[];
}

export interface ClusterOptions {
  /** How long barriers are waited for, in ms; drawn anew for each deployment. Absent: until they come. */
  readonly alignments?: readonly number[];
  /** Snapshots may build on earlier ones. */
  readonly incremental?: boolean;
  /** Lets time go on, before each step. */
  readonly tick?: () => void;
}

export class TaskCluster {
  readonly #options: ClusterOptions;
  readonly #graph: Graph;
  readonly #random: Random;
  readonly #published: Published;
  readonly #splits: Readonly<Record<string, readonly SourceSplit[]>>;
  #slots: Slot[] = [];
  #epoch = 0;
  #ids = 0;
  #ended = 0;
  #pending: Pending | undefined;
  #completed: Checkpoint | undefined;
  #final = false;
  done = false;
  checkpoints = 0;
  aborted = 0;
  /** Completed checkpoints that hold records in flight, by who has kept them. */
  readonly inFlight = { input: 0, output: 0 };
  /** Deployments that began with a replayed barrier. */
  replays = 0;
  /** Sections that were captured as changes, in completed checkpoints. */
  deltas = 0;
  readonly counters: Record<string, number> = {};

  static async start(
    graph: Graph,
    parallelism: number,
    random: Random,
    published: Published,
    options: ClusterOptions = {},
  ): Promise<TaskCluster> {
    const splits: Record<string, readonly SourceSplit[]> = {};
    for (const node of graph.nodes) {
      if (node.source !== undefined) splits[node.id] = await node.source.splits();
    }
    const cluster = new TaskCluster(graph, random, published, splits, options);
    await cluster.deploy(parallelism);
    return cluster;
  }

  private constructor(
    graph: Graph,
    random: Random,
    published: Published,
    splits: Readonly<Record<string, readonly SourceSplit[]>>,
    options: ClusterOptions,
  ) {
    this.#options = options;
    this.#graph = graph;
    this.#random = random;
    this.#published = published;
    this.#splits = splits;
  }

  /** Starts, or starts again from the last complete checkpoint: everything else is forgotten. */
  async deploy(parallelism: number): Promise<void> {
    this.#epoch += 1;
    this.#pending = undefined;
    this.#ended = 0;
    this.#final = false;
    for (const slot of this.#slots) {
      slot.lease.revoke();
      await Promise.allSettled(slot.tasks.map((task) => task.close()));
    }
    const plan = planJob(graphData(this.#graph), { slots: parallelism, keyGroups: KEY_GROUPS });
    this.#slots = Array.from({ length: parallelism }, () => {
      return { block: new ControlBlock(), lease: Lease.of(this.#epoch), tasks: [], lane: [] };
    });
    const gates = new Map<string, TaskGate>();
    const gate = (vertex: number, instance: number): TaskGate => {
      const id = `${vertex}/${instance}`;
      if (!gates.has(id)) gates.set(id, new TaskGate());
      return gates.get(id)!;
    };
    const channels = planChannels(plan).map((spec) => ({
      ...spec,
      ...this.#channel(gate(plan.edges[spec.edge]!.fromVertex, spec.fromInstance)),
    }));
    const alignedTimeoutMs = draw(this.#random, this.#options.alignments ?? [Infinity]);
    const replayedBarrier = this.#replayed(plan);
    if (replayedBarrier !== undefined) this.replays += 1;
    for (const vertex of plan.vertices) {
      for (let instance = 0; instance < vertex.parallelism; instance += 1) {
        const edges = plan.edges;
        const slot = this.#slots[vertex.slots[instance]!]!;
        const task: Task = new Task({
          graph: this.#graph,
          plan,
          vertex: vertex.index,
          instance,
          inputs: channels
            .filter(
              ({ edge, toInstance }) =>
                edges[edge]!.toVertex === vertex.index && toInstance === instance,
            )
            .map(({ edge, input }) => ({ edge, channel: input })),
          outputs: edges
            .filter((edge) => edge.fromVertex === vertex.index)
            .map(({ index }) => ({
              edge: index,
              channels: channels
                .filter(({ edge, fromInstance }) => edge === index && fromInstance === instance)
                .sort((a, b) => a.toInstance - b.toInstance)
                .map(({ output }) => output),
            })),
          alignedTimeoutMs,
          replayedBarrier,
          gate: gate(vertex.index, instance),
          block: slot.block,
          lease: slot.lease,
          splits: this.#completed === undefined ? this.#splits : undefined,
          restored: this.#restored(plan, vertex.index, instance),
          mode: 'exactly-once',
          incremental: this.#options.incremental,
          run: 'run',
          epoch: this.#epoch,
          incarnation: this.#epoch,
          checkpoints: undefined,
          bufferTimeoutMs: 0,
          callbacks: {
            captured: (part) => this.#captured(task, plan, part),
            declined: (_checkpoint, failure) => {
              throw new Error(`declined: ${failure.message}`);
            },
            ended: () => {
              this.#ended += 1;
            },
            failed: (failure) => {
              throw new Error(`failed: ${failure.message} ${failure.stack}`);
            },
            wake: () => {},
            print: () => {},
            holding: () => {},
            reading: () => {},
            restoredVisible: () => {},
            firstOutput: () => {},
          },
        });
        slot.tasks.push(task);
      }
    }
    for (const slot of this.#slots) for (const task of slot.tasks) await task.open();
  }

  #channel(gate: TaskGate): { input: InputChannel; output: OutputChannel } {
    if (this.#options.alignments === undefined) {
      const channel = new TestChannel({ gate });
      return { input: channel, output: channel };
    }
    const batchRecordsMax = 1 + randomInt(this.#random, 3);
    if (this.#random.next() < 0.3) {
      return localChannel({
        capacityRecords: 1 + randomInt(this.#random, 4),
        gate,
        batchRecordsMax,
      });
    }
    const ring = createRing(draw(this.#random, [64, 256, 1_024]));
    const block = new ControlBlock();
    const epoch = this.#epoch;
    return {
      input: new RingInput({ ring, block, epoch }),
      output: new RingOutput({ ring, block, epoch, incarnation: 1, gate, batchRecordsMax }),
    };
  }

  /** One random thing happens. */
  async step(): Promise<void> {
    const random = this.#random;
    this.#options.tick?.();
    const slot = this.#slots[randomInt(random, this.#slots.length)]!;
    const dice = random.next();
    if (dice < 0.06) slot.lane.shift()?.();
    else if (dice < 0.08) await new Promise((resolve) => setImmediate(resolve));
    else if (dice < 0.12) this.trigger();
    else if (dice < 0.13) this.#abort();
    else if (dice < 0.3) {
      for (const task of slot.tasks) task.flushDue(performance.now() + 1);
    } else {
      const task = slot.tasks[randomInt(random, slot.tasks.length)]!;
      const runnable = task.runnable;
      // Time is up at once, or there is plenty of it.
      const moved = task.run(random.next() < 0.6 ? 0 : Number.POSITIVE_INFINITY);
      // Or a thread would sleep on work, or spin without any.
      if (moved && !runnable) throw new Error(`${task.name} moved without being runnable`);
      if (!moved && task.runnable) throw new Error(`${task.name} is runnable and does nothing`);
      for (const [name, by] of Object.entries(task.metrics().counters)) {
        this.counters[name] = Math.max(this.counters[name] ?? 0, by);
      }
    }
  }

  /** The driver asks for a checkpoint, the last one when all tasks have ended. */
  trigger(): void {
    if (this.#pending !== undefined || this.done) return;
    this.#ids += 1;
    const id = this.#ids;
    this.#final = this.#ended === this.#slots.reduce((sum, slot) => sum + slot.tasks.length, 0);
    // Now and then somebody writes everything, as for compaction.
    const builds = this.#options.incremental === true && this.#random.next() < 0.9;
    const base = builds ? this.#completed : undefined;
    this.#pending = { id, base, parts: new Map() };
    this.#tell({ kind: 'trigger', checkpoint: id, base: base?.id });
  }

  #abort(): void {
    const id = this.#pending?.id;
    if (id === undefined) return;
    this.#pending = undefined;
    this.aborted += 1;
    this.#tell({ kind: 'abort', checkpoint: id });
  }

  #tell(message: TaskMessage): void {
    for (const slot of this.#slots) {
      slot.lane.push(() => {
        for (const task of slot.tasks) task.receive(message);
      });
    }
  }

  #captured(task: Task, plan: JobPlan, part: CapturedTask): void {
    const pending = this.#pending;
    if (pending?.id !== part.checkpoint) return;
    pending.parts.set(task, part);
    const tasks = this.#slots.flatMap((slot) => slot.tasks);
    if (pending.parts.size < tasks.length) return;
    this.#pending = undefined;
    this.checkpoints += 1;
    // Bytes are copied now: what happens to their memory later must not matter.
    const parts = new Map(
      [...pending.parts].map(([from, one]) => [from.name, this.#stored(from, one, pending)]),
    );
    this.#completed = { id: pending.id, plan, parts };
    for (const side of ['input', 'output'] as const) {
      const kept = [...parts.values()].some(({ sections }) =>
        sections.some(({ name }) => parseChannelSection(name)?.side === side),
      );
      if (kept) this.inFlight[side] += 1;
    }
    for (const one of pending.parts.values()) {
      for (const { operator, transaction } of one.transactions) {
        this.#published.commit(operator, transaction);
      }
    }
    this.done = this.#final;
  }

  /** Bytes are copied now: what happens to their memory later must not matter. */
  #stored(task: Task, part: CapturedTask, { base }: Pending): StoredTask {
    const before = base?.parts.get(task.name)?.sections ?? [];
    const sections = part.sections.map(({ operator, name, chunks, on }) => {
      const bytes = new Uint8Array(Buffer.concat(chunks));
      if (on === undefined) return { operator, name, chain: [bytes] };
      const found = before.find((one) => one.operator === operator && one.name === name);
      if (on !== base?.id || found === undefined) throw new Error(`nothing to build on: ${on}`);
      this.deltas += 1;
      return { operator, name, chain: [...found.chain, bytes] };
    });
    return { instance: task.instance, sections };
  }

  /** As the recovery plan does, by operator: own sections, or everybody's after a rescale. */
  #restored(plan: JobPlan, vertex: number, instance: number) {
    const completed = this.#completed;
    if (completed === undefined) return [];
    return plan.vertices[vertex]!.nodes.map((node) => {
      const operator = this.#graph.nodes[node]!.id;
      // With other parallelism the chains may be cut in other places.
      const before = completed.plan.vertices.find((old) => old.nodes.includes(node))!;
      const same = before.parallelism === plan.vertices[vertex]!.parallelism;
      const sections: RestoredSection[] = [];
      const isOwn = same && before.id === plan.vertices[vertex]!.id;
      const checkpoint = isOwn ? completed.id : undefined;
      for (const part of completed.parts.values()) {
        if (same && part.instance !== instance) continue;
        for (const { operator: of, name, chain } of part.sections) {
          if (of !== operator || parseChannelSection(name) !== undefined) continue;
          const [bytes, ...deltas] = chain;
          sections.push({ name, instance: part.instance, bytes: bytes!, deltas, checkpoint });
        }
      }
      sections.push(...this.#channelSections(completed, plan, node, instance));
      const table = completed.plan.tables[before.parallelism];
      const formerOwners = same || table === undefined ? undefined : [...table.subarray(1)];
      return { operator, sections, formerOwners };
    });
  }

  #channelSections(completed: Checkpoint, plan: JobPlan, node: number, instance: number) {
    const { id, inputs } = this.#graph.nodes[node]!;
    const parallelism = (one: JobPlan): number =>
      one.vertices.find(({ nodes }) => nodes.includes(node))!.parallelism;
    const sections: RestoredSection[] = [];
    for (const part of completed.parts.values()) {
      for (const { operator, name, chain } of part.sections) {
        const channel = parseChannelSection(name);
        if (operator !== id || channel === undefined) continue;
        const scaling = {
          partition: inputAt(inputs, channel)!.partition,
          before: parallelism(completed.plan),
          parallelism: parallelism(plan),
          isMoved: false,
        };
        if (!isChannelFor(channel.to, instance, scaling)) continue;
        sections.push({ name, instance: part.instance, bytes: chain[0]! });
      }
    }
    return sections;
  }

  #replayed(plan: JobPlan): number | undefined {
    const completed = this.#completed;
    if (completed === undefined || completed.plan.slots === plan.slots) return undefined;
    const holds = [...completed.parts.values()].some(({ sections }) =>
      sections.some(({ name }) => parseChannelSection(name) !== undefined),
    );
    return holds ? completed.id : undefined;
  }
}

function draw<T>(random: Random, from: readonly T[]): T {
  return from[randomInt(random, from.length)]!;
}
