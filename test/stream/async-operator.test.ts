/** An operator that waits for promises, with promises that the test settles and a clock that it sets. */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keyGroupOf } from '../../src/hashring/key-group.js';
import type { AsyncCall, AsyncMapOptions } from '../../src/stream/api/async-map.js';
import { checkAsyncMap } from '../../src/stream/api/async-map.js';
import type { DataStream } from '../../src/stream/api/data-stream.js';
import type { DeadLetter } from '../../src/stream/dead-letter.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import type { Operator, RestoredSection } from '../../src/stream/operator.js';
import { asyncOperator } from '../../src/stream/operators/async-operator.js';
import { GuardedOperator } from '../../src/stream/task/guarded-operator.js';
import {
  exponentialBackoff,
  failureRate,
  fixedDelay,
} from '../../src/supervisor/restart-strategy.js';
import { draw, sink, source, thrownBy } from './graph-kit.js';
import {
  type Emitted,
  Harness,
  type Item,
  KEY_GROUPS,
  type KitOptions,
  recordsOf,
  sectionsOf,
} from './operator-kit.js';
import { barrier, end, TaskBench, watermark } from './task-bench.js';

interface Made extends AsyncCall {
  readonly record: unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Calls as they were made. */
class Service {
  readonly calls: Made[] = [];

  readonly call = (record: unknown, call: AsyncCall): Promise<unknown> =>
    new Promise((resolve, reject) => {
      this.calls.push({ ...call, record, resolve, reject });
    });

  /** Records by call. */
  get called(): unknown[] {
    return this.calls.map(({ record }) => record);
  }

  /** The newest call for the record gives ten times as much. */
  answer(...records: readonly number[]): void {
    for (const n of records) this.of(n).resolve(n * 10);
  }

  of(record: unknown): Made {
    const found = this.calls.findLast((made) => made.record === record);
    if (found === undefined) throw new Error(`${record} was not called for`);
    return found;
  }
}

let service: Service;

beforeEach(() => {
  service = new Service();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

const create = (options: AsyncMapOptions = {}) =>
  asyncOperator('mapAsync', () => ({ call: service.call }), checkAsyncMap(options));

/** As the task does after it was woken. */
async function settle(harness: Harness): Promise<void> {
  for (let i = 0; i < 5; i += 1) await Promise.resolve();
  harness.drain();
}

const started = (
  options?: AsyncMapOptions,
  kit?: KitOptions,
  restored?: RestoredSection[],
): Harness => new Harness(create(options), kit, restored);

const feed = (harness: Harness, ...items: readonly (number | Item)[]): void => {
  for (const item of items) {
    harness.feed(typeof item === 'number' ? { record: item, at: item } : item);
  }
};

const shown = (emitted: readonly Emitted[]): unknown[] =>
  emitted.map((one) => ('record' in one ? one.record : `w${one.watermark}`));

describe('results', () => {
  it('go out in the order of the records, with their times and marks', async () => {
    const harness = started();
    feed(harness, 1, 2, { record: 3, at: 2, behind: 7, key: 'k' });
    expect(service.called).toEqual([1, 2, 3]);
    service.answer(3, 2);
    await settle(harness);
    expect(harness.emitted).toEqual([]);
    expect(harness.operator.suspended).toBe(false);
    service.answer(1);
    await settle(harness);
    expect(harness.emitted).toEqual([
      { record: 10, at: 1 },
      { record: 20, at: 2 },
      { record: 30, at: 2, behind: 7 },
    ]);
    expect(harness.operator.pending).toBe(false);
  });

  it('go out as they come, if so asked, but never across a watermark', async () => {
    const harness = started({ ordered: false });
    feed(harness, 1, 2, { watermark: 2 }, 3, 4, { watermark: 4 }, { watermark: 5 });
    service.answer(4, 2);
    await settle(harness);
    expect(shown(harness.emitted)).toEqual([20]);
    service.answer(1);
    await settle(harness);
    expect(shown(harness.emitted)).toEqual([20, 10, 'w2', 40]);
    expect(harness.operator.pending).toBe(true);
    service.answer(3);
    await settle(harness);
    expect(shown(harness.emitted)).toEqual([20, 10, 'w2', 40, 30, 'w5']);
    expect(harness.operator.pending).toBe(false);
  });

  it.each([true, false])('are followed by time and idleness (ordered: %s)', async (ordered) => {
    const harness = started({ ordered });
    feed(harness, { watermark: 1 }, 2, { watermark: 2 });
    harness.operator.onIdle?.(true);
    expect(harness.time).toEqual([1]);
    service.answer(2);
    await settle(harness);
    expect(shown(harness.emitted)).toEqual(['w1', 20, 'w2']);
    expect(harness.time).toEqual([1, 2, 'idle, silent']);
    harness.operator.onIdle?.(false);
    feed(harness, 3);
    harness.operator.onIdle?.(true);
    feed(harness, { watermark: 3 });
    service.answer(3);
    await settle(harness);
    expect(harness.time.slice(3)).toEqual(['idle', 3]); // Time has taken idleness back.
  });

  it('stop after each where the output is full', async () => {
    const harness = started();
    harness.stingy = true;
    feed(harness, 1, 2, 3);
    service.answer(1, 2, 3);
    harness.resumed = 0;
    await settle(harness);
    expect(shown(harness.emitted)).toEqual([10, 20, 30]);
    expect(harness.resumed).toBe(3);
  });

  it('may be given at once, and asked for with the time of the record', async () => {
    const seen: unknown[] = [];
    const operator = asyncOperator(
      'mapAsync',
      () => ({
        call: (record, { timestamp, attempt, signal }) => {
          seen.push([timestamp, attempt, signal.aborted]);
          return record;
        },
      }),
      checkAsyncMap({}),
    );
    const harness = new Harness(operator);
    feed(harness, 7, { record: 8 });
    await settle(harness);
    expect(shown(harness.emitted)).toEqual([7, 8]);
    expect(seen).toEqual([
      [7, 1, false],
      [undefined, 1, false],
    ]);
  });

  it('are of copies: nobody else may change what is in flight', async () => {
    const harness = started({ retry: fixedDelay({ attempts: 1, delayMs: 5 }) });
    const record = { n: 1 };
    harness.feed({ record });
    record.n = 2;
    const first = service.calls[0]!.record as { n: number };
    first.n += 10;
    service.calls[0]!.reject(new Error('no'));
    await settle(harness);
    vi.advanceTimersByTime(5);
    expect(first).toEqual({ n: 11 });
    expect(service.calls[1]!.record).toEqual({ n: 1 });
    expect(() => harness.feed({ record: { open: () => {} } })).toThrow(/record\.open/);
  });
});

describe('capacity', () => {
  it('bounds what is in flight, results that wait for their turn included', async () => {
    const harness = started({ capacity: 2 });
    feed(harness, 1);
    expect(harness.turn.pause).toBe(false);
    harness.operator.onElement(2, 2, 0, Number.NEGATIVE_INFINITY);
    expect(harness.turn.pause).toBe(true);
    expect(harness.operator.saturated).toBe(true);
    service.answer(2);
    await settle(harness);
    expect(harness.operator.saturated).toBe(true);
    service.answer(1);
    await settle(harness);
    expect(harness.operator.saturated).toBe(false);
    expect(shown(harness.emitted)).toEqual([10, 20]);
  });

  it('is exceeded by what the task still brings, of which calls wait', async () => {
    const harness = started({ capacity: 2 });
    feed(harness, 1, 2, 3, 4);
    expect(service.called).toEqual([1, 2]);
    service.answer(2);
    await settle(harness);
    expect(service.called).toEqual([1, 2, 3]);
    service.answer(1);
    await settle(harness);
    expect(service.called).toEqual([1, 2, 3, 4]);
  });

  it.each([
    [{ capacity: 0 }, /capacity.*from 1/],
    [{ capacity: 1.5 }, /capacity/],
    [{ timeoutMs: 0 }, /timeoutMs.*milliseconds/],
    [{ timeoutMs: Number.POSITIVE_INFINITY }, /timeoutMs/],
    [{ ordered: 'no' }, /ordered.*true or false/],
    [{ retry: { attempts: 3 } }, /retry.*fixedDelay\(\) or exponentialBackoff\(\)/],
    [{ retry: failureRate() }, /retry.*fixedDelay\(\) or exponentialBackoff\(\)/],
    [{ retryIf: (): boolean => true }, /retryIf.*beside `retry`/],
    [{ retry: fixedDelay(), retryIf: async (): Promise<boolean> => true }, /asynchronous/],
    [{ timeout: 5 }, /did you mean mapAsync\.timeoutMs/],
  ])('and the other options are checked: %o', (options, message) => {
    const stream = (build: (numbers: DataStream<number>) => void) =>
      draw((env) => build(env.from(source<number>())));
    const { code, message: text } = thrownBy(() =>
      stream((numbers) => numbers.mapAsync(async (n) => n, options as never)),
    );
    expect(text).toMatch(message);
    expect(code).toMatch(/BAD_OPTION|ASYNC_CALLBACK/);
    expect(thrownBy(() => stream((numbers) => numbers.mapAsync(5 as never))).code).toBe(
      'ERR_HOLDFAST_BAD_OPTION',
    );
  });
});

/** With the failure put aside in `dead`. */
const guarded = (options?: AsyncMapOptions) => (): Operator =>
  new GuardedOperator(create(options)(), 'dead');

const lettersOf = (harness: Harness) =>
  recordsOf(harness.emitted).flatMap((one) =>
    one.tag === 'dead' ? [one.record as DeadLetter<unknown>] : [],
  );

describe('a call that fails', () => {
  it('fails the operator in its turn', async () => {
    const harness = started(undefined, {
      reject: (what, _at, error) => {
        throw new Error(`${what}: ${(error as Error).message}`);
      },
    });
    feed(harness, 1, 2);
    service.of(2).reject(new Error('refused'));
    await settle(harness);
    expect(harness.emitted).toEqual([]);
    service.answer(1);
    await expect(settle(harness)).rejects.toThrow('2: refused');
    expect(shown(harness.emitted)).toEqual([10]);
  });

  it('is put aside in its turn, with record, error, time and mark', async () => {
    const harness = new Harness(guarded(), { sides: ['dead'] });
    feed(harness, 1, { record: { n: 2 }, at: 2, behind: 9 }, 3);
    const { record } = service.calls[1]!;
    (record as { n: number }).n = 99;
    service.calls[1]!.reject(Object.assign(new RangeError('no such'), { code: 'E404' }));
    service.answer(1, 3);
    await settle(harness);
    expect(harness.emitted.map((one) => 'tag' in one)).toEqual([false, true, false]);
    expect(harness.emitted[1]).toMatchObject({ at: 2, behind: 9 });
    expect(lettersOf(harness)).toEqual([
      {
        record: { n: 2 },
        error: { name: 'RangeError', message: 'no such', code: 'E404' },
        operator: 'under-test',
        timestamp: 2,
      },
    ]);
    expect(harness.counters).toMatchObject({ deadLetters: 1 });
  });

  it('or that throws before it gives a promise, is the same', async () => {
    const operator = asyncOperator(
      'mapAsync',
      () => ({
        call: () => {
          throw new Error('at once');
        },
      }),
      checkAsyncMap({}),
    );
    const harness = new Harness(() => new GuardedOperator(operator(), 'dead'), { sides: ['dead'] });
    feed(harness, 1);
    await settle(harness);
    expect(lettersOf(harness)).toMatchObject([{ record: 1, error: { message: 'at once' } }]);
  });

  it('by its time has its signal aborted, and is not heard any more', async () => {
    const harness = new Harness(guarded({ timeoutMs: 100 }), { sides: ['dead'] });
    feed(harness, 1, 2);
    vi.advanceTimersByTime(60);
    service.answer(2);
    await settle(harness);
    feed(harness, 3);
    vi.advanceTimersByTime(40);
    const { signal } = service.of(1);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: 'ERR_HOLDFAST_ASYNC_TIMEOUT' });
    service.answer(1);
    await settle(harness);
    expect(shown(recordsOf(harness.emitted).slice(1))).toEqual([20]);
    expect(lettersOf(harness)[0]!.error).toMatchObject({
      code: 'ERR_HOLDFAST_ASYNC_TIMEOUT',
      message: expect.stringContaining('100 ms (timeoutMs)'),
    });
    expect(harness.counters).toMatchObject({ asyncTimeouts: 1 });
    expect(service.of(3).signal.aborted).toBe(false);
    vi.advanceTimersByTime(60);
    expect(service.of(3).signal.aborted).toBe(true);
  });

  it('is made again as often as it may be, and then names how often that was', async () => {
    const retry = exponentialBackoff({ initialMs: 10, factor: 3, jitter: 0, maxAttempts: 2 });
    const harness = new Harness(guarded({ retry, timeoutMs: 50, capacity: 2 }), {
      sides: ['dead'],
    });
    feed(harness, 1);
    const attempts: number[] = [];
    for (const ms of [10, 30]) {
      attempts.push(service.of(1).attempt);
      service.of(1).reject(new Error('busy'));
      await settle(harness);
      vi.advanceTimersByTime(ms - 1);
      expect(service.calls).toHaveLength(attempts.length);
      vi.advanceTimersByTime(1);
      expect(service.calls).toHaveLength(attempts.length + 1);
    }
    expect([...attempts, service.of(1).attempt]).toEqual([1, 2, 3]);
    vi.advanceTimersByTime(50);
    await settle(harness);
    expect(lettersOf(harness)[0]!.error).toMatchObject({
      code: 'ERR_HOLDFAST_ASYNC_RETRIES_SPENT',
      message: expect.stringMatching(/failed 3 times.*had not settled after 50 ms/),
    });
    expect(harness.counters).toMatchObject({ asyncRetries: 2, asyncTimeouts: 1 });
  });

  it.each([
    ['without a prototype', Object.create(null) as unknown],
    ['whose text throws', { toString: () => assert.fail('no text') }],
  ])('spends its retries also with an object %s', async (_, thrown) => {
    const harness = new Harness(guarded({ retry: fixedDelay({ attempts: 1, delayMs: 10 }) }), {
      sides: ['dead'],
    });
    feed(harness, 1);
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      service.of(1).reject(thrown);
      await settle(harness);
      vi.advanceTimersByTime(10);
    }
    expect(lettersOf(harness)[0]!.error).toMatchObject({
      code: 'ERR_HOLDFAST_ASYNC_RETRIES_SPENT',
      message: expect.stringContaining('cannot be read'),
    });
  });

  it('is made again only where that is worth while', async () => {
    const retryIf = (error: unknown): boolean => (error as Error).message === 'busy';
    const harness = new Harness(guarded({ retry: fixedDelay({ delayMs: 1 }), retryIf }), {
      sides: ['dead'],
    });
    feed(harness, 1);
    service.of(1).reject(new Error('busy'));
    await settle(harness);
    vi.advanceTimersByTime(1);
    service.of(1).reject(new Error('gone'));
    await settle(harness);
    expect(service.calls).toHaveLength(2);
    expect(lettersOf(harness)[0]!.error.message).toBe('gone');
  });

  it('is not made again by a promise of an answer, also by one that fails', async () => {
    const retryIf = (): boolean => Promise.reject(new Error('late')) as never;
    const harness = new Harness(guarded({ retry: fixedDelay({ delayMs: 1 }), retryIf }), {
      sides: ['dead'],
    });
    feed(harness, 1);
    service.of(1).reject(new Error('busy'));
    await settle(harness);
    expect(lettersOf(harness)[0]!.error).toMatchObject({
      code: 'ERR_HOLDFAST_ASYNC_CALLBACK',
      message: expect.stringContaining('mapAsync({ retryIf })'),
    });
  });

  it('waits for its next attempt without keeping others from theirs', async () => {
    const harness = started({ capacity: 1, ordered: false, retry: fixedDelay({ delayMs: 50 }) });
    feed(harness, 1, 2, 3);
    service.of(1).reject(new Error('busy'));
    await settle(harness);
    expect(service.called).toEqual([1, 2]);
    vi.advanceTimersByTime(50); // The next attempt waits for a place, ahead of the others.
    expect(service.called).toEqual([1, 2]);
    service.answer(2);
    await settle(harness);
    expect(service.called).toEqual([1, 2, 1]);
    service.answer(1);
    await settle(harness);
    service.answer(3);
    await settle(harness);
    expect(shown(harness.emitted)).toEqual([20, 10, 30]);
  });
});

describe('a snapshot', () => {
  it('holds what is in flight, which is called for again, in order', async () => {
    const harness = started({ ordered: false });
    feed(harness, 1, { watermark: 1 }, 2, { record: 3, at: 3, behind: 8, key: 'k' });
    service.answer(2);
    await settle(harness);
    const sections = harness.snapshot(() => {
      service.answer(1, 3);
      feed(harness, 4);
    });
    const calls = service.calls.length;
    const again = started(undefined, undefined, sections);
    expect(service.called.slice(calls)).toEqual([1, 2, 3]);
    service.answer(3, 2, 1);
    await settle(again);
    expect(again.emitted).toEqual([
      { record: 10, at: 1 },
      { record: 20, at: 2 },
      { record: 30, at: 3, behind: 8 },
    ]);
  });

  it('holds nothing when nothing is in flight', async () => {
    const harness = started();
    feed(harness, 1);
    service.answer(1);
    await settle(harness);
    expect(harness.snapshot()).toEqual([]);
  });

  it('gives each record to one instance when there are others: by key group, or by instance', () => {
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
    const ownerOf = (group: number, of: number) => group % of;
    const take = (keyed: boolean, instance: number): RestoredSection[] => {
      const owns = (group: number) => ownerOf(group, 2) === instance;
      const harness = started({ capacity: 100 }, { instance, parallelism: 2, ownsGroup: owns });
      for (const [i, key] of keys.entries()) {
        const owner = keyed ? ownerOf(keyGroupOf(key, KEY_GROUPS), 2) : i % 2;
        if (owner === instance) harness.feed(keyed ? { record: key, key } : { record: key });
      }
      return sectionsOf(harness.operator.capture!(1)!, instance);
    };
    for (const keyed of [true, false]) {
      const sections = [0, 1].flatMap((instance) => take(keyed, instance));
      for (const parallelism of [1, 3]) {
        service = new Service();
        for (let instance = 0; instance < parallelism; instance += 1) {
          const kit: KitOptions = {
            instance,
            parallelism,
            ownsGroup: (group) => ownerOf(group, parallelism) === instance,
            formerOwner: (group) => ownerOf(group, 2),
          };
          started({ capacity: 100 }, kit, sections);
        }
        expect(service.called.toSorted(), `${keyed} ${parallelism}`).toEqual(keys.toSorted());
      }
    }
  });

  it('of another format, or damaged, is refused', () => {
    const harness = started();
    feed(harness, 1);
    const [section] = harness.snapshot();
    const with_ = (at: number, byte: number) => {
      const bytes = new Uint8Array(section!.bytes);
      bytes[at] = byte;
      return [{ ...section!, bytes }];
    };
    const version = section!.bytes.indexOf(0x74) + 1; // Behind the last letter of the name.
    expect(version).toBeGreaterThan(0);
    const codes = new Set(
      Array.from({ length: section!.bytes.length }, (_, at) => {
        try {
          started(undefined, undefined, with_(at, section!.bytes[at]! ^ 0x55));
          return 'taken';
        } catch (error) {
          return (error as { code: string }).code;
        }
      }),
    );
    expect(codes).toContain('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect([...codes].filter((code) => code === undefined)).toEqual([]);
  });

  const step = fc.oneof(
    { arbitrary: fc.constant('take' as const), weight: 3 },
    { arbitrary: fc.nat(9), weight: 4 },
    fc.constant('watermark' as const),
    { arbitrary: fc.constant('restore' as const), weight: 1 },
  );

  it.each([true, false])(
    'loses and repeats nothing, whenever it is restored (ordered: %s)',
    async (ordered) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          service = new Service();
          let harness = started({ capacity: 4, ordered });
          const out: unknown[] = [];
          let taken = 0;
          /** What has gone out stays out: the snapshot holds the rest. */
          const note = () => out.push(...shown(harness.emitted.splice(0)));
          const answered = new Set<Made>();
          const answerAny = (n: number) => {
            const open = service.calls.filter(
              (made) => !answered.has(made) && !made.signal.aborted,
            );
            const made = open[n % Math.max(1, open.length)];
            if (made === undefined) return false;
            answered.add(made);
            made.resolve((made.record as number) * 10);
            return true;
          };
          for (const what of steps) {
            if (what === 'take') {
              taken += 1;
              if (harness.operator.saturated) taken -= 1;
              else feed(harness, taken);
            } else if (what === 'watermark') feed(harness, { watermark: taken });
            else if (what === 'restore') {
              note();
              const sections = harness.snapshot();
              await harness.operator.close?.();
              harness = started({ capacity: 4, ordered }, undefined, sections);
              feed(harness, { watermark: taken });
            } else answerAny(what);
            await settle(harness);
          }
          while (answerAny(0)) await settle(harness);
          note();
          const records = out.filter((one) => typeof one === 'number');
          const all = Array.from({ length: taken }, (_, i) => (i + 1) * 10);
          expect(ordered ? records : records.toSorted((a, b) => a - b)).toEqual(all);
          // Nothing follows a watermark that is not ahead of it.
          let time = 0;
          for (const one of out) {
            if (typeof one === 'number') expect(one / 10).toBeGreaterThan(time);
            else time = Math.max(time, Number(String(one).slice(1)));
          }
          expect(harness.operator.pending).toBe(false);
        }),
        { numRuns: 150 },
      );
    },
  );
});

describe('when the task stops', () => {
  it('calls are aborted, and nothing of them is heard', async () => {
    const harness = started({ retry: fixedDelay({ delayMs: 10 }) });
    feed(harness, 1, 2);
    service.of(2).reject(new Error('busy'));
    await settle(harness);
    await harness.operator.close?.();
    expect(service.of(1).signal.reason).toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
    service.of(1).reject(new Error('aborted'));
    await settle(harness);
    vi.advanceTimersByTime(60_000);
    expect(service.calls).toHaveLength(2);
    expect(harness.emitted).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

/** A chain of one, `calls`, between two channels; `flat` before it when there is one. */
const graphOf = (options: AsyncMapOptions, spread = false) =>
  draw((env) => {
    const read = env.from(source<number>()).rebalance();
    const before = spread ? read.flatMap((n) => [n, n + 0.5, n + 0.25]).uid('calls') : read;
    const called = before.mapAsync(service.call as never, options);
    (spread ? called.uid('async') : called.uid('calls')).rebalance().sinkTo(sink());
  });

describe('in a task', () => {
  beforeEach(() => {
    vi.useRealTimers();
  });

  const sentBy = (bench: TaskBench) =>
    bench.outputs[0]![0]!.queue.flatMap((element) =>
      element.kind === 'batch'
        ? [...element.records.slice(0, element.count)]
        : element.kind === 'barrier'
          ? [`b${element.checkpoint}`]
          : element.kind === 'watermark'
            ? [`w${element.timeMs}`]
            : [element.kind],
    );

  it('a barrier passes while calls are under way, also when there is no room', async () => {
    const bench = await TaskBench.open(graphOf({ capacity: 2 }), { vertex: 'calls' });
    bench.feed(0, [1, 2], watermark(2), barrier(1));
    bench.trigger(1);
    await bench.settle();
    expect(service.called).toEqual([1, 2]);
    expect(bench.captured.map(({ checkpoint }) => checkpoint)).toEqual([1]);
    expect(sentBy(bench)).toEqual(['b1']);
    expect(bench.task.runnable).toBe(false);

    const calls = service.calls.length;
    const again = await TaskBench.open(graphOf({ capacity: 2 }), {
      vertex: 'calls',
      restored: bench.restorable(),
    });
    again.feed(0, [3]);
    await again.settle();
    expect(service.called.slice(calls)).toEqual([1, 2]);
    service.answer(2, 1);
    await again.settle();
    service.answer(3);
    await again.settle();
    expect(sentBy(again).filter((one) => typeof one === 'number')).toEqual([10, 20, 30]);
  });

  it('what comes before it stops half-way when there is no room, and goes on when there is', async () => {
    const bench = await TaskBench.open(graphOf({ capacity: 2 }, true), { vertex: 'calls' });
    bench.feed(0, [1, 2], end);
    await bench.settle();
    expect(service.called).toEqual([1, 1.5]);
    expect(bench.task.runnable).toBe(false);
    expect(bench.woken).toBe(0);
    for (const n of [1, 1.5, 1.25, 2, 2.5]) {
      service.answer(n);
      await bench.settle();
    }
    expect(bench.ended).toBe(0);
    expect(sentBy(bench)).not.toContain('end');
    service.answer(2.25);
    await bench.settle();
    expect(bench.ended).toBe(1);
    expect(sentBy(bench)).toEqual([10, 15, 12.5, 20, 25, 22.5, 'wInfinity', 'end']);
    expect(bench.task.runnable).toBe(false);
  });

  it('an unaligned part is taken with no room, in the midst of a batch', async () => {
    const bench = await TaskBench.open(graphOf({ capacity: 1 }), {
      vertex: 'calls',
      alignedTimeoutMs: 0,
    });
    bench.feed(0, [1, 2, 3]);
    await bench.settle();
    bench.feed(0, barrier(1));
    bench.inputs[0]!.announced = { checkpoint: 1, position: 1, urgent: true };
    bench.trigger(1);
    await bench.settle();
    expect(service.called).toEqual([1]);
    expect(bench.captured).toHaveLength(1);
    const names = bench.captured[0]!.sections.map(({ name }) => name);
    expect(names).toContain('in-flight');
    expect(names.some((name) => name.startsWith('~input'))).toBe(true);
  });

  it('a failure names the operator and the record', async () => {
    const bench = await TaskBench.open(graphOf({}), { vertex: 'calls' });
    bench.feed(0, [1, 2]);
    await bench.settle();
    service.of(1).reject(new Error('refused'));
    await bench.settle();
    expect(bench.failures).toMatchObject([
      { message: 'refused', operator: 'calls', record: '1', kind: 'user-code' },
    ]);
  });

  it('times given behind it are those of a task of their own', () => {
    const graph = draw((env) => {
      const read = env.from(source<number>());
      read
        .mapAsync(async (n) => n)
        .map((n) => n)
        .withTimestamps((n) => n)
        .sinkTo(sink());
      read
        .withTimestamps((n) => n)
        .mapAsync(async (n) => n)
        .sinkTo(sink());
    });
    const plan = planJob(graphData(graph), { slots: 2, keyGroups: 16 });
    const types = plan.vertices.map(({ nodes }) =>
      nodes.map((node) => plan.graph.nodes[node]!.type).join(' '),
    );
    expect(types).toEqual([
      'testSource mapAsync map timestamps mapAsync testSink',
      'timestamps testSink',
    ]);
    expect(plan.edges.map(({ partition }) => partition)).toEqual(['forward']);
  });
});
