/** `holdfast/testing`: what sinks of one's own have to keep, as cases for any test runner. */

export { sinkConformance } from './sink-conformance.js';
export type { ConformanceCase, SinkConformanceOptions, SinkOutput } from './sink-options.js';
