/**
 * A node's part of a snapshot as bytes: what it is (`image`), and what was on its way to it (`channels`). Both are
 * encoded apart, because the second is complete only some time after the first.
 */

import { decodedValue, encodedValue } from '../../codec/encoded-value.js';
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
  return encodedValue(image, 'node');
}

export function encodeChannels(channels: readonly RecordedLane[]): Uint8Array<ArrayBuffer> {
  return encodedValue(channels, 'channels');
}

/**
 * Both at once, for parts that `rehome` has made: it is @public because nothing writes these yet.
 * @throws HoldfastError as `encodeImage`
 */
export function encodeNodePart({ image, channels }: NodePart): NodeSections {
  return { image: encodeImage(image), channels: encodeChannels(channels) };
}

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT */
export function decodeNodePart({ image, channels }: NodeSections): NodePart {
  return {
    image: decodedValue(image, "section 'image' of a node") as NodeImage,
    channels: decodedValue(channels, "section 'channels' of a node") as readonly RecordedLane[],
  };
}
