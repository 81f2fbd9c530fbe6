/**
 * What travels between tasks: batches of records, and control elements in order with them.
 *
 * Protocol file: shapes, and one name for a value. A channel is one (edge, producing instance, consuming instance);
 * it is FIFO and single-producer, single-consumer, inside a thread as well as between threads.
 */

/** The mark of a record that is not behind its split's time (see `Batch.behind`). */
export const NOT_BEHIND = Number.NEGATIVE_INFINITY;

export interface Batch {
  readonly kind: 'batch';
  /** The array is valid until the next `take()` on the same channel; its records may be kept. */
  readonly records: readonly unknown[];
  /** Event time in ms per record; NaN where a record has none. Undefined when no record of the batch has one. */
  readonly timestamps: Float64Array | undefined;
  /**
   * The mark per record. A record that is at or behind the time which its own split had just before it has that
   * time in ms; any other has `NOT_BEHIND`. Undefined when no record of the batch is behind.
   */
  readonly behind: Float64Array | undefined;
  /** Key group (1…m) per record on a keyed edge, else undefined. */
  readonly groups: Uint16Array | undefined;
  /** How many entries of the arrays are in use (they may be longer). */
  readonly count: number;
}

/** Everything ahead of it belongs to checkpoint n, everything behind it does not. */
export interface Barrier {
  readonly kind: 'barrier';
  readonly checkpoint: number;
}

/** No record with a timestamp at or below `timeMs` will follow on this channel. Never decreases. */
export interface Watermark {
  readonly kind: 'watermark';
  readonly timeMs: number;
}

/** No batch and no watermark will follow on this channel; barriers still do, until the job ends. */
export interface End {
  readonly kind: 'end';
}

/**
 * Time need not wait for this channel until a batch or a watermark comes over it again. Until then its watermark
 * stays where it was.
 */
export interface Idle {
  readonly kind: 'idle';
  /**
   * Nothing behind it that goes on has ever said a time: its watermark, if it has one, is of what is over. That
   * watermark does not count when all channels are idle.
   */
  readonly isSilent: boolean;
}

export type ControlElement = Barrier | Watermark | End | Idle;
export type Element = Batch | ControlElement;

/**
 * What a producer tells of its newest barrier, ahead of what it has queued (unaligned checkpoints).
 * Positions count the elements of a channel from 0, modulo 2³² as 32-bit integers.
 */
export interface Announcement {
  readonly checkpoint: number;
  /** Elements from here to the barrier are in the producer's part of the checkpoint. */
  readonly position: number;
  /** The consumer should not wait for the barrier. */
  readonly urgent: boolean;
}

/** The consuming end of a channel. */
export interface InputChannel {
  /** The next element in order, or undefined when nothing is there now. Never blocks. */
  take(): Element | undefined;
  /** Is an element there to be taken? Cheap: called before a thread goes to sleep. */
  readonly ready: boolean;
  /** Position of the next element. */
  readonly position: number;
  /** The newest announcement. */
  readonly announced: Announcement | undefined;
  /**
   * Copies of the elements ahead of `position` that are not taken yet, as frames (element-frames.ts). Once
   * that position was announced, they are all there, and stay where they are.
   */
  peek(position: number): readonly Uint8Array[];
}

/**
 * One per task. A channel closes it when its output is beyond its limit; the task looks at it
 * after each record and stops working until every output has room again.
 */
export interface Gate {
  closed: boolean;
  /** Number of the input record being processed, from 0: if it is refused later, the error names it. */
  readonly record?: number | undefined;
}

/** The producing end of a channel. Nothing here ever blocks or waits. */
export interface OutputChannel {
  /**
   * Adds one record to the open batch; encodes and publishes the batch when it is full. Throws a
   * HoldfastError ERR_HOLDFAST_UNTRANSFERABLE_RECORD (possibly only at a later flush) for what cannot travel.
   * @param timestamp event time in ms, NaN for none
   * @param group key group on a keyed edge (1…m), 0 elsewhere
   * @param behind the record's mark, or `NOT_BEHIND`
   */
  push(record: unknown, timestamp: number, group: number, behind: number): void;
  /** Publishes the open batch, then the element, in order. Needs no credit: it may exceed the limit. */
  control(element: ControlElement): void;
  /** Publishes the open batch, if there is one, even if it is not full. */
  flush(): void;
  /** Moves what could not be published yet towards the consumer. True when anything moved. */
  pump(): boolean;
  /** Unpublished output is beyond the limit: the producing task has to wait. */
  readonly blocked: boolean;
  /** An open batch, or encoded output not yet handed over, exists. */
  readonly pending: boolean;
  /** The last barrier has not been handed over yet: it waits, with what was sent before it. */
  readonly barrierWaits: boolean;
  /**
   * Tells the consumer of the last barrier, ahead of everything that waits; once per barrier. If the announcement
   * is not urgent, the barrier must not be waiting.
   * @returns what the barrier overtakes here, as frames: what was sent before it and was not handed
   *   over. Nothing unless the announcement is urgent.
   */
  announce(checkpoint: number, urgent: boolean): readonly Uint8Array[];
}
