import { describe, expect, it } from 'vitest';
import { generate, run, runInline } from '../../dist/index.js';
import job from './fixtures/mutation.job.js';
import { fixture } from './kit.js';

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
});
