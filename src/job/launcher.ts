/**
 * Brings all slots into a new epoch: threads, restored state, channels, then go.
 *
 *  L1  The epoch number is durable before anything is written under it.
 *  L2  What the restored manifest promised is committed, and what was staged after it dropped, before
 *      a task of the new epoch can stage anything.
 *  L3  One launch at a time touches the store and the sinks' targets; one that is stale by then does not.
 *  L4  A start from an older checkpoint gives up the newer ones before sinks remove what those published,
 *      and only when it has proved to be readable and no sink refuses. From then on it is the newest.
 *  L5  No task starts before all are deployed: a channel's both ends exist before the first frame.
 */

import { isHoldfastError } from '../base/errors.js';
import { type Failure, toFailure } from '../base/failure.js';
import type { CheckpointStore, Manifest } from '../checkpoint/store.js';
import type { JobPlan } from '../stream/plan.js';
import { planChannels } from '../stream/planner.js';
import type { SourceSplit } from '../stream/source.js';
import { createRing } from '../threads/ring.js';
import type { CheckpointDriver } from './checkpoint-driver.js';
import type { ChannelSpec, DeploySpec, TaskRestore } from './host-protocol.js';
import type { ResolvedOptions } from './options.js';
import { checkCompatible, planRecovery } from './recovery-plan.js';
import { readRestores } from './restore-reader.js';
import type { SinkCommitter } from './sink-committer.js';
import type { Slots } from './slots.js';

/** All rings of one shuffle together stay below this. */
const SHUFFLE_BYTES_MAX = 64 * 1024 * 1024;
const RING_BYTES_MIN = 16 * 1024;

export interface LauncherOptions {
  readonly plan: JobPlan;
  readonly options: ResolvedOptions;
  readonly run: string;
  readonly slots: Slots;
  readonly store: CheckpointStore | undefined;
  readonly committer: SinkCommitter;
  readonly checkpoints: CheckpointDriver;
}

export type Launched =
  | {
      readonly kind: 'running';
      readonly manifest: Manifest | undefined;
      readonly respawned: readonly number[];
    }
  | {
      readonly kind: 'failed';
      readonly slot: number;
      readonly failure: Failure;
      readonly deterministic: boolean;
    }
  | { readonly kind: 'stale' };

export interface LaunchRequest {
  readonly splits: Readonly<Record<string, readonly SourceSplit[]>> | undefined;
  /** True once this launch has been overtaken by another failure or the end. */
  readonly stale: () => boolean;
  /** Called when hosts may begin to report under the new epoch. */
  readonly onEpoch: (epoch: number) => void;
  /** Called when all tasks are deployed, before the first of them runs: it may end at once. */
  readonly onDeployed: (manifest: Manifest | undefined) => void;
}

/** A failure with the slot that it came from. */
class SlotError extends Error {
  readonly slot: number;
  /** It is the death of a loaded thread: whoever watches the threads reports it. */
  readonly isReported: boolean;

  constructor(slot: number, cause: unknown, isLoaded: boolean) {
    super('a slot failed', { cause });
    this.slot = slot;
    this.isReported = isLoaded && isHoldfastError(cause, 'ERR_HOLDFAST_WORKER_DIED');
  }
}

/** What a launch needs from storage. */
interface Prepared {
  readonly manifest: Manifest | undefined;
  readonly restores: readonly (TaskRestore & { slot: number })[];
  readonly epoch: number;
}

export class Launcher {
  readonly #given: LauncherOptions;
  #epoch = 0;
  /** What the last launch prepares, or has prepared (L3). Never rejects. */
  #prepared: Promise<unknown> = Promise.resolve();
  /** No checkpoint is newer than the one that a launch starts from (L4). */
  #isNewest: boolean;

  constructor(given: LauncherOptions) {
    this.#given = given;
    this.#isNewest = given.checkpoints.latest === undefined;
  }

  async listSplits(): Promise<Readonly<Record<string, readonly SourceSplit[]>>> {
    const splits: Record<string, readonly SourceSplit[]> = {};
    for (const node of this.#given.plan.graph.nodes) {
      if (node.kind !== 'source') continue;
      splits[node.id] = await this.#given.slots.link(0).call('listSplits', [node.id]);
    }
    return splits;
  }

  /** For a job whose last checkpoint is complete but perhaps not committed. */
  async recommit(manifest: Manifest): Promise<void> {
    checkCompatible(manifest, this.#given.plan);
    await this.#given.committer.recover(manifest.checkpoint, manifest.transactions);
    await this.#given.committer.recoverInWorkers(manifest.checkpoint, manifest.transactions);
  }

  /** Waits until no launch has to do with the store or the sinks' targets any more. */
  async settle(): Promise<void> {
    let prepared: Promise<unknown>;
    do {
      prepared = this.#prepared;
      await prepared;
    } while (prepared !== this.#prepared);
  }

  async launch(request: LaunchRequest): Promise<Launched> {
    try {
      return await this.#launch(request);
    } catch (error) {
      if (request.stale() || (error instanceof SlotError && error.isReported)) {
        return { kind: 'stale' };
      }
      const slot = error instanceof SlotError ? error.slot : 0;
      const cause = error instanceof SlotError ? error.cause : error;
      const died =
        isHoldfastError(cause, 'ERR_HOLDFAST_WORKER_DIED') ||
        isHoldfastError(cause, 'ERR_HOLDFAST_CONTROL');
      return {
        kind: 'failed',
        slot,
        failure: { ...toFailure(cause, died ? 'thread-exit' : 'internal'), slot },
        deterministic: !died,
      };
    }
  }

  async #launch(request: LaunchRequest): Promise<Launched> {
    const { slots, committer } = this.#given;
    const preparing = this.#prepared.then(() => this.#prepareRestore(request));
    this.#prepared = preparing.catch(() => {});
    const [respawned, prepared] = await Promise.all([this.#ensureThreads(), preparing]);
    if (request.stale() || prepared === undefined) return { kind: 'stale' };
    const { manifest, restores, epoch } = prepared;
    if (manifest !== undefined) {
      await committer.recoverInWorkers(manifest.checkpoint, manifest.transactions);
    }
    if (request.stale()) return { kind: 'stale' };
    request.onEpoch(epoch);
    const splits = manifest === undefined ? request.splits : undefined;
    const specs = this.#specs(epoch, restores, splits);
    await this.#onAll((slot) =>
      slots.link(slot).call('deploy', [specs[slot]!], { transfer: buffersOf(specs[slot]!) }),
    );
    if (request.stale()) return { kind: 'stale' };
    request.onDeployed(manifest);
    await this.#onAll((slot) => slots.link(slot).call('start', [epoch]));
    return { kind: 'running', manifest, respawned };
  }

  async #ensureThreads(): Promise<readonly number[]> {
    const fresh = await this.#onAll((slot) => this.#given.slots.ensure(slot), false);
    return fresh.flatMap((isFresh, slot) => (isFresh ? [slot] : []));
  }

  async #prepareRestore({ stale }: LaunchRequest): Promise<Prepared | undefined> {
    const { checkpoints, committer, store, plan } = this.#given;
    await checkpoints.settle();
    if (stale()) return undefined;
    const manifest = checkpoints.latest;
    const recovery = manifest === undefined ? [] : planRecovery(manifest, plan);
    const read = store === undefined ? [] : readRestores(recovery, store);
    if (!this.#isNewest) await read;
    const rewind = async (): Promise<void> => {
      if (!this.#isNewest && manifest !== undefined) await store?.rewind(manifest.checkpoint);
      this.#isNewest = true;
    };
    const work = [
      store === undefined ? this.#epoch + 1 : store.nextEpoch(),
      read,
      committer.recover(manifest?.checkpoint, manifest?.transactions ?? [], rewind).then(rewind),
    ] as const;
    // What fails does not leave the rest alone with the next launch (L3).
    await Promise.allSettled(work);
    const [epoch, restores] = await Promise.all(work);
    this.#epoch = epoch;
    return { manifest, restores, epoch };
  }

  #specs(
    epoch: number,
    restores: readonly (TaskRestore & { slot: number })[],
    splits: Readonly<Record<string, readonly SourceSplit[]>> | undefined,
  ): readonly DeploySpec[] {
    const { plan, options, slots, run } = this.#given;
    const blocks = Array.from({ length: plan.slots }, (_, slot) => slots.link(slot).block.shared);
    const capacity = ringCapacity(options.channel.capacityBytes, plan.slots);
    const channels: readonly ChannelSpec[] = planChannels(plan).map((channel) => ({
      ...channel,
      ring: channel.fromSlot === channel.toSlot ? undefined : createRing(capacity),
    }));
    return blocks.map((_, slot) => ({
      slot,
      epoch,
      incarnation: slots.incarnation(slot),
      run,
      plan,
      blocks,
      channels: channels.filter(({ fromSlot, toSlot }) => fromSlot === slot || toSlot === slot),
      restores: restores.filter((restore) => restore.slot === slot),
      splits,
      mode: options.checkpoint.mode,
      bufferTimeoutMs: options.channel.bufferTimeoutMs,
      channelCapacityBytes: capacity,
    }));
  }

  #onAll<T>(act: (slot: number) => Promise<T>, areLoaded = true): Promise<readonly T[]> {
    return Promise.all(
      Array.from({ length: this.#given.plan.slots }, (_, slot) =>
        act(slot).catch((error: unknown) => {
          throw new SlotError(slot, error, areLoaded);
        }),
      ),
    );
  }
}

export function ringCapacity(wantedBytes: number, slots: number): number {
  const pairs = Math.max(1, slots * (slots - 1));
  return Math.max(RING_BYTES_MIN, Math.min(wantedBytes, Math.floor(SHUFFLE_BYTES_MAX / pairs)));
}

function buffersOf(spec: DeploySpec): readonly ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const task of spec.restores) {
    for (const { sections } of task.operators) {
      for (const { bytes } of sections) {
        if (bytes.buffer instanceof ArrayBuffer) buffers.add(bytes.buffer);
      }
    }
  }
  return [...buffers];
}
