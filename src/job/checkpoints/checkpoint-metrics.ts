import type { JobMetrics } from '../job-types.js';
import type { CheckpointDriver } from './checkpoint-driver.js';

/** What `job.metrics()` tells of checkpoints; all nothing before there can be any. */
export function checkpointMetrics(driver: CheckpointDriver | undefined): JobMetrics['checkpoints'] {
  return {
    completed: driver?.completed ?? 0,
    failed: driver?.failed ?? 0,
    last: driver?.lastEvent,
    ofRun: driver?.statistics.ofRun ?? { completed: 0, failed: 0 },
    inProgress: driver?.statistics.inProgress ?? [],
    history: driver?.statistics.history ?? [],
    summary: driver?.statistics.summary,
  };
}
