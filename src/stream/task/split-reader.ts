/**
 * One split: its reader is opened, polled, closed at a position, and opened again there.
 *
 *  R1  `position` is asked for only while no poll is under way. When a batch is used up, the position of its end
 *      is noted before the next poll.
 *  R2  A promise means rest: the task is woken when it settles. A promise that settles after `close` is ignored.
 *      So the batch of a poll that was closed meanwhile is read again from where it began.
 *  R3  An error is kept, and thrown when the next batch of this split is wanted (`check`). So no error leaves a
 *      promise's callback, and none comes ahead of what is to be read before it.
 *  R4  At the split's end the reader is closed, unless it wants to hear of checkpoints: then its owner releases it.
 */

import { isThenable } from '../api/callbacks.js';
import type { Source, SourceBatch, SourceContext, SourceReader } from '../source.js';
import type { OpenReaders } from './open-readers.js';
import { openInTime } from './opening.js';
import { checkBatch, checkReader } from './source-checks.js';
import type { SplitProgress } from './source-splits.js';
import type { TaskGate } from './task-gate.js';

export interface SplitReaderOptions {
  readonly source: Source<unknown>;
  readonly context: SourceContext;
  readonly gate: TaskGate;
  /** A promise has settled. */
  readonly wake: () => void;
  readonly open: OpenReaders;
}

type State =
  | { readonly kind: 'closed' }
  /** `open` or `close` is under way. */
  | { readonly kind: 'moving' }
  | { readonly kind: 'ready' }
  /** A poll is under way. */
  | { readonly kind: 'polling' }
  /** There is a batch at hand. */
  | { readonly kind: 'holding' }
  /** All was read. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: unknown };

export class SplitReader {
  readonly progress: SplitProgress;
  /** In the instance's list. */
  readonly place: number;
  readonly bounded: boolean;
  readonly #given: SplitReaderOptions;
  #state: State = { kind: 'closed' };
  #reader: SourceReader<unknown> | undefined;
  /** Number of the operation begun last: only this one counts when it settles (R2). */
  #begun = 0;
  /** Aborted when the reader is closed for good: nobody waits any more for an opening under way. */
  readonly #closing = new AbortController();
  batch: SourceBatch<unknown> | undefined;
  /** Index of the next record of the batch. */
  at = 0;
  /** Next index into `batch.rejected`. */
  rejectedAt = 0;
  openedMs = 0;
  /** When a record of the split was emitted last. */
  fedMs = Number.NEGATIVE_INFINITY;

  constructor(given: SplitReaderOptions, progress: SplitProgress, place: number, bounded: boolean) {
    this.#given = given;
    this.progress = progress;
    this.place = place;
    this.bounded = bounded;
  }

  get index(): number {
    return this.progress.index;
  }

  get kind(): State['kind'] {
    return this.#state.kind;
  }

  /** The split has a reader, and so holds whatever that holds: a file, a connection. */
  get isOpen(): boolean {
    const { kind } = this.#state;
    return kind !== 'closed' && kind !== 'ended';
  }

  /** @throws the error that was kept (R3) */
  check(): void {
    if (this.#state.kind === 'failed') throw this.#state.error;
  }

  /**
   * Takes the next step towards a batch, if that needs no waiting: opens the reader, or polls it. True when it did.
   * @param isTouch only the first records are wanted for now
   */
  advance(isTouch = false): boolean {
    if (this.#state.kind === 'closed') {
      this.#given.open.count += 1;
      this.#await('moving', this.#open(isTouch), () => {
        this.#state = { kind: 'ready' };
      });
      return true;
    }
    if (this.#state.kind !== 'ready') return false;
    try {
      const polled = this.#reader!.poll();
      if (isThenable(polled)) this.#await('polling', polled, (batch) => this.#take(batch));
      else this.#take(polled);
    } catch (error) {
      this.#state = { kind: 'failed', error };
    }
    return true;
  }

  /** The batch is used up: a restore would go on at its end (R1). */
  usedUp(): void {
    this.progress.position = this.#reader!.position(this.at);
    this.batch = undefined;
    this.#state = { kind: 'ready' };
  }

  /** Notes the current position, for a snapshot. */
  note(): void {
    if (this.batch !== undefined && this.at > 0) {
      this.progress.position = this.#reader!.position(this.at);
    }
  }

  /** Closes the reader. It is opened again later, at the position where it stands now. */
  rest(): void {
    this.note();
    this.batch = undefined;
    this.at = 0;
    const reader = this.#reader;
    this.#reader = undefined;
    const { open } = this.#given;
    open.closing += 1;
    // Also when closing it fails: others would wait for ever for the room.
    const leaving = closed(reader).finally(() => {
      open.closing -= 1;
      open.count -= 1;
    });
    this.#await('moving', leaving, () => {
      this.#state = { kind: 'closed' };
    });
  }

  /** For messages. @param index of a record of the batch at hand */
  describe(index: number): string {
    try {
      return this.#reader!.describe(index);
    } catch {
      return this.progress.split.id;
    }
  }

  committed(checkpoint: number, position: unknown): void {
    this.#reader?.committed?.(checkpoint, position);
  }

  get hearsCommits(): boolean {
    return this.#reader?.committed !== undefined;
  }

  /** Closes a reader that has given all it had: if that fails, it has no consequence. */
  release(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    closed(reader).catch(() => {});
  }

  /** Closes the reader for good. */
  async close(): Promise<void> {
    this.#begun += 1;
    this.#closing.abort();
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
  }

  async #open(isTouch: boolean): Promise<void> {
    const { source } = this.#given;
    const context = isTouch ? { ...this.#given.context, isTouch } : this.#given.context;
    const { signal } = this.#closing;
    const { split, position } = this.progress;
    const opening = source.open(split, position, context);
    const reader = await openInTime('source', context.operator, opening, signal);
    if (signal.aborted) await reader?.close();
    else this.#reader = checkReader(context.operator, reader);
    this.openedMs = performance.now();
  }

  #take(polled: unknown): void {
    const batch = checkBatch(this.#given.context.operator, polled);
    this.at = 0;
    this.rejectedAt = 0;
    if (batch !== undefined) {
      if (batch.records.length > 0) this.batch = batch;
      this.#state = { kind: this.batch === undefined ? 'ready' : 'holding' };
      return;
    }
    this.#state = { kind: 'ended' };
    this.#given.open.count -= 1;
    if (!this.hearsCommits) this.release();
  }

  #await<T>(kind: 'moving' | 'polling', promise: PromiseLike<T>, then: (value: T) => void): void {
    this.#state = { kind };
    this.#begun += 1;
    const begun = this.#begun;
    const settle = (act: () => void): void => {
      if (begun !== this.#begun) return;
      try {
        act();
      } catch (error) {
        this.#state = { kind: 'failed', error };
      }
      this.#given.wake();
    };
    promise.then(
      (value) => settle(() => then(value)),
      (error: unknown) =>
        settle(() => {
          throw error;
        }),
    );
  }
}

async function closed(reader: SourceReader<unknown> | undefined): Promise<void> {
  await reader?.close();
}
