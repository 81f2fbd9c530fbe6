/**
 * `holdfast/testing`: jobs and operators driven by hand, and the contracts that sinks and sources of one's own have to
 * keep, as cases for any test runner.
 */

export type { ConformanceCase } from './conformance-case.js';
export { Harness, type TestClock, type TestTimer } from './harness.js';
export type { Emitted } from './kept-sink.js';
export { operatorConformance } from './operator-conformance.js';
export type { OperatorConformanceOptions, ScriptItem } from './operator-script.js';
export { sinkConformance } from './sink-conformance.js';
export type { SinkConformanceOptions, SinkOutput } from './sink-options.js';
export { sourceConformance } from './source-conformance.js';
export type { SourceConformanceOptions } from './source-options.js';
export type { TestInput } from './test-input.js';
export { TestJob, testJob } from './test-job.js';
export { TestOperator, TestTwoInputs, testOperator } from './test-operator.js';
export type { TestJobOptions, TestOptions } from './test-options.js';
export type { TestSnapshot } from './test-snapshot.js';
