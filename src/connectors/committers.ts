/** Makes the committer that a sink's data asks for, and checks that no two of a job work in the same place. */

import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { HoldfastError } from '../base/errors.js';
import type { CommitterData } from '../stream/sink.js';
import type { Committer } from './committer.js';
import { STAGING } from './files/part-names.js';
import { RenameCommitter, type RenameCommitterData } from './files/rename-committer.js';

/** @throws HoldfastError ERR_HOLDFAST_INTERNAL for a kind that this version does not know */
export function createCommitter(data: CommitterData): Committer {
  if (data.kind === 'rename') return new RenameCommitter(data as unknown as RenameCommitterData);
  throw new HoldfastError(
    'ERR_HOLDFAST_INTERNAL',
    `no committer of kind '${data.kind}' is known. Are two versions of Holdfast installed?`,
  );
}

/**
 * Two sinks of one job may not write to one target: their files would get the same names. Nor may one write to where
 * another stages, or to where checkpoints are: neither knows the other's files. Folders are compared by where they
 * really are, since a link leads to the same place.
 *
 * @param checkpoints the checkpoint directory; undefined when there is none
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION that names both
 */
export function checkDistinctTargets(
  sinks: readonly { readonly id: string; readonly committer: CommitterData | undefined }[],
  checkpoints?: string | undefined,
): void {
  const targets = sinks.flatMap(({ id, committer }) => targetOf(id, committer));
  for (const [at, target] of targets.entries()) {
    const { id, directory, place } = target;
    const owner = targets.slice(0, at).find((other) => other.place === place);
    if (owner !== undefined) {
      const through = owner.directory === directory ? '' : `, through '${owner.directory}'`;
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `the sinks '${owner.id}' and '${id}' both write to '${directory}'${through}. Give each a ` +
          'folder of its own.',
        { details: { sinks: [owner.id, id], directory, place } },
      );
    }
    const host = targets.find((other) => isWithin(place, other.staging));
    if (host !== undefined) {
      throw misplaced(`the sink '${id}' writes to '${directory}'`, host, [id, host.id]);
    }
  }
  if (checkpoints !== undefined) checkApart(targets, checkpoints);
}

interface Target {
  readonly id: string;
  /** As the user gave it. */
  readonly directory: string;
  /** Where it really is, and where its staging folder is. */
  readonly place: string;
  readonly staging: string;
}

function targetOf(id: string, committer: CommitterData | undefined): readonly Target[] {
  if (committer?.kind !== 'rename') return [];
  const { directory } = committer as unknown as RenameCommitterData;
  const place = realPlace(directory);
  return [{ id, directory, place, staging: join(place, STAGING) }];
}

function checkApart(targets: readonly Target[], checkpoints: string): void {
  const store = realPlace(resolve(checkpoints));
  for (const target of targets) {
    const { id, directory, place } = target;
    if (isWithin(store, target.staging)) {
      throw misplaced(`the checkpoint directory is '${checkpoints}'`, target, [id]);
    }
    if (!isWithin(place, store)) continue;
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `the sink '${id}' writes to '${directory}', which is ${place === store ? '' : 'inside '}the checkpoint ` +
        `directory '${checkpoints}'. Give output a folder outside of it: nothing but checkpoints belongs there.`,
      { details: { sinks: [id], directory, place, checkpoints } },
    );
  }
}

function misplaced(what: string, host: Target, sinks: readonly string[]): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${what}, inside '${host.staging}', where the sink '${host.id}' keeps what is not published yet. Use a folder ` +
      'outside of it.',
    { details: { sinks, directory: host.directory, staging: host.staging } },
  );
}

function isWithin(place: string, folder: string): boolean {
  return place === folder || place.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** The path without links, as far as it exists yet. */
function realPlace(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPlace(parent), basename(path));
  }
}
