/** What `connect(…).process(…)` is given, what its callbacks get, and the two streams as inputs of one node. */

import { HoldfastError } from '../../base/errors.js';
import type { EdgeDraft } from '../graph/graph-draft.js';
import { checkCallback, describeValue, type SyncResult } from './callbacks.js';
import type { KeySelector } from './key-selector.js';
import type { Output } from './output.js';

/**
 * What a callback is told beside the record. Only to be used until the callback returns: afterwards it throws
 * ERR_HOLDFAST_OUTSIDE_CALLBACK.
 */
export interface ConnectContext {
  /**
   * Event time of the record, in ms.
   * @throws HoldfastError ERR_HOLDFAST_NO_TIMESTAMP when the record has none
   */
  readonly timestamp: number;
  /**
   * How far event time has come, in ms: that of the stream that is behind; −Infinity before both have told theirs,
   * Infinity when both have ended. How records and watermarks lie between each other differs from run to run, so what
   * depends on this alone does, too.
   */
  readonly watermark: number;
}

/** Of two keyed streams. */
export interface KeyedConnectContext<K> extends ConnectContext {
  /** The record's key. */
  readonly key: K;
}

/**
 * @typeParam L records of the stream that was connected
 * @typeParam R records of the stream that it was connected to
 */
export interface ConnectSpec<L, R, C extends ConnectContext, O> {
  /** Called with each record of the left stream; synchronous. */
  onLeft(record: L, ctx: C, out: Output<O>): SyncResult;
  /** Called with each record of the right stream; synchronous. */
  onRight(record: R, ctx: C, out: Output<O>): SyncResult;
}

/** One of two streams that are connected. */
export interface ConnectedSide {
  readonly edges: readonly EdgeDraft[];
  /** The key of a record; undefined: the stream is not keyed. */
  readonly select: KeySelector | undefined;
}

/** Of the node that processes both: port 0 is the left one's, port 1 the right one's. */
export function connectedInputs(left: ConnectedSide, right: ConnectedSide): readonly EdgeDraft[] {
  return [...left.edges, ...right.edges.map((edge) => ({ ...edge, port: 1 }))];
}

/** @throws HoldfastError ERR_HOLDFAST_JOB_BUILD when one is keyed and the other is not */
export function requireSameKeying(left: ConnectedSide, right: ConnectedSide): void {
  if ((left.select === undefined) === (right.select === undefined)) return;
  const [keyed, other] = left.select === undefined ? ['right', 'left'] : ['left', 'right'];
  throw new HoldfastError(
    'ERR_HOLDFAST_JOB_BUILD',
    `connect(…) was given one keyed stream, the ${keyed} one. Key the ${other} one by the same key ` +
      'with .keyBy(…), so that records of a key meet, or neither.',
  );
}

const CALLBACKS = ['onLeft', 'onRight'] as const;

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK */
export function requireConnectSpec(spec: unknown): void {
  if (typeof spec !== 'object' || spec === null) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `process(…) of connected streams needs { onLeft, onRight }, but was given ${describeValue(spec)}.`,
    );
  }
  const given = spec as Readonly<Record<string, unknown>>;
  for (const name of CALLBACKS) checkCallback(given[name], `process({ ${name} })`);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || (CALLBACKS as readonly string[]).includes(name)) continue;
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `process(…) of connected streams takes onLeft and onRight, and no '${name}'. Leave it out.`,
    );
  }
}
