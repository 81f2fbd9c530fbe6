/** One process of a simulated job, from its start to its end: the real driver and all below it. */

import { DirectoryStore } from '../../src/checkpoint/directory/directory-store.js';
import type { ProcessIdentity } from '../../src/checkpoint/directory/process-identity.js';
import { filesOf } from '../../src/checkpoint/parts/part-chain.js';
import type { Manifest } from '../../src/checkpoint/store.js';
import { isLifeEvent } from '../../src/host/host-protocol.js';
import type { RunningJob } from '../../src/job/job.js';
import type { CheckpointEvent, JobResult } from '../../src/job/job-types.js';
import { resolveOptions } from '../../src/job/options.js';
import { launchJob } from '../../src/job/run-job.js';
import type { JobDefinition } from '../../src/stream/api/job-definition.js';
import type { JobPlan } from '../../src/stream/graph/plan.js';
import { holdsElements, parseChannelSection } from '../../src/stream/task/channel-state.js';
import type {
  CheckpointBase,
  DeploySpec,
  StreamSpawner,
} from '../../src/workloads/streams/stream-types.js';
import type { CrashFileSystem } from '../checkpoint/crash-file-system.js';
import type { Oracle } from './oracle.js';
import type { PlantedBug } from './planted-bug.js';
import type { Settings } from './settings.js';
import type { SimDisk } from './sim-disk.js';
import { StagedCommitter } from './sim-sinks.js';
import { type CallName, SimThread } from './sim-thread.js';
import { CHECKPOINTS, watchedStore } from './watched-store.js';
import type { Domain, World } from './world.js';

/** What only some seeds come to, and must not be lost from all: counted, and told at the end of a run. */
export const OCCASIONS = [
  'checkpoints that began while another was in flight',
  'checkpoints with records in flight',
  'checkpoints with changes only',
  'restores of records in flight',
  'restores of records in flight to a second side',
  'restores from several files',
  'restores with another parallelism',
  'copies restored',
  'splits that were found idle',
  'idle splits that spoke again',
  'restores while a split rested',
  'splits that never spoke',
  'times that counted no more',
  'sources that waited for others',
  'readers that made room for others',
  'dead letters',
  'timers',
  'retractions',
] as const;
export type Occasion = (typeof OCCASIONS)[number];

export interface LifeOptions {
  readonly world: World;
  readonly disk: SimDisk;
  readonly oracle: Oracle;
  readonly settings: Settings;
  readonly parallelism: number;
  readonly definition: JobDefinition;
  readonly bug: PlantedBug | undefined;
  readonly pid: number;
  /** Threads are numbered over all lives. */
  readonly nextThread: () => number;
  readonly onPoint: (point: string, thread?: SimThread) => void;
  /** Nothing has been wrong since then, and for a while before: so nothing may fail. */
  readonly isCalm: (sinceMs: number) => boolean;
  readonly onManifest: (manifest: Manifest, left: CrashFileSystem) => void;
  readonly onCheckpointFailed: () => void;
  /** What has come to pass, to be counted. */
  readonly on: (occasion: Occasion) => void;
  readonly onRestarted: (region: string) => void;
  readonly onFinished: (result: JobResult) => void;
  readonly onFailed: (error: unknown) => void;
}

export class Life {
  readonly main: Domain;
  readonly threads: SimThread[] = [];
  job: RunningJob | undefined;
  over = false;
  /** The last checkpoint, or a stop's, is committed: the job ends, and no thread is judged any more. */
  isEnding = false;
  readonly #given: LifeOptions;
  /** By epoch: its region's operators, and who has been deployed on which slot. */
  readonly #deployed = new Map<
    number,
    { readonly operators: readonly string[]; readonly slots: Map<number, SimThread> }
  >();
  readonly #tasks = new Set<string>();
  readonly #manifests = new Map<number, Manifest>();
  #plan: JobPlan | undefined;
  /** Checkpoints that have neither been completed nor failed, and when they began (I9). */
  readonly #triggered = new Map<number, number>();

  constructor(given: LifeOptions) {
    this.#given = given;
    this.main = given.world.domain(`process-${given.pid}`);
  }

  /** Within an event of `main`. */
  start(): void {
    const { world, disk, oracle, settings, bug, onFinished, onFailed } = this.#given;
    const files = bug?.files?.(disk.view()) ?? disk.view();
    const processes = {
      own: async () => identity(this.#given.pid),
      livenessOf: async (owner: ProcessIdentity) =>
        owner.pid === this.#given.pid ? ('alive' as const) : ('dead' as const),
    };
    const store = new DirectoryStore(CHECKPOINTS, { files, processes });
    const watched = watchedStore(bug?.store?.(store) ?? store, {
      oracle,
      files: () => disk.files,
      tasks: () => this.#tasks,
      onComplete: (checkpoint) => this.#triggered.delete(checkpoint),
      onManifest: (manifest, left) => this.#manifest(manifest, left),
      onRead: (manifest) => this.#manifests.set(manifest.checkpoint, manifest),
      onChain: () => this.#given.on('restores from several files'),
    });
    const options = resolveOptions({
      parallelism: this.#given.parallelism,
      keyGroups: settings.keyGroups,
      checkpoint: {
        store: watched,
        intervalMs: settings.intervalMs,
        timeoutMs: settings.timeoutMs,
        minPauseMs: settings.minPauseMs,
        maxConcurrent: settings.maxConcurrent,
        retain: settings.retain,
        tolerableFailures: settings.tolerableFailures,
        mode: settings.mode,
        alignment: settings.alignment,
        incremental: settings.incremental,
      },
      restart: settings.restart,
      supervision: { groups: settings.groups },
      maxOpenSplits: settings.maxOpenSplits,
      spares: settings.spares,
      heartbeat: {
        intervalMs: settings.heartbeatMs,
        timeoutMs: settings.heartbeatTimeoutMs,
      },
      channel: { capacityBytes: settings.capacityBytes, bufferTimeoutMs: settings.bufferTimeoutMs },
      print: () => {},
    });
    world.log(`start, parallelism ${this.#given.parallelism}`);
    const spawn: StreamSpawner = (name, callbacks) => this.#spawn(name, callbacks);
    launchJob(
      options,
      spawn,
      (failure) => failure,
      (data) => new StagedCommitter(data, files, oracle),
    ).then((job) => {
      this.#running(job);
      return job.finished.then(onFinished, onFailed);
    }, onFailed);
  }

  /** All that it was is gone. */
  die(): void {
    this.over = true;
    this.main.alive = false;
    for (const thread of this.threads) thread.domain.alive = false;
  }

  #spawn(name: string, callbacks: Parameters<StreamSpawner>[1]): SimThread {
    const { world, definition, settings, bug, nextThread, onPoint } = this.#given;
    const thread = new SimThread({
      world,
      main: this.main,
      name,
      threadId: nextThread(),
      definition,
      heartbeatMs: settings.heartbeatMs,
      lookMs: settings.lookMs,
      callbacks,
      onArguments: (method, args) => this.#arguments(method, args),
      onCall: (to, method, args) => this.#called(to, method, args),
      onEvent: (from, event) => {
        onPoint(`event ${event.kind}`, from);
        return isLifeEvent(event) ? event : (bug?.event?.(event) ?? event);
      },
      onDelivery: (event) =>
        isLifeEvent(event)
          ? event
          : (bug?.deliver?.(event, (epoch) => this.#newest(epoch)) ?? event),
      onEndOrdered: (ended) => this.#endOrdered(ended),
    });
    this.threads.push(thread);
    return thread;
  }

  #arguments(method: CallName, args: readonly unknown[]): readonly unknown[] {
    const { bug } = this.#given;
    if (method === 'deploy') {
      const spec = args[0] as DeploySpec;
      if (hasInFlight(spec)) this.#given.on('restores of records in flight');
      if (hasInFlight(spec, 1)) this.#given.on('restores of records in flight to a second side');
      return [bug?.deploy?.(spec) ?? spec];
    }
    if (method !== 'trigger' || args[2] === undefined) return args;
    const base = this.#asIfLarge(args[2] as CheckpointBase);
    return [args[0], args[1], bug?.base?.(base) ?? base];
  }

  /** Small parts are always written in full, and all are small here: these are only when a chain is long. */
  #asIfLarge(base: CheckpointBase): CheckpointBase {
    const { chainFilesMax } = this.#given.settings;
    const { parts } = this.#manifests.get(base.checkpoint)!;
    const { vertices } = this.#plan!;
    const rewrite = base.rewrite.filter(({ vertex, instance }) => {
      const id = vertices[vertex]?.id;
      const part = parts.find((one) => one.vertex === id && one.instance === instance);
      return part === undefined || filesOf(part).length >= chainFilesMax;
    });
    return { ...base, rewrite };
  }

  #called(thread: SimThread, method: CallName, args: readonly unknown[]): void {
    const { oracle, onPoint } = this.#given;
    if (method === 'deploy') {
      this.#deploy(thread, args[0] as DeploySpec);
    } else if (method === 'start') {
      const epoch = args[0] as number;
      oracle.started(this.#deployed.get(epoch)?.operators ?? [], epoch);
    } else if (method === 'trigger') {
      const checkpoint = args[1] as number;
      // Before it has started, nobody is told what becomes of it.
      if (this.job !== undefined && !this.#triggered.has(checkpoint)) this.#trigger(checkpoint);
    }
    onPoint(`call ${method}`, thread);
  }

  #manifest(manifest: Manifest, left: CrashFileSystem): void {
    const { on, onManifest } = this.#given;
    const { parts, checkpoint } = manifest;
    this.#manifests.set(checkpoint, manifest);
    if (parts.some(({ sections }) => sections.some(holdsElements))) {
      on('checkpoints with records in flight');
    }
    if (parts.some(({ earlier }) => earlier !== undefined)) on('checkpoints with changes only');
    onManifest(manifest, left);
  }

  #trigger(checkpoint: number): void {
    const { world, on } = this.#given;
    if (this.#triggered.size > 0) on('checkpoints that began while another was in flight');
    this.#triggered.set(checkpoint, world.nowMs);
  }

  #deploy(thread: SimThread, spec: DeploySpec): void {
    const region = spec.plan.regions[spec.region]!;
    const known = this.#deployed.get(spec.epoch);
    const deployed = known ?? { operators: region.operators, slots: new Map() };
    this.#deployed.set(spec.epoch, deployed);
    if (
      deployed.operators !== region.operators &&
      deployed.operators.join() !== region.operators.join()
    ) {
      this.#given.oracle.violated(`I16: epoch ${spec.epoch} is given to two regions`);
    }
    if (deployed.slots.has(spec.slot)) {
      this.#given.oracle.violated(`I17: slot ${spec.slot} has two owners in epoch ${spec.epoch}`);
    }
    deployed.slots.set(spec.slot, thread);
    this.#plan = spec.plan;
    for (const { id, slots } of spec.plan.vertices) {
      for (const instance of slots.keys()) this.#tasks.add(`${id}/${instance}`);
    }
  }

  /** The newest epoch of the region that this one was given to. */
  #newest(epoch: number): number {
    const { operators } = this.#deployed.get(epoch)!;
    const same = [...this.#deployed].filter(
      ([, other]) => other.operators.join() === operators.join(),
    );
    return Math.max(...same.map(([newest]) => newest));
  }

  /** I29: only what has failed is ended. */
  #endOrdered(thread: SimThread): void {
    if (this.over || this.job === undefined || thread.touched) return;
    const { status } = this.job;
    if (status !== 'running' && status !== 'restarting') return;
    if (!this.#given.isCalm(this.#given.world.nowMs)) return;
    this.#given.oracle.violated(
      `I29: ${thread.domain.name} is ended, and nothing is wrong with it`,
    );
  }

  #running(job: RunningJob): void {
    const { world, oracle, isCalm } = this.#given;
    this.job = job;
    job.on('checkpoint', (event) => this.#checkpoint(job, event));
    job.on('failure', (failure) => {
      world.log(`failure: ${failure.kind} ${failure.message}`);
      if (isCalm(world.nowMs))
        oracle.violated(`nothing was wrong, and there is: ${failure.message}`);
    });
    job.on('rescaled', () => this.#given.on('restores with another parallelism'));
    job.on('restarted', ({ region, epoch, checkpoint }) => {
      world.log(`restarted ${region} in epoch ${epoch} from ${checkpoint ?? 'the beginning'}`);
      this.#given.onRestarted(region);
    });
  }

  #checkpoint(job: RunningJob, event: CheckpointEvent): void {
    const { world, oracle, isCalm } = this.#given;
    const sinceMs = this.#triggered.get(event.checkpoint);
    this.#triggered.delete(event.checkpoint);
    world.log(`checkpoint ${event.checkpoint} ${event.kind}`);
    const isLast = event.kind === 'completed' && (event.final || job.status === 'stopping');
    if (isLast) this.isEnding = true;
    if (event.kind === 'failed') this.#given.onCheckpointFailed();
    if (event.kind === 'failed' && sinceMs !== undefined && isCalm(sinceMs)) {
      oracle.violated(`I9: nothing was wrong, and ${event.failure.message}`);
    }
    this.#showCollected(job);
  }

  #showCollected(job: RunningJob): void {
    for (const { id, collectName } of job.plan().graph.nodes) {
      if (collectName !== undefined)
        this.#given.oracle.shown(id, job.collected(collectName) as never);
    }
  }

  /** It has come to its end by itself. */
  ended(status: JobResult['status']): void {
    // What had begun when the job was stopped is given up with it.
    const open = status === 'finished' ? [...this.#triggered.keys()] : [];
    for (const checkpoint of open) {
      this.#given.oracle.violated(`I9: checkpoint ${checkpoint} has neither failed nor completed`);
    }
    if (this.job !== undefined) this.#showCollected(this.job);
    for (const thread of this.threads) thread.domain.alive = false;
  }
}

/** @param leastPort counts from this port on */
function hasInFlight({ restores }: DeploySpec, leastPort = 0): boolean {
  return restores.some(({ operators }) =>
    operators.some(({ sections }) =>
      sections.some(
        ({ name, bytes }) =>
          holdsElements({ name, bytes: bytes.length }) &&
          parseChannelSection(name)!.port >= leastPort,
      ),
    ),
  );
}

function identity(pid: number): ProcessIdentity {
  return { pid, host: 'simulation', started: `${pid}`, pidNamespace: 'simulation' };
}
