/** What the write pool's threads do. Loaded by piscina; errors cross as data. */

import { type Failure, toFailure } from '../../base/failure.js';
import { nodeFileSystem } from '../directory/node-file-system.js';
import type { PartDescriptor, PartInput, RestoredPartSection } from '../store.js';
import { type WrittenFile, writePartFile } from './part-io.js';
import { readPartFile } from './part-reader.js';

export type PoolTask =
  | { readonly kind: 'write'; readonly path: string; readonly part: PartInput }
  | { readonly kind: 'read'; readonly path: string; readonly part: PartDescriptor };

export type PoolAnswer =
  | { readonly kind: 'written'; readonly file: WrittenFile }
  | { readonly kind: 'read'; readonly sections: readonly RestoredPartSection[] }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Answers with a `PoolAnswer`, its buffers given away. */
export async function performPoolTask(task: PoolTask): Promise<unknown> {
  const answer = await perform(task);
  if (answer.kind !== 'read') return answer;
  const buffers = answer.sections.map((section) => section.bytes.buffer);
  // Only readers need piscina itself in the thread.
  const { move, transferableSymbol, valueSymbol } = await import('piscina');
  const given = { [transferableSymbol]: buffers, [valueSymbol]: answer };
  // Piscina declares its symbols as plain `symbol`, so the type cannot be told in another way.
  return move(given as unknown as Parameters<typeof move>[0]);
}

async function perform(task: PoolTask): Promise<PoolAnswer> {
  try {
    return task.kind === 'write'
      ? { kind: 'written', file: await writePartFile(nodeFileSystem, task.path, task.part) }
      : { kind: 'read', sections: await readPartFile(nodeFileSystem, task.path, task.part) };
  } catch (error) {
    return { kind: 'failed', failure: toFailure(error, 'checkpoint') };
  }
}
