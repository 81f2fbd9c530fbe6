/**
 * All codes of errors, each with its consequences. The driver, which restarts or gives up, failures that cross threads,
 * and the command line use this one table.
 */

/** Sorts failures by what happened. */
export type FailureKind =
  | 'user-code'
  | 'source'
  | 'sink'
  | 'checkpoint'
  | 'build'
  | 'thread-error'
  | 'thread-exit'
  | 'out-of-memory'
  | 'hung'
  | 'unresponsive'
  | 'process-death'
  | 'internal';

interface Consequences {
  /**
   * A failure of one of these kinds gets this code if what was thrown has none of ours. Uncaught errors count as user
   * code. No kind stands in two entries.
   */
  readonly kinds?: readonly FailureKind[];
  /** The error would come again at every try, so no restart is spent on it. */
  readonly fatal?: true;
  /** Exit code of the command line. Default 1. */
  readonly exitCode?: number;
}

const CODES = {
  ERR_HOLDFAST_ACTOR_DEFINITION: { fatal: true },
  ERR_HOLDFAST_ACTOR_EXISTS: {},
  ERR_HOLDFAST_ACTOR_LIMIT: {},
  ERR_HOLDFAST_ACTOR_MODULE: { fatal: true },
  ERR_HOLDFAST_ACTOR_STOPPED: {},
  ERR_HOLDFAST_ALREADY_FINISHED: {},
  ERR_HOLDFAST_ASK_CYCLE: {},
  ERR_HOLDFAST_ASK_TIMEOUT: {},
  ERR_HOLDFAST_ASYNC_CALLBACK: {},
  ERR_HOLDFAST_ASYNC_RETRIES_SPENT: {},
  ERR_HOLDFAST_ASYNC_TIMEOUT: {},
  ERR_HOLDFAST_BAD_CHILD_SPEC: {},
  ERR_HOLDFAST_BAD_OPTION: { fatal: true, exitCode: 2 },
  ERR_HOLDFAST_BAD_WATERMARK: {},
  ERR_HOLDFAST_CANCELED: {},
  ERR_HOLDFAST_CANNOT_RETRACT: { fatal: true },
  ERR_HOLDFAST_CHANGELOG: {},
  ERR_HOLDFAST_CHANGELOG_ROW: {},
  ERR_HOLDFAST_CHECKPOINT_CORRUPT: { fatal: true },
  ERR_HOLDFAST_CHECKPOINT_DIRECTORY: {},
  ERR_HOLDFAST_CHECKPOINT_FAILED: { kinds: ['checkpoint'] },
  ERR_HOLDFAST_CHECKPOINT_FORMAT: { fatal: true },
  ERR_HOLDFAST_CHECKPOINT_LOCKED: {},
  ERR_HOLDFAST_CHECKPOINT_NOT_FOUND: { fatal: true },
  ERR_HOLDFAST_CHECKPOINT_STORE: {},
  ERR_HOLDFAST_CHILD_ENDED: {},
  ERR_HOLDFAST_CODEC: { fatal: true },
  ERR_HOLDFAST_COLLECT_LIMIT: { fatal: true },
  ERR_HOLDFAST_COMPILE: { fatal: true },
  ERR_HOLDFAST_CONTROL: { kinds: ['unresponsive'] },
  ERR_HOLDFAST_DUPLICATE_UID: { fatal: true },
  ERR_HOLDFAST_ENVIRONMENT: { fatal: true },
  ERR_HOLDFAST_FUTURE_TIMESTAMP: {},
  ERR_HOLDFAST_GRAPH_INCOMPATIBLE: { fatal: true },
  ERR_HOLDFAST_GRAPH_MISMATCH: { fatal: true },
  ERR_HOLDFAST_INEXACT_SUM: {},
  ERR_HOLDFAST_INTERNAL: { kinds: ['internal'] },
  ERR_HOLDFAST_JOB_BUILD: { kinds: ['build'], fatal: true },
  ERR_HOLDFAST_JOB_MODULE: { fatal: true },
  ERR_HOLDFAST_KEY_GROUPS_MISMATCH: { fatal: true },
  ERR_HOLDFAST_MAILBOX_FULL: {},
  ERR_HOLDFAST_MAILBOX_RING: {},
  ERR_HOLDFAST_MALFORMED_RECORD: {},
  ERR_HOLDFAST_NO_TIMESTAMP: {},
  ERR_HOLDFAST_NOT_RUNNING: {},
  ERR_HOLDFAST_OPERATOR_CONTRACT: { fatal: true },
  ERR_HOLDFAST_OUTSIDE_CALLBACK: {},
  ERR_HOLDFAST_POOL_MODULE: { fatal: true },
  ERR_HOLDFAST_POOL_THREAD_DIED: {},
  ERR_HOLDFAST_PROBE: {},
  ERR_HOLDFAST_PROCESS_DIED: { kinds: ['process-death'] },
  ERR_HOLDFAST_RESTART_BUDGET: {},
  ERR_HOLDFAST_SINK: { kinds: ['sink'] },
  ERR_HOLDFAST_SINK_CONTRACT: { fatal: true },
  ERR_HOLDFAST_SINK_OCCUPIED: { fatal: true },
  ERR_HOLDFAST_SINK_REWOUND: { fatal: true },
  ERR_HOLDFAST_SOURCE: { kinds: ['source'] },
  ERR_HOLDFAST_SOURCE_CHANGED: { fatal: true },
  ERR_HOLDFAST_SOURCE_CONTRACT: { fatal: true },
  ERR_HOLDFAST_STATE_MIGRATION: {},
  ERR_HOLDFAST_SUM_OVERFLOW: {},
  ERR_HOLDFAST_UNKNOWN_ACTOR: {},
  ERR_HOLDFAST_UNKNOWN_HANDLER: {},
  ERR_HOLDFAST_UNSUPPORTED_KEY: {},
  ERR_HOLDFAST_UNSUPPORTED_VALUE: {},
  ERR_HOLDFAST_UNTRANSFERABLE_RECORD: {},
  ERR_HOLDFAST_USER_CODE: { kinds: ['user-code', 'thread-error'] },
  ERR_HOLDFAST_WORKER_DIED: { kinds: ['thread-exit'] },
  ERR_HOLDFAST_WORKER_HUNG: { kinds: ['hung'] },
  ERR_HOLDFAST_WORKER_OUT_OF_MEMORY: { kinds: ['out-of-memory'] },
} as const satisfies Readonly<Record<`ERR_HOLDFAST_${string}`, Consequences>>;

export type ErrorCode = keyof typeof CODES;

const table: Readonly<Record<string, Consequences>> = CODES;
export const errorCodes = Object.keys(CODES) as readonly ErrorCode[];

/** The code of a failure of this kind, if what was thrown has none. */
export function codeOfKind(kind: FailureKind): ErrorCode {
  return errorCodes.find((code) => table[code]?.kinds?.includes(kind)) ?? 'ERR_HOLDFAST_INTERNAL';
}

/** The kind that a code stands for; `internal` for a code without one. */
export function kindOfCode(code: ErrorCode): FailureKind {
  return table[code]?.kinds?.[0] ?? 'internal';
}

/** @param code the code of anything that was thrown, ours or not */
export function isFatalCode(code: string | undefined): boolean {
  return code !== undefined && Object.hasOwn(table, code) && table[code]?.fatal === true;
}

/** The exit code of the command line after an error with this code. */
export function exitCodeOf(code: ErrorCode): number {
  return table[code]?.exitCode ?? 1;
}
