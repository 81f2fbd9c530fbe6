/** The failure of a thread that was taken for hung: says what was missing, for how long, and the way out. */

import type { Failure } from '../base/failure.js';
import type { PoolOptions } from './pool-types.js';

export interface Hang {
  readonly slot: number | undefined;
  readonly phase: string;
  readonly beatSilenceMs: number;
  readonly progressSilenceMs: number;
  readonly heartbeat: PoolOptions['heartbeat'];
}

export function hangFailure({ slot, heartbeat, ...hang }: Hang): Failure {
  const { timeoutMs, busyLimitMs } = heartbeat;
  const wasBusy = busyLimitMs !== undefined && hang.progressSilenceMs < timeoutMs;
  const message = wasBusy
    ? `slot ${slot} made progress, but gave no beat for ${Math.round(hang.beatSilenceMs)} ms (phase ` +
      `${hang.phase}), longer than heartbeat.busyLimitMs (${busyLimitMs}). If one record can keep its ` +
      'thread for so long, raise it, or leave it out.'
    : `slot ${slot} gave no beat and made no progress for ` +
      `${Math.round(Math.min(hang.beatSilenceMs, hang.progressSilenceMs))} ms (phase ${hang.phase}). ` +
      `If one record can take that long, raise heartbeat.timeoutMs (now ${timeoutMs}; on the command line ` +
      "--heartbeat-timeout) or call alive() of 'holdfast' in the work.";
  return { kind: 'hung', name: 'HoldfastError', code: 'ERR_HOLDFAST_WORKER_HUNG', message, slot };
}
