/**
 * I20: what is restored from a snapshot that builds on others equals what was in the table at its cut,
 * whichever checkpoints completed, failed or were abandoned on the way.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalKey } from '../../src/hashring/canonical-key.js';
import type { Capture, OperatorContext, StateSection } from '../../src/stream/operator.js';
import type { Cell, CellBucket } from '../../src/stream/state/cell.js';
import { CellTable } from '../../src/stream/state/cell-table.js';
import { ChangeLog } from '../../src/stream/state/change-log.js';
import { KeyedState } from '../../src/stream/state/keyed-state.js';
import { PAGE_ROWS, SEGMENT_MASK, SEGMENT_SHIFT } from '../../src/stream/state/row-layout.js';
import { RowSet } from '../../src/stream/state/row-set.js';
import { RowTable } from '../../src/stream/state/row-table.js';
import { thrownBy } from './graph-kit.js';

const all = () => true;
const nothing = () => {};

interface Restorable {
  readonly bytes: Uint8Array;
  readonly deltas: readonly Uint8Array[];
  readonly checkpoint?: number;
}

type Content = ReadonlyMap<string, unknown>;

/** A table of either kind behind what both have in common. */
interface Model {
  write(bucket: number, key: number, value: number): void;
  delete(bucket: number, key: number): void;
  /** Everything in the bucket. */
  drop(bucket: number): void;
  capture(checkpoint: number, base: number | undefined): Capture;
  content(): Content;
}

class RowModel implements Model {
  readonly table = new RowTable({ words: 2, layout: 'test' });
  readonly rows = new Map<string, number>();

  constructor(restored?: Restorable, owns: (group: number) => boolean = all, tracks = true) {
    if (tracks) this.table.track();
    if (restored === undefined) return;
    this.table.restore(
      restored,
      owns,
      (row, { key }) => {
        // Plain checks: there are very many of them.
        if (this.table.keyOf(row) !== key) throw new Error(`row ${row} has another key`);
        if (this.rows.has(key as string)) throw new Error(`key ${String(key)} came twice`);
        this.rows.set(key as string, row);
      },
      nothing,
    );
    expect(this.table.size).toBe(this.rows.size);
  }

  write(bucket: number, key: number, value: number): void {
    const name = `${bucket}/${key}`;
    let row = this.rows.get(name);
    if (row === undefined) {
      row = this.table.create(bucket + 1, name);
      this.rows.set(name, row);
    }
    if (row < this.table.guardRows) this.table.protect(row);
    const data = this.table.segments[row >> SEGMENT_SHIFT]!;
    const at = (row & SEGMENT_MASK) * this.table.stride;
    data[at + 1] = value;
    data[at + 2] = -value;
  }

  delete(bucket: number, key: number): void {
    const name = `${bucket}/${key}`;
    const row = this.rows.get(name);
    if (row === undefined) return;
    this.table.release(row);
    this.rows.delete(name);
  }

  drop(bucket: number): void {
    for (const name of [...this.rows.keys()]) {
      if (name.startsWith(`${bucket}/`)) this.delete(bucket, Number(name.split('/')[1]));
    }
  }

  capture(checkpoint: number, base: number | undefined): Capture {
    return this.table.capture('s', checkpoint, base);
  }

  content(): Content {
    const content = new Map<string, unknown>();
    for (const [name, row] of this.rows) {
      const data = this.table.segments[row >> SEGMENT_SHIFT]!;
      const at = (row & SEGMENT_MASK) * this.table.stride;
      if (data[at + 2] !== -data[at + 1]!) throw new Error(`row ${row} is torn`);
      content.set(name, data[at + 1]);
    }
    return content;
  }
}

class CellModel implements Model {
  readonly table: CellTable;

  constructor(
    packs: boolean,
    restored?: Restorable,
    owns: (group: number) => boolean = all,
    tracks = true,
  ) {
    this.table = new CellTable({ operator: 'o', layout: 'test', packs });
    if (tracks) this.table.track();
    if (restored !== undefined) this.table.restore(restored, owns, nothing);
  }

  write(bucket: number, key: number, value: number): void {
    const [cells, cell] = this.#find(bucket, key);
    if (cell === undefined) this.table.create(cells, bucket + 1, key, { list: [value] });
    else {
      if (cell.seen < this.table.active) this.table.save(cells, cell);
      cell.changes();
      // In place on purpose: the snapshot has the old value by then.
      (cell.value as { list: number[] }).list.push(value);
    }
  }

  delete(bucket: number, key: number): void {
    const [cells, cell] = this.#find(bucket, key);
    if (cell !== undefined) this.table.delete(cells, cell);
  }

  drop(bucket: number): void {
    const cells = this.table.buckets.get(bucket);
    if (cells === undefined) return;
    for (const cell of cells.cells.values()) this.table.release(cell);
    this.table.drop(cells);
  }

  capture(checkpoint: number, base: number | undefined): Capture {
    return this.table.capture('s', checkpoint, base);
  }

  content(): Content {
    const content = new Map<string, unknown>();
    for (const { namespace, cells } of this.table.buckets.values()) {
      for (const { key, value } of cells.values()) {
        content.set(`${namespace}/${String(key)}`, structuredClone(value));
      }
    }
    return content;
  }

  #find(bucket: number, key: number): [CellBucket, Cell | undefined] {
    const cells = this.table.bucket(bucket);
    return [cells, cells.cells.get(canonicalKey(key) as number)];
  }
}

/** Keyed state of one slot: numbers lie in a column, and all other values in cells. */
class KeyedModel implements Model {
  readonly #state: KeyedState;
  readonly #names = new Map<string, number>();

  constructor(restored?: Restorable, owns: (group: number) => boolean = all, tracks = true) {
    const context = {
      operator: 'o',
      incremental: tracks,
      ownsGroup: owns,
      formerOwner: () => 0,
      alive: nothing,
    } as Partial<OperatorContext> as OperatorContext;
    const description = { section: 's', layout: 'test', migrates: [] };
    this.#state = new KeyedState(
      context,
      restored === undefined ? [] : [{ name: 's', instance: 0, ...restored }],
      { description, slots: 1, evolve: () => (value) => value, packs: true },
    );
    for (const { key, group } of this.#state.cells()) this.#names.set(key as string, group);
  }

  write(bucket: number, key: number, value: number): void {
    this.#put(`${bucket}/${key}`, bucket + 1, someValue(value));
  }

  delete(bucket: number, key: number): void {
    const name = `${bucket}/${key}`;
    if (this.#names.has(name)) this.#put(name, bucket + 1, undefined);
  }

  drop(bucket: number): void {
    for (const name of [...this.#names.keys()]) {
      if (name.startsWith(`${bucket}/`)) this.#put(name, bucket + 1, undefined);
    }
  }

  capture(checkpoint: number, base: number | undefined): Capture {
    return this.#state.capture(checkpoint, base);
  }

  content(): Content {
    const content = new Map<string, unknown>();
    for (const [name, group] of this.#names) {
      this.#state.begin(name, name, group);
      content.set(name, this.#state.read(0));
      this.#state.end();
    }
    if ([...this.#state.cells()].length !== content.size) throw new Error('a cell is left over');
    for (const cell of this.#state.cells()) {
      const value = content.get(cell.key as string);
      if (!Object.is(cell.value, value))
        throw new Error(`cell ${String(cell.key)} has another value`);
    }
    return new Map(
      [...content].map(([name, value]) => [name, Object.is(value, -0) ? '−0' : String(value)]),
    );
  }

  #put(name: string, group: number, value: unknown): void {
    const state = this.#state;
    state.begin(name, name, group);
    state.write(0, value);
    state.keeps(value);
    if (value === undefined) {
      state.emptied();
      this.#names.delete(name);
    } else {
      this.#names.set(name, group);
    }
    state.end();
  }
}

/** Values of several kinds, most of them numbers. */
function someValue(value: number): unknown {
  const kinds = [Number.NaN, `text ${value}`, -0, [value], 2 ** 31 + value, value / 2];
  return value % 12 < kinds.length ? kinds[value % 12] : value;
}

type Make = (restored?: Restorable, owns?: (group: number) => boolean, tracks?: boolean) => Model;

const kinds: readonly (readonly [string, Make])[] = [
  ['rows', (...given) => new RowModel(...given)],
  ['cells', (...given) => new CellModel(false, ...given)],
  ['cells that are kept as bytes', (...given) => new CellModel(true, ...given)],
  ['keyed state', (...given) => new KeyedModel(...given)],
];

function finish(capture: Capture): StateSection {
  while (!capture.step(0)) {}
  return capture.take().sections[0]!;
}

const bytesOf = ({ chunks }: StateSection): Uint8Array => new Uint8Array(Buffer.concat(chunks));

/** What the driver and the store do between them. */
class Chain {
  /** By checkpoint: what it takes to restore it, and what has to come out. */
  readonly completed = new Map<
    number,
    { readonly stored: Restorable; readonly content: Content }
  >();
  readonly sizes: { readonly bytes: number; readonly isDelta: boolean }[] = [];

  get newest(): number | undefined {
    return [...this.completed.keys()].at(-1);
  }

  complete(checkpoint: number, section: StateSection, content: Content): void {
    const bytes = bytesOf(section);
    this.sizes.push({ bytes: bytes.length, isDelta: section.on !== undefined });
    if (section.on === undefined) {
      this.completed.set(checkpoint, { stored: { bytes, deltas: [], checkpoint }, content });
      return;
    }
    const { stored } = this.completed.get(section.on)!;
    this.completed.set(checkpoint, {
      stored: { bytes: stored.bytes, deltas: [...stored.deltas, bytes], checkpoint },
      content,
    });
  }

  /** The run goes on from there: newer ones are forgotten. */
  rewind(checkpoint: number): void {
    for (const id of [...this.completed.keys()]) if (id > checkpoint) this.completed.delete(id);
  }

  /** Everything comes back, from every checkpoint, whoever restores it. */
  check(make: Make): void {
    for (const { stored, content } of this.completed.values()) {
      expectSame(make(stored).content(), content);
      const { bytes, deltas } = stored;
      expectSame(make({ bytes, deltas }, all, false).content(), content);
      const halves = [0, 1].map((half) =>
        make({ bytes, deltas }, (group) => group % 2 === half).content(),
      );
      expectSame(new Map([...halves[0]!, ...halves[1]!]), content);
      expect(halves[0]!.size + halves[1]!.size).toBe(content.size);
    }
  }
}

/** What is different, without looking long at what is not. */
function expectSame(found: Content, expected: Content): void {
  const differs = (one: Content, other: Content) =>
    [...one].filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(other.get(key)));
  expect(differs(found, expected)).toEqual([]);
  expect(differs(expected, found)).toEqual([]);
}

const step = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      bucket: fc.nat(3),
      key: fc.nat(40),
      value: fc.integer({ min: 1, max: 1_000 }),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      bucket: fc.nat(3),
      key: fc.nat(40),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop' as const), bucket: fc.nat(4) }) },
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('cut' as const), rewrite: fc.nat(9) }),
  },
  { weight: 8, arbitrary: fc.constant({ kind: 'walk' as const }) },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      how: fc.constantFrom('completed', 'completed', 'completed', 'failed', 'abandoned'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('restore' as const), which: fc.nat(5) }),
  },
);

for (const [name, make] of kinds) {
  describe(`snapshots of ${name} that build on others`, () => {
    it('restore what was there at the cut, whatever became of the snapshots between', () => {
      let deltas = 0;
      fc.assert(
        fc.property(fc.array(step, { maxLength: 250, size: 'max' }), (list) => {
          let model = make();
          for (let key = 0; key < 1_200; key += 1) model.write(4, key, key + 1);
          const chain = new Chain();
          let checkpoint = 0;
          let under: { capture: Capture; content: Content } | undefined;
          for (const one of list) {
            switch (one.kind) {
              case 'write':
                model.write(one.bucket, one.key, one.value);
                break;
              case 'delete':
                model.delete(one.bucket, one.key);
                break;
              case 'drop':
                model.drop(one.bucket);
                break;
              case 'cut': {
                under?.capture.abort();
                checkpoint += 1;
                const content = model.content();
                const base = one.rewrite === 0 ? undefined : chain.newest;
                under = { capture: model.capture(checkpoint, base), content };
                break;
              }
              case 'walk':
                under?.capture.step(0);
                break;
              case 'end':
                if (under === undefined) break;
                if (one.how === 'abandoned') under.capture.abort();
                else {
                  const section = finish(under.capture);
                  if (one.how === 'completed') {
                    chain.complete(checkpoint, section, under.content);
                  }
                }
                under = undefined;
                break;
              case 'restore': {
                const ids = [...chain.completed.keys()];
                const id = ids[ids.length - 1 - (one.which % Math.max(1, ids.length))];
                if (id === undefined) break;
                under?.capture.abort();
                under = undefined;
                chain.rewind(id);
                model = make(chain.completed.get(id)!.stored);
                expectSame(model.content(), chain.completed.get(id)!.content);
              }
            }
          }
          chain.check(make);
          deltas += chain.sizes.filter(({ isDelta }) => isDelta).length;
        }),
        { numRuns: 25 },
      );
      // About 155 by chance, seldom fewer than 100.
      expect(deltas).toBeGreaterThan(20);
    });

    it('are as large as the change, not as the state', () => {
      const model = make();
      const keys = 10_000;
      for (let key = 0; key < keys; key += 1) model.write(key % 4, key, key + 1);
      const chain = new Chain();
      chain.complete(1, finish(model.capture(1, undefined)), model.content());
      for (let checkpoint = 2; checkpoint < 6; checkpoint += 1) {
        // Spread over all pages.
        for (let i = 0; i < keys / 100; i += 1) {
          const key = (i * 100 + checkpoint) % keys;
          model.write(key % 4, key, checkpoint);
        }
        const section = finish(model.capture(checkpoint, checkpoint - 1));
        chain.complete(checkpoint, section, model.content());
      }
      const [full, ...deltas] = chain.sizes;
      for (const { bytes, isDelta } of deltas) {
        expect(isDelta).toBe(true);
        expect(bytes).toBeLessThan(full!.bytes * 0.03);
      }
      chain.check(make);
      // Nothing was written before the cut: next to nothing is stored, whatever is written after it.
      const capture = model.capture(6, 5);
      for (let key = 0; key < keys; key += 10) model.write(key % 4, key, 6);
      const empty = finish(capture);
      expect(empty.on).toBe(5);
      expect(bytesOf(empty).length).toBeLessThan(200);
    });

    it('are whole when most has changed, when told so, and when the base is not known', () => {
      const model = make();
      for (let key = 0; key < 2_000; key += 1) model.write(0, key, 1);
      const complete = (checkpoint: number, base: number | undefined) =>
        finish(model.capture(checkpoint, base)).on;
      expect(complete(1, undefined)).toBeUndefined();
      expect(complete(2, 1)).toBe(1);
      expect(complete(3, undefined)).toBeUndefined();
      // 3 was not completed.
      expect(complete(4, 2)).toBeUndefined();
      expect(complete(5, 4)).toBe(4);
      for (let key = 0; key < 1_500; key += 1) model.write(0, key, 2);
      expect(complete(6, 5)).toBeUndefined();
      expect(complete(7, 1)).toBeUndefined();
      expect(complete(8, 7)).toBe(7);
      const untracked = make(undefined, all, false);
      untracked.write(0, 1, 1);
      expect(finish(untracked.capture(1, undefined)).on).toBeUndefined();
      expect(finish(untracked.capture(2, 1)).on).toBeUndefined();
    });

    it('lose nothing of a checkpoint that failed', () => {
      const model = make();
      for (let key = 0; key < 2_000; key += 1) model.write(0, key, 1);
      const chain = new Chain();
      chain.complete(1, finish(model.capture(1, undefined)), model.content());
      for (let checkpoint = 2; checkpoint < 40; checkpoint += 1) {
        model.write(1, checkpoint, checkpoint);
        model.write(0, checkpoint * 7, checkpoint);
        model.delete(0, checkpoint * 11);
        const capture = model.capture(checkpoint, 1);
        if (checkpoint % 3 === 0) capture.abort();
        else finish(capture);
      }
      const section = finish(model.capture(40, 1));
      expect(section.on).toBe(1);
      chain.complete(40, section, model.content());
      chain.check(make);
    });

    it('do not pile up changes while checkpoints fail', () => {
      const model = make();
      for (let key = 0; key < 100; key += 1) model.write(0, key, 1);
      const chain = new Chain();
      chain.complete(1, finish(model.capture(1, undefined)), model.content());
      for (let checkpoint = 2; checkpoint < 200; checkpoint += 1) {
        for (let key = 0; key < 100; key += 1) model.write(0, key, checkpoint);
        expect(finish(model.capture(checkpoint, 1)).on).toBeUndefined();
      }
      chain.complete(200, finish(model.capture(200, 1)), model.content());
      model.write(0, 5, 7);
      chain.complete(201, finish(model.capture(201, 200)), model.content());
      expect(chain.sizes.at(-1)!.isDelta).toBe(true);
      chain.check(make);
    });
  });
}

describe('rows', () => {
  it('go on from a restored checkpoint with their keys cleaned and their numbers used again', () => {
    let model = new RowModel();
    const chain = new Chain();
    let checkpoint = 0;
    for (let round = 0; round < 30; round += 1) {
      for (let key = 0; key < 2_500; key += 1) model.write(round, key * 1_000_003, key + 1);
      for (let key = 0; key < 2_500; key += 1) {
        if (key % 25 !== 0 || round % 8 === 0) model.delete(round, key * 1_000_003);
        if (key % 700 === 0) {
          checkpoint += 1;
          const section = finish(model.capture(checkpoint, chain.newest));
          chain.complete(checkpoint, section, model.content());
        }
      }
      const { stored, content } = chain.completed.get(checkpoint)!;
      expect(new RowModel(stored).content()).toEqual(content);
      if (round % 5 === 4) model = new RowModel(stored);
    }
    expect(chain.sizes.filter(({ isDelta }) => isDelta).length).toBeGreaterThan(20);
    const live = [...model.rows.keys()].reduce((sum, key) => sum + key.length + 12, 0);
    expect(model.table.keyBytes).toBeLessThan(2 * live + 4 * 2 ** 18);
  });

  it('leave keys behind that were cleaned away between two checkpoints', () => {
    const table = new RowTable({ words: 1, layout: 'test' });
    table.track();
    for (let row = 0; row < 1_000; row += 1) table.create(1, `${row} ${'x'.repeat(1_000)}`);
    const full = bytesOf(finish(table.capture('s', 1)));
    for (let row = 0; row < 800; row += 1) table.release(row);
    expect(table.keyBytes).toBeLessThan(900_000);
    const section = finish(table.capture('s', 2, 1));
    expect(section.on).toBe(1);
    const restored = new RowTable({ words: 1, layout: 'test' });
    restored.track();
    const stored = { bytes: full, deltas: [bytesOf(section)], checkpoint: 2 };
    restored.restore(stored, all, nothing, nothing);
    expect(restored.size).toBe(200);
    expect(restored.keyBytes).toBe(table.keyBytes);
  });

  it('that are gone with their numbers do not come back', () => {
    // With long keys changes are smaller than the whole even when all rows have changed.
    const table = new RowTable({ words: 1, layout: 'test' });
    table.track();
    const nameOf = (row: number) => `${row} ${'x'.repeat(1_000)}`;
    for (let row = 0; row < 100; row += 1) table.create(1, nameOf(row));
    const full = bytesOf(finish(table.capture('s', 1)));
    for (let row = 0; row < 100; row += 1) table.release(row);
    const row = table.create(1, 'the only one');
    expect(row).toBe(0);
    const section = finish(table.capture('s', 2, 1));
    expect(section.on).toBe(1);
    // Stored, as it must be before the next snapshot may begin (R5).
    const first = bytesOf(section);
    for (let more = 1; more < 50; more += 1) table.create(1, `later ${more}`);
    const later = finish(table.capture('s', 3, 2));
    expect(later.on).toBe(2);
    const keysOf = (deltas: readonly Uint8Array[]) => {
      const restored = new RowTable({ words: 1, layout: 'test' });
      const found: unknown[] = [];
      const visit = (at: number) => found.push(restored.keyOf(at));
      restored.restore({ bytes: full, deltas }, all, visit, nothing);
      return found;
    };
    expect(keysOf([])).toHaveLength(100);
    expect(keysOf([first])).toEqual(['the only one']);
    expect(keysOf([first, bytesOf(later)])).toHaveLength(50);
  });

  it('keep keys larger than a slot, and those behind them', () => {
    const table = new RowTable({ words: 1, layout: 'test' });
    table.track();
    const keys = ['a', 'x'.repeat(700_000), 'behind it', 'y'.repeat(300_000), 'last'];
    const chain = new Chain();
    const content = new Map<string, unknown>();
    for (const [i, key] of keys.entries()) {
      table.create(1, key);
      content.set(key, i);
      const section = finish(table.capture('s', i + 1, i === 0 ? undefined : i));
      chain.complete(i + 1, section, new Map(content));
    }
    for (const { stored, content: expected } of chain.completed.values()) {
      for (const tracks of [true, false]) {
        const restored = new RowTable({ words: 1, layout: 'test' });
        if (tracks) restored.track();
        const found: unknown[] = [];
        restored.restore(stored, all, (row) => found.push(restored.keyOf(row)), nothing);
        expect(found).toEqual([...expected.keys()]);
      }
    }
  });

  it('refuses changes that are damaged, or of another layout', () => {
    const model = new RowModel();
    for (let key = 0; key < 200; key += 1) model.write(0, key, 1);
    const full = bytesOf(finish(model.capture(1, undefined)));
    model.write(1, 1, 1);
    model.write(0, 5, 2);
    const delta = bytesOf(finish(model.capture(2, 1)));
    model.write(1, 2, 1);
    const later = bytesOf(finish(model.capture(3, 2)));
    const codeOf = (deltas: readonly Uint8Array[], layout = 'test') =>
      thrownBy(() => {
        const table = new RowTable({ words: 2, layout });
        table.restore({ bytes: full, deltas }, all, nothing, nothing);
      }).code;
    const codes = new Set<string | undefined>();
    for (let length = 0; length < delta.length; length += 1) {
      codes.add(codeOf([delta.subarray(0, length)]));
    }
    expect([...codes]).toEqual(['ERR_HOLDFAST_CHECKPOINT_CORRUPT']);
    // One is missing, or comes twice: its keys do not fit.
    expect(codeOf([later])).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(codeOf([delta, delta])).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(codeOf([full])).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    const future = Uint8Array.from(delta);
    future[4] = 9;
    expect(codeOf([future])).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
    const moved = new Uint8Array(delta.length + 1);
    moved.set(delta, 1);
    const table = new RowTable({ words: 2, layout: 'test' });
    table.restore({ bytes: full, deltas: [moved.subarray(1), later] }, all, nothing, nothing);
    expect(table.size).toBe(202);
  });

  it('keep the format of their changes', () => {
    const model = new RowModel();
    for (let key = 0; key < 9; key += 1) model.write(0, key, 1);
    finish(model.capture(1, undefined));
    model.write(0, 3, 2);
    model.delete(0, 4);
    model.write(2, 1, 5);
    const section = finish(model.capture(2, 1));
    expect(Buffer.from(bytesOf(section)).toString('hex')).toBe(GOLDEN_ROW_CHANGES);
  });
});

/** Pinned: checkpoints written by this version must be readable by later ones. */
const GOLDEN_ROW_CHANGES =
  '4846524401000000380000000300000009000000020000000000000001000000000000007e0000000e0000000400000074657374000000000000000000004540000000000000004000000000000000c00000000000805f40000000000000144000000000000014c003000000040000000400000003000003000000322f31';

describe('cells', () => {
  it('refuses changes that are damaged, or of another layout', () => {
    const model = new CellModel(false);
    for (let key = 0; key < 20; key += 1) model.write(0, key, 1);
    const full = bytesOf(finish(model.capture(1, undefined)));
    model.write(1, 1, 1);
    model.drop(2);
    model.delete(0, 3);
    const delta = bytesOf(finish(model.capture(2, 1)));
    const codeOf = (deltas: readonly Uint8Array[], layout = 'test') =>
      thrownBy(() => {
        new CellTable({ operator: 'o', layout }).restore({ bytes: full, deltas }, all, nothing);
      }).code;
    expect(codeOf([delta.subarray(0, delta.length - 1)])).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(codeOf([full])).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(codeOf([delta], 'other')).toBe('ERR_HOLDFAST_GRAPH_INCOMPATIBLE');
    const unknown = new Uint8Array([...delta, 7, ...new Uint8Array(8)]);
    expect(codeOf([unknown])).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
  });

  it('keep the format of their changes', () => {
    const model = new CellModel(false);
    for (let key = 0; key < 20; key += 1) model.write(0, key, 1);
    model.write(1, 1, 1);
    finish(model.capture(1, undefined));
    model.write(0, 3, 2);
    model.delete(0, 4);
    model.drop(1);
    model.write(2, 1, 5);
    const section = finish(model.capture(2, 1));
    expect(Buffer.from(bytesOf(section)).toString('hex')).toBe(GOLDEN_CELL_CHANGES);
  });

  it('that cannot be written fail the snapshot, and are in the next one', () => {
    const model = new CellModel(false);
    for (let key = 0; key < 100; key += 1) model.write(0, key, 1);
    finish(model.capture(1, undefined));
    const bucket = model.table.bucket(0);
    const cell = bucket.cells.get(7)!;
    model.table.save(bucket, cell);
    const { value } = cell;
    model.table.set(cell, () => 'a function');
    const failing = model.capture(2, 1);
    expect(thrownBy(() => finish(failing)).code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    model.table.save(bucket, cell);
    model.table.set(cell, value);
    model.write(0, 8, 3);
    const chain = new Chain();
    const before = new CellModel(false);
    for (let key = 0; key < 100; key += 1) before.write(0, key, 1);
    chain.complete(1, finish(before.capture(1, undefined)), before.content());
    chain.complete(3, finish(model.capture(3, 1)), model.content());
    expect(chain.sizes[1]!.isDelta).toBe(true);
    chain.check((...given) => new CellModel(false, ...given));
  });
});

const GOLDEN_CELL_CHANGES =
  '110355686f6c64666173742d63656c6c2d6368616e67657381447465737400000000000000f03f0100000000000000000100840200000000000000000100831301446c697374110281820200000000000000400300811301446c697374110185';

describe('the change log', () => {
  it('merges until a completion is told, and knows only what it was told', () => {
    const log = new ChangeLog<string, number>((older, newer) =>
      older.length + newer.length > 6 ? undefined : older + newer,
    );
    const cut = (checkpoint: number, base: number | undefined, changes: string) =>
      log.cut({ checkpoint, base, changes, mark: checkpoint * 10 });
    expect(cut(1, undefined, 'a')).toBeUndefined();
    expect(cut(2, 1, 'b')).toEqual({ changes: 'b', since: 10 });
    expect(cut(3, 1, 'c')).toEqual({ changes: 'bc', since: 10 });
    expect(cut(4, 3, 'd')).toEqual({ changes: 'd', since: 30 });
    expect(cut(5, undefined, 'e')).toBeUndefined();
    expect(cut(6, 3, 'f')).toEqual({ changes: 'def', since: 30 });
    expect(cut(7, 5, 'g')).toBeUndefined();
    expect(cut(8, 3, 'long')).toBeUndefined();
    expect(cut(9, 3, 'h')).toBeUndefined();
    expect(cut(10, 9, 'i')).toEqual({ changes: 'i', since: 90 });
    log.restored(4, 40);
    expect(cut(11, 4, 'j')).toEqual({ changes: 'j', since: 40 });
  });
});

describe('a row set', () => {
  it('behaves as a set of numbers does', () => {
    const rows = fc.array(fc.tuple(fc.boolean(), fc.nat(200)), { maxLength: 80 });
    const fill = (list: readonly (readonly [boolean, number])[]) => {
      const set = new RowSet(3);
      const model = new Set<number>();
      for (const [adds, row] of list) {
        set.reserve(row + 1);
        expect(adds ? set.add(row) : set.delete(row)).toBe(adds !== model.has(row));
        if (adds) model.add(row);
        else model.delete(row);
      }
      return { set, model };
    };
    const listed = (set: RowSet): number[] => {
      const found: number[] = [];
      for (let row = set.next(0); row >= 0; row = set.next(row + 1)) found.push(row);
      expect(found.length).toBe(set.size);
      return found;
    };
    const sorted = (model: Iterable<number>) => [...model].sort((a, b) => a - b);
    fc.assert(
      fc.property(rows, rows, (a, b) => {
        const one = fill(a);
        const other = fill(b);
        expect(listed(one.set)).toEqual(sorted(one.model));
        expect(listed(RowSet.union(one.set, other.set))).toEqual(
          sorted(new Set([...one.model, ...other.model])),
        );
        const copy = one.set.copy();
        copy.reserve(500);
        copy.add(499);
        expect(listed(one.set)).toEqual(sorted(one.model));
        expect(copy.delete(9_999)).toBe(false);
      }),
    );
  });

  it('spans pages', () => {
    const set = new RowSet(PAGE_ROWS * 40);
    set.add(31);
    set.add(PAGE_ROWS * 39 + 5);
    expect(set.next(32)).toBe(PAGE_ROWS * 39 + 5);
    expect(set.next(PAGE_ROWS * 39 + 6)).toBe(-1);
  });
});
