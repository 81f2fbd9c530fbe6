/** From threads that load the job to regions that can be launched: what the job is made of, and what it starts from. */

import type { Failure } from '../../base/failure.js';
import type { SafeEmitter } from '../../base/safe-emitter.js';
import type { CheckpointStore, Manifest } from '../../checkpoint/store.js';
import { checkDistinctTargets } from '../../connectors/committers.js';
import { compileModules } from '../../module/compile-module.js';
import { HeapGuard } from '../../pool/heap-guard.js';
import { requireModeForChangelogs } from '../../stream/graph/changelog-readers.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import { planJob } from '../../stream/graph/planner.js';
import type { StreamPool, StreamSpawner } from '../../workloads/streams/stream-types.js';
import { CheckpointDriver } from '../checkpoints/checkpoint-driver.js';
import type { CollectedRows } from '../checkpoints/collected-rows.js';
import { Commits } from '../checkpoints/commits.js';
import {
  type CommitInWorker,
  type CreateCommitter,
  SinkCommitter,
} from '../checkpoints/sink-committer.js';
import type { JobEvents } from '../job-types.js';
import type { JobWatch } from '../job-watch.js';
import type { ResolvedOptions } from '../options.js';
import { restoreCollected } from '../recovery/collected-state.js';
import { checkFinal } from '../recovery/final-checkpoint.js';
import { tellNotices } from '../safe-logger.js';
import { Deployment } from './deployment.js';
import type { DriverEvent } from './driver-events.js';
import { planGroups } from './groups.js';
import type { JobMachine } from './job-machine.js';
import { Launcher } from './launcher.js';

export interface DriverOptions {
  readonly options: ResolvedOptions;
  readonly spawn: StreamSpawner;
  readonly store: CheckpointStore | undefined;
  /** The checkpoint to start from; beside it the greatest id ever used in the store. */
  readonly manifest: Manifest | undefined;
  readonly lastCheckpoint: number;
  readonly run: string;
  /** Makes the stacks of a failure point into the user's own source. */
  readonly mapFailure: (failure: Failure) => Failure;
  /** By default the connectors' function. */
  readonly createCommitter?: CreateCommitter | undefined;
  readonly watch?: JobWatch | undefined;
}

/** What there is once the job has a plan. */
export interface World {
  readonly plan: JobPlan;
  readonly commits: Commits;
  readonly checkpoints: CheckpointDriver;
  readonly launcher: Launcher;
  /** By region. */
  readonly deployments: readonly Deployment[];
  readonly heapGuard: HeapGuard;
}

export interface Opening {
  readonly given: DriverOptions;
  readonly slots: StreamPool;
  readonly job: JobMachine;
  readonly events: SafeEmitter<JobEvents>;
  readonly collected: CollectedRows;
  readonly tell: (event: DriverEvent) => void;
  /** Called before the job's machine hears of the plan. */
  readonly onWorld: (world: World) => void;
}

/**
 * Tells `planned`, then `prepared` or `nothing-left`. The end of the job ends it.
 * @throws whatever keeps the job from starting
 */
export async function openJob(opening: Opening): Promise<void> {
  const { given, slots, job, collected, tell } = opening;
  const { options, manifest } = given;
  const graph = await slots.open();
  if (job.isOver) return;
  const plan = planJob(graph, { slots: options.parallelism, keyGroups: options.keyGroups });
  requireModeForChangelogs(graph, options.checkpoint.mode);
  const urls = graph.nodes.flatMap(({ module }) => module ?? []);
  const modules = urls.length === 0 ? undefined : await compileModules(urls);
  if (job.isOver) return;
  tellNotices(plan.notices, options.logger);
  const world = makeWorld(opening, modules === undefined ? plan : { ...plan, modules });
  const groups = planGroups(world.plan, options.supervision.groups, options.restart);
  opening.onWorld(world);
  tell({ kind: 'planned', plan: world.plan, groups });
  if (manifest?.final === true) {
    await recommit(given, world, manifest, collected);
    tell({ kind: 'nothing-left' });
    return;
  }
  await world.launcher.listSplits(manifest);
  if (job.isOver) return;
  await world.launcher.prepareStart();
  tell({ kind: 'prepared' });
}

/** The last checkpoint is complete, but perhaps not committed. */
async function recommit(
  { store, options }: DriverOptions,
  { launcher, plan }: World,
  manifest: Manifest,
  collected: CollectedRows,
): Promise<void> {
  await checkFinal(store!, manifest);
  await launcher.recommit(manifest);
  // The process that took that checkpoint may have lost the store before it could prune.
  await store?.prune(options.checkpoint.retain).catch(() => {});
  // No task runs that could tell its rows, so they are read from the checkpoint.
  await restoreCollected(store!, manifest, plan.graph, collected);
}

function makeWorld({ given, slots, job, events, tell }: Opening, plan: JobPlan): World {
  const { options, store, manifest, run, watch } = given;
  const shared = { plan, options, run, store, tell };
  const sinks = plan.graph.nodes.filter((node) => node.kind === 'sink');
  checkDistinctTargets(sinks, options.checkpoint.directory);
  const inWorker: CommitInWorker = async (operator, checkpoint, list) => {
    const { timeoutMs } = options.checkpoint;
    const link = slots.anyLink(plan.regions.flatMap((region) => region.slots));
    await link.ask('commit', [operator, checkpoint, list], { timeoutMs });
  };
  const committer = new SinkCommitter(sinks, run, inWorker, given.createCommitter);
  const commits = new Commits({ store, committer, from: manifest });
  const checkpoints = new CheckpointDriver({
    ...shared,
    commits,
    hosts: slots,
    lastCheckpoint: Math.max(given.lastCheckpoint, manifest?.checkpoint ?? 0),
  });
  const launcher = new Launcher({
    ...shared,
    commits,
    slots,
    isStale: (region, round) => job.isStale(region, round),
    trace: watch?.trace,
  });
  const heapGuard = new HeapGuard({
    options,
    incarnation: (slot) => slots.incarnation(slot),
    retire: (slot, failure, cause) => slots.retire(slot, failure, cause),
    mayRestart: () => job.status === 'running' && !job.isOver,
    checkpoint: () => checkpoints.request('manual'),
    onPressure: (event) => events.tell('pressure', event),
  });
  const deployments = plan.regions.map((region) => new Deployment(plan, region));
  return { plan, commits, checkpoints, launcher, deployments, heapGuard };
}
