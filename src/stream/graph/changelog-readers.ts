/** Operators that keep what a changelog has told: what takes a row back has to find the row with them. */

import { badOption } from '../../base/option-checks.js';
import type { GraphData, GraphNodeData } from './graph.js';

const JOIN = 'latest-join-changes';
const READERS: ReadonlySet<string> = new Set(['aggregate-changes', 'top-n-changes', 'table', JOIN]);

export function readsChangelog({ type }: Pick<GraphNodeData, 'type'>): boolean {
  return READERS.has(type);
}

/** The inputs on which a reader has the changelog. */
export function changelogInputs({ type, inputs }: GraphNodeData): GraphNodeData['inputs'] {
  return type === JOIN ? inputs.filter(({ port }) => port === 1) : inputs;
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
