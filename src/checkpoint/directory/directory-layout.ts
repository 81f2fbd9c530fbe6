/**
 * Names in a checkpoint directory.
 *
 *     DIR/lock                        who uses it
 *     DIR/epoch                       the greatest epoch ever given out
 *     DIR/finished.json               how the run ended, once it has
 *     DIR/latest                      a hint for people
 *     DIR/statistics.json             what checkpoints have cost, for people
 *     DIR/manifests/0000000012.json   one per checkpoint: its existence is the commit
 *     DIR/parts/c…-e…-….part          state, named by manifests
 *     DIR/…/tmp-…                     on its way to one of the above
 */

import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { PartInput } from '../store.js';

export interface DirectoryLayout {
  readonly root: string;
  readonly lock: string;
  readonly epoch: string;
  readonly finished: string;
  readonly latest: string;
  readonly statistics: string;
  readonly manifests: string;
  readonly parts: string;
}

export function layoutOf(directory: string): DirectoryLayout {
  const root = resolve(directory);
  return {
    root,
    lock: join(root, 'lock'),
    epoch: join(root, 'epoch'),
    finished: join(root, 'finished.json'),
    latest: join(root, 'latest'),
    statistics: join(root, 'statistics.json'),
    manifests: join(root, 'manifests'),
    parts: join(root, 'parts'),
  };
}

export const TEMPORARY_PREFIX = 'tmp-';

/** Never used before: 64 random bits. */
export function temporaryName(of: string): string {
  return `${TEMPORARY_PREFIX}${of}-${randomBytes(8).toString('hex')}`;
}

export function manifestName(checkpoint: number): string {
  return `${String(checkpoint).padStart(10, '0')}.json`;
}

export function checkpointOfManifest(name: string): number | undefined {
  const match = /^(\d{10,16})\.json$/.exec(name);
  if (match === null) return undefined;
  const checkpoint = Number(match[1]);
  return checkpoint >= 1 && manifestName(checkpoint) === name ? checkpoint : undefined;
}

const SLUG_MAX = 48;

/** Checkpoint, epoch and task for people and for clean-up; incarnation and 64 random bits make it unique. */
export function partName(part: PartInput): string {
  const slug = part.vertex.replace(/[^A-Za-z0-9_]+/g, '_').slice(0, SLUG_MAX);
  const checkpoint = String(part.checkpoint).padStart(10, '0');
  const random = randomBytes(8).toString('hex');
  return `c${checkpoint}-e${part.epoch}-${slug}-i${part.instance}-n${part.incarnation}-${random}.part`;
}

/** What a part's name tells; undefined for files of others. */
export function partOfName(
  name: string,
): { readonly checkpoint: number; readonly epoch: number } | undefined {
  const match = /^c(\d{10,16})-e(\d{1,16})-[A-Za-z0-9_]*-i\d+-n\d+-[0-9a-f]{16}\.part$/.exec(name);
  return match === null ? undefined : { checkpoint: Number(match[1]), epoch: Number(match[2]) };
}
