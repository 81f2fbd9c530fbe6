/**
 * Makes the tasks of a deployment, each in its actor's cell, and the channel ends between them.
 *
 * Inputs of a task are in the order of edges, then of producing instances; outputs of an edge in the
 * order of consuming instances. Both ends of a channel are made of the same `ChannelSpec`.
 */

import { types } from 'node:util';
import type { Surroundings } from '../../actors/actor.js';
import { Cell } from '../../actors/cell.js';
import type { Clock } from '../../base/clock.js';
import { HoldfastError } from '../../base/errors.js';
import { type Failure, toFailure } from '../../base/failure.js';
import type { InputChannel, OutputChannel } from '../../channels/element.js';
import { localChannel } from '../../channels/local-channel.js';
import { RingInput, RingOutput } from '../../channels/ring-channel.js';
import { encodeRows } from '../../codec/encoded-rows.js';
import type { Graph } from '../../stream/graph/graph.js';
import type { PlanVertex } from '../../stream/graph/plan.js';
import { tasksOn } from '../../stream/graph/planner.js';
import { alignedTasks, SourceAlignment } from '../../stream/task/source-alignment.js';
import { Task } from '../../stream/task/task.js';
import { TaskGate } from '../../stream/task/task-gate.js';
import type { TaskAnswer, TaskMessage, TaskOptions } from '../../stream/task/task-types.js';
import { Backlog } from '../../threads/backlog.js';
import { ControlBlock } from '../../threads/control-block.js';
import { ringDoorbell } from '../../threads/doorbell.js';
import type { Lease } from '../../threads/lease.js';
import { SplitTrace } from '../../threads/split-trace.js';
import type {
  CapturedPart,
  ChannelSpec,
  CheckpointBase,
  DeploySpec,
  StreamEvent,
} from './stream-types.js';

const LOCAL_CAPACITY_RECORDS_MAX = 4_096;
const LOCAL_CAPACITY_RECORDS_MIN = 64;
/** Size that a record is taken to have in a ring. Channels within a thread encode none, and count records. */
const RECORD_BYTES = 64;

export interface WiringOptions {
  readonly spec: DeploySpec;
  readonly graph: Graph;
  /** This thread's own. */
  readonly block: ControlBlock;
  readonly lease: Lease;
  readonly report: (event: StreamEvent, transfer?: readonly ArrayBuffer[]) => void;
  /** A task has failed, after `report` was told. */
  readonly failed: () => void;
  readonly wake: () => void;
  /** The clock that operators go by. Default: the machine's. */
  readonly clock?: Clock | undefined;
}

interface Ends {
  readonly inputs: Map<string, InputChannel>;
  readonly outputs: Map<string, OutputChannel>;
}

/** A task, and the actor that it is. */
export interface TaskActor {
  readonly task: Task;
  readonly cell: Cell<TaskMessage, TaskAnswer>;
}

/** The tasks of a region on this slot, connected, not yet open. */
export function wireTasks(options: WiringOptions): readonly TaskActor[] {
  const { spec } = options;
  const own = tasksOn(spec.plan, spec.region, spec.slot);
  const gates = new Map(
    own.map(({ vertex, instance }) => [taskId(vertex.index, instance), new TaskGate()]),
  );
  const ends = makeChannels(options, gates);
  const backlog = backlogOf(options);
  const surroundings: Surroundings<TaskMessage> = {
    wake: options.wake,
    failed: (address, failure) => {
      const failed = actors.find(({ cell }) => cell.address === address)!;
      const { vertex, instance } = failed.task;
      const { epoch, slot } = spec;
      const located = { ...failure, slot };
      options.report({ kind: 'task-failed', epoch, vertex, instance, failure: located });
      options.failed();
    },
    // Whoever sends to a task that works no more hears from the failure, or the fence, why that is.
    deadLetter: () => {},
  };
  const actors = own.map(({ vertex, instance }, index): TaskActor => {
    const fail = (failure: Failure): void => cell.fail(failure);
    const task = new Task({
      ...taskParts(options, vertex, instance, fail),
      mark: options.lease.mark(index),
      backlog,
      reached: spec.reached[taskId(vertex.index, instance)],
      ...taskChannels(spec, vertex, instance, ends),
      gate: gates.get(taskId(vertex.index, instance))!,
    });
    const address = { path: task.name, incarnation: spec.epoch };
    const cell = new Cell({ address, behaviour: task, work: task, surroundings });
    return { task, cell };
  });
  return actors;
}

/** The checkpoint on which the task's part is to build; undefined: the part holds all of its state. */
export function baseFor(
  base: CheckpointBase | undefined,
  { vertex, instance }: Pick<Task, 'vertex' | 'instance'>,
): number | undefined {
  const isWhole = base?.rewrite.some(
    (part) => part.vertex === vertex && part.instance === instance,
  );
  return isWhole === true ? undefined : base?.checkpoint;
}

function makeChannels(options: WiringOptions, gates: ReadonlyMap<string, TaskGate>): Ends {
  const { spec, block } = options;
  const ends: Ends = { inputs: new Map(), outputs: new Map() };
  const blocks = spec.blocks.map((shared, slot) =>
    slot === spec.slot || shared === undefined ? block : new ControlBlock(shared),
  );
  for (const channel of spec.channels) {
    const edge = spec.plan.edges[channel.edge]!;
    const gate = gates.get(taskId(edge.fromVertex, channel.fromInstance));
    const id = channelId(channel);
    if (channel.ring === undefined) {
      const { input, output } = localChannel({
        capacityRecords: localCapacityRecords(spec.channelCapacityBytes),
        gate: gate!,
        records: spec.records,
        wakeConsumer: options.wake,
        wakeProducer: options.wake,
      });
      ends.inputs.set(id, input);
      ends.outputs.set(id, output);
    } else if (channel.fromSlot === spec.slot) {
      ends.outputs.set(
        id,
        new RingOutput({
          ring: channel.ring,
          block: blocks[channel.toSlot]!,
          gate: gate!,
          epoch: spec.epoch,
          incarnation: spec.incarnation,
          records: spec.records,
        }),
      );
    } else {
      ends.inputs.set(
        id,
        new RingInput({
          ring: channel.ring,
          block: blocks[channel.fromSlot]!,
          epoch: spec.epoch,
          records: spec.records,
        }),
      );
    }
  }
  return ends;
}

/** The region's backlog. When it is over, all threads of the region are woken. */
function backlogOf({ spec, wake }: WiringOptions): Backlog {
  return new Backlog(spec.backlog, () => {
    wake();
    for (const shared of spec.blocks) {
      if (shared !== undefined) ringDoorbell(new ControlBlock(shared));
    }
  });
}

function taskChannels(
  spec: DeploySpec,
  vertex: PlanVertex,
  instance: number,
  ends: Ends,
): Pick<TaskOptions, 'inputs' | 'outputs'> {
  const { edges } = spec.plan;
  const inputs = edges
    .filter((edge) => edge.toVertex === vertex.index)
    .flatMap((edge) =>
      spec.channels
        .filter((channel) => channel.edge === edge.index && channel.toInstance === instance)
        .toSorted((a, b) => a.fromInstance - b.fromInstance)
        .map((channel) => ({
          edge: edge.index,
          channel: required(ends.inputs, channel),
        })),
    );
  const outputs = edges
    .filter((edge) => edge.fromVertex === vertex.index)
    .map((edge) => ({
      edge: edge.index,
      channels: spec.channels
        .filter((channel) => channel.edge === edge.index && channel.fromInstance === instance)
        .toSorted((a, b) => a.toInstance - b.toInstance)
        .map((channel) => required(ends.outputs, channel)),
    }));
  return { inputs, outputs };
}

function taskParts(
  options: WiringOptions,
  vertex: PlanVertex,
  instance: number,
  failed: (failure: Failure) => void,
): Omit<TaskOptions, 'inputs' | 'outputs' | 'gate' | 'mark' | 'backlog' | 'reached'> {
  const { spec, graph, block, lease, report } = options;
  const { epoch, incarnation, slot } = spec;
  const place = { epoch, vertex: vertex.index, instance };
  const restore = spec.restores.find(
    (entry) => entry.vertex === vertex.index && entry.instance === instance,
  );
  return {
    graph,
    plan: spec.plan,
    vertex: vertex.index,
    instance,
    block,
    lease,
    splits: spec.splits,
    restored: restore?.operators ?? [],
    mode: spec.mode,
    alignedTimeoutMs: spec.alignedTimeoutMs,
    prepareTimeoutMs: spec.prepareTimeoutMs,
    replayedBarrier: spec.replayedBarrier,
    incremental: spec.incremental,
    maxConcurrent: spec.maxConcurrent,
    run: spec.run,
    checkpoints: spec.checkpoints,
    epoch,
    incarnation,
    bufferTimeoutMs: spec.bufferTimeoutMs,
    records: spec.records,
    clock: options.clock,
    maxOpenSplits: spec.maxOpenSplits,
    alignment: alignmentOf(spec, block, instance),
    trace: traceOf(spec, vertex, instance),
    callbacks: {
      captured: (part) => {
        const visible: CapturedPart['visible'][number][] = [];
        for (const { operator, rows } of part.visible) {
          try {
            visible.push({ operator, instance, rows: encodeRows(rows) });
          } catch (error) {
            failed(toFailure(error, 'sink', { operator, instance }));
            return;
          }
        }
        const given = { ...part, visible };
        report({ kind: 'captured', ...place, incarnation, slot, ...given }, buffersOf(given));
      },
      declined: (checkpoint, failure) =>
        report({ kind: 'declined', ...place, checkpoint, failure: { ...failure, slot } }),
      ended: () => report({ kind: 'task-ended', ...place }),
      failed,
      firstOutput: () => report({ kind: 'first-output', epoch, slot }),
      restoredVisible: (operator, rows) =>
        report({
          kind: 'restored-visible',
          epoch,
          operator,
          instance,
          rows: encodeRows(rows),
        }),
      reading: (operator, splits, records) =>
        report({ kind: 'reading', ...place, operator, splits, records }),
      holding: (holder) => report({ kind: 'holding', ...place, holder }),
      print: (line) => report({ kind: 'print', epoch, line }),
      wake: options.wake,
    },
  };
}

/** Gives each task of an instance that has a time its view of the shared times; undefined: there is nobody else. */
function alignmentOf(
  spec: DeploySpec,
  block: ControlBlock,
  instance: number,
): TaskOptions['alignment'] {
  const { alignment, plan, region, blocks, slot: own } = spec;
  if (alignment === undefined) return undefined;
  const ring = (source: string, other: number): void => {
    const slot = plan.vertices.find(({ id }) => id === source)!.slots[other]!;
    const shared = blocks[slot];
    ringDoorbell(slot === own || shared === undefined ? block : new ControlBlock(shared));
  };
  const tasks = alignedTasks(plan, region);
  return (operator) => new SourceAlignment({ shared: alignment, tasks, operator, instance, ring });
}

function traceOf(
  { trace, plan }: DeploySpec,
  vertex: PlanVertex,
  instance: number,
): SplitTrace | undefined {
  if (trace === undefined) return undefined;
  const before = plan.vertices.slice(0, vertex.index);
  const task = before.reduce((sum, { parallelism }) => sum + parallelism, instance);
  return new SplitTrace(trace, task);
}

/** ArrayBuffers of a part, to be moved instead of copied. Shared ones need neither. */
function buffersOf(part: {
  readonly sections: readonly { readonly chunks: readonly Uint8Array[] }[];
}): readonly ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const section of part.sections) {
    for (const chunk of section.chunks) {
      if (types.isArrayBuffer(chunk.buffer)) buffers.add(chunk.buffer);
    }
  }
  return [...buffers];
}

function required<T>(ends: ReadonlyMap<string, T>, channel: ChannelSpec): T {
  const end = ends.get(channelId(channel));
  if (end === undefined) {
    throw new HoldfastError(
      'ERR_HOLDFAST_INTERNAL',
      `channel ${channelId(channel)} has no end here.`,
    );
  }
  return end;
}

const taskId = (vertex: number, instance: number): string => `${vertex}/${instance}`;

const channelId = (channel: ChannelSpec): string =>
  `${channel.edge}:${channel.fromInstance}>${channel.toInstance}`;

/** Chosen so that back-pressure sets in alike within a thread and between threads. */
function localCapacityRecords(capacityBytes: number): number {
  const records = Math.floor(capacityBytes / RECORD_BYTES);
  return Math.max(LOCAL_CAPACITY_RECORDS_MIN, Math.min(LOCAL_CAPACITY_RECORDS_MAX, records));
}
