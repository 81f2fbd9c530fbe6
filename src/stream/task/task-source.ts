/** Makes what is peculiar to the task of a source. */

import { ObservedSplits } from './observed-splits.js';
import type { SourceAlignment } from './source-alignment.js';
import { SourceHead } from './source-head.js';
import type { Chain } from './task-chain.js';
import { MAX_OPEN_SPLITS, type TaskOptions } from './task-types.js';
import { TimeProbe } from './time-probe.js';

export function sourceHeadOf(
  options: TaskOptions,
  chain: Chain,
  observers: ObservedSplits,
  alignment: SourceAlignment | undefined,
): SourceHead {
  const { graph, plan, vertex, instance, splits, gate, callbacks } = options;
  const { run, epoch, incarnation, checkpoints } = options;
  const { nodes, parallelism } = plan.vertices[vertex]!;
  const { id, source } = graph.nodes[nodes[0]!]!;
  return new SourceHead({
    source: source!,
    operator: id,
    instance,
    parallelism,
    life: { run, epoch, incarnation, checkpoints },
    splits: splits?.[id],
    gate,
    output: chain.head,
    rejected: chain.rejected,
    observers,
    reading: (ids, records) => callbacks.reading(id, ids, records),
    trace: options.trace,
    alignment,
    maxOpenSplits: options.maxOpenSplits ?? MAX_OPEN_SPLITS,
    wake: () => callbacks.wake(),
  });
}

export function observedSplitsOf({
  graph,
  plan,
  vertex,
  instance,
  gate,
}: TaskOptions): ObservedSplits {
  const { keyGroups } = plan;
  const { parallelism } = plan.vertices[vertex]!;
  const context = { instance, parallelism, keyGroups, alive: () => gate.tick() };
  return new ObservedSplits((operator) => TimeProbe.of(graph, operator, context));
}
