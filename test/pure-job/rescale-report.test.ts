/** The report of a rescale, against what the recovery plan hands to whom. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../src/checkpoint/store.js';
import { planRecovery } from '../../src/job/recovery/recovery-plan.js';
import { rescaleReport } from '../../src/job/recovery/rescale-report.js';
import type { GraphData } from '../../src/stream/graph/graph.js';
import { planJob } from '../../src/stream/graph/planner.js';
import { node } from './graph-node.js';

/** A keyed operator that scales with the job, one with two instances for ever, and a sink without keys. */
const graph: GraphData = {
  job: 'job',
  hash: 'hash',
  nodes: [
    node(0, 'numbers', { kind: 'source', type: 'generate' }),
    node(1, 'totals', { inputs: [{ from: 0, partition: 'hash' }] }),
    node(2, 'pair', { inputs: [{ from: 1, partition: 'hash' }], parallelism: 2 }),
    node(3, 'out', {
      kind: 'sink',
      type: 'collect',
      inputs: [{ from: 2, partition: 'rebalance' }],
    }),
  ],
};

const planOf = (slots: number, keyGroups: number) => planJob(graph, { slots, keyGroups });

function manifestOf(slots: number, keyGroups: number): Manifest {
  const plan = planOf(slots, keyGroups);
  return {
    format: 1,
    job: 'job',
    run: 'run',
    checkpoint: 7,
    epoch: 3,
    createdAtMs: 0,
    graphHash: 'hash',
    keyGroups,
    mode: 'exactly-once',
    final: false,
    operators: plan.vertices.map(({ id, parallelism }) => {
      const { type, stateful } = graph.nodes.find((one) => one.id === id)!;
      return { id, type, stateful, parallelism, vertex: id };
    }),
    tables: Object.fromEntries(
      Object.entries(plan.tables).map(([q, table]) => [q, [...table.subarray(1)]]),
    ),
    parts: plan.vertices.flatMap(({ id, parallelism }) =>
      Array.from({ length: parallelism }, (_, instance) => ({
        file: `${id}-${instance}`,
        bytes: 1,
        sha256: '',
        vertex: id,
        instance,
        sections: [{ operator: id, name: 'state', bytes: 1 }],
      })),
    ),
    transactions: [],
    sourceRecords: {},
    holdfast: '0',
    node: 'v20',
  };
}

const anySlots = fc.integer({ min: 2, max: 12 });
const anyKeyGroups = fc.constantFrom(32, 64, 1_024);

describe('the report of a rescale', () => {
  test('counts the groups whose state the recovery plan hands to another instance (I18)', () => {
    fc.assert(
      fc.property(anySlots, anySlots, anyKeyGroups, (before, after, keyGroups) => {
        fc.pre(before !== after);
        const manifest = manifestOf(before, keyGroups);
        const plan = planOf(after, keyGroups);
        const totals = plan.vertices.find(({ id }) => id === 'totals')!;
        const table = plan.tables[after]!;
        const old = manifest.tables[String(before)]!;
        const owned = new Array<number>(keyGroups + 1).fill(0);
        let handedOver = 0;
        for (const { vertex, instance, operators } of planRecovery(manifest, plan)) {
          if (vertex !== totals.index) continue;
          const given = operators.find(({ operator }) => operator === 'totals')?.parts ?? [];
          for (let group = 1; group <= keyGroups; group += 1) {
            if (table[group] !== instance) continue;
            owned[group]! += 1;
            const from = given.filter((part) => part.instance === old[group - 1]);
            expect(from).toHaveLength(1);
            if (from[0]!.instance !== instance) handedOver += 1;
          }
        }
        expect(owned.slice(1)).toEqual(new Array(keyGroups).fill(1));
        const event = rescaleReport(manifest, plan)!;
        expect(event.checkpoint).toBe(7);
        expect(event.operators).toMatchObject([
          { operator: 'totals', before, after, keyGroups, moved: handedOver },
        ]);
        expect(handedOver).toBeGreaterThanOrEqual(event.operators[0]!.leastPossible);
      }),
    );
  });

  test('is not made when keyed operators have as many instances as before', () => {
    expect(rescaleReport(manifestOf(3, 64), planOf(3, 64))).toBeUndefined();
  });
});
