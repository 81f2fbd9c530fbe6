import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { heapLimits } from '../../src/threads/heap-limits.js';

describe('limits of a heap', () => {
  it('are left to Node when nothing is said of old objects', () => {
    expect(heapLimits(undefined)).toBeUndefined();
    expect(heapLimits({})).toEqual({});
    expect(heapLimits({ stackSizeMb: 2 })).toEqual({ stackSizeMb: 2 });
  });

  it.each([
    [24, 24],
    [48, 48],
    [4_096, 48],
  ])('%i MB of old objects allow %i MB of young ones', (old, young) => {
    const limits = heapLimits({ maxOldGenerationSizeMb: old, codeRangeSizeMb: 8 });
    expect(limits).toEqual({
      maxOldGenerationSizeMb: old,
      maxYoungGenerationSizeMb: young,
      codeRangeSizeMb: 8,
    });
  });

  it('are taken as given', () => {
    const given = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 100 };
    expect(heapLimits(given)).toEqual(given);
  });

  it('are those that a thread has', async () => {
    const worker = new Worker(
      'const { parentPort, resourceLimits } = require("node:worker_threads"); parentPort.postMessage(resourceLimits)',
      { eval: true, resourceLimits: { ...heapLimits({ maxOldGenerationSizeMb: 64 }) } },
    );
    const [limits] = await once(worker, 'message');
    expect(limits).toMatchObject({ maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 48 });
    await worker.terminate();
  });
});
