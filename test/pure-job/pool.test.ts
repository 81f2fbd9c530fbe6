import { expect, test, vi } from 'vitest';
import type { HostLink } from '../../src/host/host-link.js';
import { resolveOptions } from '../../src/job/options.js';
import { Pool } from '../../src/pool/pool.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { ControlBlock } from '../../src/threads/control-block.js';
import { graphMismatch } from '../../src/workloads/streams/graph-mismatch.js';
import type { Streams } from '../../src/workloads/streams/stream-types.js';
import { draw, sink, source } from '../stream/graph-kit.js';

test('who commits is one of the slots that were named, a living one if there is one', async () => {
  const graph = graphData(draw((env) => env.from(source()).sinkTo(sink())));
  const links: { dead: boolean }[] = [];
  const pool = new Pool<Streams>({
    mismatch: graphMismatch,
    options: resolveOptions({ parallelism: 3, spares: 0 }),
    spawn: (_name, callbacks) => {
      const link = {
        block: new ControlBlock(),
        threadId: links.length,
        dead: false,
        call: async () => graph,
        terminate: async () => {},
        waitedMs: () => undefined,
        utilization: () => undefined,
      };
      links.push(link);
      queueMicrotask(() => callbacks.onEvent({ kind: 'ready', name: 'job' }));
      return link as unknown as HostLink<Streams>;
    },
    onEvent: () => {},
    onFailure: () => {},
    onChange: () => {},
    onBeat: () => {},
  });
  await pool.open();
  // Slot 0 has no tasks: nobody would restart for its death.
  expect(pool.anyLink([1, 2])).toBe(links[1]);
  links[1]!.dead = true;
  expect(pool.anyLink([1, 2])).toBe(links[2]);
  links[2]!.dead = true;
  expect(pool.anyLink([1, 2])).toBe(links[1]);
  await pool.close(false);
});

test('what a job ends with waits for threads that are slow to answer', async () => {
  const graph = graphData(draw((env) => env.from(source()).sinkTo(sink())));
  const pool = new Pool<Streams>({
    mismatch: graphMismatch,
    options: resolveOptions({ parallelism: 2, spares: 0 }),
    spawn: (name, callbacks) => {
      queueMicrotask(() => callbacks.onEvent({ kind: 'ready', name: 'job' }));
      const link = {
        block: new ControlBlock(),
        threadId: 1,
        dead: false,
        async call(method: string, _args: unknown, options?: { timeoutMs: number }) {
          if (method !== 'metrics') return graph;
          // It has no processor for five seconds.
          if (options!.timeoutMs < 5_000) throw new Error('no answer');
          return [name];
        },
        terminate: async () => {},
        waitedMs: () => undefined,
        utilization: () => undefined,
      };
      return link as unknown as HostLink<Streams>;
    },
    onEvent: () => {},
    onFailure: () => {},
    onChange: () => {},
    onBeat: () => {},
  });
  await pool.open();
  expect(await pool.metrics()).toEqual([]);
  expect(await pool.lastMetrics()).toHaveLength(2);
  await pool.close(false);
});

test('spares that hang are not replaced for ever', async () => {
  const graph = graphData(draw((env) => env.from(source()).sinkTo(sink())));
  const hung: number[] = [];
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const pool = new Pool<Streams>({
    mismatch: graphMismatch,
    options: resolveOptions({
      parallelism: 1,
      spares: 1,
      heartbeat: { intervalMs: 10, timeoutMs: 20 },
    }),
    spawn: (name, callbacks) => {
      const block = new ControlBlock();
      // The slot's own thread gives signs of life.
      if (name !== 'holdfast-spare') setInterval(() => callbacks.onBeat(BEAT), 5);
      queueMicrotask(() => callbacks.onEvent({ kind: 'ready', name: 'job' }));
      const link = {
        block,
        threadId: 1,
        dead: false,
        call: async () => graph,
        async terminate() {
          link.dead = true;
          hung.push(hung.length);
        },
        waitedMs: () => undefined,
        utilization: () => 1,
      };
      return link as unknown as HostLink<Streams>;
    },
    onEvent: () => {},
    onFailure: () => expect.fail('no slot has failed'),
    onChange: () => {},
    onBeat: () => {},
  });
  try {
    await pool.open();
    for (let i = 1; i <= 6; i += 1) {
      pool.refillSpares();
      await new Promise((resolve) => setImmediate(resolve));
      vi.advanceTimersByTime(100);
      expect(hung).toHaveLength(Math.min(i, 3));
    }
  } finally {
    await pool.close(false);
    vi.useRealTimers();
  }
});

const BEAT = { heapUsedBytes: 0, heapLimitBytes: 0 };
