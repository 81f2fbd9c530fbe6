/** Operators that keep what a changelog has told: what takes a row back has to find the row with them. */

import { badOption } from '../../base/option-checks.js';
import type { GraphData, GraphNodeData } from './graph.js';

const READERS: ReadonlySet<string> = new Set(['aggregate-changes', 'top-n-changes', 'table']);

export function readsChangelog({ type }: Pick<GraphNodeData, 'type'>): boolean {
  return READERS.has(type);
}

/**
 * With checkpoints at least once, records are repeated to operators that have them already, and rows would be taken back
 * twice.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function requireModeForChangelogs(
  { nodes }: GraphData,
  mode: 'exactly-once' | 'at-least-once',
): void {
  if (mode === 'exactly-once') return;
  const reader = nodes.find(readsChangelog);
  if (reader === undefined) return;
  throw badOption(
    'checkpoint.mode',
    mode,
    `'exactly-once', the default, where rows of a changelog are read, as '${reader.id}' does: what is repeated after a ` +
      'failure would take back rows that are not there any more',
  );
}
