/**
 * Performs what the checkpoint coordinator decides: tells tasks, writes parts and manifests,
 * commits sinks, prunes.
 *
 *  C1  The manifest's durability is the commit point; sinks commit after it, in order of checkpoints.
 *  C2  What arrives for another epoch than its region's current one is dropped at the door.
 *  C3  `settle` waits for a manifest on its way and for commits under way: which checkpoint is the
 *      newest is never guessed.
 *  C4  A commit that is interrupted by the death of its thread is made up for by the restart that
 *      follows, before anything else; the checkpoint is complete all the same. Until then no newer one
 *      becomes true, nor after a commit that failed: the restart would go back to that one, and what
 *      the older one had promised would be committed by nobody.
 *  C5  A checkpoint is of all regions or it is none. None begins while one of them is down, and one
 *      that is under way when a region goes down is given up. The coordinator's epoch is a
 *      *generation*: the time between two of these events.
 *  C6  Parts of a checkpoint that was given up are discarded, those that become durable later as well.
 *  C7  A checkpoint that is triggered while no other is in flight may build on the newest one whose manifest
 *      is durable then; any other holds everything. None completes in between, since they complete in order,
 *      and no region comes up with another one without the checkpoint being given up (C5), so this is
 *      also what the region's tasks have restored or captured. Until the next manifest is written,
 *      that one is the newest and is kept, with all files it names.
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
import type { CapturedPart, CheckpointBase } from '../../host/host-protocol.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import type { CheckpointEvent, JobMetrics } from '../job-types.js';
import type { ResolvedOptions } from '../options.js';
import { CheckpointStatisticsKeeper } from './checkpoint-statistics.js';
import { makeManifest, type PendingCheckpoint } from './make-manifest.js';
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
  /** As soon as this checkpoint counts, whatever happens now: its manifest is durable. */
  readonly onDurable: (pending: PendingCheckpoint) => void;
  /** After the commit of a checkpoint: budgets reset, the job may end. */
  readonly onCommitted: (pending: PendingCheckpoint) => void;
  /** Regions have to fail over: too many failed checkpoints, or a commit failed. */
  readonly onGiveUp: (failure: Failure) => void;
}

export type RequestReason = 'manual' | 'savepoint' | 'stop';

interface CheckpointRequest {
  readonly reason: RequestReason;
  readonly answer: Deferred<number>;
  /** A checkpoint has been triggered that will answer it. */
  isTaken: boolean;
}

export class CheckpointDriver {
  readonly #given: CheckpointDriverOptions;
  readonly #coordinator: Coordinator;
  readonly #pending = new Map<number, PendingCheckpoint>();
  readonly #requests = new Map<number, CheckpointRequest>();
  /** By region; 0 while it is down. */
  readonly #epochs: number[];
  /** By vertex. */
  readonly #regionOf: readonly number[];
  /** Tasks that have ended since their region was started. */
  readonly #ended = new Set<string>();
  #generation = 0;
  #token = 0;
  #latest: Manifest | undefined;
  /** Manifests on their way and commits, one after the other (C1, C3). */
  #queue: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #completedId = 0;
  /** The checkpoint whose commit a restart has to make up for (C4). */
  #owed: number | undefined;
  /** Copies under way: what they read is not pruned. */
  #copies = 0;
  /** The final checkpoint is durable, and its commit has not failed. */
  isFinal = false;
  /** The newest whose commit was not interrupted (C4). */
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

  /** The tasks of a region are deployed. With the last region, checkpoints begin. */
  up(region: number, epoch: number): void {
    this.#epochs[region] = epoch;
    // Before a region comes up, its launch has committed what the newest checkpoint promised.
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

  /** Keeps commits and manifests waiting until `act` is done, which waits for those before it. */
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
      // It was given up while this part was being written (C6).
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
        // A request that came after the final checkpoint: nothing was tried.
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
        // Without a store the restart has nothing to make up for: all is to be done again.
        if (!isInterrupted(error) || this.#given.store === undefined) {
          const failure = toFailure(error, 'sink');
          this.isFinal = false;
          // Told before the restart it may lead to: its fate is decided, and it is not `completed`.
          this.#tellFailed(command.checkpoint, failure);
          this.#answer(command.tokens, (request) => request.reject(failureToError(failure)));
          if (!isInterrupted(error)) this.#given.onGiveUp(failure);
          return;
        }
      }
      // Without a store a checkpoint counts only now: if the commit had failed, all would come again.
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
      // What could not be deleted now is swept the next time.
      await atPoint('checkpoint:prune', () => store?.prune(options.checkpoint.retain))?.catch(
        () => {},
      );
    });
  }

  /** All requests that wait are answered by the checkpoint that is triggered now. */
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

  /** Best effort: what is left is swept later. */
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

/** What `job.metrics()` tells of checkpoints; all nothing before there can be any. */
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
