/** Rows of `collect` sinks as a checkpoint holds them, for a run that has nothing left to run. */

import type { CheckpointStore, FinishedMark, Manifest } from '../../checkpoint/store.js';
import { decodeCollected } from '../../connectors/memory/collect.js';
import type { GraphData } from '../../stream/graph/graph.js';
import { STATE_SECTION } from '../../stream/task/sink-tail.js';
import type { CollectedRows } from '../checkpoints/collected-rows.js';
import type { JobResult } from '../job-types.js';

/** By name, the operators whose rows it shows. JSON data. */
export type CollectSinks = Readonly<Record<string, readonly string[]>>;

function collectSinks(graph: GraphData): CollectSinks {
  const sinks: Record<string, string[]> = {};
  for (const { id, collectName } of graph.nodes) {
    if (collectName === undefined) continue;
    sinks[collectName] = [...(sinks[collectName] ?? []), id];
  }
  return sinks;
}

/** What a finished run leaves in its store: its figures, and where its rows are to be found. */
export function finishedMark(
  { collected: _, ...figures }: JobResult,
  checkpoint: number,
  graph: GraphData,
): FinishedMark {
  const result = { ...figures, collectSinks: collectSinks(graph) };
  return { run: figures.run, checkpoint, result };
}

/**
 * The rows that a checkpoint had made visible, instance by instance.
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT
 */
export async function readCollected(
  store: Pick<CheckpointStore, 'readPart'>,
  manifest: Manifest,
  sinks: CollectSinks,
): Promise<Readonly<Record<string, readonly unknown[]>>> {
  const collected: Record<string, unknown[]> = {};
  for (const [name, operators] of Object.entries(sinks)) {
    const rows: unknown[] = [];
    for (const part of manifest.parts.toSorted((a, b) => a.instance - b.instance)) {
      if (!part.sections.some(({ operator }) => operators.includes(operator))) continue;
      for (const { operator, name: section, bytes } of await store.readPart(part)) {
        if (section !== STATE_SECTION || !operators.includes(operator)) continue;
        decodeCollected(bytes, name, rows);
      }
    }
    collected[name] = rows;
  }
  return collected;
}

/** Into `rows`, as tasks would have told when they were restored. */
export async function restoreCollected(
  store: Pick<CheckpointStore, 'readPart'>,
  manifest: Manifest,
  graph: GraphData,
  rows: CollectedRows,
): Promise<void> {
  for (const { id, collectName } of graph.nodes) {
    if (collectName === undefined) continue;
    const collected = await readCollected(store, manifest, { [collectName]: [id] });
    rows.restore(id, 0, collected[collectName]!);
  }
}
