import type { Sink } from '../../stream/sink.js';

/** A sink that drops every record: for benchmarks, and for jobs whose effects happen in their operators. */
export function discard(): Sink<unknown> {
  return {
    kind: 'discard',
    stateless: true,
    open: () => ({ write: () => {}, close: () => {} }),
  };
}
