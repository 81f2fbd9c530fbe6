/** Reading files as a whole. */

import { createHash } from 'node:crypto';
import type { FileSystem, ReadableFile } from './file-system.js';

/** Manifests grow with the splits of the input; no larger one can have been written. */
const WHOLE_BYTES_MAX = 512 * 1024 * 1024;

/** All bytes of a file that is held in memory. */
export async function readWhole(files: FileSystem, path: string): Promise<Uint8Array> {
  const file = await files.open(path);
  try {
    const size = await file.size();
    if (size > WHOLE_BYTES_MAX)
      throw new Error(`'${path}' has ${size} bytes, more than any such file`);
    const bytes = new Uint8Array(size);
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

/** Hexadecimal SHA-256 of a file; the caller knows that it is not too large. */
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
