/**
 * The index as a register that is compared and swapped.
 *
 *  N1  Every write is conditional on the tag of what was read before it, and no two writes have the same
 *      bytes. So of all writes on top of one content at most one is ever applied, however late the
 *      service applies it.
 *  N2  A refusal, or a missing answer, is settled by reading: the mark `write` tells one's own content from
 *      everybody else's. If neither one's own nor a stranger's content is there, the very same bytes are sent again
 *      on top of what is there.
 *  N3  `unknown`: the service could not be asked any more. The write may still be applied. If it was, the next
 *      write finds it there and replaces it; if the next write comes first, it rules it out (N1).
 */

import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectClient } from './object-client.js';
import { decodeIndex, encodeIndex, type IndexContent, type ObjectIndex } from './object-index.js';
import { damagedIndexError } from './object-store-errors.js';

export const INDEX_KEY = 'index.json';
const ATTEMPTS_MAX = 4;
const PAUSE_MS = 50;

/** The index as the service has it. */
export interface FoundIndex {
  readonly tag: string;
  readonly index: ObjectIndex;
}

export type SwapOutcome =
  | { readonly kind: 'swapped'; readonly found: FoundIndex }
  /** Somebody else has changed it. */
  | { readonly kind: 'changed'; readonly found: FoundIndex | undefined }
  | { readonly kind: 'unknown'; readonly error: unknown };

export class IndexRegister {
  readonly #client: ObjectClient;
  /** For messages. */
  readonly file: string;

  constructor(client: ObjectClient, location: string) {
    this.#client = client;
    this.file = `${location}/${INDEX_KEY}`;
  }

  /** Rejects with ERR_HOLDFAST_CHECKPOINT_CORRUPT, or with what the client says. */
  async read(): Promise<FoundIndex | undefined> {
    const object = await this.#client.get(INDEX_KEY);
    if (object === undefined) return undefined;
    try {
      return { tag: object.tag, index: decodeIndex(object.bytes, this.file) };
    } catch (error) {
      throw damagedIndexError(this.file, error);
    }
  }

  /**
   * Puts `content` in the place of `base`.
   * @param isOwn whether this may replace what it finds in the place of `base`
   * @throws TypeError when JSON cannot hold the content
   */
  async swap(
    base: FoundIndex | undefined,
    content: IndexContent,
    isOwn: (found: FoundIndex | undefined) => boolean,
  ): Promise<SwapOutcome> {
    const index: ObjectIndex = { ...content, write: randomBytes(12).toString('hex') };
    const bytes = encodeIndex(index);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    let on = base;
    let failure: unknown;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      if (attempt > 0) await delay(PAUSE_MS * attempt);
      try {
        const condition =
          on === undefined
            ? ({ kind: 'absent' } as const)
            : ({ kind: 'match', tag: on.tag } as const);
        const outcome = await this.#client.put(INDEX_KEY, bytes, sha256, condition);
        if (outcome.kind === 'written') {
          return { kind: 'swapped', found: { tag: outcome.tag, index } };
        }
        failure = new Error('the service refused each attempt, and the index was unchanged');
      } catch (error) {
        failure = error;
      }
      // N2.
      let found: FoundIndex | undefined;
      try {
        found = await this.read();
      } catch (error) {
        return { kind: 'unknown', error: failure ?? error };
      }
      if (found?.index.write === index.write) return { kind: 'swapped', found };
      if (!isOwn(found)) return { kind: 'changed', found };
      on = found;
    }
    return { kind: 'unknown', error: failure };
  }
}
