/** Rows of `collect` sinks as a checkpoint holds them, for a run that has nothing left to do. */

import type { CheckpointStore, FinishedMark, Manifest } from '../../checkpoint/store.js';
import { TableRows } from '../../connectors/memory/table-rows.js';
import type { GraphData } from '../../stream/graph/graph.js';
import { STATE_SECTION } from '../../stream/task/sink-tail.js';
import type { CollectedRows } from '../checkpoints/collected-rows.js';
import type { EncodedRecord } from '../checkpoints/row-record.js';
import type { JobResult } from '../job-types.js';

/**
 * By name, the operators whose rows the name shows. JSON data. Version 0.1.0 wrote an object, but a sealed document
 * does not take every name as a key.
 */
export type CollectSinks = readonly (readonly [
  name: string,
  operators: readonly string[],
  kind?: 'table',
])[];

function collectSinks(graph: GraphData): CollectSinks {
  const sinks = new Map<string, readonly string[]>();
  const tables = new Set<string>();
  for (const { id, collectName, collectsTable } of graph.nodes) {
    if (collectName === undefined) continue;
    sinks.set(collectName, [...(sinks.get(collectName) ?? []), id]);
    if (collectsTable === true) tables.add(collectName);
  }
  return [...sinks].map(([name, ids]) => (tables.has(name) ? [name, ids, 'table'] : [name, ids]));
}

/** What a finished run leaves in its store: its figures, and where its rows are. */
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
  sinks: CollectSinks | Readonly<Record<string, readonly string[]>>,
): Promise<EncodedRecord> {
  const collected: [string, readonly Uint8Array[]][] = [];
  const all = Array.isArray(sinks) ? (sinks as CollectSinks) : Object.entries(sinks);
  for (const [name, operators, kind] of all as CollectSinks) {
    const rows: Uint8Array[] = [];
    for (const part of manifest.parts.toSorted((a, b) => a.instance - b.instance)) {
      if (!part.sections.some(({ operator }) => operators.includes(operator))) continue;
      for (const { operator, name: section, bytes } of await store.readPart(part)) {
        if (section !== STATE_SECTION || !operators.includes(operator)) continue;
        rows.push(bytes);
      }
    }
    collected.push([name, kind === 'table' ? [tableOf(rows)] : rows]);
  }
  return collected;
}

/** Adds the rows to `rows`, as tasks would have told them after a restore. */
export async function restoreCollected(
  store: Pick<CheckpointStore, 'readPart'>,
  manifest: Manifest,
  graph: GraphData,
  rows: CollectedRows,
): Promise<void> {
  for (const { id, collectName } of graph.nodes) {
    if (collectName === undefined) continue;
    for (const [, chunks] of await readCollected(store, manifest, [[collectName, [id]]])) {
      const bytes = new Uint8Array(Buffer.concat(chunks));
      // Nothing runs any more that could add rows, so nobody counts them.
      rows.restore(id, 0, { count: 0, bytes }, graph);
    }
  }
}

/** The rows of a table, of its changes. */
function tableOf(chunks: readonly Uint8Array[]): Uint8Array {
  const table = new TableRows();
  for (const chunk of chunks) table.apply(chunk);
  return table.bytes;
}
