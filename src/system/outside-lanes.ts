/** The ends, on the main thread, of the lanes to and from all nodes, and the turns in which they are served. */

import type { Envelope } from '../actors/node/world.js';
import { ControlBlock } from '../threads/control-block.js';
import { Sleeper } from '../threads/doorbell.js';
import { Scheduler } from '../threads/scheduler.js';
import type { Tasklet } from '../threads/tasklet.js';
import {
  type LaneReader,
  ThreadLanes,
  type ThreadLanesOptions,
} from '../workloads/actors/thread-lanes.js';

export class OutsideLanes implements Tasklet {
  readonly name = 'outside';
  /** For the doorbell. */
  readonly block = new ControlBlock();
  readonly #reader: LaneReader;
  readonly #broke: (error: unknown) => void;
  readonly #scheduler = new Scheduler({ sleeper: new Sleeper(this.block) });
  #lanes: ThreadLanes | undefined;

  /** @param broke gets what the reader throws: nothing is taken any more then */
  constructor(reader: LaneReader, broke: (error: unknown) => void) {
    this.#reader = reader;
    this.#broke = broke;
  }

  open(options: Omit<ThreadLanesOptions, 'index' | 'incarnation'>): void {
    this.close();
    this.#lanes = new ThreadLanes({ ...options, index: options.nodes, incarnation: 0 });
    this.#scheduler.add(this);
  }

  /** What was not taken is never taken. */
  close(): void {
    this.#lanes = undefined;
    this.#scheduler.remove(this);
  }

  send(node: number, envelope: Envelope): void {
    this.#lanes?.send(node, envelope);
    this.#scheduler.wake();
  }

  mark(checkpoint: number): void {
    this.#lanes?.mark(checkpoint);
    this.#scheduler.wake();
  }

  get runnable(): boolean {
    return this.#lanes?.isReady === true;
  }

  run(): boolean {
    const lanes = this.#lanes;
    if (lanes === undefined) return false;
    const moved = lanes.pump();
    const taken = lanes.take(this.#reader);
    lanes.flush();
    return moved || taken > 0;
  }

  flushDue(): undefined {
    return undefined;
  }

  broke(error: unknown): void {
    this.#broke(error);
  }
}
