/** Signs of life of one thread: its beats, its progress, its heap, and what the fault detector makes of them. */

import type { Failure } from '../base/failure.js';
import type { Beat } from '../host/host-protocol.js';
import { FaultDetector, type Verdict } from '../supervisor/fault-detector.js';
import type { ControlBlock } from '../threads/control-block.js';
import { hangFailure } from './hang-failure.js';
import type { PoolOptions } from './pool-types.js';

/** What can be learnt of a thread without asking it. */
export interface Watched {
  readonly block: ControlBlock;
  utilization(): number | undefined;
  waitedMs(): number | undefined;
}

/** Times are performance.now() in milliseconds. */
export class Vitals {
  readonly #heartbeat: PoolOptions['heartbeat'];
  readonly #detector: FaultDetector;
  lastBeatMs: number;
  /** Of V8's old generation, as of the last beat. */
  heapUsedBytes = 0;
  heapLimitBytes = 0;
  verdict: Verdict = 'alive';
  #progress = 0;
  #progressMs: number;

  constructor(heartbeat: PoolOptions['heartbeat'], now: number) {
    this.#heartbeat = heartbeat;
    this.#detector = new FaultDetector(heartbeat, now);
    this.lastBeatMs = now;
    this.#progressMs = now;
  }

  beat({ heapUsedBytes, heapLimitBytes }: Beat, now: number): void {
    this.lastBeatMs = now;
    this.heapUsedBytes = heapUsedBytes;
    this.heapLimitBytes = heapLimitBytes;
    this.#detector.beat(now);
  }

  /** The thread can be judged from now on, whatever it has done so far. */
  begin(now: number): void {
    this.#detector.beat(now);
  }

  /** @param late the judge was late himself: silence says nothing */
  judge(thread: Watched, now: number, late: boolean): Verdict {
    const progress = thread.block.progressCount;
    if (progress !== this.#progress) {
      this.#progress = progress;
      this.#progressMs = now;
    }
    this.verdict = this.#detector.observe({
      now,
      progress,
      utilization: thread.utilization(),
      late,
      waitedMs: thread.waitedMs(),
    });
    return this.verdict;
  }

  /** When it gave a sign of life last. */
  get lastSignMs(): number {
    return Math.max(this.lastBeatMs, this.#progressMs);
  }

  hang(thread: Watched, slot: number | undefined, now: number): Failure {
    return hangFailure({
      slot,
      phase: thread.block.phase,
      beatSilenceMs: now - this.lastBeatMs,
      progressSilenceMs: now - this.#progressMs,
      heartbeat: this.#heartbeat,
    });
  }
}
