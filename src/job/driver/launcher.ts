/**
 * Brings a region into a new epoch on its slots: gets threads, restored state and channels ready, then starts it.
 *
 *  L1  The epoch number is durable before anything is written under it.
 *  L2  Before a task of the new epoch can stage anything, what the restored manifest promised is committed, and
 *      what was staged after it is dropped.
 *  L3  Only one launch at a time touches the store and the sinks' targets. A launch that is stale by its turn
 *      does not.
 *  L4  A start from an older checkpoint gives up the newer ones. It does so when the older checkpoint has proved to
 *      be readable and no sink refuses, and before sinks remove what the newer ones published. From then on the
 *      older one is the newest. This is done for all regions before the first of them is launched.
 *  L5  No task starts before all tasks of its region are deployed: both ends of a channel exist before the
 *      first frame.
 */

import { types } from 'node:util';
import { isHoldfastError } from '../../base/errors.js';
import { kindOfError, toFailure } from '../../base/failure.js';
import { TIMER_MS_MAX } from '../../base/option-checks.js';
import { atPoint } from '../../base/protocol-points.js';
import { createRing, ringCapacity } from '../../channels/ring.js';
import type { CheckpointStore, Manifest } from '../../checkpoint/store.js';
import type { JobPlan, PlanRegion } from '../../stream/graph/plan.js';
import { planChannels, tasksOn } from '../../stream/graph/planner.js';
import type { SourceLife } from '../../stream/source.js';
import { alignedTasks, SourceAlignment } from '../../stream/task/source-alignment.js';
import { Lease } from '../../threads/lease.js';
import type {
  ChannelSpec,
  DeploySpec,
  StreamPool,
  TaskRestore,
} from '../../workloads/streams/stream-types.js';
import type { Commits } from '../checkpoints/commits.js';
import { recordsIn } from '../checkpoints/make-manifest.js';
import type { ResolvedOptions } from '../options.js';
import { checkCompatible } from '../recovery/compatibility.js';
import { isKnown, planRecovery, replayedBarrierOf } from '../recovery/recovery-plan.js';
import { readRestores } from '../recovery/restore-reader.js';
import type { LauncherTold } from './driver-events.js';
import { listSplits, type SplitsBySource } from './split-listing.js';

export interface LauncherOptions {
  readonly plan: JobPlan;
  readonly options: ResolvedOptions;
  readonly run: string;
  readonly slots: StreamPool;
  readonly store: CheckpointStore | undefined;
  readonly commits: Commits;
  /** True once another failure, or the end, has made this round of the region void. */
  readonly isStale: (region: number, round: number) => boolean;
  readonly tell: (event: LauncherTold) => void;
  /** See DeploySpec. */
  readonly trace?: number | undefined;
}

export interface LaunchRequest {
  readonly region: PlanRegion;
  /** See Region. */
  readonly round: number;
  readonly reached: DeploySpec['reached'];
}

/** A failure with the slot that it came from. */
class SlotError extends Error {
  readonly slot: number;
  /** The failure is the death of a loaded thread: whoever watches the threads reports it. */
  readonly isReported: boolean;

  constructor(slot: number, cause: unknown, isLoaded: boolean) {
    super('a slot failed', { cause });
    this.slot = slot;
    this.isReported = isLoaded && isHoldfastError(cause, 'ERR_HOLDFAST_WORKER_DIED');
  }
}

type Restores = readonly (TaskRestore & { readonly slot: number })[];

/** What a launch needs from storage. */
interface Prepared {
  readonly manifest: Manifest | undefined;
  readonly restores: Restores;
  readonly epoch: number;
}

export class Launcher {
  readonly #given: LauncherOptions;
  #epoch = 0;
  /** The preparation of the last launch (L3). Never rejects. */
  #prepared: Promise<unknown> = Promise.resolve();
  /** Of the sources that the checkpoint to start from does not know. */
  #splits: SplitsBySource = {};
  /** By region, until its first launch: what `prepareStart` has read. */
  readonly #first = new Map<number, Restores>();
  /** By region: what its next launch needs from storage, being read while the back-off lasts. */
  readonly #prefetched = new Map<
    number,
    { preparing: Promise<Prepared | undefined>; round: number }
  >();
  /** By region and slot: the thread that it was deployed to last. */
  readonly #incarnations = new Map<string, number>();

  constructor(given: LauncherOptions) {
    this.#given = given;
  }

  /** Lists the splits of the sources with which a run begins: of all, or of those that the checkpoint does not know. */
  async listSplits(manifest: Manifest | undefined): Promise<void> {
    const { plan, slots, options } = this.#given;
    const nodes = plan.graph.nodes.filter(({ id }) => !isKnown(manifest, id));
    this.#splits = await listSplits(
      { ...plan.graph, nodes },
      slots,
      options.restart.kind !== 'none',
    );
  }

  /** Commits again, for a job whose last checkpoint is complete but perhaps not committed. */
  async recommit(manifest: Manifest): Promise<void> {
    const { commits, plan, options } = this.#given;
    checkCompatible(manifest, plan, options.allowDropped);
    await commits.recover(manifest, operatorsOf(plan));
    await commits.recoverInWorkers(manifest);
  }

  /** Reads the checkpoint to start from, and has sinks go back to it (L4). Called before any region is launched. */
  async prepareStart(): Promise<void> {
    const { commits, options, store, plan } = this.#given;
    const manifest = commits.latest;
    const recovery =
      manifest === undefined
        ? []
        : atPoint('recovery:plan', () => planRecovery(manifest, plan, options.allowDropped));
    const restores =
      store === undefined
        ? []
        : await atPoint('recovery:read', () => readRestores(recovery, store));
    const rewind = async (): Promise<void> => {
      if (manifest !== undefined) await store?.rewind(manifest.checkpoint);
    };
    await atPoint('recovery:sinks', () => commits.recover(manifest, operatorsOf(plan), rewind));
    await rewind();
    for (const region of plan.regions) {
      this.#respawned(region); // From here on it counts.
      this.#first.set(
        region.index,
        restores.filter(({ vertex }) => region.vertices.includes(vertex)),
      );
    }
  }

  /** Waits until no launch touches the store or the sinks' targets any more. */
  async settle(): Promise<void> {
    let prepared: Promise<unknown>;
    do {
      prepared = this.#prepared;
      await prepared;
    } while (prepared !== this.#prepared);
  }

  /** Its steps and its outcome are told; of a stale one nothing is. */
  async launch(request: LaunchRequest): Promise<void> {
    const { isStale, tell } = this.#given;
    const { round } = request;
    const region = request.region.index;
    try {
      await this.#launch(request);
    } catch (error) {
      if (isStale(region, round) || (error instanceof SlotError && error.isReported)) return;
      const slot = error instanceof SlotError ? error.slot : 0;
      const cause = error instanceof SlotError ? error.cause : error;
      const died =
        isHoldfastError(cause, 'ERR_HOLDFAST_WORKER_DIED') ||
        isHoldfastError(cause, 'ERR_HOLDFAST_CONTROL');
      const failure = { ...toFailure(cause, died ? 'thread-exit' : kindOfError(cause)), slot };
      tell({ kind: 'launch-failed', region, round, slot, failure, deterministic: !died });
    }
  }

  async #launch(request: LaunchRequest): Promise<void> {
    const { slots, commits, tell } = this.#given;
    const { region, round } = request;
    const of = { region: region.index, round };
    const stale = () => this.#given.isStale(region.index, round);
    const prefetched = this.#prefetched.get(region.index);
    this.#prefetched.delete(region.index);
    const [prepared] = await Promise.all([
      prefetched?.round === round ? prefetched.preparing : this.#prepare(region, stale),
      this.#onAll(region, (slot) => slots.ensure(slot), false),
    ]);
    if (stale() || prepared === undefined) return;
    const { manifest, restores, epoch } = prepared;
    await commits.recoverInWorkers(manifest);
    if (stale()) return;
    const leases = new Map(
      region.slots.map((slot) => [
        slot,
        Lease.of(epoch, tasksOn(this.#given.plan, region.index, slot).length),
      ]),
    );
    const checkpoint = manifest?.checkpoint;
    tell({ kind: 'deploying', ...of, epoch, leases, checkpoint });
    const splits = Object.fromEntries(
      Object.entries(this.#splits).filter(([source]) => !isKnown(manifest, source)),
    );
    const replayed =
      manifest === undefined ? undefined : replayedBarrierOf(manifest, this.#given.plan);
    const specs = this.#specs(request, epoch, leases, restores, splits, replayed);
    await this.#onAll(region, (slot) => {
      const spec = specs.get(slot)!;
      return atPoint('recovery:deploy', () =>
        slots.link(slot).call('deploy', [spec], { transfer: buffersOf(spec) }),
      );
    });
    if (stale()) return;
    tell({ kind: 'deployed', ...of });
    await this.#onAll(region, (slot) =>
      atPoint('recovery:start', () => slots.link(slot).call('start', [epoch])),
    );
    if (stale()) return;
    const restoredRecords = recordsIn(manifest, region.operators);
    const respawned = this.#respawned(region);
    tell({ kind: 'launched', ...of, checkpoint, restoredRecords, respawned });
  }

  /** Begins to read what the region's next launch needs from storage; of use to a launch of the same round. */
  prefetch(region: PlanRegion, round: number): void {
    const preparing = this.#prepare(region, () => this.#given.isStale(region.index, round));
    preparing.catch(() => {}); // The launch meets the error.
    this.#prefetched.set(region.index, { preparing, round });
  }

  #prepare(region: PlanRegion, stale: () => boolean): Promise<Prepared | undefined> {
    const preparing = this.#prepared.then(() => this.#prepareRestore(region, stale));
    this.#prepared = preparing.catch(() => {});
    return preparing;
  }

  /** Slots that have another thread than when the region was last deployed. */
  #respawned(region: PlanRegion): readonly number[] {
    return region.slots.filter((slot) => {
      const key = `${region.index}/${slot}`;
      const before = this.#incarnations.get(key);
      const now = this.#given.slots.incarnation(slot);
      this.#incarnations.set(key, now);
      return before !== now;
    });
  }

  async #prepareRestore(region: PlanRegion, stale: () => boolean): Promise<Prepared | undefined> {
    const { commits, store } = this.#given;
    await commits.settle();
    if (stale()) return undefined;
    const manifest = commits.latest;
    const first = this.#first.get(region.index);
    this.#first.delete(region.index);
    const work = [
      store === undefined ? this.#epoch + 1 : store.nextEpoch(),
      first ?? this.#restore(region, manifest),
    ] as const;
    // Waits for all, also when one fails: otherwise the rest would meet the next launch (L3).
    await Promise.allSettled(work);
    const [epoch, restores] = await Promise.all(work);
    this.#epoch = Math.max(this.#epoch, epoch);
    return { manifest, restores, epoch };
  }

  async #restore(region: PlanRegion, manifest: Manifest | undefined): Promise<Restores> {
    const { commits, options, store, plan } = this.#given;
    const recovery =
      manifest === undefined ? [] : planRecovery(manifest, plan, options.allowDropped);
    const own = recovery.filter(({ vertex }) => region.vertices.includes(vertex));
    const work = [
      store === undefined ? [] : readRestores(own, store),
      commits.recover(manifest, region.operators),
    ] as const;
    await Promise.allSettled(work);
    return (await Promise.all(work))[0];
  }

  #specs(
    { region, reached }: LaunchRequest,
    epoch: number,
    leases: ReadonlyMap<number, Lease>,
    restores: Restores,
    splits: SplitsBySource | undefined,
    replayedBarrier: number | undefined,
  ): ReadonlyMap<number, DeploySpec> {
    const { plan, options, slots, run } = this.#given;
    const blocks = Array.from({ length: plan.slots }, (_, slot) =>
      region.slots.includes(slot) ? slots.link(slot).block.shared : undefined,
    );
    const capacity = ringCapacity(options.channel.capacityBytes, plan.slots);
    const channels: readonly ChannelSpec[] = planChannels(plan)
      .filter(({ edge }) => region.vertices.includes(plan.edges[edge]!.fromVertex))
      .map((channel) => ({
        ...channel,
        ring: channel.fromSlot === channel.toSlot ? undefined : createRing(capacity),
      }));
    const backlog = new SharedArrayBuffer(4);
    const timed = alignedTasks(plan, region.index);
    const cells = timed.reduce((sum, { instances }) => sum + instances, 0);
    const alignment = cells < 2 ? undefined : SourceAlignment.memoryFor(timed);
    const specs = region.slots.map((slot) => ({
      region: region.index,
      slot,
      lease: leases.get(slot)!.shared,
      backlog,
      reached,
      epoch,
      incarnation: slots.incarnation(slot),
      run,
      plan,
      blocks,
      channels: channels.filter(({ fromSlot, toSlot }) => fromSlot === slot || toSlot === slot),
      restores: restores.filter((restore) => restore.slot === slot),
      splits,
      mode: options.checkpoint.mode,
      alignedTimeoutMs: options.checkpoint.alignedTimeoutMs,
      prepareTimeoutMs: prepareTimeoutMs(options.checkpoint),
      replayedBarrier,
      checkpoints: checkpointsOf(options.checkpoint),
      incremental: options.checkpoint.incremental,
      maxConcurrent: options.checkpoint.maxConcurrent,
      bufferTimeoutMs: options.channel.bufferTimeoutMs,
      records: options.records,
      maxOpenSplits: options.maxOpenSplits,
      trace: this.#given.trace,
      alignment,
      channelCapacityBytes: capacity,
    }));
    return new Map(specs.map((spec) => [spec.slot, spec]));
  }

  #onAll<T>(
    region: PlanRegion,
    act: (slot: number) => Promise<T>,
    areLoaded = true,
  ): Promise<readonly T[]> {
    return Promise.all(
      region.slots.map((slot) =>
        act(slot).catch((error: unknown) => {
          throw new SlotError(slot, error, areLoaded);
        }),
      ),
    );
  }
}

/** What sources are told of the job's checkpoints. */
function checkpointsOf({
  store,
  directory,
  retain,
}: ResolvedOptions['checkpoint']): SourceLife['checkpoints'] {
  return store === undefined && directory === undefined ? undefined : { retain, directory };
}

/**
 * How long a sink may take to prepare: less than a checkpoint, so that the failure names the sink that is stuck.
 * Where checkpoints may fail, it has the time of as many more checkpoints: until then it counts as slow.
 */
export function prepareTimeoutMs({
  timeoutMs,
  tolerableFailures,
}: Pick<ResolvedOptions['checkpoint'], 'timeoutMs' | 'tolerableFailures'>): number {
  return Math.min(TIMER_MS_MAX, Math.ceil(timeoutMs * (0.9 + tolerableFailures)));
}

function operatorsOf(plan: JobPlan): readonly string[] {
  return plan.graph.nodes.map(({ id }) => id);
}

function buffersOf(spec: DeploySpec): readonly ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const task of spec.restores) {
    for (const { sections } of task.operators) {
      for (const { bytes, deltas = [] } of sections) {
        for (const { buffer } of [bytes, ...deltas]) {
          if (types.isArrayBuffer(buffer)) buffers.add(buffer);
        }
      }
    }
  }
  return [...buffers];
}
