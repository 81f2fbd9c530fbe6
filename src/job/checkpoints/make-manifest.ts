/** A checkpoint whose parts come in, and the manifest that is made of it when all are there. */

import type { Manifest, PartDescriptor } from '../../checkpoint/store.js';
import { packageVersion } from '../../module/own-package.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import type { CapturedPart } from '../../workloads/streams/stream-types.js';
import type { ReachedSplits } from '../job-watch.js';

export interface PendingCheckpoint {
  readonly checkpoint: number;
  /** The epochs of all regions. */
  readonly epochs: readonly number[];
  /** Triggered after all tasks had ended. */
  readonly final: boolean;
  /** The newest completed checkpoint when it was triggered, if tasks may build on it (C7 of checkpoint-driver.ts). */
  readonly base: Manifest | undefined;
  readonly parts: PartDescriptor[];
  readonly captured: CapturedPart[];
}

export interface ManifestInput {
  readonly plan: JobPlan;
  readonly run: string;
  readonly mode: Manifest['mode'];
  readonly pending: PendingCheckpoint;
  readonly createdAtMs: number;
}

export function makeManifest(input: ManifestInput): Manifest {
  const { plan, pending } = input;
  return {
    format: pending.parts.some(({ earlier }) => earlier !== undefined) ? 2 : 1,
    job: plan.graph.job,
    run: input.run,
    checkpoint: pending.checkpoint,
    // Any of the regions' epochs would do: it keeps later epochs above it.
    epoch: Math.max(...pending.epochs),
    createdAtMs: input.createdAtMs,
    graphHash: plan.graph.hash,
    keyGroups: plan.keyGroups,
    mode: input.mode,
    final: pending.final,
    operators: plan.vertices.flatMap((vertex) =>
      vertex.nodes.map((index) => {
        const node = plan.graph.nodes[index]!;
        return {
          id: node.id,
          type: node.type,
          stateful: node.stateful,
          parallelism: vertex.parallelism,
          vertex: vertex.id,
          ...(node.states.length === 0
            ? {}
            : { states: node.states.map(({ section, layout }) => ({ section, layout })) }),
        };
      }),
    ),
    tables: Object.fromEntries(
      Object.entries(plan.tables).map(([q, table]) => [q, [...table.subarray(1)]]),
    ),
    parts: pending.parts,
    transactions: pending.captured.flatMap((part) => part.transactions),
    sourceRecords: Object.fromEntries(
      pending.captured.flatMap((part) =>
        part.sourceRecords.map((entry) => [`${entry.operator}/${entry.instance}`, entry.records]),
      ),
    ),
    holdfast: packageVersion(),
    node: process.version,
  };
}

/** Records that the sources had emitted up to a checkpoint under way. */
export function recordsRead({ captured }: PendingCheckpoint): number {
  return captured
    .flatMap((part) => part.sourceRecords)
    .reduce((sum, { records }) => sum + records, 0);
}

export function reachedSplits(pending: PendingCheckpoint): ReachedSplits {
  const splits = new Map<number, number>();
  for (const { sourceRecords } of pending.captured) {
    for (const { keys, splits: counts } of sourceRecords) {
      for (const [place, key] of keys?.entries() ?? []) splits.set(key, counts[place]!);
    }
  }
  return { sourceRecords: recordsRead(pending), splits };
}

/**
 * Records that the sources had emitted up to a checkpoint.
 * @param operators counts only these; all by default
 */
export function recordsIn(manifest: Manifest | undefined, operators?: readonly string[]): number {
  let sum = 0;
  for (const [source, records] of Object.entries(manifest?.sourceRecords ?? {})) {
    const operator = source.slice(0, source.lastIndexOf('/'));
    if (operators === undefined || operators.includes(operator)) sum += records;
  }
  return sum;
}
