import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COLLECT_ROWS_MAX, collect } from '../../src/connectors/memory/collect.js';
import { discard } from '../../src/connectors/memory/discard.js';
import { formatRecord, print } from '../../src/connectors/memory/print.js';
import type { SinkContext, SinkPrepared, SinkWriter } from '../../src/stream/sink.js';
import { prepare, sinkContext, stateBytes } from './sink-kit.js';
import { failureOf } from './source-kit.js';

const openCollect = (given: Partial<SinkContext> = {}) =>
  collect('rows').open(sinkContext(given)) as SinkWriter<unknown>;
const restoredFrom = (...prepared: (SinkPrepared | undefined)[]) => ({
  restored: prepared.map((one, instance) => ({ instance, bytes: stateBytes(one) })),
});

describe('discard and print', () => {
  it('discard takes anything', async () => {
    const sink = discard();
    expect(sink.stateless).toBe(true);
    const writer = await sink.open(sinkContext());
    writer.write(undefined, Number.NaN);
    await writer.close();
  });

  it('print writes a line per record', async () => {
    const context = sinkContext();
    const writer = await print({ prefix: '> ' }).open(context);
    writer.write({ a: 1 }, 0);
    writer.write('text', 0);
    expect(context.printed).toEqual(['> {"a":1}', '> text']);
  });

  it.each([
    [{ a: [1, null, 'x'] }, '{"a":[1,null,"x"]}'],
    [5n, '5n'],
    [new Map([['k', 1]]), "Map(1) { 'k' => 1 }"],
    [{ when: new Date(0) }, '{"when":"1970-01-01T00:00:00.000Z"}'],
    [{ deep: { map: new Set([1]) } }, '{ deep: { map: Set(1) { 1 } } }'],
    [undefined, 'undefined'],
    [Number.NaN, 'NaN'],
    [{ a: undefined }, '{ a: undefined }'],
    [null, 'null'],
    [-0, '-0'],
    [{ mean: -0 }, '{ mean: -0 }'],
    [{ list: Object.assign([1], { total: 5 }) }, '{ list: [ 1, total: 5 ] }'],
  ])('formats %o', (record, line) => {
    expect(formatRecord(record)).toBe(line);
  });

  it('formats a cycle', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(formatRecord(cycle)).toContain('Circular');
  });

  it('print refuses nonsense', async () => {
    expect((await failureOf(() => print({ prefix: 5 as never }))).code).toBe(
      'ERR_HOLDFAST_BAD_OPTION',
    );
    expect((await failureOf(() => print({ perfix: 'x' } as never))).code).toBe(
      'ERR_HOLDFAST_BAD_OPTION',
    );
    expect(print({ prefix: undefined }).kind).toBe('print');
  });
});

describe('collect', () => {
  it('shows each row with the cut it belongs to', async () => {
    const writer = openCollect();
    writer.write(1, 0);
    writer.write({ two: 2 }, 0);
    expect((await prepare(writer, 1))?.visible).toEqual([1, { two: 2 }]);
    expect((await prepare(writer, 2))?.visible).toEqual([]);
    writer.write(3, 0);
    expect((await prepare(writer, 3))?.visible).toEqual([3]);
  });

  it('has all rows in its state, and shows them once after a restore', async () => {
    const first = openCollect();
    first.write('a', 0);
    await prepare(first, 1);
    first.write(new Map([[1, new Date(5)]]), 0);
    const second = openCollect(restoredFrom(await prepare(first, 2)));
    expect(second.visible!()).toEqual(['a', new Map([[1, new Date(5)]])]);
    second.write('c', 0);
    const cut = await prepare(second, 3);
    expect(cut?.visible).toEqual(['c']);
    const third = openCollect(restoredFrom(cut));
    expect(third.visible!()).toEqual(['a', new Map([[1, new Date(5)]]), 'c']);
  });

  it('takes the rows of all instances after a rescale', async () => {
    const cuts = await Promise.all(
      ['x', 'y'].map((row) => {
        const writer = openCollect();
        writer.write(row, 0);
        return prepare(writer, 1);
      }),
    );
    const writer = openCollect(restoredFrom(...cuts, undefined));
    expect(writer.visible!()).toEqual(['x', 'y']);
  });

  it('does not change the state of a cut afterwards', async () => {
    const writer = openCollect();
    writer.write('before', 0);
    const cut = await prepare(writer, 1);
    const bytes = stateBytes(cut);
    for (let i = 0; i < 1_000; i += 1) {
      writer.write(`after ${i}`, 0);
      if (i % 10 === 0) await prepare(writer, 2 + i);
    }
    expect(stateBytes(cut)).toEqual(bytes);
  });

  it('keeps few chunks, in shared memory that nobody can transfer away', async () => {
    const writer = openCollect();
    let cut: SinkPrepared | undefined;
    for (let n = 1; n <= 500; n += 1) {
      writer.write(n, 0);
      cut = await prepare(writer, n);
    }
    expect(cut!.state!.length).toBeLessThan(20);
    for (const chunk of cut!.state!) expect(chunk.buffer).toBeInstanceOf(SharedArrayBuffer);
    const rows = openCollect(restoredFrom(cut)).visible!();
    expect(rows).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
  });

  it('shows every row once, whichever checkpoints are given up', async () => {
    const step = fc.record({ rows: fc.nat(4), aborted: fc.boolean(), late: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const writer = openCollect();
        const shown: unknown[] = [];
        let next = 0;
        let lateAbort: number | undefined;
        let checkpoint = 0;
        for (const { rows, aborted, late } of [
          ...steps,
          { rows: 1, aborted: false, late: false },
        ]) {
          for (let i = 0; i < rows; i += 1) writer.write(next++, 0);
          checkpoint += 1;
          const cut = await prepare(writer, checkpoint);
          if (lateAbort !== undefined) writer.abort!(lateAbort);
          lateAbort = undefined;
          if (!aborted) shown.push(...cut!.visible!);
          else if (late) lateAbort = checkpoint;
          else writer.abort!(checkpoint);
        }
        shown.push(...(await prepare(writer, checkpoint + 1))!.visible!);
        expect([...shown].sort((a, b) => Number(a) - Number(b))).toEqual(
          Array.from({ length: next }, (_, i) => i),
        );
      }),
    );
  });

  it('ignores an abort of a checkpoint that it never prepared', async () => {
    const writer = openCollect();
    writer.write(1, 0);
    writer.abort!(7);
    expect((await prepare(writer, 8))?.visible).toEqual([1]);
  });

  it('refuses a row that cannot be kept, and goes on', async () => {
    const writer = openCollect();
    const error = await failureOf(() => writer.write({ call: () => 1 }, 0));
    expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    expect(error.message).toContain('call');
    writer.write('good', 0);
    const cut = await prepare(writer, 1);
    expect(openCollect(restoredFrom(cut)).visible!()).toEqual(['good']);
  });

  it('has a limit, restored rows included', async () => {
    const writer = openCollect();
    for (let i = 0; i < COLLECT_ROWS_MAX; i += 1) writer.write(0, 0);
    for (const full of [writer, openCollect(restoredFrom(await prepare(writer, 1)))]) {
      const error = await failureOf(() => full.write(1, 0));
      expect(error.code).toBe('ERR_HOLDFAST_COLLECT_LIMIT');
      expect(error.message).toContain("collect('rows')");
    }
  });

  it('refuses damaged state and a missing name', async () => {
    const bytes = Uint8Array.of(0xff, 0x3f, 0x7e, 0x01);
    const error = await failureOf(() => openCollect({ restored: [{ instance: 0, bytes }] }));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect((await failureOf(() => collect(''))).code).toBe('ERR_HOLDFAST_BAD_OPTION');
  });
});
