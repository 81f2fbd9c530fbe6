/** The rows that `ndjsonFiles` has written. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * Reads a file at a time, as rows are asked for.
 * @param {string} directory of the sink
 * @returns {Generator<{ row: object, folder: string }>} `folder` is relative to the directory, '' for itself
 */
export function* rowsInFiles(directory) {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.name.startsWith('part-')) continue;
    const folder = relative(directory, entry.parentPath);
    const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
    for (const line of text.trimEnd().split('\n')) yield { row: JSON.parse(line), folder };
  }
}
