/**
 * What a beat tells of the thread's heap.
 *
 * V8's own `heap_size_limit` adds the young generation, 48 MB by default, to the limit of the old
 * one; but a thread dies when the old one is full: with 64 MB for it, at a little more than half of
 * `heap_size_limit`. So both figures are of the old generation.
 */

import { resourceLimits } from 'node:worker_threads';
import type { WorkerBeat } from './worker-lanes.js';

const YOUNG_SPACES: readonly string[] = ['new_space', 'new_large_object_space'];
const limitBytes = (resourceLimits.maxOldGenerationSizeMb ?? 0) * 2 ** 20;

/**
 * Takes some ten microseconds. The first beat loads `node:v8`, which takes two milliseconds: a respawned thread has its
 * first records out by then.
 */
export function heapBeat(): WorkerBeat {
  const v8 = process.getBuiltinModule('node:v8');
  let heapUsedBytes = v8.getHeapStatistics().used_heap_size;
  for (const space of v8.getHeapSpaceStatistics()) {
    if (YOUNG_SPACES.includes(space.space_name)) heapUsedBytes -= space.space_used_size;
  }
  return { heapUsedBytes: Math.max(0, heapUsedBytes), heapLimitBytes: limitBytes };
}
