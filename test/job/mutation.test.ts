import { describe, expect, it } from 'vitest';
import {
  fixedDelay,
  fromAsyncIterable,
  fromCollection,
  type GenerateOptions,
  generate,
  run,
  runInline,
} from '../../dist/index.js';
import job from './fixtures/mutation.job.js';
import { fixture, type Kill, Meter, temporaryFolder, throughKills } from './kit.js';
import { run as runCompiled, runGuarded } from './run-compiled.js';

type Collected = Readonly<Record<string, readonly unknown[]>>;
type Row = { readonly i: number; readonly v: number; readonly tags?: readonly string[] };

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);
const byI = (rows: readonly unknown[] | undefined) =>
  ([...(rows ?? [])] as Row[]).toSorted((a, b) => a.i - b.i);
const sorted = (rows: readonly unknown[] | undefined) =>
  ([...(rows ?? [])] as number[]).toSorted((a, b) => a - b);

/** How often each key of `i % 7` comes in 0…299, as running counts. */
const running = numbers(300)
  .map((i) => Math.floor(i / 7) + 1)
  .toSorted((a, b) => a - b);

const expectations: Readonly<Record<string, (collected: Collected) => void>> = {
  branches({ a, b }) {
    const row = (i: number, more: number, tags: readonly string[]) => ({
      i,
      v: (i % 7) + more,
      tags: [`t${i % 3}`, ...tags],
    });
    expect(byI(a)).toEqual(numbers(300).map((i) => row(i, 1_000, ['changed'])));
    expect(byI(b)).toEqual(numbers(300).map((i) => row(i, 0, [])));
  },
  'one object'({ rows }) {
    const totals = new Map<number, number>();
    for (const { key, total } of rows as { key: number; total: number }[]) {
      totals.set(key, Math.max(total, totals.get(key) ?? 0));
    }
    expect([...totals.values()].reduce((all, one) => all + one, 0)).toBe(4_498_500);
  },
  generator({ rows }) {
    const expected = numbers(900).map((k) => {
      const i = Math.floor(k / 3);
      return { i: i * 10 + (k % 3), v: i % 7, tags: [`${k % 3}`] };
    });
    expect(byI(rows)).toEqual(expected);
  },
  reduce({ rows }) {
    expect(sorted(rows?.map((row) => (row as { n: number }).n))).toEqual(running);
    for (const row of rows as { n: number; nested: { n: number } }[]) {
      expect(row.nested.n).toBe(row.n);
    }
  },
  'changed behind reduce'({ rows }) {
    expect(sorted(rows)).toEqual(running);
  },
  union({ rows }) {
    expect(sorted(rows)).toEqual(sorted(numbers(200).map((k) => 100 + (Math.floor(k / 2) % 7))));
  },
  'received record'({ rows }) {
    expect(rows).toHaveLength(300);
  },
  generate({ one, part }) {
    const expected = numbers(300).map((i) => ({ i, tags: [i] }));
    expect(byI(one)).toEqual(expected);
    expect(byI(part)).toEqual(expected);
  },
};

describe('records that somebody changes', () => {
  for (const [shape, expectIt] of Object.entries(expectations)) {
    it(`${shape}, inline`, async () => {
      expectIt((await runInline(job, { args: { shape } })).collected);
    });
    for (const parallelism of [1, 2]) {
      it(`${shape}, parallelism ${parallelism}`, async () => {
        const running = await run(fixture('mutation'), { parallelism, spares: 0, args: { shape } });
        expectIt((await running.finished).collected);
      });
    }
  }

  it("throw where they are changed, with records: 'frozen'", async () => {
    for (const shape of ['branches', 'one object', 'generator', 'reduce', 'received record']) {
      const ended = runInline(job, { args: { shape }, records: 'frozen' });
      await expect(ended, shape).rejects.toMatchObject({
        message: expect.stringMatching(/read.only|not extensible/),
      });
    }
    const calm = await runInline(
      (env) => {
        env
          .from(generate((i) => ({ i, at: new Date(i) }), { count: 10 }))
          .keyBy(({ i }) => i)
          .count()
          .collect('n');
      },
      { records: 'frozen' },
    );
    expect(calm.collected['n']).toHaveLength(10);
  });

  it("are what they are with records: 'trusted', and refused at the first record all the same", async () => {
    const trusted = await runInline(job, { args: { shape: 'reduce' }, records: 'trusted' });
    expect(trusted.collected['rows']).toHaveLength(300);
    class Point {
      x = 1;
    }
    const refused = runInline(
      (env) => {
        env
          .from(generate((i) => ({ i, at: new Point() }), { count: 10 }))
          .keyBy(({ i }) => i)
          .count()
          .collect('n');
      },
      { records: 'trusted' },
    );
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_UNTRANSFERABLE_RECORD',
      details: expect.objectContaining({ path: 'record.at' }),
    });
  });

  it.each<[string, GenerateOptions<{ i: number }>, boolean]>([
    ['one after another', {}, false],
    ['by their time', {}, true],
    ['side by side', { ratePerSecond: 6_000 }, false],
    ['side by side and by their time', { ratePerSecond: 6_000 }, true],
    ['with times of their own', { timestamp: ({ i }) => i }, false],
  ])('generate, one object in splits that are read %s', async (_, options, isTimed) => {
    const one = { i: 0 };
    const again = (i: number) => Object.assign(one, { i });
    const { collected } = await runInline((env) => {
      const made = env.from(generate(again, { count: 600, splits: 3, ...options }));
      const stream = isTimed ? made.withTimestamps(({ i }) => i) : made;
      stream.map(({ i }) => i).collect('rows');
    });
    expect(sorted(collected['rows'])).toEqual(numbers(600));
  });

  const ITEMS = numbers(1_200).map((i) => ({ i, v: 0, tags: [] as string[] }));
  it.each([0, 1_100])('fromCollection, read again after a failure at record %i', async (at) => {
    let failed = false;
    const { collected, restarts } = await runInline(
      (env) => {
        env
          .from(fromCollection(ITEMS))
          .map((item) => {
            item.v += 1;
            item.tags.push('changed');
            if (item.i === at && !failed) {
              failed = true;
              throw new Error('once');
            }
            return item;
          })
          .collect('rows');
      },
      {
        checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
        restart: fixedDelay({ attempts: 1, delayMs: 0 }),
      },
    );
    expect(restarts).toBe(1);
    expect(byI(collected['rows'])).toEqual(
      numbers(1_200).map((i) => ({ i, v: 1, tags: ['changed'] })),
    );
    expect(ITEMS.every(({ v, tags }) => v === 0 && tags.length === 0)).toBe(true);
  });

  const hidden = Symbol('hidden');
  it.each<[string, () => object]>([
    ['a symbol as key', () => ({ [hidden]: 7 })],
    ['a hidden property', () => Object.defineProperty({}, 'hidden', { value: 7 })],
    [
      'a class',
      () =>
        new (class Odd {
          hidden = 7;
        })(),
    ],
  ])('fromCollection and iterables leave nothing of a record behind: %s', async (_, make) => {
    const { collected } = await runInline((env) => {
      const read = (record: object) =>
        (record as { hidden?: number }).hidden ?? (record as { [hidden]?: number })[hidden];
      env
        .from(fromCollection([make(), make()]))
        .map(read)
        .collect('items');
      env
        .from(fromAsyncIterable(() => [make(), make()]))
        .map(read)
        .collect('iterated');
    });
    expect(collected).toEqual({ items: [7, 7], iterated: [7, 7] });
  });

  it('fromCollection, of a generator that gives one object again and again', async () => {
    function* again() {
      const one = { i: 0 };
      for (one.i = 0; one.i < 50; one.i += 1) yield one;
    }
    const { collected } = await runInline((env) => {
      env.from(fromCollection(again())).collect('rows');
    });
    expect(byI(collected['rows']).map(({ i }) => i)).toEqual(numbers(50));
  });

  const COUNT = 1_400;
  it.each<[string, number, 'aligned' | 'unaligned']>([
    ['one slot', 1, 'aligned'],
    ['two slots', 2, 'aligned'],
    ['two slots, with what is in flight', 2, 'unaligned'],
  ])('give the same through kills: %s', async (_, parallelism, alignment) => {
    const meter = new Meter();
    const running = await runCompiled(fixture('mutation'), {
      parallelism,
      args: { shape: 'through kills', count: COUNT, meter: meter.shared, splits: 2 },
      checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000, alignment },
    });
    const kills: readonly Kill[] = [
      [0, 'terminate'],
      [parallelism - 1, 'throw'],
      [0, 'exit'],
    ];
    const { collected } = await throughKills(running, meter, COUNT, kills);
    const reduced = collected['reduced'] as Reduced[];
    expect(reduced).toHaveLength(COUNT);
    for (const key of numbers(5)) {
      const own = reduced.filter((row) => row.key === key);
      expect(own.map(({ n }) => n)).toEqual(numbers(COUNT / 5).map((n) => n + 1));
    }
    expect(reduced.every(({ v, tags }) => v === -1 && tags.at(-1) === 'changed')).toBe(true);
    const last = (collected['aggregated'] as Aggregated[]).filter(
      ({ records }) => records === (2 * COUNT) / 7,
    );
    const expected = numbers(7).map((key) => {
      const own = numbers(COUNT).filter((i) => i % 7 === key);
      const total = own.reduce((all, i) => all + 2 * i + 1, 0);
      return { key, records: 2 * own.length, seen: `6162 ${total} ${total}` };
    });
    expect(last.toSorted((a, b) => a.key - b.key)).toEqual(expected);
  });

  it("are what the option says under a guardian, too: copied, frozen, or handed on with 'trusted'", async () => {
    const guarded = async (shape: string, records?: 'checked' | 'trusted' | 'frozen') => {
      const running = await runGuarded(fixture('mutation'), {
        parallelism: 1,
        args: { shape },
        ...(records === undefined ? {} : { records }),
      });
      return await running.finished;
    };
    for (const records of [undefined, 'checked'] as const) {
      expectations['branches']!((await guarded('branches', records)).collected);
    }
    await expect(guarded('branches', 'frozen')).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_USER_CODE',
      message: expect.stringMatching(/read.only|not extensible/),
    });
    const { collected } = await guarded('branches', 'trusted');
    expect(byI(collected['b']).map(({ v }) => v)).toEqual(numbers(300).map((i) => (i % 7) + 1_000));
  });
});

interface Reduced {
  readonly key: number;
  readonly v: number;
  readonly n: number;
  readonly tags: readonly string[];
}

interface Aggregated {
  readonly key: number;
  readonly records: number;
  readonly seen: string;
}
