import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../src/base/errors.js';
import { ByteViews } from '../../src/channels/byte-views.js';
import { NOT_BEHIND } from '../../src/channels/element.js';
import { FrameDecoder } from '../../src/channels/frame-decoder.js';
import { FrameEncoder, type FrameEncoderOptions } from '../../src/channels/frame-encoder.js';
import {
  describeLayout,
  kindFor,
  kinds,
  parseLayout,
  seen,
} from '../../src/channels/frame-layout.js';
import {
  anyBigint,
  anyDate,
  anyNumber,
  anyText,
  anyValue,
  same,
} from '../base/value-arbitraries.js';

class Pipe {
  readonly encoder: FrameEncoder;
  readonly decoder = new FrameDecoder(1);
  bytes = 0;

  constructor(options: Partial<FrameEncoderOptions> = {}) {
    this.encoder = new FrameEncoder({
      epoch: 1,
      incarnation: 1,
      frameBytesMax: 1 << 24,
      sightingsMin: 1,
      ...options,
    });
  }

  /** Through a frame at an offset, in memory that is overwritten afterwards. */
  send(records: readonly unknown[]): unknown[] {
    this.bytes = 0;
    const received: unknown[] = [];
    for (const record of records) {
      if (this.encoder.add(record, Number.NaN, 0, NOT_BEHIND)) received.push(...this.#frame());
    }
    if (this.encoder.count > 0) received.push(...this.#frame());
    expect(received.length).toBe(records.length);
    return received;
  }

  #frame(): unknown[] {
    const { count } = this.encoder;
    const frame = this.encoder.batch();
    this.bytes += frame.length;
    const views = ByteViews.allocate(frame.length + 64);
    views.u8.set(frame, 24);
    const batch = this.decoder.decode(views, 24, frame.length);
    views.u8.fill(0xa5);
    if (batch?.kind !== 'batch') throw new Error('no batch');
    expect(batch.count).toBe(count);
    return batch.records.slice(0, batch.count);
  }

  check(records: readonly unknown[]): void {
    // Each by itself: what two records share comes apart.
    this.send(records).forEach((record, i) => {
      expect(same(record, records[i])).toBe(true);
    });
  }
}

const int32 = fc.integer();
const columns: readonly fc.Arbitrary<unknown>[] = [
  int32,
  anyNumber,
  anyText,
  fc.string({ maxLength: 20 }),
  fc.boolean(),
  anyDate,
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  anyBigint,
  anyValue,
];
const column: fc.Arbitrary<fc.Arbitrary<unknown>> = fc
  .tuple(fc.constantFrom(...columns), fc.constantFrom([], [null], [undefined], [null, undefined]))
  .map(([values, nothings]) =>
    nothings.length === 0 ? values : fc.oneof(values, fc.constantFrom(...nothings)),
  );
const key = fc.oneof(
  fc.string({ maxLength: 8 }),
  anyText,
  fc.constantFrom('1', '0', '__proto__', 'a"b\n'),
);

/** Batches of one shape, each value from its column's range. */
const uniform: fc.Arbitrary<object[]> = fc
  .uniqueArray(fc.tuple(key, column), { selector: ([name]) => name, minLength: 1, maxLength: 8 })
  .chain((properties) =>
    fc
      .array(fc.tuple(...properties.map(([, values]) => values)), { minLength: 1, maxLength: 30 })
      .map((rows) =>
        rows.map((row) => {
          const record = {};
          for (const [i, [name]] of properties.entries()) {
            Object.defineProperty(record, name, {
              value: row[i],
              writable: true,
              enumerable: true,
              configurable: true,
            });
          }
          return record;
        }),
      ),
  );

describe('frames', () => {
  it('give back batches of one shape, whatever the columns hold', () => {
    fc.assert(
      fc.property(uniform, (records) => new Pipe().check(records)),
      { numRuns: 400 },
    );
  });

  it('give back batch after batch as shapes and columns change', () => {
    fc.assert(
      fc.property(
        fc.array(uniform, { maxLength: 6 }),
        fc.integer({ min: 1, max: 20 }),
        (batches, min) => {
          const pipe = new Pipe({ sightingsMin: min });
          for (const records of batches) pipe.check(records);
          for (const records of batches) pipe.check(records);
          if (batches.length > 0) pipe.check(batches.flat());
        },
      ),
      { numRuns: 100 },
    );
  });

  it('give back batches of any values', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { minLength: 1, maxLength: 30 }), (records) =>
        new Pipe().check(records),
      ),
      { numRuns: 400 },
    );
  });

  it.each<[string, unknown[]]>([
    ['numbers', [1, 2.5, -0, Number.NaN]],
    ['integers', [1, 2, -3]],
    ['texts', ['a', '', '日本', '\udc00']],
    ['booleans', [true, false]],
    ['nothing', [null, undefined, null]],
    ['numbers and nothing', [1, null, undefined]],
    ['Dates', [new Date(5), new Date(Number.NaN)]],
    ['bigints', [1n, -(2n ** 63n), 2n ** 63n]],
    ['numbers and texts', [1, 'a', 2]],
    ['arrays', [[1, 2], [], [undefined]]],
    ['empty objects', [{}, {}]],
    ['objects of two shapes in turn', [{ a: 1 }, { b: 1 }, { a: 2 }, { b: 2 }]],
    [
      'the same keys in another order',
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    ],
    [
      'an absent and an undefined property',
      [{ a: 1, b: undefined }, { a: 1 }, { b: undefined, a: 1 }],
    ],
    ['a property more', [{ a: 1 }, { a: 1, b: 2 }, { a: 3 }]],
    [
      'Maps with properties of a record',
      [{ a: 1 }, new Map([['a', 1]]), Object.assign([1], { a: 1 })],
    ],
    ['array-likes', [{ 0: 'x', 1: 'y' }, ['x', 'y'], { 0: 'x', length: 1 }]],
  ])('give back %s', (_, records) => {
    const pipe = new Pipe();
    pipe.check(records);
    pipe.check(records);
  });

  it('never take one object for another of the same keys', () => {
    class Plain {
      a = 1;
    }
    const dated = Object.assign(new Date(7), { a: 1 });
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    const hidden = Object.defineProperty({ a: 1 }, 'b', { value: 2, enumerable: false });
    const symbolic = { a: 1, [Symbol('s')]: 2 };
    const getter = {
      get a() {
        return 1;
      },
    };
    // What only a check of its own would find (`checkValue`) is not looked for in a frame.
    const records = [{ a: 1 }, dated, hidden, symbolic, getter, { a: 1 }];
    const pipe = new Pipe();
    const plain = { a: 1 };
    const expected = [plain, new Date(7), plain, plain, plain, plain];
    const alike = (sent: readonly unknown[], wanted: readonly unknown[]): boolean => {
      return sent.every((record, i) => same(record, wanted[i]));
    };
    expect(alike(pipe.send(records), expected)).toBe(true);
    expect(alike(pipe.send([...records].reverse()), [...expected].reverse())).toBe(true);
    expect(alike(pipe.send([bare, plain, bare]), [bare, plain, bare])).toBe(true);
    const derived = Object.assign(Object.create({ inherited: 1 }) as object, { a: 1 });
    const impostor = { at: Object.create(Date.prototype) as Date };
    for (const [good, bad] of [
      [plain, derived],
      [plain, new Plain()],
      [{ at: new Date(1) }, impostor],
    ]) {
      const pipe = new Pipe();
      pipe.check([good, good]);
      let refused: unknown;
      try {
        pipe.send([good, bad]);
      } catch (error) {
        refused = error;
      }
      expect(refused).toMatchObject({ code: 'ERR_HOLDFAST_UNSUPPORTED_VALUE' });
      // Nothing of it was added: what comes next is right.
      expect(pipe.encoder.count).toBe(1);
    }
  });

  it('keep cycles through the record and sharing inside it', () => {
    interface Loop {
      n: number;
      self?: Loop;
      list: unknown[];
      same?: unknown[];
    }
    const make = (n: number): Loop => {
      const record: Loop = { n, list: [n] };
      record.self = record;
      record.list.push(record);
      record.same = record.list;
      return record;
    };
    const records = [make(1), make(2), make(3)];
    const pipe = new Pipe();
    pipe.check(records);
    for (const record of pipe.send(records) as Loop[]) {
      expect(record.self).toBe(record);
      expect(record.list[1]).toBe(record);
      expect(record.same).toBe(record.list);
    }
  });

  it('let no key run as code or change a prototype', () => {
    const evil = [
      '__proto__',
      'constructor',
      '"]; throw 1; //',
      "'",
      '\\',
      '\u2028',
      '`$',
      '*/',
      '\ud800',
    ];
    for (const name of evil) {
      const record = JSON.parse(`{${JSON.stringify(name)}: {"admin": true}, "a": 1}`) as object;
      const pipe = new Pipe();
      for (const back of pipe.send([record, record]) as object[]) {
        expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
        expect(Object.keys(back)).toEqual(Object.keys(record));
        expect((back as { admin?: unknown }).admin).toBe(undefined);
      }
    }
  });

  it('put integers and text of every kind in the narrowest column', () => {
    const count = 1_000;
    const size = (make: (i: number) => object): number => {
      const pipe = new Pipe();
      const records = Array.from({ length: count }, (_, i) => make(i));
      pipe.check(records);
      // The first batch has been learning what its columns hold.
      pipe.check(records);
      return pipe.bytes / count;
    };
    expect(size((i) => ({ int: i }))).toBeLessThan(4.5);
    expect(size((i) => ({ float: i / 3 }))).toBeLessThan(8.5);
    expect(size((i) => ({ yes: i % 2 === 0 }))).toBeLessThan(1.5);
    expect(size((i) => ({ text: `${i % 10}` }))).toBeLessThan(5.5);
    expect(size((i) => ({ at: new Date(i) }))).toBeLessThan(8.5);
    expect(size((i) => ({ big: BigInt(i) }))).toBeLessThan(8.5);
    expect(size((i) => ({ maybe: i % 2 === 0 ? i : null }))).toBeLessThan(5.5);
  });

  it('compile no layout for shapes seen once, and no more than the limit', () => {
    const dictionary = new Pipe({ sightingsMin: 8 });
    for (let n = 0; n < 40; n += 1) {
      dictionary.check(Array.from({ length: 10 }, (_, i) => ({ [`key ${n}-${i}`]: 1 })));
    }
    const bytes = (pipe: Pipe): number => {
      const records = Array.from({ length: 100 }, (_, i) => ({ number: i, other: i }));
      pipe.check(records);
      pipe.check(records);
      return pipe.bytes / 100;
    };
    expect(bytes(dictionary)).toBeLessThan(10);
    const full = new Pipe({ layoutsMax: 3 });
    for (let n = 0; n < 3; n += 1) full.check([{ [`key ${n}`]: 1 }]);
    expect(bytes(full)).toBeGreaterThan(15);
    expect(bytes(new Pipe({ layoutsMax: 0 }))).toBeGreaterThan(15);
  });

  it('split a batch of many shapes, beyond the number of sections too', () => {
    const pipe = new Pipe();
    for (const shapes of [2, 15, 16, 17, 18, 40]) {
      pipe.check(Array.from({ length: 300 }, (_, i) => ({ [`key ${(i * 7) % shapes}`]: i })));
      pipe.check(
        Array.from({ length: 300 }, (_, i) =>
          i % 5 === 0 ? [i] : { [`key ${(i * 7) % shapes}`]: i },
        ),
      );
    }
  });

  it('end in the value codec when a getter never answers the same', () => {
    const answers = [1, 'a', 2.5, null, new Date(3), true, 7n, undefined, [1]];
    let turn = 0;
    const fickle = Array.from({ length: 5 }, () => ({
      get value() {
        turn += 1;
        return answers[turn % answers.length];
      },
    }));
    const pipe = new Pipe();
    for (let i = 0; i < 100; i += 1) {
      for (const back of pipe.send(fickle) as { value: unknown }[]) {
        expect(answers).toContainEqual(back.value);
      }
    }
  });

  it('refuse damaged bytes with an error', () => {
    const records = Array.from({ length: 20 }, (_, i) => ({
      i,
      text: `text ${i}`,
      list: [i],
      f: i / 3,
    }));
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 255 }), (where, byte) => {
        const options = { epoch: 1, incarnation: 1, frameBytesMax: 1 << 20 };
        const encoder = new FrameEncoder({ ...options, sightingsMin: 3 });
        for (const record of records) encoder.add(record, 0, 0, NOT_BEHIND);
        const frame = encoder.batch();
        const views = ByteViews.allocate(frame.length);
        views.u8.set(frame);
        views.u8[where % frame.length] = byte;
        try {
          new FrameDecoder(1).decode(views, 0, frame.length);
        } catch (error) {
          expect(error).toBeInstanceOf(HoldfastError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('layouts', () => {
  it('come back from their text', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          anyText.filter((name) => name !== '__proto__'),
          { minLength: 1, maxLength: 9 },
        ),
        fc.array(fc.constantFrom(...kinds), { minLength: 9, maxLength: 9 }),
        (keys, some) => {
          const layout = { keys, kinds: some.slice(0, keys.length) };
          const text = describeLayout(layout);
          expect(text).toMatch(/^[\x20-\x7e]*$/);
          expect(parseLayout(text)).toEqual(layout);
        },
      ),
    );
    expect(parseLayout(describeLayout({ keys: undefined, kinds: ['f?'] }))).toEqual({
      keys: undefined,
      kinds: ['f?'],
    });
  });

  it.each([
    '',
    '{}',
    '["i",["a","b"]]',
    '["i,i",["a","a"]]',
    '["z",["a"]]',
    '["i",["__proto__"]]',
    '["i,i",null]',
    '["x",null]',
  ])('are refused: %s', (text) => expect(parseLayout(text)).toBe(undefined));

  it('choose the column that holds all that was seen', () => {
    const kind = (...values: unknown[]): string =>
      kindFor(values.reduce<number>((bits, value) => bits | seen(value), 0));
    expect(kind(1, -5)).toBe('i');
    expect(kind(1, -0)).toBe('f');
    expect(kind(2 ** 31)).toBe('f');
    expect(kind(1, null)).toBe('i?');
    expect(kind(1.5, undefined)).toBe('f?');
    expect(kind('a')).toBe('s');
    expect(kind('a', null)).toBe('s?');
    expect(kind(true, null, undefined)).toBe('o');
    expect(kind()).toBe('o');
    expect(kind(new Date(), null)).toBe('d?');
    expect(kind(1n)).toBe('b');
    expect(kind(2n ** 64n)).toBe('x');
    expect(kind(1, 'a')).toBe('x');
    expect(kind({})).toBe('x');
  });
});
