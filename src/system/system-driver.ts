/**
 * Performs what the machines of a system decide (system-machine.ts, outside.ts, the coordinator), and brings them the
 * events. One event after the other for each machine: what is told while one is handled waits behind it.
 */

import type { ActorTreeNode } from '../actors/node/actor-node.js';
import type { NodeEvent } from '../actors/node/world.js';
import { homesBy } from '../actors/placement.js';
import { DeadlineTimer } from '../base/deadline-timer.js';
import { deferred } from '../base/deferred.js';
import { HoldfastError, isHoldfastError } from '../base/errors.js';
import { EventLine } from '../base/event-line.js';
import { type Failure, kindOfError, toFailure } from '../base/failure.js';
import { seededRandom } from '../base/random.js';
import { SafeEmitter } from '../base/safe-emitter.js';
import { ringCapacity } from '../channels/ring.js';
import type { Manifest } from '../checkpoint/store.js';
import type { KillCause } from '../host/host-protocol.js';
import { budgetError } from '../job/job-errors.js';
import type { RestorePoint } from '../job/recovery/restore-point.js';
import { Pool, type SlotFailure } from '../pool/pool.js';
import type {
  ActorSpawner,
  Actors,
  ActorsEvent,
  LaneSpec,
  NodeSpec,
} from '../workloads/actors/actor-types.js';
import { lanesBetween } from '../workloads/actors/thread-lanes.js';
import {
  Outside,
  type OutsideCommand,
  type OutsideEvent,
  type OutsidePart,
  type OutsideRequest,
} from './outside.js';
import { OutsideLanes } from './outside-lanes.js';
import { readNodes, type SnapshotEvent, Snapshots } from './snapshots.js';
import {
  type SystemCommand,
  type SystemEvent,
  SystemMachine,
  type SystemStatus,
} from './system-machine.js';
import type { ResolvedSystemOptions } from './system-options.js';

const RING_BYTES = 256 * 1024;

export interface SystemEvents {
  /** A thread has died, or a node has failed: all go back to the newest snapshot. */
  failure: [event: { readonly failure: Failure; readonly cause: string }];
  restarted: [
    event: {
      readonly cause: string;
      readonly attempt: number;
      readonly checkpoint: number | undefined;
    },
  ];
  snapshot: [event: SnapshotEvent];
  /** A message that nobody has taken, or will. Of very many at once some are told, all are counted. */
  'dead-letter': [event: Extract<NodeEvent, { kind: 'dead-letter' }>];
}

export interface SystemDriverOptions {
  readonly options: ResolvedSystemOptions;
  readonly spawn: ActorSpawner;
  readonly mapFailure: (failure: Failure) => Failure;
  readonly table: Uint16Array;
  readonly hash: string;
  readonly point: RestorePoint;
  readonly outside: OutsidePart | undefined;
}

type Fate = { readonly resolve: (value: never) => void; readonly reject: (error: Error) => void };

export class SystemDriver {
  readonly events = new SafeEmitter<SystemEvents>();
  readonly homeOf: (path: string) => number;
  readonly #given: SystemDriverOptions;
  readonly #options: ResolvedSystemOptions;
  readonly #machine: SystemMachine;
  readonly #outside: Outside;
  readonly #snapshots: Snapshots;
  readonly #pool: Pool<Actors>;
  readonly #lanes: OutsideLanes;
  readonly #open = new Map<number, Fate>();
  readonly #started = deferred<void>();
  readonly #finished = deferred<void>();
  #token = 0;
  #isOpen = false;
  #epoch = 0;
  /** Of the newest launch: those of the next epoch. */
  #newLanes: readonly LaneSpec[] = [];
  readonly #outsideLine = new EventLine<OutsideEvent>(
    (event) => {
      for (const command of this.#outside.handle(event, performance.now())) this.#obey(command);
    },
    () => this.#armDeadlines(),
  );
  readonly #systemLine = new EventLine<SystemEvent>(
    (event) => {
      for (const command of this.#machine.handle(event, performance.now())) this.#perform(command);
    },
    () => this.#restartTimer.set(this.#machine.nextDeadline()),
  );
  readonly #deadlineTimer = new DeadlineTimer(() => this.#tell({ kind: 'tick' }));
  readonly #restartTimer = new DeadlineTimer(() => this.#decide({ kind: 'tick' }));
  #stopping: Promise<void> | undefined;
  #ended: 'stopped' | 'failed' | undefined;
  #closing: Promise<void> | undefined;

  constructor(given: SystemDriverOptions) {
    const { options, table, hash, point } = given;
    const { threads, store, name, intervalMs, retain, restart, capacity, keep } = options;
    this.#given = given;
    this.#options = options;
    this.homeOf = homesBy(table);
    this.#machine = new SystemMachine(restart, seededRandom(Date.now()));
    this.#outside = new Outside({ nodes: threads, capacity, keep }, given.outside);
    this.#started.promise.catch(() => {});
    this.#finished.promise.catch(() => {});
    this.#snapshots = new Snapshots({
      store,
      name,
      run: point.run,
      hash,
      table,
      nodes: threads,
      intervalMs,
      retain,
      latest: point.manifest,
      lastCheckpoint: point.lastCheckpoint,
      begin: (checkpoint) => this.#tell({ kind: 'cut', checkpoint }),
      abort: (checkpoint) => {
        this.#tell({ kind: 'given-up', checkpoint });
        void this.#pool.tellAll('abort', [[this.#epoch], checkpoint]);
      },
      tell: (event) => this.#snapshotTold(event),
      giveUp: (failure) => this.#decide({ kind: 'failed', failure, cause: failure.kind }),
    });
    this.#lanes = new OutsideLanes(
      {
        envelope: (from, envelope) => {
          if (envelope.kind !== 'answer') return;
          this.#tell({ kind: 'answer', from, ask: envelope.ask.id, outcome: envelope.outcome });
        },
        marker: (from, checkpoint) => this.#tell({ kind: 'marker', from, checkpoint }),
      },
      (error) => this.#failed(toFailure(error, 'internal')),
    );
    this.#pool = new Pool<Actors>({
      options: {
        parallelism: threads,
        spares: 1,
        heartbeat: options.heartbeat,
        restart,
        args: { actors: options.actors.map((actor) => actor.name) },
      },
      spawn: given.spawn,
      mismatch: () =>
        new HoldfastError(
          'ERR_HOLDFAST_GRAPH_MISMATCH',
          'two threads have found different actors in the same modules. What a module exports must not depend on ' +
            'time, chance or thread.',
        ),
      onEvent: (slot, event) => this.#hostEvent(slot, event),
      onFailure: (failed) => this.#threadFailed(failed),
      onChange: () => {},
      onBeat: () => {},
    });
  }

  get status(): SystemStatus {
    if (this.#ended !== undefined) return this.#ended;
    if (this.#stopping !== undefined) return 'stopping';
    if (this.#machine.isUp) return 'running';
    return this.#machine.isRestarting ? 'restarting' : 'starting';
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Resolves when all nodes run. */
  async start(): Promise<void> {
    this.#decide({ kind: 'start' });
    await this.#started.promise;
  }

  nextIncarnation(): number {
    return this.#outside.nextIncarnation();
  }

  /** Settles as the request does: see outside.ts. */
  request(request: Omit<OutsideRequest, 'kind' | 'token'>): Promise<unknown> {
    if (this.#stopping !== undefined || this.#ended !== undefined) {
      return Promise.reject(notRunning(this.status));
    }
    this.#token += 1;
    const token = this.#token;
    const { promise, resolve, reject } = deferred<unknown>();
    this.#open.set(token, { resolve, reject });
    this.#tell({ kind: 'request', token, ...request });
    return promise;
  }

  async snapshot(): Promise<number> {
    if (this.#ended !== undefined) throw notRunning(this.status);
    return await this.#snapshots.request();
  }

  async tree(): Promise<readonly (readonly ActorTreeNode[])[]> {
    if (!this.#machine.isUp) throw notRunning(this.status);
    const slots = this.#slots();
    return await Promise.all(slots.map((slot) => this.#pool.link(slot).ask('tree', [])));
  }

  /** @throws HoldfastError ERR_HOLDFAST_NOT_RUNNING when there is no such thread, or it is dead */
  kill(slot: number, cause: KillCause | 'terminate'): void {
    this.#pool.kill(slot, cause);
  }

  /** Takes nothing in any more. With a snapshot: of all that was told, and only then all ends. */
  stop(withSnapshot: boolean): Promise<void> {
    if (this.#ended === 'failed') return this.finished;
    this.#stopping ??= this.#stop(withSnapshot);
    return this.#stopping;
  }

  async #stop(withSnapshot: boolean): Promise<void> {
    let failed: unknown;
    try {
      // Requests that waited for room come into the journal as it gets emptier.
      if (withSnapshot) {
        do await this.#snapshots.request();
        while (this.#outside.journalled > 0);
      }
    } catch (error) {
      failed = error;
    }
    await this.#end('stopped', notRunning('stopped'));
    if (failed !== undefined) throw failed;
  }

  #end(how: 'stopped' | 'failed', error: Error): Promise<void> {
    this.#closing ??= this.#close(how, error);
    return this.#closing;
  }

  async #close(how: 'stopped' | 'failed', error: Error): Promise<void> {
    this.#ended = how;
    this.#decide({ kind: 'end' });
    this.#lanes.close();
    const closed = this.#snapshots.close(error);
    this.#tell({ kind: 'ended', error });
    this.#deadlineTimer.set(undefined);
    await closed;
    await this.#pool.close(how === 'stopped');
    await this.#options.store.close().catch(() => {});
    this.#started.reject(error);
    if (how === 'stopped') this.#finished.resolve();
    else this.#finished.reject(error);
  }

  // ---- the system's machine --------------------------------------------------------------------

  #decide(event: SystemEvent): void {
    this.#systemLine.tell(event);
  }

  #perform(command: SystemCommand): void {
    switch (command.kind) {
      case 'disconnect':
        this.#lanes.close();
        this.#tell({ kind: 'disconnected' });
        this.#snapshots.stopped();
        this.#epoch = 0;
        void this.#fence(command.round);
        return;
      case 'launch':
        void this.#launch(command.round);
        return;
      case 'connect':
        this.#connect(command.epoch);
        return;
      case 'tell-failure': {
        const { failure, cause } = command;
        this.events.tell('failure', { failure, cause });
        return;
      }
      case 'tell-restarted': {
        const { cause, attempt, checkpoint } = command;
        this.events.tell('restarted', { cause, attempt, checkpoint });
        return;
      }
      case 'fail':
        void this.#end('failed', budgetError(command.failure, command.attempts));
    }
  }

  async #fence(round: number): Promise<void> {
    const { resetTimeoutMs } = this.#options.restart;
    await Promise.all(this.#slots().map((slot) => this.#pool.fence(slot, 0, resetTimeoutMs)));
    this.#decide({ kind: 'fenced', round });
  }

  async #launch(round: number): Promise<void> {
    try {
      await this.#deploy(round);
    } catch (error) {
      // A dead thread is told by the pool as well; whichever comes second is of an earlier round, or finds it down.
      const died = isHoldfastError(error, 'ERR_HOLDFAST_WORKER_DIED');
      const failure = toFailure(error, died ? 'thread-exit' : kindOfError(error));
      const mapped = this.#given.mapFailure(failure);
      this.#decide({ kind: 'failed', failure: mapped, cause: failure.kind, round });
    }
  }

  async #deploy(round: number): Promise<void> {
    const { store } = this.#options;
    const stale = () => this.#machine.isStale(round);
    if (!this.#isOpen) {
      this.#isOpen = true;
      await this.#pool.open();
    }
    await this.#snapshots.settled();
    if (stale()) return;
    const { latest } = this.#snapshots;
    const work = [
      store.nextEpoch(),
      latest === undefined ? [] : readNodes(store, latest),
      Promise.all(this.#slots().map((slot) => this.#pool.ensure(slot))),
    ] as const;
    await Promise.allSettled(work);
    const [epoch, parts] = await Promise.all(work);
    if (stale()) return;
    this.#epoch = epoch;
    const specs = this.#specs(epoch, latest, parts);
    await Promise.all(specs.map((spec) => this.#pool.link(spec.slot).call('deploy', [spec])));
    if (stale()) return;
    await Promise.all(this.#slots().map((slot) => this.#pool.link(slot).call('start', [epoch])));
    if (stale()) return;
    this.#decide({ kind: 'launched', round, epoch, checkpoint: latest?.checkpoint });
    this.#pool.refillSpares();
  }

  #specs(
    epoch: number,
    latest: Manifest | undefined,
    parts: readonly NodeSpec['restore'][],
  ): readonly NodeSpec[] {
    const { threads, supervisor, actors } = this.#options;
    const { table } = this.#given;
    this.#newLanes = lanesBetween(threads, ringCapacity(RING_BYTES, threads + 1));
    const blocks = this.#blocks();
    return this.#slots().map((slot) => ({
      region: 0,
      slot,
      epoch,
      nodes: threads,
      groups: table.length,
      table,
      incarnation: this.#pool.incarnation(slot),
      blocks,
      lanes: this.#newLanes.filter(({ from, to }) => from === slot || to === slot),
      restore: latest === undefined ? undefined : parts[slot],
      supervisor,
      sharded: actors.map((actor) => ({ actor: actor.name, options: {} })),
    }));
  }

  #connect(epoch: number): void {
    const { threads: nodes } = this.#options;
    this.#lanes.open({ epoch, nodes, blocks: this.#blocks(), lanes: this.#newLanes });
    this.#tell({ kind: 'connected' });
    this.#snapshots.started(epoch);
    this.#started.resolve();
  }

  #blocks(): readonly SharedArrayBuffer[] {
    const own = this.#lanes.block.shared;
    return [...this.#slots().map((slot) => this.#pool.link(slot).block.shared), own];
  }

  #slots(): readonly number[] {
    return Array.from({ length: this.#options.threads }, (_, slot) => slot);
  }

  // ---- those outside ---------------------------------------------------------------------------

  #tell(event: OutsideEvent): void {
    this.#outsideLine.tell(event);
  }

  #obey(command: OutsideCommand): void {
    switch (command.kind) {
      case 'send':
        this.#lanes.send(command.node, command.envelope);
        return;
      case 'mark':
        this.#lanes.mark(command.checkpoint);
        return;
      case 'part':
        void this.#snapshots.outsidePart(command.checkpoint, command.part);
        return;
      case 'resolve':
        this.#take(command.token)?.resolve(command.value as never);
        return;
      case 'reject':
        this.#take(command.token)?.reject(command.error);
        return;
      case 'full':
        // Its failure is told as an event; who waits for room is told when the system fails of it.
        this.#snapshots.request().catch(() => {});
    }
  }

  #take(token: number): Fate | undefined {
    const fate = this.#open.get(token);
    this.#open.delete(token);
    return fate;
  }

  #armDeadlines(): void {
    const due = this.#outside.nextDeadline();
    if (due !== undefined && this.#ended === undefined) this.#deadlineTimer.setAtLatest(due);
  }

  // ---- threads and snapshots -------------------------------------------------------------------

  #hostEvent(slot: number, event: ActorsEvent): void {
    if (event.epoch !== this.#epoch || this.#ended !== undefined) return;
    switch (event.kind) {
      case 'node-part':
        void this.#snapshots.nodePart(slot, this.#pool.incarnation(slot), event);
        return;
      case 'node-declined':
        this.#snapshots.declined(slot, event.epoch, event.checkpoint, event.failure);
        return;
      case 'node-failed':
        this.#failed(event.failure);
        return;
      case 'node-events':
        for (const one of event.events) {
          if (one.kind === 'dead-letter') this.events.tell('dead-letter', one);
        }
    }
  }

  #threadFailed({ failure, ordered }: SlotFailure): void {
    const mapped = this.#given.mapFailure(failure);
    this.#decide({ kind: 'failed', failure: mapped, cause: ordered ?? failure.kind });
  }

  #failed(failure: Failure): void {
    const mapped = this.#given.mapFailure(failure);
    this.#decide({ kind: 'failed', failure: mapped, cause: failure.kind });
  }

  #snapshotTold(event: SnapshotEvent): void {
    if (event.kind === 'completed') {
      this.#tell({ kind: 'completed', checkpoint: event.checkpoint });
      this.#decide({ kind: 'snapshot-completed' });
    }
    this.events.tell('snapshot', event);
  }
}

function notRunning(status: SystemStatus): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_NOT_RUNNING',
    `the system of actors is ${status}: what is open ends with this, and nothing more is taken in.`,
    { details: { status } },
  );
}
