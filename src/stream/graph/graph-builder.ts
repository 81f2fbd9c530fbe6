/** Builds a graph from a job definition, and plain data from the graph. */

import { HoldfastError } from '../../base/errors.js';
import { isError } from '../../base/realm.js';
import { checkCodecs } from '../../codec/codec-registry.js';
import type { BuiltinSinks } from '../api/builtin-sinks.js';
import { isThenable } from '../api/callbacks.js';
import { StreamEnvironment } from '../api/environment.js';
import { type JobArguments, requireJobDefinition } from '../api/job-definition.js';
import type { Graph, GraphData, GraphNode, GraphNodeData } from './graph.js';
import { checkGraph, keepChains } from './graph-check.js';
import { GraphDraft, type NodeDraft } from './graph-draft.js';
import { graphHash } from './graph-hash.js';
import { nodeIds } from './node-ids.js';

/**
 * Runs the job's build function and gives the graph it draws: checked, with ids and a hash.
 * @param definition a job module's default export
 * @param sinks what `collect` and `print` end in (connectors make them)
 * @throws HoldfastError ERR_HOLDFAST_JOB_MODULE when it is no job; ERR_HOLDFAST_JOB_BUILD when the
 *   build function throws (cause), is asynchronous, or draws a graph that is not whole;
 *   ERR_HOLDFAST_DUPLICATE_UID; and whatever Holdfast's own functions throw for bad options
 */
export function buildGraph(definition: unknown, args: JobArguments, sinks: BuiltinSinks): Graph {
  const { name, build } = requireJobDefinition(definition);
  const draft = new GraphDraft(name, sinks);
  let answer: unknown;
  try {
    answer = build(new StreamEnvironment(draft), args);
  } catch (error) {
    throw buildError(name, error);
  } finally {
    draft.close();
  }
  if (isThenable(answer)) {
    // The promise is refused either way: that it may also fail later is no news to anybody.
    answer.then(undefined, () => {});
    throw new HoldfastError(
      'ERR_HOLDFAST_JOB_BUILD',
      `the build function of job '${name}' is asynchronous (it gave a promise), but must draw the ` +
        'graph synchronously. Do what takes time before run(…) and hand the result over in `args`.',
    );
  }
  const drafts = draft.close();
  checkGraph(name, drafts);
  keepChains(drafts);
  checkCodecs(draft.codecs);
  const ids = nodeIds(drafts);
  const nodes = drafts.map((node) => graphNode(node, ids[node.index]!));
  return Object.freeze({
    job: name,
    nodes,
    codecs: draft.codecs,
    hash: graphHash({ job: name, nodes: nodes.map(nodeData) }),
  });
}

/** The graph without its code: can cross threads and be kept in manifests. */
export function graphData(graph: Graph): GraphData {
  return { job: graph.job, hash: graph.hash, nodes: graph.nodes.map(nodeData) };
}

function graphNode(node: NodeDraft, id: string): GraphNode {
  return Object.freeze({
    index: node.index,
    id,
    kind: node.kind,
    type: node.type,
    name: node.name ?? node.uid ?? node.type,
    stateful: node.stateful,
    parallelism: node.parallelism,
    inputs: node.inputs.map(({ from, partition, key, tag, port }) => ({
      from: from.index,
      partition,
      key,
      tag,
      port,
    })),
    parameters: node.parameters,
    states: node.states,
    source: node.source,
    sink: node.sink,
    onError: node.onError ?? 'fail',
    module: node.module,
    create: node.create,
  });
}

function nodeData(node: GraphNode): GraphNodeData {
  const { sink } = node;
  return {
    index: node.index,
    id: node.id,
    kind: node.kind,
    type: node.type,
    name: node.name,
    stateful: node.stateful,
    parallelism: node.parallelism,
    inputs: node.inputs.map(({ from, partition, tag, port }) => ({ from, partition, tag, port })),
    parameters: node.parameters,
    states: node.states,
    module: node.module,
    collectName: sink?.collectName,
    collectsTable: sink?.collectsTable,
    committer: sink?.committer,
    commitsInWorker: sink?.commit !== undefined && sink.committer === undefined,
  };
}

function buildError(job: string, thrown: unknown): unknown {
  // Our own errors say what is wrong better than a wrapper could. By code, not class: a job may
  // have loaded a copy of this package.
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  if (typeof code === 'string' && code.startsWith('ERR_HOLDFAST_')) return thrown;
  const reason = isError(thrown) ? `${thrown.name}: ${thrown.message}` : 'it threw no Error';
  return new HoldfastError(
    'ERR_HOLDFAST_JOB_BUILD',
    `the build function of job '${job}' failed: ${reason}`,
    { cause: thrown },
  );
}
