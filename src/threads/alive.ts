/** `alive`: a sign of life for work that takes long on one record, from wherever that work is done. */

import { runningWorker } from './worker-port.js';

/**
 * Counts as progress for the hang detector. A thread that gives neither a beat nor any progress for
 * `heartbeat.timeoutMs` is taken for hung and replaced: one long record cannot be told from an endless loop.
 * So work that may take that long on one record calls this now and then, in any callback
 * (`map`, `filter`, selectors, reducers, sources, sinks). It costs some nanoseconds, never throws,
 * and does nothing outside a slot's thread (`runInline`, tests, the main thread).
 *
 * Do not call it from a timer: it would speak for a loop that is stuck elsewhere.
 */
export function alive(): void {
  runningWorker()?.block.progress();
}
