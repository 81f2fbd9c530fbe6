import { expect, test } from 'vitest';
import { deferred } from '../../src/base/deferred.js';
import type { SinkPrepared } from '../../src/stream/sink.js';
import { SinkTail } from '../../src/stream/task/sink-tail.js';
import { TaskGate } from '../../src/stream/task/task-gate.js';

async function prepared(prepareTimeoutMs?: number) {
  const answer = deferred<SinkPrepared | undefined>();
  const failures: unknown[] = [];
  const tail = new SinkTail({
    sink: {
      kind: 'test',
      commit: async () => {},
      open: () => ({ write: () => {}, prepare: () => answer.promise, close: () => {} }),
    },
    gate: new TaskGate(),
    run: 'run',
    operator: 'sink',
    instance: 0,
    parallelism: 1,
    epoch: 1,
    incarnation: 1,
    wake: () => {},
    print: () => {},
    fail: (error) => failures.push(error),
    written: () => {},
    prepareTimeoutMs,
  });
  await tail.open(undefined, []);
  return { tail, answer, failures, capture: tail.capture(1)! };
}

const lost = new Error('rows are lost');

test('a sink that fails to prepare a checkpoint after that was given up fails its task', async () => {
  const { answer, failures, capture } = await prepared();
  capture.abort();
  answer.reject(lost);
  await answer.promise.catch(() => {});
  await new Promise((resolve) => setImmediate(resolve));
  expect(failures).toEqual([lost]);
});

test('so does one whose failure nobody has looked at when the checkpoint is given up', async () => {
  const { answer, failures, capture } = await prepared();
  answer.reject(lost);
  await new Promise((resolve) => setImmediate(resolve));
  expect(failures).toEqual([]);
  capture.abort();
  expect(failures).toEqual([lost]);
});

test('one that has prepared a checkpoint that is given up goes on', async () => {
  const { answer, failures, capture } = await prepared();
  answer.resolve({ transaction: { part: 1 } });
  await new Promise((resolve) => setImmediate(resolve));
  capture.abort();
  expect(failures).toEqual([]);
});

test('many that are still preparing what was given up are no leak', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  try {
    const { tail, answer } = await prepared(60_000);
    for (let checkpoint = 2; checkpoint <= 20; checkpoint += 1) tail.capture(checkpoint)!.abort?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
    answer.resolve(undefined);
  } finally {
    process.off('warning', note);
  }
});
