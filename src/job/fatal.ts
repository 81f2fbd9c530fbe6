import type { ErrorCode } from '../base/errors.js';
import type { Failure } from '../base/failure.js';

/** What would fail in the same way however often it is tried: no restart is spent on it. */
const FATAL: ReadonlySet<string> = new Set<ErrorCode>([
  'ERR_HOLDFAST_BAD_OPTION',
  'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
  'ERR_HOLDFAST_CHECKPOINT_FORMAT',
  'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND',
  'ERR_HOLDFAST_COLLECT_LIMIT',
  'ERR_HOLDFAST_COMPILE',
  'ERR_HOLDFAST_DUPLICATE_UID',
  'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
  'ERR_HOLDFAST_GRAPH_MISMATCH',
  'ERR_HOLDFAST_JOB_BUILD',
  'ERR_HOLDFAST_JOB_MODULE',
  'ERR_HOLDFAST_KEY_GROUPS_MISMATCH',
  'ERR_HOLDFAST_SINK_CONTRACT',
  'ERR_HOLDFAST_SINK_OCCUPIED',
  'ERR_HOLDFAST_SINK_REWOUND',
  'ERR_HOLDFAST_SOURCE_CHANGED',
]);

export function isFatal(failure: Failure): boolean {
  return failure.code !== undefined && FATAL.has(failure.code);
}
