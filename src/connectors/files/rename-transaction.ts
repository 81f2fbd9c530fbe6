/**
 * What a writer of the rename sink promises in a checkpoint: every part that it staged and that no
 * commit has taken yet. JSON data in the manifest.
 */

import { HoldfastError } from '../../base/errors.js';
import type { SinkTransaction } from '../../stream/sink.js';
import { isPartition, parseStagedName } from './part-names.js';

export interface StagedPartHandle {
  /** Name in the staging folder. */
  readonly staged: string;
  /** Of the cut that ended the part: becomes the number in its published name. */
  readonly checkpoint: number;
  readonly instance: number;
  /** Absent: none. */
  readonly partition?: string | undefined;
  readonly bytes: number;
  readonly rows: number;
}

export function renameTransaction(parts: readonly StagedPartHandle[]): SinkTransaction {
  return { parts };
}

/** The parts of a run's transaction. Throws ERR_HOLDFAST_SINK when it is none. */
export function partsOfTransaction(
  transaction: SinkTransaction,
  run: string,
): readonly StagedPartHandle[] {
  const { parts } = transaction as { parts?: unknown };
  if (!Array.isArray(parts)) throw invalid(transaction);
  for (const part of parts as readonly Partial<StagedPartHandle>[]) {
    const name = typeof part.staged === 'string' ? parseStagedName(part.staged) : undefined;
    if (
      name?.run !== run ||
      name.checkpoint === undefined ||
      name.checkpoint !== part.checkpoint ||
      name.instance !== part.instance ||
      (part.partition !== undefined && !isPartition(part.partition))
    ) {
      throw invalid(part);
    }
  }
  return parts as readonly StagedPartHandle[];
}

function invalid(found: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SINK',
    `the checkpoint holds something that is no transaction of ndjsonFiles: ${JSON.stringify(found)}. ` +
      'Was the sink exchanged for another one under the same id? Then give the new one an id of its own (uid).',
  );
}
