import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalKey } from '../../src/hashring/canonical-key.js';
import type { Capture } from '../../src/stream/operator.js';
import type { Cell } from '../../src/stream/state/cell.js';
import { CellTable } from '../../src/stream/state/cell-table.js';
import { detachedKey, detachedValue } from '../../src/stream/state/detached.js';
import { KeyBlob, SLOT_BYTES } from '../../src/stream/state/key-blob.js';
import { PAGE_ROWS, SEGMENT_MASK, SEGMENT_SHIFT } from '../../src/stream/state/row-layout.js';
import { RowTable } from '../../src/stream/state/row-table.js';
import { thrownBy } from './graph-kit.js';

const all = () => true;
const nothing = () => {};

function bytesOf(capture: Capture): Uint8Array {
  while (!capture.step(0)) {}
  return Buffer.concat(capture.take().sections[0]!.chunks);
}

const keys = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.integer(),
  fc.double({ noNaN: true }).filter((n) => !Object.is(n, -0)),
  fc.constantFrom(true, false, null, 5n, -(2n ** 70n)),
  fc.date({ noInvalidDate: true }),
  fc.tuple(fc.string({ maxLength: 5 }), fc.integer()),
);

describe('the key blob', () => {
  it('gives every key back as it was, whatever its kind', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, fc.nat(1_024), fc.nat())), (entries) => {
        const blob = new KeyBlob();
        const references = entries.map(([key, group, row]) => blob.append(row, group, key));
        expect(references.map((reference) => blob.entry(reference))).toEqual(
          entries.map(([key, group, row]) => ({ key, group, row })),
        );
      }),
    );
  });

  it('keeps lone surrogates and keys larger than a slot', () => {
    const blob = new KeyBlob();
    const large = 'x'.repeat(SLOT_BYTES * 2 + 5);
    const given = ['a', '\ud800 alone', large, 'ÿ'.repeat(300), `${large}数`, 'z'];
    const references = given.map((key, row) => blob.append(row, 1, key));
    expect(references.map((reference) => blob.entry(reference).key)).toEqual(given);
  });

  it('reclaims garbage slot by slot, and moves what lives', () => {
    const blob = new KeyBlob();
    const live = new Map<number, { key: string; reference: number }>();
    let most = 0;
    for (let row = 0; row < 100_000; row += 1) {
      const key = `key number ${row}`;
      live.set(row, { key, reference: blob.append(row, 7, key) });
      if (row >= 2_000 && row % 10 !== 0) {
        const old = live.get(row - 2_000);
        if (old !== undefined) {
          blob.release(old.reference);
          live.delete(row - 2_000);
        }
      }
      while (blob.wasteful) {
        blob.cleanOldest(
          (candidate, reference) => live.get(candidate)?.reference === reference,
          (candidate, reference) => {
            live.get(candidate)!.reference = reference;
          },
        );
      }
      most = Math.max(most, blob.usedBytes - 2 * blob.liveBytes);
    }
    expect(most).toBeLessThanOrEqual(2 * SLOT_BYTES);
    for (const [row, { key, reference }] of live) {
      expect(blob.entry(reference)).toEqual({ row, group: 7, key });
    }
  });
});

/** Rows under a Map, which is what operators make of the table. */
class RowModel {
  readonly table: RowTable;
  readonly rows = new Map<unknown, number>();
  readonly values = new Map<unknown, { key: unknown; value: number }>();

  constructor(layout = 'test') {
    this.table = new RowTable({ words: 2, layout });
  }

  write(key: unknown, value: number): void {
    const canonical = canonicalKey(key);
    let row = this.rows.get(canonical);
    if (row === undefined) {
      row = this.table.create(groupOf(key), key);
      this.rows.set(canonical, row);
    }
    if (row < this.table.guardRows) this.table.protect(row);
    const data = this.table.segments[row >> SEGMENT_SHIFT]!;
    const at = (row & SEGMENT_MASK) * this.table.stride;
    data[at + 1] = value;
    data[at + 2] = -value;
    this.values.set(canonical, { key, value });
  }

  delete(key: unknown): void {
    const canonical = canonicalKey(key);
    const row = this.rows.get(canonical);
    if (row === undefined) return;
    this.table.release(row);
    this.rows.delete(canonical);
    this.values.delete(canonical);
  }
}

function groupOf(key: unknown): number {
  return (String(key).length % 4) + 1;
}

function readRows(bytes: Uint8Array, owns: (group: number) => boolean = all) {
  const table = new RowTable({ words: 2, layout: 'test' });
  const found = new Map<unknown, { key: unknown; value: number }>();
  table.restore(
    { bytes },
    owns,
    (row, { key }) => {
      const data = table.segments[row >> SEGMENT_SHIFT]!;
      const at = (row & SEGMENT_MASK) * table.stride;
      expect(data[at + 2]).toBe(-data[at + 1]!);
      expect(table.keyOf(row)).toEqual(key);
      found.set(canonicalKey(key), { key, value: data[at + 1]! });
    },
    nothing,
  );
  expect(table.size).toBe(found.size);
  return found;
}

const steps = (keyCount: number) =>
  fc.array(
    fc.oneof(
      {
        weight: 20,
        arbitrary: fc.record({
          kind: fc.constant('write' as const),
          key: fc.nat(keyCount - 1),
          value: fc.integer({ min: 1, max: 1_000 }),
        }),
      },
      {
        weight: 10,
        arbitrary: fc.record({ kind: fc.constant('delete' as const), key: fc.nat(keyCount - 1) }),
      },
      { weight: 2, arbitrary: fc.constant({ kind: 'cut' as const }) },
      { weight: 4, arbitrary: fc.constant({ kind: 'walk' as const }) },
      { weight: 2, arbitrary: fc.constant({ kind: 'finish' as const }) },
    ),
    { maxLength: 300 },
  );

describe('the row table', () => {
  it('captures the state at the cut, whatever is written while it is captured', () => {
    fc.assert(
      fc.property(steps(30), (list) => {
        const model = new RowModel();
        // Several pages, so that there is something to walk.
        for (let i = 0; i < PAGE_ROWS * 3; i += 1) model.write(`filler ${i}`, i + 1);
        let under: { capture: Capture; expected: Map<unknown, unknown> } | undefined;
        const finish = (): void => {
          if (under !== undefined) {
            expect(readRows(bytesOf(under.capture))).toEqual(under.expected);
          }
          under = undefined;
        };
        for (const step of list) {
          const key =
            'key' in step ? (step.key % 3 === 0 ? step.key : `filler ${step.key * 90}`) : 0;
          switch (step.kind) {
            case 'write':
              model.write(key, step.value);
              break;
            case 'delete':
              model.delete(key);
              break;
            case 'cut':
              finish();
              under = { capture: model.table.capture('s', 1), expected: new Map(model.values) };
              break;
            case 'walk':
              under?.capture.step(0);
              break;
            case 'finish':
              finish();
          }
        }
        finish();
      }),
      { numRuns: 40 },
    );
  });

  it('cleans its keys and uses rows again, also across snapshots', () => {
    const model = new RowModel();
    for (let round = 0; round < 40; round += 1) {
      for (let i = 0; i < 2_500; i += 1) model.write(`window ${round} of key ${i}`, i + 1);
      const capture = round % 3 === 0 ? model.table.capture('s', 1) : undefined;
      const expected = new Map(model.values);
      for (let i = 0; i < 2_500; i += 1) {
        if (i % 25 !== 0 || round % 8 === 0) model.delete(`window ${round} of key ${i}`);
        if (i % 200 === 0) capture?.step(0);
      }
      if (capture !== undefined) expect(readRows(bytesOf(capture))).toEqual(expected);
    }
    const live = [...model.values.values()].reduce((sum, { key }) => sum + String(key).length, 0);
    expect(model.table.size).toBe(model.values.size);
    expect(model.table.keyBytes).toBeLessThan(2 * (live + 12 * model.values.size) + 3 * SLOT_BYTES);
    expect(readRows(bytesOf(model.table.capture('s', 1)))).toEqual(model.values);
  });

  it('an abandoned capture leaves nothing behind', () => {
    const model = new RowModel();
    for (let i = 0; i < PAGE_ROWS * 2; i += 1) model.write(i, i + 1);
    const abandoned = model.table.capture('s', 1);
    abandoned.step(0);
    abandoned.abort();
    expect(model.table.guardRows).toBe(0);
    model.write(3, 99);
    const expected = new Map(model.values);
    const capture = model.table.capture('s', 1);
    abandoned.abort();
    model.write(4, 98);
    expect(readRows(bytesOf(capture))).toEqual(expected);
  });

  it('leaves alone what the last snapshots gave, as many as checkpoints may be in flight', () => {
    for (const maxConcurrent of [1, 2, 3]) {
      const model = new RowModel();
      model.table.overlap(maxConcurrent);
      const given: { chunks: readonly Uint8Array[]; bytes: Uint8Array }[] = [];
      for (let checkpoint = 1; checkpoint <= 5; checkpoint += 1) {
        for (let i = 0; i < 50; i += 1) model.write(i, checkpoint * 100 + i);
        const { chunks } = model.table.capture('s', checkpoint).take().sections[0]!;
        given.push({ chunks, bytes: Buffer.concat(chunks) });
        for (const { chunks, bytes } of given.slice(-maxConcurrent)) {
          expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
        }
        // Older ones' memory is used again.
        const [reused] = given.slice(-maxConcurrent - 1, -maxConcurrent);
        if (reused !== undefined) expect(reused.chunks[1]!.buffer).toBe(chunks[1]!.buffer);
      }
    }
  });

  it('restores from several sections, keeping the groups it owns', () => {
    const parts = [0, 1].map((part) => {
      const model = new RowModel();
      for (let i = 0; i < 500; i += 1) model.write(`${part}${'x'.repeat(i % 9)}/${i}`, i + 1);
      return { model, bytes: bytesOf(model.table.capture('s', 1)) };
    });
    const found = new Map<unknown, number>();
    for (const owned of [1, 2, 3, 4]) {
      const owns = (group: number) => group === owned;
      for (const { bytes } of parts) {
        for (const { key, value } of readRows(bytes, owns).values()) {
          expect(groupOf(key)).toBe(owned);
          expect(found.has(key)).toBe(false);
          found.set(key, value);
        }
      }
    }
    expect(found.size).toBe(1_000);
    for (const { model } of parts) {
      for (const { key, value } of model.values.values()) expect(found.get(key)).toBe(value);
    }
  });

  it('reads sections at any alignment, and says that it is alive', () => {
    const model = new RowModel();
    for (let i = 0; i < 5_000; i += 1) model.write(i, i + 1);
    const bytes = bytesOf(model.table.capture('s', 1));
    for (const shift of [0, 1, 4]) {
      const moved = new Uint8Array(bytes.length + shift);
      moved.set(bytes, shift);
      expect(readRows(moved.subarray(shift))).toEqual(model.values);
    }
    let alive = 0;
    const table = new RowTable({ words: 2, layout: 'test' });
    table.restore({ bytes }, all, nothing, () => {
      alive += 1;
    });
    expect(alive).toBe(5);
  });

  it('refuses bytes that are damaged, and state of another layout', () => {
    const model = new RowModel();
    for (let i = 0; i < 20; i += 1) model.write(`key ${i}`, i + 1);
    const bytes = bytesOf(model.table.capture('s', 1));
    const codes = new Set<string | undefined>();
    for (let length = 0; length < bytes.length; length += 1) {
      codes.add(thrownBy(() => readRows(bytes.subarray(0, length))).code);
    }
    expect([...codes]).toEqual(['ERR_HOLDFAST_CHECKPOINT_CORRUPT']);
    const other = new RowTable({ words: 2, layout: 'other' });
    expect(thrownBy(() => other.restore({ bytes }, all, nothing, nothing)).code).toBe(
      'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    );
    const future = Uint8Array.from(bytes);
    future[4] = 9;
    expect(thrownBy(() => readRows(future)).code).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
  });

  it('keeps the format of its sections', () => {
    const model = new RowModel();
    model.write('key', 3);
    model.write(-1, 4);
    expect(Buffer.from(bytesOf(model.table.capture('s', 1))).toString('hex')).toBe(GOLDEN_ROWS);
  });
});

/** Pinned: checkpoints written by this version must be readable by later ones. */
const GOLDEN_ROWS =
  '484652570100000028000000030000000200000001000000000000001900000004000000746573740000000000000000' +
  '000000000000084000000000000008c00000000000002c40000000000000104000000000000010c0' +
  '00000000040000030000006b657901000000030002ffffffff';

const SECTION_KEYS = 12;

function readCells(bytes: Uint8Array, owns: (group: number) => boolean = all) {
  const table = new CellTable({ operator: 'o', layout: 'test' });
  table.restore({ bytes }, owns, nothing);
  return contentOf(table);
}

function contentOf(table: CellTable): Map<string, unknown> {
  const content = new Map<string, unknown>();
  for (const { namespace, cells } of table.buckets.values()) {
    for (const { key, value } of cells.values()) content.set(`${namespace}/${String(key)}`, value);
  }
  return content;
}

describe('the cell table', () => {
  const change = fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({
        kind: fc.constant('write' as const),
        bucket: fc.nat(3),
        key: fc.nat(SECTION_KEYS),
        value: fc.nat(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('mutate' as const),
        bucket: fc.nat(3),
        key: fc.nat(SECTION_KEYS),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop' as const), bucket: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'cut' as const }) },
    { weight: 4, arbitrary: fc.constant({ kind: 'walk' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'finish' as const }) },
  );

  it.each([false, true])(
    'captures the state at the cut, whatever is written meanwhile; kept as bytes: %s',
    (packs) => {
      fc.assert(
        fc.property(fc.array(change, { maxLength: 200 }), (list) => {
          const table = new CellTable({ operator: 'o', layout: 'test', packs });
          for (let i = 0; i < 200; i += 1) table.create(table.bucket(4), 1, `filler ${i}`, { i });
          let under: { capture: Capture; expected: Map<string, unknown> } | undefined;
          const finish = (): void => {
            if (under !== undefined) {
              expect(readCells(bytesOf(under.capture))).toEqual(under.expected);
            }
            under = undefined;
          };
          const touched = (bucket: number, key: number): Cell | undefined => {
            const cell = table.bucket(bucket).cells.get(key);
            if (cell !== undefined && cell.seen < table.active)
              table.save(table.bucket(bucket), cell);
            cell?.changes();
            return cell;
          };
          for (const step of list) {
            switch (step.kind) {
              case 'write': {
                const value = { list: [step.value] };
                const cell = touched(step.bucket, step.key);
                if (cell === undefined) table.create(table.bucket(step.bucket), 1, step.key, value);
                else cell.value = value;
                break;
              }
              case 'mutate':
                (
                  touched(step.bucket, step.key)?.value as { list: number[] } | undefined
                )?.list.push(1);
                break;
              case 'drop':
                table.drop(table.bucket(step.bucket));
                break;
              case 'cut':
                finish();
                under = {
                  capture: table.capture('s', 1),
                  expected: structuredClone(contentOf(table)),
                };
                break;
              case 'walk':
                under?.capture.step(0);
                break;
              case 'finish':
                finish();
            }
          }
          finish();
        }),
        { numRuns: 60 },
      );
    },
  );

  it('restores the groups it owns, with values of every kind', () => {
    const table = new CellTable({ operator: 'o', layout: 'test' });
    const value = { map: new Map([['a', new Set([1n])]]), at: new Date(5), none: undefined };
    for (let group = 1; group <= 4; group += 1) {
      table.create(table.bucket(group), group, `key ${group}`, { ...value, group });
    }
    const bytes = bytesOf(table.capture('s', 1));
    const kept = readCells(bytes, (group) => group % 2 === 0);
    expect(kept).toEqual(
      new Map([2, 4].map((group) => [`${group}/key ${group}`, { ...value, group }])),
    );
  });

  it('keeps values as the bytes of a snapshot until they change', () => {
    const table = new CellTable({ operator: 'o', layout: 'test', packs: true });
    table.track();
    const bucket = table.bucket(1);
    const cells = Array.from({ length: 3_000 }, (_, i) =>
      table.create(bucket, 1, i, { list: [i], text: 'x'.repeat(100) }),
    );
    const number = table.create(bucket, 1, 'number', 5);
    const inBytes = () => cells.filter(({ packed }) => packed !== undefined).length;
    bytesOf(table.capture('s', 1));
    expect(inBytes()).toBe(3_000);
    expect(number.packed).toBeUndefined();
    // What is read is the same object until the next cut, and then another.
    const [read, written] = [cells[0]!, cells[1]!];
    const before = read.value;
    expect(before).toEqual({ list: [0], text: 'x'.repeat(100) });
    expect(read.value).toBe(before);
    table.save(bucket, written);
    written.changes();
    (written.value as { list: number[] }).list.push(7);
    expect(inBytes()).toBe(2_999);
    const changes = table.capture('s', 2, 1);
    expect(changes.step(Number.POSITIVE_INFINITY)).toBe(true);
    const [section] = changes.take().sections;
    expect(section!.on).toBe(1);
    expect(Buffer.concat(section!.chunks).length).toBeLessThan(300);
    expect(read.value).not.toBe(before);
    expect(read.value).toEqual(before);
    expect(written.value).toEqual({ list: [1, 7], text: 'x'.repeat(100) });
    // A snapshot of everything, while which some change, leaves the rest as its bytes.
    const whole = table.capture('s', 3);
    whole.step(0);
    for (const cell of cells.slice(0, 100)) {
      if (cell.seen < table.active) table.save(bucket, cell);
      cell.changes();
      (cell.value as { list: number[] }).list.push(9);
    }
    const restored = readCells(bytesOf(whole));
    expect(restored.get('1/1')).toEqual({ list: [1, 7], text: 'x'.repeat(100) });
    expect(restored.get('1/2999')).toEqual({ list: [2_999], text: 'x'.repeat(100) });
    expect(inBytes()).toBe(2_900);
    expect(cells[1]!.value).toEqual({ list: [1, 7, 9], text: 'x'.repeat(100) });
  });

  it('an abandoned capture leaves nothing behind', () => {
    const table = new CellTable({ operator: 'o', layout: 'test' });
    for (let i = 0; i < 100; i += 1) table.create(table.bucket(1), 1, i, i);
    const abandoned = table.capture('s', 1);
    abandoned.step(0);
    abandoned.abort();
    expect(table.active).toBe(0);
    const expected = contentOf(table);
    expect(readCells(bytesOf(table.capture('s', 1)))).toEqual(expected);
  });

  it('refuses bytes that are damaged, and state of another layout', () => {
    const table = new CellTable({ operator: 'o', layout: 'test' });
    table.create(table.bucket(1), 1, 'key', { value: 'text' });
    const bytes = bytesOf(table.capture('s', 1));
    expect(thrownBy(() => readCells(bytes.subarray(0, bytes.length - 3))).code).toBe(
      'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    );
    expect(thrownBy(() => readCells(bytes.subarray(5))).code).toBe(
      'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    );
    const other = new CellTable({ operator: 'o', layout: 'other' });
    expect(thrownBy(() => other.restore({ bytes }, all, nothing)).code).toBe(
      'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    );
  });
});

describe('detached keys and values', () => {
  it('copy plain objects, arrays and Maps, and leave the rest alone', () => {
    class Point {
      x = 1;
    }
    const rest = [new Point(), new Set(['a']), new Float64Array(2), () => 1, null, undefined];
    const map = new Map<unknown, unknown>([['a', { b: 'a third text that is long' }]]);
    map.set('itself', map);
    const list = ['another long enough text', 5];
    const value = { text: 'a text of more than 13', list, rest, map };
    const copy = detachedValue(value) as typeof value;
    expect(copy).toEqual(value);
    expect(copy).not.toBe(value);
    expect(copy.map).not.toBe(map);
    expect(copy.map.get('a')).not.toBe(map.get('a'));
    expect(copy.map.get('itself')).toBe(copy.map);
    for (const [i, one] of copy.rest.entries()) expect(one).toBe(rest[i]);
    const awkward = JSON.parse('{"__proto__": {"a": "a text of more than 13"}}') as object;
    expect(Object.keys(detachedValue(awkward) as object)).toEqual(['__proto__']);
  });

  it('are what cells come to hold when they are all that is left of their frames', () => {
    const table = new CellTable({ operator: 'o', layout: 'test' });
    const bucket = table.bucket(1);
    const text = { text: 'a text that is long enough' };
    const hot = Array.from({ length: 50 }, (_, i) => table.create(bucket, 1, `hot ${i}`, text));
    const cold: Cell[] = [];
    // A new key every 1 000 records, and the rest is always the same: frames with one straggler each.
    const steps = (count: number): void => {
      for (let i = 0; i < count; i += 1) {
        if (i % 1_000 === 0) cold.push(table.create(bucket, 1, `cold ${cold.length}`, text));
        else table.set(hot[i % 50]!, text);
      }
    };
    steps(400_000);
    expect(cold.every(({ value }) => value === text)).toBe(true);
    steps(1_600_000);
    const holding = cold.filter(({ value }) => value === text).length;
    expect(holding).toBeLessThan(700);
    expect(cold).toHaveLength(2_000);
    for (const { value } of [...cold, ...hot]) expect(value).toEqual(text);
    expect(hot.every(({ value }) => value === text)).toBe(true);
    // Cells that are released do not count; those of dense frames are left alone.
    for (const cell of cold) table.release(cell);
    const dense = Array.from({ length: 600_000 }, (_, i) => table.create(bucket, 1, i, text));
    expect(dense.every(({ value }) => value === text)).toBe(true);
  });

  it('are equal to what they were made of, and do not change with it', () => {
    const date = new Date(7);
    const tuple = ['a', date, ['b', 1]];
    const copy = detachedKey(tuple) as typeof tuple;
    expect(copy).toEqual(tuple);
    date.setTime(8);
    tuple.push('c');
    expect(copy).toEqual(['a', new Date(7), ['b', 1]]);
  });

  it('keep text of any kind and length', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.constantFrom(1, 200),
        (part, n) => {
          const text = part.repeat(n);
          expect(detachedKey(text)).toBe(text);
        },
      ),
    );
    expect(detachedKey('\udc00 a lone surrogate in it')).toBe('\udc00 a lone surrogate in it');
  });
});
