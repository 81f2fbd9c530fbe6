/** A window's records in flight have another form where they are aggregated in two phases: a start tells, and is refused. */

import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../src/checkpoint/store.js';
import { compatibilityOf } from '../../src/job/recovery/compatibility.js';
import type { GraphData, GraphNodeData } from '../../src/stream/graph/graph.js';
import { planJob } from '../../src/stream/graph/planner.js';
import { node } from './graph-node.js';

const COUNT = 'bids:count';
const KEY_GROUPS = 64;

/** A source and windows behind it, in one or two phases. */
function graphOf({ phases, layout = COUNT }: { phases: 1 | 2; layout?: string }): GraphData {
  const first = node(1, 'pre-aggregate of bids', {
    type: 'pre-aggregate',
    stateful: false,
    inputs: [{ from: 0, partition: 'forward' }],
  });
  const windows = (from: number) =>
    node(from + 1, 'windows', {
      type: 'window-aggregate',
      inputs: [{ from, partition: 'hash' }],
      states: [{ section: 'windows', layout } as GraphNodeData['states'][number]],
    });
  const source = node(0, 'bids', { kind: 'source', type: 'generate' });
  const nodes = phases === 1 ? [source, windows(0)] : [source, first, windows(1)];
  return { job: 'job', hash: `${phases} ${layout}`, nodes };
}

const planOf = (graph: GraphData) => planJob(graph, { slots: 1, keyGroups: KEY_GROUPS });

/** @param bytes of what was in flight to the windows; 6 are none */
function checkpointOf(graph: GraphData, bytes: number): Manifest {
  return {
    format: 1,
    job: 'job',
    run: 'run',
    checkpoint: 7,
    epoch: 3,
    createdAtMs: 0,
    graphHash: graph.hash,
    keyGroups: KEY_GROUPS,
    mode: 'exactly-once',
    final: false,
    operators: graph.nodes.map(({ id, type, stateful, states }) => ({
      id,
      type,
      stateful,
      parallelism: 1,
      vertex: id === 'windows' ? 'windows' : 'bids',
      states: states.map(({ section, layout }) => ({ section, layout })),
    })),
    tables: Object.fromEntries(
      Object.entries(planOf(graph).tables).map(([q, table]) => [q, [...table.subarray(1)]]),
    ),
    parts: [
      {
        file: 'windows-0',
        bytes: 1,
        sha256: '',
        vertex: 'windows',
        instance: 0,
        sections: [{ operator: 'windows', name: '~input:0:0:0', bytes }],
      },
    ],
    transactions: [],
    sourceRecords: {},
    holdfast: '0',
    node: 'v20',
  };
}

const [one, two] = [graphOf({ phases: 1 }), graphOf({ phases: 2 })];
const problems = (before: GraphData, bytes: number, now: GraphData) =>
  compatibilityOf(checkpointOf(before, bytes), planOf(now)).problems;

describe.each([
  ['a first phase that came', one, two],
  ['a first phase that went', two, one],
  ['other aggregations in two phases', two, graphOf({ phases: 2, layout: 'bids:sum' })],
])('%s', (_, before, now) => {
  test('is refused behind a checkpoint that holds records in flight, with what to do', () => {
    const [problem, ...others] = problems(before, 100, now);
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE' });
    expect(problem!.message).toContain("in flight to windows 'windows'");
    expect(problem!.message).toContain("alignment 'aligned'");
  });
});

test.each([
  ['taken up where nothing was in flight', one, two, 6],
  ['dropped where nothing was in flight', two, one, 6],
  ['the same, with records in flight', two, two, 100],
  ['never there, with records in flight', one, one, 100],
])('a first phase %s is no problem', (_, before, now, bytes) => {
  expect(problems(before, bytes, now)).toEqual([]);
});
