/** What goes to a thread of a pool and comes back. Protocol file: shapes only. */

import type { Failure } from '../../base/failure.js';

export interface PoolTask {
  /** Absolute path of the compiled module, and the name of its export. */
  readonly module: string;
  readonly name: string;
  /** Absent: the export is only looked for. */
  readonly call?: {
    /** The record, encoded. */
    readonly bytes: Uint8Array;
    readonly attempt: number;
    readonly timestamp: number | undefined;
  };
}

export type PoolAnswer =
  | { readonly kind: 'ready' }
  /** The result, encoded. */
  | { readonly kind: 'done'; readonly bytes: Uint8Array }
  | { readonly kind: 'no-function'; readonly found: string; readonly exported: readonly string[] }
  | { readonly kind: 'failed'; readonly failure: Failure };
