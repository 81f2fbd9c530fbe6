import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalKey } from '../../src/hashring/canonical-key.js';
import { Cell } from '../../src/stream/state/cell.js';
import { KeyCells } from '../../src/stream/state/key-cells.js';

/** So that tests have cells in several parts. */
const groupOf = (key: unknown) => String(key).length;
const cellOf = (key: unknown) => new Cell(groupOf(key), key, 'value', 0, { live: 0 });

const number = fc.oneof(
  fc.integer({ min: -2, max: 2 }),
  fc.constantFrom(-0, Number.NaN, 0.5, -0.5, 2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY),
);
const key = fc.oneof(
  number,
  fc.array(number, { maxLength: 3 }),
  fc.constantFrom('a', '1', '\0', '', null, true, 1n, ['a', 1], [[1], 1], ['1']),
);

describe('cells by key', () => {
  it('are found, walked through and counted as in a Map by canonical keys, as they come and go', () => {
    const step = fc.record({ key, isOver: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const cells = new KeyCells();
        const expected = new Map<unknown, Cell>();
        for (const { key, isOver } of steps) {
          const canonical = canonicalKey(key);
          const known = expected.get(canonical);
          expect(cells.find(key, groupOf(key))).toBe(known);
          expect(cells.find(key, groupOf(key), canonical)).toBe(known);
          if (known === undefined) {
            const cell = cellOf(key);
            cells.add(cell);
            expected.set(canonical, cell);
          } else if (isOver) {
            cells.remove(known);
            expected.delete(canonical);
          }
          expect(cells.size).toBe(expected.size);
        }
        expect(new Set(cells.values())).toEqual(new Set(expected.values()));
        for (const { key } of steps)
          expect(cells.find(key, groupOf(key))).toBe(expected.get(canonicalKey(key)));
      }),
    );
  });

  it('are found among many, also when most of them have gone', () => {
    const cells = new KeyCells();
    const all = Array.from({ length: 3_000 }, (_, i) => cellOf([i % 50, Math.floor(i / 50)]));
    for (const cell of all) cells.add(cell);
    for (const [i, cell] of all.entries()) if (i % 3 > 0) cells.remove(cell);
    for (const [i, cell] of all.entries()) {
      expect(cells.find([...(cell.key as number[])], cell.group)).toBe(
        i % 3 > 0 ? undefined : cell,
      );
    }
  });

  it('are met if they stay, while others come and go', () => {
    const cells = new KeyCells();
    const all = [1, 2, [1, 2], [3, 4], 'a', 'b'].map(cellOf);
    for (const cell of all) cells.add(cell);
    const met: Cell[] = [];
    for (const cell of cells.values()) {
      met.push(cell);
      if (met.length > 1) continue;
      for (const gone of [all[1]!, all[3]!, all[5]!]) cells.remove(gone);
      for (const come of [7, [7, 7], 'c']) cells.add(cellOf(come));
    }
    for (const cell of [all[0]!, all[2]!, all[4]!]) expect(met).toContain(cell);
    for (const cell of [all[1]!, all[3]!, all[5]!]) expect(met).not.toContain(cell);
    expect(new Set(met).size).toBe(met.length);
  });

  it('do not grow with what has gone', () => {
    const cells = new KeyCells();
    for (let i = 0; i < 1_000; i += 1) {
      const cell = cellOf([i, -i]);
      cells.add(cell);
      expect([...cells.values()]).toEqual([cell]);
      cells.remove(cell);
    }
    expect(cells.size).toBe(0);
  });

  it('are told apart by length, sign and place of what a tuple holds', () => {
    const cells = new KeyCells();
    const tuples = [[0], [0, 0], [0, 0, 0], [-1], [1], [1, 0], [0, 1], [0.5], [-0.5], [Number.NaN]];
    for (const tuple of tuples) cells.add(cellOf(tuple));
    expect(tuples.map((tuple) => cells.find(tuple, groupOf(tuple))?.key)).toEqual(tuples);
    expect(cells.find([-0, 0], groupOf([0, 0]))?.key).toEqual([0, 0]);
  });
});
