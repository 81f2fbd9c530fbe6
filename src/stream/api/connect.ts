/** What `connect(…).process(…)` is given, and the two streams as inputs of one node. */

import { HoldfastError } from '../../base/errors.js';
import type { EdgeDraft } from '../graph/graph-draft.js';
import type { ReadsBroadcast, WritesBroadcast } from './broadcast.js';
import type { SyncResult } from './callbacks.js';
import type { KeySelector } from './key-selector.js';
import type { Output } from './output.js';
import type { ElementContext, ProcessContext, TimersLeft } from './process.js';
import type { NoTags, SideTags } from './side-outputs.js';

/**
 * @typeParam L records of the stream that was connected
 * @typeParam R records of the stream that it was connected to
 * @typeParam O what is emitted
 * @typeParam P declared side outputs
 */
export interface ConnectSpec<L, R, O, P = NoTags> {
  /** As in `ElementSpec`. */
  readonly sideOutputs?: P | undefined;
  /** Called with each record of the left stream; synchronous. */
  onLeft(record: L, ctx: ElementContext<SideTags<P>>, out: Output<O>): SyncResult;
  /** Called with each record of the right stream; synchronous. */
  onRight(record: R, ctx: ElementContext<SideTags<P>>, out: Output<O>): SyncResult;
}

/** Of two keyed streams. @typeParam K keys @typeParam S declared states, which both callbacks share */
export interface KeyedConnectSpec<L, R, K, S, O, P = NoTags> {
  /** By name: `{ last: value<number>() }`. Every key has its own. */
  readonly state?: S | undefined;
  /** As in `ElementSpec`. */
  readonly sideOutputs?: P | undefined;
  /** Called with each record of the left stream; synchronous. */
  onLeft(record: L, ctx: ProcessContext<S, K, SideTags<P>>, out: Output<O>): SyncResult;
  /** Called with each record of the right stream; synchronous. */
  onRight(record: R, ctx: ProcessContext<S, K, SideTags<P>>, out: Output<O>): SyncResult;
  /** Called for each timer whose time has come, in the order of time; synchronous. */
  onTimer?(time: number, ctx: ProcessContext<S, K, SideTags<P>>, out: Output<O>): SyncResult;
  /** As in `ProcessSpec`. */
  readonly timersLeft?: TimersLeft | undefined;
}

/** Of a stream and one that writes broadcast state. @typeParam B the states */
export interface BroadcastSpec<L, R, B, O, P = NoTags> {
  /** As in `ElementSpec`. */
  readonly sideOutputs?: P | undefined;
  /** Called with each record of the left stream; synchronous. */
  onLeft(
    record: L,
    ctx: ElementContext<SideTags<P>> & ReadsBroadcast<B>,
    out: Output<O>,
  ): SyncResult;
  /** Called with each record of the broadcast stream, on every instance; synchronous. */
  onRight(
    record: R,
    ctx: ElementContext<SideTags<P>> & WritesBroadcast<B>,
    out: Output<O>,
  ): SyncResult;
}

/** Of a keyed stream and one that writes broadcast state. */
export interface KeyedBroadcastSpec<L, R, K, S, B, O, P = NoTags> {
  /** By name: `{ last: value<number>() }`. Every key has its own. */
  readonly state?: S | undefined;
  /** As in `ElementSpec`. */
  readonly sideOutputs?: P | undefined;
  /** Called with each record of the left stream; synchronous. */
  onLeft(
    record: L,
    ctx: ProcessContext<S, K, SideTags<P>> & ReadsBroadcast<B>,
    out: Output<O>,
  ): SyncResult;
  /** Called with each record of the broadcast stream, on every instance. It has no key. Synchronous. */
  onRight(
    record: R,
    ctx: ElementContext<SideTags<P>> & WritesBroadcast<B>,
    out: Output<O>,
  ): SyncResult;
  /** Called for each timer whose time has come, in the order of time; synchronous. */
  onTimer?(
    time: number,
    ctx: ProcessContext<S, K, SideTags<P>> & ReadsBroadcast<B>,
    out: Output<O>,
  ): SyncResult;
  /** As in `ProcessSpec`. */
  readonly timersLeft?: TimersLeft | undefined;
}

/** One of two streams that are connected. */
export interface ConnectedSide {
  readonly edges: readonly EdgeDraft[];
  /** The key of a record; undefined: the stream is not keyed. */
  readonly select: KeySelector | undefined;
}

/** Of the node that processes both: port 0 is the left one's, port 1 the right one's. */
export function connectedInputs(
  left: readonly EdgeDraft[],
  right: readonly EdgeDraft[],
): readonly EdgeDraft[] {
  return [...left, ...right.map((edge) => ({ ...edge, port: 1 }))];
}

/**
 * @param method for the message: `connect`
 * @throws HoldfastError ERR_HOLDFAST_JOB_BUILD when one is keyed and the other is not
 */
export function requireSameKeying(left: ConnectedSide, right: ConnectedSide, method: string): void {
  if ((left.select === undefined) === (right.select === undefined)) return;
  const [keyed, other] = left.select === undefined ? ['right', 'left'] : ['left', 'right'];
  throw new HoldfastError(
    'ERR_HOLDFAST_JOB_BUILD',
    `${method}(…) was given one keyed stream, the ${keyed} one. Key the ${other} one by the same key ` +
      'with .keyBy(…), so that records of a key meet, or neither.',
  );
}
