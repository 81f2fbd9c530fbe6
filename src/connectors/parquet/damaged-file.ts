import { HoldfastError } from '../../base/errors.js';
import { messageOf } from '../../base/realm.js';
import type { NamedPath } from '../options.js';

/** @param where the damaged place of the file, for the message */
export function damaged(path: NamedPath, where: string, error: unknown): HoldfastError {
  const message = messageOf(error);
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `cannot read '${path.shown}' (${where}): ${message}. ` +
      'The file is damaged, cut short, or no Parquet file that can be read here.',
    { cause: error, details: { path: path.absolute } },
  );
}
