import { describe, expect, expectTypeOf, it } from 'vitest';
import { fromCollection } from '../../src/connectors/memory/from-collection.js';
import { type GenerateOptions, generate } from '../../src/connectors/memory/generate.js';
import type { Source } from '../../src/stream/source.js';
import { conforms, context, failureOf, readAll, readSplit } from './source-kit.js';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => ({ i }));

describe('fromCollection', () => {
  conforms('a few items', async () => ({
    source: () => fromCollection(['a', 'b', 'c']),
    expected: ['a', 'b', 'c'],
  }));
  conforms('many items', async () => ({
    source: () => fromCollection(numbers(5_003)),
    expected: numbers(5_003),
    samples: 40,
  }));

  it('has no splits for no items, one for few, sixteen for many', async () => {
    expect(await fromCollection([]).splits()).toEqual([]);
    expect(await fromCollection(numbers(999)).splits()).toHaveLength(1);
    expect(await fromCollection(numbers(1_000)).splits()).toHaveLength(16);
  });

  it('takes any iterable, once', async () => {
    function* once() {
      yield 1;
      yield 2;
    }
    const source = fromCollection(once());
    expect(await readAll(source)).toEqual([1, 2]);
    expect(await readAll(source)).toEqual([1, 2]);
  });

  it('does not see later changes of the array', async () => {
    const items = [1, 2];
    const source = fromCollection(items);
    items.push(3);
    expect(await readAll(source)).toEqual([1, 2]);
  });

  it('copies each item that can be copied, whatever the others are', async () => {
    class Own {
      n = 0;
    }
    const items = Array.from({ length: 40 }, (_, i) => (i % 3 === 1 ? new Own() : { n: 0 }));
    const source = fromCollection(items);
    for (const item of await readAll(source)) item.n += 1;
    const again = await readAll(source);
    expect(again.map(({ n }) => n)).toEqual(items.map((_, i) => (i % 3 === 1 ? 1 : 0)));
    expect(again[1]).toBe(items[1]);
    expect(again[2]).not.toBe(items[2]);
  });

  it('refuses what is not iterable', async () => {
    const error = await failureOf(() => fromCollection({ length: 2 } as never));
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain('{"length":2}');
    // @ts-expect-error a text is not taken apart
    expect((await failureOf(() => fromCollection('ab'))).code).toBe('ERR_HOLDFAST_BAD_OPTION');
  });

  it('refuses a split of a collection of another size', async () => {
    const [split] = await fromCollection([1, 2, 3]).splits();
    const error = await failureOf(() => fromCollection([1, 2]).open(split!, undefined, context));
    expect(error.code).toBe('ERR_HOLDFAST_SOURCE_CHANGED');
    expect(error.message).toContain('2 items instead of 3');
  });

  it('refuses a position that is none', async () => {
    const source = fromCollection([1, 2, 3]);
    const [split] = await source.splits();
    for (const position of [{ next: 4 }, { next: -1 }, { next: 1.5 }, {}, null, 'x']) {
      const error = await failureOf(() => source.open(split!, position, context));
      expect(error.code).toBe('ERR_HOLDFAST_SOURCE');
    }
  });
});

describe('generate', () => {
  conforms('a count', async () => ({
    source: () => generate((i) => ({ i }), { count: 3_000 }),
    expected: numbers(3_000),
    samples: 30,
  }));
  conforms('a count in given splits', async () => ({
    source: () => generate((i) => i, { count: 10, splits: 3 }),
    expected: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  }));
  conforms('a paced count', async () => ({
    source: () => generate((i) => i, { count: 50, ratePerSecond: 1e6 }),
    expected: Array.from({ length: 50 }, (_, i) => i),
    samples: 5,
  }));

  it('deals indexes round robin to several paced splits', async () => {
    const source = generate((i) => i, { count: 7, ratePerSecond: 1e6, splits: 3 });
    const splits = await source.splits();
    const read = await Promise.all(splits.map((split) => readSplit(source, split)));
    expect(read).toEqual([
      [0, 3, 6],
      [1, 4],
      [2, 5],
    ]);
    expect(await readSplit(source, splits[0]!, { next: 3 })).toEqual([3, 6]);
  });

  it('keeps instances within p ranges of each other, and each in order', async () => {
    const source = generate((i) => i, { count: 1_000_000 });
    const splits = await source.splits();
    expect(splits).toHaveLength(256);
    for (const p of [1, 2, 3, 8, 16]) {
      for (let instance = 0; instance < p; instance += 1) {
        const own = splits.filter((_, i) => i % p === instance);
        for (let k = 1; k < own.length; k += 1) {
          expect(own[k]!['from']).toBeGreaterThanOrEqual(own[k - 1]!['to'] as number);
        }
      }
    }
  });

  it('says that it ends, but for splits that would keep each other waiting for the clock', () => {
    const isBounded = (options?: GenerateOptions<number>) => generate((i) => i, options).bounded;
    expect(isBounded({ count: 10 })).toBe(true);
    expect(isBounded({ count: 10, splits: 3 })).toBe(true);
    expect(isBounded({ count: 10, ratePerSecond: 5 })).toBe(true);
    expect(isBounded({ count: 10, ratePerSecond: 5, splits: 3 })).toBe(false);
    expect(isBounded({ ratePerSecond: 5 })).toBe(false);
    expect(isBounded()).toBe(false);
  });

  it('never ends without a count, as one split', async () => {
    const source = generate((i) => i);
    const splits = await source.splits();
    expect(splits).toHaveLength(1);
    const reader = await source.open(splits[0]!, undefined, context);
    let next = 0;
    for (let poll = 0; poll < 100; poll += 1) {
      for (const record of (await reader.poll())!.records) expect(record).toBe(next++);
    }
    expect(next).toBeGreaterThan(10_000);
    expect(reader.position(0)).toEqual({ next: next - 512 });
    expect(reader.describe(3)).toBe(`index ${next - 512 + 3}`);
  });

  it('tells event times', async () => {
    const source = generate((i) => ({ i }), {
      count: 3,
      splits: 1,
      timestamp: ({ i }, index) => i * 10 + index,
    });
    const [split] = await source.splits();
    const reader = await source.open(split!, { next: 1 }, context);
    const batch = await reader.poll();
    expect(batch?.timestamps).toEqual(Float64Array.of(11, 22));
  });

  it('emits what came before a failure, then fails for ever, naming the index', async () => {
    const source = generate(
      (i) => {
        if (i === 5) throw new RangeError('poison');
        return i;
      },
      { count: 10, splits: 1 },
    );
    const [split] = await source.splits();
    const reader = await source.open(split!, undefined, context);
    expect((await reader.poll())?.records).toEqual([0, 1, 2, 3, 4]);
    expect(reader.position(5)).toEqual({ next: 5 });
    for (let again = 0; again < 2; again += 1) {
      const error = await failureOf(() => reader.poll());
      expect(error.code).toBe('ERR_HOLDFAST_USER_CODE');
      expect(error.message).toContain('index 5: poison');
      expect(error.cause).toBeInstanceOf(RangeError);
      expect(reader.position(0)).toEqual({ next: 5 });
    }
  });

  it('refuses a function that returns promises', async () => {
    const source = generate((async (i: number) => i) as never, { count: 5 });
    const error = await failureOf(() => readAll(source));
    expect(error.code).toBe('ERR_HOLDFAST_ASYNC_CALLBACK');
  });

  it('settles a pending poll when it is closed', async () => {
    const source = generate((i) => i, { ratePerSecond: 0.001 });
    const [split] = await source.splits();
    const reader = await source.open(split!, undefined, context);
    const pending = reader.poll();
    expect(pending).toBeInstanceOf(Promise);
    await reader.close();
    expect(await pending).toEqual({ records: [] });
  });

  it('infers the type of its records', () => {
    const source = generate((i) => ({ id: i, name: `n${i}` }), {
      count: 1,
      timestamp: (record) => record.id,
    });
    expectTypeOf(source).toEqualTypeOf<Source<{ id: number; name: string }>>();
    expectTypeOf(fromCollection(new Set(['a']))).toEqualTypeOf<Source<string>>();
    // @ts-expect-error a promise is no record
    expect(generate(async (i) => i, { count: 1 }).kind).toBe('generate');
  });

  it('accepts an explicit undefined for every option', async () => {
    const source = generate((i) => i, {
      count: 2,
      ratePerSecond: undefined,
      splits: undefined,
      timestamp: undefined,
    });
    expect(await readAll(source)).toEqual([0, 1]);
  });

  it.each([
    [{ count: -1 }, 'count'],
    [{ count: 1.5 }, 'count'],
    [{ ratePerSecond: 0 }, 'ratePerSecond'],
    [{ ratePerSecond: Number.NaN }, 'ratePerSecond'],
    [{ splits: 0 }, 'splits'],
    [{ timestamp: 5 }, 'timestamp'],
    [{ cuont: 5 }, 'cuont'],
    [7, 'generate'],
  ])('refuses %o', async (options, named) => {
    const error = await failureOf(() => generate((i) => i, options as never));
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain(named);
  });

  it('refuses a split of other options', async () => {
    const [split] = await generate((i) => i, { count: 10 }).splits();
    for (const options of [{ count: 11 }, {}, { count: 10, ratePerSecond: 5, splits: 2 }]) {
      const error = await failureOf(() =>
        generate((i) => i, options).open(split!, undefined, context),
      );
      expect(error.code).toBe('ERR_HOLDFAST_SOURCE_CHANGED');
    }
  });
});
