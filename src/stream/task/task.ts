/**
 * A task: one instance of a chain of operators. It is an actor's behaviour (`receive`) with channels beside its mailbox
 * (`run`); its cell (`actors/cell.ts`) is what a slot runs.
 *
 *  K1  `run` is the only place where records are processed. When the gate says pause, it stops after the current
 *      record, wherever that is (in a batch, an iterator, a run of timers), and goes on there later.
 *  K2  Suspended operators go on first, the most downstream one before the others. Only when none is suspended
 *      is the next input element taken (operator.ts, O2). So no control element falls into a half-done element.
 *  K3  In a snapshot everything from before the barrier has been processed, and nothing from behind it. The
 *      barrier is forwarded, then all operators are cut, then the task goes on (task-snapshots.ts).
 *  K4  The task's watermark is in its part of the snapshot, and never goes back (I23). After a restore the task
 *      says it again before anything else.
 *  K5  When all inputs have ended (a source: when all its splits are read), time ends: the watermark +Infinity
 *      goes through the chain, then `end` goes to all outputs. Barriers still pass.
 *  K6  The task does nothing once its lease is revoked. It looks at the lease whenever it looks at the clock, and
 *      at the start of each run.
 *  K7  A task fails once, and does nothing afterwards.
 *  K8  task-checkpoints.ts decides when the part of a checkpoint is due. A part that waits for nothing more is
 *      taken between two records. For that, half-done work is brought to its end first, into full outputs if need
 *      be (an edge may exceed its limit by what one record emits); only divisible work stays half-done.
 *  K9  While an operator is saturated (operator.ts, O5) no record is processed, but barriers and watermarks are taken, and
 *      one batch ahead of them. The input ends when no operator has anything pending.
 */

import type { Behaviour, Work } from '../../actors/actor.js';
import { atPoint } from '../../base/protocol-points.js';
import { type Batch, NOT_BEHIND } from '../../channels/element.js';
import type { Lease } from '../../threads/lease.js';
import { TaskMark } from '../../threads/task-mark.js';
import type { Port } from '../operator.js';
import { earlier, earliestTime, encodeTime, TASK_SECTION } from '../state/time-section.js';
import { ExchangeTimes } from './exchange-times.js';
import { type LocatedError, locate } from './located-error.js';
import { OvertakenOutput } from './overtaken-output.js';
import { alignedTask, type SourceAlignment } from './source-alignment.js';
import type { SourceHead } from './source-head.js';
import { TaskBacklog } from './task-backlog.js';
import { buildChain, type Chain } from './task-chain.js';
import { inputsOf, outputsOf, restoredChannelsOf } from './task-channels.js';
import { type DuePart, TaskCheckpoints } from './task-checkpoints.js';
import { type TaskPlace, taskError, taskFailure } from './task-failure.js';
import type { TaskGate } from './task-gate.js';
import { TaskInputs } from './task-inputs.js';
import { TaskMeter } from './task-meter.js';
import { TaskOutputs } from './task-outputs.js';
import { type TaskPart, TaskSnapshots } from './task-snapshots.js';
import { observedSplitsOf, sourceHeadOf } from './task-source.js';
import { TaskTurns } from './task-turns.js';
import type { TaskAnswer, TaskMessage, TaskMetrics, TaskOptions } from './task-types.js';
import { TimeHolders } from './time-holder.js';

/** The largest share of a run that goes to a snapshot under way. */
const SNAPSHOT_SHARE = 0.5;

type Input = 'open' | 'stopped' | 'ending' | 'ended';

export class Task implements Behaviour<TaskMessage, TaskAnswer>, Work {
  readonly name: string;
  readonly vertex: number;
  readonly instance: number;
  readonly #options: TaskOptions;
  readonly #id: string;
  readonly #gate: TaskGate;
  readonly #lease: Lease;
  readonly #mark: TaskMark;
  readonly #backlog: TaskBacklog;
  readonly #chain: Chain;
  readonly #outputs: TaskOutputs;
  readonly #place: TaskPlace;
  readonly #meter: TaskMeter;
  readonly #turns: TaskTurns;
  readonly #inputs: TaskInputs;
  readonly #snapshots: TaskSnapshots;
  readonly #checkpoints: TaskCheckpoints;
  readonly #source: SourceHead | undefined;
  /** Undefined: the task gives no times, or nobody else of the region does. */
  readonly #alignment: SourceAlignment | undefined;
  readonly #exchangeTimes: ExchangeTimes;
  readonly #holders: TimeHolders;
  #state: 'new' | 'open' | 'failed' | 'closed' = 'new';
  #input: Input = 'open';
  #watermark = Number.NEGATIVE_INFINITY;
  /** The watermark before the newest one. While the newest is half-done, it has to come again (K8). */
  #watermarkBefore = Number.NEGATIVE_INFINITY;
  /** The watermark was restored, and not said again: tasks downstream may have no other way to learn it. */
  #isUnsaid = false;
  /** What was said of all inputs being idle; undefined: nothing, or something else since. */
  #idle: 'silent' | 'spoken' | undefined;
  /** When a batch was taken last. */
  #takenMs = Number.NEGATIVE_INFINITY;
  #batch: Batch | undefined;
  #at = 0;
  /** Receives the batch. */
  #receiver: Port;
  /** Records have been processed since `settle` was called last. */
  #unsettled = false;
  /** Something was done in the current `run`. */
  #moved = false;
  /** An error that was reported before `open` was done. */
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
    this.#mark = options.mark ?? new TaskMark();
    this.#gate.attach(options.block, options.lease, options.epoch, this.#mark);
    const table = options.plan.tables[vertex.parallelism];
    const counting = { instance: this.instance, parallelism: vertex.parallelism, table };
    this.#meter = new TaskMeter(options.lease, counting, () => options.callbacks.firstOutput());
    const { source } = options.graph.nodes[vertex.nodes[0]!]!;
    const splits = source === undefined ? undefined : observedSplitsOf(options);
    this.#exchangeTimes = new ExchangeTimes(options.graph);
    this.#chain = buildChain(options, {
      splits,
      timed: (operator, times) => this.#exchangeTimes.attach(operator, times),
      wasAsked: (split, sinceMs) => this.#wasAsked(split, sinceMs),
      written: () => this.#meter.written(),
      count: (counter, by) => this.#meter.count(counter, by),
      fail: (operator, error) => this.#fail(locate(error, operator)),
    });
    this.#place = { graph: options.graph, head: vertex.id, instance: options.instance };
    this.#outputs = new TaskOutputs(this.#chain.routers, options.gate, options.bufferTimeoutMs);
    this.#turns = new TaskTurns(this.#chain.operators, options.gate, () => {
      this.#moved = true;
    });
    this.#receiver = this.#chain.head;
    const alignedTimeoutMs = options.alignedTimeoutMs ?? Number.POSITIVE_INFINITY;
    this.#inputs = new TaskInputs({
      inputs: inputsOf(options),
      instance: options.instance,
      mode: options.mode,
      alignedTimeoutMs,
      restored: restoredChannelsOf(options),
      replayedBarrier: options.replayedBarrier,
    });
    this.#backlog = new TaskBacklog(options, this.#inputs, this.#turns);
    const isAligned = alignedTask(options.plan, options.vertex) !== undefined;
    const alignment = isAligned ? options.alignment?.(vertex.id) : undefined;
    this.#alignment = alignment;
    this.#source =
      splits === undefined ? undefined : sourceHeadOf(options, this.#chain, splits, alignment);
    this.#holders = new TimeHolders({
      held: () => (this.#source === undefined ? this.#exchangeTimes.held : this.#source.held),
      isBehind: (timeMs) => alignment?.isBehind(timeMs) === true,
    });
    this.#snapshots = new TaskSnapshots({
      operators: this.#chain.operators,
      instance: options.instance,
      block: options.block,
      wake: () => options.callbacks.wake(),
      captured: (part) => options.callbacks.captured(part),
      declined: (checkpoint, error) =>
        options.callbacks.declined(
          checkpoint,
          taskFailure(error, this.#place, this.#position(), 'checkpoint'),
        ),
      // Called within `run`, which ends with it (K7).
      failed: (error) => {
        throw error;
      },
    });
    this.#checkpoints = new TaskCheckpoints({
      inputs: this.#inputs,
      outputs: this.#outputs,
      overtaken: new OvertakenOutput(outputsOf(options)),
      snapshots: this.#snapshots,
      sinks: this.#chain.sinks,
      isSource: this.#source !== undefined,
      arePending: () => this.#turns.pending,
      incremental: options.incremental === true,
      alignedTimeoutMs,
      replayedBarrier: options.replayedBarrier,
    });
  }

  /**
   * Opens the operators, downstream first, with what the checkpoint holds for them. The task does not run yet.
   * When this rejects, the failure was reported to nobody else: the caller knows it.
   */
  async open(): Promise<void> {
    const own = this.#restored(this.#id);
    this.#watermark = earliestTime(TASK_SECTION, own);
    this.#isUnsaid = this.#watermark > Number.NEGATIVE_INFINITY;
    this.#unsettled = true;
    this.#meter.restore(own);
    for (const { node, operator, context } of [...this.#chain.operators].reverse()) {
      const restored = this.#restored(node.id).filter(({ name }) => !name.startsWith('~'));
      try {
        await atPoint('operator:open', () => operator.open(context, restored));
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
    this.#gate.record = (this.#source?.records ?? 0) - 1;
    this.#backlog.begin();
    if (this.#source !== undefined) this.#meter.read(this.#source.records);
  }

  /** Is there something to do now? Moves waiting output, since only that tells whether there is room. */
  get runnable(): boolean {
    if (!this.#live()) return false;
    if (this.#outputs.pump() || this.#snapshots.ready) return true;
    const now = performance.now();
    if (this.#checkpoints.isWorkable(now) || this.#canOvertake(now)) return true;
    const suspended = this.#turns.suspended;
    // Barriers and ends need no room.
    if (!suspended && this.#controlDue()) return true;
    if (this.#held()) return false;
    if (this.#turns.canResume) return true;
    if (suspended) return false; // It waits for room behind it.
    const { saturated } = this.#turns;
    if (this.#batch !== undefined) return !saturated;
    if (this.#unsettled && !saturated) return true;
    if (this.#inputs.restoring) return true;
    if (this.#checkpoints.isWaiting) return false;
    if (this.#source !== undefined) return !saturated && this.#mayEmit() && this.#source.ready;
    return this.#inputs.ready;
  }

  /**
   * Works until `deadline` (performance.now() ms), or until nothing is left to do. Works on one record at least;
   * overruns the deadline by no more than is done between two looks at the clock (task-gate.ts).
   * @returns whether anything moved
   */
  run(deadline: number): boolean {
    if (!this.#live()) return false;
    const begin = performance.now();
    this.#moved = this.#outputs.pump();
    try {
      if (this.#checkpoints.work(begin)) this.#moved = true;
      if (this.#snapshots.ready) {
        if (this.#snapshots.step(begin + (deadline - begin) * SNAPSHOT_SHARE)) this.#moved = true;
      }
      this.#options.block.phase = this.#checkpoints.phase;
      this.#gate.begin(performance.now(), deadline);
      if (this.#held()) this.#gate.pause = true;
      this.#overtake(begin, deadline);
      if (this.#source === undefined) this.#consume();
      else this.#produce(this.#source);
      this.#fired();
      this.#backlog.look();
    } catch (error) {
      this.#fail(error);
    }
    if (this.#source !== undefined) this.#meter.read(this.#source.records);
    if (this.#snapshots.underWay) this.#options.block.phase = 'capturing';
    const end = performance.now();
    this.#outputs.note(end);
    this.#meter.ran(begin, end, this.#moved, this.#held() || this.#turns.saturated);
    return this.#moved;
  }

  receive(message: TaskMessage): TaskAnswer {
    switch (message.kind) {
      case 'trigger':
        this.#snapshots.told(message.checkpoint, message.base);
        this.#checkpoints.trigger(message.checkpoint, performance.now());
        return undefined;
      case 'abort':
        this.#checkpoints.abort(message.checkpoint);
        return undefined;
      case 'committed':
        this.#committed(message.checkpoint);
        return undefined;
      case 'stop-sources':
        this.#stopSources(message.drain);
        return undefined;
      case 'metrics':
        return this.metrics();
    }
  }

  #committed(checkpoint: number): void {
    if (!this.#live()) return;
    try {
      this.#source?.committed(checkpoint);
    } catch (error) {
      this.#fail(locate(error, this.#id));
    }
  }

  #stopSources(drain: boolean): void {
    if (this.#source === undefined) return;
    if (this.#input === 'open' || this.#input === 'stopped') {
      this.#input = drain ? 'ending' : 'stopped';
    }
  }

  /**
   * Publishes buffered output that has waited for `bufferTimeoutMs`.
   * @returns when the rest, or a part that is waited for, is due (performance.now() ms); undefined: nothing is
   */
  flushDue(now: number): number | undefined {
    if (!this.#live()) return undefined;
    try {
      const source = this.#source?.dueMs;
      if (source !== undefined && source <= now) this.#source!.stir();
      const holder = this.#holders.take(now);
      if (holder !== undefined) this.#options.callbacks.holding(holder);
      const settling = this.#turns.dueMs;
      if (settling !== undefined && settling <= now) this.#unsettled = true;
      const due = [this.#checkpoints.dueMs, source, this.#holders.dueMs, settling].reduce(earlier);
      return earlier(this.#outputs.flushDue(now), due !== undefined && due > now ? due : undefined);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** Closes readers, operators and sinks. The task reports nothing afterwards. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const closing = this.#chain.operators.map(async ({ operator }) => operator.close?.());
    const results = await Promise.allSettled([this.#source?.close(), ...closing]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** As it stands; to be read from outside only when it does not run. */
  metrics(): TaskMetrics {
    return {
      vertex: this.#id,
      instance: this.instance,
      recordsIn: this.#source?.records ?? this.#recordsIn,
      recordsOut: this.#meter.sinkRecords + this.#outputs.records,
      busyMs: this.#meter.busyMs,
      blockedMs: this.#meter.blockedMs,
      holder: this.#holders.now(performance.now()),
      watermarkMs: Number.isFinite(this.#watermark) ? this.#watermark : undefined,
      counters: { ...this.#meter.counters },
    };
  }

  #live(): boolean {
    return this.#state === 'open' && this.#lease.epoch === this.#options.epoch;
  }

  /** Is there something other than a record to be done between two records? */
  #controlDue(): boolean {
    const source = this.#source;
    if (this.#batch !== undefined || this.#inputs.restoring) return false;
    if (this.#checkpoints.isWaiting && this.#checkpoints.due !== undefined) return true;
    if (this.#input === 'ending') return !this.#turns.pending;
    return this.#input === 'open' && source?.ended === true;
  }

  /** No record may be processed now: an output is full, or a sink wants no more. */
  #held(): boolean {
    return this.#gate.closed || this.#chain.sinks.some(({ tail }) => tail.full);
  }

  #consume(): void {
    for (;;) {
      if (!this.#turns.resume()) return;
      if (this.#batch !== undefined) {
        if (this.#gate.pause || this.#turns.saturated) return;
        this.#processBatch(this.#batch);
        continue;
      }
      this.#settle();
      if (this.#turns.suspended) continue;
      if (this.#checkpoints.isWaiting) {
        const { due } = this.#checkpoints;
        if (due === undefined) return;
        this.#snapshot(due);
      }
      if (this.#input === 'ending' && !this.#turns.pending) this.#end();
      if (this.#gate.pause || !this.#takeElement()) return;
      this.#moved = true;
    }
  }

  #processBatch(batch: Batch): void {
    const { records, timestamps, behind, groups, count } = batch;
    const receiver = this.#receiver;
    const gate = this.#gate;
    // What was in flight in a source's own chain was read before all records that the source counts.
    const first = this.#source === undefined ? this.#recordsIn : this.#source.records - count;
    this.#moved = true;
    this.#unsettled = true;
    while (this.#at < count) {
      const at = this.#at;
      gate.record = first + at;
      receiver.onElement(
        records[at],
        timestamps === undefined ? Number.NaN : timestamps[at]!,
        groups === undefined ? 0 : groups[at]!,
        behind === undefined ? NOT_BEHIND : behind[at]!,
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
        this.#awake();
        this.#takenMs = performance.now();
        this.#batch = element;
        this.#at = 0;
        this.#receiver = this.#receiverOf(this.#inputs.receiver, this.#inputs.port);
        return true;
      case 'watermark':
        this.#inputs.advance(element.timeMs);
        this.#awake();
        this.#advance(this.#inputs.watermarkMs);
        return true;
      case 'idle':
        this.#inputs.rest(element.isSilent);
        this.#advance(this.#inputs.watermarkMs);
        this.#rest();
        return true;
      case 'end':
        this.#inputs.end();
        this.#advance(this.#inputs.watermarkMs);
        this.#rest();
        if (this.#inputs.allEnded) this.#input = 'ending';
        return true;
      case 'barrier':
        this.#checkpoints.barrier(element.checkpoint, performance.now());
        this.#options.block.phase = this.#checkpoints.phase;
        return true;
    }
  }

  /** All inputs that go on are idle: so the task says that it is idle, too. */
  #rest(): void {
    if (!this.#inputs.isIdle) return;
    const { isSilent } = this.#inputs;
    const idle = isSilent ? 'silent' : 'spoken';
    if (idle === this.#idle) return;
    this.#idle = idle;
    this.#chain.head.onIdle?.(isSilent);
  }

  #awake(): void {
    this.#inputs.wakeUp();
    if (this.#idle === undefined) return;
    this.#idle = undefined;
    this.#chain.head.onWatermark(this.#watermark);
  }

  #produce(source: SourceHead): void {
    for (;;) {
      if (!this.#turns.resume()) return;
      if (this.#batch !== undefined || this.#inputs.restoring) {
        if (this.#gate.pause || (this.#batch !== undefined && this.#turns.saturated)) return;
        if (this.#batch !== undefined) this.#processBatch(this.#batch);
        else this.#moved = this.#takeElement() || this.#moved;
        continue;
      }
      const isDue = this.#checkpoints.isWaiting;
      if (source.atBatchEnd || isDue || this.#input !== 'open') this.#settle();
      if (this.#turns.suspended) continue;
      if (isDue) {
        const { due } = this.#checkpoints;
        if (due === undefined) return;
        this.#snapshot(due);
        continue;
      }
      if (this.#input === 'open' && source.ended) this.#input = 'ending';
      if (this.#input === 'ending') {
        this.#advance(Number.POSITIVE_INFINITY);
        if (this.#turns.suspended) continue;
        if (!this.#turns.pending) this.#end();
      }
      if (!this.#mayEmit() || this.#gate.pause || this.#turns.saturated) return;
      if (!this.#emit(source)) {
        // A batch may be at hand that must not be read yet: then too the input rests.
        this.#settle();
        return;
      }
      this.#moved = true;
      this.#unsettled = true;
    }
  }

  /** While tasks have something in flight from before the restore, a source reads only as far as it had come. */
  #mayEmit(): boolean {
    if (this.#input !== 'open') return false;
    return !this.#backlog.isPending || this.#source!.isBehind(this.#options.reached ?? []);
  }

  #emit(source: SourceHead): boolean {
    try {
      return source.emit();
    } catch (error) {
      throw locate(error, this.#id);
    }
  }

  #settle(): void {
    if (!this.#unsettled) return;
    if (this.#isUnsaid) {
      this.#isUnsaid = false;
      this.#chain.head.onWatermark(this.#watermark);
      if (this.#turns.suspended) return;
    }
    this.#unsettled = !this.#turns.settle();
    if (this.#unsettled) return;
    if (this.#source === undefined) this.#alignment?.tellTime(this.#exchangeTimes.leastMs);
    else this.#source.settled();
  }

  #advance(timeMs: number): void {
    if (timeMs <= this.#watermark) return;
    this.#idle = undefined;
    this.#watermarkBefore = this.#watermark;
    this.#watermark = timeMs;
    this.#mark.firingMs = timeMs;
    this.#chain.head.onWatermark(timeMs);
    this.#fired();
  }

  /** The watermark's firing is complete, unless it was suspended: what fails from now on is not the firing. */
  #fired(): void {
    if (!this.#turns.suspended) this.#mark.firingMs = Number.NaN;
  }

  /** Everything has been passed on: says so (K5). */
  #end(): void {
    this.#moved = true;
    this.#input = 'ended';
    this.#alignment?.tellTime(Number.POSITIVE_INFINITY);
    this.#outputs.control({ kind: 'end' });
    this.#options.callbacks.ended();
  }

  /** Only the head of a chain can have several ports (planner.ts, P1). */
  #receiverOf(operator: string | undefined, port: number): Port {
    if (operator === undefined || operator === this.#id) return this.#chain.ports[port]!;
    return this.#chain.receivers.get(operator)!;
  }

  #canOvertake(now: number): boolean {
    return this.#checkpoints.overtaken(now) !== undefined && this.#turns.canForce;
  }

  /** Takes the part that waits for nothing more, wherever the task is (K8). */
  #overtake(now: number, deadline: number): void {
    const due = this.#checkpoints.overtaken(now);
    if (due !== undefined && this.#turns.force(deadline)) this.#snapshot(due);
  }

  #snapshot(due: DuePart): void {
    this.#moved = true;
    this.#turns.forced();
    this.#turns.beforeBarrier();
    atPoint('task:cut', () =>
      this.#checkpoints.take(due, () => this.#part(due), this.#batch, this.#at),
    );
    this.#options.block.phase = this.#checkpoints.phase;
  }

  #part({ checkpoint, alignMs }: DuePart): TaskPart {
    // If a watermark is half-done, the rest of it is done when it comes again.
    const watermark = this.#turns.suspended ? this.#watermarkBefore : this.#watermark;
    const sections = [{ operator: this.#id, ...encodeTime(TASK_SECTION, watermark) }];
    const counters = this.#meter.capture();
    if (counters !== undefined) sections.push({ operator: this.#id, ...counters });
    const source = this.#source;
    const stands = {
      records: source?.records ?? this.#recordsIn + this.#at,
      watermarkMs: watermark,
      alignMs,
    };
    if (source === undefined) return { sections, sourceRecords: [], ...stands };
    sections.push({
      operator: this.#id,
      ...atPoint('source:position', () => source.capture(checkpoint)),
    });
    return { sections, sourceRecords: [source.counted], ...stands };
  }

  #wasAsked(split: number, sinceMs: number): boolean {
    if (this.#source !== undefined) return this.#source.wasAsked(split, sinceMs);
    return this.#takenMs >= sinceMs || !this.#inputs.ready;
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
    this.#options.callbacks.failed(taskFailure(error, this.#place, this.#position()));
  }

  /** Names the record being processed: in the words of the source, or by number since the task's start. */
  #position(): string {
    return this.#source?.describe() ?? `record ${this.#recordsIn + this.#at + 1}`;
  }
}
