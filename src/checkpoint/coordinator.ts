/**
 * Decides when checkpoints begin, and when each one counts or has failed. A pure machine: events and `now`
 * (milliseconds of one monotonic clock) in, commands out; a driver performs them.
 *
 * At most `maxConcurrent` checkpoints are in flight, each in one of two phases:
 *
 *     collecting ──all acknowledged──▶ writing ──manifest-written──▶ completed
 *         │                              │
 *         └─declined, late, stopped──▶ failed ◀──manifest-failed─────┘
 *
 *  K1  Ids strictly increase over the machine's whole life, also across aborted checkpoints and restarts: an
 *      id names one attempt only (I4, I7).
 *  K2  `write-manifest` is commanded exactly when every task of one and the same epoch has
 *      acknowledged this id (I6). Acknowledgements of another epoch, another id, an unknown task, or a
 *      second time change nothing (I14).
 *  K3  Every `trigger` is followed by exactly one `completed` or `failed` of its id (I9). While
 *      an acknowledgement is missing, that happens within `timeoutMs`.
 *  K4  While the manifest is being written, the checkpoint may exist already. So nothing aborts it,
 *      not even the end of its epoch; nothing of another epoch is triggered until its fate is known.
 *  K5  Every token of a `request` is answered exactly once, by a checkpoint triggered after the
 *      request. Tokens that no trigger has taken yet outlive a restart of the region.
 *  K6  When all tasks have ended, the final checkpoint comes next, as soon as none is in flight. No other
 *      checkpoint is in flight beside it; after its completion nothing more is triggered in this epoch.
 *  K7  After more than `tolerableFailures` failures in a row within one epoch the machine gives up, once; then
 *      nothing is triggered until the next `started`. A checkpoint that the end of an epoch aborts does not count
 *      as a failure in a row, nor does one that fails with another (K9).
 *  K8  Manifests are written one after the other, in the order of ids: a checkpoint that all have
 *      acknowledged waits until those before it have completed. So checkpoints complete in that order, too.
 *  K9  When one fails, all others that are being collected fail with it, and are aborted newest first.
 *      So of the dead ids a task needs to know only the greatest, and a sink takes back what it prepared
 *      in the reverse order, all of it before it has to prepare again.
 */

import type { Failure } from '../base/failure.js';

export interface CoordinatorOptions {
  /** From one trigger to the next, and before a failed final checkpoint is tried again. */
  readonly intervalMs: number;
  /** From trigger to the last acknowledgement. */
  readonly timeoutMs: number;
  /** From the end of one checkpoint to the next periodic trigger. */
  readonly minPauseMs: number;
  /** How many failures in a row do not yet fail the region. */
  readonly tolerableFailures: number;
  /** False: only requested and final checkpoints. */
  readonly periodic: boolean;
  /** Checkpoints in flight at a time. */
  readonly maxConcurrent: number;
}

export type CoordinatorEvent =
  | {
      readonly kind: 'started';
      readonly epoch: number;
      readonly tasks: readonly string[];
      /** Tasks that had ended already, and were not restarted with the others. */
      readonly ended?: readonly string[] | undefined;
      readonly lastCheckpoint: number;
    }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'tick' }
  | {
      readonly kind: 'request';
      readonly token: number;
      readonly reason: 'manual' | 'savepoint' | 'stop';
    }
  | {
      readonly kind: 'acknowledged';
      readonly epoch: number;
      readonly checkpoint: number;
      readonly task: string;
      readonly bytes: number;
    }
  | {
      readonly kind: 'declined';
      readonly epoch: number;
      readonly checkpoint: number;
      readonly task: string;
      readonly failure: Failure;
    }
  | { readonly kind: 'task-ended'; readonly epoch: number; readonly task: string }
  | { readonly kind: 'manifest-written'; readonly checkpoint: number }
  | { readonly kind: 'manifest-failed'; readonly checkpoint: number; readonly failure: Failure };

export type CoordinatorCommand =
  | {
      readonly kind: 'trigger';
      readonly epoch: number;
      readonly checkpoint: number;
      readonly final: boolean;
    }
  | {
      readonly kind: 'abort';
      readonly epoch: number;
      readonly checkpoint: number;
      readonly failure: Failure;
    }
  | {
      readonly kind: 'write-manifest';
      readonly epoch: number;
      readonly checkpoint: number;
      readonly final: boolean;
      readonly bytes: number;
    }
  | {
      readonly kind: 'completed';
      readonly epoch: number;
      readonly checkpoint: number;
      readonly final: boolean;
      /** From trigger to durable manifest. */
      readonly durationMs: number;
      readonly tokens: readonly number[];
    }
  | {
      readonly kind: 'failed';
      readonly checkpoint: number;
      readonly failure: Failure;
      readonly tokens: readonly number[];
    }
  | { readonly kind: 'give-up'; readonly failure: Failure };

interface InFlight {
  readonly epoch: number;
  readonly checkpoint: number;
  readonly final: boolean;
  readonly triggeredAt: number;
  readonly tokens: readonly number[];
  /** Tasks that have not acknowledged. When there are none left, older checkpoints are waited for (K8). */
  readonly missing: Set<string>;
  phase: 'collecting' | 'writing';
  bytes: number;
}

/** The epoch that runs now. */
interface Running {
  readonly epoch: number;
  readonly tasks: ReadonlySet<string>;
  readonly alive: Set<string>;
  /** Earliest time of the next trigger for which nobody asked. */
  nextTriggerAt: number;
  failuresInRow: number;
  /** `finalized`: the final checkpoint is complete. `given-up`: the driver was told to fail the region. */
  phase: 'active' | 'finalized' | 'given-up';
}

export class Coordinator {
  readonly #options: CoordinatorOptions;
  #running: Running | undefined;
  /** In the order of ids. Only the manifest of the first is ever being written (K8). */
  #inFlight: readonly InFlight[] = [];
  #lastId = 0;
  /** Tokens of requests that no trigger has taken yet. */
  #waiting: number[] = [];

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  /** What follows from `event` at time `now`, to be performed in order. */
  handle(event: CoordinatorEvent, now: number): CoordinatorCommand[] {
    const commands: CoordinatorCommand[] = [];
    this.#apply(event, now, commands);
    this.#triggerIfDue(now, commands);
    return commands;
  }

  /** When a `tick` is due, in `now`'s clock; undefined while only other events can change anything. */
  nextDeadline(): number | undefined {
    const late = this.#inFlight.find(({ missing }) => missing.size > 0);
    const lateAt = late === undefined ? Infinity : late.triggeredAt + this.#options.timeoutMs;
    const running = this.#running;
    const isTimed = this.#options.periodic || running?.alive.size === 0;
    const nextAt = isTimed && this.#mayTrigger(running) ? running.nextTriggerAt : Infinity;
    const dueAt = Math.min(lateAt, nextAt);
    return dueAt === Infinity ? undefined : dueAt;
  }

  #apply(event: CoordinatorEvent, now: number, commands: CoordinatorCommand[]): void {
    switch (event.kind) {
      case 'started': {
        this.#stop(commands);
        this.#lastId = Math.max(this.#lastId, event.lastCheckpoint);
        const alive = new Set(event.tasks);
        for (const task of event.ended ?? []) alive.delete(task);
        this.#running = {
          epoch: event.epoch,
          tasks: new Set(event.tasks),
          alive,
          nextTriggerAt: alive.size === 0 ? now : now + this.#options.intervalMs,
          failuresInRow: 0,
          phase: 'active',
        };
        return;
      }
      case 'stopped':
        this.#stop(commands);
        return;
      case 'tick':
        this.#expire(now, commands);
        return;
      case 'request':
        this.#request(event.token, commands);
        return;
      case 'acknowledged':
        this.#acknowledged(event.epoch, event.checkpoint, event.task, event.bytes, commands);
        return;
      case 'declined': {
        const pending = this.#collecting(event.epoch, event.checkpoint, event.task);
        if (pending !== undefined) this.#fail(pending, event.failure, now, commands);
        return;
      }
      case 'task-ended':
        this.#taskEnded(event.epoch, event.task, now);
        return;
      case 'manifest-written':
        this.#manifestWritten(event.checkpoint, now, commands);
        return;
      case 'manifest-failed': {
        const pending = this.#writing(event.checkpoint);
        if (pending !== undefined) this.#fail(pending, event.failure, now, commands);
      }
    }
  }

  #stop(commands: CoordinatorCommand[]): void {
    this.#running = undefined;
    // K4: a checkpoint whose manifest is being written goes on.
    const given = this.#inFlight.filter(({ phase }) => phase === 'collecting');
    this.#giveUp(given, commands, (pending) => {
      const message = `checkpoint ${pending.checkpoint} was given up: the tasks of epoch ${pending.epoch} were stopped before all had answered. Ask again when the job runs.`;
      return checkpointFailure(message, pending);
    });
  }

  #request(token: number, commands: CoordinatorCommand[]): void {
    if (this.#running?.phase !== 'finalized') {
      this.#waiting.push(token);
      return;
    }
    const message =
      'the job has processed all of its input and has taken its final checkpoint; there is nothing left to capture. Use that checkpoint.';
    const failure = checkpointFailure(message, { checkpoint: this.#lastId, missing: new Set() });
    commands.push({ kind: 'failed', checkpoint: this.#lastId, failure, tokens: [token] });
  }

  #acknowledged(
    epoch: number,
    checkpoint: number,
    task: string,
    bytes: number,
    commands: CoordinatorCommand[],
  ): void {
    const pending = this.#collecting(epoch, checkpoint, task);
    if (pending === undefined) return;
    pending.missing.delete(task);
    pending.bytes += bytes;
    this.#writeNext(commands);
  }

  #taskEnded(epoch: number, task: string, now: number): void {
    const running = this.#running;
    if (running?.epoch !== epoch || !running.alive.delete(task)) return;
    if (running.alive.size === 0) running.nextTriggerAt = now;
  }

  #expire(now: number, commands: CoordinatorCommand[]): void {
    const pending = this.#inFlight.find((one) => one.missing.size > 0);
    if (pending === undefined) return;
    if (now < pending.triggeredAt + this.#options.timeoutMs) return;
    const missing = [...pending.missing].sort();
    const message = `checkpoint ${pending.checkpoint} was not complete after ${this.#options.timeoutMs} ms: no answer from ${describeTasks(missing)}. A task that is blocked or slow cannot take its part; look at its back-pressure, or raise checkpoint.timeoutMs.`;
    this.#fail(pending, checkpointFailure(message, pending), now, commands);
  }

  #manifestWritten(checkpoint: number, now: number, commands: CoordinatorCommand[]): void {
    const pending = this.#writing(checkpoint);
    if (pending === undefined) return;
    this.#inFlight = this.#inFlight.slice(1);
    const running = this.#running;
    if (running !== undefined) {
      this.#pauseAfterEnd(running, now);
      if (running.epoch === pending.epoch) {
        running.failuresInRow = 0;
        if (pending.final) running.phase = 'finalized';
        // The tasks may have ended while this one was in flight: the final one is due at once (K6).
        else if (running.alive.size === 0) running.nextTriggerAt = now;
      }
    }
    commands.push({
      kind: 'completed',
      epoch: pending.epoch,
      checkpoint,
      final: pending.final,
      durationMs: now - pending.triggeredAt,
      tokens: pending.tokens,
    });
    this.#writeNext(commands);
    if (running?.phase !== 'finalized') return;
    // Requests made while the final checkpoint was in flight: no later checkpoint will answer them.
    for (const token of this.#waiting.splice(0)) this.#request(token, commands);
  }

  /** Gives `pending` up, and with it all checkpoints that are not being written (K9). */
  #fail(pending: InFlight, failure: Failure, now: number, commands: CoordinatorCommand[]): void {
    const { epoch } = pending;
    const given = this.#inFlight.filter((one) => one === pending || one.phase === 'collecting');
    this.#giveUp(given, commands, (one) => {
      if (one === pending) return failure;
      const message = `checkpoint ${one.checkpoint} was given up: checkpoint ${pending.checkpoint}, which was in flight with it, has failed (${failure.message}). Ask again.`;
      return checkpointFailure(message, one);
    });
    const running = this.#running;
    if (running === undefined) return;
    this.#pauseAfterEnd(running, now);
    if (running.epoch !== epoch) return;
    if (running.alive.size === 0) {
      // All tasks ended while an ordinary checkpoint failed: the final one has not been tried yet.
      running.nextTriggerAt = pending.final ? now + this.#options.intervalMs : now;
    }
    running.failuresInRow += 1;
    if (running.failuresInRow <= this.#options.tolerableFailures) return;
    running.phase = 'given-up';
    commands.push({ kind: 'give-up', failure });
  }

  #giveUp(
    given: readonly InFlight[],
    commands: CoordinatorCommand[],
    failureOf: (pending: InFlight) => Failure,
  ): void {
    this.#inFlight = this.#inFlight.filter((one) => !given.includes(one));
    const failures = given.map((one) => ({ ...one, failure: failureOf(one) }));
    for (const { epoch, checkpoint, failure } of failures.toReversed()) {
      commands.push({ kind: 'abort', epoch, checkpoint, failure });
    }
    for (const { checkpoint, failure, tokens } of failures) {
      commands.push({ kind: 'failed', checkpoint, failure, tokens });
    }
  }

  #pauseAfterEnd(running: Running, now: number): void {
    running.nextTriggerAt = Math.max(running.nextTriggerAt, now + this.#options.minPauseMs);
  }

  /** May a checkpoint be triggered, if one is due? */
  #mayTrigger(running: Running | undefined): running is Running {
    if (running?.phase !== 'active') return false;
    const inFlight = this.#inFlight;
    if (inFlight.length === 0) return true;
    if (running.alive.size === 0 || inFlight.length >= this.#options.maxConcurrent) return false;
    return inFlight.every(({ epoch, final }) => epoch === running.epoch && !final); // K4, K6
  }

  #triggerIfDue(now: number, commands: CoordinatorCommand[]): void {
    const running = this.#running;
    if (!this.#mayTrigger(running)) return;
    const final = running.alive.size === 0;
    const asked = this.#waiting.length > 0;
    const due = (this.#options.periodic || final) && now >= running.nextTriggerAt;
    if (!asked && !due) return;
    this.#lastId += 1;
    const pending: InFlight = {
      epoch: running.epoch,
      checkpoint: this.#lastId,
      final,
      triggeredAt: now,
      tokens: this.#waiting.splice(0),
      missing: new Set(running.tasks),
      phase: 'collecting',
      bytes: 0,
    };
    this.#inFlight = [...this.#inFlight, pending];
    running.nextTriggerAt = now + this.#options.intervalMs;
    commands.push({
      kind: 'trigger',
      epoch: pending.epoch,
      checkpoint: pending.checkpoint,
      final,
    });
    this.#writeNext(commands);
  }

  /** Has the manifest of the oldest checkpoint written, if all tasks have acknowledged it (K8). */
  #writeNext(commands: CoordinatorCommand[]): void {
    const pending = this.#inFlight[0];
    if (pending?.phase !== 'collecting' || pending.missing.size > 0) return;
    pending.phase = 'writing';
    const { epoch, checkpoint, final, bytes } = pending;
    commands.push({ kind: 'write-manifest', epoch, checkpoint, final, bytes });
  }

  /** The checkpoint in flight, if it still waits for `task` (K2). */
  #collecting(epoch: number, checkpoint: number, task: string): InFlight | undefined {
    const pending = this.#inFlight.find((one) => one.checkpoint === checkpoint);
    if (pending?.phase !== 'collecting' || pending.epoch !== epoch) return undefined;
    return pending.missing.has(task) ? pending : undefined;
  }

  #writing(checkpoint: number): InFlight | undefined {
    const pending = this.#inFlight[0];
    return pending?.phase === 'writing' && pending.checkpoint === checkpoint ? pending : undefined;
  }
}

const TASKS_NAMED_MAX = 8;

function describeTasks(tasks: readonly string[]): string {
  const named = tasks.slice(0, TASKS_NAMED_MAX).map((task) => `'${task}'`);
  const rest = tasks.length - named.length;
  const list = rest > 0 ? `${named.join(', ')} and ${rest} more` : named.join(', ');
  return `${tasks.length === 1 ? 'task' : `${tasks.length} tasks:`} ${list}`;
}

function checkpointFailure(
  message: string,
  pending: { readonly checkpoint: number; readonly missing: ReadonlySet<string> },
): Failure {
  return {
    kind: 'checkpoint',
    name: 'HoldfastError',
    code: 'ERR_HOLDFAST_CHECKPOINT_FAILED',
    message,
    details: { checkpoint: pending.checkpoint, missing: [...pending.missing].sort() },
  };
}
