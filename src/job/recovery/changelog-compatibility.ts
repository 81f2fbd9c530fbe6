/**
 * May an operator that reads a changelog go on from a checkpoint? Pure.
 *
 * Such an operator keeps the rows that it was told of, or what they add up to, and whoever makes the rows takes back what
 * was told. So the two have to begin together (H1, H2), and to mean the same by a row (H3).
 *
 *  H1  A new reader lacks the rows that were told before it came.
 *  H2  A maker that begins anew never takes back what its reader has of the former one. One that is new beside others
 *      has a former one only if an operator with state is gone.
 *  H3  Other answers are other rows: what is taken back then is a row that was never told. (Windows keep what they have
 *      told beside their answers, so these may change.)
 *  H4  A checkpoint at least once may hold a reader that is ahead of its maker.
 */

import { HoldfastError } from '../../base/errors.js';
import type { Manifest } from '../../checkpoint/store.js';
import { changelogInputs, readsChangelog } from '../../stream/graph/changelog-readers.js';
import type { GraphData, GraphNodeData } from '../../stream/graph/graph.js';
import { keepsKeyedState } from '../../stream/graph/keyed-state.js';
import { compareLayouts } from '../../stream/state/state-layout.js';

/** Their rows are what they keep. */
const TELLS_ITS_STATE: ReadonlySet<string> = new Set([
  'aggregate',
  'aggregate-changes',
  'distinct',
  'top-n',
  'top-n-changes',
]);

/** Where the rows of a changelog come from. */
interface Maker {
  readonly node: GraphNodeData;
  /** Its rows are records that `asChangelog` takes as changes. */
  readonly isRecords: boolean;
}

type Before = Manifest['operators'][number];

/** @returns undefined: nothing is wrong, or the node reads no changelog */
export function changelogProblem(
  reader: GraphNodeData,
  graph: GraphData,
  manifest: Manifest,
): HoldfastError | undefined {
  if (!readsChangelog(reader)) return undefined;
  // Of one that keeps state now, and kept none under that id, there is nothing either.
  const before = (node: GraphNodeData) =>
    manifest.operators.find(
      ({ id, stateful }) => id === node.id && (stateful || !keepsKeyedState(node)),
    );
  const makers = makersOf(reader, graph);
  const known = makers.filter(({ node }) => before(node) !== undefined);
  if (before(reader) === undefined) {
    return known.length === 0 ? undefined : newReader(reader, known[0]!, manifest);
  }
  const newest = makers.find(({ node }) => node.kind !== 'source' && before(node) === undefined);
  if (newest !== undefined && (known.length === 0 || hasDropped(graph, manifest))) {
    return newMaker(reader, newest, manifest);
  }
  if (manifest.mode === 'at-least-once') return atLeastOnce(reader, manifest);
  for (const { node, isRecords } of known) {
    const changes = isRecords ? [] : changedAnswers(node, before(node)!);
    if (changes.length > 0) return otherRows(reader, node, changes, manifest);
  }
  return undefined;
}

/** One of those that are gone may have been a maker: a checkpoint does not tell who read whom. */
function hasDropped({ nodes }: GraphData, { operators }: Manifest): boolean {
  const ids = new Set(nodes.map(({ id }) => id));
  return operators.some(({ id, stateful }) => stateful && !ids.has(id));
}

/** Operators with state, and sources, that a node's rows come from; not those behind them. */
function makersOf(reader: GraphNodeData, { nodes }: GraphData): readonly Maker[] {
  const makers = new Map<number, Maker>();
  const seen = new Set<number>();
  const look = (inputs: GraphNodeData['inputs'], isRecords: boolean): void => {
    for (const { from } of inputs) {
      if (seen.has(from)) continue;
      seen.add(from);
      const node = nodes[from]!;
      if (node.kind === 'source' || keepsKeyedState(node)) makers.set(from, { node, isRecords });
      else look(node.inputs, isRecords || node.type === 'changelog');
    }
  };
  look(changelogInputs(reader), false);
  return [...makers.values()];
}

/** H3. What is refused for itself is not told twice. */
function changedAnswers({ type, states }: GraphNodeData, before: Before): readonly string[] {
  if (!TELLS_ITS_STATE.has(type)) return [];
  return (before.states ?? []).flatMap(({ section, layout }) => {
    const now = states.find((one) => one.section === section || one.formerly === section);
    const change = now === undefined ? undefined : compareLayouts(layout, now);
    if (change?.kind !== 'evolved') return [];
    const changed = change.entries.flatMap(({ from, migrateFrom }, i) => {
      const { name } = change.now.entries[i]!;
      if (from === undefined) return [`'${name}' is new`];
      return migrateFrom === undefined ? [] : [`'${name}' is migrated`];
    });
    return [...changed, ...change.dropped.map((name) => `'${name}' is dropped`)];
  });
}

/** H1 */
function newReader(
  reader: GraphNodeData,
  { node: maker }: Maker,
  { checkpoint }: Manifest,
): HoldfastError {
  const inPlace =
    maker.type === 'aggregate'
      ? ", put .distinctBy((row) => row.key, { keep: 'last' }) in the place of toChangelog(), which begins with the rows " +
        'that come now'
      : '';
  return refused(
    `'${reader.id}' is new, and reads a changelog of '${maker.id}', which checkpoint ${checkpoint} holds: rows would be ` +
      `taken back from '${reader.id}' that it was never told of. Give '${maker.id}' another uid as well, so that both ` +
      `begin anew${inPlace}, or start afresh with restore: 'none'.`,
    reader,
    maker,
  );
}

/** H2 */
function newMaker(
  reader: GraphNodeData,
  { node: maker }: Maker,
  { checkpoint }: Manifest,
): HoldfastError {
  return refused(
    `'${maker.id}' is new, and '${reader.id}', which reads its changelog, is not: checkpoint ${checkpoint} holds rows in ` +
      `it that '${maker.id}' would never take back. Give '${maker.id}' its former id with .uid(), give '${reader.id}' ` +
      "another one as well, so that both begin anew, or start afresh with restore: 'none'.",
    reader,
    maker,
  );
}

/** H3 */
function otherRows(
  reader: GraphNodeData,
  maker: GraphNodeData,
  changes: readonly string[],
  { checkpoint }: Manifest,
): HoldfastError {
  return refused(
    `the rows of '${maker.id}' have changed (${changes.join(', ')}), and '${reader.id}', which reads its changelog, has ` +
      `the former ones in checkpoint ${checkpoint}: what is taken back would be a row that it was never told of. Leave ` +
      `'${maker.id}' as it was, give both another uid, so that they begin anew, or start afresh with restore: 'none'.`,
    reader,
    maker,
  );
}

/** H4 */
function atLeastOnce(reader: GraphNodeData, { checkpoint }: Manifest): HoldfastError {
  return refused(
    `checkpoint ${checkpoint} was taken at least once, and '${reader.id}' reads a changelog: it may have rows already that ` +
      "are going to be told again. Start from a checkpoint taken exactly once, or afresh with restore: 'none'.",
    reader,
  );
}

function refused(message: string, reader: GraphNodeData, maker?: GraphNodeData): HoldfastError {
  const details = { operator: reader.id, ...(maker === undefined ? {} : { reads: maker.id }) };
  return new HoldfastError('ERR_HOLDFAST_GRAPH_INCOMPATIBLE', message, { details });
}
