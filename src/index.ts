/** The front door. */

export { days, hours, minutes, seconds } from './base/durations.js';
export { type ErrorCode, HoldfastError } from './base/errors.js';
export type { Failure, FailureKind } from './base/failure.js';
export { openCheckpointDirectory } from './checkpoint/directory/directory-store.js';
export { MemoryStore } from './checkpoint/memory-store.js';
export type {
  CheckpointKind,
  CheckpointPhase,
  CheckpointStatistics,
  CheckpointSummary,
  Percentiles,
  Spread,
  TaskCheckpointStatistics,
} from './checkpoint/statistics.js';
export type { CheckpointStore, StoreDescription } from './checkpoint/store.js';
export type { Codec } from './codec/codec-registry.js';
export { type CodecOptions, defineCodec } from './codec/define-codec.js';
export {
  collect,
  discard,
  fromCollection,
  type GenerateOptions,
  generate,
  type NdjsonFileOptions,
  type NdjsonFilesOptions,
  ndjsonFile,
  ndjsonFiles,
  type PrintOptions,
  print,
  type TextFileOptions,
  textFile,
} from './connectors/index.js';
export { type GuardedOptions, runGuarded } from './guardian/guardian.js';
export { type CheckedJob, type CheckJobOptions, checkJob } from './job/check-job.js';
export type {
  CheckpointAlignment,
  CheckpointEvent,
  CheckpointOptions,
  HeapOptions,
  HeartbeatOptions,
  Job,
  JobEvents,
  JobMetrics,
  JobProgress,
  JobResult,
  JobStatus,
  JobTreeNode,
  Logger,
  PressureEvent,
  RescaledEvent,
  RescaledOperator,
  RestartedEvent,
  RunOptions,
  SlotInfo,
  SupervisionGroup,
} from './job/job-types.js';
export type { OperatorFate } from './job/recovery/compatibility.js';
export { run } from './job/run.js';
export { runInline } from './job/run-inline.js';
export {
  type Aggregation,
  average,
  count,
  max,
  min,
  sum,
} from './stream/api/aggregations.js';
export type {
  DataStream,
  KeyedRow,
  KeyedStream,
  RecordOf,
  TimestampOptions,
  WindowedStream,
  WindowRow,
} from './stream/api/data-stream.js';
export type { StreamEnvironment } from './stream/api/environment.js';
export { defineJob, type JobArguments, type JobDefinition } from './stream/api/job-definition.js';
export type { Key } from './stream/api/key-selector.js';
export type { StreamSink } from './stream/api/stream-sink.js';
export { aggregation } from './stream/api/user-aggregation.js';
export {
  type TumblingOptions,
  type TumblingWindow,
  tumbling,
  type WindowDefinition,
} from './stream/api/windows.js';
export type {
  CommitterData,
  Sink,
  SinkContext,
  SinkPrepared,
  SinkTransaction,
  SinkWriter,
} from './stream/sink.js';
export type {
  RejectedRecord,
  Source,
  SourceBatch,
  SourceContext,
  SourcePosition,
  SourceReader,
  SourceSplit,
} from './stream/source.js';
export {
  exponentialBackoff,
  failureRate,
  fixedDelay,
  noRestart,
  type RestartStrategy,
} from './supervisor/restart-strategy.js';
export { alive } from './threads/alive.js';
