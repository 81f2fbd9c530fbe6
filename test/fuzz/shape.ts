/**
 * What a drawn job does with its records: the operators of a family, and what must come of them by a plain model that
 * knows nothing of instances, channels, watermarks or snapshots. Protocol file: shapes only.
 */

import type { Random } from '../../src/base/random.js';
import type { DataStream } from '../../src/stream/api/data-stream.js';

export interface FuzzRecord {
  /** Unique within the job. */
  readonly id: number;
  readonly k: string;
  readonly v: number;
  /** Event time in ms. */
  readonly t: number;
}

/** Texts, sorted, by what they are about: rows, late records, the final table. Compared as bags. */
export type Answer = Readonly<Record<string, readonly string[]>>;

/** Rows by the name of their sink. */
export type Collected = Readonly<Record<string, readonly unknown[]>>;

/** A record as it comes to the shape. */
export interface Given {
  readonly record: FuzzRecord;
  /** The time that its own split had just before it, which decides whether it is late. */
  readonly splitMs: number;
}

/** Split by split, each in its order. A shape with one input has all on its left. */
export interface Arrivals {
  readonly left: readonly Given[];
  readonly right: readonly Given[];
}

export interface Streams {
  readonly left: DataStream<FuzzRecord>;
  readonly right: DataStream<FuzzRecord>;
}

export interface Shape {
  /** As somebody would write it down. */
  readonly text: string;
  build(streams: Streams): void;
  answer(collected: Collected): Answer;
  right(arrivals: Arrivals): Answer;
  /** Simpler ones that may fail as well. */
  readonly smaller?: () => readonly Shape[];
}

export interface ShapeKind {
  readonly name: string;
  /** How much more often than others it is drawn. Default 1. */
  readonly weight?: number;
  /** With one source, a shape of two sides reads it on both. */
  readonly sides: 1 | 2;
  /**
   * `own`: each split has keys of its own, and nothing deals its records to others, so those of a key have an order that
   * the shape may depend on. `any`: the shape depends on no order.
   */
  readonly keys: 'own' | 'any';
  /** Where times begin, and how many ms each drawn one stands for. Default: 0, 1. */
  readonly times?: { readonly fromMs: number; readonly msPerMs: number };
  /** @param sizeMs what disorder and gaps of the drawn records are measured by */
  draw(random: Random, sizeMs: number): Shape;
}
