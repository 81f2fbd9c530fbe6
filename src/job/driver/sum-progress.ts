import type { JobProgress } from '../job-types.js';

export function sumProgress(parts: readonly JobProgress[]): JobProgress {
  let [sourceRecords, sinkRecords] = [0, 0];
  for (const part of parts) {
    sourceRecords += part.sourceRecords;
    sinkRecords += part.sinkRecords;
  }
  return { sourceRecords, sinkRecords };
}
