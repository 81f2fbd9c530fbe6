/**
 * Performs what the checkpoint coordinator decides: tells tasks, writes parts and manifests,
 * commits sinks, prunes. Which of them counts, and what is committed, is known to `commits.ts` (C1, C3, C4).
 *
 *  C2  What arrives for another epoch than its region's current one is dropped at the door.
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
import { DeadlineTimer } from '../../base/deadline-timer.js';
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
import type { CapturedPart, StreamPool } from '../../workloads/streams/stream-types.js';
import type { CheckpointTold } from '../driver/driver-events.js';
import type { CheckpointEvent, JobMetrics } from '../job-types.js';
import type { ResolvedOptions } from '../options.js';
import { CheckpointStatisticsKeeper } from './checkpoint-statistics.js';
import type { Commits } from './commits.js';
import { makeManifest, type PendingCheckpoint, recordsRead } from './make-manifest.js';
import { baseOf, stateBytesOf, writePart } from './part-writer.js';

export interface CheckpointDriverOptions {
  readonly plan: JobPlan;
  readonly options: ResolvedOptions;
  readonly store: CheckpointStore | undefined;
  readonly run: string;
  readonly commits: Commits;
  /** The greatest checkpoint id ever used in the store. */
  readonly lastCheckpoint: number;
  readonly hosts: Pick<StreamPool, 'tellAll'>;
  readonly tell: (event: CheckpointTold) => void;
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
  readonly #timer = new DeadlineTimer(() => this.#handle({ kind: 'tick' }));
  #closed = false;
  #completedId = 0;
  /** Number of copies under way: what they read is not pruned. */
  #copies = 0;
  #completed = 0;
  #failed = 0;
  #lastEvent: CheckpointEvent | undefined;
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

  /** How many have completed in this process. */
  get completed(): number {
    return this.#completed;
  }

  /** The tasks of a region are deployed. With the last region's, checkpoints begin. */
  up(region: number, epoch: number): void {
    this.#epochs[region] = epoch;
    if (this.#epochs.includes(0)) return;
    this.#generation += 1;
    this.#given.commits.restarted();
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
    this.#timer.set(undefined);
    for (const { answer } of this.#requests.values()) answer.reject(endedError());
    this.#requests.clear();
    void this.#given.commits.inTurn(() => this.statistics.flush());
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
    if (!this.#closed) this.#timer.set(this.#coordinator.nextDeadline());
  }

  #perform(command: CoordinatorCommand): void {
    switch (command.kind) {
      case 'trigger': {
        const { checkpoint, final } = command;
        const epochs = [...this.#epochs];
        const { plan, options, commits, hosts, tell } = this.#given;
        const { incremental } = options.checkpoint;
        const base = incremental && this.#pending.size === 0 ? commits.latest : undefined; // C7
        this.#pending.set(checkpoint, { checkpoint, epochs, final, base, parts: [], captured: [] });
        const tasks = plan.vertices.reduce((sum, { slots }) => sum + slots.length, 0);
        this.statistics.triggered(checkpoint, this.#kindOf(final), tasks);
        if (final) tell({ kind: 'final-triggered' });
        atPoint('checkpoint:trigger', () => {
          void hosts.tellAll('trigger', [epochs, checkpoint, base && baseOf(plan, base)]);
        });
        return;
      }
      case 'abort': {
        const { checkpoint } = command;
        const { epochs } = this.#pending.get(checkpoint)!;
        void this.#given.hosts.tellAll('abort', [epochs, checkpoint]);
        this.#discard(checkpoint);
        return;
      }
      case 'write-manifest':
        void this.#given.commits.inTurn(() => this.#writeManifest(command.checkpoint));
        return;
      case 'completed': {
        const pending = this.#pending.get(command.checkpoint)!;
        this.#pending.delete(command.checkpoint);
        this.#completedId = command.checkpoint;
        void this.#given.commits.inTurn(() => this.#complete(command, pending));
        return;
      }
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
        this.#given.tell({ kind: 'checkpoints-failed', failure: command.failure });
    }
  }

  async #writeManifest(checkpoint: number): Promise<void> {
    const { store, commits } = this.#given;
    const pending = this.#pending.get(checkpoint)!;
    let manifest: Manifest;
    try {
      commits.requireNoneOwed(checkpoint);
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
    commits.written(manifest, pending.final);
    if (store !== undefined) this.#given.tell({ kind: 'checkpoint-durable', pending });
    this.#handle({ kind: 'manifest-written', checkpoint });
  }

  async #complete(
    command: Extract<CoordinatorCommand, { kind: 'completed' }>,
    pending: PendingCheckpoint,
  ): Promise<void> {
    const { commits, store, tell, options } = this.#given;
    const { checkpoint, tokens } = command;
    const beganMs = performance.now();
    const committed = await commits.commit(checkpoint, transactionsOf(pending));
    if (committed.kind === 'failed') {
      const { failure, isTold } = committed;
      // Told before the restart that may follow: the checkpoint's fate is decided, and it is not `completed`.
      this.#tellFailed(checkpoint, failure);
      this.#answer(tokens, (request) => request.reject(failureToError(failure)));
      if (!isTold) tell({ kind: 'checkpoints-failed', failure });
      return;
    }
    // Without a store the checkpoint counts only now: if its commit had failed, everything would come again.
    if (store === undefined) tell({ kind: 'checkpoint-durable', pending });
    const isCommitted = committed.kind === 'committed';
    this.#completed += 1;
    this.#tell(completedEvent(command, pending, this.#statisticsOf(command, isCommitted, beganMs)));
    this.#answer(tokens, (request) => request.resolve(checkpoint));
    // C4
    if (isCommitted) {
      atPoint('checkpoint:announce', () => tell({ kind: 'checkpoint-committed', pending }));
    }
    if (this.#copies > 0) return;
    // What cannot be deleted now is swept the next time.
    await atPoint('checkpoint:prune', () => store?.prune(options.checkpoint.retain))?.catch(
      () => {},
    );
  }

  #statisticsOf(
    { checkpoint, durationMs }: { readonly checkpoint: number; readonly durationMs: number },
    isCommitted: boolean,
    beganMs: number,
  ): CheckpointEvent['statistics'] {
    const commitMs = isCommitted ? performance.now() - beganMs : 0;
    return this.statistics.completed(checkpoint, durationMs, commitMs);
  }

  /** The checkpoint triggered now answers all requests that wait. */
  #kindOf(final: boolean): CheckpointKind {
    const waiting = [...this.#requests.values()].filter(({ isTaken }) => !isTaken);
    for (const request of waiting) request.isTaken = true;
    return final ? 'final' : (waiting[0]?.reason ?? 'periodic');
  }

  #tellFailed(checkpoint: number, failure: Failure): void {
    this.#failed += 1;
    const statistics = this.statistics.failed(checkpoint, failure);
    this.#tell({ kind: 'failed', checkpoint, failure, statistics });
  }

  #tell(event: CheckpointEvent): void {
    this.#lastEvent = event;
    this.#given.tell({ kind: 'checkpoint-told', event });
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

  /** What `job.metrics()` tells of checkpoints. */
  metrics(): JobMetrics['checkpoints'] {
    const { ofRun, inProgress, history, summary } = this.statistics;
    return {
      completed: this.#completed,
      failed: this.#failed,
      last: this.#lastEvent,
      ofRun,
      inProgress,
      history,
      summary,
    };
  }
}

function completedEvent(
  { checkpoint, final, durationMs }: Extract<CoordinatorCommand, { kind: 'completed' }>,
  pending: PendingCheckpoint,
  statistics: CheckpointEvent['statistics'],
): CheckpointEvent {
  const { captured, parts } = pending;
  return {
    kind: 'completed',
    checkpoint,
    final,
    sourceRecords: recordsRead(pending),
    durationMs,
    alignMs: Math.max(0, ...captured.map((part) => part.alignMs)),
    captureMs: Math.max(0, ...captured.map((part) => part.captureMs)),
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
    ...stateBytesOf(parts),
    statistics,
  };
}

function transactionsOf(pending: PendingCheckpoint): CapturedPart['transactions'] {
  return pending.captured.flatMap((part) => part.transactions);
}

function endedError(): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_NOT_RUNNING', 'the job has ended.');
}

export function taskKey(vertex: number, instance: number): string {
  return `${vertex}/${instance}`;
}

/** The same before there can be any checkpoint. */
export const NO_CHECKPOINTS: JobMetrics['checkpoints'] = {
  completed: 0,
  failed: 0,
  last: undefined,
  ofRun: { completed: 0, failed: 0 },
  inProgress: [],
  history: [],
  summary: undefined,
};
