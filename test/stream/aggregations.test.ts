import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hours } from '../../src/base/durations.js';
import { HoldfastError } from '../../src/base/errors.js';
import {
  type Aggregation,
  average,
  count,
  max,
  min,
  type NumberSelector,
  sum,
} from '../../src/stream/api/aggregations.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import {
  calendar,
  cumulative,
  processingTime,
  requireWindow,
  sliding,
  tumbling,
} from '../../src/stream/api/windows.js';
import { thrownBy } from './graph-kit.js';

type Value = number | null | undefined;

/** Runs a numeric aggregation in the middle of dirty memory, and checks that it stays in its words. */
function fold<T, R>(spec: Aggregation<T, R>, records: readonly T[]): R {
  if (spec.kind === 'value') {
    return spec.result(records.reduce((state, record) => spec.add(state, record), spec.initial()));
  }
  const data = new Float64Array(spec.words + 2).fill(77);
  spec.init(data, 1);
  for (const record of records) spec.add(data, 1, record);
  expect([data[0], data[spec.words + 1]]).toEqual([77, 77]);
  return spec.result(data, 1);
}

const self: NumberSelector<Value> = (value) => value;
// Integers that are so large fail in sums: safe-sums.test.ts.
const plain = fc.double().filter((value) => !Number.isInteger(value) || Math.abs(value) < 2 ** 48);
const values = fc.array(fc.oneof(plain, fc.constantFrom(null, undefined, 0, -0, 1, -1)), {
  maxLength: 20,
});
const numbersOf = (records: readonly Value[]): number[] =>
  records.filter((value): value is number => typeof value === 'number');
const answer = (records: readonly Value[], of: (numbers: number[]) => number): number | null => {
  const numbers = numbersOf(records);
  return numbers.length === 0 ? null : of(numbers) + 0;
};

describe('numeric aggregations', () => {
  it('answer as plain arithmetic does, for every kind of number', () => {
    fc.assert(
      fc.property(values, (records) => {
        expect(fold(count(), records)).toBe(records.length);
        expect(fold(sum(self), records)).toBe(answer(records, (n) => n.reduce((a, b) => a + b, 0)));
        expect(fold(min(self), records)).toBe(answer(records, (n) => Math.min(...n)));
        expect(fold(max(self), records)).toBe(answer(records, (n) => Math.max(...n)));
        expect(fold(average(self), records)).toBe(
          answer(records, (n) => n.reduce((a, b) => a + b, 0) / n.length),
        );
      }),
    );
  });

  it.each([
    [[], null, null, null, null],
    [[null, undefined], null, null, null, null],
    [[0], 0, 0, 0, 0],
    [[-0, -0], 0, 0, 0, 0],
    [[5, -5], 0, -5, 5, 0],
    [[Number.POSITIVE_INFINITY], Infinity, Infinity, Infinity, Infinity],
    [[1, Number.NaN, 2], Number.NaN, Number.NaN, Number.NaN, Number.NaN],
    [[null, 3, undefined], 3, 3, 3, 3],
  ])('of %j', (records: Value[], total, least, greatest, mean) => {
    expect(fold(sum(self), records)).toBe(total);
    expect(fold(min(self), records)).toBe(least);
    expect(fold(max(self), records)).toBe(greatest);
    expect(fold(average(self), records)).toBe(mean);
  });

  it('call the selector once per record', () => {
    for (const make of [sum, min, max, average]) {
      let calls = 0;
      fold(
        make((value: number) => {
          calls += 1;
          return value;
        }),
        [3, 1, 2],
      );
      expect(calls).toBe(3);
    }
  });

  it.each([
    ['a bigint', 1n, 'ERR_HOLDFAST_UNSUPPORTED_VALUE', /bigint 1n.*Number\(…\)/],
    ['a string', '12', 'ERR_HOLDFAST_UNSUPPORTED_VALUE', /string "12".*Number\(…\)/],
    ['a boolean', true, 'ERR_HOLDFAST_UNSUPPORTED_VALUE', /boolean true/],
    ['an object', {}, 'ERR_HOLDFAST_UNSUPPORTED_VALUE', /an object/],
    ['a promise', Promise.resolve(1), 'ERR_HOLDFAST_ASYNC_CALLBACK', /selector/],
  ])('refuse %s', (_, value, code, message) => {
    for (const make of [sum, min, max, average]) {
      const error = thrownBy(() =>
        fold(
          make(() => value as never),
          [1],
        ),
      );
      expect(error.code).toBe(code);
      expect(error.message).toMatch(message);
    }
  });

  it('refuse a selector that is no function', () => {
    for (const make of [sum, min, max, average]) {
      expect(thrownBy(() => make('delay' as never)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    }
  });
});

describe('aggregation', () => {
  it('leaves every earlier value as it was', () => {
    const spec = aggregation({
      initial: () => ({ seen: new Map<string, number>(), last: [] as string[] }),
      add: (state, word: string) => {
        state.seen.set(word, (state.seen.get(word) ?? 0) + 1);
        state.last.push(word);
      },
      result: ({ seen, last }) => [[...seen], last],
    });
    if (spec.kind !== 'value') throw new Error('not a value aggregation');
    const states: unknown[] = [spec.initial()];
    for (const word of ['a', 'b', 'a']) states.push(spec.add(states.at(-1), word));
    expect(states.map(spec.result)).toEqual([
      [[], []],
      [[['a', 1]], ['a']],
      [
        [
          ['a', 1],
          ['b', 1],
        ],
        ['a', 'b'],
      ],
      [
        [
          ['a', 2],
          ['b', 1],
        ],
        ['a', 'b', 'a'],
      ],
    ]);
  });

  it('takes returned values, and values that are no objects', () => {
    const longest = aggregation({
      initial: () => '',
      add: (state, word: string) => (word.length > state.length ? word : state),
    });
    expect(fold(longest, ['a', 'ccc', 'bb'])).toBe('ccc');
    const replaced = aggregation({
      initial: () => ({ word: '' }),
      add: (_, word: string) => ({ word }),
    });
    expect(fold(replaced, ['a', 'b'])).toEqual({ word: 'b' });
  });

  it('gives the value itself when there is no result', () => {
    const spec = aggregation({ initial: () => 3, add: (state) => state });
    expect(fold(spec, ['x', 'y'])).toBe(3);
  });

  it.each([0, '', false, null, 5n])(
    'refuses an add, merge or retract that forgets to return what %o becomes',
    (state) => {
      const forgets = (): never => undefined as never;
      const spec = aggregation<unknown, typeof state>({
        initial: () => state,
        add: forgets,
        merge: forgets,
        retract: forgets,
      });
      if (spec.kind !== 'value') throw new Error('not a value aggregation');
      const { retractable } = spec as typeof spec & {
        retractable: { change(s: unknown, r: unknown, by: number): unknown };
      };
      const calls = {
        add: () => fold(spec, ['a']),
        merge: () => spec.merge!(state as never, state as never),
        retract: () => retractable.change(state, 'a', -1),
      };
      for (const [name, call] of Object.entries(calls)) {
        const error = thrownBy(call);
        expect(error.code).toBe('ERR_HOLDFAST_USER_CODE');
        expect(error.message).toContain(`'${name}' of aggregation(…) returned nothing`);
      }
    },
  );

  it.each([
    ['a class instance', new (class Basket {})(), /object \(Basket\)/],
    ['a typed array', new Float64Array(1), /object \(Float64Array\)/],
    ['a Date', new Date(0), /object \(Date\)/],
    ['a function', () => 1, /a function/],
  ])('refuses %s as state', (_, value, message) => {
    const initial = aggregation({ initial: () => value, add: () => {} });
    const first = thrownBy(() => fold(initial as Aggregation<number, unknown>, [1]));
    expect(first.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    const added = aggregation({ initial: (): unknown => ({}), add: () => value });
    expect(thrownBy(() => fold(added as Aggregation<number, unknown>, [1])).message).toMatch(
      message,
    );
  });

  it('refuses an add that gives a promise', () => {
    const spec = aggregation({
      initial: () => ({}),
      add: () => Promise.resolve({}) as never,
    });
    expect(thrownBy(() => fold(spec, [1])).code).toBe('ERR_HOLDFAST_ASYNC_CALLBACK');
  });

  it('refuses what is no spec', () => {
    for (const spec of [undefined, {}, { initial: () => 1 }, { initial: 1, add: () => 1 }]) {
      expect(thrownBy(() => aggregation(spec as never)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    }
  });
});

describe('state of an aggregation of one’s own', () => {
  interface Part {
    n: number;
    also?: Part;
  }
  const step = <S>(initial: () => S, add: (state: S, record: number) => void) =>
    aggregation<number, S>({ initial, add: add as never, result: undefined });

  it('keeps an object that stands in two places one, as plain JavaScript does', () => {
    const spec = step<{ a?: Part; b?: Part; at?: Map<string, Part> }>(
      () => ({}),
      (state, record) => {
        if (state.a === undefined) {
          const one = { n: 0 };
          state.a = one;
          state.b = one;
          state.at = new Map([['one', one]]);
        }
        state.a.n += record;
      },
    );
    expect(fold(spec, [1, 2, 3])).toEqual({
      a: { n: 6 },
      b: { n: 6 },
      at: new Map([['one', { n: 6 }]]),
    });
  });

  it('is right, or refused with the reason, when a part contains itself', () => {
    const inner = step<{ a?: Part }>(
      () => ({}),
      (state, record) => {
        if (state.a === undefined) {
          state.a = { n: 0 };
          state.a.also = state.a;
        }
        state.a.also!.n += record;
      },
    );
    const error = thrownBy(() => {
      const { a } = fold(inner, [1, 2, 3]) as { a: Part };
      expect([a.n, a.also === a]).toEqual([6, true]);
      throw new HoldfastError('ERR_HOLDFAST_UNSUPPORTED_VALUE', 'into itself');
    });
    expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    expect(error.message).toContain('into itself');
  });

  it('holds Dates and binary data, changed in place, and emits what they were', () => {
    const spec = step<{ at: Date; bytes?: Buffer; floats: Float64Array }>(
      () => ({ at: new Date(0), floats: new Float64Array(1) }),
      (state, record) => {
        state.bytes ??= Buffer.from('ab');
        state.at.setTime(state.at.getTime() + record);
        state.floats[0]! += record;
      },
    );
    const state = fold(spec, [1, 2, 3]);
    expect(state).toEqual({
      at: new Date(6),
      bytes: Buffer.from('ab'),
      floats: new Float64Array([6]),
    });
    expect(state.bytes!.toString('hex')).toBe('6162');
  });

  it('does not share what `initial` gives again and again', () => {
    const shared = { seen: [] as number[], at: new Date(0) };
    const spec = step(
      () => shared,
      (state, record) => {
        state.seen.push(record);
        state.at.setTime(record);
      },
    );
    expect(fold(spec, [1, 2])).toEqual({ seen: [1, 2], at: new Date(2) });
    expect(fold(spec, [3])).toEqual({ seen: [3], at: new Date(3) });
    expect(shared).toEqual({ seen: [], at: new Date(0) });
  });

  it('gives Maps and Sets that the reader of a row may change', () => {
    const spec = step<Map<string, Set<number>>>(
      () => new Map(),
      (state, record) => {
        const key = record % 2 === 0 ? 'even' : 'odd';
        const of = state.get(key);
        if (of === undefined) state.set(key, new Set([record]));
        else of.add(record);
      },
    );
    if (spec.kind !== 'value') throw new Error('a value');
    const first = spec.add(spec.initial(), 1);
    const row = spec.result(first);
    row.get('odd')!.add(99);
    row.clear();
    expect(spec.result(spec.add(first, 3))).toEqual(new Map([['odd', new Set([1, 3])]]));
  });

  it('is refused at the record that brings what has no form as data, with the path', () => {
    class Money {
      cents = 1;
    }
    const cases: readonly (readonly [(state: Record<string, unknown>) => void, string])[] = [
      [(state) => (state['m'] = new Money()), 'state.m'],
      [(state) => (state['list'] = [1, { m: new Money() }]), 'state.list[1].m'],
      [(state) => (state['map'] = new Map([['k', () => 1]])), 'state.map<value 0>'],
      [(state) => Object.assign(state, { [Symbol('s')]: 1 }), 'state'],
    ];
    for (const [change, path] of cases) {
      let turn = 0;
      const spec = step<Record<string, unknown>>(
        () => ({ n: 0 }),
        (state) => {
          turn += 1;
          if (turn === 3) change(state);
        },
      );
      const error = thrownBy(() => fold(spec, [1, 2, 3, 4]));
      expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
      expect(error.message).toContain(`${path} is`);
      expect(turn).toBe(3);
    }
  });
});

describe('tumbling', () => {
  it('is plain, frozen data with an offset within the window', () => {
    expect(tumbling(1_000)).toEqual({ kind: 'tumbling', sizeMs: 1_000, offsetMs: 0 });
    expect(tumbling(hours(24), { offsetMs: hours(-2) }).offsetMs).toBe(hours(22));
    expect(Object.is(tumbling(10, { offsetMs: -20 }).offsetMs, 0)).toBe(true);
    expect(tumbling(10, { offsetMs: 25 }).offsetMs).toBe(5);
    expect(tumbling(10, { offsetMs: undefined }).offsetMs).toBe(0);
    expect(Object.isFrozen(tumbling(1))).toBe(true);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '10', undefined])(
    'refuses a size of %s',
    (size) => {
      expect(thrownBy(() => tumbling(size as number)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    },
  );

  it('refuses an offset that is no whole number', () => {
    expect(thrownBy(() => tumbling(10, { offsetMs: 0.5 })).code).toBe('ERR_HOLDFAST_BAD_OPTION');
  });
});

describe('windows', () => {
  it.each([
    ['tumbling.offset', 'tumbling.offsetMs', () => tumbling(10, { offset: 5 } as never)],
    ['sliding.slide', 'sliding.slideMs', () => sliding({ sizeMs: 10, slide: 5 } as never)],
    ['cumulative.step', 'cumulative.stepMs', () => cumulative({ sizeMs: 10, step: 5 } as never)],
    [
      'calendar.weekStart',
      'calendar.weekStartsOn',
      () => calendar('week', { timeZone: 'UTC', weekStart: 'sunday' } as never),
    ],
    ['tumbling', 'an object', () => tumbling(10, null as never)],
  ])('refuse %s', (_, way, make) => {
    const error = thrownBy(make);
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain(way);
  });

  it('are made by their functions: what was written by hand is refused, not run without its defaults', () => {
    expect(() => requireWindow(tumbling(10), 'window(window)')).not.toThrow();
    for (const byHand of [
      { kind: 'tumbling', sizeMs: 10 },
      { ...tumbling(10), sizeMs: -1 },
    ]) {
      for (const take of [
        () => requireWindow(byHand, 'window(window)'),
        () => processingTime(byHand as never),
      ]) {
        expect(thrownBy(take).code).toBe('ERR_HOLDFAST_BAD_OPTION');
      }
    }
  });
});
