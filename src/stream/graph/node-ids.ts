/**
 * Ids of nodes. A checkpoint finds state by them, so they must survive an edit of the job.
 *
 * The id is the uid; else the name; else it is derived: the ids of the nearest *anchors* upstream,
 * then the node's own type, e.g. `parquetFile/timestamps/window-aggregate/ndjsonFiles`. An anchor is a
 * node that is stateful or that has a uid or a name.
 *
 *  N1  A node that is no anchor does not change the ids of anchors: adding a `map` changes no state's id.
 *  N2  Ids of stateful nodes, and uids, are unique, or the job is refused: two nodes that looked alike would
 *      swap their state when their order in the file changed.
 *  N3  Ids of other nodes are made unique by a number, in the order of drawing, and are never one of those
 *      of N2.
 *  N4  A derived id is short: an id that would grow past a limit keeps its type and a hash of the rest.
 */

import { createHash } from 'node:crypto';
import { HoldfastError } from '../../base/errors.js';
import { describeNode, type NodeDraft } from './graph-draft.js';

const DERIVED_LENGTH_MAX = 120;

/**
 * The id of each node, by index.
 * @throws HoldfastError ERR_HOLDFAST_DUPLICATE_UID that names both nodes
 */
export function nodeIds(nodes: readonly NodeDraft[]): readonly string[] {
  const anchors: (readonly string[])[] = [];
  const wanted = nodes.map((node) => {
    const upstream = upstreamAnchors(node, anchors);
    const id = node.uid ?? node.name ?? derivedId(node, upstream);
    // What nodes downstream see: this node, or the nodes that they see through it (N1).
    anchors.push(isAnchor(node) ? [id] : upstream);
    return id;
  });

  const owners = new Map<string, NodeDraft>();
  for (const node of nodes) {
    if (!node.stateful && node.uid === undefined) continue;
    const id = wanted[node.index]!;
    const other = owners.get(id);
    if (other !== undefined) throw duplicateId(id, other, node);
    owners.set(id, node);
  }
  return nodes.map((node) => {
    const id = wanted[node.index]!;
    if (owners.get(id) === node) return id;
    let unique = id;
    for (let number = 2; owners.has(unique); number += 1) unique = `${id}-${number}`;
    owners.set(unique, node);
    return unique;
  });
}

function isAnchor(node: NodeDraft): boolean {
  return node.stateful || node.uid !== undefined || node.name !== undefined;
}

/** Ids of the nearest anchors upstream in the order of inputs, each once. A side output is an anchor of its own. */
function upstreamAnchors(
  node: NodeDraft,
  anchors: readonly (readonly string[])[],
): readonly string[] {
  const found = new Set<string>();
  for (const { from, tag } of node.inputs) {
    for (const anchor of anchors[from.index]!) {
      found.add(tag === undefined ? anchor : `${anchor}:${tag}`);
    }
  }
  return [...found];
}

function derivedId(node: NodeDraft, upstream: readonly string[]): string {
  // Rows are asked for by their collect name, so this is as good as a name of the sink.
  const collectName = node.sink?.collectName;
  const type = collectName === undefined ? node.type : `${node.type}:${collectName}`;
  if (upstream.length === 0) return type;
  const path = upstream.length === 1 ? upstream[0]! : `(${upstream.join('+')})`;
  const id = `${path}/${type}`;
  if (id.length <= DERIVED_LENGTH_MAX) return id;
  const digest = createHash('sha256').update(path).digest('hex').slice(0, 12);
  return `#${digest}/${type}`;
}

function duplicateId(id: string, first: NodeDraft, second: NodeDraft): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_DUPLICATE_UID',
    `two operators would have the id '${id}': ${describePath(first)} and ${describePath(second)}. ` +
      'Checkpoints find state by this id, so it must be unique: give each of them a .uid(…) of its own.',
    { details: { id, nodes: [first.index, second.index] } },
  );
}

/** `count (node 4), which reads map 'parse'`: enough to find it in the job's file. */
function describePath(node: NodeDraft): string {
  const inputs = node.inputs.map(({ from }) => describeNode(from));
  const labelled = node.name !== undefined || node.uid !== undefined;
  const own = labelled ? `${describeNode(node)} (node ${node.index})` : describeNode(node);
  return inputs.length === 0 ? own : `${own}, which reads ${inputs.join(' and ')}`;
}
