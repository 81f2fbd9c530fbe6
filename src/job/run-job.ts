/** What `run` and `runInline` share: store, restore point, driver. */

import type { Failure } from '../base/failure.js';
import { openCheckpointDirectory } from '../checkpoint/directory-store.js';
import type { CheckpointStore } from '../checkpoint/store.js';
import { JobDriver } from './driver.js';
import type { HostSpawner } from './host-link.js';
import { RunningJob } from './job.js';
import type { ResolvedOptions } from './options.js';
import { findRestorePoint } from './restore-point.js';

/** @returns when all tasks run; the store is released again when that fails */
export async function launchJob(
  options: ResolvedOptions,
  spawn: HostSpawner,
  map: (failure: Failure) => Failure,
): Promise<RunningJob> {
  const store = openStore(options);
  await store?.acquire();
  let driver: JobDriver;
  try {
    const point = await findRestorePoint(store, options.restore);
    driver = new JobDriver({ options, spawn, store, mapFailure: map, ...point });
  } catch (error) {
    await store?.close();
    throw error;
  }
  await driver.start();
  const job = new RunningJob(driver);
  const { signal } = options;
  if (signal?.aborted) void job.cancel();
  const onAbort = () => void job.cancel();
  signal?.addEventListener('abort', onAbort, { once: true });
  const forget = () => signal?.removeEventListener('abort', onAbort);
  job.finished.then(forget, forget);
  return job;
}

function openStore(options: ResolvedOptions): CheckpointStore | undefined {
  if (options.checkpoint.store !== undefined) return options.checkpoint.store;
  const { directory } = options.checkpoint;
  return directory === undefined ? undefined : openCheckpointDirectory(directory);
}
