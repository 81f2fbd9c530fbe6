/**
 * Channel state in a checkpoint (channel-recorder.ts): its sections, and who is given which of them.
 *
 * A channel is named by the operator that consumes it (in whose name its sections stand, in whichever
 * part they are), which of that operator's inputs it is, and the producing and the consuming instance:
 *
 *      ~input:INPUT:FROM:TO     what the consumer kept, in its own part
 *      ~output:INPUT:FROM:TO    what the producer kept, in its part
 *
 *      u8 version 2 | u8 1 when a position follows, else 0 | i32 position | u32 length, bytes | …
 *
 * The rest are frames (element-frames.ts); those of version 1 never have marks. The position, of an `~input` only, is the first that the
 * consumer had not taken: what the producer kept before that is skipped.
 *
 * Who is given a channel's sections, both of them:
 *
 *  V1  With the same parallelism and table: the consuming instance of that number.
 *  V2  Otherwise, of a keyed input: all instances, each for the key groups that are its own (I18).
 *  V3  Of a broadcast input: instance *i* goes on where instance *i* mod the old parallelism was. So each
 *      has every record once; what only instances without a heir had still to come is left out.
 *  V4  Of any other input: exactly one, instance TO mod the new parallelism.
 */

import { ByteReader } from '../../codec/byte-reader.js';
import type { Partition } from '../graph/graph.js';
import type { StateSection } from '../operator.js';

export interface ChannelName {
  /** Which of the consuming operator's inputs. */
  readonly input: number;
  /** Producing instance. */
  readonly from: number;
  /** Consuming instance. */
  readonly to: number;
}

export type ChannelSide = 'input' | 'output';

export interface ChannelContent {
  /** Undefined: nothing of what the producer kept is skipped. */
  readonly position?: number | undefined;
  readonly frames: readonly Uint8Array[];
}

const VERSION = 2;
const VERSION_OLDEST = 1;
const HEADER_BYTES = 6;
const NAME = /^~(input|output):(\d+):(\d+):(\d+)$/;

export function encodeChannel(
  side: ChannelSide,
  { input, from, to }: ChannelName,
  { position, frames }: ChannelContent,
): StateSection {
  const byteCount = frames.reduce((sum, frame) => sum + 4 + frame.length, HEADER_BYTES);
  const bytes = new Uint8Array(byteCount);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, position === undefined ? 0 : 1);
  view.setInt32(2, position ?? 0, true);
  let at = HEADER_BYTES;
  for (const frame of frames) {
    view.setUint32(at, frame.length, true);
    bytes.set(frame, at + 4);
    at += 4 + frame.length;
  }
  return { name: `~${side}:${input}:${from}:${to}`, chunks: [bytes] };
}

/** Does a section hold anything that was in flight, and not only where its channel goes on? */
export function holdsElements({ name, bytes }: { readonly name: string; readonly bytes: number }) {
  return parseChannelSection(name) !== undefined && bytes > HEADER_BYTES;
}

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT */
export function decodeChannel(bytes: Uint8Array): ChannelContent {
  const reader = new ByteReader(bytes, { what: 'records in flight' });
  const version = reader.u8();
  if (version < VERSION_OLDEST || version > VERSION)
    throw reader.corrupt(`version ${version} is unknown`, 0);
  const hasPosition = reader.u8() === 1;
  const position = reader.u32() | 0;
  const frames: Uint8Array[] = [];
  while (reader.remaining > 0) frames.push(reader.raw(reader.u32()));
  return { position: hasPosition ? position : undefined, frames };
}

/** Undefined for a section of anything else. */
export function parseChannelSection(
  name: string,
): (ChannelName & { readonly side: ChannelSide }) | undefined {
  const found = NAME.exec(name);
  if (found === null) return undefined;
  const [input, from, to] = found.slice(2).map(Number) as [number, number, number];
  return { side: found[1] as ChannelSide, input, from, to };
}

/** How the consuming operator was run, and how it is. */
export interface ChannelScaling {
  readonly partition: Partition;
  readonly before: number;
  readonly parallelism: number;
  /** Key groups have other owners now; never without a change of parallelism on inputs without keys. */
  readonly isMoved: boolean;
}

/** Is this channel's state for that instance? V1–V4. */
export function isChannelFor(
  to: number,
  instance: number,
  { partition, before, parallelism, isMoved }: ChannelScaling,
): boolean {
  if (before === parallelism && !isMoved) return to === instance;
  switch (partition) {
    case 'hash':
      return true;
    case 'broadcast':
      return to === instance % before;
    default:
      return to % parallelism === instance;
  }
}
