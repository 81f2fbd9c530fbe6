/**
 * Looks into a checkpoint directory from outside: reads only, takes no lock, and reports damage instead
 * of throwing it. A job may use the directory meanwhile. Checkpoints that it removes during the look are
 * left out.
 */

import { join } from 'node:path';
import { HoldfastError } from '../../base/errors.js';
import { messageOf } from '../../base/realm.js';
import {
  checkpointOfManifest,
  layoutOf,
  manifestName,
  partOfName,
} from '../directory/directory-layout.js';
import { readLock } from '../directory/directory-lock.js';
import { readWhole } from '../directory/file-reading.js';
import { errnoOf, type FileSystem } from '../directory/file-system.js';
import { nodeFileSystem } from '../directory/node-file-system.js';
import { livenessOf } from '../directory/process-identity.js';
import { decodeFinished, decodeManifest } from '../manifest.js';
import { filesOf } from '../parts/part-chain.js';
import { type AffectedState, affectedState } from '../parts/part-damage.js';
import { readPartFile } from '../parts/part-reader.js';
import { corruptError, directoryError } from '../storage-errors.js';
import type { CheckpointInfo, FinishedMark, Manifest, PartFile } from '../store.js';

export interface InspectOptions {
  /** Reads every part and compares every checksum. Without it only manifests and sizes are looked at. */
  readonly verify?: boolean;
  /** Now, in milliseconds since 1970, for ages. */
  readonly nowMs: number;
  readonly files?: FileSystem;
}

/** Something that cannot be used as it is. */
export interface FoundDamage {
  readonly file: string;
  readonly code: string;
  readonly message: string;
  /** The offset, and both checksums where there are two. */
  readonly details: Readonly<Record<string, unknown>>;
  /** The state that the file holds, when it is a part. */
  readonly affects?: readonly AffectedState[] | undefined;
}

export interface InspectedOperator {
  readonly id: string;
  readonly type: string;
  readonly stateful: boolean;
  readonly parallelism: number;
  /** Bytes of the part's sections, over all files that the checkpoint needs. */
  readonly bytes: number;
}

export interface InspectedCheckpoint extends CheckpointInfo {
  readonly manifestFile: string;
  readonly job: string;
  readonly run: string;
  readonly mode: Manifest['mode'];
  readonly keyGroups: number;
  readonly ageMs: number;
  readonly operators: readonly InspectedOperator[];
  readonly sourceRecords: number;
  readonly transactions: number;
  readonly damage: readonly FoundDamage[];
}

/** A manifest that cannot be read. */
export interface DamagedCheckpoint {
  readonly checkpoint: number;
  readonly manifestFile: string;
  readonly damage: readonly FoundDamage[];
}

export interface DirectoryReport {
  /** Absolute path. */
  readonly directory: string;
  readonly verified: boolean;
  /** The process that has the lock, and whether it runs. */
  readonly lock:
    | { readonly pid: number; readonly host: string; readonly state: 'alive' | 'dead' | 'foreign' }
    | undefined;
  readonly finished: FinishedMark | undefined;
  /** Newest first. */
  readonly checkpoints: readonly InspectedCheckpoint[];
  readonly damaged: readonly DamagedCheckpoint[];
  /** Damage of files that belong to no checkpoint. */
  readonly damage: readonly FoundDamage[];
  /** Number of part files that no manifest names: those of a checkpoint under way, or of one that was given up. */
  readonly unnamedParts: number;
}

/** Rejects with ERR_HOLDFAST_CHECKPOINT_DIRECTORY when there is no such directory or it cannot be read. */
export async function inspectDirectory(
  directory: string,
  options: InspectOptions,
): Promise<DirectoryReport> {
  const files = options.files ?? nodeFileSystem;
  const at = layoutOf(directory);
  const names = await listOrEmpty(files, at.root, at.manifests);
  const parts = await listOrEmpty(files, at.root, at.parts);
  const ids = names.map(checkpointOfManifest).filter((id) => id !== undefined);
  ids.sort((a, b) => b - a);

  const checkpoints: InspectedCheckpoint[] = [];
  const damaged: DamagedCheckpoint[] = [];
  /** Damage by file name, so that a file which several checkpoints build on is looked at once. */
  const named = new Map<string, FoundDamage | undefined>();
  for (const id of ids) {
    const manifestFile = join(at.manifests, manifestName(id));
    let manifest: Manifest;
    let manifestBytes: number;
    try {
      const bytes = await readWhole(files, manifestFile);
      manifestBytes = bytes.length;
      manifest = decodeManifest(bytes, manifestFile);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') continue;
      damaged.push({ checkpoint: id, manifestFile, damage: [toDamage(manifestFile, error)] });
      continue;
    }
    const damage: FoundDamage[] = [];
    for (const part of manifest.parts.flatMap(filesOf)) {
      if (!named.has(part.file)) {
        const looked = await inspectPart(files, at.parts, part, options.verify === true);
        named.set(part.file, looked);
      }
      const found = named.get(part.file);
      if (found !== undefined) damage.push(found);
    }
    // The job may have pruned the checkpoint meanwhile.
    if (damage.length > 0 && (await files.size(manifestFile)) === undefined) continue;
    checkpoints.push({
      ...summary(manifest, manifestBytes),
      manifestFile,
      ageMs: options.nowMs - manifest.createdAtMs,
      damage,
    });
  }

  const damage: FoundDamage[] = [];
  const finished = await readFinished(files, at.finished, damage);
  return {
    directory: at.root,
    verified: options.verify === true,
    lock: await inspectLock(files, at.lock, damage),
    finished,
    checkpoints,
    damaged,
    damage,
    unnamedParts: parts.filter((file) => partOfName(file) !== undefined && !named.has(file)).length,
  };
}

async function listOrEmpty(
  files: FileSystem,
  root: string,
  directory: string,
): Promise<readonly string[]> {
  try {
    return await files.list(directory);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw directoryError(root, error);
  }
  try {
    await files.list(root);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw directoryError(root, error);
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_DIRECTORY',
      `there is no checkpoint directory '${root}'. Name the directory that the job was given.`,
      { cause: error, details: { directory: root } },
    );
  }
  return [];
}

async function inspectPart(
  files: FileSystem,
  directory: string,
  part: PartFile,
  verify: boolean,
): Promise<FoundDamage | undefined> {
  const path = join(directory, part.file);
  try {
    if (verify) {
      await readPartFile(files, path, part);
      return undefined;
    }
    const size = await files.size(path);
    if (size === part.bytes) return undefined;
    throw corruptError({
      file: path,
      offset: Math.min(size ?? 0, part.bytes),
      check: 'size in bytes',
      expected: String(part.bytes),
      found: size === undefined ? 'no file' : String(size),
    });
  } catch (error) {
    return partDamage(path, part, error);
  }
}

/** Damage of a part, with the state that it concerns. */
export function partDamage(path: string, part: PartFile, error: unknown): FoundDamage {
  const damage = toDamage(path, error);
  const { check, offset } = damage.details as { readonly check?: unknown; offset?: unknown };
  // Only the checksum of a chunk tells the place. A size, or the SHA-256 of the whole file, concerns all of it.
  const place = check === 'CRC-32' && typeof offset === 'number' ? offset : undefined;
  return { ...damage, affects: affectedState(part, place) };
}

export function summary(
  manifest: Manifest,
  manifestBytes: number,
): Omit<InspectedCheckpoint, 'manifestFile' | 'ageMs' | 'damage'> {
  const stored = manifest.parts.flatMap(filesOf);
  const sections = stored.flatMap((part) => part.sections);
  return {
    checkpoint: manifest.checkpoint,
    epoch: manifest.epoch,
    createdAtMs: manifest.createdAtMs,
    final: manifest.final,
    bytes: manifestBytes + stored.reduce((sum, part) => sum + part.bytes, 0),
    parts: stored.length,
    job: manifest.job,
    run: manifest.run,
    mode: manifest.mode,
    keyGroups: manifest.keyGroups,
    operators: manifest.operators.map(({ id, type, stateful, parallelism }) => ({
      id,
      type,
      stateful,
      parallelism,
      bytes: sections.reduce((sum, { operator, bytes }) => sum + (operator === id ? bytes : 0), 0),
    })),
    sourceRecords: Object.values(manifest.sourceRecords).reduce((sum, count) => sum + count, 0),
    transactions: manifest.transactions.length,
  };
}

async function readFinished(
  files: FileSystem,
  path: string,
  damage: FoundDamage[],
): Promise<FinishedMark | undefined> {
  try {
    return decodeFinished(await readWhole(files, path), path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') damage.push(toDamage(path, error));
    return undefined;
  }
}

async function inspectLock(
  files: FileSystem,
  path: string,
  damage: FoundDamage[],
): Promise<DirectoryReport['lock']> {
  try {
    const owner = (await readLock(files, path))?.owner;
    if (owner === undefined) return undefined;
    return { pid: owner.pid, host: owner.host, state: await livenessOf(owner) };
  } catch (error) {
    damage.push(toDamage(path, error));
    return undefined;
  }
}

export function toDamage(file: string, error: unknown): FoundDamage {
  if (error instanceof HoldfastError) {
    return { file, code: error.code, message: error.message, details: error.details };
  }
  const message = messageOf(error);
  return { file, code: errnoOf(error) ?? 'ERR_HOLDFAST_INTERNAL', message, details: {} };
}
