/** What `operatorConformance` is given. Protocol file: shapes only. */

import type { DataStream } from '../stream/api/data-stream.js';

/** What happens to an operator, one thing at a time. `to` names the input of an operator that has two. */
export type ScriptItem<T> =
  /** A record, with its event time in ms if it has one. */
  | { readonly element: T; readonly at?: number; readonly to?: 'left' | 'right' }
  /** Event time has come to that, in ms; without `to`, in both inputs. */
  | { readonly watermark: number; readonly to?: 'left' | 'right' }
  /** The clock goes on by so many ms. */
  | { readonly advance: number };

export interface OperatorConformanceOptions<L, R = L, O = unknown> {
  /** As of `testOperator`. What it gives is tried together with its side outputs. */
  readonly build:
    | ((stream: DataStream<L>) => DataStream<O, unknown>)
    | ((left: DataStream<L>, right: DataStream<R>) => DataStream<O, unknown>);
  /**
   * A dozen items are enough, if state, timers and late records are among them; each is a place where the operator is
   * restored. The end of all inputs comes behind the last.
   */
  readonly script: readonly ScriptItem<L | R>[];
  /** How many records of the script are late. Default: it is not asked. */
  readonly late?: number | undefined;
  /** All that comes out in a plain run, in its order. Default: it is not asked. */
  readonly expected?: readonly O[] | undefined;
  /**
   * The key of what comes out: rows of one key keep their order through restores and with any number of instances.
   * Default: it is not asked.
   */
  readonly key?: ((row: O) => unknown) | undefined;
  /**
   * The operator waits for promises: what it emits is compared as a whole, in any order, and not behind each item.
   * Default false.
   */
  readonly waits?: boolean | undefined;
}
