/**
 * The model of a view of a running job. Reports are folded into it. It has no clock and no terminal: `now` is an
 * argument, and `live-view.ts` draws.
 */

import type { GuardedMetrics, ProcessRestartedEvent } from '../guardian/guarded-job.js';
import type {
  CheckpointEvent,
  JobProgress,
  JobStatus,
  RestartedEvent,
  SlotInfo,
} from '../job/job-types.js';
import { isStored } from './describe-event.js';

export interface Mishap {
  readonly atMs: number;
  /** What failed: `slot 1`, `process`. */
  readonly what: string;
  readonly cause: string;
  /** Undefined until it has recovered. */
  readonly recovery:
    | {
        readonly detectMs: number;
        readonly recoverMs: number;
        readonly checkpoint: number | undefined;
        readonly replayed: number;
      }
    | undefined;
}

const MISHAPS_SHOWN = 12;
const RATE_OVER_MS = 1_000;
const RATES_KEPT = 32;

export class JobView {
  readonly startedMs: number;
  name = '';
  run = '';
  pid: number | undefined;
  status: JobStatus = 'starting';
  progress: JobProgress = { sourceRecords: 0, sinkRecords: 0 };
  slots: readonly SlotInfo[] = [];
  checkpoint: { readonly event: CheckpointEvent; readonly atMs: number } | undefined;
  metrics: GuardedMetrics | undefined;
  checkpointsCompleted = 0;
  /** The job keeps checkpoints in a place. Otherwise they only commit output. */
  hasStored = false;
  checkpointsFailed = 0;
  mishaps: readonly Mishap[] = [];
  /** Source records per second, oldest first; drawn as a small curve. */
  rates: readonly number[] = [];
  #samples: { atMs: number; records: number }[] = [];

  constructor(nowMs: number) {
    this.startedMs = nowMs;
  }

  handleProgress(progress: JobProgress, slots: readonly SlotInfo[], nowMs: number): void {
    this.progress = progress;
    this.slots = slots;
    const last = this.#samples.at(-1);
    // A restore sets the position back, and the rate would be negative.
    if (last !== undefined && progress.sourceRecords < last.records) this.#samples = [];
    this.#samples.push({ atMs: nowMs, records: progress.sourceRecords });
    while (this.#samples.length > 2 && this.#samples[0]!.atMs < nowMs - RATE_OVER_MS) {
      this.#samples.shift();
    }
    this.rates = [...this.rates, this.rate].slice(-RATES_KEPT);
  }

  /** Source records per second over the last second. */
  get rate(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return ((last.records - first.records) / (last.atMs - first.atMs)) * 1_000;
  }

  handleCheckpoint(event: CheckpointEvent, nowMs: number): void {
    this.hasStored ||= isStored(event);
    if (event.kind === 'completed') {
      this.checkpointsCompleted += 1;
      this.checkpoint = { event, atMs: nowMs };
    } else {
      this.checkpointsFailed += 1;
    }
  }

  /** A part of the job has failed. */
  handleFailure(what: string, cause: string, nowMs: number): void {
    const open = this.mishaps.at(-1);
    // A failure during the recovery belongs to the same mishap.
    if (open !== undefined && open.recovery === undefined) return;
    this.#add({ atMs: nowMs, what, cause, recovery: undefined });
  }

  handleRestarted(event: RestartedEvent | ProcessRestartedEvent, nowMs: number): void {
    const isThread = 'slot' in event;
    const what = isThread ? `slot ${event.slot ?? '?'}` : 'process';
    const { cause, detectMs, recoverMs, checkpoint, replayed } = event;
    const recovery = { detectMs, recoverMs, checkpoint, replayed };
    const open = this.mishaps.at(-1);
    if (open?.recovery === undefined && open !== undefined) {
      this.mishaps = [...this.mishaps.slice(0, -1), { ...open, what, cause, recovery }];
    } else {
      this.#add({ atMs: nowMs, what, cause, recovery });
    }
  }

  #add(mishap: Mishap): void {
    this.mishaps = [...this.mishaps, mishap].slice(-MISHAPS_SHOWN);
  }
}
