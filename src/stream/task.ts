/**
 * A task: one instance of a chain of operators, the actor that a slot runs.
 *
 *  K1  `run` is the only place where records are processed. It stops after the current record when the gate
 *      says pause, wherever that is (in a batch, an iterator, a run of timers), and goes on there.
 *  K2  Suspended operators go on first, the most downstream one before the others; only when none is
 *      suspended is the next input element taken (O2). So control elements never fall into a half-done one.
 *  K3  A snapshot: everything before the barrier has been processed, nothing behind it has; the barrier is
 *      forwarded, then all operators are cut; then the task goes on (task-snapshots.ts).
 *  K4  The task's watermark is in its part of the snapshot, and never goes back (I23).
 *  K5  When all inputs have ended (a source: all its splits are read), time ends: watermark +Infinity through
 *      the chain, then `end` on all outputs. Barriers still pass.
 *  K6  Nothing is done once the task's lease is revoked: it is looked at with the clock, and at the
 *      start of each run.
 *  K7  A task fails once, and does nothing afterwards.
 *  K8  A task with sinks takes its part in checkpoint n only after the driver's `trigger(n)`, which comes
 *      behind every `abort` of an older one on the same lane. Barriers come on another lane and may be faster;
 *      without waiting, a sink could prepare n not knowing that what it prepared for n − 1 is void.
 *      Incremental snapshots wait for it, too: it tells which checkpoint they may build on.
 */

import type { Batch } from '../threads/element.js';
import type { Lease } from '../threads/lease.js';
import { type LocatedError, locate } from './located-error.js';
import type { Operator } from './operator.js';
import { SourceHead } from './source-head.js';
import { earliestTime, encodeTime } from './state/time-section.js';
import { buildChain, type Chain } from './task-chain.js';
import { originOf, type TaskPlace, taskError, taskFailure } from './task-failure.js';
import type { TaskGate } from './task-gate.js';
import { type AlignedSnapshot, TaskInputs } from './task-inputs.js';
import { TaskMeter } from './task-meter.js';
import { TaskOutputs } from './task-outputs.js';
import { TaskSnapshots } from './task-snapshots.js';
import type { TaskMetrics, TaskOptions } from './task-types.js';

/** Section of the task's own, beside its first operator's; the names of all such begin with '~'. */
const TASK_SECTION = '~task';
/** Most of a run that goes to a snapshot under way. */
const SNAPSHOT_SHARE = 0.5;

type Input = 'open' | 'stopped' | 'ending' | 'ended';

export class Task {
  readonly name: string;
  readonly vertex: number;
  readonly instance: number;
  readonly #options: TaskOptions;
  readonly #id: string;
  readonly #gate: TaskGate;
  readonly #lease: Lease;
  readonly #chain: Chain;
  readonly #outputs: TaskOutputs;
  readonly #place: TaskPlace;
  readonly #meter: TaskMeter;
  readonly #suspendable: readonly Operator[];
  readonly #settling: readonly Operator[];
  readonly #inputs: TaskInputs;
  readonly #snapshots: TaskSnapshots;
  readonly #source: SourceHead | undefined;
  #state: 'new' | 'open' | 'failed' | 'closed' = 'new';
  #input: Input = 'open';
  /** Checkpoints that a source task has been asked for and has not taken. */
  #triggers: number[] = [];
  #lastSnapshot = 0;
  /** The newest checkpoint that the driver has told of. */
  #told = 0;
  /** All its barriers have come, the driver's word has not (K8). Nothing is taken meanwhile. */
  #aligned: AlignedSnapshot | undefined;
  #watermark = Number.NEGATIVE_INFINITY;
  #batch: Batch | undefined;
  #at = 0;
  /** Records have been processed since `settle` was called last. */
  #unsettled = false;
  /** Something was done in the current `run`. */
  #moved = false;
  /** What was reported before `open` was done. */
  #earlyError: LocatedError | undefined;
  #recordsIn = 0;

  constructor(options: TaskOptions) {
    const vertex = options.plan.vertices[options.vertex]!;
    this.vertex = options.vertex;
    this.instance = options.instance;
    this.name = `${vertex.id}/${options.instance}`;
    this.#options = options;
    this.#id = vertex.id;
    this.#gate = options.gate;
    this.#lease = options.lease;
    this.#gate.attach(options.block, options.lease, options.epoch);
    const { parallelism } = vertex;
    const table = options.plan.tables[parallelism];
    const counting = { instance: this.instance, parallelism, table };
    this.#meter = new TaskMeter(options.lease, counting, () => options.callbacks.firstOutput());
    this.#chain = buildChain(options, {
      written: () => this.#meter.written(),
      count: (counter, by) => this.#meter.count(counter, by),
      fail: (operator, error) => this.#fail(locate(error, operator)),
    });
    this.#place = { graph: options.graph, head: vertex.id, instance: options.instance };
    this.#outputs = new TaskOutputs(this.#chain.routers, options.gate, options.bufferTimeoutMs);
    const downstreamFirst = [...this.#chain.operators].reverse().map(({ operator }) => operator);
    this.#suspendable = downstreamFirst.filter((operator) => operator.resume !== undefined);
    this.#settling = this.#chain.operators
      .map(({ operator }) => operator)
      .filter((operator) => operator.settle !== undefined);
    this.#inputs = new TaskInputs(
      options.inputs.map(({ channel }) => channel),
      options.mode,
    );
    const head = options.graph.nodes[vertex.nodes[0]!]!;
    this.#source =
      head.source === undefined
        ? undefined
        : new SourceHead({
            source: head.source,
            operator: head.id,
            instance: options.instance,
            parallelism,
            splits: options.splits?.[head.id],
            gate: options.gate,
            output: this.#chain.head,
            rejected: this.#chain.rejected,
            wake: () => options.callbacks.wake(),
          });
    this.#snapshots = new TaskSnapshots({
      operators: this.#chain.operators,
      instance: options.instance,
      wake: () => options.callbacks.wake(),
      captured: (part) => options.callbacks.captured(part),
      declined: (checkpoint, error) =>
        options.callbacks.declined(
          checkpoint,
          taskFailure(error, this.#place, this.#position(), 'checkpoint'),
        ),
      // Within `run`, which ends with it (K7).
      failed: (error) => {
        throw error;
      },
    });
  }

  /**
   * Opens the operators, downstream first, with what the checkpoint holds for them. Does not run yet.
   * Rejects, and has reported the failure to nobody: the caller knows.
   */
  async open(): Promise<void> {
    const own = this.#restored(this.#id);
    this.#watermark = earliestTime(TASK_SECTION, own);
    this.#meter.restore(own);
    for (const { node, operator, context } of [...this.#chain.operators].reverse()) {
      const restored = this.#restored(node.id).filter(({ name }) => !name.startsWith('~'));
      try {
        await operator.open(context, restored);
      } catch (error) {
        throw taskError(locate(error, node.id), this.#place);
      }
    }
    for (const { id, tail } of this.#chain.sinks) {
      const rows = tail.visible();
      if (rows !== undefined) this.#options.callbacks.restoredVisible(id, rows);
    }
    try {
      this.#source?.open(this.#restored(this.#id));
    } catch (error) {
      throw taskError(locate(error, this.#id), this.#place);
    }
    if (this.#earlyError !== undefined) throw taskError(this.#earlyError, this.#place);
    this.#state = 'open';
    if (this.#source !== undefined) this.#meter.read(this.#source.records);
  }

  /** There is something to do now. Moves waiting output, since only that tells whether there is room. */
  get runnable(): boolean {
    if (!this.#live) return false;
    if (this.#outputs.pump() || this.#snapshots.ready) return true;
    const suspended = this.#suspended;
    // Barriers and ends need no room.
    if (!suspended && this.#controlDue) return true;
    if (this.#held) return false;
    if (suspended || this.#batch !== undefined || this.#unsettled) return true;
    if (this.#source !== undefined) return this.#input === 'open' && this.#source.ready;
    return this.#aligned === undefined && this.#inputs.ready;
  }

  /**
   * Works until `deadline` (performance.now() ms), or until nothing is left to do: at least one record,
   * and past the deadline no more than what is done between two looks at the clock (task-gate.ts).
   * @returns whether anything moved
   */
  run(deadline: number): boolean {
    if (!this.#live) return false;
    const begin = performance.now();
    this.#moved = this.#outputs.pump();
    try {
      if (this.#snapshots.ready) {
        if (this.#snapshots.step(begin + (deadline - begin) * SNAPSHOT_SHARE)) this.#moved = true;
      }
      this.#begin(deadline);
      if (this.#source === undefined) this.#consume();
      else this.#produce(this.#source);
    } catch (error) {
      this.#fail(error);
    }
    if (this.#source !== undefined) this.#meter.read(this.#source.records);
    const end = performance.now();
    this.#outputs.note(end);
    this.#meter.ran(begin, end, this.#moved, this.#held);
    return this.#moved;
  }

  /**
   * The driver's word that a checkpoint has begun; every task is told, behind all `abort`s of older
   * ones. Sources take part now; others when the barriers have come, too (K8). Snapshots build on `base`.
   */
  trigger(checkpoint: number, base?: number): void {
    this.#told = Math.max(this.#told, checkpoint);
    this.#snapshots.told(checkpoint, base);
    if (this.#source !== undefined && checkpoint > this.#lastSnapshot) {
      this.#triggers.push(checkpoint);
    }
  }

  /** The checkpoint was given up. */
  abort(checkpoint: number): void {
    this.#triggers = this.#triggers.filter((trigger) => trigger !== checkpoint);
    if (this.#aligned?.checkpoint === checkpoint) this.#aligned = undefined;
    this.#inputs.abort(checkpoint);
    this.#snapshots.abort(checkpoint);
    for (const { tail } of this.#chain.sinks) tail.abort(checkpoint);
  }

  /**
   * A source task: emits no more records, but goes on answering triggers.
   * @param drain ends the input here and now, so that windows fire
   */
  stopSources(drain: boolean): void {
    if (this.#source === undefined) return;
    if (this.#input === 'open' || this.#input === 'stopped') {
      this.#input = drain ? 'ending' : 'stopped';
    }
  }

  /**
   * Publishes buffered output that has waited for `bufferTimeoutMs`.
   * @returns when the rest is due (performance.now() ms), undefined when nothing is buffered
   */
  flushDue(now: number): number | undefined {
    if (!this.#live) return undefined;
    try {
      return this.#outputs.flushDue(now);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** Closes readers, operators and sinks. Nothing is reported afterwards. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const closing = this.#chain.operators.map(async ({ operator }) => operator.close?.());
    const results = await Promise.allSettled([this.#source?.close(), ...closing]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  metrics(): TaskMetrics {
    return {
      vertex: this.#id,
      instance: this.instance,
      recordsIn: this.#source?.records ?? this.#recordsIn,
      recordsOut: this.#meter.sinkRecords + this.#outputs.records,
      busyMs: this.#meter.busyMs,
      blockedMs: this.#meter.blockedMs,
      watermarkMs: Number.isFinite(this.#watermark) ? this.#watermark : undefined,
      counters: { ...this.#meter.counters },
    };
  }

  get #live(): boolean {
    return this.#state === 'open' && this.#lease.epoch === this.#options.epoch;
  }

  get #suspended(): boolean {
    return this.#suspendable.some((operator) => operator.suspended === true);
  }

  /** Between two records there is something to be done that is no record. */
  get #controlDue(): boolean {
    const source = this.#source;
    if (source !== undefined) {
      if (this.#triggers.length > 0) return true;
      return this.#input === 'ending' || (this.#input === 'open' && source.ended);
    }
    if (this.#batch !== undefined) return false;
    return (
      this.#input === 'ending' || (this.#aligned !== undefined && this.#mayTake(this.#aligned))
    );
  }

  /** Records may not be processed now: an output is full, or a sink is. */
  get #held(): boolean {
    return this.#gate.closed || this.#chain.sinks.some(({ tail }) => tail.full);
  }

  #begin(deadline: number): void {
    this.#gate.begin(performance.now(), deadline);
    if (this.#held) this.#gate.pause = true;
  }

  #consume(): void {
    for (;;) {
      if (!this.#resume()) return;
      if (this.#batch !== undefined) {
        if (this.#gate.pause) return;
        this.#processBatch(this.#batch);
        continue;
      }
      this.#settle();
      if (this.#suspended) continue;
      const aligned = this.#aligned;
      if (aligned !== undefined) {
        if (!this.#mayTake(aligned)) return;
        this.#aligned = undefined;
        this.#snapshot(aligned.checkpoint, aligned.alignMs);
      }
      if (this.#input === 'ending') this.#end();
      if (this.#gate.pause || !this.#takeElement()) return;
      this.#moved = true;
    }
  }

  #processBatch(batch: Batch): void {
    const { records, timestamps, groups, count } = batch;
    const head = this.#chain.head;
    const gate = this.#gate;
    this.#moved = true;
    this.#unsettled = true;
    while (this.#at < count) {
      const at = this.#at;
      gate.record = this.#recordsIn + at;
      head.onElement(
        records[at],
        timestamps === undefined ? Number.NaN : timestamps[at]!,
        groups === undefined ? 0 : groups[at]!,
      );
      this.#at = at + 1;
      gate.tick();
      if (gate.pause) break;
    }
    if (this.#at < count) return;
    this.#recordsIn += count;
    this.#at = 0;
    this.#batch = undefined;
  }

  #takeElement(): boolean {
    const element = this.#inputs.take();
    if (element === undefined) return false;
    switch (element.kind) {
      case 'batch':
        this.#batch = element;
        this.#at = 0;
        return true;
      case 'watermark':
        this.#inputs.advance(element.timeMs);
        this.#advance(this.#inputs.watermarkMs);
        return true;
      case 'end':
        this.#inputs.end();
        this.#advance(this.#inputs.watermarkMs);
        if (this.#inputs.allEnded) this.#input = 'ending';
        return true;
      case 'barrier': {
        const now = performance.now();
        this.#aligned = this.#inputs.barrier(element.checkpoint, now) ?? this.#aligned;
        return true;
      }
    }
  }

  #produce(source: SourceHead): void {
    for (;;) {
      if (!this.#resume()) return;
      const rests = source.atBatchEnd || this.#triggers.length > 0 || this.#input !== 'open';
      if (rests) this.#settle();
      if (this.#suspended) continue;
      if (this.#triggers.length > 0) {
        this.#snapshot(this.#triggers.shift()!, 0);
        continue;
      }
      if (this.#input === 'open' && source.ended) this.#input = 'ending';
      if (this.#input === 'ending') {
        this.#advance(Number.POSITIVE_INFINITY);
        if (this.#suspended) continue;
        this.#end();
      }
      if (this.#input !== 'open' || this.#gate.pause || !this.#emit(source)) return;
      this.#moved = true;
      this.#unsettled = true;
    }
  }

  #emit(source: SourceHead): boolean {
    try {
      return source.emit();
    } catch (error) {
      throw locate(error, this.#id);
    }
  }

  /** Lets suspended operators go on (K2). True when none is suspended any more. */
  #resume(): boolean {
    for (;;) {
      const next = this.#suspendable.find((operator) => operator.suspended === true);
      if (next === undefined) return true;
      if (this.#gate.pause) return false;
      this.#moved = true;
      this.#operate(next, () => next.resume?.());
    }
  }

  #settle(): void {
    if (!this.#unsettled) return;
    this.#unsettled = false;
    for (const operator of this.#settling) this.#operate(operator, () => operator.settle?.());
  }

  #operate(operator: Operator, act: () => void): void {
    try {
      act();
    } catch (error) {
      const entry = this.#chain.operators.find((candidate) => candidate.operator === operator);
      throw locate(error, entry?.node.id ?? this.#id);
    }
  }

  #advance(timeMs: number): void {
    if (timeMs <= this.#watermark) return;
    this.#watermark = timeMs;
    this.#chain.head.onWatermark(timeMs);
  }

  /** Everything has been passed on: says so (K5). */
  #end(): void {
    this.#moved = true;
    this.#input = 'ended';
    this.#outputs.control({ kind: 'end' });
    this.#options.callbacks.ended();
  }

  /** Has the driver told of the checkpoint, where that has to be waited for (K8)? */
  #mayTake({ checkpoint }: AlignedSnapshot): boolean {
    const waits = this.#chain.sinks.length > 0 || this.#options.incremental === true;
    return !waits || checkpoint <= this.#told;
  }

  #snapshot(checkpoint: number, alignMs: number): void {
    if (checkpoint <= this.#lastSnapshot) return;
    this.#lastSnapshot = checkpoint;
    this.#moved = true;
    this.#outputs.control({ kind: 'barrier', checkpoint });
    const sections = [{ operator: this.#id, ...encodeTime(TASK_SECTION, this.#watermark) }];
    const counters = this.#meter.capture();
    if (counters !== undefined) sections.push({ operator: this.#id, ...counters });
    const source = this.#source;
    if (source !== undefined) sections.push({ operator: this.#id, ...source.capture() });
    this.#snapshots.begin(checkpoint, {
      sections,
      sourceRecords:
        source === undefined
          ? []
          : [{ operator: this.#id, instance: this.instance, records: source.records }],
      alignMs,
    });
  }

  #restored(operator: string) {
    return this.#options.restored
      .filter((restored) => restored.operator === operator)
      .flatMap((restored) => restored.sections);
  }

  #fail(error: unknown): void {
    if (this.#state === 'new') this.#earlyError ??= locate(error, this.#id);
    if (this.#state !== 'open') return;
    this.#moved = true;
    this.#state = 'failed';
    this.#options.callbacks.failed(taskFailure(error, this.#place, this.#position(error)));
  }

  /**
   * The record being processed, or the one that the error tells it is about, in the words of the
   * source, or by number since the task's start.
   */
  #position(error?: unknown): string {
    const origin = originOf(error);
    return this.#source?.describe(origin) ?? `record ${(origin ?? this.#recordsIn + this.#at) + 1}`;
  }
}
