/** `holdfast/testing`: the contracts that sinks and sources of one's own have to keep, as cases for any test runner. */

export type { ConformanceCase } from './conformance-case.js';
export { sinkConformance } from './sink-conformance.js';
export type { SinkConformanceOptions, SinkOutput } from './sink-options.js';
export { sourceConformance } from './source-conformance.js';
export type { SourceConformanceOptions } from './source-options.js';
