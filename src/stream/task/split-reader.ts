/**
 * One split on its way: opened, polled, closed again at a position, opened again.
 *
 *  R1  `position` is asked for only while no poll is under way; when a batch is used up, its end is noted
 *      before the next poll.
 *  R2  A promise means rest: the task is woken when it settles. What settles after `close` is ignored, so
 *      what a poll gives that was closed meanwhile is read again from where it began.
 *  R3  What goes wrong is kept, and thrown by whoever wants the next batch of this split (`check`): no error
 *      leaves a promise's callback, and none comes ahead of what is to be read before.
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
  /** Only what was begun last counts when it settles (R2). */
  #begun = 0;
  #closing = new AbortController();
  batch: SourceBatch<unknown> | undefined;
  /** The next record of the batch. */
  at = 0;
  /** Next index into `batch.rejected`. */
  rejectedAt = 0;
  openedMs = 0;
  /** When a record of it was emitted last. */
  fedMs = Number.NEGATIVE_INFINITY;

  constructor(given: SplitReaderOptions, progress: SplitProgress, place: number) {
    this.#given = given;
    this.progress = progress;
    this.place = place;
    this.bounded = progress.split.bounded ?? given.source.bounded ?? false;
  }

  get index(): number {
    return this.progress.index;
  }

  get kind(): State['kind'] {
    return this.#state.kind;
  }

  /** Holds what a reader holds: a file, a connection. */
  get isOpen(): boolean {
    const { kind } = this.#state;
    return kind !== 'closed' && kind !== 'ended';
  }

  /** @throws what has gone wrong with it (R3) */
  check(): void {
    if (this.#state.kind === 'failed') throw this.#state.error;
  }

  /** Takes the next step towards a batch, if that needs no waiting: opens it, or polls. True when it did. */
  advance(): boolean {
    if (this.#state.kind === 'closed') {
      this.#given.open.count += 1;
      this.#await('moving', this.#open(), () => {
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

  /** The batch is done: its end is where a restore would go on (R1). */
  usedUp(): void {
    this.progress.position = this.#reader!.position(this.at);
    this.batch = undefined;
    this.#state = { kind: 'ready' };
  }

  /** Notes where reading stands, for a snapshot. */
  note(): void {
    if (this.batch !== undefined && this.at > 0) {
      this.progress.position = this.#reader!.position(this.at);
    }
  }

  /** Closes it, to be opened again where it stands. */
  rest(): void {
    this.note();
    this.batch = undefined;
    this.at = 0;
    this.#closing.abort();
    this.#closing = new AbortController();
    const reader = this.#reader;
    this.#reader = undefined;
    const { open } = this.#given;
    open.closing += 1;
    this.#await('moving', closed(reader), () => {
      open.closing -= 1;
      open.count -= 1;
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

  /** For good. */
  async close(): Promise<void> {
    this.#begun += 1;
    this.#closing.abort();
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
  }

  async #open(): Promise<void> {
    const { source, context } = this.#given;
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
    const reader = this.#reader;
    this.#reader = undefined;
    // It has given all it had: what closing it may have to say is of no consequence.
    closed(reader).catch(() => {});
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
