/**
 * The graph while the build function draws it: a list of nodes that grows, and closes when the function returns.
 * A node only reads from nodes that exist already. So indexes are in upstream-first order, and there are no cycles.
 */

import { HoldfastError } from '../../base/errors.js';
import { withArticle } from '../../base/with-article.js';
import type { Codec } from '../../codec/codec-registry.js';
import type { BuiltinSinks } from '../api/builtin-sinks.js';
import { describeValue } from '../api/callbacks.js';
import { CHANGES_TAG } from '../api/changelog.js';
import type { KeySelector } from '../api/key-selector.js';
import type { ErrorPolicy } from '../dead-letter.js';
import type { Operator } from '../operator.js';
import type { Sink } from '../sink.js';
import type { Source } from '../source.js';
import type { StateDescription } from '../state/state-layout.js';
import type { NodeKind, NodeParameters, Partition } from './graph.js';

/** How a consumer reads a producer. */
export interface EdgeDraft {
  readonly from: NodeDraft;
  readonly partition: Partition;
  readonly key: KeySelector | undefined;
  readonly tag: string | undefined;
  /** The consumer's port; absent: port 0 (ports.ts). */
  readonly port?: number | undefined;
}

export interface NodeDraft {
  readonly index: number;
  readonly kind: NodeKind;
  readonly type: string;
  readonly stateful: boolean;
  readonly inputs: readonly EdgeDraft[];
  /** The node's side outputs. */
  tags: readonly string[];
  readonly parameters: NodeParameters | undefined;
  readonly states: readonly StateDescription[];
  readonly source: Source<unknown> | undefined;
  readonly sink: Sink<unknown> | undefined;
  readonly module: string | undefined;
  readonly create: (() => Operator) | undefined;
  /** It runs in the chain of what it reads, always: it has the same parallelism. */
  readonly inChain: boolean;
  name: string | undefined;
  uid: string | undefined;
  parallelism: number | undefined;
  onError: ErrorPolicy | undefined;
  /** Its rows are read as a changelog: it tells on the side output CHANGES_TAG what becomes of them. */
  tellsChanges: boolean;
}

/** What the caller of `add` gives for a node. The rest of a node is its labels. */
export interface NewNode {
  readonly kind: NodeKind;
  readonly type: string;
  readonly stateful?: boolean | undefined;
  readonly inputs?: readonly EdgeDraft[] | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly parameters?: NodeParameters | undefined;
  readonly states?: readonly StateDescription[] | undefined;
  readonly source?: Source<unknown> | undefined;
  readonly sink?: Sink<unknown> | undefined;
  readonly module?: string | undefined;
  readonly create?: (() => Operator) | undefined;
  readonly inChain?: boolean | undefined;
}

/** Longer ids and names are refused: they go into messages, manifests and metrics. */
const LABEL_LENGTH_MAX = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const UNPRINTABLE = /[\u0000-\u001f\u007f]/;

export class GraphDraft {
  readonly job: string;
  readonly sinks: BuiltinSinks;
  readonly codecs: Codec[] = [];
  readonly #nodes: NodeDraft[] = [];
  #open = true;

  constructor(job: string, sinks: BuiltinSinks) {
    this.job = job;
    this.sinks = sinks;
  }

  /** @throws HoldfastError ERR_HOLDFAST_JOB_BUILD after the build function has returned */
  add(node: NewNode): NodeDraft {
    this.requireOpen();
    const draft: NodeDraft = {
      index: this.#nodes.length,
      kind: node.kind,
      type: node.type,
      stateful: node.stateful ?? false,
      inputs: node.inputs ?? [],
      tags: node.tags ?? [],
      parameters: node.parameters,
      states: node.states ?? [],
      source: node.source,
      sink: node.sink,
      module: node.module,
      create: node.create,
      inChain: node.inChain ?? false,
      name: undefined,
      uid: undefined,
      parallelism: undefined,
      onError: undefined,
      tellsChanges: false,
    };
    this.#nodes.push(draft);
    return draft;
  }

  /** Gives a node its name or uid; a second, different one is an error. */
  label(node: NodeDraft, label: 'name' | 'uid', value: unknown): void {
    this.requireOpen();
    if (
      typeof value !== 'string' ||
      value.trim() === '' ||
      value.length > LABEL_LENGTH_MAX ||
      UNPRINTABLE.test(value)
    ) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `${label}(…) needs a printable text of 1 to ${LABEL_LENGTH_MAX} characters, but was given ${describeValue(value)}.`,
      );
    }
    refuseSecond(node, label, node[label], value);
    node[label] = value;
  }

  parallelism(node: NodeDraft, instances: unknown): void {
    this.requireOpen();
    if (!Number.isSafeInteger(instances) || (instances as number) < 1) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `parallelism(…) needs a whole number, at least 1, but was given ${describeValue(instances)}.`,
      );
    }
    refuseSecond(node, 'parallelism', node.parallelism, instances);
    node.parallelism = instances as number;
  }

  /** Lets the node tell, on a side output of its own, what becomes of its rows. */
  tellChanges(node: NodeDraft): void {
    this.requireOpen();
    if (node.tellsChanges) return;
    node.tellsChanges = true;
    node.tags = [...node.tags, CHANGES_TAG];
  }

  /** What happens to records on which the node's user code fails. */
  onError(node: NodeDraft, policy: unknown): void {
    this.requireOpen();
    const given = checkPolicy(policy);
    if (node.kind !== 'operator') {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `onError(…) is for an operator with a callback, and ${describeNode(node)} is ${withArticle(node.kind)}. ` +
          "Malformed input is put aside by a source's option `malformed`.",
      );
    }
    if (node.onError !== undefined) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `onError(…) is for ${describeNode(node)}, which has one already. It applies to the operator just made; ` +
          'give each only one.',
      );
    }
    if (typeof given === 'object') {
      if (given.sideOutput === CHANGES_TAG) {
        throw new HoldfastError(
          'ERR_HOLDFAST_BAD_OPTION',
          `onError({ sideOutput: '${CHANGES_TAG}' }) of ${describeNode(node)} has a name that is kept for the changes ` +
            'of rows. Choose another name.',
        );
      }
      if (node.tags.includes(given.sideOutput)) {
        throw new HoldfastError(
          'ERR_HOLDFAST_BAD_OPTION',
          `onError({ sideOutput: '${given.sideOutput}' }): ${describeNode(node)} has a side output of that name ` +
            'already. Choose another name.',
        );
      }
      node.tags = [...node.tags, given.sideOutput];
    }
    node.onError = given;
  }

  /** Closes the draft: streams that outlive the build function draw nothing any more. */
  close(): readonly NodeDraft[] {
    this.#open = false;
    return this.#nodes;
  }

  requireOpen(): void {
    if (this.#open) return;
    throw new HoldfastError(
      'ERR_HOLDFAST_JOB_BUILD',
      `the graph of job '${this.job}' was complete when its build function returned, and cannot ` +
        'change afterwards. Draw all of it synchronously inside the build function.',
    );
  }
}

function checkPolicy(policy: unknown): ErrorPolicy {
  if (policy === 'fail' || policy === 'drop') return policy;
  const { sideOutput, ...others } = (policy ?? {}) as { readonly sideOutput?: unknown };
  if (typeof sideOutput === 'string' && sideOutput !== '' && Object.keys(others).length === 0) {
    return { sideOutput };
  }
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `onError(…) needs 'fail', 'drop' or { sideOutput: 'name' }, but was given ${describeValue(policy)}.`,
  );
}

/** `map 'parse'`, `count (node 4)`: a node in a message. */
export function describeNode(node: NodeDraft): string {
  const label = node.name ?? node.uid;
  return label === undefined ? `${node.type} (node ${node.index})` : `${node.type} '${label}'`;
}

function refuseSecond(node: NodeDraft, label: string, first: unknown, second: unknown): void {
  if (first === undefined || first === second) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${label}(${JSON.stringify(second)}) is for ${describeNode(node)}, which has ${label} ` +
      `${JSON.stringify(first)} already. It applies to the operator just made; give each only one.`,
  );
}
