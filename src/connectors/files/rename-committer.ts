/**
 * The committing half of the rename sink; the writing half is rename-writer.ts.
 *
 *  R1  A part is published by one rename out of `.staging`: readers of the folder see all of it or
 *      nothing. Nothing is ever renamed over another file.
 *  R2  Only a durable manifest's handles are published, so committing twice changes nothing. When a part is staged
 *      no more, the folder's record (published-record.ts) decides. If it says that the part's number was reached,
 *      the part was published, and perhaps taken away by a reader. Else its rows are lost, and that is an error.
 *  R3  The folder is one run's at a time (run-marker.ts): the marker is durable before anything is
 *      staged, and a run that finds another's marker publishes nothing.
 *  R4  Numbers up to the marker's `base` are earlier runs'; the run's checkpoint n has number base + n.
 *      So it is known which published parts are newer than a restored checkpoint.
 *  R5  Only the run's own staged files are removed, and those that an earlier owner of the folder was still
 *      writing when it lost it (a process that died before its first checkpoint): no checkpoint can
 *      have named these. What the earlier owner had staged for a checkpoint stays. Parts are removed only where
 *      the user said so. An overwriting start removes the old parts first and takes the folder last: when
 *      it is interrupted, the next one begins anew.
 *  R6  A folder that this process has taken has the run's marker for as long as the run goes on. Without it the
 *      folder was deleted or emptied, and with it what was published: a run cannot go on in an empty folder.
 *  R7  `.staging` is a real folder inside of this folder: a link would lead the run's files elsewhere.
 *  R8  A reader may take parts and empty folders of partitions away; whatever is published next makes its folder again.
 */

import { dirname, join } from 'node:path';
import { assert } from '../../base/assert.js';
import { HoldfastError } from '../../base/errors.js';
import { GONE } from '../../base/failure.js';
import { lstat, readdir, rename, unlink } from '../../base/files.js';
import { makeDirectory } from '../../base/make-directory.js';
import { atPoint } from '../../base/protocol-points.js';
import type { SinkTransaction } from '../../stream/sink.js';
import type { Committer, RecoverState } from '../committer.js';
import { sinkError } from '../sink-error.js';
import { fileAt, syncDirectory } from './durable-files.js';
import {
  inPartition,
  isPartition,
  isRunId,
  PART_NUMBER_MAX,
  type PartName,
  parsePartName,
  parseStagedName,
  partName,
  STAGING,
  type StagedName,
  stagingPath,
} from './part-names.js';
import { PublishedRecord } from './published-record.js';
import { partsOfTransaction, type StagedPartHandle } from './rename-transaction.js';
import { type RunMarker, readMarker, writeMarker } from './run-marker.js';

const NAMES_SHOWN = 5;

/** Data of `ndjsonFiles`. */
export interface RenameCommitterData {
  readonly kind: 'rename';
  /** Absolute. */
  readonly directory: string;
  /** Parts are in folders of their partitions. */
  readonly partitioned?: true | undefined;
  readonly existing: 'refuse' | 'append' | 'overwrite';
  readonly onRewind: 'refuse' | 'remove';
}

interface PublishedPart {
  /** The folder below the sink's; empty: the sink's. */
  readonly partition: string;
  /** Its name in the staging folder, and among the published ones. */
  readonly from: string;
  readonly to: string;
  /** Which file it is. */
  readonly file: string;
}

export class RenameCommitter implements Committer {
  readonly #data: RenameCommitterData;
  readonly #record: PublishedRecord;
  #marker: RunMarker | undefined;
  /** Partitions whose folders were made, or found, and are durable. */
  readonly #made = new Set<string>();

  constructor(data: RenameCommitterData) {
    this.#data = data;
    this.#record = new PublishedRecord(data.directory);
  }

  async check(state: RecoverState): Promise<void> {
    const { directory, existing, onRewind } = this.#data;
    try {
      // A damaged one is no obstacle for an overwriting start, as in #begin.
      await this.#checkStaging();
      const replaces = existing === 'overwrite' && state.checkpoint === undefined;
      const found = await readMarker(directory).catch((error: unknown) => {
        if (!replaces) throw error;
      });
      const parts = await this.#parts().catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      });
      if (found?.run === state.run) {
        const newer = newerParts(parts, found, state);
        if (newer.length > 0 && onRewind === 'refuse') throw this.#rewound(newer, state);
      } else if (state.checkpoint === undefined) {
        if (parts.length > 0 && existing === 'refuse') throw this.#occupied(parts, found?.run);
      } else if (found !== undefined || parts.length > 0) {
        throw this.#occupied(parts, found?.run);
      }
    } catch (error) {
      throw sinkError('use the folder', directory, error);
    }
  }

  async recover(state: RecoverState): Promise<void> {
    const { directory } = this.#data;
    assert(isRunId(state.run), `'${state.run}' is a run's id`);
    try {
      await this.#checkStaging();
      await makeDirectory(join(directory, STAGING));
      this.#marker =
        state.checkpoint === undefined ? await this.#begin(state.run) : await this.#resume(state);
      await this.#dropNewer(state);
      await this.#publish(this.#handles(state.transactions));
      await this.#sweep(({ run }) => run === state.run);
    } catch (error) {
      throw sinkError('use the folder', directory, error);
    }
  }

  async commit(checkpoint: number, transactions: readonly SinkTransaction[]): Promise<void> {
    const { directory } = this.#data;
    const own = this.#marker;
    assert(own !== undefined, `commit of checkpoint ${checkpoint} comes after recover`);
    if (transactions.length === 0) return;
    try {
      const found = await readMarker(directory);
      if (found?.run !== own.run || found.base !== own.base) throw this.#takenOver(found);
      await this.#publish(this.#handles(transactions));
    } catch (error) {
      throw sinkError('publish to', directory, error);
    }
  }

  /** A fresh start, or one before the run's first checkpoint. */
  async #begin(run: string): Promise<RunMarker> {
    const { directory, existing } = this.#data;
    if (existing === 'overwrite') {
      const found = await readMarker(directory).catch(() => undefined);
      if (found?.run === run) return found;
      await this.#remove(await this.#parts());
      await this.#sweep(() => true);
      return await this.#take({ run, base: 0 });
    }
    const found = await readMarker(directory);
    if (found?.run === run) return found;
    const parts = await this.#parts();
    if (parts.length > 0 && existing === 'refuse') throw this.#occupied(parts, found?.run);
    await this.#sweep(({ run, checkpoint }) => run === found?.run && checkpoint === undefined);
    return await this.#take({ run, base: Math.max(0, ...parts.map(({ number }) => number)) });
  }

  /** From a checkpoint: the folder must be the one in which the run published before. */
  async #resume({ run, transactions }: RecoverState): Promise<RunMarker> {
    const { directory } = this.#data;
    const found = await readMarker(directory);
    if (found?.run === run) return found;
    const parts = await this.#parts();
    if (found !== undefined || parts.length > 0) throw this.#occupied(parts, found?.run);
    if (this.#marker !== undefined) throw this.#emptied(); // R6
    // A new folder for an old run (a new sink, a moved job): right, unless rows were promised here.
    for (const { staged } of partsOfAll(transactions, run)) {
      if ((await fileAt(stagingPath(directory, staged))) === undefined) throw this.#emptied(staged);
    }
    return await this.#take({ run, base: 0 });
  }

  #emptied(missing?: string): HoldfastError {
    const { directory } = this.#data;
    return new HoldfastError(
      'ERR_HOLDFAST_SINK',
      `'${directory}' has no record of this run, and rows that it has written or promised are not ` +
        'there: the folder was deleted, emptied, moved or exchanged. Put it back, or start the job ' +
        "afresh (restore: 'none').",
      { details: { directory, missing, [GONE]: directory } },
    );
  }

  /** R7. */
  async #checkStaging(): Promise<void> {
    const path = join(this.#data.directory, STAGING);
    const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    if (stats === undefined || stats.isDirectory()) return;
    throw new HoldfastError(
      'ERR_HOLDFAST_SINK',
      `'${path}' is no folder, but ${stats.isSymbolicLink() ? 'a link' : 'a file'}. Who has put it ` +
        'there? Remove it, or use another folder.',
      { details: { directory: this.#data.directory } },
    );
  }

  async #take(marker: RunMarker): Promise<RunMarker> {
    await atPoint('output:marker', () => writeMarker(this.#data.directory, marker));
    await this.#record.write(await this.#record.read(), marker.base);
    // The staging folder's own name must survive as well.
    await syncDirectory(this.#data.directory);
    return marker;
  }

  /** Published parts of checkpoints that the restored one does not know of. */
  async #dropNewer(state: RecoverState): Promise<void> {
    const newer = newerParts(await this.#parts(), this.#marker!, state);
    if (newer.length === 0) return;
    if (this.#data.onRewind === 'refuse') throw this.#rewound(newer, state);
    await state.beforeRemoval?.();
    await this.#remove(newer);
    const { base } = this.#marker!;
    await this.#record.write(await this.#record.read(), base + (state.checkpoint ?? 0));
  }

  #rewound(newer: readonly PartName[], { checkpoint = 0 }: RecoverState): HoldfastError {
    const { directory } = this.#data;
    return new HoldfastError(
      'ERR_HOLDFAST_SINK_REWOUND',
      `checkpoint ${checkpoint} is older than what '${directory}' shows already: ${listNames(newer)}. ` +
        'Their rows would come again. Restore the newest checkpoint, or let the sink remove these ' +
        "files: { onRewind: 'remove' }.",
      { details: { directory, checkpoint, parts: newer.map(({ name }) => name) } },
    );
  }

  #handles(transactions: readonly SinkTransaction[]): readonly StagedPartHandle[] {
    return partsOfAll(transactions, this.#marker!.run);
  }

  async #publish(handles: readonly StagedPartHandle[]): Promise<void> {
    if (handles.length === 0) return;
    const { directory } = this.#data;
    const { base } = this.#marker!;
    const reached = await this.#record.read();
    const number = Math.max(...handles.map(({ checkpoint }) => base + checkpoint));
    assert(number <= PART_NUMBER_MAX, `${number} fits into a part's name`);
    const staged: PublishedPart[] = [];
    for (const handle of handles) {
      const from = stagingPath(directory, handle.staged);
      const { checkpoint, instance, partition = '' } = handle;
      const to = join(directory, partName(base + checkpoint, instance, partition));
      const file = await fileAt(from);
      if (file !== undefined) staged.push({ from, to, file, partition });
      // In this order, because a committer that was given up may publish the part between the two looks.
      else if (reached === undefined || base + handle.checkpoint <= reached) continue;
      else if ((await fileAt(to)) === undefined) throw this.#lost(to, handle.staged); // R2
    }
    if (number > (reached ?? -1)) await this.#record.write(reached, number);
    await this.#makePartitions(new Set(staged.map(({ partition }) => partition)));
    for (const part of staged) await this.#publishOne(part);
    // Also when all parts were published before, since that may not have been durable.
    const folders = new Set(handles.map(({ partition = '' }) => partition)).add('');
    await atPoint('output:sync', async () => {
      for (const folder of folders) await syncIfThere(join(directory, folder));
    });
  }

  /** The folders are durable before a part is moved there: else both could be gone after a power cut. */
  async #makePartitions(partitions: ReadonlySet<string>): Promise<void> {
    const { directory } = this.#data;
    const made: string[] = [];
    // Most have some in common, each of which is made durable once.
    const above = new Set<string>();
    for (const partition of partitions) {
      if (partition === '') continue;
      const folder = join(directory, partition);
      if (this.#made.has(partition) && (await fileAt(folder)) !== undefined) continue;
      await makeDirectory(folder);
      made.push(partition);
      for (let one = partition; one !== '.'; one = dirname(one)) above.add(dirname(one));
    }
    for (const folder of above) await syncDirectory(join(directory, folder));
    for (const partition of made) this.#made.add(partition);
  }

  async #publishOne({ from, to, file }: PublishedPart): Promise<void> {
    const published = await fileAt(to);
    if (published === undefined || published === file) {
      const move = () => (published === undefined ? rename(from, to) : unlink(from));
      await atPoint('output:publish', move).catch(async (error: NodeJS.ErrnoException) => {
        // A committer that was given up may be publishing the same file at the same moment.
        if (error.code !== 'ENOENT' || (await fileAt(to)) !== file) throw error;
      });
    } else {
      throw new HoldfastError(
        'ERR_HOLDFAST_SINK',
        `'${to}' is there already and is another file than the one to be published. Something else ` +
          'writes to this folder (another sink of the job?): give each sink a folder of its own.',
        { details: { directory: this.#data.directory, part: to, staged: from } },
      );
    }
  }

  #lost(part: string, staged: string): HoldfastError {
    const { directory } = this.#data;
    return new HoldfastError(
      'ERR_HOLDFAST_SINK',
      `the rows of '${part}' are promised by the checkpoint, and are neither staged nor published: ` +
        'something has removed it from the staging folder. Put it back, or start the job afresh ' +
        "(restore: 'none').",
      { details: { directory, part, staged } },
    );
  }

  async #parts(): Promise<readonly PartName[]> {
    const { directory, partitioned } = this.#data;
    return await partsIn(directory, '', partitioned === true);
  }

  async #remove(parts: readonly PartName[]): Promise<void> {
    if (parts.length === 0) return;
    const { directory } = this.#data;
    for (const { name } of parts) await unlink(join(directory, name));
    const folders = new Set(parts.map(({ name }) => dirname(name)));
    for (const folder of folders) await syncDirectory(join(directory, folder));
  }

  /** Removes staged files. They are in no manifest any more, so nothing has to be durable. */
  async #sweep(which: (staged: StagedName) => boolean): Promise<void> {
    const { directory } = this.#data;
    for (const name of await readdir(join(directory, STAGING))) {
      const staged = parseStagedName(name);
      if (staged === undefined || !which(staged)) continue;
      const path = stagingPath(directory, name);
      await atPoint('output:sweep', () => unlink(path)).catch((error: unknown) => {
        // A thread that is closing removes its own open file at the same time.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      });
    }
  }

  #occupied(parts: readonly PartName[], owner: string | undefined): HoldfastError {
    const { directory } = this.#data;
    // Without a marker nobody can say whose the parts are, nor from which checkpoints.
    const holds =
      owner === undefined
        ? `holds parts, and no record of whose they are: ${listNames(parts)}. If this run has ` +
          `written them, put back '${stagingPath(directory, 'run.json')}', which is gone. Otherwise use`
        : parts.length === 0
          ? `belongs to run ${owner}. Use`
          : `holds parts of run ${owner}: ${listNames(parts)}. Use`;
    return new HoldfastError(
      'ERR_HOLDFAST_SINK_OCCUPIED',
      `'${directory}' ${holds} another folder, or, for a fresh start (restore: 'none'), add to it ` +
        "({ existing: 'append' }) or replace it ({ existing: 'overwrite' }).",
      { details: { directory, owner, parts: parts.map(({ name }) => name) } },
    );
  }

  #takenOver(found: RunMarker | undefined): HoldfastError {
    const { directory } = this.#data;
    const why =
      found === undefined
        ? 'its .staging folder was emptied'
        : `run ${found.run} has taken it over`;
    const gone = found === undefined ? { [GONE]: directory } : {};
    return new HoldfastError(
      'ERR_HOLDFAST_SINK',
      `nothing was published to '${directory}': ${why}. Two runs must not share a folder.`,
      { details: { directory, owner: found?.run, ...gone } },
    );
  }
}

/** All of a folder, in the order of their names. @param below also those of partitions, but not of another sink's folder */
async function partsIn(
  directory: string,
  partition: string,
  below: boolean,
): Promise<readonly PartName[]> {
  const folder = join(directory, partition);
  const names = (await readdir(folder)).sort();
  if (partition !== '' && names.includes(STAGING)) return [];
  const parts: PartName[] = [];
  for (const name of names) {
    const part = parsePartName(name, partition);
    if (part !== undefined) parts.push(part);
    const inside = inPartition(partition, name);
    if (part !== undefined || !below || !isPartition(inside)) continue;
    if ((await lstat(join(directory, inside))).isDirectory()) {
      parts.push(...(await partsIn(directory, inside, below)));
    }
  }
  return parts;
}

/** Readers may take the last part of a partition away, and its folder with it. */
async function syncIfThere(folder: string): Promise<void> {
  if ((await fileAt(folder)) !== undefined) await syncDirectory(folder);
}

/** Published parts of checkpoints that the restored one does not know of. */
function newerParts(
  parts: readonly PartName[],
  { base }: RunMarker,
  { checkpoint = 0 }: RecoverState,
): readonly PartName[] {
  return parts.filter(({ number }) => number > base + checkpoint);
}

function partsOfAll(
  transactions: readonly SinkTransaction[],
  run: string,
): readonly StagedPartHandle[] {
  return transactions.flatMap((transaction) => partsOfTransaction(transaction, run));
}

function listNames(parts: readonly PartName[]): string {
  const shown = parts.slice(0, NAMES_SHOWN).map(({ name }) => name);
  const more = parts.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
