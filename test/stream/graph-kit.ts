/** Sources and sinks that only stand in a graph, and a short way to build one. */

import type { BuiltinSinks } from '../../src/stream/api/builtin-sinks.js';
import type { StreamEnvironment } from '../../src/stream/api/environment.js';
import { defineJob, type JobArguments } from '../../src/stream/api/job-definition.js';
import type { Graph, GraphNode } from '../../src/stream/graph/graph.js';
import { buildGraph } from '../../src/stream/graph/graph-builder.js';
import type { Sink } from '../../src/stream/sink.js';
import type { RejectingSource, Source } from '../../src/stream/source.js';

export interface Flight {
  readonly date: Date;
  readonly origin: string;
  readonly destination: string;
  readonly delay: number | null;
  readonly distance: number;
}

export function source<T>(kind: string, rejectTag: string): RejectingSource<T>;
export function source<T>(kind?: string): Source<T>;
export function source<T>(kind = 'testSource', rejectTag?: string): Source<T> {
  const never = (): never => {
    throw new Error('a graph is drawn without opening its sources');
  };
  return { kind, rejectTag, splits: never, open: never };
}

export function sink<T>(kind = 'testSink', more: Partial<Sink<T>> = {}): Sink<T> {
  const never = (): never => {
    throw new Error('a graph is drawn without opening its sinks');
  };
  return { kind, open: never, ...more };
}

export const builtinSinks: BuiltinSinks = {
  collect: (name) => sink('collect', { collectName: name }),
  collectTable: (name) =>
    sink('collectTable', { collectName: name, collectsTable: true, upserts: true }),
  print: () => sink('print'),
};

export function draw(build: (env: StreamEnvironment, args: JobArguments) => void): Graph {
  return buildGraph(defineJob('test', build), {}, builtinSinks);
}

export function ids(graph: Graph): string[] {
  return graph.nodes.map(({ id }) => id);
}

export function nodeOf(graph: Graph, type: string): GraphNode {
  const found = graph.nodes.filter((node) => node.type === type);
  if (found.length !== 1) throw new Error(`${found.length} nodes of type ${type}`);
  return found[0]!;
}

/** What a call throws, or fails the test. */
export function thrownBy(call: () => unknown): { code?: string; message: string; cause?: unknown } {
  try {
    call();
  } catch (error) {
    return error as { code?: string; message: string; cause?: unknown };
  }
  throw new Error('expected it to throw');
}
