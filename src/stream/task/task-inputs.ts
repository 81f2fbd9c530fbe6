/**
 * The inputs of a task: which channel is read next, what time it is, and when a snapshot is due.
 *
 *  P1  Channels are read round robin, a batch at a time; inputs that are held (alignment) are not read.
 *  P2  The task's watermark is the least of the watermarks of the inputs that have not ended, and never goes
 *      back (I23): not when an input ends, and not after a restore, which begins with the last watermark.
 *  P3  What was in flight in the restored checkpoint comes before anything else (channel-recorder.ts, U7).
 *  P4  After a rescale the sources emit the restored checkpoint's barrier once more, ahead of their first
 *      record. It takes no snapshot, and tasks align on it. So nothing from behind it is processed before all
 *      that was in flight at it, whichever instance got that: per-key order holds also where records went
 *      through other instances than their successors will (I18). Until it has passed, no other barrier
 *      can come, and announcements are not looked at: the first checkpoint after a rescale waits for what
 *      was in flight, as an aligned one would.
 *  P5  An idle input does not hold time back until something comes over it again. From then on it does, at its
 *      own watermark: time waits for it where it stands (I25). When all inputs are idle, time stays where it is,
 *      or goes on to the least of those that have said one. An input is *silent* when it never said one, or only
 *      that of what is over behind it: it does not hold time back by falling idle last.
 *      An input that has said +∞ is over, also before its end is taken: it does not count among the idle ones.
 */

import type { Announcement, Batch, Element, InputChannel } from '../../channels/element.js';
import { ElementFrames } from '../../channels/element-frames.js';
import { Aligner, type AlignerCommand, type AlignerMode } from '../../checkpoint/aligner.js';
import { ChannelRecorder } from '../../checkpoint/channel-recorder.js';
import type { PortPlace } from '../graph/ports.js';
import type { StateSection } from '../operator.js';
import { encodeChannel } from './channel-state.js';
import type { RestoredChannels, RestoredElement } from './restored-channels.js';

const RECORDED_BYTES_MAX = 64 * 1024 * 1024;

/** A checkpoint whose barriers have all come. */
export interface AlignedSnapshot {
  readonly checkpoint: number;
  /** From the first barrier to the last. */
  readonly alignMs: number;
}

/** An input, and its channel's name in checkpoints. */
export interface TaskInput extends PortPlace {
  readonly channel: InputChannel;
  /** Id of the consuming operator. */
  readonly operator: string;
  /** Producing instance. */
  readonly from: number;
}

export interface TaskInputsOptions {
  readonly inputs: readonly TaskInput[];
  /** Consuming instance. */
  readonly instance: number;
  readonly mode: AlignerMode;
  /** How long barriers are waited for; Infinity: until they come. */
  readonly alignedTimeoutMs: number;
  readonly restored: RestoredChannels;
  /** Id of the restored checkpoint, after a rescale (P4). */
  readonly replayedBarrier: number | undefined;
  /** How many bytes in flight are recorded at most (channel-recorder.ts, U6); 64 MiB when absent. */
  readonly recordedBytesMax?: number | undefined;
}

interface Input extends TaskInput {
  watermarkMs: number;
  ended: boolean;
  /** Time need not wait for it (P5). */
  idle: boolean;
  /** It says so while it is idle (P5). */
  silent: boolean;
  held: boolean;
  /** Position at the task's last part. */
  cutAt: number;
}

export class TaskInputs {
  readonly channels: readonly TaskInput[];
  readonly #given: TaskInputsOptions;
  readonly #inputs: readonly Input[];
  readonly #aligner: Aligner | undefined;
  readonly #recorder: ChannelRecorder;
  #replayAligner: Aligner | undefined;
  #next = 0;
  /** Index of the input that the element taken last came from; −1 when that input is not there now. */
  #current = 0;
  /** The element taken last, if it was in flight in the restored checkpoint. */
  #injected: RestoredElement | undefined;
  #alignedSinceMs = 0;
  /** Greatest checkpoint whose barrier has come or was announced. */
  #newest = 0;
  /** The error by which what is in flight cannot be kept. */
  #error: unknown;
  #hasFailed = false;

  constructor(given: TaskInputsOptions) {
    this.#given = given;
    this.channels = given.inputs;
    const { mode, replayedBarrier } = given;
    this.#inputs = given.inputs.map((input) => ({
      ...input,
      watermarkMs: Number.NEGATIVE_INFINITY,
      ended: false,
      idle: false,
      silent: false,
      held: false,
      cutAt: 0,
    }));
    const inputs = this.#inputs.length;
    this.#recorder = new ChannelRecorder({
      inputs,
      bytesMax: given.recordedBytesMax ?? RECORDED_BYTES_MAX,
    });
    this.#aligner = inputs === 0 ? undefined : new Aligner({ inputs, mode });
    if (inputs > 0 && replayedBarrier !== undefined) {
      this.#replayAligner = new Aligner({ inputs, mode: 'exactly-once' });
    }
  }

  /** Is there an element to take? */
  get ready(): boolean {
    return this.#given.restored.ready || this.#inputs.some((input) => this.#isReady(input));
  }

  /** Is anything left that was in flight in the restored checkpoint (P3)? */
  get restoring(): boolean {
    return this.#given.restored.ready;
  }

  /** Some inputs are held until the others have come as far. */
  get holding(): boolean {
    return this.#inputs.some((input) => input.held);
  }

  get allEnded(): boolean {
    return this.#inputs.every((input) => input.ended);
  }

  /**
   * The least watermark of the inputs that go on and are not idle (P2, P5); +∞ when none goes on. When all of them
   * are idle, the least of those that are not silent; −∞ when all are.
   */
  get watermarkMs(): number {
    const { isIdle } = this;
    let least = Number.POSITIVE_INFINITY;
    for (const input of this.#inputs) {
      const { idle, watermarkMs } = input;
      if (isOver(input) || idle !== isIdle) continue;
      if (isIdle && isSilent(input)) continue;
      if (watermarkMs < least) least = watermarkMs;
    }
    return isIdle && least === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : least;
  }

  /** Some inputs go on, and all of these are idle. */
  get isIdle(): boolean {
    let isIdle = false;
    for (const input of this.#inputs) {
      if (isOver(input)) continue;
      if (!input.idle) return false;
      isIdle = true;
    }
    return isIdle;
  }

  /** All inputs that go on are silent (P5). */
  get isSilent(): boolean {
    return this.#inputs.every((input) => isOver(input) || isSilent(input));
  }

  /** The operator that the batch taken last was sent to; undefined for the head of the chain. */
  get receiver(): string | undefined {
    return this.#injected?.operator;
  }

  /** The port that it was sent to. */
  get port(): number {
    return (this.#injected ?? this.#inputs[this.#current]!).port;
  }

  /** The next element, of whichever input has one. */
  take(): Element | undefined {
    const inputs = this.#inputs;
    this.#injected = this.#given.restored.take();
    if (this.#injected !== undefined) return this.#inject(this.#injected);
    for (let i = 0; i < inputs.length; i += 1) {
      const at = (this.#next + i) % inputs.length;
      const input = inputs[at]!;
      if (!this.#isReady(input)) continue;
      const element = input.channel.take();
      if (element === undefined) continue;
      this.#current = at;
      this.#next = at + 1;
      if (this.#recorder.records(at)) this.#record(at, element);
      return element;
    }
    return undefined;
  }

  /** A watermark was taken. */
  advance(timeMs: number): void {
    const input = this.#inputs[this.#current];
    if (input !== undefined && timeMs > input.watermarkMs) input.watermarkMs = timeMs;
  }

  /** An `idle` was taken: its input is idle from now on. */
  rest(isSilent: boolean): void {
    const input = this.#inputs[this.#current];
    if (input === undefined) return;
    input.idle = true;
    input.silent = isSilent;
  }

  /** A batch or a watermark was taken: its input is not idle any more. */
  wakeUp(): void {
    const input = this.#inputs[this.#current];
    if (input === undefined) return;
    input.idle = false;
    input.silent = false;
  }

  /** An end was taken. */
  end(): void {
    this.#inputs[this.#current]!.ended = true;
  }

  /** A barrier was taken. @returns the snapshot that is due now, if one is; or the replayed barrier (P4) */
  barrier(checkpoint: number, now: number): AlignedSnapshot | undefined {
    this.#see(checkpoint, now);
    const isReplayed = checkpoint === this.#given.replayedBarrier;
    const aligner = isReplayed ? this.#replayAligner : this.#aligner;
    const commands = aligner?.handle({ kind: 'barrier', input: this.#current, checkpoint }) ?? [];
    if (!this.#perform(commands)) return undefined;
    if (isReplayed) this.#replayAligner = undefined;
    return { checkpoint, alignMs: now - this.#alignedSinceMs };
  }

  /** May this checkpoint be overtaken, so that it makes sense to look for announcements? */
  #mayOvertake(): boolean {
    return this.#given.alignedTimeoutMs !== Infinity && this.#replayAligner === undefined;
  }

  /** Is the part due, although not all of the checkpoint's barriers have come? */
  isOvertaken(checkpoint: number, now: number): boolean {
    if (!this.#mayOvertake()) return false;
    let urgent = false;
    for (const { channel } of this.#inputs) {
      const { announced } = channel;
      if (announced?.checkpoint !== checkpoint) continue;
      this.#see(checkpoint, now);
      if (announced.urgent) urgent = true;
    }
    if (this.#newest !== checkpoint) return false;
    return urgent || now - this.#alignedSinceMs >= this.#given.alignedTimeoutMs;
  }

  /** When `isOvertaken` may become true by time alone. */
  overtakenDue(checkpoint: number): number | undefined {
    if (!this.#mayOvertake() || this.#newest !== checkpoint) return undefined;
    return this.#alignedSinceMs + this.#given.alignedTimeoutMs;
  }

  /** Time from the first sign of the checkpoint until now, in ms. */
  waitedMs(now: number): number {
    return now - this.#alignedSinceMs;
  }

  /**
   * The task takes its part now: what is in flight is recorded from here on. To be called before the barrier is
   * forwarded.
   * @param batch the batch taken last, when it is half-processed, from record `at` on
   */
  overtake(checkpoint: number, batch: Batch | undefined, at: number): void {
    const aligner = this.#aligner!;
    const open = this.#inputs.map((_, i) => !aligner.hasDelivered(i, checkpoint));
    this.#begin();
    let frames: Uint8Array[][] = this.#inputs.map(() => []);
    try {
      frames = this.#inputs.map((input, i) => this.#taken(input, i === this.#current, batch, at));
    } catch (error) {
      this.#failed(error);
    }
    this.#recorder.begin(checkpoint, open, frames);
    this.#perform(aligner.handle({ kind: 'overtaken', checkpoint }));
    this.record();
  }

  /** The task takes its part now, and all of the checkpoint's barriers have come. */
  aligned(checkpoint: number): void {
    this.#begin();
    const none = this.#inputs.map(() => []);
    this.#recorder.begin(
      checkpoint,
      none.map(() => false),
      none,
    );
  }

  /** Would `record` do anything? */
  get recordable(): boolean {
    const { checkpoint } = this.#recorder;
    if (checkpoint === undefined || this.#recorder.complete) return false;
    return this.#inputs.some(
      ({ channel }, i) => this.#recorder.records(i) && channel.announced?.checkpoint === checkpoint,
    );
  }

  /** Completes recordings whose producers have announced (channel-recorder.ts, U2). True when one was completed. */
  record(): boolean {
    const { checkpoint } = this.#recorder;
    if (checkpoint === undefined || this.#recorder.complete) return false;
    let moved = false;
    for (const [i, { channel }] of this.#inputs.entries()) {
      if (!this.#recorder.records(i)) continue;
      const { announced } = channel;
      if (announced?.checkpoint !== checkpoint) continue;
      moved = true;
      try {
        this.#recorder.add(i, channel.peek(announced.position));
      } catch (error) {
        this.#failed(error);
      }
      this.#recorder.close(i);
    }
    return moved;
  }

  /** Everything in flight to this task has been recorded. */
  get recorded(): boolean {
    return this.#recorder.complete;
  }

  /**
   * The sections of what was recorded. Asked for once, when the recording is complete.
   * @throws HoldfastError ERR_HOLDFAST_UNTRANSFERABLE_RECORD
   */
  takeRecorded(): readonly ({ readonly operator: string } & StateSection)[] {
    const checkpoint = this.#recorder.checkpoint;
    const recorded = this.#recorder.take();
    if (this.#hasFailed) throw this.#error;
    return this.#inputs.flatMap((input, i) => {
      const frames = recorded[i]!;
      const { operator, channel, cutAt } = input;
      const position = isBehind(channel.announced, checkpoint, cutAt) ? cutAt : undefined;
      if (frames.length === 0 && position === undefined) return [];
      const { port, from } = input;
      const name = { port, input: input.input, from, to: this.#given.instance };
      return [{ operator, ...encodeChannel('input', name, { position, frames }) }];
    });
  }

  abort(checkpoint: number): void {
    this.#recorder.abort(checkpoint);
    if (this.#aligner !== undefined)
      this.#perform(this.#aligner.handle({ kind: 'abort', checkpoint }));
  }

  #isReady(input: Input): boolean {
    if (input.held || !input.channel.ready) return false;
    // While the recording is full, nothing more is taken of an input that is recorded (channel-recorder.ts, U6).
    return !(this.#recorder.full && this.#recorder.records(this.#inputs.indexOf(input)));
  }

  #inject({ operator, port, input, from, element }: RestoredElement): Element {
    this.#current = this.#inputs.findIndex(
      (one) =>
        one.operator === operator && one.port === port && one.input === input && one.from === from,
    );
    return element;
  }

  #see(checkpoint: number, now: number): void {
    if (checkpoint <= this.#newest) return;
    this.#newest = checkpoint;
    this.#alignedSinceMs = now;
  }

  #begin(): void {
    this.#hasFailed = false;
    this.#error = undefined;
    for (const input of this.#inputs) input.cutAt = input.channel.position;
  }

  /** What was taken of a channel, or restored, and has not been processed; and the channel's last watermark. */
  #taken(input: Input, isCurrent: boolean, batch: Batch | undefined, at: number): Uint8Array[] {
    const frames = new ElementFrames();
    const taken: Uint8Array[] = [];
    const { watermarkMs, operator, from } = input;
    if (watermarkMs !== Number.NEGATIVE_INFINITY) {
      taken.push(...frames.encode({ kind: 'watermark', timeMs: watermarkMs }));
    }
    if (isCurrent && batch !== undefined) taken.push(...frames.encode(batch, at));
    taken.push(...this.#given.restored.rest(operator, input, from));
    return taken;
  }

  /** Records an element that is taken while its channel is recorded (channel-recorder.ts, U3). */
  #record(at: number, element: Element): void {
    const recorder = this.#recorder;
    const { channel } = this.#inputs[at]!;
    const { announced } = channel;
    const behind = (channel.position - 1) | 0;
    const isPast =
      announced?.checkpoint === recorder.checkpoint &&
      announced !== undefined &&
      ((behind - announced.position) | 0) >= 0;
    const isBarrier = element.kind === 'barrier' && element.checkpoint >= recorder.checkpoint!;
    if (isPast || isBarrier) {
      recorder.close(at);
      return;
    }
    if (element.kind === 'idle') return; // Whoever is idle says so again after a restore.
    try {
      recorder.add(at, new ElementFrames().encode(element));
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#error = error;
  }

  /** Inputs may be held at once, before the snapshot: nothing is taken in between. */
  #perform(commands: readonly AlignerCommand[]): boolean {
    let due = false;
    for (const command of commands) {
      switch (command.kind) {
        case 'block':
          this.#inputs[command.input]!.held = true;
          break;
        case 'unblock-all':
          for (const input of this.#inputs) input.held = false;
          break;
        case 'snapshot':
          due = true;
      }
    }
    return due;
  }
}

/** Has the input said +∞, or ended: can it say no more of time (P5)? */
function isOver({ ended, watermarkMs }: Input): boolean {
  return ended || watermarkMs === Number.POSITIVE_INFINITY;
}

/** Has it said no time, or only that of what is over behind it (P5)? */
function isSilent({ silent, watermarkMs }: Input): boolean {
  return silent || watermarkMs === Number.NEGATIVE_INFINITY;
}

/** Has the consumer, before its own part, taken elements that the producer kept (channel-recorder.ts, U1)? */
function isBehind(
  announced: Announcement | undefined,
  checkpoint: number | undefined,
  position: number,
): boolean {
  return (
    announced !== undefined &&
    announced.checkpoint === checkpoint &&
    ((position - announced.position) | 0) > 0
  );
}
