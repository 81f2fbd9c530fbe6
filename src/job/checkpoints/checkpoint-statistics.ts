/**
 * Keeps what a job's checkpoints cost: takes the times on the driver's side, and hands the history to the store now
 * and then.
 *
 * Nothing waits for it. It writes at the end of a checkpoint, if the last write was long ago, and at the job's end.
 * When the store fails to keep the history, the next write tries again (checkpoint/statistics.ts, S2).
 */

import type { Failure } from '../../base/failure.js';
import { sharedMs } from '../../base/shared-clock.js';
import {
  CheckpointHistory,
  type CheckpointKind,
  CheckpointMeter,
  type CheckpointStatistics,
  type CheckpointSummary,
  decodeStatistics,
  encodeStatistics,
  summaryOf,
} from '../../checkpoint/statistics.js';
import type { CheckpointStore, PartDescriptor } from '../../checkpoint/store.js';
import type { CapturedPart } from '../../workloads/streams/stream-types.js';
import { stateBytesOf } from './part-writer.js';

/** Least time between two writes. */
const WRITE_INTERVAL_MS = 5_000;

interface Open {
  readonly meter: CheckpointMeter;
  readonly sharedMs: number;
}

export class CheckpointStatisticsKeeper {
  readonly #store: CheckpointStore | undefined;
  readonly #history: CheckpointHistory;
  readonly #open = new Map<number, Open>();
  /** The work under way: reading what was kept, then one write after the other. */
  #work: Promise<void>;
  #writtenAtMs = Number.NEGATIVE_INFINITY;

  constructor(run: string, store: CheckpointStore | undefined) {
    this.#store = store;
    this.#history = new CheckpointHistory(run);
    this.#work = this.#restore();
  }

  triggered(checkpoint: number, kind: CheckpointKind, tasksTotal: number): void {
    const meter = new CheckpointMeter({
      checkpoint,
      kind,
      triggeredAtMs: Date.now(),
      tasksTotal,
    });
    this.#open.set(checkpoint, { meter, sharedMs: sharedMs() });
  }

  /** @param writeMs time that the store took for the part */
  acknowledged(
    vertex: string,
    part: CapturedPart,
    descriptor: PartDescriptor | undefined,
    writeMs: number,
  ): void {
    const open = this.#open.get(part.checkpoint);
    if (open === undefined) return;
    // The clocks of threads agree to some microseconds: a time below 0 counts as 0.
    const since = (ms: number) => Math.max(0, ms - open.sharedMs);
    open.meter.acknowledged({
      vertex,
      instance: part.instance,
      startDelayMs: since(part.cutAtMs - part.alignMs),
      alignMs: part.alignMs,
      cutMs: part.cutMs,
      captureMs: part.captureMs,
      writeMs,
      acknowledgeMs: since(sharedMs()),
      bytes: descriptor?.bytes ?? 0,
      ...stateBytesOf(descriptor === undefined ? [] : [descriptor]),
      inFlightBytes: part.inFlightBytes,
      overtaken: part.overtaken,
    });
  }

  manifestWritten(checkpoint: number, manifestMs: number): void {
    const open = this.#open.get(checkpoint);
    if (open !== undefined) open.meter.manifestMs = manifestMs;
  }

  /** The checkpoint is complete, and its sinks have committed. */
  completed(checkpoint: number, durationMs: number, commitMs: number): CheckpointStatistics {
    const { meter } = this.#open.get(checkpoint)!;
    meter.commitMs = commitMs;
    return this.#end(checkpoint, meter.statistics('completed', durationMs));
  }

  failed(checkpoint: number, failure: Failure): CheckpointStatistics {
    const open = this.#open.get(checkpoint)!;
    return this.#end(checkpoint, open.meter.statistics('failed', lastedMs(open), failure));
  }

  get inProgress(): readonly CheckpointStatistics[] {
    return [...this.#open.values()].map((open) =>
      open.meter.statistics('in progress', lastedMs(open)),
    );
  }

  /** Newest last. */
  get history(): readonly CheckpointStatistics[] {
    return [...this.#history.ended];
  }

  get summary(): CheckpointSummary | undefined {
    return summaryOf(this.#history.ended);
  }

  /** Counts of the whole run, over all its processes. */
  get ofRun(): { readonly completed: number; readonly failed: number } {
    const { completed, failed } = this.#history;
    return { completed, failed };
  }

  /** Hands the history to the store. Resolves when the store has it, or has failed to keep it. */
  flush(): Promise<void> {
    const store = this.#store;
    if (store?.writeStatistics === undefined) return this.#work;
    this.#writtenAtMs = performance.now();
    this.#work = this.#work
      // Encoded only then: by then what was kept has been read.
      .then(() => store.writeStatistics?.(encodeStatistics(this.#history.record())))
      .catch(() => {});
    return this.#work;
  }

  #end(checkpoint: number, statistics: CheckpointStatistics): CheckpointStatistics {
    this.#open.delete(checkpoint);
    this.#history.add(statistics);
    if (performance.now() - this.#writtenAtMs >= WRITE_INTERVAL_MS) void this.flush();
    return statistics;
  }

  async #restore(): Promise<void> {
    try {
      this.#history.restore(decodeStatistics(await this.#store?.readStatistics?.()));
    } catch {
      // The statistics begin anew.
    }
  }
}

function lastedMs(open: Open): number {
  return Math.max(0, sharedMs() - open.sharedMs);
}
