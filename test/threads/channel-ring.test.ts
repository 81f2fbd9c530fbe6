import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../src/base/errors.js';
import { NOT_BEHIND } from '../../src/channels/element.js';
import { createRing, RingReader, RingWriter } from '../../src/channels/ring.js';
import { RingInput, RingOutput, type RingOutputOptions } from '../../src/channels/ring-channel.js';
import { ControlBlock } from '../../src/threads/control-block.js';
import { anyValue, same } from '../base/value-arbitraries.js';
import { type Channel, describeChannel, drain } from './channel-conformance.js';

interface RingOptions extends Partial<RingOutputOptions> {
  readonly capacityBytes: number;
  readonly inputEpoch?: number;
}

function ringChannel({ capacityBytes, inputEpoch, ...options }: RingOptions): Channel {
  const ring = options.ring ?? createRing(capacityBytes);
  const consumer = new ControlBlock();
  const producer = new ControlBlock();
  const gate = { closed: false };
  const epoch = options.epoch ?? 1;
  const sleep = (block: ControlBlock): void => {
    block.words[block.doorbellIndex] = 1;
  };
  const woken = (block: ControlBlock): boolean => block.words[block.doorbellIndex] === 0;
  return {
    output: new RingOutput({
      ...options,
      epoch,
      incarnation: 3,
      ring,
      block: consumer,
      gate,
    }),
    input: new RingInput({ ring, block: producer, epoch: inputEpoch ?? epoch }),
    gate,
    consumerSleeps: () => sleep(consumer),
    producerSleeps: () => sleep(producer),
    get consumerWoken() {
      return woken(consumer);
    },
    get producerWoken() {
      return woken(producer);
    },
  };
}

for (const capacityBytes of [64, 256, 4_096]) {
  describeChannel({
    name: `a ring of ${capacityBytes} bytes`,
    make: (options) => ringChannel({ capacityBytes, ...options }),
  });
}

describe('ring', () => {
  it('carries frames of any length in any interleaving, in place, wrapped and in pieces', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(64, 128, 512),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 700 }), fc.boolean()), { maxLength: 40 }),
        (capacity, frames) => {
          const memory = createRing(capacity);
          const writer = new RingWriter(memory);
          const reader = new RingReader(memory, undefined);
          const received: string[] = [];
          const take = (): boolean => {
            const place = reader.next();
            if (place === undefined) return false;
            const { views, offset, length } = place;
            expect(offset % 8).toBe(0);
            received.push(views.u8.subarray(offset, offset + length).toString('hex'));
            reader.release();
            return true;
          };
          const sent = frames.map(([length, drainFirst], i) => {
            if (drainFirst) while (take());
            const frame = new Uint8Array(length).map((_, at) => (at * 7 + i) % 256);
            let from = writer.write(frame, 0);
            while (from < length) {
              take();
              from = writer.write(frame, from);
            }
            return Buffer.from(frame).toString('hex');
          });
          while (take());
          expect(received).toEqual(sent);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('goes on when its counters pass 2³²', () => {
    const memory = createRing(64);
    const words = new Int32Array(memory, 0, 48);
    words[0] = -64;
    words[16] = -64;
    const writer = new RingWriter(memory);
    const reader = new RingReader(memory, undefined);
    for (let i = 0; i < 40; i += 1) {
      const frame = new Uint8Array(20).fill(i);
      expect(writer.write(frame, 0)).toBe(20);
      const place = reader.next()!;
      expect([...place.views.u8.subarray(place.offset, place.offset + place.length)]).toEqual([
        ...frame,
      ]);
      reader.release();
    }
    expect(words[0]).toBeGreaterThan(0);
  });

  it('rounds its capacity up and refuses impossible ones', () => {
    expect(new RingWriter(createRing(1)).capacityBytes).toBe(64);
    expect(new RingWriter(createRing(65)).capacityBytes).toBe(128);
    for (const capacity of [0, -1, Number.NaN, 2 ** 31]) {
      expect(() => createRing(capacity)).toThrow(/channel.capacityBytes/);
    }
    expect(() => new RingWriter(new SharedArrayBuffer(100))).toThrow(/createRing/);
  });
});

describe('ring channel', () => {
  it('gives back any records, of mixed shapes, through tiny rings', () => {
    fc.assert(
      fc.property(
        fc.array(anyValue, { maxLength: 20 }),
        fc.constantFrom(64, 256, 4_096),
        fc.integer({ min: 1, max: 20 }),
        (records, capacityBytes, batchRecordsMax) => {
          const channel = ringChannel({ capacityBytes, batchRecordsMax, sightingsMin: 1 });
          for (const record of records) channel.output.push(record, Number.NaN, 0, NOT_BEHIND);
          channel.output.flush();
          const received = drain(channel).map((item) => 'record' in item && item.record);
          expect(received.length).toBe(records.length);
          // Each by itself: what two records share comes apart.
          received.forEach((record, i) => {
            expect(same(record, records[i])).toBe(true);
          });
        },
      ),
      { numRuns: 500 },
    );
  });

  it('carries records much longer than the ring, and cuts batches that are too long', () => {
    const channel = ringChannel({ capacityBytes: 256, batchBytesMax: 4_096 });
    const records = Array.from({ length: 64 }, (_, i) => ({ i, text: 'é'.repeat(20_000 + i) }));
    for (const record of records) channel.output.push(record, record.i, 0, NOT_BEHIND);
    channel.output.flush();
    expect(channel.output.blocked).toBe(true);
    let batches = 0;
    const received: unknown[] = [];
    for (;;) {
      const element = channel.input.take();
      if (element?.kind === 'batch') {
        batches += 1;
        for (let i = 0; i < element.count; i += 1) {
          received.push(element.records[i]);
          expect(element.timestamps![i]).toBe((element.records[i] as { i: number }).i);
        }
      } else if (!channel.output.pump()) break;
    }
    expect(received).toEqual(records);
    expect(batches).toBeGreaterThan(60);
  });

  it('drops frames of another epoch and counts none of them', () => {
    const ring = createRing(4_096);
    const old = ringChannel({ capacityBytes: 0, ring, epoch: 1 });
    old.output.push({ stale: true }, 1, 0, NOT_BEHIND);
    old.output.control({ kind: 'barrier', checkpoint: 7 });
    const fresh = ringChannel({ capacityBytes: 0, ring, epoch: 2 });
    fresh.output.push({ stale: false }, 2, 0, NOT_BEHIND);
    fresh.output.control({ kind: 'end' });
    expect(drain(fresh)).toEqual([
      { record: { stale: false }, timestamp: 2, group: 0, behind: NOT_BEHIND },
      { kind: 'end' },
    ]);
  });

  it('says so when a frame is missing or comes twice', () => {
    for (const copies of [0, 2]) {
      const source = createRing(4_096);
      const first = ringChannel({ capacityBytes: 0, ring: source });
      const reader = new RingReader(source, undefined);
      const target = createRing(4_096);
      const writer = new RingWriter(target);
      const consumer = ringChannel({ capacityBytes: 0, ring: target });
      for (const [i, times] of [1, copies, 1].entries()) {
        first.output.control({ kind: 'watermark', timeMs: i });
        const place = reader.next()!;
        const frame = place.views.u8.subarray(place.offset, place.offset + place.length);
        for (let n = 0; n < times; n += 1) writer.write(frame, 0);
        reader.release();
      }
      const error = thrown(() => drain(consumer));
      expect(error.code).toBe('ERR_HOLDFAST_INTERNAL');
      expect(error.message).toContain(
        copies === 0 ? 'frame 2 where 1 is due' : 'frame 1 where 2 is due',
      );
    }
  });

  it('names the record and the path that cannot travel, and stays broken', () => {
    for (const index of [0, 5, 13]) {
      const channel = ringChannel({ capacityBytes: 4_096, batchRecordsMax: 4, sightingsMin: 1 });
      const error = thrown(() => {
        for (let i = 0; i < 20; i += 1) {
          const good = { i, data: { list: [1, 2, i] } };
          const bad = { i, data: { list: [1, { callback: () => 1 }] } };
          channel.output.push(i === index ? bad : good, Number.NaN, 0, NOT_BEHIND);
        }
      });
      expect(error.code).toBe('ERR_HOLDFAST_UNTRANSFERABLE_RECORD');
      expect(error.details).toEqual({ index, path: 'record.data.list[1].callback' });
      expect(error.message).toContain('record.data.list[1].callback is a function');
      expect(() => channel.output.flush()).toThrow(error);
      expect(() => channel.output.push({ i: 1, data: {} }, Number.NaN, 0, NOT_BEHIND)).toThrow(
        error,
      );
      expect(() => channel.output.control({ kind: 'end' })).toThrow(error);
      for (const item of drain(channel)) expect('record' in item).toBe(true);
    }
  });

  it('sends what a record was when it was pushed, whatever becomes of the object', () => {
    const records = [1, 2, 3].map((n) => ({ n, list: [n] }));
    for (const sightingsMin of [1, 2, 100]) {
      const channel = ringChannel({ capacityBytes: 4_096, sightingsMin });
      const one = { n: 0, list: [] as number[] };
      for (const { n, list } of records) {
        one.n = n;
        one.list[0] = list[0]!;
        channel.output.push(one, Number.NaN, 0, NOT_BEHIND);
      }
      one.list.push(4);
      channel.output.flush();
      expect(drain(channel).map((item) => 'record' in item && item.record)).toEqual(records);
    }
  });

  it('refuses what a look at the kind alone would lose, in the first record of a shape', () => {
    const bad = [
      [{ a: 1, [Symbol('s')]: 2 }, 'record'],
      [Object.defineProperty({ a: 1 }, 'b', { value: 2 }), 'record.b'],
    ] as const;
    for (const [record, path] of bad) {
      const channel = ringChannel({ capacityBytes: 4_096 });
      channel.output.push({ b: 1 }, Number.NaN, 0, NOT_BEHIND);
      const error = thrown(() => channel.output.push(record, Number.NaN, 0, NOT_BEHIND));
      expect(error.code).toBe('ERR_HOLDFAST_UNTRANSFERABLE_RECORD');
      expect(error.details).toEqual({ index: 1, path });
    }
  });

  it('names a record among many shapes, one that is a function, and one with a getter', () => {
    const cases: readonly (readonly [unknown, string, RegExp])[] = [
      [() => 1, 'record', /record is a function/],
      [[{ a: Symbol('x') }], 'record[0].a', /symbol/],
      [
        {
          get broken(): never {
            throw new RangeError('out of order');
          },
        },
        'record.broken',
        /is an accessor/,
      ],
    ];
    for (const [bad, path, message] of cases) {
      const channel = ringChannel({ capacityBytes: 4_096, batchRecordsMax: 32, sightingsMin: 2 });
      const error = thrown(() => {
        for (let i = 0; i < 32; i += 1) {
          const good = [{ i }, { i, j: i }, `text ${i}`, [i], i][i % 5];
          channel.output.push(i === 17 ? bad : good, Number.NaN, 0, NOT_BEHIND);
        }
      });
      expect(error.code).toBe('ERR_HOLDFAST_UNTRANSFERABLE_RECORD');
      expect(error.details).toEqual({ index: 17, path });
      expect(error.message).toMatch(message);
    }
  });
});

function thrown(action: () => unknown): HoldfastError {
  try {
    action();
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
