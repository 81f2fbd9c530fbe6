import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../src/base/errors.js';
import { ByteReader } from '../../src/codec/byte-reader.js';
import { ByteWriter } from '../../src/codec/byte-writer.js';
import { registerCodecs } from '../../src/codec/codec-registry.js';
import { defineCodec } from '../../src/codec/define-codec.js';
import { checkValue, copyValue, decodeValue, encodeValue } from '../../src/codec/value-codec.js';

class Money {
  readonly #cents: bigint;
  readonly currency: string;
  constructor(cents: bigint, currency: string) {
    this.#cents = cents;
    this.currency = currency;
  }
  get cents(): bigint {
    return this.#cents;
  }
  plus(other: Money): Money {
    return new Money(this.#cents + other.#cents, this.currency);
  }
}

class Price extends Money {}

class Order {
  readonly lines: Map<string, Money>;
  constructor(lines: Map<string, Money>) {
    this.lines = lines;
  }
}

class NotFound extends Error {
  readonly key: string;
  constructor(key: string, options?: ErrorOptions) {
    super(`no ${key}`, options);
    this.key = key;
  }
}

const money = defineCodec({
  id: 'money',
  type: Money,
  encode: ({ cents, currency }) => ({ cents, currency }),
  decode: ({ cents, currency }) => new Money(cents, currency),
});
const order = defineCodec({
  id: 'shop/order',
  version: 3,
  type: Order,
  encode: ({ lines }) => lines,
  decode: (lines) => new Order(lines),
});
const notFound = defineCodec({
  id: 'not-found',
  type: NotFound,
  encode: ({ key, cause, stack }) => ({ key, cause, stack }),
  decode: ({ key, cause, stack }) => Object.assign(new NotFound(key, { cause }), { stack }),
});

function encode(value: unknown): Uint8Array {
  const writer = new ByteWriter();
  encodeValue(writer, value);
  return writer.take();
}

function decode(bytes: Uint8Array): unknown {
  return decodeValue(new ByteReader(bytes));
}

function thrown(action: () => unknown): HoldfastError {
  try {
    action();
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('codecs of classes', () => {
  it.each<[string, <T>(value: T) => T]>([
    ['decoding', (value) => decode(encode(value)) as never],
    ['copying', (value) => copyValue(value)],
  ])('give instances back as instances when %s, nested and shared', (_, through) => {
    registerCodecs([money, order, notFound]);
    const tea = new Money(5n, 'EUR');
    const value = {
      tea,
      again: [tea],
      order: new Order(new Map([['tea', tea]])),
      error: new NotFound('milk', { cause: tea }),
    };
    checkValue(value, 'value');
    const back = through(value);
    expect(back.tea).toBeInstanceOf(Money);
    expect(back.tea).not.toBe(tea);
    expect(back.tea.plus(back.tea).cents).toBe(10n);
    expect(back.again[0]).toBe(back.tea);
    expect(back.order).toBeInstanceOf(Order);
    expect(back.order.lines.get('tea')).toBe(back.tea);
    expect(back.error).toBeInstanceOf(NotFound);
    expect(back.error.key).toBe('milk');
    expect(back.error.stack).toBe(value.error.stack);
    expect(back.error.cause).toBe(back.tea);
  });

  it('keep their bytes', () => {
    registerCodecs([money]);
    const bytes = '21 456d6f6e6579 01 13 02 4563656e7473 080105 4863757272656e6379 43455552';
    expect(Buffer.from(encode(new Money(5n, 'EUR'))).toString('hex')).toBe(
      bytes.replaceAll(' ', ''),
    );
  });

  it('are for exactly their class', () => {
    registerCodecs([money]);
    const error = thrown(() => encode({ list: [new Price(1n, 'EUR')] }));
    expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
    expect(error.message).toMatch(
      /^value\.list\[0\] is an instance of the class Price: .*defineCodec/,
    );
  });

  it('are refused for what the data cannot hold: with the path, a loop as well', () => {
    class Node {
      next: unknown;
    }
    registerCodecs([
      defineCodec({
        id: 'node',
        type: Node,
        encode: ({ next }) => ({ next }),
        decode: () => new Node(),
      }),
    ]);
    const node = new Node();
    node.next = [() => 1];
    for (const refuse of [encode, copyValue, (value: unknown) => checkValue(value, 'value')]) {
      expect(thrown(() => refuse({ node })).message).toMatch(
        /^value\.node<node>\.next\[0\] is a function/,
      );
    }
    node.next = [node];
    for (const refuse of [encode, copyValue, (value: unknown) => checkValue(value, 'value')]) {
      const error = thrown(() => refuse({ node }));
      expect(error.code).toBe('ERR_HOLDFAST_UNSUPPORTED_VALUE');
      expect(error.message).toMatch(
        /^value\.node<node>\.next\[0\] is an instance that its own data refers to/,
      );
    }
  });

  it('migrate data of earlier versions, and refuse that of later ones', () => {
    class Point {
      x: number;
      y: number;
      constructor(x: number, y: number) {
        this.x = x;
        this.y = y;
      }
    }
    const first = defineCodec({
      id: 'point',
      type: Point,
      encode: ({ x, y }): unknown => [x, y],
      decode: () => new Point(0, 0),
    });
    registerCodecs([first]);
    const old = encode([new Point(1, 2)]);
    const second = defineCodec({
      id: 'point',
      version: 2,
      type: Point,
      encode: ({ x, y }) => ({ x, y }),
      decode: ({ x, y }) => new Point(x, y),
      migrate: (data, from) => {
        const [x, y] = data as [number, number];
        return { x: x * 10, y: y + from };
      },
    });
    registerCodecs([second]);
    expect(decode(old)).toEqual([new Point(10, 3)]);
    const today = encode(new Point(7, 8));
    expect(decode(today)).toEqual(new Point(7, 8));
    const { migrate: _, ...rest } = second;
    registerCodecs([defineCodec(rest)]);
    const unmigrated = thrown(() => decode(old));
    expect(unmigrated.code).toBe('ERR_HOLDFAST_CODEC');
    expect(unmigrated.message).toMatch(
      /version 1 of the codec 'point'.*Add to defineCodec.*migrate: \(data, fromVersion\)/,
    );
    registerCodecs([first]);
    const later = thrown(() => decode(today));
    expect(later.code).toBe('ERR_HOLDFAST_CODEC');
    expect(later.details).toEqual({ id: 'point', version: 2, registered: 1 });
  });

  it('name the codec that is not registered, or that fails', () => {
    class Lost {}
    class Odd {
      how = 'encode';
    }
    const lost = defineCodec({ id: 'lost', type: Lost, encode: () => 1, decode: () => new Lost() });
    registerCodecs([lost]);
    const bytes = encode({ deep: new Lost() });
    class Other {}
    // Its place is taken by the codec of another class: R2.
    registerCodecs([{ ...lost, id: 'found' }]);
    const error = thrown(() => decode(bytes));
    expect(error.code).toBe('ERR_HOLDFAST_CODEC');
    expect(error.message).toContain("by the codec 'lost', which this thread does not know");
    expect(error.details).toEqual({ id: 'lost', version: 1 });
    registerCodecs([{ ...lost, type: Other, decode: () => [] }]);
    expect(thrown(() => decode(bytes)).message).toContain(
      'instead of an instance of exactly Other',
    );
    registerCodecs([
      defineCodec({
        id: 'odd',
        type: Odd,
        encode: ({ how }) => {
          if (how === 'encode') throw new RangeError('not today');
          return how;
        },
        decode: () => {
          throw new TypeError('not tomorrow');
        },
      }),
    ]);
    const failed = thrown(() => encode([new Odd()]));
    expect(failed.code).toBe('ERR_HOLDFAST_CODEC');
    expect(failed.message).toBe(
      "encode of the codec 'odd' failed for value[0]<odd>, an instance of Odd: RangeError: not today",
    );
    expect(failed.cause).toBeInstanceOf(RangeError);
    const odd = Object.assign(new Odd(), { how: 'decode' });
    expect(thrown(() => decode(encode(odd))).message).toContain('decode of the codec');
    expect(thrown(() => copyValue(odd)).message).toContain('not tomorrow');
  });

  it.each<[string, () => unknown, string]>([
    ['no options', () => defineCodec(undefined as never), 'id must be a name'],
    ['an id that is none', () => defineCodec({ ...money, id: '' }), 'id must be a name'],
    ['a version that is none', () => defineCodec({ ...money, version: 0 }), 'whole number from 1'],
    ['no class', () => defineCodec({ ...money, type: {} as never }), 'must be the class'],
    [
      'plain objects',
      () => defineCodec({ ...money, type: Object as never }),
      'Object needs no codec',
    ],
    ['a Map', () => defineCodec({ ...money, type: Map as never }), 'Map needs no codec'],
    ['no decode', () => defineCodec({ ...money, decode: 1 as never }), 'decode of'],
    ['an odd migrate', () => defineCodec({ ...money, migrate: 1 as never }), 'migrate of'],
    ['two of an id', () => registerCodecs([money, { ...order, id: 'money' }]), 'the same id'],
    ['two of a class', () => registerCodecs([money, { ...money, id: 'cash' }]), 'the same class'],
    ['something else', () => registerCodecs([{} as never]), 'what defineCodec'],
  ])('cannot be of %s', (_, make, message) => {
    const error = thrown(make);
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain(message);
  });
});
