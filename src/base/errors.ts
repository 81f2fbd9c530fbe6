/**
 * The one error class that Holdfast throws, and the list of its codes.
 *
 * A message says what was wrong and what to do about it; the code is what programs branch on.
 */

export type ErrorCode =
  | 'ERR_HOLDFAST_ALREADY_FINISHED'
  | 'ERR_HOLDFAST_ASYNC_CALLBACK'
  | 'ERR_HOLDFAST_BAD_CHILD_SPEC'
  | 'ERR_HOLDFAST_BAD_OPTION'
  | 'ERR_HOLDFAST_CANCELED'
  | 'ERR_HOLDFAST_CHECKPOINT_CORRUPT'
  | 'ERR_HOLDFAST_CHECKPOINT_DIRECTORY'
  | 'ERR_HOLDFAST_CHECKPOINT_FAILED'
  | 'ERR_HOLDFAST_CHECKPOINT_FORMAT'
  | 'ERR_HOLDFAST_CHECKPOINT_LOCKED'
  | 'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND'
  | 'ERR_HOLDFAST_CHECKPOINT_STORE'
  | 'ERR_HOLDFAST_CHILD_ENDED'
  | 'ERR_HOLDFAST_COLLECT_LIMIT'
  | 'ERR_HOLDFAST_COMPILE'
  | 'ERR_HOLDFAST_CONTROL'
  | 'ERR_HOLDFAST_DUPLICATE_UID'
  | 'ERR_HOLDFAST_GRAPH_INCOMPATIBLE'
  | 'ERR_HOLDFAST_GRAPH_MISMATCH'
  | 'ERR_HOLDFAST_INTERNAL'
  | 'ERR_HOLDFAST_JOB_BUILD'
  | 'ERR_HOLDFAST_JOB_MODULE'
  | 'ERR_HOLDFAST_KEY_GROUPS_MISMATCH'
  | 'ERR_HOLDFAST_MALFORMED_RECORD'
  | 'ERR_HOLDFAST_NO_TIMESTAMP'
  | 'ERR_HOLDFAST_NOT_RUNNING'
  | 'ERR_HOLDFAST_PROCESS_DIED'
  | 'ERR_HOLDFAST_RESTART_BUDGET'
  | 'ERR_HOLDFAST_SINK'
  | 'ERR_HOLDFAST_SINK_CONTRACT'
  | 'ERR_HOLDFAST_SINK_OCCUPIED'
  | 'ERR_HOLDFAST_SINK_REWOUND'
  | 'ERR_HOLDFAST_SOURCE'
  | 'ERR_HOLDFAST_SOURCE_CHANGED'
  | 'ERR_HOLDFAST_STATE_MIGRATION'
  | 'ERR_HOLDFAST_UNSUPPORTED_KEY'
  | 'ERR_HOLDFAST_UNSUPPORTED_VALUE'
  | 'ERR_HOLDFAST_UNTRANSFERABLE_RECORD'
  | 'ERR_HOLDFAST_USER_CODE'
  | 'ERR_HOLDFAST_WORKER_DIED'
  | 'ERR_HOLDFAST_WORKER_HUNG'
  | 'ERR_HOLDFAST_WORKER_OUT_OF_MEMORY';

export interface HoldfastErrorOptions {
  readonly cause?: unknown;
  /** Plain data for programs: what was given, the file, the checksums. Kept as properties of `details`. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export class HoldfastError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HoldfastError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

export function isHoldfastError(value: unknown, code?: ErrorCode): value is HoldfastError {
  return value instanceof HoldfastError && (code === undefined || value.code === code);
}
