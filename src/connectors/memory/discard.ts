import type { Sink } from '../../stream/sink.js';

/** A sink that drops every record: for benchmarks, and for jobs whose effects are elsewhere. */
export function discard(): Sink<unknown> {
  return {
    kind: 'discard',
    stateless: true,
    open: () => ({ write: () => {}, close: () => {} }),
  };
}
