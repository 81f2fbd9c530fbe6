/** A job's graph as a test drives it: sources are fed by hand, sinks keep what comes, and time can be said. */

import { HoldfastError } from '../base/errors.js';
import type { Graph, GraphNode } from '../stream/graph/graph.js';
import type { KeptKey, Operator } from '../stream/operator.js';
import { passOperator } from '../stream/operators/pass-operator.js';
import { HandSource } from './hand-source.js';
import { HandTime, type HandTimes } from './hand-time.js';
import { KeptSink } from './kept-sink.js';

export interface HandInput {
  readonly node: GraphNode;
  readonly source: HandSource;
  /** Of the operators that give its records their times. */
  readonly times: readonly HandTimes[];
}

export interface HandOutput {
  readonly node: GraphNode;
  readonly sink: KeptSink;
}

export interface HandGraph {
  readonly graph: Graph;
  readonly inputs: readonly HandInput[];
  readonly outputs: readonly HandOutput[];
  /** Every operator with its instances. */
  readonly operators: readonly HandOperator[];
}

export interface HandOperator {
  readonly node: GraphNode;
  /** Those of the deployment, as far as they were made. */
  readonly instances: readonly Operator[];
}

const TIMESTAMPS = 'timestamps';

/**
 * @param isStingy sinks are full after each record (kept-sink.ts)
 * @param timedByHand ids of `withTimestamps` that only hold the place of what the test says
 */
export function graphByHand(
  graph: Graph,
  isStingy: boolean,
  timedByHand: readonly string[],
): HandGraph {
  const times = new Map<number, HandTimes>();
  const inputs: HandInput[] = [];
  const outputs: HandOutput[] = [];
  const operators: HandOperator[] = [];
  const nodes = graph.nodes.map((node): GraphNode => {
    if (node.source !== undefined) {
      const source = new HandSource(node.source);
      inputs.push({ node, source, times: [] });
      return { ...node, source };
    }
    if (node.sink !== undefined) {
      const sink = new KeptSink(node.sink, isStingy);
      outputs.push({ node, sink });
      return { ...node, sink };
    }
    const create = timedByHand.includes(node.id) ? passOperator() : node.create!;
    const instances: Operator[] = [];
    operators.push({ node, instances });
    if (node.type !== TIMESTAMPS) return { ...node, create: () => noted(instances, create()) };
    const hand: HandTimes = { timeMs: Number.NEGATIVE_INFINITY, blinks: 0 };
    times.set(node.index, hand);
    return { ...node, create: () => noted(instances, new HandTime(create(), hand)) };
  });
  return {
    graph: { ...graph, nodes },
    inputs: inputs.map((input) => ({ ...input, times: timesOf(graph, input.node, times) })),
    outputs,
    operators,
  };
}

function noted(instances: Operator[], operator: Operator): Operator {
  instances.push(operator);
  return operator;
}

/** Of the operators that records of the source come to. */
function timesOf(
  { nodes }: Graph,
  source: GraphNode,
  times: ReadonlyMap<number, HandTimes>,
): readonly HandTimes[] {
  // Nodes stand in the order in which they are drawn: upstream before downstream.
  const below = new Set([source.index]);
  for (const { index, inputs } of nodes) {
    if (inputs.some(({ from }) => below.has(from))) below.add(index);
  }
  return [...times].flatMap(([index, hand]) => (below.has(index) ? [hand] : []));
}

type Found = { readonly node: GraphNode };

/**
 * The one that has this name: as its uid or id, as its name, or as that of a `collect`. Without a name, the only one.
 * @param what for messages: `input`
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, which lists what there is
 */
export function named<F extends Found>(all: readonly F[], what: string, name?: string): F {
  const [first, ...others] = all;
  if (name === undefined && first !== undefined && others.length === 0) return first;
  const found =
    all.find(({ node }) => node.id === name) ??
    onlyOf(all.filter(({ node }) => node.name === name || node.sink?.collectName === name));
  if (found !== undefined) return found;
  const names = all.map(({ node }) => `'${node.sink?.collectName ?? node.id}'`);
  const there = names.length === 0 ? `there is none` : `there are ${names.join(', ')}`;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    name === undefined && all.length === 0
      ? `the job has no ${what}.`
      : name === undefined
        ? `the job has not just one ${what}, so say which: ${there}.`
        : `the job has no ${what} '${name}': ${there}. Its name is its .uid(…), or its .name(…).`,
    { details: { [what]: name, names: all.map(({ node }) => node.id) } },
  );
}

function onlyOf<F>(found: readonly F[]): F | undefined {
  return found.length === 1 ? found[0] : undefined;
}

/** What the operator keeps, of all its instances. @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function keptKeys({ node, instances }: HandOperator): readonly KeptKey[] {
  return instances.flatMap((operator) => {
    if (operator.inspect !== undefined) return operator.inspect();
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `operator '${node.id}' (${node.type}) does not show what it keeps: only operators with named states do, as ` +
        'process does. Look at what it emits instead.',
      { details: { operator: node.id } },
    );
  });
}
