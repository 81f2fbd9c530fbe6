import { HoldfastError } from '../../base/errors.js';
import { checkObject, checkOneOf } from '../../base/option-checks.js';
import type { Sink } from '../../stream/sink.js';
import { checkPath } from '../options.js';
import type { RenameCommitterData } from './rename-committer.js';
import { RenameWriter } from './rename-writer.js';

export interface NdjsonFilesOptions<T = unknown> {
  /**
   * The partition of a record: the folder, below the sink's own, whose files the row goes to. Folders within it are
   * divided by `/`: `day=2026-11-29/hour=12`. Each has a name of 1 to 200 bytes in UTF-8, without a dot in front,
   * and without backslashes, colons or control characters; all together have at most 512 characters. Default: no
   * partitions.
   *
   * A partition has a file of its own for each checkpoint and instance that brings rows to it, so `keyBy` the
   * partition first where there are many. Rows of at most 1 000 partitions may wait for one checkpoint in an instance.
   */
  readonly partitionBy?: ((record: T) => string) | undefined;
  /** What to do on a fresh start with a folder that holds another run's parts. Default `'refuse'`. */
  readonly existing?: 'refuse' | 'append' | 'overwrite' | undefined;
  /**
   * What to do when an older checkpoint is restored than the newest one that was published: refuse
   * and name the parts (the default), or remove them.
   */
  readonly onRewind?: 'refuse' | 'remove' | undefined;
}

/**
 * A sink that writes records as lines of JSON to files in a folder, exactly once: a reader that takes
 * the `part-…` files sees each row once, whatever failed in between. Rows appear with the checkpoint
 * that completes (without checkpoints: at the end); files in the order of their names keep the order
 * per key. `.staging` in the folder is the sink's own.
 *
 * What JSON would write as something else is refused, by the path to it: NaN and Infinity, bigints, Maps,
 * Sets, errors, bytes, functions and symbols, a list's properties of other names, instances with nothing to
 * show. A property that is undefined is left out, and so are symbols as keys and hidden properties.
 *
 * Readers may take published parts away. So the sink does not miss a published part that is gone: it cannot tell
 * a part that a reader has moved from one that somebody has deleted.
 *
 * Failures: ERR_HOLDFAST_SINK (unwritable, full disk, a record that JSON cannot hold, a partition that is none, a folder
 * that was deleted under the run, staged rows that are gone),
 * ERR_HOLDFAST_SINK_OCCUPIED (another run's folder), ERR_HOLDFAST_SINK_REWOUND.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function ndjsonFiles<T = unknown>(
  directory: string | URL,
  options?: NdjsonFilesOptions<T>,
): Sink<T> {
  const { absolute } = checkPath('ndjsonFiles.directory', directory);
  const given = checkObject<NdjsonFilesOptions<T>>('ndjsonFiles', options, [
    'partitionBy',
    'existing',
    'onRewind',
  ]);
  const { partitionBy } = given;
  if (partitionBy !== undefined && typeof partitionBy !== 'function') {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      'ndjsonFiles.partitionBy must be a function such as (row) => row.day, but is no function.',
    );
  }
  const committer: RenameCommitterData = {
    kind: 'rename',
    directory: absolute,
    ...(partitionBy === undefined ? {} : { partitioned: true }),
    existing: checkOneOf('ndjsonFiles.existing', given.existing, 'refuse', [
      'refuse',
      'append',
      'overwrite',
    ]),
    onRewind: checkOneOf('ndjsonFiles.onRewind', given.onRewind, 'refuse', ['refuse', 'remove']),
  };
  return {
    kind: 'ndjsonFiles',
    committer: { ...committer },
    open: (context) => new RenameWriter<T>(absolute, context, partitionBy),
  };
}
