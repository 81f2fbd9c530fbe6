/** What a task is given when its checkpoint builds on others. */

import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/checkpoint/memory-store.js';
import { linkPart } from '../../src/checkpoint/parts/part-chain.js';
import type { PartDescriptor, PartFile } from '../../src/checkpoint/store.js';
import type { TaskRecovery } from '../../src/job/recovery/recovery-plan.js';
import { readRestores } from '../../src/job/recovery/restore-reader.js';

const STATE = { operator: 'o', name: 'state' };

class CountingStore extends MemoryStore {
  readonly reads: string[] = [];

  override readPart(part: PartFile) {
    this.reads.push(part.file);
    return super.readPart(part);
  }
}

let store: CountingStore;

beforeEach(async () => {
  store = new CountingStore();
  await store.acquire();
});

async function chain(): Promise<PartDescriptor> {
  let part: PartDescriptor | undefined;
  for (let checkpoint = 1; checkpoint <= 3; checkpoint += 1) {
    const written = await store.writePart({
      job: 'job',
      checkpoint,
      vertex: 'v',
      instance: 1,
      epoch: 1,
      incarnation: 1,
      sections: [
        { operator: 'v', name: '~task', chunks: [Uint8Array.of(checkpoint)] },
        { ...STATE, chunks: [Uint8Array.of(10 * checkpoint)] },
      ],
    });
    part = linkPart(written, part === undefined ? [] : [STATE], part);
  }
  return part!;
}

const taskOf = (part: PartDescriptor, checkpoint?: number): TaskRecovery => ({
  vertex: 0,
  instance: 1,
  slot: 0,
  restored: 3,
  operators: ['v', 'o'].map((operator) => {
    return { operator, parts: [part], checkpoint, formerOwners: undefined };
  }),
  channels: [],
});

describe('readRestores', () => {
  test('gives a section in full and its changes in order, each file read once', async () => {
    const part = await chain();
    const restores = await readRestores([taskOf(part, 3), taskOf(part)], store);
    expect(store.reads).toEqual([...new Set(store.reads)]);
    expect(store.reads).toHaveLength(3);
    const buffers = new Set<ArrayBufferLike>();
    for (const [at, { operators }] of restores.entries()) {
      const checkpoint = at === 0 ? 3 : undefined;
      expect(operators).toMatchObject([
        { operator: 'v', sections: [{ name: '~task', instance: 1, deltas: [], checkpoint }] },
        { operator: 'o', sections: [{ name: 'state', instance: 1, checkpoint }] },
      ]);
      const [task] = operators[0]!.sections;
      const [state] = operators[1]!.sections;
      expect([...task!.bytes]).toEqual([3]);
      expect([state!.bytes, ...state!.deltas!].map((bytes) => bytes[0])).toEqual([10, 20, 30]);
      for (const { buffer } of [task!.bytes, state!.bytes, ...state!.deltas!]) buffers.add(buffer);
    }
    // They are transferred: nobody gets another's.
    expect(buffers.size).toBe(8);
  });

  test('names the file that is damaged, wherever in the chain it is', async () => {
    const part = await chain();
    const [, middle] = part.earlier!;
    const damaged = {
      ...part,
      earlier: [part.earlier![0]!, { ...middle!, sha256: '0'.repeat(64) }],
    };
    await expect(readRestores([taskOf(damaged)], store)).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
      message: expect.stringContaining(middle!.file),
    });
  });
});
