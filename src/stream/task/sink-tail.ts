/**
 * The end of a chain: an operator that hands records to a sink's writer.
 *
 *  X1  The cut is synchronous: `prepare` is called at the barrier. The promise that it gives is waited for.
 *  X2  A writer that fails to prepare has lost records. So it fails the task, not only the checkpoint; also when
 *      the checkpoint has been given up by then, because the next one would be without those records.
 *  X3  A writer hears of checkpoints that were given up, the newest first, before it has to prepare one that was
 *      triggered later. What it prepared for those goes into the later one, in the order in which it was
 *      written (task-checkpoints.ts, T2; checkpoint/coordinator.ts, K9).
 *  X4  What the sink gives is checked before it is used (sink-checks.ts). A promise of `prepare` is waited for
 *      about as long as a checkpoint may take: a sink that is stuck fails its task.
 */

import { setMaxListeners } from 'node:events';
import { types } from 'node:util';
import { inTime } from '../../base/in-time.js';
import { isThenable } from '../api/callbacks.js';
import type {
  Capture,
  CapturedState,
  Operator,
  RestoredSection,
  StateSection,
} from '../operator.js';
import type { Sink, SinkContext, SinkPrepared, SinkWriter } from '../sink.js';
import { locate } from './located-error.js';
import { openInTime } from './opening.js';
import { asyncWriteError, checkPrepared, checkWriter, prepareTimeoutError } from './sink-checks.js';
import type { TaskGate } from './task-gate.js';

/** What a sink keeps in snapshots. */
export const STATE_SECTION = 'state';
const PARALLELISM_SECTION = 'parallelism';

export interface SinkTailOptions {
  readonly sink: Sink<unknown>;
  readonly gate: TaskGate;
  readonly run: string;
  readonly operator: string;
  readonly instance: number;
  readonly parallelism: number;
  readonly epoch: number;
  readonly incarnation: number;
  /** How long a promise of `prepare` is waited for, in milliseconds; for ever by default. */
  readonly prepareTimeoutMs?: number | undefined;
  readonly wake: () => void;
  readonly print: (line: string) => void;
  readonly fail: (error: unknown) => void;
  /** A record was written. */
  readonly written: () => void;
}

export class SinkTail implements Operator {
  readonly #given: SinkTailOptions;
  #writer!: SinkWriter<unknown>;
  #opened = false;
  readonly #closing = new AbortController();

  constructor(given: SinkTailOptions) {
    this.#given = given;
    // What a checkpoint has prepared that was given up is waited for on: there may be many, and each goes when it settles.
    setMaxListeners(0, this.#closing.signal);
  }

  async open(_context: unknown, restored: readonly RestoredSection[]): Promise<void> {
    const { sink, run, operator, instance, parallelism, epoch, incarnation } = this.#given;
    const { wake, print, fail } = this.#given;
    const context: SinkContext = {
      run,
      operator,
      instance,
      parallelism,
      epoch,
      incarnation,
      restored: ownState(restored, instance, parallelism),
      wake,
      print,
      fail,
    };
    const writer = await openInTime('sink', operator, sink.open(context), this.#closing.signal);
    checkWriter(operator, writer);
    this.#writer = writer;
    this.#opened = true;
    if (this.#closing.signal.aborted) await this.#writer.close();
  }

  /** The sink wants no more records for now. */
  get full(): boolean {
    return this.#writer.full === true;
  }

  /** Rows that a restored checkpoint had made visible; undefined when the sink does not make rows visible so. */
  visible(): readonly unknown[] | undefined {
    return this.#writer.visible?.();
  }

  onElement(record: unknown, timestamp: number): void {
    const writer = this.#writer;
    const answer: unknown = writer.write(record, timestamp);
    if (isThenable(answer)) throw asyncWriteError(this.#given.operator, answer);
    this.#given.written();
    if (writer.full === true) this.#given.gate.pause = true;
  }

  onWatermark(): void {}

  capture(checkpoint: number): Capture | undefined {
    if (this.#writer.prepare === undefined) return undefined;
    return new SinkCapture(this.#writer.prepare(checkpoint), this.#given, this.#closing.signal);
  }

  /** The checkpoint was given up (X3). */
  abort(checkpoint: number): void {
    if (this.#opened) this.#writer.abort?.(checkpoint);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#opened) await this.#writer.close();
  }
}

/** Waits for the promise of `prepare`. */
class SinkCapture implements Capture {
  readonly #given: SinkTailOptions;
  #prepared: SinkPrepared | undefined;
  #error: unknown;
  #failed = false;
  #givenUp = false;
  waiting: Promise<unknown> | undefined;

  constructor(
    prepared: SinkPrepared | undefined | Promise<SinkPrepared | undefined>,
    given: SinkTailOptions,
    closing: AbortSignal,
  ) {
    this.#given = given;
    if (!isThenable(prepared)) {
      this.#prepared = this.#checked(prepared);
      return;
    }
    this.waiting = this.#inTime(prepared, closing).then(
      (value) => {
        this.waiting = undefined;
        this.#prepared = value;
      },
      (error: unknown) => {
        this.waiting = undefined;
        this.#failed = true;
        this.#error = error;
        if (this.#givenUp) this.#given.fail(error); // X2
      },
    );
  }

  async #inTime(
    prepared: PromiseLike<SinkPrepared | undefined>,
    closing: AbortSignal,
  ): Promise<SinkPrepared | undefined> {
    const { operator, prepareTimeoutMs } = this.#given;
    if (prepareTimeoutMs === undefined) return this.#checked(await prepared);
    const late = () => prepareTimeoutError(operator, prepareTimeoutMs);
    return this.#checked(await inTime(prepared, prepareTimeoutMs, late, closing)); // X4
  }

  #checked(prepared: SinkPrepared | undefined): SinkPrepared | undefined {
    const { operator, sink } = this.#given;
    checkPrepared(operator, sink, prepared); // X4
    return prepared;
  }

  step(): boolean {
    if (this.#failed) throw locate(this.#error, this.#given.operator);
    return this.waiting === undefined;
  }

  take(): CapturedState {
    const state = this.#prepared?.state;
    const sections: StateSection[] = [];
    if (state !== undefined) {
      sections.push({ name: STATE_SECTION, chunks: state.map(movable) });
      sections.push({ name: PARALLELISM_SECTION, chunks: [encodeCount(this.#given.parallelism)] });
    }
    return { sections, prepared: this.#prepared };
  }

  abort(): void {
    this.#givenUp = true;
    if (this.#failed) this.#given.fail(this.#error); // X2
  }
}

/** Memory of sections is moved to another thread unless it is shared. The writer may still need its own: a copy. */
function movable(chunk: Uint8Array): Uint8Array {
  return types.isSharedArrayBuffer(chunk.buffer) ? chunk : new Uint8Array(chunk);
}

/** The state of this very instance; after a change of parallelism instance 0 gets all of it. */
function ownState(
  restored: readonly RestoredSection[],
  instance: number,
  parallelism: number,
): SinkContext['restored'] {
  const same = restored
    .filter((section) => section.name === PARALLELISM_SECTION)
    .every((section) => decodeCount(section.bytes) === parallelism);
  return restored
    .filter((section) => section.name === STATE_SECTION)
    .filter((section) => (same ? section.instance === instance : instance === 0))
    .map(({ instance: from, bytes }) => ({ instance: from, bytes }));
}

function encodeCount(count: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, count, true);
  return bytes;
}

function decodeCount(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
}
