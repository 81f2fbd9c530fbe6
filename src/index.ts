/** The front door. */

export { days, hours, minutes, seconds } from './base/durations.js';
export { type ErrorCode, HoldfastError, type HoldfastErrorOptions } from './base/errors.js';
export type { Failure, FailureKind, FailurePlace } from './base/failure.js';
export type { RecordsMode } from './channels/record-keeper.js';
export { openCheckpointDirectory } from './checkpoint/directory/directory-store.js';
export { MemoryStore } from './checkpoint/memory-store.js';
export type { Compression } from './checkpoint/parts/compression.js';
export type {
  CheckpointKind,
  CheckpointPhase,
  CheckpointStatistics,
  CheckpointSummary,
  Percentiles,
  Spread,
  TaskCheckpointStatistics,
} from './checkpoint/statistics.js';
export type {
  CheckpointStore,
  FinishedMark,
  Manifest,
  ManifestTransaction,
  PartDescriptor,
  PartFile,
  PartInput,
  PartSection,
  RestoredPartSection,
  StoreDescription,
  StoredSection,
} from './checkpoint/store.js';
export type { Codec } from './codec/codec-registry.js';
export { type CodecOptions, defineCodec } from './codec/define-codec.js';
export {
  type AsyncIterableOptions,
  type CsvCellParser,
  type CsvFileOptions,
  type CsvType,
  type CsvTypeName,
  collect,
  csvFile,
  discard,
  fromAsyncIterable,
  fromCollection,
  type GenerateOptions,
  generate,
  type MakeIterable,
  type NdjsonFileOptions,
  type NdjsonFilesOptions,
  ndjsonFile,
  ndjsonFiles,
  type PrintOptions,
  print,
  type TextFileOptions,
  textFile,
} from './connectors/index.js';
export type {
  GuardedJob,
  GuardedJobEvents,
  GuardedMetrics,
  ProcessRestartedEvent,
  ProcessSignal,
} from './guardian/guarded-job.js';
export { type GuardedOptions, runGuarded } from './guardian/guardian.js';
export type { GuardedOutput } from './guardian/process.js';
export type { KillCause } from './host/host-protocol.js';
export { type CheckedJob, type CheckJobOptions, checkJob } from './job/check-job.js';
export type {
  CheckpointAlignment,
  CheckpointEvent,
  CheckpointOptions,
  CollectedRows,
  HeapOptions,
  HeartbeatOptions,
  Job,
  JobEvents,
  JobHandle,
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
  StopOptions,
  SupervisionGroup,
} from './job/job-types.js';
export type { Compatibility, OperatorFate } from './job/recovery/compatibility.js';
export { run } from './job/run.js';
export { type InlineOptions, runInline, startInline } from './job/run-inline.js';
export type {
  AllWindowRow,
  KeyedRow,
  NoneOf,
  RowOf,
  SessionRow,
  WindowRow,
} from './stream/api/aggregate-rows.js';
export {
  type Aggregation,
  type AggregationResults,
  type AggregationSpec,
  average,
  type Counted,
  count,
  max,
  min,
  type NumberSelector,
  type NumericAggregation,
  sum,
  type ValueAggregation,
  type Words,
} from './stream/api/aggregations.js';
export type { AsyncCall, AsyncMapOptions, AsyncRetryOptions } from './stream/api/async-map.js';
export { sumBigInt } from './stream/api/big-sum.js';
export type {
  BroadcastStream,
  ReadStates,
  ReadsBroadcast,
  WritesBroadcast,
} from './stream/api/broadcast.js';
export type { NotPromise, SyncResult } from './stream/api/callbacks.js';
export type {
  Change,
  ChangeKind,
  FirstOptions,
  IfRow,
  LatestOptions,
  Ranked,
  TableOptions,
  Ties,
  TopNOptions,
} from './stream/api/changelog.js';
export type {
  BroadcastSpec,
  ConnectSpec,
  KeyedBroadcastSpec,
  KeyedConnectSpec,
} from './stream/api/connect.js';
export type {
  AggregatedStream,
  AllWindowedStream,
  BroadcastConnectedStreams,
  ChangelogStream,
  ConnectedStreams,
  DataStream,
  KeyedBroadcastConnectedStreams,
  KeyedChangelog,
  KeyedConnectedStreams,
  KeyedStream,
  RecordOf,
  WindowedStream,
  WithDeadLetters,
} from './stream/api/data-stream.js';
export { approximateDistinctCount, distinctCount } from './stream/api/distinct-count.js';
export type { StreamEnvironment } from './stream/api/environment.js';
export { first, last } from './stream/api/event-order.js';
export {
  defineJob,
  type JobArguments,
  type JobDefinition,
  type JobSpec,
  type RowsOf,
} from './stream/api/job-definition.js';
export type { Key } from './stream/api/key-selector.js';
export {
  asc,
  desc,
  type Order,
  type OrderBy,
  type OrderValue,
  type Selector,
} from './stream/api/order-by.js';
export type { Output } from './stream/api/output.js';
export type { PoolCall, PoolMapOptions } from './stream/api/pool-map.js';
export type {
  ElementContext,
  ElementSpec,
  ProcessContext,
  ProcessSpec,
  StateSpecs,
  States,
  TimerKind,
  Timers,
  TimersLeft,
} from './stream/api/process.js';
export { approximateQuantile } from './stream/api/quantile.js';
export type { RetractableAggregation } from './stream/api/retraction.js';
export {
  type NoTags,
  type SideOutputSpec,
  type SideOutputSpecs,
  type SideTags,
  sideOutput,
} from './stream/api/side-outputs.js';
export type {
  InferOutput,
  StandardSchema,
  StandardSchemaIssue,
  StandardSchemaResult,
} from './stream/api/standard-schema.js';
export {
  type AggregatingState,
  aggregating,
  type ListState,
  list,
  type MapState,
  type MapStateKey,
  map,
  type ReducingState,
  reducing,
  type StateKind,
  type StateOptions,
  type StateSpec,
  type TtlTime,
  type ValueState,
  value,
} from './stream/api/state-specs.js';
export type { StateVersion } from './stream/api/state-version.js';
export type { CollectedOf, StreamSink } from './stream/api/stream-sink.js';
export type { TimestampOptions } from './stream/api/timestamp-options.js';
export { type TopOptions, topN } from './stream/api/top-records.js';
export {
  countEvictor,
  countTrigger,
  type DeltaTriggerOptions,
  deltaTrigger,
  type EventTimeTriggerOptions,
  type Evictor,
  eventTimeTrigger,
  type ProcessingTimeTriggerOptions,
  processingTimeTrigger,
  purgingTrigger,
  type Timestamped,
  type Trigger,
  type TriggerAnswer,
  type TriggerContext,
  type TriggerOptions,
  timeEvictor,
} from './stream/api/triggers.js';
export {
  aggregation,
  type NextState,
  type UserAggregation,
  type UserAggregationWithResult,
} from './stream/api/user-aggregation.js';
export {
  punctuated,
  type WatermarkFactory,
  type WatermarkGenerator,
} from './stream/api/watermarks.js';
export type { WindowContext, WindowProcessSpec } from './stream/api/window-process.js';
export {
  type AlignedWindow,
  type CalendarOptions,
  type CalendarWindow,
  type CountWindow,
  type CountWindowOptions,
  type CumulativeOptions,
  type CumulativeWindow,
  calendar,
  countWindow,
  cumulative,
  type EventTimeWindow,
  type GlobalWindow,
  globalWindow,
  type PartialWindows,
  type ProcessingTimeOptions,
  type ProcessingTimeWindow,
  processingTime,
  type SessionWindow,
  type SlidingOptions,
  type SlidingWindow,
  session,
  sliding,
  type TumblingOptions,
  type TumblingWindow,
  tumbling,
  type Weekday,
  type WindowBounds,
  type WindowDefinition,
} from './stream/api/windows.js';
export type { DeadLetter, ErrorPolicy } from './stream/dead-letter.js';
export type {
  GraphData,
  GraphNodeData,
  NodeKind,
  NodeParameters,
  Partition,
} from './stream/graph/graph.js';
export type {
  GraphNotice,
  JobPlan,
  PlanEdge,
  PlanRegion,
  PlanVertex,
} from './stream/graph/plan.js';
export type {
  CoGroupOptions,
  IntervalJoinOptions,
  JoinKind,
  JoinLatestOptions,
  JoinOptions,
  JoinSelect,
  JoinState,
  LateSides,
  LeftOf,
  LookupOptions,
  RightOf,
  WindowJoinOptions,
} from './stream/joins/join-options.js';
export type {
  CommitterData,
  Sink,
  SinkContext,
  SinkPrepared,
  SinkTransaction,
  SinkWriter,
  Upsert,
  UpsertSink,
} from './stream/sink.js';
export type {
  RejectedRecord,
  RejectingSource,
  Source,
  SourceBatch,
  SourceContext,
  SourceLife,
  SourcePosition,
  SourceReader,
  SourceSplit,
} from './stream/source.js';
export type { StateDescription } from './stream/state/state-layout.js';
export type { TaskMetrics } from './stream/task/task-types.js';
export type { TimeHolder } from './stream/task/time-holder.js';
export type { CalendarUnit } from './stream/windows/time-zone.js';
export {
  type ExponentialBackoff,
  type ExponentialBackoffOptions,
  exponentialBackoff,
  type FailureRate,
  type FailureRateOptions,
  type FixedDelay,
  type FixedDelayOptions,
  failureRate,
  fixedDelay,
  type NoRestart,
  noRestart,
  type ResetOptions,
  type RestartStrategy,
} from './supervisor/restart-strategy.js';
export { alive } from './threads/alive.js';
