/** What `run` and `runInline` share: store, restore point, driver. */

import type { Failure } from '../base/failure.js';
import { openCheckpointDirectory } from '../checkpoint/directory/directory-store.js';
import type { CheckpointStore, Manifest } from '../checkpoint/store.js';
import { registerCodecs } from '../codec/codec-registry.js';
import type { StreamSpawner } from '../workloads/streams/stream-types.js';
import type { CreateCommitter } from './checkpoints/sink-committer.js';
import { JobDriver } from './driver/driver.js';
import { RunningJob } from './job.js';
import { canceledError } from './job-errors.js';
import type { JobWatch } from './job-watch.js';
import type { ResolvedOptions } from './options.js';
import { rescaleReport } from './recovery/rescale-report.js';
import { findRestorePoint } from './recovery/restore-point.js';

/**
 * @returns the job, when all tasks run; when that fails, the store is released again
 * @throws HoldfastError ERR_HOLDFAST_CANCELED when the signal is aborted by then
 */
export async function launchJob(
  options: ResolvedOptions,
  spawn: StreamSpawner,
  map: (failure: Failure) => Failure,
  createCommitter?: CreateCommitter,
  watch?: JobWatch,
): Promise<RunningJob> {
  const { signal } = options;
  if (signal?.aborted) throw canceledError(signal.reason);
  registerCodecs(options.codecs);
  const store = openStore(options);
  await store?.acquire();
  let driver: JobDriver;
  let manifest: Manifest | undefined;
  try {
    const point = await findRestorePoint(store, options.restore);
    manifest = point.manifest;
    driver = new JobDriver({
      options,
      spawn,
      store,
      mapFailure: map,
      createCommitter,
      watch,
      ...point,
    });
  } catch (error) {
    await store?.close().catch(() => {});
    throw error;
  }
  const onAbort = () => void driver.cancel(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const forget = () => signal?.removeEventListener('abort', onAbort);
  driver.finished.then(forget, forget);
  await driver.start();
  tellRescaled(driver, manifest);
  return new RunningJob(driver);
}

/** Told in a later turn: nobody can listen before `run` has given the job away. */
function tellRescaled(driver: JobDriver, manifest: Manifest | undefined): void {
  if (manifest === undefined || manifest.final) return;
  const event = rescaleReport(manifest, driver.plan);
  if (event !== undefined) setImmediate(() => driver.events.tell('rescaled', event));
}

function openStore(options: ResolvedOptions): CheckpointStore | undefined {
  if (options.checkpoint.store !== undefined) return options.checkpoint.store;
  const { directory } = options.checkpoint;
  return directory === undefined ? undefined : openCheckpointDirectory(directory);
}
