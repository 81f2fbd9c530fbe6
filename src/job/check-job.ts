/** Tells whether a job would start from a checkpoint, before it is deployed: builds its graph, runs nothing. */

import { absolutePlace, storeAt } from '../checkpoint/checkpoint-place.js';
import { openSavepoint } from '../checkpoint/savepoint.js';
import type { Manifest } from '../checkpoint/store.js';
import { mapError } from '../module/source-maps.js';
import { Pool } from '../pool/pool.js';
import { planJob } from '../stream/graph/planner.js';
import { graphMismatch } from '../workloads/streams/graph-mismatch.js';
import type { Streams } from '../workloads/streams/stream-types.js';
import { resolveOptions } from './options.js';
import { type Compatibility, compatibilityOf } from './recovery/compatibility.js';
import { compiledJob } from './run.js';

export interface CheckJobOptions {
  /** A directory of checkpoints, or a savepoint; or `s3://bucket/prefix`. */
  readonly directory: string;
  /** Default: the newest. */
  readonly checkpoint?: number | undefined;
  /** Default 1 024. */
  readonly keyGroups?: number | undefined;
  readonly args?: Readonly<Record<string, unknown>> | undefined;
  /** As `run` takes it. */
  readonly allowDropped?: readonly string[] | undefined;
}

export interface CheckedJob extends Compatibility {
  readonly job: string;
  readonly directory: string;
  readonly checkpoint: number;
}

/**
 * Tells what would become of each operator's state, by the same rules as a start. The start itself may still fail
 * for what only the state can tell: a value that cannot be migrated, say.
 *
 * @throws HoldfastError whatever keeps the job's graph from being built, or the manifest from being read
 */
export async function checkJob(url: URL | string, given: CheckJobOptions): Promise<CheckedJob> {
  const manifest = await manifestOf(given);
  const options = resolveOptions({
    parallelism: 1,
    spares: 0,
    keyGroups: given.keyGroups,
    args: given.args,
    allowDropped: given.allowDropped,
  });
  const { compiled, spawn } = await compiledJob(url, options);
  const slots = new Pool<Streams>({
    options,
    spawn,
    mismatch: graphMismatch,
    onEvent: () => {},
    onChange: () => {},
    onBeat: () => {},
    onFailure: () => {},
  });
  try {
    const graph = await slots.open();
    const plan = planJob(graph, {
      slots: Math.max(1, ...graph.nodes.map(({ parallelism }) => parallelism ?? 1)),
      keyGroups: options.keyGroups,
    });
    return {
      job: graph.job,
      directory: absolutePlace(given.directory),
      checkpoint: manifest.checkpoint,
      ...compatibilityOf(manifest, plan, options.allowDropped),
    };
  } catch (error) {
    mapError(error, compiled);
    throw error;
  } finally {
    await slots.close(true);
  }
}

async function manifestOf({ directory, checkpoint }: CheckJobOptions): Promise<Manifest> {
  if (checkpoint !== undefined) return await (await storeAt(directory)).readManifest(checkpoint);
  return (await openSavepoint(directory)).manifest;
}
