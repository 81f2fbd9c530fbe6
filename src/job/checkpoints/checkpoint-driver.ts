/**
 * Performs what the checkpoint coordinator decides: tells tasks, writes parts and manifests,
 * commits sinks, prunes.
 *
 *  C1  The manifest's durability is the commit point; sinks commit after it, in order of checkpoints.
 *  C2  What arrives for another epoch than its region's current one is dropped at the door.
 *  C3  `settle` waits for a manifest on its way and for commits under way, so that nobody has to guess which
 *      checkpoint is the newest.
 *  C4  When the death of a thread interrupts its commit, the checkpoint is complete all the same, and the restart
 *      that follows makes up for the commit before anything else. Until then no newer checkpoint completes,
 *      nor does one after a commit that failed: the restart would go back to the newer one, and nobody would
 *      commit what the older one had promised.
 *  C5  A checkpoint is of all regions. None begins while a region is down, and one that is under way when a
 *      region goes down is given up. The coordinator's epoch is a *generation*: the time between two moments at
 *      which a region goes up or down.
 *  C6  Parts of a checkpoint that was given up are discarded, also those that become durable later.
 *  C7  A checkpoint that is triggered while no other is in flight may build on the newest one whose manifest
 *      is durable then; any other holds everything. Checkpoints complete in order, so none completes in between;
 *      and when a region comes up with another checkpoint, the one in flight is given up (C5). So the base is
 *      also what the region's tasks have restored or captured. Until the next manifest is written, the
 *      base is the newest and is kept, with all files it names.
 */

import { assert } from '../../base/assert.js';
import { type Deferred, deferred } from '../../base/deferred.js';
import { HoldfastError } from '../../base/errors.js';
import { type Failure, failureToError, toFailure } from '../../base/failure.js';
import { atPoint } from '../../base/protocol-points.js';
import {
  Coordinator,
  type CoordinatorCommand,
  type CoordinatorEvent,
} from '../../checkpoint/coordinator.js';
import type { SavepointTarget } from '../../checkpoint/savepoint.js';
import type { CheckpointKind } from '../../checkpoint/statistics.js';
import type { CheckpointStore, Manifest, PartDescriptor } from '../../checkpoint/store.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import type { CapturedPart, CheckpointBase } from '../../workloads/streams/stream-types.js';
import type { CheckpointEvent, JobMetrics } from '../job-types.js';
import type { ResolvedOptions } from '../options.js';
import { CheckpointStatisticsKeeper } from './checkpoint-statistics.js';
import { makeManifest, type PendingCheckpoint, recordsRead } from './make-manifest.js';
import { baseOf, stateBytesOf, writePart } from './part-writer.js';
import { isInterrupted, type SinkCommitter } from './sink-committer.js';

export interface CheckpointDriverOptions {
  readonly plan: JobPlan;
  readonly options: ResolvedOptions;
  readonly store: CheckpointStore | undefined;
  readonly run: string;
  readonly committer: SinkCommitter;
  /** The greatest checkpoint id ever used in the store. */
  readonly lastCheckpoint: number;
  readonly trigger: (
    epochs: readonly number[],
    checkpoint: number,
    final: boolean,
    base: CheckpointBase | undefined,
  ) => void;
  readonly abort: (epochs: readonly number[], checkpoint: number) => void;
  readonly onEvent: (event: CheckpointEvent) => void;
  /** The checkpoint's manifest is durable: it counts, whatever happens now. */
  readonly onDurable: (pending: PendingCheckpoint) => void;
  /** A checkpoint has been committed: budgets are reset, and the job may end. */
  readonly onCommitted: (pending: PendingCheckpoint) => void;
  /** Regions have to fail over: too many checkpoints have failed, or a commit has. */
  readonly onGiveUp: (failure: Failure) => void;
}

export type RequestReason = 'manual' | 'savepoint' | 'stop';

interface CheckpointRequest {
  readonly reason: RequestReason;
  readonly answer: Deferred<number>;
  /** A checkpoint that will answer the request has been triggered. */
  isTaken: boolean;
}

export class CheckpointDriver {
  readonly #given: CheckpointDriverOptions;
  readonly #coordinator: Coordinator;
  readonly #pending = new Map<number, PendingCheckpoint>();
  readonly #requests = new Map<number, CheckpointRequest>();
  /** By region: its epoch; 0 while the region is down. */
  readonly #epochs: number[];
  /** By vertex: its region. */
  readonly #regionOf: readonly number[];
  /** Tasks that have ended since their region was last started. */
  readonly #ended = new Set<string>();
  #generation = 0;
  #token = 0;
  #latest: Manifest | undefined;
  /** Writes of manifests and commits, one after the other (C1, C3). */
  #queue: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #completedId = 0;
  /** The checkpoint whose commit a restart has to make up for (C4). */
  #owed: number | undefined;
  /** Number of copies under way: what they read is not pruned. */
  #copies = 0;
  /** The final checkpoint is durable, and its commit has not failed. */
  isFinal = false;
  /** The newest checkpoint whose commit was not interrupted (C4). */
  committed = 0;
  completed = 0;
  failed = 0;
  lastEvent: CheckpointEvent | undefined;
  readonly statistics: CheckpointStatisticsKeeper;

  constructor(given: CheckpointDriverOptions) {
    this.#given = given;
    this.statistics = new CheckpointStatisticsKeeper(given.run, given.store);
    const { plan } = given;
    this.#epochs = plan.regions.map(() => 0);
    this.#regionOf = plan.vertices.map(
      ({ index }) => plan.regions.find(({ vertices }) => vertices.includes(index))!.index,
    );
    const { checkpoint } = given.options;
    this.#coordinator = new Coordinator({
      intervalMs: checkpoint.intervalMs,
      timeoutMs: checkpoint.timeoutMs,
      minPauseMs: checkpoint.minPauseMs,
      tolerableFailures: checkpoint.tolerableFailures,
      periodic: given.store !== undefined,
      maxConcurrent: checkpoint.maxConcurrent,
    });
  }

  /** The newest durable checkpoint of this run. */
  get latest(): Manifest | undefined {
    return this.#latest;
  }

  set latest(manifest: Manifest | undefined) {
    this.#latest = manifest;
  }

  /** Changes whenever a region goes up or down (C5). */
  get generation(): number {
    return this.#generation;
  }

  /** The tasks of a region are deployed. With the last region's, checkpoints begin. */
  up(region: number, epoch: number): void {
    this.#epochs[region] = epoch;
    // A region's launch commits what the newest checkpoint promised before the region comes up.
    this.#owed = undefined;
    if (this.#epochs.includes(0)) return;
    this.#generation += 1;
    this.isFinal = false;
    this.#handle({
      kind: 'started',
      epoch: this.#generation,
      tasks: this.#given.plan.regions.flatMap(({ index }) => this.#tasksOf(index)),
      ended: [...this.#ended],
      lastCheckpoint: this.#given.lastCheckpoint,
    });
  }

  /** The region's leases are revoked. */
  down(region: number): void {
    this.#epochs[region] = 0;
    for (const task of this.#tasksOf(region)) this.#ended.delete(task);
    this.#generation += 1;
    this.#handle({ kind: 'stopped' });
  }

  /** Waits until it is certain which checkpoint is the newest (C3). */
  async settle(): Promise<void> {
    let queue: Promise<void>;
    do {
      queue = this.#queue;
      await queue;
    } while (queue !== this.#queue);
  }

  /** Runs `act` after the manifests and commits before it; those that come later wait for it. */
  async inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(act);
    this.#queue = done.then(
      () => {},
      () => {},
    );
    return await done;
  }

  request(reason: RequestReason): Promise<number> {
    this.#token += 1;
    const answer = deferred<number>();
    answer.promise.catch(() => {});
    if (this.#closed) {
      answer.reject(endedError());
      return answer.promise;
    }
    this.#requests.set(this.#token, { reason, answer, isTaken: false });
    this.#handle({ kind: 'request', token: this.#token, reason });
    return answer.promise;
  }

  /** Takes a checkpoint and copies it. @returns its id */
  async savepoint(target: SavepointTarget): Promise<number> {
    const { store } = this.#given;
    assert(store !== undefined, 'a savepoint is a copy of a checkpoint');
    this.#copies += 1;
    try {
      const checkpoint = await this.request('savepoint');
      await target.write(store, await store.readManifest(checkpoint));
      return checkpoint;
    } finally {
      this.#copies -= 1;
    }
  }

  async captured(part: CapturedPart): Promise<void> {
    const pending = this.#pending.get(part.checkpoint);
    if (pending === undefined || !this.#isCurrent(part.epoch, part.vertex)) return; // C2
    const { store, plan, options } = this.#given;
    const { compression } = options.checkpoint;
    const { checkpoint } = part;
    const epoch = this.#generation;
    const task = taskKey(part.vertex, part.instance);
    let descriptor: PartDescriptor | undefined;
    const beganMs = performance.now();
    try {
      descriptor = store && (await writePart(store, plan, part, pending.base, compression));
    } catch (error) {
      const failure = toFailure(error, 'checkpoint', { slot: part.slot });
      this.#handle({ kind: 'declined', epoch, checkpoint, task, failure });
      return;
    }
    if (this.#pending.get(checkpoint) !== pending) {
      // The checkpoint was given up while this part was being written (C6).
      if (descriptor !== undefined) this.#remove([descriptor]);
      return;
    }
    if (descriptor !== undefined) pending.parts.push(descriptor);
    pending.captured.push(part);
    const writeMs = performance.now() - beganMs;
    this.statistics.acknowledged(plan.vertices[part.vertex]!.id, part, descriptor, writeMs);
    const bytes = descriptor?.bytes ?? 0;
    atPoint('checkpoint:acknowledged', () =>
      this.#handle({ kind: 'acknowledged', epoch, checkpoint, task, bytes }),
    );
  }

  declined(
    epoch: number,
    checkpoint: number,
    vertex: number,
    instance: number,
    failure: Failure,
  ): void {
    if (!this.#isCurrent(epoch, vertex)) return; // C2
    this.#handle({
      kind: 'declined',
      epoch: this.#generation,
      checkpoint,
      task: taskKey(vertex, instance),
      failure,
    });
  }

  taskEnded(epoch: number, vertex: number, instance: number): void {
    if (!this.#isCurrent(epoch, vertex)) return; // C2
    const task = taskKey(vertex, instance);
    this.#ended.add(task);
    this.#handle({ kind: 'task-ended', epoch: this.#generation, task });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { answer } of this.#requests.values()) answer.reject(endedError());
    this.#requests.clear();
    this.#enqueue(() => this.statistics.flush());
  }

  #isCurrent(epoch: number, vertex: number): boolean {
    return epoch !== 0 && this.#epochs[this.#regionOf[vertex]!] === epoch;
  }

  #tasksOf(region: number): readonly string[] {
    const { vertices } = this.#given.plan;
    return this.#given.plan.regions[region]!.vertices.flatMap((index) =>
      vertices[index]!.slots.map((_, instance) => taskKey(index, instance)),
    );
  }

  #handle(event: CoordinatorEvent): void {
    if (this.#closed) return;
    for (const command of this.#coordinator.handle(event, performance.now())) {
      this.#perform(command);
    }
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const due = this.#coordinator.nextDeadline();
    if (due === undefined || this.#closed) return;
    const waitMs = Math.min(Math.max(0, due - performance.now()), 2 ** 31 - 1);
    this.#timer = setTimeout(() => this.#handle({ kind: 'tick' }), waitMs);
  }

  #perform(command: CoordinatorCommand): void {
    switch (command.kind) {
      case 'trigger': {
        const { checkpoint, final } = command;
        const epochs = [...this.#epochs];
        const { plan, options } = this.#given;
        const { incremental } = options.checkpoint;
        const base = incremental && this.#pending.size === 0 ? this.#latest : undefined; // C7
        this.#pending.set(checkpoint, { checkpoint, epochs, final, base, parts: [], captured: [] });
        const tasks = plan.vertices.reduce((sum, { slots }) => sum + slots.length, 0);
        this.statistics.triggered(checkpoint, this.#kindOf(final), tasks);
        atPoint('checkpoint:trigger', () =>
          this.#given.trigger(epochs, checkpoint, final, base && baseOf(plan, base)),
        );
        return;
      }
      case 'abort':
        this.#given.abort(this.#pending.get(command.checkpoint)!.epochs, command.checkpoint);
        this.#discard(command.checkpoint);
        return;
      case 'write-manifest':
        this.#enqueue(() => this.#writeManifest(command.checkpoint));
        return;
      case 'completed':
        this.#completed(command);
        return;
      case 'failed':
        this.#answer(command.tokens, (request) =>
          request.reject(failureToError(command.failure, 'ERR_HOLDFAST_CHECKPOINT_FAILED')),
        );
        // The request came after the final checkpoint: nothing was tried.
        if (command.checkpoint === this.#completedId) return;
        this.#discard(command.checkpoint);
        this.#tellFailed(command.checkpoint, command.failure);
        return;
      case 'give-up':
        this.#given.onGiveUp(command.failure);
    }
  }

  async #writeManifest(checkpoint: number): Promise<void> {
    const { store } = this.#given;
    const pending = this.#pending.get(checkpoint)!;
    let manifest: Manifest;
    try {
      if (this.#owed !== undefined) throw owedError(checkpoint, this.#owed);
      manifest = makeManifest({
        plan: this.#given.plan,
        run: this.#given.run,
        mode: this.#given.options.checkpoint.mode,
        pending,
        createdAtMs: Date.now(),
      });
      const beganMs = performance.now();
      await store?.writeManifest(manifest);
      this.statistics.manifestWritten(checkpoint, performance.now() - beganMs);
    } catch (error) {
      this.#handle({
        kind: 'manifest-failed',
        checkpoint,
        failure: toFailure(error, 'checkpoint'),
      });
      return;
    }
    if (store !== undefined) {
      this.#latest = manifest;
      this.#given.onDurable(pending);
    }
    if (pending.final) this.isFinal = true;
    this.#handle({ kind: 'manifest-written', checkpoint });
  }

  #completed(command: Extract<CoordinatorCommand, { kind: 'completed' }>): void {
    const pending = this.#pending.get(command.checkpoint)!;
    this.#pending.delete(command.checkpoint);
    this.#completedId = command.checkpoint;
    this.#enqueue(async () => {
      let isCommitted = true;
      const beganMs = performance.now();
      try {
        await atPoint('checkpoint:commit', () =>
          this.#given.committer.commit(command.checkpoint, transactionsOf(pending)),
        );
      } catch (error) {
        isCommitted = false;
        this.#owed = command.checkpoint;
        // Without a store no restart can make up for the commit: everything is to be done again.
        if (!isInterrupted(error) || this.#given.store === undefined) {
          const failure = toFailure(error, 'sink');
          this.isFinal = false;
          // Told before the restart that may follow: the checkpoint's fate is decided, and it is not `completed`.
          this.#tellFailed(command.checkpoint, failure);
          this.#answer(command.tokens, (request) => request.reject(failureToError(failure)));
          if (!isInterrupted(error)) this.#given.onGiveUp(failure);
          return;
        }
      }
      // Without a store the checkpoint counts only now: if its commit had failed, everything would come again.
      if (this.#given.store === undefined) this.#given.onDurable(pending);
      if (isCommitted) this.committed = command.checkpoint;
      this.completed += 1;
      const statistics = this.statistics.completed(
        command.checkpoint,
        command.durationMs,
        isCommitted ? performance.now() - beganMs : 0,
      );
      this.#tell({
        kind: 'completed',
        checkpoint: command.checkpoint,
        final: command.final,
        sourceRecords: recordsRead(pending),
        durationMs: command.durationMs,
        alignMs: Math.max(0, ...pending.captured.map((part) => part.alignMs)),
        captureMs: Math.max(0, ...pending.captured.map((part) => part.captureMs)),
        bytes: pending.parts.reduce((sum, part) => sum + part.bytes, 0),
        ...stateBytesOf(pending.parts),
        statistics,
      });
      this.#answer(command.tokens, (request) => request.resolve(command.checkpoint));
      // C4
      if (isCommitted) atPoint('checkpoint:announce', () => this.#given.onCommitted(pending));
      if (this.#copies > 0) return;
      const { options, store } = this.#given;
      // What cannot be deleted now is swept the next time.
      await atPoint('checkpoint:prune', () => store?.prune(options.checkpoint.retain))?.catch(
        () => {},
      );
    });
  }

  /** The checkpoint triggered now answers all requests that wait. */
  #kindOf(final: boolean): CheckpointKind {
    const waiting = [...this.#requests.values()].filter(({ isTaken }) => !isTaken);
    for (const request of waiting) request.isTaken = true;
    return final ? 'final' : (waiting[0]?.reason ?? 'periodic');
  }

  #tellFailed(checkpoint: number, failure: Failure): void {
    this.failed += 1;
    const statistics = this.statistics.failed(checkpoint, failure);
    this.#tell({ kind: 'failed', checkpoint, failure, statistics });
  }

  #tell(event: CheckpointEvent): void {
    this.lastEvent = event;
    this.#given.onEvent(event);
  }

  #answer(tokens: readonly number[], act: (request: Deferred<number>) => void): void {
    for (const token of tokens) {
      const request = this.#requests.get(token);
      this.#requests.delete(token);
      if (request !== undefined) act(request.answer);
    }
  }

  #discard(checkpoint: number): void {
    const pending = this.#pending.get(checkpoint);
    if (pending === undefined) return;
    this.#pending.delete(checkpoint);
    if (pending.parts.length > 0) this.#remove(pending.parts);
  }

  /** Removes parts, best effort: what is left is swept later. */
  #remove(parts: readonly PartDescriptor[]): void {
    this.#given.store?.discard(parts).catch(() => {});
  }

  #enqueue(act: () => Promise<void>): void {
    this.#queue = this.#queue.then(act);
  }
}

function transactionsOf(pending: PendingCheckpoint): CapturedPart['transactions'] {
  return pending.captured.flatMap((part) => part.transactions);
}

function owedError(checkpoint: number, owed: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_FAILED',
    `checkpoint ${checkpoint} was given up: the commit of checkpoint ${owed} was cut off or failed, and ` +
      'the restart that follows makes up for that one first. Ask again when the job runs.',
    { details: { checkpoint, owed } },
  );
}

function endedError(): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_NOT_RUNNING', 'the job has ended.');
}

export function taskKey(vertex: number, instance: number): string {
  return `${vertex}/${instance}`;
}

/** What `job.metrics()` tells of checkpoints; before there can be any, zeros and undefined. */
export function checkpointMetrics(driver: CheckpointDriver | undefined): JobMetrics['checkpoints'] {
  return {
    completed: driver?.completed ?? 0,
    failed: driver?.failed ?? 0,
    last: driver?.lastEvent,
    ofRun: driver?.statistics.ofRun ?? { completed: 0, failed: 0 },
    inProgress: driver?.statistics.inProgress ?? [],
    history: driver?.statistics.history ?? [],
    summary: driver?.statistics.summary,
  };
}
