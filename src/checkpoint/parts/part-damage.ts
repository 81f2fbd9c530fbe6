/** What a damaged place in a part file means: whose state it is. */

import type { PartDescriptor } from '../store.js';
import { CHUNK_BYTES, CHUNK_HEAD_BYTES, PREFIX_BYTES } from './part-file.js';

/** A piece of one operator instance's state. */
export interface AffectedState {
  readonly operator: string;
  readonly instance: number;
  readonly section: string;
  readonly bytes: number;
}

/**
 * Of whom the state is that lies in the chunk at byte `offset` of the file. All of the part's, when the
 * place is unknown, or in the header, without which nothing can be told apart, or when it is compressed: where
 * a stored chunk lies does not say what it holds.
 */
export function affectedState(part: PartDescriptor, offset: number | undefined): AffectedState[] {
  const { instance, sections } = part;
  const all = sections.map(({ operator, name, bytes }) => ({
    operator,
    instance,
    section: name,
    bytes,
  }));
  const body = sections.reduce((sum, section) => sum + section.bytes, 0);
  // Everything but the header's JSON has a size that follows from the sections (see part-file.ts).
  const chunks = Math.ceil(body / CHUNK_BYTES);
  const head = part.bytes - body - chunks * CHUNK_HEAD_BYTES;
  if (offset === undefined || part.compression !== undefined) return all;
  if (head < PREFIX_BYTES || offset < head) return all;
  const chunk = Math.floor((offset - head) / (CHUNK_HEAD_BYTES + CHUNK_BYTES));
  const from = chunk * CHUNK_BYTES;
  let at = 0;
  return all.filter(({ bytes }) => {
    const begin = at;
    at += bytes;
    return bytes > 0 && begin < from + CHUNK_BYTES && at > from;
  });
}
