/** What a test has taken of a job between two elements, to go on from. */

import { HoldfastError } from '../base/errors.js';
import { filesOf } from '../checkpoint/parts/part-chain.js';
import type { CheckpointStore, Manifest } from '../checkpoint/store.js';
import { describeValue } from '../stream/api/callbacks.js';

/** A checkpoint that a test has taken with `snapshot()`. It stays as it is, whatever goes on from it, and how often. */
export interface TestSnapshot {
  readonly job: string;
  /** Size of the state in it, in bytes. */
  readonly bytes: number;
}

export interface SnapshotContents {
  readonly manifest: Manifest;
  readonly store: Pick<CheckpointStore, 'readPart'>;
  /** What the clock showed, in ms since the epoch. */
  readonly nowMs: number;
  /** By the id of an input: the event time that was said by hand, in ms. */
  readonly times: Readonly<Record<string, number>>;
  /** Ids of inputs that had ended. */
  readonly ended: readonly string[];
}

const contents = new WeakMap<object, SnapshotContents>();

export function snapshotOf(given: SnapshotContents): TestSnapshot {
  const { job, parts } = given.manifest;
  const bytes = parts.flatMap(filesOf).reduce((sum, file) => sum + file.bytes, 0);
  const snapshot: TestSnapshot = Object.freeze({ job, bytes });
  contents.set(snapshot, given);
  return snapshot;
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function contentsOf(given: unknown): SnapshotContents {
  const found = typeof given === 'object' && given !== null ? contents.get(given) : undefined;
  if (found !== undefined) return found;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `option restore: given was ${describeValue(given)}, allowed is what snapshot() of a test gave, or the path of a ` +
      'savepoint.',
  );
}
