import { describe, expect, test } from 'vitest';
import type { Manifest, PartDescriptor } from '../../src/checkpoint/store.js';
import { planRecovery } from '../../src/job/recovery-plan.js';
import type { GraphData, GraphNodeData } from '../../src/stream/graph.js';
import { planJob } from '../../src/stream/planner.js';

const node = (index: number, id: string, more: Partial<GraphNodeData>): GraphNodeData => ({
  index,
  id,
  kind: 'operator',
  type: 'keyed-aggregate',
  name: id,
  stateful: true,
  parallelism: undefined,
  inputs: [],
  collectName: undefined,
  committer: undefined,
  commitsInWorker: false,
  ...more,
});

const graph: GraphData = {
  job: 'job',
  hash: 'hash',
  nodes: [
    node(0, 'numbers', { kind: 'source', type: 'generate' }),
    node(1, 'totals', { inputs: [{ from: 0, partition: 'hash' }] }),
    node(2, 'out', {
      kind: 'sink',
      type: 'collect',
      inputs: [{ from: 1, partition: 'forward' }],
    }),
  ],
};

const planOf = (slots: number, data: GraphData = graph) => planJob(data, { slots, keyGroups: 64 });

const part = (vertex: string, instance: number, operators: readonly string[]): PartDescriptor => ({
  file: `${vertex}-${instance}`,
  bytes: 1,
  sha256: '',
  vertex,
  instance,
  sections: operators.map((operator) => ({ operator, name: 'state', bytes: 1 })),
});

function manifestOf(slots: number): Manifest {
  const plan = planOf(slots);
  return {
    format: 1,
    job: 'job',
    run: 'run',
    checkpoint: 7,
    epoch: 3,
    createdAtMs: 0,
    graphHash: 'hash',
    keyGroups: 64,
    mode: 'exactly-once',
    final: false,
    operators: graph.nodes.map(({ id, type, stateful }) => ({
      id,
      type,
      stateful,
      parallelism: slots,
      vertex: id === 'numbers' ? 'numbers' : 'totals',
    })),
    tables: Object.fromEntries(
      Object.entries(plan.tables).map(([q, table]) => [q, [...table.subarray(1)]]),
    ),
    parts: Array.from({ length: slots }, (_, instance) => [
      part('numbers', instance, ['numbers']),
      part('totals', instance, ['totals', 'out']),
    ]).flat(),
    transactions: [],
    sourceRecords: {},
    holdfast: '0',
    node: 'v20',
  };
}

const filesFor = (
  tasks: ReturnType<typeof planRecovery>,
  operator: string,
  instance: number,
): readonly string[] =>
  tasks
    .filter((task) => task.instance === instance)
    .flatMap((task) => task.operators)
    .filter((entry) => entry.operator === operator)
    .flatMap((entry) => entry.parts.map((one) => one.file));

describe('planRecovery', () => {
  test('a crash moves no key: every instance reads its own part', () => {
    const tasks = planRecovery(manifestOf(3), planOf(3));
    for (let instance = 0; instance < 3; instance += 1) {
      expect(filesFor(tasks, 'totals', instance)).toEqual([`totals-${instance}`]);
      expect(filesFor(tasks, 'numbers', instance)).toEqual([`numbers-${instance}`]);
    }
  });

  test('after a rescale keyed instances read the parts that hold groups of theirs, sources all', () => {
    const tasks = planRecovery(manifestOf(2), planOf(3));
    const before = planOf(2).tables[2]!;
    const after = planOf(3).tables[3]!;
    for (let instance = 0; instance < 3; instance += 1) {
      const owners = new Set<string>();
      for (let group = 1; group <= 64; group += 1) {
        if (after[group] === instance) owners.add(`totals-${before[group]}`);
      }
      expect(new Set(filesFor(tasks, 'totals', instance))).toEqual(owners);
      expect(filesFor(tasks, 'numbers', instance)).toEqual(['numbers-0', 'numbers-1']);
    }
  });

  test('what an instance had may be built on, as long as it has the same groups in the same chain', () => {
    const told = (manifest: Manifest, slots: number, data?: GraphData) =>
      planRecovery(manifest, planOf(slots, data))
        .flatMap((task) => task.operators)
        .map(({ operator, checkpoint }) => [operator, checkpoint]);
    const own = told(manifestOf(2), 2);
    expect(own).toHaveLength(6);
    expect(own.every(([, checkpoint]) => checkpoint === 7)).toBe(true);
    expect(told(manifestOf(2), 3).every(([, checkpoint]) => checkpoint === undefined)).toBe(true);
    // Another table of the same size.
    const before = manifestOf(2);
    const tables = { 2: before.tables[2]!.map((owner) => 1 - owner) };
    expect(new Map(told({ ...before, tables }, 2) as [string, unknown][]).get('totals')).toBe(
      undefined,
    );
    // Another chain has it now.
    const parts = before.parts.map((one) =>
      one.vertex === 'totals' ? { ...one, vertex: 'another' } : one,
    );
    expect(new Map(told({ ...before, parts }, 2) as [string, unknown][])).toEqual(
      new Map<string, unknown>([
        ['numbers', 7],
        ['totals', undefined],
        ['out', undefined],
      ]),
    );
  });

  test('another number of key groups is refused with both numbers', () => {
    const plan = planJob(graph, { slots: 2, keyGroups: 128 });
    expect(() => planRecovery(manifestOf(2), plan)).toThrowError(/64.*128/s);
  });

  test('output that a sink has promised is refused when the sink is gone, or another one', () => {
    const transactions = [{ operator: 'out', instance: 0, transaction: { rows: 3 } }];
    const manifest = { ...manifestOf(2), parts: [], transactions };
    expect(() => planRecovery(manifest, planOf(2))).not.toThrow();
    const without = { ...graph, nodes: graph.nodes.slice(0, 2) };
    expect(() => planRecovery(manifest, planOf(2, without))).toThrowError(/'out'.*does not have/s);
    const other = graph.nodes.map((one) => (one.id === 'out' ? { ...one, type: 'print' } : one));
    expect(() => planRecovery(manifest, planOf(2, { ...graph, nodes: other }))).toThrowError(
      expect.objectContaining({ code: 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE' }),
    );
  });

  test('state of an operator that is gone is refused, with its name', () => {
    const renamed = {
      ...graph,
      nodes: graph.nodes.map((one) => (one.id === 'totals' ? { ...one, id: 'sums' } : one)),
    };
    expect(() => planRecovery(manifestOf(2), planOf(2, renamed))).toThrowError(/'totals'/);
  });

  test('an operator that became another kind is refused, with both kinds', () => {
    const changed = {
      ...graph,
      nodes: graph.nodes.map((one) => (one.id === 'totals' ? { ...one, type: 'window' } : one)),
    };
    expect(() => planRecovery(manifestOf(2), planOf(2, changed))).toThrowError(
      /keyed-aggregate.*window/s,
    );
  });

  test('another job is refused', () => {
    expect(() => planRecovery(manifestOf(2), planOf(2, { ...graph, job: 'other' }))).toThrowError(
      /'job'.*'other'/s,
    );
  });
});
