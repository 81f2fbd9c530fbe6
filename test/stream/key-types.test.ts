/** Keys of two types in one join: what nobody would notice, since it only pairs nothing. */

import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
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
/** So many that each side is read in turns, and what pairs comes last. */
const many = Array.from({ length: 1_000 }, (_, i) => i + 100);

const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
afterEach(() => warnings.mockClear());
afterAll(() => warnings.mockRestore());

const told = (): string[] =>
  warnings.mock.calls.map(([text]) => String(text)).filter((text) => /paired nothing/.test(text));

describe.each(Object.entries(JOINS))('%s', (method, join) => {
  it('tells once that a hundred keys of each side have no type in common, and goes on', async () => {
    const rows = await collected(join, rowsOf(...many, 99), rowsOf(...many.map(String), 99));
    expect(rows).not.toEqual([]);
    expect(told()).toEqual([
      expect.stringMatching(
        new RegExp(
          `^${method}\\(…\\) has paired nothing yet: .* left all are of type number, .* right all are of type string\\.`,
        ),
      ),
    ]);
  });

  it('tells nothing when one of them has', async () => {
    await collected(join, rowsOf(...numbers), rowsOf(...texts.slice(0, 99), 99));
    expect(told()).toEqual([]);
  });
});

it('a lookup tells that its table has keys of another type', async () => {
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
  await run(({ k }) => k);
  expect(told()).toEqual([expect.stringMatching(/lookup\(…\).*let key and tableKey/)]);
  warnings.mockClear();
  const { collected: rows } = await run(({ k }) => Number(k));
  expect(rows).toMatchObject({ rows: numbers.map((n) => [n, `${n}`]) });
  expect(told()).toEqual([]);
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
    expect(told()).toEqual([]);
  });

  it('may be null: such keys are told apart elsewhere', () => {
    take(null, 1);
    take([null, 1], [1, 'a']);
    expect(told()).toEqual([]);
  });

  it.each([
    ['a number and a text', 1, '1'],
    ['a number and a bigint', 1, 1n],
    ['a Date and a number', new Date(0), 0],
    ['tuples of two lengths', [1, 'a'], [1]],
    ['tuples of other types', [1, 'a'], ['1', 'a']],
    ['a tuple and its only element', [1], 1],
  ])('are told of as %s', (_, left, right) => {
    take(left, right);
    expect(told().length).toBe(1);
  });
});
