/** How far each region had come at a checkpoint, from what its tasks told with their parts. */

import type { JobPlan } from '../../stream/graph/plan.js';
import type { RegionPoint } from '../driver/progress.js';
import { taskKey } from './checkpoint-driver.js';
import type { PendingCheckpoint } from './make-manifest.js';

export function regionPoints(
  plan: JobPlan,
  { captured }: Pick<PendingCheckpoint, 'captured'>,
): readonly RegionPoint[] {
  return plan.regions.map(({ index, vertices }): RegionPoint => {
    const parts = captured.filter(({ vertex }) => vertices.includes(vertex));
    return {
      region: index,
      hasInFlight: parts.some(({ inFlightBytes }) => inFlightBytes > 0),
      tasks: parts.map(({ vertex, instance, sourceRecords: [source], records, watermarkMs }) => ({
        task: taskKey(vertex, instance),
        splits: source && [records, ...source.splits],
        records,
        timeMs: watermarkMs,
      })),
    };
  });
}
