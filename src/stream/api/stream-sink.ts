/** The end of a stream: a sink, which can be labelled like any operator. */

import type { GraphDraft, NodeDraft } from '../graph/graph-draft.js';

/**
 * The rows of `collect` sinks by name, of what a build function returns: of one sink, or of an array of them.
 * `{ totals: Total }` for `stream.collect('totals')`.
 */
export type CollectedOf<R> =
  R extends StreamSink<infer C>
    ? [C] extends [never]
      ? unknown
      : C
    : R extends readonly (infer E)[]
      ? // What a function has to be given that stands for one of each sink: all of their rows.
        (E extends unknown ? (rows: CollectedOf<E>) => void : never) extends (rows: infer A) => void
        ? A
        : never
      : unknown;

/** @typeParam C rows that it collects, by its name; `never` for a sink that collects none */
export class StreamSink<out C = unknown> {
  /** Never set: it tells the compiler what is collected. */
  declare readonly rows?: C;
  readonly #draft: GraphDraft;
  readonly #node: NodeDraft;

  /** @internal */
  constructor(draft: GraphDraft, node: NodeDraft) {
    this.#draft = draft;
    this.#node = node;
  }

  /** For people, and for the sink's id when it has no uid. */
  name(name: string): this {
    this.#draft.label(this.#node, 'name', name);
    return this;
  }

  /** The id under which the sink finds its state and transactions in checkpoints; unique in the job. */
  uid(uid: string): this {
    this.#draft.label(this.#node, 'uid', uid);
    return this;
  }

  /** Instances, at most the job's parallelism, which is the default. */
  parallelism(instances: number): this {
    this.#draft.parallelism(this.#node, instances);
    return this;
  }
}
