import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SinkWriter } from '../../src/stream/sink.js';
import type { Source, SourceReader } from '../../src/stream/source.js';
import { OPEN_TIMEOUT_MS } from '../../src/stream/task/opening.js';
import { draw, sink, source } from './graph-kit.js';
import { TaskBench } from './task-bench.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function slow<T>() {
  let resolve = (_value: T): void => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const closable = () => ({ write: vi.fn(), close: vi.fn() }) satisfies SinkWriter<unknown>;

function sinkBench(open: () => Promise<SinkWriter<unknown>>): TaskBench {
  const graph = draw((env) => {
    env
      .from(source<number>('a'))
      .rebalance()
      .map((n) => n)
      .uid('relay')
      .sinkTo(sink('test', { open }))
      .uid('out');
  });
  return new TaskBench(graph, { vertex: 'relay' });
}

async function sourceBench(source: Partial<Source<number>>): Promise<TaskBench> {
  const graph = draw((env) => {
    env
      .from({ kind: 'test', splits: () => [], ...source } as Source<number>)
      .uid('in')
      .sinkTo(sink('test', { open: () => closable() }));
  });
  return await TaskBench.open(graph, { vertex: 'in', splits: 1 });
}

describe('a sink', () => {
  it('whose open never settles fails to open, with its name and what to do', async () => {
    const failed = expect(sinkBench(() => new Promise(() => {})).task.open()).rejects.toMatchObject(
      {
        code: 'ERR_HOLDFAST_SINK',
        message: expect.stringMatching(/^sink 'out' could not be opened: .* 60 s\. .*deadline/),
      },
    );
    await vi.advanceTimersByTimeAsync(OPEN_TIMEOUT_MS);
    await failed;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may take its time up to then', async () => {
    const { promise, resolve } = slow<SinkWriter<unknown>>();
    const bench = sinkBench(() => promise);
    const opened = bench.task.open();
    await vi.advanceTimersByTimeAsync(OPEN_TIMEOUT_MS - 1);
    resolve(closable());
    await opened;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that opens too late is closed again', async () => {
    const { promise, resolve } = slow<SinkWriter<unknown>>();
    const bench = sinkBench(() => promise);
    const failed = expect(bench.task.open()).rejects.toMatchObject({ code: 'ERR_HOLDFAST_SINK' });
    await vi.advanceTimersByTimeAsync(OPEN_TIMEOUT_MS);
    await failed;
    const writer = closable();
    resolve(writer);
    await vi.advanceTimersByTimeAsync(0);
    expect(writer.close).toHaveBeenCalledTimes(1);
  });

  it('that is closed while it opens leaves no timer behind, and is closed when it has', async () => {
    const { promise, resolve } = slow<SinkWriter<unknown>>();
    const bench = sinkBench(() => promise);
    const opened = bench.task.open();
    await vi.advanceTimersByTimeAsync(1);
    expect(vi.getTimerCount()).toBe(1);
    await bench.task.close();
    expect(vi.getTimerCount()).toBe(0);
    const writer = closable();
    resolve(writer);
    await opened;
    expect(writer.close).toHaveBeenCalledTimes(1);
  });
});

describe('a source', () => {
  it('whose open never settles fails its task, with its name', async () => {
    const bench = await sourceBench({ open: () => new Promise(() => {}) });
    bench.task.run(performance.now() + 5);
    await vi.advanceTimersByTimeAsync(OPEN_TIMEOUT_MS);
    bench.task.run(performance.now() + 5);
    expect(bench.failures).toMatchObject([
      { kind: 'source', code: 'ERR_HOLDFAST_SOURCE', operator: 'in', instance: 0 },
    ]);
    expect(bench.failures[0]?.message).toMatch(/^source 'in' could not be opened/);
  });

  it('that opens too late is closed again', async () => {
    const { promise, resolve } = slow<SourceReader<number>>();
    const bench = await sourceBench({ open: () => promise });
    bench.task.run(performance.now() + 5);
    await vi.advanceTimersByTimeAsync(OPEN_TIMEOUT_MS);
    const close = vi.fn();
    resolve({ poll: () => undefined, position: () => 0, describe: () => 'x', close });
    await vi.advanceTimersByTimeAsync(0);
    expect(close).toHaveBeenCalledTimes(1);
  });

  it('that is closed while it opens leaves no timer behind', async () => {
    const bench = await sourceBench({ open: () => new Promise(() => {}) });
    bench.task.run(performance.now() + 5);
    expect(vi.getTimerCount()).toBe(1);
    await bench.task.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
