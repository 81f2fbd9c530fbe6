/** Names a task's channels as checkpoints do, and hands over what is restored of them. */

import { inputAt, placeAt } from '../graph/ports.js';
import type { TaskOutput } from './overtaken-output.js';
import { RestoredChannels } from './restored-channels.js';
import type { TaskInput } from './task-inputs.js';
import type { TaskOptions } from './task-types.js';

export function inputsOf({ graph, plan, inputs, instance }: TaskOptions): readonly TaskInput[] {
  return inputs.map(({ edge: index, channel }, at) => {
    const edge = plan.edges[index]!;
    const { id, inputs: edges } = graph.nodes[edge.toNode]!;
    const first = inputs.findIndex((other) => other.edge === index);
    return {
      channel,
      operator: id,
      ...placeAt(edges, edge.toInput),
      from: edge.partition === 'forward' ? instance : at - first,
    };
  });
}

export function outputsOf({ graph, plan, outputs, instance }: TaskOptions): readonly TaskOutput[] {
  return outputs.flatMap(({ edge: index, channels }) => {
    const edge = plan.edges[index]!;
    const { id, inputs } = graph.nodes[edge.toNode]!;
    return channels.map((channel, to) => ({
      channel,
      operator: id,
      ...placeAt(inputs, edge.toInput),
      from: instance,
      to: edge.partition === 'forward' ? instance : to,
    }));
  });
}

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, ERR_HOLDFAST_GRAPH_INCOMPATIBLE */
export function restoredChannelsOf(options: TaskOptions): RestoredChannels {
  const { graph, plan, vertex, instance, restored, replayedBarrier } = options;
  const table = plan.tables[plan.vertices[vertex]!.parallelism];
  const { nodes } = plan.vertices[vertex]!;
  const formerOwners = new Map(
    restored.flatMap((one) => (one.formerOwners ? [[one.operator, one.formerOwners]] : [])),
  );
  const nodeOf = (operator: string) => graph.nodes.find(({ id }) => id === operator);
  return new RestoredChannels({
    restored,
    placeOf: (operator) => nodes.findIndex((node) => graph.nodes[node]!.id === operator),
    inputOf: (operator, place) => inputAt(nodeOf(operator)?.inputs ?? [], place),
    ownsGroup: (group) => table === undefined || table[group] === instance,
    formerOwner: (operator, group) => formerOwners.get(operator)?.[group - 1],
    isRescaled: replayedBarrier !== undefined,
  });
}
