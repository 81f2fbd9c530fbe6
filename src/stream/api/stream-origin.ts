/**
 * Where a stream's records come from: one node's main output, or a bundle of edges that no node
 * stands behind yet (a union, a rebalance, a side output).
 *
 * Keying, union and rebalancing are properties of edges and cost nothing. A node is made only when such a bundle is
 * given a name, a uid or a parallelism, since these have to belong to a node. That node hands every record on.
 */

import { HoldfastError } from '../../base/errors.js';
import { withArticle } from '../../base/with-article.js';
import {
  describeNode,
  type EdgeDraft,
  type GraphDraft,
  type NodeDraft,
} from '../graph/graph-draft.js';
import { passOperator } from '../operators/pass-operator.js';

export class StreamOrigin {
  readonly draft: GraphDraft;
  readonly #type: string;
  #edges: readonly EdgeDraft[];
  #node: NodeDraft | undefined;

  private constructor(
    draft: GraphDraft,
    type: string,
    edges: readonly EdgeDraft[],
    node: NodeDraft | undefined,
  ) {
    this.draft = draft;
    this.#type = type;
    this.#edges = edges;
    this.#node = node;
  }

  /** The main output of a node; with `tag` another output of it. Labels are the node's. */
  static ofNode(draft: GraphDraft, node: NodeDraft, tag?: string): StreamOrigin {
    return new StreamOrigin(draft, node.type, [{ ...mainOutput(node), tag }], node);
  }

  /** Edges; `type` is what the node is called if one is ever needed. */
  static ofEdges(draft: GraphDraft, type: string, edges: readonly EdgeDraft[]): StreamOrigin {
    return new StreamOrigin(draft, type, edges, undefined);
  }

  get edges(): readonly EdgeDraft[] {
    return this.#edges;
  }

  /** The node that `name`, `uid` and `parallelism` speak of; made now if there is none. */
  node(): NodeDraft {
    if (this.#node === undefined) {
      this.#node = this.draft.add({
        kind: 'operator',
        type: this.#type,
        inputs: this.#edges,
        create: passOperator(),
      });
      this.#edges = [mainOutput(this.#node)];
    }
    return this.#node;
  }

  /** Names of the node's side outputs. */
  get tags(): readonly string[] {
    return this.#node?.tags ?? [];
  }

  /**
   * A side output of the node.
   * @throws HoldfastError ERR_HOLDFAST_JOB_BUILD when it has none of that name
   */
  side(tag: string): StreamOrigin {
    const node = this.#node;
    if (node === undefined || !node.tags.includes(tag)) {
      const what = node === undefined ? withArticle(this.#type) : describeNode(node);
      const has =
        node === undefined || node.tags.length === 0
          ? 'no side outputs'
          : `only ${node.tags.map((name) => `'${name}'`).join(', ')}`;
      throw new HoldfastError(
        'ERR_HOLDFAST_JOB_BUILD',
        `there is no side output '${tag}': ${what} has ${has}. Call sideOutput on the very stream ` +
          'that the source (malformed input) or the window (sideOutputLate) gave.',
      );
    }
    const edge: EdgeDraft = { from: node, partition: 'forward', key: undefined, tag };
    return StreamOrigin.ofEdges(this.draft, 'sideOutput', [edge]);
  }
}

function mainOutput(node: NodeDraft): EdgeDraft {
  return { from: node, partition: 'forward', key: undefined, tag: undefined };
}
