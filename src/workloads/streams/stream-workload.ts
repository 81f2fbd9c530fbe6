/**
 * Streams as a workload: builds the job's graph, makes the tasks that the driver deploys, and answers the calls that
 * only streams have.
 *
 *  W1  Each deployment has a graph of its own: no operator object survives a reset, and regions share none.
 *  W2  A commit is done by the sink of its region's deployment, if there is one here, since that may know what it
 *      has prepared.
 */

import { HoldfastError } from '../../base/errors.js';
import { registerCodecs } from '../../codec/codec-registry.js';
import { type Outcome, outcome } from '../../host/outcome.js';
import type { Answering, Stage, Workload } from '../../host/workload.js';
import { checkedArguments } from '../../stream/api/job-arguments.js';
import type { JobArguments, JobDefinition } from '../../stream/api/job-definition.js';
import type { Graph, GraphData } from '../../stream/graph/graph.js';
import { buildGraph, graphData } from '../../stream/graph/graph-builder.js';
import type { Sink, SinkTransaction } from '../../stream/sink.js';
import type { SourceSplit } from '../../stream/source.js';
import type { ControlBlock } from '../../threads/control-block.js';
import { BUILTIN_SINKS } from './builtin-sinks.js';
import { graphMismatch } from './graph-mismatch.js';
import { listInTime } from './split-listing.js';
import { StreamDeployment } from './stream-deployment.js';
import type { DeploySpec, StreamCalls, Streams } from './stream-types.js';

export class StreamWorkload implements Workload<Streams> {
  readonly #definition: JobDefinition;
  readonly #block: ControlBlock;
  /** As `build` of the job gets them: the output of the job's schema, if it has one. */
  #args: JobArguments = {};
  #graph: Graph | undefined;
  readonly #deployments = new Set<StreamDeployment>();

  constructor(definition: JobDefinition, block: ControlBlock) {
    this.#definition = definition;
    this.#block = block;
  }

  readonly calls: Answering<StreamCalls> = {
    listSplits: (operator) => this.#listSplits(operator),
    commit: (operator, checkpoint, transactions) =>
      this.#commit(operator, checkpoint, transactions),
    stopSources: (drain) => this.#stopSources(drain),
  };

  async load(args: JobArguments): Promise<GraphData> {
    this.#args = await checkedArguments(this.#definition, args);
    this.#graph = this.#build();
    return graphData(this.#graph);
  }

  deploy(spec: DeploySpec, stage: Stage<Streams>): StreamDeployment {
    const deployment = new StreamDeployment({
      spec,
      stage,
      graph: this.#buildAgain(), // W1
      block: this.#block,
      closed: () => this.#deployments.delete(deployment),
    });
    this.#deployments.add(deployment);
    return deployment;
  }

  #build(): Graph {
    const graph = buildGraph(this.#definition, this.#args, BUILTIN_SINKS);
    registerCodecs(graph.codecs);
    return graph;
  }

  /** @throws HoldfastError ERR_HOLDFAST_GRAPH_MISMATCH */
  #buildAgain(): Graph {
    const graph = this.#build();
    if (this.#graph !== undefined && graph.hash !== this.#graph.hash) {
      throw graphMismatch(graphData(this.#graph), graphData(graph), 'when it was called twice');
    }
    return graph;
  }

  #listSplits(operator: string): Promise<Outcome<readonly SourceSplit[]>> {
    return outcome('source', async () => {
      const node = this.#graph?.nodes.find((candidate) => candidate.id === operator);
      if (node?.source === undefined) {
        throw new HoldfastError('ERR_HOLDFAST_INTERNAL', `no source '${operator}' in this graph.`);
      }
      return await listInTime(operator, node.source);
    });
  }

  #commit(
    operator: string,
    checkpoint: number,
    transactions: readonly SinkTransaction[],
  ): Promise<Outcome<undefined>> {
    return outcome('sink', async () => {
      const sink = this.#sink(operator);
      if (sink?.commit === undefined) {
        throw new HoldfastError(
          'ERR_HOLDFAST_INTERNAL',
          `no sink '${operator}' to commit checkpoint ${checkpoint} with.`,
        );
      }
      await sink.commit(checkpoint, transactions);
      return undefined;
    });
  }

  #stopSources(drain: boolean): Promise<Outcome<undefined>> {
    return outcome('source', async () => {
      for (const deployment of this.#deployments) deployment.stopSources(drain);
      return undefined;
    });
  }

  /** W2 */
  #sink(operator: string): Sink<unknown> | undefined {
    const deployment = [...this.#deployments].find(({ operators }) => operators.includes(operator));
    const graph = deployment?.graph ?? this.#graph;
    return graph?.nodes.find((candidate) => candidate.id === operator)?.sink;
  }
}
