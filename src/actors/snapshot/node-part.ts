/**
 * A node's part of a snapshot as bytes: what it is (`image`), and what was on its way to it (`channels`). Both are
 * encoded apart, because the second is complete only some time after the first.
 */

import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import type { NodeImage } from '../node/node-image.js';
import type { RecordedLane } from './participant.js';

export interface NodePart {
  readonly image: NodeImage;
  readonly channels: readonly RecordedLane[];
}

/** A node's part, encoded. */
export type NodeSections = Readonly<Record<'image' | 'channels', Uint8Array<ArrayBuffer>>>;

/** @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE for a state that cannot be kept */
export function encodeImage(image: NodeImage): Uint8Array<ArrayBuffer> {
  return encoded(image, 'node');
}

export function encodeChannels(channels: readonly RecordedLane[]): Uint8Array<ArrayBuffer> {
  return encoded(channels, 'channels');
}

/** @throws HoldfastError as `encodeImage` */
export function encodeNodePart({ image, channels }: NodePart): NodeSections {
  return { image: encodeImage(image), channels: encodeChannels(channels) };
}

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT */
export function decodeNodePart({ image, channels }: NodeSections): NodePart {
  return {
    image: decoded(image, 'image') as NodeImage,
    channels: decoded(channels, 'channels') as readonly RecordedLane[],
  };
}

/** The bytes are in memory of their own, which may be larger. */
function encoded(value: unknown, name: string): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  encodeValue(writer, value, name);
  return writer.written() as Uint8Array<ArrayBuffer>;
}

function decoded(bytes: Uint8Array, section: string): unknown {
  const reader = new ByteReader(bytes, { what: `section '${section}' of a node` });
  const value = decodeValue(reader);
  if (reader.remaining > 0) throw reader.corrupt('there is something behind its end');
  return value;
}
