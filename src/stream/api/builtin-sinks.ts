/**
 * The sinks behind `collect(name)`, `collectTable(name, …)` and `print()`. Streams offer them, connectors make them, and streams know nothing
 * about connectors. So they are handed to the graph builder.
 */

import type { Sink, Upsert } from '../sink.js';

export interface PrintOptions {
  /** Put before every line. */
  readonly prefix?: string | undefined;
}

export interface BuiltinSinks {
  readonly collect: (name: string) => Sink<unknown>;
  readonly collectTable: (name: string) => Sink<Upsert<unknown>>;
  readonly print: (options?: PrintOptions) => Sink<unknown>;
}
