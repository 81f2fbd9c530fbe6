/** Errors of a checkpoint directory, in words for its user. */

import { HoldfastError } from '../base/errors.js';
import { GONE } from '../base/failure.js';
import { messageOf } from '../base/realm.js';
import { errnoOf } from './directory/file-system.js';

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free space, or move the directory to a larger disk.',
  EDQUOT: 'The disk quota is used up: free space, or raise the quota.',
  EFBIG: 'The file is larger than the file system allows: use another file system.',
  EIO: 'The disk reported an input/output error: check the hardware and the system log.',
  EACCES: 'Give this user the right to read and write the directory, or choose another one.',
  EPERM: 'Give this user the right to read and write the directory, or choose another one.',
  EROFS: 'The file system is mounted read-only: remount it, or choose another directory.',
  ENOTDIR: 'A part of the path is a file: choose another directory, or move the file away.',
  EEXIST:
    'There is a file where a directory is needed: choose another directory, or move the file.',
  ENOENT:
    'Something removed files of the directory while the job ran: keep other programs out of it.',
  EMFILE: 'Too many files are open: raise the limit (ulimit -n).',
  ENFILE: 'Too many files are open on this machine: raise the system-wide limit.',
  ENAMETOOLONG: 'The path is too long: choose a shorter directory name.',
};

function describe(cause: unknown): string {
  return messageOf(cause);
}

function adviceFor(cause: unknown): string {
  const advice = ADVICE[errnoOf(cause) ?? ''];
  return advice === undefined ? '' : ` ${advice}`;
}

/** A directory that cannot be used at all. */
export function directoryError(directory: string, cause: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_DIRECTORY',
    `the checkpoint directory '${directory}' cannot be used: ${describe(cause)}.${adviceFor(cause)}`,
    { cause, details: { directory, errno: errnoOf(cause) } },
  );
}

/**
 * The directory is no longer there. It is not made again: its checkpoints are gone, and where it was moved away, a
 * second run may go on from them.
 */
export function deletedError(directory: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_DIRECTORY',
    `the checkpoint directory '${directory}' was deleted or moved away while the job ran, and its checkpoints with it. Put it back as it was and run the job again; if it is lost, start the job afresh.`,
    { details: { directory, [GONE]: directory } },
  );
}

/** Something could not be made durable; the write is given up. */
export function writeError(what: string, directory: string, cause: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_FAILED',
    `${what} could not be written to '${directory}': ${describe(cause)}.${adviceFor(cause)}`,
    { cause, details: { directory, errno: errnoOf(cause) } },
  );
}

/** Old checkpoints could not be removed; the next clean-up tries again. */
export function cleanUpError(directory: string, cause: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_DIRECTORY',
    `old checkpoints in '${directory}' could not be removed: ${describe(cause)}.${adviceFor(cause)} They take space and do no other harm.`,
    { cause, details: { directory, errno: errnoOf(cause) } },
  );
}

/** Tells where stored bytes differ from what they should be. */
export interface Damage {
  readonly file: string;
  /** Byte at which the damaged piece begins. */
  readonly offset: number;
  /** What was compared: `CRC-32`, `SHA-256`, `size in bytes`… */
  readonly check: string;
  readonly expected: string;
  readonly found: string;
  /** Checksums of the whole file, where they are known. */
  readonly expectedSha256?: string | undefined;
  readonly foundSha256?: string | undefined;
}

export function corruptError(damage: Damage, cause?: unknown): HoldfastError {
  const whole =
    damage.check === 'SHA-256' || damage.foundSha256 === undefined
      ? ''
      : ` (SHA-256 of the whole file: expected ${damage.expectedSha256 ?? 'unknown'}, found ${damage.foundSha256})`;
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    `checkpoint file '${damage.file}' is damaged at byte ${damage.offset}: ${damage.check} expected ${damage.expected}, found ${damage.found}${whole}. Nothing of it was used. Restore the file from a copy, or choose another checkpoint with the restore option (the number of an older one, or 'none' for a fresh start); of a directory, 'holdfast checkpoints DIR --verify' tells which ones are whole.`,
    { ...(cause === undefined ? {} : { cause }), details: { ...damage } },
  );
}

export function formatError(file: string, problem: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_FORMAT',
    `checkpoint file '${file}' cannot be read by this version of Holdfast: ${problem}. Use the version that wrote it, or choose another checkpoint with the restore option.`,
    { details: { file, problem } },
  );
}

export function unreadableError(path: string, cause: unknown): HoldfastError {
  const expected = 'a readable file';
  return corruptError(
    { file: path, offset: 0, check: 'content', expected, found: String(cause) },
    cause,
  );
}
