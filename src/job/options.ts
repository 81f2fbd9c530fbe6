/** Checks the options of a run, one by one and against each other, and fills in defaults. */

import { availableParallelism } from 'node:os';
import {
  badOption,
  checkFlag,
  checkNumber,
  checkObject,
  checkOneOf,
  TIMER_MS_MAX,
} from '../base/option-checks.js';
import { RECORDS_MODES, type RecordsMode } from '../channels/record-keeper.js';
import { isS3Place } from '../checkpoint/checkpoint-place.js';
import { COMPRESSIONS, type Compression } from '../checkpoint/parts/compression.js';
import type { CheckpointStore } from '../checkpoint/store.js';
import { type Codec, checkCodecs } from '../codec/codec-registry.js';
import { MAX_OPEN_SPLITS } from '../stream/task/task-types.js';
import { HEAP_SHARE_MIN } from '../supervisor/heap-watch.js';
import {
  checkRestartStrategy,
  exponentialBackoff,
  noRestart,
  type RestartStrategy,
} from '../supervisor/restart-strategy.js';
import { checkHeapLimits } from '../threads/heap-limits.js';
import { SCAVENGING, type Scavenging } from '../threads/scavenging.js';
import type { GroupOptions } from './driver/groups.js';
import type { HeapOptions, Logger, RunOptions } from './job-types.js';
import { safeLogger } from './safe-logger.js';
import { resolveSupervision } from './supervision-options.js';

export type RestoreFrom =
  | { readonly kind: 'latest' | 'none' }
  /** A checkpoint of the run's own store. */
  | { readonly kind: 'checkpoint'; readonly checkpoint: number }
  /** A savepoint, or another directory of checkpoints. */
  | { readonly kind: 'directory'; readonly directory: string };

export interface ResolvedOptions {
  readonly parallelism: number;
  readonly keyGroups: number;
  /** When there is neither `directory` nor `store`, the job takes no checkpoints. */
  readonly checkpoint: {
    readonly directory: string | undefined;
    readonly store: CheckpointStore | undefined;
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly minPauseMs: number;
    /** Checkpoints in flight at a time. */
    readonly maxConcurrent: number;
    readonly retain: number;
    readonly tolerableFailures: number;
    readonly mode: 'exactly-once' | 'at-least-once';
    /** How long barriers wait before they overtake records; Infinity: they never overtake. */
    readonly alignedTimeoutMs: number;
    readonly incremental: boolean;
    readonly compression: Compression | undefined;
  };
  readonly restore: RestoreFrom;
  readonly allowDropped: readonly string[];
  readonly restart: RestartStrategy;
  readonly supervision: { readonly groups: readonly GroupOptions[] };
  readonly spares: number;
  readonly maxOpenSplits: number;
  readonly heartbeat: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly busyLimitMs: number | undefined;
  };
  readonly channel: {
    readonly capacityBytes: number;
    readonly bufferTimeoutMs: number;
  };
  readonly slot: {
    readonly resourceLimits: Readonly<Record<string, number>>;
    readonly scavenging: Scavenging;
    readonly heap: { readonly reportAt: number; readonly restartAt: number | undefined };
  };
  readonly records: RecordsMode;
  readonly args: Readonly<Record<string, unknown>>;
  readonly codecs: readonly Codec[];
  readonly signal: AbortSignal | undefined;
  readonly logger: Logger | undefined;
  readonly print: (line: string) => void;
}

const KEY_GROUPS_MAX = 32_768;
const HEAP_REPORT_AT = 0.85;
/** Long compared with any alignment without back-pressure, short compared with what a checkpoint may take. */
const ALIGNED_TIMEOUT_MS = 1_000;
const SPARES_MAX = 64;
const OPEN_SPLITS_MAX = 65_536;
/** The least size. A frame larger than the ring passes in pieces: a small ring is slow, but loses nothing. */
const CAPACITY_BYTES_MIN = 1024;
const CAPACITY_BYTES_MAX = 1024 * 1024 * 1024;

const wait = { min: 0, max: TIMER_MS_MAX, unit: 'milliseconds' } as const;
const period = { min: 10, max: TIMER_MS_MAX, unit: 'milliseconds' } as const;

const STORE_METHODS = [
  'acquire',
  'nextEpoch',
  'writePart',
  'writeManifest',
  'list',
  'readManifest',
  'readPart',
  'discard',
  'prune',
  'rewind',
  'markFinished',
  'readFinished',
  'clear',
  'close',
] as const satisfies readonly (keyof CheckpointStore)[];

/**
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION: the option's full name, what was given, what is allowed
 */
export function resolveOptions(options: RunOptions = {}): ResolvedOptions {
  const given = checkObject('', options, [
    'parallelism',
    'keyGroups',
    'checkpoint',
    'restore',
    'allowDropped',
    'restart',
    'supervision',
    'spares',
    'maxOpenSplits',
    'heartbeat',
    'channel',
    'slot',
    'records',
    'args',
    'codecs',
    'signal',
    'logger',
    'print',
  ]);
  const checkpoint = resolveCheckpoint(given.checkpoint);
  const hasCheckpoints = checkpoint.directory !== undefined || checkpoint.store !== undefined;
  const restart = resolveRestart(given.restart, hasCheckpoints);
  const slot = resolveSlot(given.slot);
  checkHeapRestart(slot.heap.restartAt, hasCheckpoints, restart);
  return Object.freeze({
    ...resolveSlots(given.parallelism, given.keyGroups),
    checkpoint,
    restore: resolveRestore(given.restore, hasCheckpoints),
    allowDropped: resolveAllowance(given.allowDropped),
    restart,
    supervision: resolveSupervision(given.supervision, restart),
    records: checkOneOf('records', given.records, 'checked', RECORDS_MODES),
    spares: checkNumber('spares', given.spares, 1, { min: 0, max: SPARES_MAX, integer: true }),
    maxOpenSplits: checkNumber('maxOpenSplits', given.maxOpenSplits, MAX_OPEN_SPLITS, {
      min: 1,
      max: OPEN_SPLITS_MAX,
      integer: true,
    }),
    heartbeat: resolveHeartbeat(given.heartbeat),
    channel: resolveChannel(given.channel),
    slot,
    args: resolveArgs(given.args),
    codecs: resolveCodecs(given.codecs),
    signal: checkSignal(given.signal),
    logger: checkLogger(given.logger),
    print: checkPrint(given.print),
  });
}

function resolveSlots(
  parallelismGiven: unknown,
  keyGroupsGiven: unknown,
): Pick<ResolvedOptions, 'parallelism' | 'keyGroups'> {
  const range = { min: 1, max: KEY_GROUPS_MAX, integer: true } as const;
  const keyGroups = checkNumber('keyGroups', keyGroupsGiven, 1_024, range);
  const cores = Math.min(availableParallelism(), keyGroups);
  const parallelism = checkNumber('parallelism', parallelismGiven, cores, range);
  if (keyGroups < parallelism) {
    throw badOption('keyGroups', keyGroups, `at least parallelism (${parallelism})`);
  }
  return { parallelism, keyGroups };
}

function resolveCheckpoint(options: RunOptions['checkpoint']): ResolvedOptions['checkpoint'] {
  const given = checkObject('checkpoint', options, [
    'directory',
    'store',
    'intervalMs',
    'timeoutMs',
    'minPauseMs',
    'maxConcurrent',
    'retain',
    'tolerableFailures',
    'mode',
    'alignment',
    'incremental',
    'compression',
  ]);
  const { directory, store } = given;
  checkPlace('checkpoint', given);
  const isGiven = Object.values(given).some((value) => value !== undefined);
  if (isGiven && directory === undefined && store === undefined) {
    throw badOption(
      'checkpoint.directory',
      undefined,
      'the path of a directory, or a checkpoint.store, beside the other options of checkpoint',
    );
  }
  const mode = checkOneOf('checkpoint.mode', given.mode, 'exactly-once', [
    'exactly-once',
    'at-least-once',
  ]);
  return Object.freeze({
    directory,
    store,
    intervalMs: checkNumber('checkpoint.intervalMs', given.intervalMs, 1_000, period),
    timeoutMs: checkNumber('checkpoint.timeoutMs', given.timeoutMs, 600_000, period),
    minPauseMs: checkNumber('checkpoint.minPauseMs', given.minPauseMs, 0, wait),
    retain: checkNumber('checkpoint.retain', given.retain, 3, {
      min: 2,
      max: 1_000_000,
      integer: true,
    }),
    tolerableFailures: checkNumber('checkpoint.tolerableFailures', given.tolerableFailures, 0, {
      min: 0,
      max: Number.POSITIVE_INFINITY,
      integer: true,
    }),
    mode,
    alignedTimeoutMs: resolveAlignment(given, mode),
    maxConcurrent: resolveConcurrency(given),
    // A store of the user's own may not know that several manifests can name the same file.
    incremental: checkFlag('checkpoint.incremental', given.incremental, directory !== undefined),
    compression: resolveCompression(given.compression),
  });
}

function resolveCompression(
  given: NonNullable<RunOptions['checkpoint']>['compression'],
): Compression | undefined {
  const found = checkOneOf('checkpoint.compression', given, 'none', ['none', ...COMPRESSIONS]);
  return found === 'none' ? undefined : found;
}

function resolveAlignment(
  { alignment: given, maxConcurrent = 1 }: NonNullable<RunOptions['checkpoint']>,
  mode: ResolvedOptions['checkpoint']['mode'],
): number {
  if (given === 'aligned') return Number.POSITIVE_INFINITY;
  if (given === undefined) {
    const mayOvertake = mode === 'exactly-once' && maxConcurrent === 1;
    return mayOvertake ? ALIGNED_TIMEOUT_MS : Number.POSITIVE_INFINITY;
  }
  if (given !== 'unaligned' && (typeof given !== 'object' || given === null)) {
    const allowed = "'aligned', 'unaligned', or { alignedTimeoutMs }";
    throw badOption('checkpoint.alignment', given, allowed);
  }
  if (mode === 'at-least-once') {
    throw badOption(
      'checkpoint.alignment',
      given,
      "'aligned' beside checkpoint.mode 'at-least-once', which waits for no barrier",
    );
  }
  if (given === 'unaligned') return 0;
  const name = 'checkpoint.alignment.alignedTimeoutMs';
  const { alignedTimeoutMs } = checkObject('checkpoint.alignment', given, ['alignedTimeoutMs']);
  if (alignedTimeoutMs === undefined) throw badOption(name, undefined, 'a number of milliseconds');
  return checkNumber(name, alignedTimeoutMs, 0, wait);
}

function resolveConcurrency(given: NonNullable<RunOptions['checkpoint']>): number {
  const name = 'checkpoint.maxConcurrent';
  const range = { min: 1, max: 8, integer: true };
  const maxConcurrent = checkNumber(name, given.maxConcurrent, 1, range);
  if (maxConcurrent === 1) return 1;
  const { mode, alignment, minPauseMs } = given;
  if (mode === 'at-least-once') {
    const reason = 'which may process what is behind a barrier before it takes its part';
    throw badOption(name, maxConcurrent, `1 beside checkpoint.mode 'at-least-once', ${reason}`);
  }
  if (alignment !== undefined && alignment !== 'aligned') {
    const reason = "'aligned': what is in flight is kept for one checkpoint at a time";
    throw badOption(name, maxConcurrent, `1 beside a checkpoint.alignment other than ${reason}`);
  }
  if (minPauseMs !== undefined && minPauseMs > 0) {
    const reason = 'since a pause after one means that the next waits for its end';
    throw badOption(name, maxConcurrent, `1 beside checkpoint.minPauseMs above 0, ${reason}`);
  }
  return maxConcurrent;
}

function resolveAllowance(given: unknown): readonly string[] {
  if (given === undefined) return [];
  const isList =
    Array.isArray(given) && given.every((one) => typeof one === 'string' && one !== '');
  if (isList) return [...given];
  throw badOption('allowDropped', given, "a list of operators' ids, or of 'operator#name'");
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function resolveRestore(given: unknown, hasCheckpoints: boolean): RestoreFrom {
  if (given === undefined) return { kind: 'latest' };
  if (given === 'latest' || given === 'none') return { kind: given };
  const isPath = typeof given === 'string' && /[/\\]/.test(given);
  if (!isPath && !isCheckpointNumber(given)) {
    throw badOption(
      'restore',
      given,
      "'latest', 'none', a checkpoint's number as text, or the path of a savepoint (with a '/' in it), or s3://bucket/prefix",
    );
  }
  if (!hasCheckpoints) {
    throw badOption('restore', given, "'latest' or 'none' without checkpoint.directory");
  }
  return isPath
    ? { kind: 'directory', directory: given }
    : { kind: 'checkpoint', checkpoint: Number(given) };
}

function isCheckpointNumber(given: unknown): given is string {
  return (
    typeof given === 'string' && /^[1-9][0-9]*$/.test(given) && Number.isSafeInteger(Number(given))
  );
}

function resolveRestart(
  given: RestartStrategy | undefined,
  hasCheckpoints: boolean,
): RestartStrategy {
  if (given !== undefined) return checkRestartStrategy(given);
  return hasCheckpoints ? exponentialBackoff() : noRestart();
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function resolveHeartbeat(options: RunOptions['heartbeat']): ResolvedOptions['heartbeat'] {
  const names = ['intervalMs', 'timeoutMs', 'busyLimitMs'] as const;
  const given = checkObject('heartbeat', options, names);
  const intervalMs = checkNumber('heartbeat.intervalMs', given.intervalMs, 100, period);
  // A slow beat alone is no mistake: the default timeout follows it. Only what was given is checked.
  const fallbackMs = Math.max(1_000, Math.min(2 * intervalMs, TIMER_MS_MAX));
  const timeoutMs = checkNumber('heartbeat.timeoutMs', given.timeoutMs, fallbackMs, period);
  if (timeoutMs < 2 * intervalMs) {
    throw badOption(
      'heartbeat.timeoutMs',
      timeoutMs,
      `at least two heartbeat.intervalMs (${2 * intervalMs})`,
    );
  }
  const busyLimitMs = checkNumber('heartbeat.busyLimitMs', given.busyLimitMs, undefined, period);
  if (busyLimitMs !== undefined && busyLimitMs < timeoutMs) {
    throw badOption(
      'heartbeat.busyLimitMs',
      busyLimitMs,
      `at least heartbeat.timeoutMs (${timeoutMs})`,
    );
  }
  return Object.freeze({ intervalMs, timeoutMs, busyLimitMs });
}

function resolveChannel(options: RunOptions['channel']): ResolvedOptions['channel'] {
  const given = checkObject('channel', options, ['capacityBytes', 'bufferTimeoutMs']);
  return Object.freeze({
    capacityBytes: checkNumber('channel.capacityBytes', given.capacityBytes, 1024 * 1024, {
      min: CAPACITY_BYTES_MIN,
      max: CAPACITY_BYTES_MAX,
      integer: true,
      unit: 'bytes',
    }),
    bufferTimeoutMs: checkNumber('channel.bufferTimeoutMs', given.bufferTimeoutMs, 5, wait),
  });
}

function resolveSlot(options: RunOptions['slot']): ResolvedOptions['slot'] {
  const names = ['resourceLimits', 'heap', 'scavenging'] as const;
  const { resourceLimits, heap, scavenging } = checkObject('slot', options, names);
  return Object.freeze({
    resourceLimits: checkHeapLimits('slot.resourceLimits', resourceLimits),
    heap: resolveHeap(heap),
    scavenging: checkOneOf('slot.scavenging', scavenging, 'auto', SCAVENGING),
  });
}

function resolveHeap(options: HeapOptions | undefined): ResolvedOptions['slot']['heap'] {
  const given = checkObject('slot.heap', options, ['reportAt', 'restartAt']);
  const share = { min: HEAP_SHARE_MIN, max: 1 } as const;
  const restartAt = checkNumber('slot.heap.restartAt', given.restartAt, undefined, share);
  const fallback = Math.min(HEAP_REPORT_AT, restartAt ?? 1);
  const reportAt = checkNumber('slot.heap.reportAt', given.reportAt, fallback, share);
  if (restartAt !== undefined && restartAt < reportAt) {
    throw badOption('slot.heap.restartAt', restartAt, `at least slot.heap.reportAt (${reportAt})`);
  }
  return Object.freeze({ reportAt, restartAt });
}

function checkHeapRestart(
  restartAt: number | undefined,
  hasCheckpoints: boolean,
  restart: RestartStrategy,
): void {
  if (restartAt === undefined || (hasCheckpoints && restart.kind !== 'none')) return;
  throw badOption(
    'slot.heap.restartAt',
    restartAt,
    'nothing without checkpoint.directory and a restart strategy: a restart would lose the work, or end the job',
  );
}

function resolveArgs(given: RunOptions['args']): ResolvedOptions['args'] {
  if (given === undefined) return Object.freeze({});
  const allowed = 'an object of values that structuredClone can copy, for they go to every thread';
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw badOption('args', given, allowed);
  }
  for (const [name, value] of Object.entries(given)) {
    try {
      structuredClone(value);
    } catch {
      throw badOption(`args.${name}`, value, allowed);
    }
  }
  // A copy: what the caller does with the object later reaches no thread.
  return Object.freeze(structuredClone({ ...given }));
}

function resolveCodecs(given: RunOptions['codecs']): readonly Codec[] {
  if (given === undefined) return [];
  if (!Array.isArray(given)) throw badOption('codecs', given, 'an array of what defineCodec gives');
  checkCodecs(given);
  return [...given];
}

function checkSignal(given: RunOptions['signal']): AbortSignal | undefined {
  if (given === undefined) return undefined;
  const isSignal =
    typeof given === 'object' &&
    given !== null &&
    typeof given.aborted === 'boolean' &&
    typeof given.addEventListener === 'function';
  if (!isSignal) throw badOption('signal', given, 'an AbortSignal');
  return given;
}

function checkLogger(given: RunOptions['logger']): Logger | undefined {
  if (given === undefined) return undefined;
  checkMethods('logger', given, ['debug', 'info', 'warn', 'error']);
  return safeLogger(given);
}

/**
 * Where checkpoints are to be: a directory, a store, or neither.
 * @param option whose `directory` and `store` they are
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function checkPlace(
  option: string,
  { directory, store }: { readonly directory?: unknown; readonly store?: unknown },
): void {
  if (directory !== undefined && (typeof directory !== 'string' || directory === '')) {
    throw badOption(`${option}.directory`, directory, 'the path of a directory');
  }
  if (directory !== undefined && isS3Place(directory)) {
    const allowed = `the path of a directory; for S3 give ${option}.store: s3Checkpoints({ bucket, prefix }) of 'holdfast/s3'`;
    throw badOption(`${option}.directory`, directory, allowed);
  }
  if (store !== undefined) checkMethods(`${option}.store`, store, STORE_METHODS);
  if (directory !== undefined && store !== undefined) {
    throw badOption(`${option}.store`, store, `nothing beside ${option}.directory: choose one`);
  }
}

function checkMethods(option: string, given: unknown, methods: readonly string[]): void {
  const holder = (typeof given === 'object' || typeof given === 'function') && given !== null;
  const missing = methods.filter(
    (name) => !holder || typeof Reflect.get(given, name) !== 'function',
  );
  if (missing.length > 0) {
    throw badOption(
      option,
      given,
      `an object with the methods ${methods.join(', ')} (missing: ${missing.join(', ')})`,
    );
  }
}

function checkPrint(given: RunOptions['print']): (line: string) => void {
  if (given === undefined) return (line) => void process.stdout.write(`${line}\n`);
  if (typeof given !== 'function') throw badOption('print', given, 'a function that takes a line');
  return given;
}
