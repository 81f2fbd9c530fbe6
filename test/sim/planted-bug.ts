/** A mistake that a simulation must find. Protocol file: shapes only. */

import type { FileSystem } from '../../src/checkpoint/directory/file-system.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import type {
  CheckpointBase,
  DeploySpec,
  StreamEvent,
} from '../../src/workloads/streams/stream-types.js';
import type { Theme } from './topology.js';

export interface PlantedBug {
  readonly name: string;
  /** It shows only in seeds about this, or hardly in others: there it is looked for. */
  readonly theme?: Theme;
  /** Changes the real parts, for as long as a seed runs. @returns what undoes it */
  readonly install?: () => () => void;
  readonly files?: (files: FileSystem) => FileSystem;
  readonly store?: (store: CheckpointStore) => CheckpointStore;
  /** What a thread is told to run, and what its next snapshots may build on. */
  readonly deploy?: (spec: DeploySpec) => DeploySpec;
  readonly base?: (base: CheckpointBase) => CheckpointBase;
  /** What a thread tells. */
  readonly event?: (event: StreamEvent) => StreamEvent;
  /**
   * What the driver hears of it.
   * @param newest the epoch that the region of an epoch is in now
   */
  readonly deliver?: (event: StreamEvent, newest: (epoch: number) => number) => StreamEvent;
  /** Where a reader begins that should begin there. */
  readonly seek?: (position: number) => number;
}
