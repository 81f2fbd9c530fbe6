/** How a simulated job is run: drawn by the seed. */

import { type Random, randomInt } from '../../src/base/random.js';
import type { CheckpointAlignment, RunOptions } from '../../src/job/job-types.js';
import {
  exponentialBackoff,
  failureRate,
  fixedDelay,
  noRestart,
  type RestartStrategy,
} from '../../src/supervisor/restart-strategy.js';
import { rowsAtOnce } from './branches.js';
import { callsOf, mix, type Theme, type Topology } from './topology.js';

export interface Settings {
  readonly parallelism: number;
  readonly keyGroups: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly minPauseMs: number;
  /** More than 1: they overlap where the disk is slow. */
  readonly maxConcurrent: number;
  readonly retain: number;
  readonly tolerableFailures: number;
  readonly mode: 'exactly-once';
  readonly alignment: CheckpointAlignment;
  readonly incremental: boolean;
  /** Files of a part, from which on it is written in full again. */
  readonly chainFilesMax: number;
  /** Bytes of a channel: few make much of what is in flight wait. */
  readonly capacityBytes: number;
  /** Readers that an instance may have open; undefined: as by default. */
  readonly maxOpenSplits: number | undefined;
  readonly spares: number;
  readonly bufferTimeoutMs: number;
  readonly restart: RestartStrategy;
  readonly groups: NonNullable<NonNullable<RunOptions['supervision']>['groups']>;
  readonly heartbeatMs: number;
  readonly heartbeatTimeoutMs: number;
  /** What a look at the clock costs a thread, at most. */
  readonly lookMs: number;
}

/** For checkpoints that wait for slow rows: aligned ones, and the first after a rescale. */
const SLOW_MS = 10_000;

/** As long as the most rows take that one record brings: no barrier gets between them, in whatever mode. */
const slowMs = ({ pipelines }: Topology): number =>
  SLOW_MS + Math.max(...pipelines.map((one) => one.workMs * rowsAtOnce(one)));

export function drawSettings(random: Random, topology: Topology, theme: Theme): Settings {
  const pick = <T>(...from: readonly T[]): T => from[randomInt(random, from.length)]!;
  const restart = pick<RestartStrategy>(
    exponentialBackoff({ initialMs: 10, maxMs: 300 }),
    exponentialBackoff({ initialMs: 10, maxMs: 300 }),
    fixedDelay({ attempts: 5, delayMs: 20 }),
    failureRate({ failures: 4, intervalMs: 2_000, delayMs: 10 }),
    noRestart(),
  );
  const regions = topology.pipelines.map((_, index) => `p${index}-probe`);
  const isGrouped = regions.length > 1 && random.next() < 0.6;
  const drawn: Settings = {
    parallelism:
      theme === 'ends' || theme === 'times' ? 2 + randomInt(random, 3) : 1 + randomInt(random, 4),
    keyGroups: pick(8, 32, 128),
    // Much to do again after a restart, or little.
    intervalMs: theme === 'ends' ? 2_000 : pick(30, 80, 200),
    timeoutMs: pick(400, 2_000),
    minPauseMs: pick(0, 0, 20),
    maxConcurrent: 1,
    retain: pick(2, 3),
    tolerableFailures: pick(0, 2, Number.POSITIVE_INFINITY),
    mode: 'exactly-once',
    alignment: pick<CheckpointAlignment>('aligned', 'aligned', 'unaligned', 'unaligned', {
      alignedTimeoutMs: 5,
    }),
    incremental: random.next() < 0.6,
    chainFilesMax: 2 + (mix(topology.pipelines.length, topology.pipelines[0]!.keyCount) % 5),
    capacityBytes: pick(1_024, 2_048, 16 * 1_024),
    maxOpenSplits: undefined,
    spares: pick(0, 1),
    bufferTimeoutMs: pick(0, 1, 5),
    restart,
    groups: isGrouped
      ? [
          {
            name: 'together',
            operators: regions.slice(0, 1 + randomInt(random, regions.length)),
            strategy: pick('one-for-one', 'one-for-all', 'rest-for-one'),
          },
        ]
      : [],
    heartbeatMs: 100,
    heartbeatTimeoutMs: 1_000,
    lookMs: pick(0.01, 0.05, 0.2),
  };
  // Through narrow channels what is ahead of a barrier takes its time.
  const isNarrow = drawn.capacityBytes < 16 * 1_024;
  if (theme === 'pressure') {
    const alignment = pick<CheckpointAlignment>('unaligned', { alignedTimeoutMs: 5 });
    const parallelism = 2 + randomInt(random, 3);
    return { ...drawn, alignment, parallelism, capacityBytes: 1_024, timeoutMs: slowMs(topology) };
  }
  const tolerant = { incremental: true, tolerableFailures: Number.POSITIVE_INFINITY };
  const themed = theme === 'changes' ? { ...drawn, ...tolerant, intervalMs: 30 } : drawn;
  const isSlow = topology.pipelines.some((one) => one.workMs > 0 || callsOf(one) !== 'none');
  const timeoutMs = isSlow ? slowMs(topology) : isNarrow ? 2_000 : themed.timeoutMs;
  const settings = { ...themed, timeoutMs };
  if (theme === 'times') {
    return {
      ...settings,
      maxOpenSplits: pick(1, 2, undefined, undefined),
      intervalMs: pick(150, 300),
    };
  }
  if (settings.alignment !== 'aligned' || theme === 'ends' || random.next() < 0.4) return settings;
  return { ...settings, maxConcurrent: pick(2, 3), minPauseMs: 0, intervalMs: pick(12, 25) };
}
