/** What a job's build function gets to draw with. */

import { HoldfastError } from '../../base/errors.js';
import { type Codec, checkCodecs } from '../../codec/codec-registry.js';
import type { GraphDraft } from '../graph/graph-draft.js';
import type { RejectedRecord, RejectingSource, Source } from '../source.js';
import { describeValue } from './callbacks.js';
import { DataStream } from './data-stream.js';
import { StreamOrigin } from './stream-origin.js';

export class StreamEnvironment {
  readonly #draft: GraphDraft;

  /** @internal */
  constructor(draft: GraphDraft) {
    this.#draft = draft;
  }

  /**
   * Lets instances of these classes be in records and in state: see `defineCodec`. Whatever is not plain
   * data and has no codec is refused.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, at the end of the build for two of one id or class
   */
  codecs(...codecs: readonly Codec[]): void {
    this.#draft.requireOpen();
    checkCodecs(codecs);
    this.#draft.codecs.push(...codecs);
  }

  /**
   * Begins a stream at a source.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
   */
  from<T>(source: RejectingSource<T>): DataStream<T, Readonly<Record<string, RejectedRecord>>>;
  from<T>(source: Source<T>): DataStream<T>;
  from<T>(source: Source<T>): DataStream<T> {
    if (
      typeof source !== 'object' ||
      source === null ||
      typeof source.splits !== 'function' ||
      typeof source.open !== 'function'
    ) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `env.from(…) needs a source such as ndjsonFile('in.ndjson'), but was given ${describeValue(source)}.`,
      );
    }
    const node = this.#draft.add({
      kind: 'source',
      type: source.kind,
      stateful: true,
      tags: source.rejectTag === undefined ? [] : [source.rejectTag],
      source: source as Source<unknown>,
    });
    return new DataStream(StreamOrigin.ofNode(this.#draft, node));
  }
}
