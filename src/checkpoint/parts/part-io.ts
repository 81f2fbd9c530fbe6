/** Part files on a `FileSystem`, written and read on whatever thread calls. */

import { createHash } from 'node:crypto';
import type { FileSystem, OpenFile } from '../directory/file-system.js';
import type { PartDescriptor, PartInput, RestoredPartSection } from '../store.js';
import { encodePart } from './part-file.js';
import { readPartFile } from './part-reader.js';

export interface WrittenFile {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Who does the bytes: this thread or a pool. Paths are absolute. */
export interface PartIo {
  /** Creates the file; durable when it resolves, its directory entry not yet. */
  write(path: string, part: PartInput): Promise<WrittenFile>;
  read(path: string, part: PartDescriptor): Promise<readonly RestoredPartSection[]>;
  close(): Promise<void>;
}

export function threadPartIo(files: FileSystem): PartIo {
  return {
    write: (path, part) => writePartFile(files, path, part),
    read: (path, part) => readPartFile(files, path, part),
    close: async () => {},
  };
}

/** Writes all of `bytes`, however little each call takes. */
export async function writeFully(file: OpenFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const written = await file.write(at === 0 ? bytes : bytes.subarray(at));
    if (written <= 0) throw new Error(`the file system wrote none of ${bytes.length - at} bytes`);
    at += written;
  }
}

export async function writePartFile(
  files: FileSystem,
  path: string,
  part: PartInput,
): Promise<WrittenFile> {
  const file = await files.create(path);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for (const block of encodePart(part)) {
      hash.update(block);
      await writeFully(file, block);
      bytes += block.length;
    }
    await file.sync();
    const size = await file.size();
    if (size !== bytes) throw new Error(`${bytes} bytes were written, the file has ${size}`);
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}
