/** Gets ready what a system of actors needs to start: its modules, its store, the snapshot to go on from. */

import { availableParallelism } from 'node:os';
import { HoldfastError } from '../base/errors.js';
import type { Failure } from '../base/failure.js';
import type { Manifest } from '../checkpoint/store.js';
import { placementTable } from '../hashring/placement.js';
import { findRestorePoint } from '../job/recovery/restore-point.js';
import { compileActors } from '../module/compile-actors.js';
import { checkCodeGeneration } from '../module/own-package.js';
import { mapError, mapFailure } from '../module/source-maps.js';
import { workerSpawner } from '../pool/worker-link.js';
import { settleScavenging } from '../threads/scavenging.js';
import type { Actors } from '../workloads/actors/actor-types.js';
import { actorsHash } from '../workloads/actors/actors-hash.js';
import { readOutside } from './snapshots.js';
import { SystemDriver } from './system-driver.js';
import type { ResolvedSystemOptions } from './system-options.js';

/** m of placement: see hashring/key-group.ts. */
const GROUPS = 128;

/** @returns the driver, when all nodes run; when that fails, the store is released again */
export async function openSystem(options: ResolvedSystemOptions): Promise<SystemDriver> {
  checkCodeGeneration();
  const { actors, threads, heartbeat, store } = options;
  const compiled = await compileActors(actors);
  settleScavenging({ scavenging: 'auto', slots: threads, cores: availableParallelism() });
  const spawn = workerSpawner<Actors>(compiled, { heartbeatIntervalMs: heartbeat.intervalMs });
  const table = placementTable(GROUPS, threads).slice(1);
  const hash = actorsHash(actors.map(({ name }) => name));
  await store.acquire();
  let driver: SystemDriver;
  try {
    const point = await findRestorePoint(store, options.restore);
    const { manifest } = point;
    if (manifest !== undefined) {
      checkManifest(manifest, options, hash);
      await store.rewind(manifest.checkpoint);
    }
    const outside = manifest === undefined ? undefined : await readOutside(store, manifest);
    const map = (failure: Failure) => mapFailure(failure, compiled);
    driver = new SystemDriver({ options, spawn, mapFailure: map, table, hash, point, outside });
  } catch (error) {
    await store.close().catch(() => {});
    throw error;
  }
  try {
    await driver.start();
  } catch (error) {
    mapError(error, compiled);
    throw error;
  }
  return driver;
}

/** @throws HoldfastError for a snapshot of another system */
function checkManifest(
  { checkpoint, job, graphHash, operators, keyGroups }: Manifest,
  { name, threads }: ResolvedSystemOptions,
  hash: string,
): void {
  const nodes = operators.find(({ id, type }) => id === 'node' && type === 'actors')?.parallelism;
  const refuse = (what: string, details: Readonly<Record<string, unknown>>) =>
    new HoldfastError(
      'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
      `snapshot ${checkpoint} cannot be gone on from: ${what} Start with what it has, or afresh with restore: 'none'.`,
      { details: { checkpoint, ...details } },
    );
  if (nodes === undefined)
    throw refuse(`it is of '${job}', which is no system of actors.`, { job });
  if (job !== name)
    throw refuse(`it is of the system '${job}', and this one is '${name}'.`, { job, name });
  if (nodes !== threads || keyGroups !== GROUPS) {
    throw refuse(`it is of ${nodes} threads, and this system has ${threads}.`, { nodes, threads });
  }
  if (graphHash !== hash) throw refuse('it is of a system with other definitions.', {});
}
