/** Tasks without threads: channels that hold little, sources and sinks whose every step is at hand. */

import type { Random } from '../../src/base/random.js';
import {
  type Announcement,
  type Batch,
  type ControlElement,
  type Element,
  type Gate,
  type InputChannel,
  NOT_BEHIND,
  type OutputChannel,
} from '../../src/channels/element.js';
import { ElementFrames } from '../../src/channels/element-frames.js';
import type { Sink, SinkPrepared, SinkTransaction } from '../../src/stream/sink.js';
import type {
  RejectedRecord,
  RejectingSource,
  Source,
  SourceBatch,
  SourceReader,
  SourceSplit,
} from '../../src/stream/source.js';

export interface TestChannelOptions {
  readonly gate?: Gate;
  readonly batchRecords?: number;
  readonly capacityRecords?: number;
}

/** Both ends in one; an open batch, a queue, a limit. */
export class TestChannel implements InputChannel, OutputChannel {
  readonly queue: Element[] = [];
  announced: Announcement | undefined;
  position = 0;
  readonly #gate: Gate | undefined;
  readonly #batchRecords: number;
  readonly #capacityRecords: number;
  #open: { record: unknown; timestamp: number; group: number; behind: number }[] = [];

  constructor({ gate, batchRecords = 3, capacityRecords = 6 }: TestChannelOptions = {}) {
    this.#gate = gate;
    this.#batchRecords = batchRecords;
    this.#capacityRecords = capacityRecords;
  }

  get ready(): boolean {
    return this.queue.length > 0;
  }

  take(): Element | undefined {
    if (this.ready) this.position += 1;
    return this.queue.shift();
  }

  peek(position: number): readonly Uint8Array[] {
    const frames = new ElementFrames();
    return this.queue
      .slice(0, position - this.position)
      .flatMap((element) => frames.encode(element));
  }

  get barrierWaits(): boolean {
    return false;
  }

  /** All is with the consumer at once, as in a queue within a thread. */
  announce(checkpoint: number, urgent: boolean): readonly Uint8Array[] {
    const at = this.queue.findLastIndex((element) => element.kind === 'barrier');
    this.announced = { checkpoint, position: this.position + Math.max(0, at), urgent };
    return [];
  }

  push(record: unknown, timestamp: number, group: number, behind: number): void {
    this.#open.push({ record, timestamp, group, behind });
    if (this.#open.length >= this.#batchRecords) this.flush();
  }

  control(element: ControlElement): void {
    this.flush();
    this.queue.push(element);
  }

  flush(): void {
    const open = this.#open;
    if (open.length === 0) return;
    this.#open = [];
    this.queue.push(batchOf(open));
    if (this.blocked && this.#gate !== undefined) this.#gate.closed = true;
  }

  pump(): boolean {
    return false;
  }

  get blocked(): boolean {
    let records = 0;
    for (const element of this.queue) if (element.kind === 'batch') records += element.count;
    return records > this.#capacityRecords;
  }

  get pending(): boolean {
    return this.#open.length > 0;
  }
}

export function batchOf(
  entries: readonly { record: unknown; timestamp?: number; group?: number; behind?: number }[],
): Batch {
  return {
    kind: 'batch',
    // Longer than `count`, as real ones may be.
    records: [...entries.map(({ record }) => record), 'beyond the end'],
    timestamps: Float64Array.from(entries, ({ timestamp }) => timestamp ?? Number.NaN),
    behind: entries.some(({ behind = NOT_BEHIND }) => behind !== NOT_BEHIND)
      ? Float64Array.from(entries, ({ behind }) => behind ?? NOT_BEHIND)
      : undefined,
    groups: Uint16Array.from(entries, ({ group }) => group ?? 0),
    count: entries.length,
  };
}

/** What lies in a channel, in short: records as they are, control elements by name. */
export function contents(channel: TestChannel): unknown[] {
  channel.flush();
  return channel.queue.splice(0).flatMap((element) => described(element));
}

function described(element: Element): unknown[] {
  if (element.kind === 'batch') return element.records.slice(0, element.count);
  if (element.kind === 'barrier') return [`barrier ${element.checkpoint}`];
  if (element.kind === 'idle') return [element.isSilent ? 'idle, silent' : 'idle'];
  return [element.kind === 'watermark' ? `watermark ${element.timeMs}` : element.kind];
}

export interface TestSourceOptions {
  /** Default true. */
  readonly bounded?: boolean;
  readonly kind?: string;
  /** Records of each split; a `RejectedRecord` is told as one. */
  readonly splits: readonly (readonly unknown[])[];
  readonly batchRecords?: number;
  /** Decides whether a poll answers at once, or with a promise. */
  readonly random?: Random;
  readonly rejectTag?: string;
  /** Fails instead of giving the batch that begins with this record of the split. */
  readonly failAt?: { readonly split: number; readonly record: number };
}

/** A source over arrays. A position is the next record's index. */
export function testSource<T>(
  options: TestSourceOptions & { readonly rejectTag: string },
): RejectingSource<T>;
export function testSource<T>(options: TestSourceOptions): Source<T>;
export function testSource<T>(options: TestSourceOptions): Source<T> {
  const { splits, batchRecords = 4, random, rejectTag, failAt } = options;
  const later = (): boolean => random !== undefined && random.next() < 0.3;
  return {
    kind: options.kind ?? 'testSource',
    bounded: options.bounded ?? true,
    rejectTag,
    splits: async () => splits.map((_, i) => ({ id: `split ${i}` })),
    async open(split: SourceSplit, position) {
      const index = Number(split.id.slice('split '.length));
      const records = splits[index]! as readonly T[];
      let next = (position as number | undefined) ?? 0;
      let start = next;
      const read = (): SourceBatch<T> | undefined => {
        start = next;
        if (failAt?.split === index && next >= failAt.record) throw new Error('cannot be read');
        const batch = records.slice(next, next + batchRecords);
        next += batch.length;
        if (batch.length === 0) return undefined;
        const rejected = batch.flatMap((record, i) => (isRejected(record) ? [i] : []));
        return rejected.length === 0 ? { records: batch } : { records: batch, rejected };
      };
      const reader: SourceReader<T> = {
        poll: () => (later() ? Promise.resolve().then(read) : read()),
        position: (taken) => start + taken,
        describe: (i) => `${split.id}, record ${start + i}`,
        close: () => {},
      };
      return reader;
    },
  };
}

export function isRejected(record: unknown): record is RejectedRecord {
  return typeof record === 'object' && record !== null && 'error' in record && 'line' in record;
}

/** What test sinks have published, by name. */
export class Published {
  readonly rows = new Map<string, unknown[]>();
  readonly committed = new Set<unknown>();

  /** Idempotent, as commits must be. */
  commit(name: string, transaction: SinkTransaction): void {
    for (const part of transaction['parts'] as { id: string; rows: unknown[] }[]) {
      if (this.committed.has(part.id)) continue;
      this.committed.add(part.id);
      this.rows.set(name, [...(this.rows.get(name) ?? []), ...part.rows]);
    }
  }
}

let parts = 0;

/** A two-phase sink: each checkpoint's rows are a transaction of their own, kept when it is given up. */
export function testSink<T>(kind: string, random?: Random): Sink<T> {
  return {
    kind,
    // Whoever plays the driver commits: `Published`.
    async commit() {},
    async open(context) {
      let rows: unknown[] = [];
      let prepared: { checkpoint: number; rows: unknown[] } | undefined;
      let full = false;
      return {
        write(record) {
          rows.push(record);
          if (random !== undefined && random.next() < 0.05) {
            full = true;
            setImmediate(() => {
              full = false;
              context.wake();
            });
          }
        },
        get full() {
          return full;
        },
        prepare(checkpoint) {
          if (rows.length === 0) return undefined;
          parts += 1;
          prepared = { checkpoint, rows };
          const transaction = { parts: [{ id: `part ${parts}`, rows }] };
          rows = [];
          const answer: SinkPrepared = { transaction };
          return random !== undefined && random.next() < 0.5 ? Promise.resolve(answer) : answer;
        },
        abort(checkpoint) {
          if (prepared?.checkpoint === checkpoint) rows = [...prepared.rows, ...rows];
          prepared = undefined;
        },
        close() {},
      };
    },
  };
}
