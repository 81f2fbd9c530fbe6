import { dirname } from 'node:path';
import { mkdir, stat } from './files.js';

/**
 * Makes a directory and the missing ones above it. `mkdir` with `recursive` is not used: on Node 20 it tries for ever
 * where a parent exists and yet nothing can be made in it (ENOENT, as under /proc).
 */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
    await makeDirectory(parent);
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    if (!exists || !(await stat(path)).isDirectory()) throw error;
  }
}
