import { describe, expect, it } from 'vitest';
import { decodeRows } from '../../src/codec/encoded-rows.js';
import { TableWriter } from '../../src/connectors/memory/collect-table.js';
import { type TableEntry, TableRows } from '../../src/connectors/memory/table-rows.js';
import { readCollected } from '../../src/job/recovery/collected-state.js';
import { STATE_SECTION } from '../../src/stream/task/sink-tail.js';

const fresh = () => new TableWriter('t', { restored: [] });
const rowsOf = (table: TableRows) => {
  const rows: unknown[] = [];
  decodeRows(table.bytes, 'rows', rows);
  return rows;
};
const shown = (entries: readonly unknown[], table = new TableRows()) => {
  for (const entry of entries) table.set(entry as TableEntry);
  return rowsOf(table);
};
const restoredFrom = (state: readonly Uint8Array[]) =>
  new TableWriter('t', {
    restored: [{ instance: 0, bytes: new Uint8Array(Buffer.concat([...state])) }],
  });

describe('collectTable', () => {
  it('shows the newest row of each key, as of the checkpoint, and none for one that is gone', () => {
    const writer = fresh();
    writer.write({ key: 'a', row: { v: 1 } });
    writer.write({ key: ['a', 1], row: { v: 2 } });
    writer.write({ key: 'a', row: { v: 3 } });
    const table = new TableRows();
    expect(shown(writer.prepare(1).visible!, table)).toEqual([{ v: 3 }, { v: 2 }]);
    writer.write({ key: 'a', row: null });
    expect(shown(writer.prepare(2).visible!, table)).toEqual([{ v: 2 }]);
  });

  it('lets what a checkpoint that was given up had come with the next one, in its order', () => {
    const writer = fresh();
    writer.write({ key: 'a', row: { v: 1 } });
    writer.write({ key: 'b', row: { v: 1 } });
    writer.prepare(1);
    writer.write({ key: 'a', row: { v: 2 } });
    writer.prepare(2);
    writer.write({ key: 'b', row: null });
    writer.abort(2);
    writer.abort(1);
    expect(shown(writer.prepare(3).visible!)).toEqual([{ v: 2 }]);
  });

  it('goes on from its state, which stays small however often rows change', () => {
    let writer = fresh();
    let state: readonly Uint8Array[] = [];
    let bytes = 0;
    const table = new TableRows();
    for (let checkpoint = 1; checkpoint <= 60; checkpoint += 1) {
      for (let i = 0; i < 100; i += 1) writer.write({ key: i, row: { i, checkpoint } });
      if (checkpoint % 7 === 0) writer.write({ key: 5, row: null });
      const prepared = writer.prepare(checkpoint);
      shown(prepared.visible!, table);
      state = prepared.state!;
      bytes = Math.max(
        bytes,
        state.reduce((sum, chunk) => sum + chunk.length, 0),
      );
      writer = restoredFrom(state);
      expect(shown(writer.visible()).length).toBe(table.size);
    }
    expect(table.size).toBe(100);
    expect(bytes).toBeLessThan(60 * 100 * 10);
    let long = fresh();
    for (let checkpoint = 1; checkpoint <= 60; checkpoint += 1) {
      for (let i = 0; i < 100; i += 1) long.write({ key: i, row: { i, checkpoint } });
      state = long.prepare(checkpoint).state!;
    }
    long = restoredFrom(state);
    expect(shown(long.visible())).toEqual(
      Array.from({ length: 100 }, (_, i) => ({ i, checkpoint: 60 })),
    );
    expect(state.reduce((sum, chunk) => sum + chunk.length, 0)).toBeLessThan(2_000 * 40);
  });

  it('holds so many rows, however often they change', () => {
    const writer = new TableWriter('t', { restored: [] }, 2);
    for (let i = 0; i < 10; i += 1) writer.write({ key: i % 2, row: { i } });
    expect(() => writer.write({ key: 3, row: {} })).toThrow(
      expect.objectContaining({ code: 'ERR_HOLDFAST_COLLECT_LIMIT' }),
    );
  });

  it('is shown of a run that has finished', async () => {
    const writer = fresh();
    writer.write({ key: 'a', row: { v: 1 } });
    writer.prepare(1);
    writer.write({ key: 'a', row: { v: 2 } });
    const { state } = writer.prepare(2);
    const section = {
      operator: 'table',
      name: STATE_SECTION,
      bytes: new Uint8Array(Buffer.concat([...state!])),
    };
    const part = { instance: 0, sections: [{ operator: 'table' }] };
    const read = await readCollected(
      { readPart: async () => [section] } as never,
      { parts: [part] } as never,
      [['t', ['table'], 'table']],
    );
    const rows: unknown[] = [];
    for (const chunk of read[0]![1]) decodeRows(chunk, 'rows', rows);
    expect(rows).toEqual([{ v: 2 }]);
  });
});
