/** What a driver is made of. Protocol file: shapes only. */

import type { Failure } from '../../base/failure.js';
import type { CheckpointStore, Manifest } from '../../checkpoint/store.js';
import type { HostSpawner } from '../../host/host-link.js';
import type { CreateCommitter } from '../checkpoints/sink-committer.js';
import type { ResolvedOptions } from '../options.js';

export interface DriverOptions {
  readonly options: ResolvedOptions;
  readonly spawn: HostSpawner;
  readonly store: CheckpointStore | undefined;
  /** The checkpoint to start from, and the greatest id ever used in the store. */
  readonly manifest: Manifest | undefined;
  readonly lastCheckpoint: number;
  readonly run: string;
  /** Makes stacks point into the user's own source. */
  readonly mapFailure: (failure: Failure) => Failure;
  /** The connectors' by default. */
  readonly createCommitter?: CreateCommitter | undefined;
}
