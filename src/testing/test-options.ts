import { badOption, checkNumber, checkObject, checkOneOf } from '../base/option-checks.js';
import { RECORDS_MODES, type RecordsMode } from '../channels/record-keeper.js';
import { KEY_GROUPS_MAX } from '../hashring/key-group.js';
import { TIME_MAX_MS } from '../stream/task/split-times.js';
import type { TestSnapshot } from './test-snapshot.js';

/** How a test runs a job. */
export interface TestOptions {
  /** Instances of each operator, all of them in the calling thread. Default 1. */
  readonly parallelism?: number | undefined;
  /**
   * Goes on from what `snapshot()` gave, with the same parallelism or another; or from a savepoint of a real run, by
   * its path: state, timers and times are those, and from then on records are handed in by the test.
   */
  readonly restore?: TestSnapshot | string | undefined;
  /** What the clock shows at first, in ms since the epoch. Default 0, or what it showed at the snapshot. */
  readonly startMs?: number | undefined;
  /** As in a run. Default `'checked'`. */
  readonly records?: RecordsMode | undefined;
  /** As in a run. Default 1 024, or that of what is restored. */
  readonly keyGroups?: number | undefined;
}

/** How a test runs a whole job. */
export interface TestJobOptions extends TestOptions {
  /** Arguments of the job. */
  readonly args?: Readonly<Record<string, unknown>> | undefined;
}

/** What only conformance needs. */
export interface Strictness {
  /** Outputs are full after each record. */
  readonly isStingy: boolean;
  /** Snapshots build on earlier ones. */
  readonly incremental: boolean;
}

export interface ResolvedTestOptions extends Strictness {
  readonly parallelism: number;
  readonly restore: TestSnapshot | string | undefined;
  readonly startMs: number | undefined;
  readonly records: RecordsMode;
  readonly keyGroups: number | undefined;
  readonly args: Readonly<Record<string, unknown>>;
}

const NAMES = ['args', 'parallelism', 'restore', 'startMs', 'records', 'keyGroups'] as const;
const INSTANCES_MAX = 64;

const LENIENT: Strictness = { isStingy: false, incremental: false };

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function resolveTestOptions(
  given: TestJobOptions | undefined,
  strictness: Strictness = LENIENT,
): ResolvedTestOptions {
  const { args, parallelism, restore, startMs, records, keyGroups } = checkObject<TestJobOptions>(
    '',
    given,
    NAMES,
  );
  if (args !== undefined && (typeof args !== 'object' || args === null)) {
    throw badOption('args', args, 'an object');
  }
  const integer = true;
  return {
    ...strictness,
    args: args ?? {},
    parallelism: checkNumber('parallelism', parallelism, 1, {
      min: 1,
      max: INSTANCES_MAX,
      integer,
    }),
    restore,
    startMs: checkNumber('startMs', startMs, undefined, { min: -TIME_MAX_MS, max: TIME_MAX_MS }),
    records: checkOneOf('records', records, 'checked', RECORDS_MODES),
    keyGroups: checkNumber('keyGroups', keyGroups, undefined, {
      min: 1,
      max: KEY_GROUPS_MAX,
      integer,
    }),
  };
}
