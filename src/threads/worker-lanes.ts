/**
 * The boundary between a worker thread and its handle. Protocol file: shapes only.
 *
 * Three lanes, each a MessagePort of its own, so that none waits behind another: control (comlink's messages),
 * events (below), beats (`WorkerBeat`).
 */

import type { MessagePort } from 'node:worker_threads';
import type { Failure } from '../base/failure.js';

/** What a worker finds in its `workerData`, under the name `holdfast`. */
export interface WorkerInit {
  readonly control: MessagePort;
  readonly events: MessagePort;
  readonly beats: MessagePort;
  /** Memory of the control block. */
  readonly block: SharedArrayBuffer;
  readonly heartbeatIntervalMs: number;
}

export type EventMessage =
  | { readonly kind: 'event'; readonly event: unknown }
  /** The thread is about to die of this. */
  | { readonly kind: 'fatal'; readonly failure: Failure }
  /** The thread has closed its lanes and will end by itself. */
  | { readonly kind: 'closing' };

/** V8's old generation: what is kept ends up there, and a thread dies at its limit. */
export interface WorkerBeat {
  readonly heapUsedBytes: number;
  /** 0 when not known. */
  readonly heapLimitBytes: number;
}
