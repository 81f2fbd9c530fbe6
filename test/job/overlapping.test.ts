/** Checkpoints that overlap, over real threads, with a store that takes its time. */

import { describe, expect, test } from 'vitest';
import { type CheckpointEvent, MemoryStore } from '../../dist/index.js';
import { fixture, nextRestart, totalsProblems, until } from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 8_000;
const KILLS = 3;

/** Parts and manifests take so long that the next checkpoint is due. */
class SlowStore extends MemoryStore {
  readonly #open = new Set<number>();
  readonly manifests: number[] = [];
  /** Most checkpoints at a time of which parts were being written, or had been. */
  mostOpen = 0;

  override async writePart(...given: Parameters<MemoryStore['writePart']>) {
    this.#open.add(given[0].checkpoint);
    this.mostOpen = Math.max(this.mostOpen, this.#open.size);
    await sleep(60);
    return await super.writePart(...given);
  }

  override async writeManifest(...given: Parameters<MemoryStore['writeManifest']>) {
    const { checkpoint } = given[0];
    await sleep(20);
    await super.writeManifest(...given);
    this.manifests.push(checkpoint);
    for (const open of this.#open) if (open <= checkpoint) this.#open.delete(open);
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('with a slow store', () => {
  for (const incremental of [false, true]) {
    test(`exactly once through kills, ${incremental ? 'incremental' : 'in full'}`, async () => {
      const store = new SlowStore();
      const job = await run(fixture('totals'), {
        parallelism: 2,
        args: { count: COUNT, ratePerSecond: 4_000 },
        checkpoint: { store, intervalMs: 15, maxConcurrent: 4, incremental },
      });
      const fates = new Map<number, string>();
      job.on('checkpoint', ({ checkpoint, kind }: CheckpointEvent) => {
        expect(fates.has(checkpoint)).toBe(false);
        fates.set(checkpoint, kind);
      });
      for (let kill = 0; kill < KILLS; kill += 1) {
        const before = store.manifests.length;
        await until(() => store.manifests.length >= before + 3, job);
        const restarted = nextRestart(job);
        job.kill(kill % 2, 'terminate');
        expect((await restarted).checkpoint).toBeGreaterThan(0);
      }
      const { collected } = await job.finished;
      expect(totalsProblems(collected['totals']!, COUNT)).toEqual([]);
      expect(store.mostOpen).toBeGreaterThan(1);
      expect(store.manifests).toEqual(store.manifests.toSorted((a, b) => a - b));
      const completed = [...fates].filter(([, kind]) => kind === 'completed').map(([id]) => id);
      expect(completed).toEqual(completed.toSorted((a, b) => a - b));
    });
  }
});
