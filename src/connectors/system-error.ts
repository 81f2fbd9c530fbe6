/** Reads Node's system errors. */

import { GONE } from '../base/failure.js';
import { messageOf } from '../base/realm.js';

export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

/** Details of an error about a file or folder: where it is, and whether it is gone. */
export function pathDetails(path: string, error: unknown): Readonly<Record<string, unknown>> {
  return errorCode(error) === 'ENOENT' ? { path, [GONE]: path } : { path };
}

/** Says what the user can do about an error; gives the plain message where there is nothing to add. */
export function explainSystemError(error: unknown): string {
  switch (errorCode(error)) {
    case 'ENOENT':
      return 'it does not exist. Check the path (relative paths start at the current directory)';
    case 'EACCES':
    case 'EPERM':
      return 'permission was denied. Check its owner and mode';
    case 'EISDIR':
      return 'it is a directory, a file is needed';
    case 'ENOTDIR':
      return 'a part of its path is not a directory';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full. Free some space, or choose another disk';
    case 'EROFS':
      return 'the file system is read-only';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open. Raise the limit (ulimit -n)';
    default:
      return messageOf(error);
  }
}
