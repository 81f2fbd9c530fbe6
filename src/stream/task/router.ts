/**
 * Routers: the ends of a chain, where records leave for other tasks. One router per edge.
 *
 *  U1  Watermarks and barriers go to every consuming instance.
 *  U2  A watermark waits for company, because sending it publishes every channel's open batch, however small. It
 *      goes out with a flush, before a barrier or the end, or after RECORDS_PER_WATERMARK records
 *      per channel. Watermarks may always come late; only the last one counts.
 *  U3  Two records of one key take the same channel, in order.
 *  U4  A router that has said that it is idle says its watermark again before the next record, to all consumers,
 *      even if the watermark is the same. An instance that gets no record would otherwise not wait for the
 *      records that come later.
 */

import type { ControlElement, Idle, OutputChannel } from '../../channels/element.js';
import { keyGroupOf } from '../../hashring/key-group.js';
import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { Receiver } from '../operator.js';
import { locateRecord } from './located-error.js';

const RECORDS_PER_WATERMARK = 1_024;

export abstract class Router implements Receiver {
  /** Id of the operator whose records these are. */
  readonly producer: string;
  protected readonly channels: readonly OutputChannel[];
  /** Records sent. */
  records = 0;
  #watermark = Number.NEGATIVE_INFINITY;
  #held = false;
  #watermarkAtRecords = 0;
  /** The `idle` that was sent, and nothing after it (U4). */
  #idle: Idle | undefined;

  constructor(producer: string, channels: readonly OutputChannel[]) {
    this.producer = producer;
    this.channels = channels;
  }

  abstract onElement(record: unknown, timestamp: number, group: number, behind: number): void;

  onIdle(isSilent: boolean): void {
    if (this.#idle?.isSilent === isSilent) return;
    this.#idle = { kind: 'idle', isSilent };
    this.control(this.#idle);
  }

  onWatermark(timeMs: number): void {
    if (this.#idle !== undefined) {
      this.#idle = undefined;
      this.#watermark = Math.max(this.#watermark, timeMs);
      this.#held = true;
      this.#sendWatermark();
    }
    if (timeMs <= this.#watermark) return;
    this.#watermark = timeMs;
    this.#held = true;
    const records = this.records - this.#watermarkAtRecords;
    if (records >= RECORDS_PER_WATERMARK * this.channels.length) this.#sendWatermark();
  }

  control(element: ControlElement): void {
    this.#sendWatermark();
    for (const channel of this.channels) channel.control(element);
  }

  flush(): void {
    this.#sendWatermark();
    for (const channel of this.channels) channel.flush();
  }

  /** Something waits to be flushed, or to be moved into a channel. */
  get pending(): boolean {
    return this.#held || this.channels.some((channel) => channel.pending);
  }

  get blocked(): boolean {
    return this.channels.some((channel) => channel.blocked);
  }

  /** Moves output that could not be published yet. True when anything moved. */
  pump(): boolean {
    let moved = false;
    for (const channel of this.channels) {
      if (channel.pending && channel.pump()) moved = true;
    }
    return moved;
  }

  #sendWatermark(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#watermarkAtRecords = this.records;
    for (const channel of this.channels) {
      channel.control({ kind: 'watermark', timeMs: this.#watermark });
    }
  }
}

export class ForwardRouter extends Router {
  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    this.records += 1;
    this.channels[0]!.push(record, timestamp, 0, behind);
  }
}

/** Round robin. */
export class RebalanceRouter extends Router {
  #next: number;

  /** @param first begins with this channel, so that producers do not all begin with the same */
  constructor(producer: string, channels: readonly OutputChannel[], first: number) {
    super(producer, channels);
    this.#next = first % channels.length;
  }

  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    const at = this.#next;
    this.#next = at + 1 === this.channels.length ? 0 : at + 1;
    this.records += 1;
    this.channels[at]!.push(record, timestamp, 0, behind);
  }
}

export class BroadcastRouter extends Router {
  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    this.records += 1;
    for (const channel of this.channels) channel.push(record, timestamp, 0, behind);
  }
}

export interface HashRouterOptions {
  readonly producer: string;
  readonly channels: readonly OutputChannel[];
  /** Key group → consuming instance. */
  readonly table: Uint16Array;
  readonly keyGroups: number;
  readonly key: (record: unknown) => unknown;
  /** The operator that asked for the key: an error in the key selector is this operator's. */
  readonly consumer: string;
  /** The consumer puts failed records aside. So it also gets records whose key selector throws: it meets the error. */
  readonly putsAside: boolean;
}

/** The key group to which records without a key go. */
const KEYLESS_GROUP = 1;

export class HashRouter extends Router {
  readonly #given: HashRouterOptions;
  readonly #table: Uint16Array;
  readonly #key: (record: unknown) => unknown;
  readonly #keyGroups: number;

  constructor(given: HashRouterOptions) {
    super(given.producer, given.channels);
    this.#given = given;
    this.#table = given.table;
    this.#key = given.key;
    this.#keyGroups = given.keyGroups;
  }

  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    const group = this.#groupOf(record);
    this.records += 1;
    this.channels[this.#table[group]!]!.push(record, timestamp, group, behind);
  }

  #groupOf(record: unknown): number {
    try {
      const select = this.#key;
      const key = select(record);
      if (typeof key === 'object' && isThenable(key)) throw asyncCallbackError('keyBy');
      return keyGroupOf(key, this.#keyGroups);
    } catch (error) {
      if (this.#given.putsAside) return KEYLESS_GROUP;
      throw locateRecord(error, this.#given.consumer, record);
    }
  }
}
