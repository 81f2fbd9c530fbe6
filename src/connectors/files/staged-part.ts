/**
 * One staged file, from its first block to its durable end. Blocks are written in order, one at a
 * time; the first failure is final: nothing is tried again on the same descriptor.
 */

import { dirname } from 'node:path';
import { type FileHandle, open, rename, rm } from '../../base/files.js';
import { makeDirectory } from '../../base/make-directory.js';
import { atPoint } from '../../base/protocol-points.js';

export class StagedPart {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #tail: Promise<void>;
  bytes = 0;
  rows = 0;

  constructor(path: string) {
    this.#path = path;
    this.#tail = this.#create();
    this.#tail.catch(() => {});
  }

  /** Resolves when the block is with the operating system. */
  append(block: Uint8Array): Promise<void> {
    this.bytes += block.length;
    this.#tail = this.#tail.then(() => this.#handle!.writeAll(block));
    this.#tail.catch(() => {});
    return this.#tail;
  }

  /** When it resolves, the file is durable, and has its new name, which its folder has yet to make durable. */
  async seal(path: string): Promise<void> {
    await this.#tail;
    await atPoint('output:seal', () => this.#handle!.sync());
    await this.#closeHandle();
    await atPoint('output:staged', () => rename(this.#path, path));
  }

  /** Gives the file up; never rejects. What stays behind is swept by the next recovery. */
  async drop(): Promise<void> {
    await this.#tail.catch(() => {});
    await this.#closeHandle().catch(() => {});
    await rm(this.#path, { force: true }).catch(() => {});
  }

  async #create(): Promise<void> {
    await makeDirectory(dirname(this.#path));
    this.#handle = await atPoint('output:stage', () => open(this.#path, 'wx'));
  }

  async #closeHandle(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }
}
