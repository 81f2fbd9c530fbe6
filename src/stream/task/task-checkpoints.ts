/**
 * A task's part in checkpoints: when it is due, and what it holds beside the operators' state.
 *
 *  T1  An aligned part is taken when all barriers have come, between two elements. An overtaken part is taken
 *      between two records, when waiting has lasted long enough (at once in unaligned checkpoints), or when a
 *      producer says that it is urgent. A source takes its part when it is told to.
 *  T2  A task with sinks takes its part in checkpoint n only after the driver's `trigger(n)`, which comes
 *      behind every `abort` of an older one on the same lane. Barriers come on another lane and may be faster:
 *      without this wait, a sink could prepare n not knowing that what it prepared for n − 1 is void.
 *      Incremental snapshots also wait for `trigger`, which tells the checkpoint that they may build on.
 *      In all tasks announcements are looked at only after `trigger`, and so cost nothing at other times.
 *  T3  Each checkpoint is taken at most once, and never after its abort.
 *  T4  Aligned: a task completes its snapshot before it takes the next part, which may be due by then when
 *      checkpoints overlap. Meanwhile the task processes nothing from behind the next barrier; a source goes on,
 *      and takes the part later. A capture waits for nothing but the sink's promise, so this ends.
 *  T5  When barriers are waited for without a limit of time, nothing that is in flight is looked at.
 *  T6  A replayed barrier goes behind what operators have in flight: that was taken before what comes behind it.
 */

import { atPoint } from '../../base/protocol-points.js';
import type { Batch } from '../../channels/element.js';
import type { OvertakenOutput } from './overtaken-output.js';
import type { SinkTail } from './sink-tail.js';
import type { AlignedSnapshot, TaskInputs } from './task-inputs.js';
import type { TaskOutputs } from './task-outputs.js';
import type { InFlight, TaskPart, TaskSnapshots } from './task-snapshots.js';

export interface CheckpointsOptions {
  readonly inputs: TaskInputs;
  readonly outputs: TaskOutputs;
  readonly overtaken: OvertakenOutput;
  readonly snapshots: TaskSnapshots;
  readonly sinks: readonly { readonly tail: SinkTail }[];
  readonly isSource: boolean;
  /** Operators have taken records that have not gone out (operator.ts, O5). */
  readonly arePending: () => boolean;
  /** Snapshots may build on earlier ones: they wait for the driver's word, which tells on which (T2). */
  readonly incremental: boolean;
  /** Infinity: barriers are waited for until they come. */
  readonly alignedTimeoutMs: number;
  /** See P4 of task-inputs.ts. */
  readonly replayedBarrier: number | undefined;
}

/** A part to be taken now. */
export interface DuePart {
  /** `replayed`: no part is taken, the barrier is only passed on. */
  readonly kind: 'aligned' | 'overtaken' | 'replayed';
  readonly checkpoint: number;
  readonly alignMs: number;
}

export class TaskCheckpoints {
  readonly #given: CheckpointsOptions;
  /** Checkpoints that a source task was told to take, and has not taken. */
  #triggers: { readonly checkpoint: number; readonly sinceMs: number }[] = [];
  /** The newest checkpoint that was taken or given up (T3). */
  #last: number;
  /** The newest checkpoint that the driver has told of. */
  #told = 0;
  /** The checkpoint whose barriers have all come. No element is taken meanwhile. */
  #aligned: AlignedSnapshot | undefined;
  /** A source has the replayed barrier to pass on before its first record. */
  #replayPending: boolean;
  readonly #inFlight: InFlight;

  constructor(given: CheckpointsOptions) {
    this.#given = given;
    this.#last = given.replayedBarrier ?? 0;
    this.#replayPending = given.replayedBarrier !== undefined && given.isSource;
    const { inputs, overtaken } = given;
    this.#inFlight = {
      get complete() {
        return inputs.recorded && overtaken.complete;
      },
      take: () => [...inputs.takeRecorded(), ...overtaken.take()],
    };
  }

  trigger(checkpoint: number, now: number): void {
    this.#told = Math.max(this.#told, checkpoint);
    if (this.#given.isSource && checkpoint > this.#last) {
      this.#triggers.push({ checkpoint, sinceMs: now });
    }
  }

  abort(checkpoint: number): void {
    const { inputs, overtaken, snapshots, sinks } = this.#given;
    this.#last = Math.max(this.#last, checkpoint);
    this.#triggers = this.#triggers.filter((trigger) => trigger.checkpoint > checkpoint);
    if (this.#aligned !== undefined && this.#aligned.checkpoint <= checkpoint) {
      this.#aligned = undefined;
    }
    inputs.abort(checkpoint);
    overtaken.abort(checkpoint);
    snapshots.abort(checkpoint);
    for (const { tail } of sinks) tail.abort(checkpoint);
  }

  /** A barrier was taken. */
  barrier(checkpoint: number, now: number): void {
    this.#aligned = this.#given.inputs.barrier(checkpoint, now) ?? this.#aligned;
  }

  /** What the thread is doing while the task runs and captures nothing. */
  get phase(): 'aligning' | 'running' {
    const { isSource, inputs } = this.#given;
    return !isSource && (this.isWaiting || inputs.holding) ? 'aligning' : 'running';
  }

  /** No element may be taken: a part is due, or something has to happen before it may be taken (T2, T4). */
  get isWaiting(): boolean {
    return this.#aligned !== undefined || this.#replayPending || this.#trigger() !== undefined;
  }

  /** The part to be taken between two elements. Of a source: elements that it restored come after it. */
  get due(): DuePart | undefined {
    const { replayedBarrier, sinks, incremental, arePending } = this.#given;
    if (this.#replayPending) {
      return arePending()
        ? undefined // T6
        : { kind: 'replayed', checkpoint: replayedBarrier!, alignMs: 0 };
    }
    const trigger = this.#trigger();
    if (trigger !== undefined) return { ...trigger, kind: 'aligned', alignMs: 0 };
    const aligned = this.#aligned;
    if (aligned === undefined) return undefined;
    if (aligned.checkpoint === replayedBarrier) {
      return arePending() ? undefined : { kind: 'replayed', ...aligned }; // T6
    }
    if (this.#isBusy()) return undefined; // T4
    const waits = sinks.length > 0 || incremental; // T2
    const mayTake = !waits || aligned.checkpoint <= this.#told;
    return mayTake ? { kind: 'aligned', ...aligned } : undefined;
  }

  /** The next part that a source may take. */
  #trigger() {
    return this.#isBusy() ? undefined : this.#triggers[0]; // T4
  }

  /** A snapshot is under way that has to be completed before the next begins (T4). */
  #isBusy(): boolean {
    const { alignedTimeoutMs, snapshots } = this.#given;
    return alignedTimeoutMs === Number.POSITIVE_INFINITY && snapshots.underWay;
  }

  /** The part that is to be taken between two records without further waiting. */
  overtaken(now: number): DuePart | undefined {
    const { inputs, isSource, alignedTimeoutMs } = this.#given;
    if (alignedTimeoutMs === Number.POSITIVE_INFINITY || this.#told <= this.#last) return undefined;
    const checkpoint = this.#told;
    if (isSource) {
      const trigger = this.#triggers[0];
      if (this.#replayPending || trigger === undefined) return undefined;
      if (now - trigger.sinceMs < alignedTimeoutMs) return undefined;
      return { kind: 'overtaken', checkpoint: trigger.checkpoint, alignMs: 0 };
    }
    if (this.#aligned !== undefined || !inputs.isOvertaken(checkpoint, now)) return undefined;
    return { kind: 'overtaken', checkpoint, alignMs: inputs.waitedMs(now) };
  }

  /** Takes the part now. @param at the first record of `batch` that was not processed */
  take(due: DuePart, part: () => TaskPart, batch: Batch | undefined, at: number): void {
    const { inputs, outputs, overtaken, snapshots, alignedTimeoutMs, isSource } = this.#given;
    const { kind, checkpoint } = due;
    this.#aligned = undefined;
    this.#triggers = this.#triggers.filter((trigger) => trigger.checkpoint > checkpoint);
    if (kind === 'replayed') {
      this.#replayPending = false;
      outputs.control({ kind: 'barrier', checkpoint });
      return;
    }
    if (checkpoint <= this.#last) return; // T3
    this.#last = checkpoint;
    const send = () => outputs.control({ kind: 'barrier', checkpoint });
    if (alignedTimeoutMs === Number.POSITIVE_INFINITY) {
      atPoint('barrier:send', send);
      snapshots.begin(checkpoint, part()); // T5
      return;
    }
    if (kind === 'overtaken' && !isSource) {
      atPoint('barrier:overtake', () => inputs.overtake(checkpoint, batch, at));
    } else inputs.aligned(checkpoint);
    atPoint('barrier:send', send);
    const now = performance.now();
    overtaken.begin(checkpoint, kind === 'overtaken' ? now : now + alignedTimeoutMs, now);
    const isOvertaken = kind === 'overtaken';
    snapshots.begin(checkpoint, {
      ...part(),
      overtaken: isOvertaken,
      inFlight: this.#inFlight,
    });
  }

  /** Would `work` do anything? */
  isWorkable(now: number): boolean {
    return this.#given.overtaken.announceable(now) || this.#given.inputs.recordable;
  }

  /** Announces barriers that are on their way, and records what is in flight. True when anything was done. */
  work(now: number): boolean {
    const announced = this.#given.overtaken.announce(now);
    return this.#given.inputs.record() || announced;
  }

  /** When time alone makes something due; undefined: never. */
  get dueMs(): number | undefined {
    const { inputs, overtaken, alignedTimeoutMs } = this.#given;
    const trigger = this.#triggers[0];
    const times = [
      overtaken.dueMs,
      trigger === undefined ? undefined : trigger.sinceMs + alignedTimeoutMs,
      this.#told > this.#last && this.#aligned === undefined
        ? inputs.overtakenDue(this.#told)
        : undefined,
    ];
    const known = times.filter((time) => time !== undefined && time !== Infinity) as number[];
    return known.length === 0 ? undefined : Math.min(...known);
  }
}
