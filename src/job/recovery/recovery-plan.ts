/**
 * Plans, from a manifest and a job's plan, which parts have to be read, and for whom: pure.
 *
 *  R1  With the same parallelism and the same key-group table an instance gets its own sections and
 *      nothing else: a crash moves no key. If the same chain still has the operator, the instance's next
 *      checkpoint may build on the restored one (`checkpoint`).
 *  R2  With another parallelism every instance of an operator gets the sections of all old instances
 *      that can hold something for it. For a keyed operator these are the instances that had groups which it
 *      owns now; for any other (a sink in the same chain, say) all instances. The operator keeps what is its own.
 *  R3  What was in flight goes to the instances that consume it now (channel-state.ts, V1–V4), whichever
 *      tasks' parts hold it.
 *  R4  What the job cannot take over is refused, never dropped silently (compatibility.ts).
 */

import type { Manifest, PartDescriptor } from '../../checkpoint/store.js';
import type { GraphNodeData } from '../../stream/graph/graph.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import { inputAt } from '../../stream/graph/ports.js';
import { IN_FLIGHT_SECTION } from '../../stream/state/in-flight-section.js';
import {
  holdsElements,
  isChannelFor,
  parseChannelSection,
} from '../../stream/task/channel-state.js';
import { checkCompatible } from './compatibility.js';

/** The parts that a task needs, and the operators whose sections it needs of them. */
export interface TaskRecovery {
  readonly vertex: number;
  readonly instance: number;
  readonly slot: number;
  /** The checkpoint that is restored. */
  readonly restored: number;
  readonly operators: readonly {
    readonly operator: string;
    readonly parts: readonly PartDescriptor[];
    /** The manifest's checkpoint, if the part is all of this instance's own state (R1). */
    readonly checkpoint: number | undefined;
    /** See RestoredOperator. */
    readonly formerOwners: readonly number[] | undefined;
  }[];
  /** What was in flight to an operator of the task. The sections may lie in the part of any task. */
  readonly channels: readonly {
    readonly operator: string;
    readonly part: PartDescriptor;
    readonly names: readonly string[];
  }[];
}

/**
 * @throws HoldfastError ERR_HOLDFAST_KEY_GROUPS_MISMATCH, ERR_HOLDFAST_GRAPH_INCOMPATIBLE
 */
export function planRecovery(
  manifest: Manifest,
  plan: JobPlan,
  allowDropped: readonly string[] = [],
): readonly TaskRecovery[] {
  checkCompatible(manifest, plan, allowDropped);
  const tasks: TaskRecovery[] = [];
  for (const vertex of plan.vertices) {
    for (let instance = 0; instance < vertex.parallelism; instance += 1) {
      const operators = [...vertex.nodes.map((node) => plan.graph.nodes[node]!.id), vertex.id]
        .filter((id, at, all) => all.indexOf(id) === at)
        .map((operator) => {
          const parts = partsFor(manifest, plan, operator, vertex.parallelism, instance);
          const isSame = isUnmoved(manifest, plan, operator, vertex.parallelism);
          const isOwn = isSame && parts.every((part) => part.vertex === vertex.id);
          const checkpoint = isOwn ? manifest.checkpoint : undefined;
          const formerOwners = isSame ? undefined : ownersBefore(manifest, operator);
          return { operator, parts, checkpoint, formerOwners };
        })
        .filter((entry) => entry.parts.length > 0);
      tasks.push({
        vertex: vertex.index,
        instance,
        slot: vertex.slots[instance]!,
        restored: manifest.checkpoint,
        operators,
        channels: vertex.nodes.flatMap((node) =>
          channelsFor(manifest, plan, plan.graph.nodes[node]!, vertex.parallelism, instance),
        ),
      });
    }
  }
  return tasks;
}

/** Does the checkpoint hold that operator? A source that it does not hold begins at its start. */
export function isKnown(manifest: Manifest | undefined, operator: string): boolean {
  return manifest?.operators.some(({ id }) => id === operator) === true;
}

/**
 * The checkpoint's id if its barrier has to pass once more: because the checkpoint holds records in flight, between
 * tasks or in an operator that waits for promises, and
 * instances, or the owners of key groups, have changed since (stream/task/task-inputs.ts, P4).
 */
export function replayedBarrierOf(manifest: Manifest, plan: JobPlan): number | undefined {
  const isInFlight = manifest.parts.some((part) =>
    part.sections.some((section) => holdsElements(section) || section.name === IN_FLIGHT_SECTION),
  );
  if (!isInFlight) return undefined;
  const isRescaled = plan.vertices.some((vertex) =>
    vertex.nodes.some((node) => {
      const before = manifest.operators.find(({ id }) => id === plan.graph.nodes[node]!.id);
      return before !== undefined && before.parallelism !== vertex.parallelism;
    }),
  );
  const isMoved = Object.entries(plan.tables).some(([parallelism, table]) => {
    const old = manifest.tables[parallelism];
    return old !== undefined && !sameTable(old, table);
  });
  return isRescaled || isMoved ? manifest.checkpoint : undefined;
}

function partsFor(
  manifest: Manifest,
  plan: JobPlan,
  operator: string,
  parallelism: number,
  instance: number,
): readonly PartDescriptor[] {
  const { inputs } = plan.graph.nodes.find((node) => node.id === operator)!;
  const keyed = inputs.some((input) => input.partition === 'hash');
  // Broadcast state is no key group's: any instance may need that of any other (broadcast-state.ts, B2).
  const isBroadcast = inputs.some((input) => input.partition === 'broadcast');
  // In the order of instances, so that what a rescale brings together keeps a reproducible order.
  const all = manifest.parts
    .filter((part) =>
      part.sections.some(
        (section) =>
          section.operator === operator && parseChannelSection(section.name) === undefined,
      ),
    )
    .toSorted((a, b) => a.instance - b.instance);
  const before = manifest.operators.find((entry) => entry.id === operator);
  const old = before?.parallelism ?? parallelism;
  const oldTable = manifest.tables[String(old)];
  const newTable = plan.tables[parallelism];
  if (old === parallelism && (!keyed || sameTable(oldTable, newTable))) {
    return all.filter((part) => part.instance === instance);
  }
  if (!keyed || isBroadcast) return all;
  const owners = formerOwners(oldTable, newTable, instance);
  return owners === undefined ? all : all.filter((part) => owners.has(part.instance));
}

/** The instances that had the key groups which this instance has now; undefined when nothing is known. */
function formerOwners(
  oldTable: readonly number[] | undefined,
  newTable: Uint16Array | undefined,
  instance: number,
): ReadonlySet<number> | undefined {
  if (oldTable === undefined || newTable === undefined) return undefined;
  const owners = new Set<number>();
  for (let group = 1; group < newTable.length; group += 1) {
    if (newTable[group] === instance) owners.add(oldTable[group - 1]!);
  }
  return owners;
}

/** By key group, the instance that had it; undefined when nothing is known. */
function ownersBefore(manifest: Manifest, operator: string): readonly number[] | undefined {
  const before = manifest.operators.find((entry) => entry.id === operator);
  return before && manifest.tables[String(before.parallelism)];
}

/** R3 */
function channelsFor(
  manifest: Manifest,
  plan: JobPlan,
  { id, inputs }: GraphNodeData,
  parallelism: number,
  instance: number,
): TaskRecovery['channels'] {
  const before = manifest.operators.find((entry) => entry.id === id)?.parallelism ?? parallelism;
  const oldTable = manifest.tables[String(before)];
  const newTable = plan.tables[parallelism];
  const isMoved = !sameTable(oldTable, newTable);
  const owners = formerOwners(oldTable, newTable, instance);
  const isWanted = ({ operator, name }: PartDescriptor['sections'][number]): boolean => {
    const channel = operator === id ? parseChannelSection(name) : undefined;
    if (channel === undefined) return false;
    // When the input is gone, the task refuses it.
    const partition = inputAt(inputs, channel)?.partition ?? 'forward';
    const scaling = { partition, before, parallelism, isMoved: isMoved && partition === 'hash' };
    if (!isChannelFor(channel.to, instance, scaling)) return false;
    return partition !== 'hash' || owners === undefined || owners.has(channel.to);
  };
  return manifest.parts.flatMap((part) => {
    const names = part.sections.filter(isWanted).map(({ name }) => name);
    return names.length === 0 ? [] : [{ operator: id, part, names }];
  });
}

/** Does every instance of the operator have the same key groups as before? */
function isUnmoved(
  manifest: Manifest,
  plan: JobPlan,
  operator: string,
  parallelism: number,
): boolean {
  const before = manifest.operators.find((entry) => entry.id === operator);
  if (before?.parallelism !== parallelism) return false;
  return sameTable(manifest.tables[String(parallelism)], plan.tables[parallelism]);
}

function sameTable(old: readonly number[] | undefined, table: Uint16Array | undefined): boolean {
  if (old === undefined || table === undefined) return old === table;
  return old.length === table.length - 1 && old.every((owner, at) => table[at + 1] === owner);
}
