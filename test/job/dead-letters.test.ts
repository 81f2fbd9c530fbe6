/** What becomes of records that user code fails on: per operator, in the calling thread; and among kills. */

import { describe, expect, test } from 'vitest';
import {
  aggregation,
  count,
  type DataStream,
  type DeadLetter,
  discard,
  fromCollection,
  HoldfastError,
  run,
  runInline,
  sum,
  tumbling,
  type WithDeadLetters,
} from '../../dist/index.js';
import { isFirst, isSecond, isThird, reading } from './fixtures/aside.job.js';
import { fixture, Meter, temporaryFolder, throughKills, until } from './kit.js';

interface Order {
  readonly i: number;
  readonly cents: number;
}

const orders: readonly Order[] = Array.from({ length: 40 }, (_, i) => ({ i, cents: i * 10 }));
const isPoison = (i: number): boolean => i % 7 === 3;
const sound = orders.filter(({ i }) => !isPoison(i));
const poison = orders.filter(({ i }) => isPoison(i));

class RefusedError extends RangeError {
  readonly code = 'E_REFUSED';
}
function refuse(i: number): void {
  if (isPoison(i)) throw new RefusedError(`order ${i}`);
}

interface Outcome {
  readonly rows: readonly unknown[];
  readonly dead: readonly DeadLetter<unknown>[];
}

type Aside = DataStream<unknown> & WithDeadLetters<'dead'>;

/** @param draw gives the stream whose operator was told to put aside under `dead` */
async function outcome(draw: (orders: DataStream<Order>) => Aside): Promise<Outcome> {
  const { collected } = await runInline((env) => {
    const stream = draw(env.from(fromCollection(orders)));
    stream.collect('rows');
    stream.sideOutput<DeadLetter<unknown>>('dead').collect('dead');
  });
  return {
    rows: collected['rows']!,
    dead: collected['dead'] as readonly DeadLetter<unknown>[],
  };
}

const letters = (dead: Outcome['dead']): readonly unknown[] => dead.map(({ record }) => record);
const error = (i: number) => ({ name: 'RefusedError', message: `order ${i}`, code: 'E_REFUSED' });
const aside = { sideOutput: 'dead' } as const;

describe('a record that throws', () => {
  test('in map', async () => {
    const { rows, dead } = await outcome((stream) =>
      stream
        .map((order) => {
          refuse(order.i);
          return order.cents;
        })
        .uid('cents')
        .onError(aside),
    );
    expect(rows).toEqual(sound.map(({ cents }) => cents));
    expect(dead).toEqual(
      poison.map((record) => ({
        record,
        error: error(record.i),
        operator: 'cents',
        timestamp: null,
      })),
    );
  });

  test('in filter', async () => {
    const { rows, dead } = await outcome((stream) =>
      stream
        .filter(({ i }) => {
          refuse(i);
          return i % 2 === 0;
        })
        .onError(aside),
    );
    expect(rows).toEqual(sound.filter(({ i }) => i % 2 === 0));
    expect(letters(dead)).toEqual(poison);
  });

  test('in flatMap, after it has given some', async () => {
    const { rows, dead } = await outcome((stream) =>
      stream
        .flatMap(function* ({ i }) {
          yield `${i}a`;
          refuse(i);
          yield `${i}b`;
        })
        .onError(aside),
    );
    expect(rows).toEqual(sound.flatMap(({ i }) => [`${i}a`, `${i}b`]));
    expect(letters(dead)).toEqual(poison);
  });

  test('in withTimestamps, or that has no time', async () => {
    const { rows, dead } = await outcome((stream) =>
      stream.withTimestamps(({ i }) => (isPoison(i) ? Number.NaN : i)).onError(aside),
    );
    expect(rows).toEqual(sound);
    expect(letters(dead)).toEqual(poison);
    expect(dead[0]!.error.code).toBe('ERR_HOLDFAST_NO_TIMESTAMP');
  });

  test('in the key selector', async () => {
    const { rows, dead } = await outcome((stream) =>
      stream
        .keyBy(({ i }) => {
          refuse(i);
          return i % 3;
        })
        .reduce((_, order) => order)
        .onError(aside),
    );
    expect((rows as Order[]).toSorted((a, b) => a.i - b.i)).toEqual(sound);
    expect(letters(dead)).toEqual(poison);
  });

  test('by a key that is none', async () => {
    const { dead } = await outcome((stream) =>
      stream
        .keyBy(({ i }) => (isPoison(i) ? ({} as unknown as string) : 'all'))
        .count()
        .onError(aside),
    );
    expect(letters(dead)).toEqual(poison);
    expect(dead[0]!.error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_KEY');
  });

  test('in the second of two numeric aggregations', async () => {
    const { rows, dead } = await outcome((stream) =>
      stream
        .keyBy(() => 'all')
        .aggregate({
          n: count(),
          cents: sum(({ i, cents }: Order) => {
            refuse(i);
            return cents;
          }),
        })
        .onError(aside),
    );
    let [n, cents] = [0, 0];
    expect(rows).toEqual(
      sound.map((order) => {
        n += 1;
        cents += order.cents;
        return { key: 'all', n, cents };
      }),
    );
    expect(letters(dead)).toEqual(poison);
  });

  test('as the first of its key', async () => {
    const { rows, dead } = await outcome((stream) =>
      stream
        .keyBy(({ i }) => i % 7)
        .sum(({ i, cents }) => {
          refuse(i);
          return cents;
        })
        .onError(aside),
    );
    expect(rows).toHaveLength(sound.length);
    expect(letters(dead)).toEqual(poison);
  });

  test('in reduce, which has changed its argument', async () => {
    const { rows, dead } = await outcome((stream) =>
      stream
        .map((order) => ({ ...order, seen: [order.i] }))
        .keyBy(() => 'all')
        .reduce((all, order) => {
          all.seen.push(order.i);
          refuse(order.i);
          return Object.assign(all, { i: order.i });
        })
        .map(({ seen }) => seen.length)
        .onError('fail')
        .map((length) => length)
        .onError(aside),
    ).catch((reason: unknown) => ({ rows: [reason], dead: [] }));
    // The operator that fails has no policy of its own: others' do not help it.
    expect(rows[0]).toBeInstanceOf(HoldfastError);
    expect(dead).toEqual([]);
    const { collected } = await runInline((env) => {
      const reduced = env
        .from(fromCollection(orders))
        .map((order) => ({ ...order, seen: [order.i] }))
        .keyBy(() => 'all')
        .reduce((all, order) => {
          all.seen.push(order.i);
          refuse(order.i);
          return Object.assign(all, { i: order.i });
        })
        .onError(aside);
      reduced.map(({ seen }) => [...seen]).collect('rows');
      reduced.sideOutput<DeadLetter<Order>>('dead').collect('dead');
    });
    expect(collected['rows']!.at(-1)).toEqual(sound.map(({ i }) => i));
    expect(letters(collected['dead'] as Outcome['dead'])).toMatchObject(poison);
  });

  test('in an aggregation with values, or in its answer', async () => {
    const { rows, dead } = await outcome((stream) =>
      stream
        .keyBy(() => 'all')
        .aggregate({
          n: count(),
          list: aggregation({
            initial: () => ({ seen: [] as number[] }),
            add: (state, { i }: Order) => {
              state.seen.push(i);
            },
            result: ({ seen }) => {
              refuse(seen.at(-1)!);
              return seen.length;
            },
          }),
        })
        .onError(aside),
    );
    expect(rows).toEqual(sound.map((_, at) => ({ key: 'all', n: at + 1, list: at + 1 })));
    expect(letters(dead)).toEqual(poison);
  });

  test('in a window: neither counted nor the reason for a row', async () => {
    const { rows, dead } = await outcome((stream) =>
      stream
        .withTimestamps(({ i }) => i)
        .keyBy(({ i }) => (isPoison(i) ? 'poison' : 'sound'))
        .window(tumbling(10))
        .aggregate({
          n: count(),
          cents: sum(({ i, cents }: Order) => {
            refuse(i);
            return cents;
          }),
        })
        .onError(aside),
    );
    const expected = [0, 10, 20, 30].map((start) => {
      const inside = sound.filter(({ i }) => i >= start && i < start + 10);
      const cents = inside.reduce((all, order) => all + order.cents, 0);
      return { key: 'sound', windowStart: start, windowEnd: start + 10, n: inside.length, cents };
    });
    expect(rows).toEqual(expected);
    expect(letters(dead)).toEqual(poison);
    expect(dead[0]!.timestamp).toBe(3);
  });

  test('a window whose answer throws is put aside, the others fire', async () => {
    const { rows, dead } = await outcome((stream) =>
      stream
        .withTimestamps(({ i }) => i)
        .keyBy(({ i }) => i % 2)
        .window(tumbling(10))
        .aggregate({
          last: aggregation({
            initial: () => -1,
            add: (_: number, { i }: Order) => i,
            result: (last) => {
              if (last === 19) throw new RefusedError('order 19');
              return last;
            },
          }),
        })
        .onError(aside),
    );
    expect(rows).toHaveLength(7);
    expect(dead).toMatchObject([
      { record: { key: 1, windowStart: 10, windowEnd: 20 }, error: error(19), timestamp: 19 },
    ]);
  });

  test('that cannot travel is described', async () => {
    const { dead } = await outcome((stream) =>
      stream
        .map((order) => ({ ...order, call: () => 0 }))
        .map((order) => {
          refuse(order.i);
          return order.i;
        })
        .onError(aside),
    );
    expect(dead).toHaveLength(poison.length);
    expect(dead[0]!.record).toBeUndefined();
    expect(dead[0]!.description).toContain('i: 3');
  });

  test('is left out with `drop`', async () => {
    const { collected } = await runInline((env) => {
      env
        .from(fromCollection(orders))
        .map(({ i }) => {
          refuse(i);
          return i;
        })
        .onError('drop')
        .collect('rows');
    });
    expect(collected['rows']).toEqual(sound.map(({ i }) => i));
  });
});

describe('not put aside is', () => {
  test('what is thrown downstream', async () => {
    const failing = outcome((stream) => {
      const passed = stream.map((order) => order).onError(aside);
      passed.map(({ i }) => refuse(i)).sinkTo(discard());
      return passed;
    });
    await expect(failing).rejects.toMatchObject({ code: 'ERR_HOLDFAST_USER_CODE' });
  });

  test('a callback that is asynchronous', async () => {
    const failing = outcome((stream) =>
      stream.map((order) => Promise.resolve(order) as unknown as Order).onError(aside),
    );
    await expect(failing).rejects.toMatchObject({ code: 'ERR_HOLDFAST_ASYNC_CALLBACK' });
  });
});

describe('onError is refused', () => {
  const refused = (draw: (stream: DataStream<Order>) => unknown, message: RegExp) =>
    expect(
      runInline((env) => {
        draw(env.from(fromCollection(orders)));
      }),
    ).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_BAD_OPTION',
      message: expect.stringMatching(message),
    });

  test('on a source, twice, with nonsense, or with a name that is taken', async () => {
    await refused((stream) => stream.onError('drop'), /source.*malformed/);
    await refused(
      (stream) =>
        stream
          .map(({ i }) => i)
          .onError('drop')
          .onError('drop'),
      /already/,
    );
    await refused((stream) => stream.map(({ i }) => i).onError('skip' as 'drop'), /'skip'|"skip"/);
    await refused((stream) => stream.map(({ i }) => i).onError({} as 'drop'), /sideOutput/);
    await refused(
      (stream) =>
        stream
          .withTimestamps(({ i }) => i)
          .keyBy(({ i }) => i)
          .window(tumbling(5))
          .sideOutputLate('dead')
          .reduce((_, order) => order)
          .onError(aside),
      /dead.*already/,
    );
  });

  test('when nobody reads the side output', async () => {
    const failing = runInline((env) => {
      env
        .from(fromCollection(orders))
        .map(({ i }) => i)
        .onError(aside)
        .collect('rows');
    });
    await expect(failing).rejects.toMatchObject({ code: 'ERR_HOLDFAST_JOB_BUILD' });
  });
});

interface Letters {
  readonly windows: readonly string[];
  readonly dead: readonly string[];
}

/** The job of the fixture as a plain fold: text rows, sorted. */
function expectedAside(total: number): Letters {
  const windows = new Map<string, { n: number; all: number }>();
  const dead: string[] = [];
  for (let i = 0; i < total; i += 1) {
    const { key, time } = reading(i);
    if (isFirst(i)) dead.push(`first ${i}`);
    else if (isSecond(i)) dead.push(`second ${i}`);
    else if (isThird(i)) dead.push(`third ${i}`);
    else {
      const id = `${key} ${Math.floor(time / 1_000) * 1_000}`;
      const { n, all } = windows.get(id) ?? { n: 0, all: 0 };
      windows.set(id, { n: n + 1, all: all + i });
    }
  }
  const shown = [...windows].map(([id, { n, all }]) => `${id} ${n} ${all}`);
  return { windows: shown.toSorted(), dead: dead.toSorted() };
}

function shownAside(collected: Readonly<Record<string, readonly unknown[]>>): Letters {
  interface Row {
    readonly key: string;
    readonly windowStart: number;
    readonly n: number;
    readonly all: number;
  }
  const windows = (collected['windows'] as readonly Row[]).map(
    ({ key, windowStart, n, all }) => `${key} ${windowStart} ${n} ${all}`,
  );
  const dead = (collected['dead'] ?? []) as readonly DeadLetter<{ i: number }>[];
  return {
    windows: windows.toSorted(),
    dead: dead.map(({ error: { message } }) => message).toSorted(),
  };
}

describe('among kills', () => {
  const total = 6_000;

  for (const parallelism of [1, 2, 3]) {
    test(`dead letters come once and are counted once, on ${parallelism} slots`, async () => {
      const meter = new Meter();
      const job = await run(fixture('aside'), {
        parallelism,
        args: { count: total, splits: parallelism, meter: meter.shared },
        checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
      });
      const result = await throughKills(job, meter, total, [
        [0, 'terminate'],
        [parallelism - 1, 'throw'],
      ]);
      const expected = expectedAside(total);
      expect(shownAside(result.collected)).toEqual(expected);
      expect(result.restarts).toBe(2);
      const counted: Record<string, number> = {};
      for (const { counters } of (await job.metrics()).operators) {
        for (const [name, by] of Object.entries(counters))
          counted[name] = (counted[name] ?? 0) + by;
      }
      const by = (word: string) => expected.dead.filter((one) => one.startsWith(word)).length;
      expect(counted).toMatchObject({
        deadLetters: expected.dead.length,
        'deadLetters:first': by('first'),
        'deadLetters:second': by('second'),
        'deadLetters:third': by('third'),
      });
    });
  }

  test('a job that begins to put records aside goes on from its checkpoint', async () => {
    const directory = await temporaryFolder();
    const [half, all] = [1_000, 2_000];
    const meter = new Meter(half);
    const args = { count: all, splits: 2, meter: meter.shared };
    const options = { parallelism: 2, checkpoint: { directory, intervalMs: 3_600_000 } };
    const first = await run(fixture('aside'), { ...options, args: { ...args, guarded: false } });
    await until(() => first.progress().sourceRecords === half, first);
    await first.stop();
    meter.raise(all);
    const second = await run(fixture('aside'), { ...options, args });
    const { dead } = shownAside((await second.finished).collected);
    expect(dead).toEqual(
      expectedAside(all).dead.filter((one) => Number(one.split(' ')[1]) >= half),
    );
  });
});
