import { afterEach, describe, expect, test, vi } from 'vitest';
import { HoldfastError } from '../../src/base/errors.js';
import type { Sink, SinkPrepared, SinkWriter } from '../../src/stream/sink.js';
import { LocatedError } from '../../src/stream/task/located-error.js';
import { checkPrepared, TRANSACTION_BYTES_MAX } from '../../src/stream/task/sink-checks.js';
import { SinkTail } from '../../src/stream/task/sink-tail.js';
import { TaskGate } from '../../src/stream/task/task-gate.js';

const writer: SinkWriter<unknown> = { write: () => {}, close: () => {} };
const commit = async () => {};

async function opened(given: unknown, prepareTimeoutMs?: number): Promise<SinkTail> {
  const tail = new SinkTail({
    sink: { kind: 'test', open: () => given as SinkWriter<unknown>, commit },
    gate: new TaskGate(),
    run: 'run',
    operator: 'out',
    instance: 0,
    parallelism: 1,
    epoch: 1,
    incarnation: 1,
    prepareTimeoutMs,
    wake: () => {},
    print: () => {},
    fail: () => {},
    written: () => {},
  });
  await tail.open(undefined, []);
  return tail;
}

function caught(act: () => void): HoldfastError {
  try {
    act();
  } catch (error) {
    const cause = error instanceof LocatedError ? error.error : error;
    expect(cause).toBeInstanceOf(HoldfastError);
    return cause as HoldfastError;
  }
  throw new Error('nothing was refused');
}

test.each([
  [undefined, 'open() gave undefined'],
  [null, 'open() gave null'],
  [() => {}, 'open() gave a function'],
  [{ close() {} }, "the writer's write is undefined"],
  [{ write() {} }, "the writer's close is undefined"],
  [{ ...writer, prepare: true }, "the writer's prepare is the boolean true"],
  [{ ...writer, abort: 'no' }, `the writer's abort is the string "no"`],
])('a sink whose open gives %s is told what a writer is', async (given, problem) => {
  const refused = expect(opened(given)).rejects;
  await refused.toMatchObject({ code: 'ERR_HOLDFAST_SINK_CONTRACT' });
  await refused.toThrow(`sink 'out' breaks the contract of sinks: ${problem}`);
});

test('write must be synchronous; the failure of its promise is nobody else’s', async () => {
  const write = () => Promise.reject(new Error('late')) as unknown as undefined;
  const tail = await opened({ ...writer, write });
  const error = caught(() => tail.onElement('row', 0));
  expect(error.code).toBe('ERR_HOLDFAST_SINK_CONTRACT');
  expect(error.message).toContain('write() gives a promise');
});

describe('what prepare gives', () => {
  const sink: Sink<unknown> = { kind: 'test', open: () => writer, commit };
  const transaction = (value: unknown) => ({ transaction: { value } });
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;

  test.each<[string, unknown, string]>([
    ['a text', 'staged', 'prepare() gave the string "staged"'],
    ['an array', [], 'prepare() gave an array'],
    ['a transaction that is a text', { transaction: 'x' }, 'transaction is the string "x"'],
    ['an array as transaction', { transaction: [] }, 'transaction is an array'],
    ['a bigint', transaction(5n), 'transaction.value is the bigint 5n'],
    ['a Map', transaction(new Map()), 'transaction.value is an object (Map)'],
    ['a Date', transaction(new Date(0)), 'transaction.value is an object (Date)'],
    ['a Map itself', { transaction: new Map() }, 'transaction is an object (Map)'],
    ['a field without a value', transaction(undefined), 'transaction.value is undefined'],
    ['NaN', transaction([1, Number.NaN]), 'transaction.value[1] is NaN'],
    ['a hole', transaction(new Array(1)), 'transaction.value[0] is undefined'],
    ['a function', transaction(commit), 'transaction.value is the function commit'],
    ['a symbol key', transaction({ [Symbol('s')]: 1 }), 'a symbol as a key'],
    ['a cycle', { transaction: cycle }, 'transaction.self contains itself'],
    ['a state of text', { state: ['rows'] }, 'a state that is an array with the string "rows"'],
    ['bytes for state', { state: new Uint8Array(1) }, 'an object (Uint8Array)'],
    ['visible rows as text', { visible: 'rows' }, 'visible the string "rows"'],
  ])('%s is refused', (_, prepared, problem) => {
    const error = caught(() => checkPrepared('out', sink, prepared));
    expect(error.code).toBe('ERR_HOLDFAST_SINK_CONTRACT');
    expect(error.message).toContain(problem);
  });

  test('rows in the transaction, instead of where they are staged', () => {
    const text = (length: number) => transaction('x'.repeat(length));
    checkPrepared('out', sink, text(TRANSACTION_BYTES_MAX - 12));
    const error = caught(() => checkPrepared('out', sink, text(TRANSACTION_BYTES_MAX)));
    expect(error.message).toContain('1048588 bytes; at most 1048576');
  });

  test('a transaction that nobody would commit', () => {
    const error = caught(() =>
      checkPrepared('out', { kind: 'test', open: () => writer }, transaction(1)),
    );
    expect(error.message).toContain('no commit()');
    checkPrepared('out', { ...sink, committer: { kind: 'rename' } }, transaction(1));
  });

  test('what is right passes', () => {
    const shared = { row: 1 };
    const value = { text: 'ü', list: [1, null, true, shared, shared], none: Object.create(null) };
    checkPrepared('out', sink, { transaction: value, state: [new Uint8Array(3)], visible: [1] });
    checkPrepared('out', sink, {});
    checkPrepared('out', sink, undefined);
  });
});

describe('prepare', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  async function captured(prepare: () => Promise<SinkPrepared>, timeoutMs: number) {
    const tail = await opened({ ...writer, prepare }, timeoutMs);
    return { tail, capture: tail.capture(1)! };
  }

  test('that never settles fails, with the option that says how long it may take', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { capture } = await captured(() => new Promise(() => {}), 2_500);
    const { waiting } = capture;
    expect(capture.step(0)).toBe(false);
    await vi.advanceTimersByTimeAsync(2_500);
    await waiting;
    const error = caught(() => capture.step(0));
    expect(error.message).toContain("sink 'out' could not prepare");
    expect(error.message).toContain('has not settled for 2500 ms.');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that settles in time leaves no timer, and neither does one that is closed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { capture } = await captured(async () => ({}), 2_500);
    await capture.waiting;
    expect(capture.step(0)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
    const { tail } = await captured(() => new Promise(() => {}), 2_500);
    expect(vi.getTimerCount()).toBe(1);
    await tail.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('whose promise gives something else fails like one that gives it at once', async () => {
    const { capture } = await captured(async () => 'staged' as SinkPrepared, 2_500);
    await capture.waiting;
    expect(caught(() => capture.step(0)).code).toBe('ERR_HOLDFAST_SINK_CONTRACT');
    const tail = await opened({ ...writer, prepare: () => 'staged' });
    expect(caught(() => tail.capture(1)).code).toBe('ERR_HOLDFAST_SINK_CONTRACT');
  });
});
