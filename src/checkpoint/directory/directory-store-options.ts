/** Seams of a directory store: what tests put in the place of the machine. */

import type { PartIo } from '../parts/part-io.js';
import type { FileSystem } from './file-system.js';
import type { Processes } from './process-identity.js';

export interface DirectoryStoreOptions {
  /** Where faults are injected; the real one by default. */
  readonly files?: FileSystem;
  /** Who writes and reads large parts; by default the thread pool on the real file system. */
  readonly pool?: PartIo;
  /** Whose locks count; those of this machine by default. */
  readonly processes?: Processes;
}
