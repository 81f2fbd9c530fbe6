/** What a start moves when its parallelism is not that of the restored checkpoint: pure. */

import type { Manifest } from '../../checkpoint/store.js';
import { movesReport } from '../../hashring/moves-report.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import type { RescaledEvent, RescaledOperator } from '../job-types.js';

/** Undefined when every keyed operator has as many instances as in the checkpoint. */
export function rescaleReport(manifest: Manifest, plan: JobPlan): RescaledEvent | undefined {
  const operators = plan.vertices.flatMap(({ nodes, parallelism }) =>
    nodes.flatMap((node): RescaledOperator[] => {
      const { id, inputs } = plan.graph.nodes[node]!;
      const before = manifest.operators.find((operator) => operator.id === id);
      const isKeyed = inputs.some(({ partition }) => partition === 'hash');
      if (!isKeyed || before === undefined || before.parallelism === parallelism) return [];
      const old = manifest.tables[String(before.parallelism)];
      const table = plan.tables[parallelism];
      if (old === undefined || table === undefined) return [];
      const report = movesReport(
        { owners: old, instances: before.parallelism },
        { owners: table.subarray(1), instances: parallelism },
      );
      return [{ operator: id, before: before.parallelism, after: parallelism, ...report }];
    }),
  );
  return operators.length === 0 ? undefined : { checkpoint: manifest.checkpoint, operators };
}
