/**
 * The first of two phases of an aggregation over windows: each instance puts together what it has of a key and slice of
 * time, and sends that instead of the records. The window behind the exchange merges it. (Known as a combiner since
 * MapReduce, as local and global aggregation in Flink's SQL.)
 *
 *  L1  What is put together are records that are late for no window, here or by their own marks. So a partial has no
 *      mark, and is in all windows of its slice. Any other record goes on by itself, with its mark: the window behind
 *      judges it as it would without this operator.
 *  L2  Partials go out before the first watermark that lets a window of theirs fire, before a barrier, before the
 *      instance is idle, and when there are many. So the window has them in time, and nothing is in the snapshot.
 *  L3  While an instance is idle others go on, and what it takes afterwards may be late by the task's time of the window
 *      (lateness.ts, J2), which it does not know. All records of a slice are then, so the window counts those of the
 *      partial. It could not put them aside: a window that does has no first phase.
 *  L4  Where failed records are put aside (`onError`), all go by themselves: the window has to meet each failure.
 *  L5  No exchange lies before it: a record may be changed yet by whoever has emitted it. So what a partial may hold is a
 *      copy.
 *  L6  A partial does not grow for ever: it goes out when it is of many records.
 */

import { NOT_BEHIND } from '../../channels/element.js';
import { type RecordKeeper, recordKeeper } from '../../channels/record-keeper.js';
import { type PrimitiveKey, shownKey } from '../../hashring/canonical-key.js';
import type { KeySelector } from '../api/key-selector.js';
import type { Operator, OperatorContext, Receiver } from '../operator.js';
import { detachedKey } from '../state/detached.js';
import type { Slice, WindowAssigner } from '../windows/assigner.js';
import { hasPassed, isLate } from './lateness.js';
import { keyOfSelected } from './operator-key.js';
import { enveloping, type RecordEnvelope } from './partials.js';
import type { WindowContent } from './window-content.js';

/** Partials that an instance holds at most (L2). */
const PARTIALS_MAX = 4_096;
/** Records of a partial at most (L6). */
const RECORDS_MAX = 16_384;

interface Partial {
  readonly key: unknown;
  value: unknown;
  records: number;
}

/** The partials of a slice. */
interface Bundle {
  readonly slice: Slice;
  readonly partials: Map<PrimitiveKey, Partial>;
  /** Of the last record that was added. */
  timestamp: number;
}

export interface PreAggregation {
  readonly key: KeySelector;
  readonly assigner: WindowAssigner;
  readonly content: WindowContent;
  /** The window puts failed records aside (L4). */
  readonly keepsFailed: boolean;
}

export class PreAggregateOperator implements Operator {
  readonly divisible = true;
  readonly #select: (record: unknown) => unknown;
  readonly #given: PreAggregation;
  #context!: OperatorContext;
  #output!: Receiver;
  /** Undefined: partials hold no records (L5). */
  #keeper: RecordKeeper | undefined;
  #watermark = Number.NEGATIVE_INFINITY;
  readonly #bundles = new Map<number, Bundle>();
  /** The bundle of the last record that was put together with others. */
  #last: Bundle | undefined;
  /** Partials of all bundles. */
  #count = 0;
  /** Nothing has to go out below this watermark. */
  #dueMs = Number.POSITIVE_INFINITY;
  /** What is due at that watermark goes out; −∞: nothing does. */
  #flushMs = Number.NEGATIVE_INFINITY;
  /** Comes behind what goes out. */
  #hasWatermark = false;
  #idle: { readonly isSilent: boolean } | undefined;
  readonly #envelope: ReturnType<typeof enveloping>;

  constructor(given: PreAggregation) {
    this.#given = given;
    this.#envelope = enveloping(given.content.words);
    this.#select = given.key as (record: unknown) => unknown;
  }

  open(context: OperatorContext): void {
    this.#context = context;
    this.#output = context.output;
    const { content } = this.#given;
    content.open(context);
    if (content.keepsRecords) this.#keeper = recordKeeper(context.records);
  }

  get suspended(): boolean {
    return this.#flushMs > Number.NEGATIVE_INFINITY;
  }

  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    let bundle = this.#last;
    if (
      bundle === undefined ||
      behind > NOT_BEHIND ||
      !(timestamp >= bundle.slice.start && timestamp < bundle.slice.end)
    ) {
      bundle = this.#given.keepsFailed ? undefined : this.#bundleFor(timestamp, behind);
      if (bundle === undefined) {
        const envelope: RecordEnvelope = { record };
        this.#output.onElement(envelope, timestamp, 0, behind);
        return;
      }
      this.#last = bundle;
    }
    const select = this.#select;
    const selected = select(record);
    const canonical = keyOfSelected(selected);
    const { content } = this.#given;
    const own = this.#keeper === undefined ? record : this.#keeper.keep(record);
    const partial = bundle.partials.get(canonical);
    bundle.timestamp = timestamp;
    if (partial === undefined) {
      const key = detachedKey(shownKey(selected));
      const value = content.first(own, timestamp);
      bundle.partials.set(canonical, { key, value, records: 1 });
      this.#count += 1;
      if (this.#count >= PARTIALS_MAX) this.#flush(Number.POSITIVE_INFINITY);
      return;
    }
    partial.value = content.add(partial.value, own, timestamp);
    partial.records += 1;
    if (partial.records >= RECORDS_MAX) this.#send(bundle, canonical, partial);
  }

  onWatermark(timeMs: number): void {
    this.#watermark = Math.max(this.#watermark, timeMs);
    if (timeMs < this.#dueMs) {
      this.#output.onWatermark(timeMs);
      return;
    }
    this.#hasWatermark = true;
    this.#flush(timeMs);
  }

  onIdle(isSilent: boolean): void {
    this.#idle = { isSilent };
    this.#flush(Number.POSITIVE_INFINITY);
  }

  resume(): void {
    this.#flush(this.#flushMs);
  }

  /** L2. Past full outputs if need be. */
  beforeBarrier(): void {
    for (const bundle of this.#bundles.values()) this.#sendAll(bundle, false);
  }

  /** Sends what is due at that watermark, as far as there is room (operator.ts, O2). */
  #flush(timeMs: number): void {
    this.#flushMs = timeMs;
    for (const bundle of this.#bundles.values()) {
      if (!hasPassed(timeMs, bundle.slice.firstEnd - 1)) continue;
      if (!this.#sendAll(bundle, true)) return;
    }
    this.#flushMs = Number.NEGATIVE_INFINITY;
    this.#dueMs = Number.POSITIVE_INFINITY;
    for (const { slice } of this.#bundles.values()) {
      this.#dueMs = Math.min(this.#dueMs, slice.firstEnd - 1);
    }
    if (this.#hasWatermark) {
      this.#hasWatermark = false;
      this.#output.onWatermark(this.#watermark);
    }
    const idle = this.#idle;
    if (idle === undefined) return;
    this.#idle = undefined;
    this.#output.onIdle?.(idle.isSilent);
  }

  /** @returns false: it has stopped half-way */
  #sendAll(bundle: Bundle, mayPause: boolean): boolean {
    const { turn } = this.#context;
    for (const [canonical, partial] of bundle.partials) {
      this.#send(bundle, canonical, partial);
      this.#context.alive();
      if (mayPause && turn.pause) return false;
    }
    this.#bundles.delete(bundle.slice.index);
    if (this.#last === bundle) this.#last = undefined;
    return true;
  }

  #send({ partials, timestamp }: Bundle, canonical: PrimitiveKey, partial: Partial): void {
    partials.delete(canonical);
    this.#count -= 1;
    const { key, value, records } = partial;
    this.#output.onElement(this.#envelope(key, value, records), timestamp, 0, NOT_BEHIND);
  }

  /** Undefined: the record goes by itself (L1), or is in no window. */
  #bundleFor(timestamp: number, behind: number): Bundle | undefined {
    const { assigner } = this.#given;
    const index = assigner.indexAt(timestamp);
    const known = this.#bundles.get(index);
    const slice = known?.slice ?? assigner.slice(index);
    const { firstEnd, lastEnd } = slice;
    if (firstEnd > lastEnd || isLate(firstEnd - 1, behind, this.#watermark)) return undefined;
    if (known !== undefined) return known;
    const bundle: Bundle = { slice, partials: new Map(), timestamp };
    this.#bundles.set(index, bundle);
    this.#dueMs = Math.min(this.#dueMs, firstEnd - 1);
    return bundle;
  }
}
