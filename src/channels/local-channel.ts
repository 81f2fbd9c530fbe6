/**
 * A channel between two tasks of one thread: a bounded queue of batches. Nothing is encoded.
 *
 *  Q1  Order, blocking and control elements are those of a channel between threads, so that
 *      alignment and back-pressure do not depend on where tasks live.
 *  Q2  The consumer receives a copy (record-keeper.ts). So a change of the record by one side does not reach the
 *      other. What could not travel between threads is refused here as well: where tasks are placed makes no
 *      difference.
 *  Q3  Nothing waits for a full batch: when there is no other, the consumer takes the open one.
 *  Q4  All that was pushed is with the consumer at once, so a barrier overtakes nothing on the
 *      producer's side. Records are encoded only when an unaligned checkpoint asks for copies.
 */

import { assert } from '../base/assert.js';
import {
  type Announcement,
  type Batch,
  type ControlElement,
  type Element,
  type Gate,
  type InputChannel,
  NOT_BEHIND,
  type OutputChannel,
} from './element.js';
import { ElementFrames } from './element-frames.js';
import { type RecordKeeper, type RecordsMode, recordKeeper } from './record-keeper.js';
import { untransferable } from './untransferable.js';

export interface LocalChannelOptions {
  /** So many records on their way block the producer. */
  readonly capacityRecords: number;
  /** Of the producing task. */
  readonly gate: Gate;
  /** Longest batch; 256 when absent. */
  readonly batchRecordsMax?: number | undefined;
  /** How records are kept apart; 'checked' when absent. */
  readonly records?: RecordsMode | undefined;
  /** Called when there is something to take again after there was nothing. */
  readonly wakeConsumer?: (() => void) | undefined;
  /** Called when a blocked producer may go on: half of the capacity is free again. */
  readonly wakeProducer?: (() => void) | undefined;
}

const BATCH_RECORDS_MAX = 256;

/** Both ends of one channel. */
export function localChannel(options: LocalChannelOptions): {
  readonly output: OutputChannel;
  readonly input: InputChannel;
} {
  const channel = new LocalChannel(options);
  return { output: channel, input: channel };
}

class LocalChannel implements OutputChannel, InputChannel {
  readonly #capacity: number;
  readonly #batchMax: number;
  readonly #gate: Gate;
  readonly #keeper: RecordKeeper;
  readonly #wakeConsumer: (() => void) | undefined;
  readonly #wakeProducer: (() => void) | undefined;
  readonly #queue: Element[] = [];
  #open: OpenBatch | undefined;
  /** Number of records of the last batch: the next one begins with room for as many. */
  #lastCount = 0;
  /** Number of records in the queue and in the open batch. */
  #records = 0;
  #blocked = false;
  /** Number of elements queued so far, and taken so far. */
  #queued = 0;
  #taken = 0;
  /** Position of the last barrier. */
  #barrierAt = 0;
  #announced: Announcement | undefined;

  constructor(options: LocalChannelOptions) {
    assert(options.capacityRecords >= 1, 'capacityRecords is at least 1');
    this.#capacity = options.capacityRecords;
    this.#batchMax = options.batchRecordsMax ?? BATCH_RECORDS_MAX;
    this.#gate = options.gate;
    this.#keeper = recordKeeper(options.records);
    this.#wakeConsumer = options.wakeConsumer;
    this.#wakeProducer = options.wakeProducer;
  }

  push(record: unknown, timestamp: number, group: number, behind: number): void {
    const kept = this.#kept(record);
    const wasEmpty = !this.ready;
    let open = this.#open;
    if (open === undefined) {
      open = new OpenBatch(this.#batchMax, this.#lastCount);
      this.#open = open;
    }
    open.add(kept, timestamp, group, behind);
    this.#records += 1;
    if (open.count >= this.#batchMax) this.flush();
    if (this.#records >= this.#capacity) {
      this.#blocked = true;
      this.#gate.closed = true;
    }
    if (wasEmpty) this.#wakeConsumer?.();
  }

  control(element: ControlElement): void {
    const wasEmpty = !this.ready;
    this.flush();
    if (element.kind === 'barrier') this.#barrierAt = this.#queued;
    this.#enqueue(element);
    if (wasEmpty) this.#wakeConsumer?.();
  }

  flush(): void {
    if (this.#open === undefined) return;
    const batch = this.#open.close();
    this.#lastCount = batch.count;
    this.#enqueue(batch);
    this.#open = undefined;
  }

  pump(): boolean {
    return false;
  }

  get blocked(): boolean {
    return this.#blocked;
  }

  get pending(): boolean {
    return false;
  }

  get barrierWaits(): boolean {
    return false;
  }

  announce(checkpoint: number, urgent: boolean): readonly Uint8Array[] {
    this.#announced = { checkpoint, position: this.#barrierAt, urgent };
    this.#wakeConsumer?.();
    return [];
  }

  take(): Element | undefined {
    if (this.#queue.length === 0) this.flush();
    const element = this.#queue.shift();
    if (element !== undefined) this.#taken = (this.#taken + 1) | 0;
    if (element?.kind === 'batch') {
      this.#records -= element.count;
      if (this.#blocked && this.#records <= this.#capacity / 2) {
        this.#blocked = false;
        this.#wakeProducer?.();
      }
    }
    return element;
  }

  get ready(): boolean {
    return this.#queue.length > 0 || this.#open !== undefined;
  }

  get position(): number {
    return this.#taken;
  }

  get announced(): Announcement | undefined {
    return this.#announced;
  }

  peek(position: number): readonly Uint8Array[] {
    const count = Math.max(0, (position - this.#taken) | 0);
    const frames = new ElementFrames();
    return this.#queue.slice(0, count).flatMap((element) => frames.encode(element));
  }

  #kept(record: unknown): unknown {
    try {
      return this.#keeper.keep(record);
    } catch (error) {
      throw untransferable(error);
    }
  }

  #enqueue(element: Element): void {
    this.#queued = (this.#queued + 1) | 0;
    this.#queue.push(element);
  }
}

class OpenBatch {
  readonly #records: unknown[];
  readonly #capacity: number;
  /** Only on keyed edges, where every record has a group from 1 on. */
  #groups: Uint16Array | undefined;
  #timestamps: Float64Array | undefined;
  #behind: Float64Array | undefined;
  count = 0;

  /** @param expected so many records are likely to come */
  constructor(capacity: number, expected: number) {
    this.#records = new Array(expected);
    this.#capacity = capacity;
  }

  add(record: unknown, timestamp: number, group: number, behind: number): void {
    const at = this.count;
    this.#records[at] = record;
    if (!Number.isNaN(timestamp)) {
      this.#timestamps ??= new Float64Array(this.#capacity).fill(Number.NaN);
      this.#timestamps[at] = timestamp;
    }
    if (behind > NOT_BEHIND) {
      this.#behind ??= new Float64Array(this.#capacity).fill(NOT_BEHIND);
      this.#behind[at] = behind;
    }
    if (group !== 0) {
      this.#groups ??= new Uint16Array(this.#capacity);
      this.#groups[at] = group;
    }
    this.count = at + 1;
  }

  close(): Batch {
    this.#records.length = this.count;
    return {
      kind: 'batch',
      records: this.#records,
      timestamps: this.#timestamps,
      behind: this.#behind,
      groups: this.#groups,
      count: this.count,
    };
  }
}
