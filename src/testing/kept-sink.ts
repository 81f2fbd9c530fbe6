/** Stands for a sink in a test: keeps what is written. */

import type { Sink, SinkWriter } from '../stream/sink.js';

/** A record that has come to a sink. */
export interface Emitted<T> {
  readonly record: T;
  /** Event time in ms; undefined when it has none. */
  readonly timestamp: number | undefined;
}

export class KeptSink implements Sink<unknown> {
  readonly kind: string;
  readonly collectName: string | undefined;
  readonly committer: Sink<unknown>['committer'];
  readonly stateless = true;
  readonly emitted: Emitted<unknown>[] = [];
  /** How many of them were taken. */
  #taken = 0;
  readonly #isStingy: boolean;
  #isFull = false;

  /** @param isStingy it is full after each record, until `release` */
  constructor(sink: Sink<unknown>, isStingy: boolean) {
    this.kind = sink.kind;
    this.collectName = sink.collectName;
    this.committer = sink.committer;
    this.#isStingy = isStingy;
  }

  open(): SinkWriter<unknown> {
    const isFull = (): boolean => this.#isFull;
    return {
      write: (record, timestamp) => {
        this.emitted.push({
          record,
          timestamp: Number.isNaN(timestamp) ? undefined : timestamp,
        });
        this.#isFull = this.#isStingy;
      },
      get full() {
        return isFull();
      },
      close: () => {},
    };
  }

  /** What has come since this was called last. */
  take(): Emitted<unknown>[] {
    const taken = this.emitted.slice(this.#taken);
    this.#taken = this.emitted.length;
    return taken;
  }

  /** @returns whether it was full */
  release(): boolean {
    const wasFull = this.#isFull;
    this.#isFull = false;
    return wasFull;
  }
}
