/**
 * Channel state in a checkpoint (channel-recorder.ts): which sections hold it, and which instance gets them.
 *
 * A channel's sections stand in the name of the operator that consumes it, in the parts of the tasks that kept
 * them. A section's name tells the operator's input, the producing and the consuming instance:
 *
 *      ~input:INPUT:FROM:TO     what the consumer kept, in the consumer's part
 *      ~output:INPUT:FROM:TO    what the producer kept, in the producer's part
 *
 * INPUT is which of the edges to port 0 it is, or PORT.INPUT of another port (graph/ports.ts).
 *
 *      u8 version 2 | u8 1 when a position follows, else 0 | i32 position | u32 length, bytes | …
 *
 * The rest are frames (element-frames.ts); those of version 1 never have marks. Only an `~input` section has a
 * position: that of the first element that the consumer had not taken. A restore skips what the producer kept
 * before it.
 *
 * Which instance gets a channel's sections, both of them:
 *
 *  V1  With the same parallelism and table: the consuming instance of that number.
 *  V2  Otherwise, of a keyed input: all instances, each for the key groups that are its own (I18).
 *  V3  Of a broadcast input: instance *i* goes on where instance *i* mod the old parallelism was. So each
 *      has every record once. What an old instance without a successor had still to process is left out.
 *  V4  Of any other input: exactly one, instance TO mod the new parallelism.
 */

import { ByteReader } from '../../codec/byte-reader.js';
import type { Partition } from '../graph/graph.js';
import type { PortPlace } from '../graph/ports.js';
import type { StateSection } from '../operator.js';

/** Which of the consuming operator's inputs, and between which instances. */
export interface ChannelName extends PortPlace {
  /** Producing instance. */
  readonly from: number;
  /** Consuming instance. */
  readonly to: number;
}

export type ChannelSide = 'input' | 'output';

export interface ChannelContent {
  /** First position that the consumer had not taken; undefined: nothing of what the producer kept is skipped. */
  readonly position?: number | undefined;
  readonly frames: readonly Uint8Array[];
}

const VERSION = 2;
const VERSION_OLDEST = 1;
const HEADER_BYTES = 6;
const NAME = /^~(input|output):(?:([1-9]\d*)\.)?(\d+):(\d+):(\d+)$/;

export function encodeChannel(
  side: ChannelSide,
  { port, input, from, to }: ChannelName,
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
  const place = port === 0 ? `${input}` : `${port}.${input}`;
  return { name: `~${side}:${place}:${from}:${to}`, chunks: [bytes] };
}

/** Does a section hold elements that were in flight, and not only a position? */
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

/** Undefined for a section that is no channel's. */
export function parseChannelSection(
  name: string,
): (ChannelName & { readonly side: ChannelSide }) | undefined {
  const found = NAME.exec(name);
  if (found === null) return undefined;
  const [port = '0', input, from, to] = found.slice(2) as [string | undefined, ...string[]];
  return {
    side: found[1] as ChannelSide,
    port: Number(port),
    input: Number(input),
    from: Number(from),
    to: Number(to),
  };
}

/** How the consuming operator was run when the checkpoint was taken, and how it is run now. */
export interface ChannelScaling {
  readonly partition: Partition;
  readonly before: number;
  readonly parallelism: number;
  /** Key groups have other owners now. Inputs without keys: never, unless the parallelism has changed. */
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
