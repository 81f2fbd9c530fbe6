/**
 * Names of the rename sink's files. Handles come out of manifests, names out of directories: both are
 * taken apart by these patterns and put together again, so nothing in them can lead elsewhere.
 *
 *     DIR/part-0000000007-1.ndjson                          published: number 7, instance 1
 *     DIR/2026-11-29/12/part-0000000007-1.ndjson            … of the partition `2026-11-29/12`
 *     DIR/.staging/<run>-7-1-3-9f2c41d0a7b6e815             staged for checkpoint 7: instance, incarnation
 *     DIR/.staging/<run>-open-1-3-9f2c41d0a7b6e815          being written, in no checkpoint yet
 *     DIR/.staging/run.json                                 whose the folder is (run-marker.ts)
 *     DIR/.staging/published-0000000007                     numbers published so far (published-record.ts)
 */

import { join } from 'node:path';

export const STAGING = '.staging';
const NUMBER_DIGITS = 10;
export const PART_NUMBER_MAX = 10 ** NUMBER_DIGITS - 1;

const PART = /^part-(\d{10})-(\d+)\.ndjson$/;
const STAGED = /^(.+)-(open|\d+)-(\d+)-(\d+)-([0-9a-f]{16})$/;
const RUN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export function isRunId(run: unknown): run is string {
  return typeof run === 'string' && RUN.test(run);
}

/** The path of what is in a partition. @param partition empty: none */
export function inPartition(partition: string, name: string): string {
  return partition === '' ? name : `${partition}/${name}`;
}

/** @param partition empty: none */
export function partName(number: number, instance: number, partition: string): string {
  const digits = String(number).padStart(NUMBER_DIGITS, '0');
  return inPartition(partition, `part-${digits}-${instance}.ndjson`);
}

export interface PartName {
  /** With its partition. */
  readonly name: string;
  readonly number: number;
  readonly instance: number;
}

/** @param partition in which it was found; empty: none */
export function parsePartName(name: string, partition: string): PartName | undefined {
  const match = PART.exec(name);
  return match === null
    ? undefined
    : {
        name: inPartition(partition, name),
        number: Number(match[1]),
        instance: Number(match[2]),
      };
}

/** In UTF-8. File systems take 255 bytes for a name. A longer one could be staged, but never be published. */
const FOLDER_BYTES_MAX = 200;
const PARTITION_CHARACTERS_MAX = 512;
/**
 * No dot in front, which hides a folder or leads out of it, and nothing that a file system takes for something else. Of
 * half a surrogate pair UTF-8 makes the same character as of any other half.
 */
const FOLDER = /^[^.\p{Cc}\p{Cs}\\/:][^\p{Cc}\p{Cs}\\/:]*$/u;

/** For messages: what a partition has to be. */
export const PARTITION_RULE =
  `Folders are divided by '/', and have at most ${PARTITION_CHARACTERS_MAX} characters in all. Each has a name of 1 to ` +
  `${FOLDER_BYTES_MAX} bytes in UTF-8, without a dot in front, backslashes, colons, control characters or half a ` +
  'surrogate pair';

/**
 * Is this folders within a folder, such as `day=2026-11-29/hour=12`? Names that a published part could have are not
 * folders of a partition. A colon is none on Windows, so it is none anywhere.
 */
export function isPartition(partition: unknown): partition is string {
  if (typeof partition !== 'string' || partition.length > PARTITION_CHARACTERS_MAX) return false;
  return partition.split('/').every(isFolder);
}

function isFolder(name: string): boolean {
  return FOLDER.test(name) && Buffer.byteLength(name) <= FOLDER_BYTES_MAX && !PART.test(name);
}

export interface StagedName {
  readonly run: string;
  /** Undefined: in no checkpoint yet. */
  readonly checkpoint: number | undefined;
  readonly instance: number;
  readonly incarnation: number;
  /** 16 hexadecimal digits. */
  readonly random: string;
}

export function stagedName({ run, checkpoint, instance, incarnation, random }: StagedName): string {
  return `${run}-${checkpoint ?? 'open'}-${instance}-${incarnation}-${random}`;
}

export function parseStagedName(name: string): StagedName | undefined {
  const match = STAGED.exec(name);
  if (match === null || !isRunId(match[1])) return undefined;
  const [, run, checkpoint, instance, incarnation, random] = match;
  return {
    run: run!,
    checkpoint: checkpoint === 'open' ? undefined : Number(checkpoint),
    instance: Number(instance),
    incarnation: Number(incarnation),
    random: random!,
  };
}

export function stagingPath(directory: string, name: string): string {
  return join(directory, STAGING, name);
}
