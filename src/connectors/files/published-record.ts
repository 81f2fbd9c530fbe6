/**
 * Tells up to which number the parts of a folder were published. The number is kept in the name of an empty file in
 * the staging folder, so that it changes in one rename.
 *
 * Neither a part that a reader has taken away nor one that never came is staged or there: the number tells the two
 * apart. It is durable before the first part of its number is published; the parts behind it are staged
 * then, and found there. A folder of version 0.1.0 has no such file, and nothing can be told.
 */

import { join } from 'node:path';
import { open, readdir, rename } from '../../base/files.js';
import { atPoint } from '../../base/protocol-points.js';
import { syncDirectory } from './durable-files.js';
import { STAGING } from './part-names.js';

const NAME = /^published-(\d{10})$/;

export class PublishedRecord {
  readonly #staging: string;

  constructor(directory: string) {
    this.#staging = join(directory, STAGING);
  }

  /** Undefined where it is not known. */
  async read(): Promise<number | undefined> {
    const numbers = (await readdir(this.#staging)).flatMap((name) => NAME.exec(name)?.[1] ?? []);
    return numbers.length === 0 ? undefined : Math.max(...numbers.map(Number));
  }

  /** @param from what `read` gave */
  async write(from: number | undefined, to: number): Promise<void> {
    if (from === to) return;
    await atPoint('output:record', async () => {
      await this.#move(from, to).catch(async (error: NodeJS.ErrnoException) => {
        // A committer that was given up may be noting the same number at the same moment.
        const raced = error.code === 'ENOENT' || error.code === 'EEXIST';
        if (!raced || (await this.read()) !== to) throw error;
      });
      await syncDirectory(this.#staging);
    });
  }

  async #move(from: number | undefined, to: number): Promise<void> {
    if (from === undefined) await (await open(this.#path(to), 'wx')).close();
    else await rename(this.#path(from), this.#path(to));
  }

  #path(number: number): string {
    return join(this.#staging, `published-${String(number).padStart(10, '0')}`);
  }
}
