/** Keys of two types in one join: what nobody would notice, since it only pairs nothing. */

import { describe, expect, it } from 'vitest';
import { fromCollection } from '../../src/connectors/index.js';
import { runInline } from '../../src/job/run-inline.js';
import type { KeyedStream } from '../../src/stream/api/data-stream.js';
import { tumbling } from '../../src/stream/api/windows.js';
import { KeyTypes } from '../../src/stream/joins/key-types.js';

type Row = { readonly k: unknown; readonly t: number };
type Rows = KeyedStream<Row, never>;

const rowsOf = (...keys: readonly unknown[]): Row[] => keys.map((k, t) => ({ k, t }));
const select = (left: Row | null, right: Row | null) => `${left?.t} ${right?.t}`;
const windowed = { window: tumbling(10) };

const JOINS: Record<string, (left: Rows, right: Rows) => { collect(name: string): unknown }> = {
  join: (l, r) => l.join(r, { select }),
  intervalJoin: (l, r) => l.intervalJoin(r, { lowerMs: -9, upperMs: 9, select }),
  joinLatest: (l, r) => l.joinLatest(r, { select }),
  coGroup: (l, r) => l.coGroup(r, { ...windowed, select: (a, b) => `${a.length} ${b.length}` }),
};

async function collected(
  join: (left: Rows, right: Rows) => { collect(name: string): unknown },
  left: readonly Row[],
  right: readonly Row[],
): Promise<readonly unknown[]> {
  const { collected: sinks } = await runInline((env) => {
    const [l, r] = [left, right].map((rows, i) =>
      env
        .from(fromCollection([...rows]))
        .uid(`source ${i}`)
        .withTimestamps(({ t }) => t)
        .keyBy(({ k }) => k as never),
    );
    join(l as Rows, r as Rows).collect('rows');
  });
  return (sinks as Record<string, readonly unknown[]>)['rows'] ?? [];
}

const numbers = Array.from({ length: 100 }, (_, i) => i);
const texts = numbers.map(String);

describe.each(Object.entries(JOINS))('%s', (method, join) => {
  it('ends when a hundred keys of each side have no type in common', async () => {
    await expect(collected(join, rowsOf(...numbers), rowsOf(...texts))).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_JOIN_KEYS',
      message: expect.stringMatching(
        new RegExp(
          `^${method}\\(…\\) pairs nothing: .* left all are of type number, .* right all are of type string\\.`,
        ),
      ),
    });
  });

  it('goes on when one of them has', async () => {
    const rows = await collected(join, rowsOf(...numbers), rowsOf(...texts.slice(0, 99), 99));
    expect(rows).not.toEqual([]);
  });
});

it('a lookup ends when its table has keys of another type', async () => {
  const run = (tableKey: (row: Row) => unknown) =>
    runInline((env) => {
      env
        .from(fromCollection(rowsOf(...numbers)))
        .lookup(fromCollection(rowsOf(...texts)), {
          key: ({ k }) => k as never,
          tableKey: tableKey as never,
          select: (row, found) => [row.k, found.k],
        })
        .collect('rows');
    });
  await expect(run(({ k }) => k)).rejects.toMatchObject({ code: 'ERR_HOLDFAST_JOIN_KEYS' });
  const { collected: rows } = await run(({ k }) => Number(k));
  expect(rows).toMatchObject({ rows: numbers.map((n) => [n, `${n}`]) });
});

describe('a hundred keys of each side', () => {
  const take = (left: unknown, right: unknown) => {
    const keys = new KeyTypes('join');
    const [ofLeft, ofRight] = (['left', 'right'] as const).map(
      (side) => keys.watched(side, ((key: unknown) => key) as never) as (key: unknown) => unknown,
    );
    for (let i = 0; i < 100; i += 1) {
      expect(ofLeft!(left)).toBe(left);
      expect(ofRight!(right)).toBe(right);
    }
  };

  it('may be of one type', () => {
    take(1, -0);
    take(new Date(0), new Date(1));
    take([1, 'a'], [2, 'b']);
    take([[1], 'a'], [[2], '']);
  });

  it('may be null: such keys are told apart elsewhere', () => {
    take(null, 1);
    take([null, 1], [1, 'a']);
  });

  it.each([
    ['a number and a text', 1, '1'],
    ['a number and a bigint', 1, 1n],
    ['a Date and a number', new Date(0), 0],
    ['tuples of two lengths', [1, 'a'], [1]],
    ['tuples of other types', [1, 'a'], ['1', 'a']],
    ['a tuple and its only element', [1], 1],
  ])('may not be %s', (_, left, right) => {
    expect(() => take(left, right)).toThrow(
      expect.objectContaining({ code: 'ERR_HOLDFAST_JOIN_KEYS' }),
    );
  });
});
