/**
 * What checkpoints have cost: figures per task, per checkpoint, and over past checkpoints.
 *
 * Every time is a length in milliseconds on one clock, except for `triggeredAtMs`. The threads of a process share the
 * clock (base/shared-clock.ts), so a length may begin on one thread and end on another.
 *
 *     trigger ──start delay──▶ first barrier ──alignment──▶ cut ──capture──▶ sent ──write──▶ acknowledged
 *
 *  S1  A history holds the newest `HISTORY_MAX` checkpoints. Older ones are forgotten; the counts stay.
 *  S2  Statistics decide nothing. The kept ones may be lost or torn; then they begin anew.
 */

import type { Failure } from '../base/failure.js';

/** How many ended checkpoints a history keeps. */
export const HISTORY_MAX = 100;
/** The history keeps the figures of up to this many tasks; of more tasks it keeps only the spreads. */
export const TASKS_KEPT_MAX = 64;

export interface TaskCheckpointStatistics {
  /** Id of the task's chain. */
  readonly vertex: string;
  readonly instance: number;
  /** From the trigger to the task's first barrier; for a source, until it sends its own barrier. */
  readonly startDelayMs: number;
  /** From the first barrier to the last, or until the part was taken before all barriers had come. */
  readonly alignMs: number;
  /** The first piece of `captureMs`, for which the task stood still. */
  readonly cutMs: number;
  /** From the cut until everything was captured, while the task worked on. */
  readonly captureMs: number;
  /** Time that the store took. */
  readonly writeMs: number;
  /** From the trigger until its part was durable. */
  readonly acknowledgeMs: number;
  /** Size of the part's file. */
  readonly bytes: number;
  /** Of these bytes, state that was written in full, and changes of state. */
  readonly fullBytes: number;
  readonly deltaBytes: number;
  /** Of these bytes, records that barriers have overtaken. */
  readonly inFlightBytes: number;
  /** The part was taken before all barriers had come. */
  readonly overtaken: boolean;
}

/** A spread over the tasks of one checkpoint, or over checkpoints. */
export interface Spread {
  readonly min: number;
  readonly max: number;
  readonly average: number;
}

export type CheckpointKind = 'periodic' | 'manual' | 'savepoint' | 'stop' | 'final';

export interface CheckpointStatistics {
  readonly checkpoint: number;
  /** Why it was taken. */
  readonly kind: CheckpointKind;
  readonly status: 'in progress' | 'completed' | 'failed';
  readonly failure?: Failure | undefined;
  /** Wall clock, milliseconds since 1970. */
  readonly triggeredAtMs: number;
  /** From the trigger to the durable manifest; for a failed one to its end, for one in progress until now. */
  readonly durationMs: number;
  /** How many tasks there are, and how many of them have a durable part. */
  readonly tasksTotal: number;
  readonly tasksAcknowledged: number;
  /** Over the tasks that have acknowledged; undefined before the first. */
  readonly phases: Readonly<Record<CheckpointPhase, Spread>> | undefined;
  /** How long it took to make the manifest durable; 0 when there was none. */
  readonly manifestMs: number;
  /** Time for sinks to make their output visible, after `durationMs`. 0 when they made none visible. */
  readonly commitMs: number;
  readonly bytes: number;
  readonly fullBytes: number;
  readonly deltaBytes: number;
  readonly inFlightBytes: number;
  /** Empty when there are more than `TASKS_KEPT_MAX`. */
  readonly tasks: readonly TaskCheckpointStatistics[];
}

const PHASES = [
  'startDelayMs',
  'alignMs',
  'cutMs',
  'captureMs',
  'writeMs',
  'acknowledgeMs',
] as const satisfies readonly (keyof TaskCheckpointStatistics)[];

export type CheckpointPhase = (typeof PHASES)[number];

export interface Percentiles extends Spread {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Over the completed checkpoints of a history. */
export interface CheckpointSummary {
  readonly count: number;
  readonly durationMs: Percentiles;
  /** Over the longest alignment of each checkpoint. */
  readonly alignMs: Percentiles;
  readonly bytes: Percentiles;
}

/** What is kept across restarts of the process. JSON data. */
export interface StatisticsRecord {
  readonly format: 1;
  /** The run that the figures are of; another run's figures are not used. */
  readonly run: string;
  readonly completed: number;
  readonly failed: number;
  /** Newest last. */
  readonly history: readonly CheckpointStatistics[];
}

/** A checkpoint's figures while its parts come in. */
export class CheckpointMeter {
  readonly checkpoint: number;
  readonly #kind: CheckpointKind;
  readonly #triggeredAtMs: number;
  readonly #tasksTotal: number;
  readonly #tasks: TaskCheckpointStatistics[] = [];
  manifestMs = 0;
  commitMs = 0;

  constructor(given: {
    readonly checkpoint: number;
    readonly kind: CheckpointKind;
    readonly triggeredAtMs: number;
    readonly tasksTotal: number;
  }) {
    this.checkpoint = given.checkpoint;
    this.#kind = given.kind;
    this.#triggeredAtMs = given.triggeredAtMs;
    this.#tasksTotal = given.tasksTotal;
  }

  acknowledged(task: TaskCheckpointStatistics): void {
    this.#tasks.push(task);
  }

  /** The figures as of now, or as of the end. */
  statistics(
    status: CheckpointStatistics['status'],
    durationMs: number,
    failure?: Failure,
  ): CheckpointStatistics {
    const tasks = this.#tasks;
    const sum = (of: 'bytes' | 'fullBytes' | 'deltaBytes' | 'inFlightBytes') =>
      tasks.reduce((total, task) => total + task[of], 0);
    return {
      checkpoint: this.checkpoint,
      kind: this.#kind,
      status,
      ...(failure === undefined ? {} : { failure }),
      triggeredAtMs: this.#triggeredAtMs,
      durationMs,
      tasksTotal: this.#tasksTotal,
      tasksAcknowledged: tasks.length,
      phases: tasks.length === 0 ? undefined : phasesOf(tasks),
      manifestMs: this.manifestMs,
      commitMs: this.commitMs,
      bytes: sum('bytes'),
      fullBytes: sum('fullBytes'),
      deltaBytes: sum('deltaBytes'),
      inFlightBytes: sum('inFlightBytes'),
      tasks: tasks.length > TASKS_KEPT_MAX ? [] : [...tasks],
    };
  }
}

/** The checkpoints of the past, newest last (S1). */
export class CheckpointHistory {
  readonly #run: string;
  #ended: CheckpointStatistics[] = [];
  completed = 0;
  failed = 0;

  constructor(run: string) {
    this.#run = run;
  }

  get ended(): readonly CheckpointStatistics[] {
    return this.#ended;
  }

  add(statistics: CheckpointStatistics): void {
    if (statistics.status === 'completed') this.completed += 1;
    else this.failed += 1;
    this.#ended.push(statistics);
    if (this.#ended.length > HISTORY_MAX) this.#ended.shift();
  }

  /** Takes over what an earlier process of the same run has kept. */
  restore(record: StatisticsRecord | undefined): void {
    if (record?.run !== this.#run) return;
    this.#ended = [...record.history, ...this.#ended].slice(-HISTORY_MAX);
    this.completed += record.completed;
    this.failed += record.failed;
  }

  record(): StatisticsRecord {
    return {
      format: 1,
      run: this.#run,
      completed: this.completed,
      failed: this.failed,
      history: this.#ended,
    };
  }
}

/** @returns undefined when none has completed */
export function summaryOf(history: readonly CheckpointStatistics[]): CheckpointSummary | undefined {
  const completed = history.filter(({ status }) => status === 'completed');
  if (completed.length === 0) return undefined;
  return {
    count: completed.length,
    durationMs: percentilesOf(completed.map(({ durationMs }) => durationMs)),
    alignMs: percentilesOf(completed.map(({ phases }) => phases?.alignMs.max ?? 0)),
    bytes: percentilesOf(completed.map(({ bytes }) => bytes)),
  };
}

export function encodeStatistics(record: StatisticsRecord): Uint8Array {
  return Buffer.from(`${JSON.stringify(record)}\n`);
}

/** @returns undefined when this is no such record: torn, or of another version (S2) */
export function decodeStatistics(bytes: Uint8Array | undefined): StatisticsRecord | undefined {
  if (bytes === undefined) return undefined;
  try {
    const record = JSON.parse(Buffer.from(bytes).toString('utf8')) as StatisticsRecord | null;
    const isOurs =
      record?.format === 1 &&
      typeof record.run === 'string' &&
      Number.isSafeInteger(record.completed) &&
      Number.isSafeInteger(record.failed) &&
      Array.isArray(record.history) &&
      record.history.every(isStatistics);
    return isOurs ? record : undefined;
  } catch {
    return undefined;
  }
}

function isStatistics(given: Partial<CheckpointStatistics> | null): boolean {
  return (
    Number.isSafeInteger(given?.checkpoint) &&
    typeof given?.kind === 'string' &&
    (given.status === 'completed' || given.status === 'failed') &&
    [given.triggeredAtMs, given.durationMs, given.bytes, given.manifestMs, given.commitMs].every(
      Number.isFinite,
    ) &&
    [given.fullBytes, given.deltaBytes, given.inFlightBytes].every(Number.isFinite) &&
    (given.phases === undefined ||
      PHASES.every((phase) => Number.isFinite(given.phases?.[phase]?.max))) &&
    Array.isArray(given.tasks)
  );
}

function phasesOf(
  tasks: readonly TaskCheckpointStatistics[],
): Readonly<Record<CheckpointPhase, Spread>> {
  const spread = (phase: CheckpointPhase) => spreadOf(tasks.map((task) => task[phase]));
  return {
    startDelayMs: spread('startDelayMs'),
    alignMs: spread('alignMs'),
    cutMs: spread('cutMs'),
    captureMs: spread('captureMs'),
    writeMs: spread('writeMs'),
    acknowledgeMs: spread('acknowledgeMs'),
  };
}

function spreadOf(values: readonly number[]): Spread {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  return { min, max, average: sum / values.length };
}

function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  // Nearest rank, so that the result is a value that occurred.
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
  return { ...spreadOf(values), p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
