/**
 * The file in which a job's process leaves how far its splits have come (threads/split-trace.ts), as the guardian
 * holds it.
 *
 *  - It has no name any more once it is open, so nothing is left of it, whoever is killed.
 *  - Where there can be no such file there is none: then the guardian goes by what processes say while they live.
 */

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTraces, type SplitCounts } from '../threads/split-trace.js';

export class TraceFile {
  #fd: number | undefined = openNameless();

  /** Undefined: there is no such file. */
  get fd(): number | undefined {
    return this.#fd;
  }

  /** For the next process. */
  clear(): void {
    if (this.#fd !== undefined) ftruncateSync(this.#fd, 0);
  }

  /** How far the splits of the last process had come, as far as it has told. */
  read(): SplitCounts {
    try {
      return this.#fd === undefined ? new Map() : readTraces(this.#fd);
    } catch {
      return new Map();
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function openNameless(): number | undefined {
  let folder: string | undefined;
  let fd: number | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-trace-'));
    fd = openSync(join(folder, 'splits'), 'wx+', 0o600);
    rmSync(folder, { recursive: true });
    return fd;
  } catch {
    if (fd !== undefined) closeSync(fd);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    return undefined;
  }
}
