import { describe, expect, test } from 'vitest';
import type { Manifest, PartDescriptor } from '../../src/checkpoint/store.js';
import { planRecovery, replayedBarrierOf } from '../../src/job/recovery/recovery-plan.js';
import type { GraphData } from '../../src/stream/graph/graph.js';
import { planJob } from '../../src/stream/graph/planner.js';
import { node } from './graph-node.js';

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

  describe('what was in flight', () => {
    /** From both sources to both instances of `totals`, kept at both ends. */
    const inFlight = (): Manifest => {
      const manifest = manifestOf(2);
      return {
        ...manifest,
        parts: manifest.parts.map((one) => {
          const side = one.vertex === 'numbers' ? 'output' : 'input';
          const names = [0, 1].map((other) =>
            side === 'output'
              ? `~output:0:${one.instance}:${other}`
              : `~input:0:${other}:${one.instance}`,
          );
          const channels = names.map((name) => ({ operator: 'totals', name, bytes: 100 }));
          return { ...one, sections: [...one.sections, ...channels] };
        }),
      };
    };
    const channelsOf = (tasks: ReturnType<typeof planRecovery>, instance: number) =>
      tasks
        .filter((task) => task.vertex === 1 && task.instance === instance)
        .flatMap((task) => task.channels)
        .map(({ part: { file }, names }) => [file, ...names]);

    test('is read by the instance that it was sent to, from whichever part it is in', () => {
      const tasks = planRecovery(inFlight(), planOf(2));
      expect(channelsOf(tasks, 1)).toEqual([
        ['numbers-0', '~output:0:0:1'],
        ['numbers-1', '~output:0:1:1'],
        ['totals-1', '~input:0:0:1', '~input:0:1:1'],
      ]);
      // It is no state of the operator's: the producer's parts are not read for that.
      expect(filesFor(tasks, 'totals', 1)).toEqual(['totals-1']);
      expect(replayedBarrierOf(inFlight(), planOf(2))).toBe(undefined);
    });

    test('is read by those who own key groups of the instance it was sent to, behind a replayed barrier', () => {
      const tasks = planRecovery(inFlight(), planOf(3));
      const [before, after] = [planOf(2).tables[2]!, planOf(3).tables[3]!];
      for (let instance = 0; instance < 3; instance += 1) {
        const owners = new Set<number>();
        for (let group = 1; group <= 64; group += 1) {
          if (after[group] === instance) owners.add(before[group]!);
        }
        const want = [0, 1].flatMap((to) =>
          owners.has(to)
            ? [0, 1].flatMap((n) => [`~output:0:${n}:${to}`, `~input:0:${n}:${to}`])
            : [],
        );
        const names = channelsOf(tasks, instance).flatMap(([, ...some]) => some);
        expect(names.toSorted()).toEqual(want.toSorted());
        expect(names.length).toBeGreaterThan(0);
      }
      expect(replayedBarrierOf(inFlight(), planOf(3))).toBe(7);
      expect(replayedBarrierOf(manifestOf(2), planOf(3))).toBe(undefined);
    });

    test('is refused, never dropped, when its operator is gone', () => {
      const manifest = inFlight();
      const stateless = manifest.operators.map((one) =>
        one.id === 'totals' ? { ...one, stateful: false } : one,
      );
      const parts = manifest.parts.map((one) => ({
        ...one,
        sections: one.sections.filter(({ name }) => name.startsWith('~')),
      }));
      const [source, , sink] = graph.nodes;
      const without = { ...graph, nodes: [source!, { ...sink!, index: 1, inputs: [] }] };
      expect(() =>
        planRecovery({ ...manifest, operators: stateless, parts }, planOf(2, without)),
      ).toThrowError(/records in flight to operator 'totals'/);
    });
  });

  test('another job is refused', () => {
    expect(() => planRecovery(manifestOf(2), planOf(2, { ...graph, job: 'other' }))).toThrowError(
      /'job'.*'other'/s,
    );
  });
});
