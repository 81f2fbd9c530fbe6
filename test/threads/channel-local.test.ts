import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type InputChannel, NOT_BEHIND } from '../../src/channels/element.js';
import { localChannel } from '../../src/channels/local-channel.js';
import type { RecordsMode } from '../../src/channels/record-keeper.js';
import { anyValue, same } from '../base/value-arbitraries.js';
import { describeChannel } from './channel-conformance.js';

describeChannel({
  name: 'inside a thread',
  make({ batchRecordsMax }) {
    const gate = { closed: false };
    const woken = { consumer: false, producer: false };
    const { output, input } = localChannel({
      capacityRecords: 50,
      gate,
      batchRecordsMax,
      wakeConsumer: () => {
        woken.consumer = true;
      },
      wakeProducer: () => {
        woken.producer = true;
      },
    });
    return {
      output,
      input,
      gate,
      consumerSleeps: () => {
        woken.consumer = false;
      },
      producerSleeps: () => {
        woken.producer = false;
      },
      get consumerWoken() {
        return woken.consumer;
      },
      get producerWoken() {
        return woken.producer;
      },
    };
  },
});

describe('local channel', () => {
  const make = (records?: RecordsMode) =>
    localChannel({ capacityRecords: 100, gate: { closed: false }, records });
  const taken = (input: InputChannel): readonly unknown[] => {
    const batch = input.take();
    return batch?.kind === 'batch' ? batch.records.slice(0, batch.count) : [];
  };

  it('hands over a copy at once, whatever becomes of the object', () => {
    const { output, input } = make();
    const one = { n: 0, list: [0], at: new Date(0), self: undefined as unknown };
    one.self = one;
    for (let n = 0; n < 20; n += 1) {
      one.n = n;
      one.list[0] = n;
      one.at.setTime(n);
      output.push(one, Number.NaN, 0, NOT_BEHIND);
    }
    expect(output.pending).toBe(false);
    expect(input.ready).toBe(true);
    taken(input).forEach((record, n) => {
      const { list, at, self } = record as typeof one;
      expect([list, at, self === record]).toEqual([[n], new Date(n), true]);
    });
  });

  it('copies equal records of any values, in any order of shapes', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 40 }), (records) => {
        const { output, input } = make();
        for (const record of records) output.push(record, Number.NaN, 0, NOT_BEHIND);
        for (const record of records) output.push({ record }, Number.NaN, 0, NOT_BEHIND);
        const all = [...records, ...records.map((record) => ({ record }))];
        const received: unknown[] = [];
        while (input.ready) received.push(...taken(input));
        expect(received.length).toBe(all.length);
        expect(received.every((record, i) => same(record, all[i]))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses what cannot travel between threads, with the path, wherever it comes', () => {
    class Point {
      x = 1;
    }
    const cases: readonly (readonly [unknown, string])[] = [
      [{ i: 1, callback: () => 1 }, 'record.callback'],
      [{ i: 1, list: [Symbol('s')] }, 'record.list[0]'],
      [new Point(), 'record'],
      [{ i: 1, at: { point: new Point() } }, 'record.at.point'],
      [() => 1, 'record'],
    ];
    // Only a close look finds this: at the first record of a layout, and at one of many.
    const symbolic = { i: 1, [Symbol('s')]: 1 };
    expect(() => make().output.push(symbolic, Number.NaN, 0, NOT_BEHIND)).toThrow(/Symbol/);
    const { output: later } = make();
    expect(() => {
      for (let i = 0; i < 200; i += 1) {
        later.push(i < 100 ? { i } : symbolic, Number.NaN, 0, NOT_BEHIND);
      }
    }).toThrow(/Symbol/);
    for (const [bad, path] of cases) {
      for (const before of [0, 1, 30]) {
        const { output } = make();
        for (let i = 0; i < before; i += 1) output.push({ i }, Number.NaN, 0, NOT_BEHIND);
        expect(() => output.push(bad, Number.NaN, 0, NOT_BEHIND)).toThrow(
          expect.objectContaining({
            code: 'ERR_HOLDFAST_UNTRANSFERABLE_RECORD',
            details: { path },
          }),
        );
      }
    }
  });

  it('finds a value that does not belong in a record of a known layout', () => {
    const { output } = make();
    const push = (b: unknown) => output.push({ a: 1, b }, Number.NaN, 0, NOT_BEHIND);
    for (let i = 0; i < 20; i += 1) push(i);
    for (const b of ['text', null, undefined, 1n, [1]]) push(b);
    expect(() => push(() => 1)).toThrow(/record\.b is a function/);
  });

  it("hands over the object itself with 'trusted', frozen with 'frozen'", () => {
    const record = { n: 1, inner: { list: [1] } };
    const trusted = make('trusted');
    trusted.output.push(record, Number.NaN, 0, NOT_BEHIND);
    expect(taken(trusted.input)[0]).toBe(record);
    const frozen = make('frozen');
    const dated = { at: new Date(1), inner: { n: 1 } };
    frozen.output.push(record, Number.NaN, 0, NOT_BEHIND);
    frozen.output.push(dated, Number.NaN, 0, NOT_BEHIND);
    expect(() => record.inner.list.push(2)).toThrow(TypeError);
    dated.at.setTime(2);
    expect(() => {
      dated.inner.n = 2;
    }).toThrow(TypeError);
    expect(taken(frozen.input)).toEqual([record, { at: new Date(1), inner: { n: 1 } }]);
  });
});
