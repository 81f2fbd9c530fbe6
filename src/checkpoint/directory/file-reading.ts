/** Reading files as a whole. */

import { createHash } from 'node:crypto';
import type { FileSystem, ReadableFile } from './file-system.js';

/** All bytes of a small file. */
export async function readWhole(files: FileSystem, path: string): Promise<Uint8Array> {
  const file = await files.open(path);
  try {
    const bytes = new Uint8Array(await file.size());
    let at = 0;
    while (at < bytes.length) {
      const count = await file.read(bytes.subarray(at), at);
      if (count === 0) break;
      at += count;
    }
    return bytes.subarray(0, at);
  } finally {
    await file.close();
  }
}

/** Hexadecimal SHA-256 of a file of any size. */
export async function sha256OfFile(file: ReadableFile): Promise<string> {
  const hash = createHash('sha256');
  const block = new Uint8Array(256 * 1024);
  for (let at = 0; ; ) {
    const count = await file.read(block, at);
    if (count === 0) return hash.digest('hex');
    hash.update(block.subarray(0, count));
    at += count;
  }
}
