import { describe, expect, test } from 'vitest';
import { ChannelRecorder } from '../../src/checkpoint/channel-recorder.js';

const frame = (...bytes: number[]) => Uint8Array.from(bytes);
const recorder = (inputs: number, bytesMax = 100) => new ChannelRecorder({ inputs, bytesMax });

describe('channel recorder', () => {
  test('records what comes ahead of each barrier, behind what had been taken', () => {
    const three = recorder(3);
    expect([three.checkpoint, three.complete, three.records(0)]).toEqual([undefined, false, false]);
    three.begin(4, [true, false, true], [[frame(1)], [], []]);
    expect([0, 1, 2].map((input) => three.records(input))).toEqual([true, false, true]);
    three.add(0, [frame(2), frame(3)]);
    three.add(2, [frame(9)]);
    three.close(0);
    three.close(1);
    expect(three.complete).toBe(false);
    expect(() => three.add(0, [frame(4)])).toThrowError(/input 0 is recorded/);
    expect(() => three.take()).toThrowError(/complete/);
    three.close(2);
    three.close(2);
    expect(three.complete).toBe(true);
    expect(three.take()).toEqual([[frame(1), frame(2), frame(3)], [], [frame(9)]]);
    expect(three.checkpoint).toBe(undefined);
  });

  test('has nothing to wait for when all barriers had come', () => {
    const two = recorder(2);
    two.begin(1, [false, false], [[], []]);
    expect(two.complete).toBe(true);
    expect(two.take()).toEqual([[], []]);
    const none = recorder(0);
    none.begin(1, [], []);
    expect(none.complete).toBe(true);
  });

  test('is full once it holds its limit', () => {
    const one = recorder(1, 4);
    one.begin(1, [true], [[frame(1)]]);
    expect(one.full).toBe(false);
    one.add(0, [frame(2, 3, 4)]);
    expect(one.full).toBe(true);
    one.abort(1);
    expect(one.full).toBe(false);
  });

  test('forgets what is given up, and what a newer one replaces', () => {
    const one = recorder(1);
    one.begin(5, [true], [[]]);
    one.abort(4);
    expect(one.checkpoint).toBe(5);
    one.abort(5);
    expect([one.checkpoint, one.records(0)]).toEqual([undefined, false]);
    one.begin(6, [true], [[frame(1)]]);
    one.begin(7, [true], [[]]);
    one.close(0);
    expect([one.checkpoint, one.take()]).toEqual([7, [[]]]);
  });
});
