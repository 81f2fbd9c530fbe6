/** Checks that a drawn graph may run: that it is whole, and that every output goes somewhere. */

import { HoldfastError } from '../../base/errors.js';
import { CHANGES_TAG } from '../api/changelog.js';
import { describeNode, type NodeDraft } from './graph-draft.js';

/**
 * @throws HoldfastError ERR_HOLDFAST_JOB_BUILD for a job without sources or sinks, an output or a
 *   side output that nobody reads, or two sinks that collect under one name
 */
export function checkGraph(job: string, nodes: readonly NodeDraft[]): void {
  if (!nodes.some(({ kind }) => kind === 'source')) {
    throw refuse(`job '${job}' has no source. Begin a stream with env.from(source).`);
  }
  if (!nodes.some(({ kind }) => kind === 'sink')) {
    throw refuse(`job '${job}' has no sink. End a stream with .sinkTo(sink) or .collect(name).`);
  }
  const read = new Set<string>();
  for (const { inputs } of nodes) {
    for (const { from, tag } of inputs) read.add(outputOf(from, tag));
  }
  for (const node of nodes) {
    // Who reads how rows change has read the rows.
    const isRead =
      read.has(outputOf(node, undefined)) ||
      (node.tellsChanges && read.has(outputOf(node, CHANGES_TAG)));
    if (node.kind !== 'sink' && !isRead) {
      throw refuse(
        `nobody reads the stream that ${describeNode(node)} of job '${job}' makes. End it in a sink ` +
          '(.sinkTo(discard()) if it is not wanted), or remove it.',
      );
    }
    for (const tag of node.tags) {
      if (read.has(outputOf(node, tag))) continue;
      throw refuse(
        `nobody reads the side output '${tag}' of ${describeNode(node)} in job '${job}', so its ` +
          `records would be lost. Read it with .sideOutput('${tag}'), or do not ask for it.`,
      );
    }
  }
  checkCollectNames(job, nodes);
}

/**
 * Gives operators that have to be in the chain of what they read the parallelism of that.
 * @throws HoldfastError ERR_HOLDFAST_JOB_BUILD for one that was given another
 */
export function keepChains(nodes: readonly NodeDraft[]): void {
  for (const node of nodes) {
    if (!node.inChain) continue;
    const { from } = node.inputs[0]!;
    if (node.parallelism !== undefined && node.parallelism !== from.parallelism) {
      throw refuse(
        `parallelism(${node.parallelism}) of ${describeNode(node)}, which works on a changelog: it runs where its rows ` +
          `are made, so that their changes keep their order. Give the parallelism to ${describeNode(from)}.`,
      );
    }
    node.parallelism = from.parallelism;
  }
}

function checkCollectNames(job: string, nodes: readonly NodeDraft[]): void {
  const names = new Set<string>();
  for (const { sink } of nodes) {
    const name = sink?.collectName;
    if (name === undefined) continue;
    if (names.has(name)) {
      throw refuse(
        `two sinks of job '${job}' collect under the name '${name}'. Give each a name of its own, or ` +
          'unite the streams before.',
      );
    }
    names.add(name);
  }
}

function outputOf(node: NodeDraft, tag: string | undefined): string {
  return tag === undefined ? `${node.index}` : `${node.index}:${tag}`;
}

function refuse(message: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_JOB_BUILD', message);
}
