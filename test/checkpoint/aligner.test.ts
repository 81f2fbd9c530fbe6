import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Aligner, type AlignerMode } from '../../src/checkpoint/aligner.js';

const barrier = (input: number, checkpoint: number) =>
  ({ kind: 'barrier', input, checkpoint }) as const;
const abort = (checkpoint: number) => ({ kind: 'abort', checkpoint }) as const;
const aligner = (inputs: number, mode: AlignerMode = 'exactly-once') =>
  new Aligner({ inputs, mode });

describe('aligner', () => {
  test('one input aligns at once', () => {
    const one = aligner(1);
    expect(one.handle(barrier(0, 1))).toEqual([{ kind: 'snapshot', checkpoint: 1 }]);
    expect(one.handle(barrier(0, 2))).toEqual([{ kind: 'snapshot', checkpoint: 2 }]);
    expect(one.aligning).toBeUndefined();
  });

  test('exactly-once holds each input until the last barrier, captures, and lets go', () => {
    const three = aligner(3);
    expect(three.handle(barrier(1, 5))).toEqual([{ kind: 'block', input: 1 }]);
    expect(three.aligning).toBe(5);
    expect(three.handle(barrier(0, 5))).toEqual([{ kind: 'block', input: 0 }]);
    expect(three.handle(barrier(2, 5))).toEqual([
      { kind: 'snapshot', checkpoint: 5 },
      { kind: 'unblock-all' },
    ]);
    expect(three.aligning).toBeUndefined();
  });

  test('at-least-once holds nothing', () => {
    const two = aligner(2, 'at-least-once');
    expect(two.handle(barrier(1, 1))).toEqual([]);
    expect(two.aligning).toBe(1);
    expect(two.handle(barrier(0, 1))).toEqual([{ kind: 'snapshot', checkpoint: 1 }]);
    expect(two.handle(barrier(1, 2))).toEqual([]);
    expect(two.handle(abort(2))).toEqual([]);
  });

  test('a part taken early lets go of what is held, and the missing barriers are dead', () => {
    const three = aligner(3);
    three.handle(barrier(1, 5));
    expect([0, 1, 2].map((input) => three.hasDelivered(input, 5))).toEqual([false, true, false]);
    expect(three.hasDelivered(1, 6)).toBe(false);
    expect(three.handle({ kind: 'overtaken', checkpoint: 5 })).toEqual([
      { kind: 'snapshot', checkpoint: 5 },
      { kind: 'unblock-all' },
    ]);
    expect(three.handle({ kind: 'overtaken', checkpoint: 5 })).toEqual([]);
    for (const input of [0, 2]) expect(three.handle(barrier(input, 5))).toEqual([]);
    expect(three.aligning).toBeUndefined();
    // Before any barrier has come, and while an older one is being aligned.
    three.handle(barrier(0, 6));
    expect(three.handle({ kind: 'overtaken', checkpoint: 7 })).toEqual([
      { kind: 'unblock-all' },
      { kind: 'snapshot', checkpoint: 7 },
    ]);
    expect(three.handle(barrier(1, 6))).toEqual([]);
    three.handle(abort(8));
    expect(three.handle({ kind: 'overtaken', checkpoint: 8 })).toEqual([]);
  });

  test('an abort lets go; barriers that come after it do nothing', () => {
    const two = aligner(2);
    two.handle(barrier(0, 3));
    expect(two.handle(abort(3))).toEqual([{ kind: 'unblock-all' }]);
    expect(two.handle(abort(3))).toEqual([]);
    expect(two.handle(barrier(1, 3))).toEqual([]);
    expect(two.handle(barrier(1, 4))).toEqual([{ kind: 'block', input: 1 }]);
    expect(two.handle(abort(3))).toEqual([]);
    expect(two.handle(barrier(0, 4))).toHaveLength(2);
  });

  test('an abort that overtakes the barriers keeps them from blocking', () => {
    const two = aligner(2);
    expect(two.handle(abort(9))).toEqual([]);
    expect(two.handle(barrier(0, 9))).toEqual([]);
    expect(two.handle(barrier(1, 9))).toEqual([]);
    expect(two.handle(barrier(0, 8))).toEqual([]);
    expect(two.aligning).toBeUndefined();
  });

  test('a newer barrier gives up the older checkpoint and lets its inputs go', () => {
    const three = aligner(3);
    three.handle(barrier(0, 1));
    expect(three.handle(barrier(1, 2))).toEqual([
      { kind: 'unblock-all' },
      { kind: 'block', input: 1 },
    ]);
    expect(three.handle(barrier(2, 1))).toEqual([]);
    expect(three.handle(barrier(0, 2))).toEqual([{ kind: 'block', input: 0 }]);
    expect(three.handle(barrier(2, 2))[0]).toEqual({ kind: 'snapshot', checkpoint: 2 });
  });

  test('the same barrier twice counts once', () => {
    const two = aligner(2, 'at-least-once');
    two.handle(barrier(0, 1));
    expect(two.handle(barrier(0, 1))).toEqual([]);
    expect(two.aligning).toBe(1);
    expect(two.handle(barrier(1, 1))).toEqual([{ kind: 'snapshot', checkpoint: 1 }]);
    expect(two.handle(barrier(1, 1))).toEqual([]);
    expect(two.aligning).toBeUndefined();
  });

  test('an input that does not exist is our own mistake', () => {
    expect(() => aligner(2).handle(barrier(2, 1))).toThrow(/ERR_HOLDFAST_INTERNAL|input 2 of 2/);
    expect(() => aligner(0)).toThrow(/has inputs/);
  });
});

/**
 * A task over FIFO inputs. The coordinator starts checkpoint n + 1 only after n was completed (all
 * tasks captured) or aborted, as the real one does; the abort reaches the task at any later time.
 */
function simulate(mode: AlignerMode, inputs: number, choices: readonly number[]) {
  const machine = new Aligner({ inputs, mode });
  type Item = { barrier: number } | { sentAfter: number };
  const queues: Item[][] = Array.from({ length: inputs }, () => []);
  const blocked = new Set<number>();
  /** Newest barrier read on each input. */
  const read = new Array<number>(inputs).fill(0);
  const snapshots: number[] = [];
  const aborted = new Set<number>();
  const aborts: number[] = [];
  let id = 0;
  let blockedFor = 0;

  const perform = (commands: ReturnType<Aligner['handle']>) => {
    for (const command of commands) {
      if (command.kind === 'block') {
        expect(blocked.has(command.input)).toBe(false);
        blocked.add(command.input);
        blockedFor = machine.aligning!;
        expect(mode).toBe('exactly-once');
      } else if (command.kind === 'unblock-all') {
        expect(blocked.size).toBeGreaterThan(0);
        blocked.clear();
      } else {
        // L1, I4: complete on every input, once, in increasing order, never after its abort.
        expect(read.every((checkpoint) => checkpoint === command.checkpoint)).toBe(true);
        expect(command.checkpoint).toBeGreaterThan(snapshots.at(-1) ?? 0);
        expect(aborted.has(command.checkpoint)).toBe(false);
        snapshots.push(command.checkpoint);
      }
    }
  };
  const consume = (input: number) => {
    if (blocked.has(input)) return;
    const item = queues[input]!.shift();
    if (item === undefined) return;
    if ('barrier' in item) {
      expect(item.barrier).toBeGreaterThan(read[input]!);
      read[input] = item.barrier;
      perform(machine.handle({ kind: 'barrier', input, checkpoint: item.barrier }));
    } else if (mode === 'exactly-once' && !aborted.has(item.sentAfter)) {
      // I5: what was sent behind barrier n is processed after snapshot n, or once n was given up:
      // by an abort, or by a newer barrier on any input.
      const done = (snapshots.at(-1) ?? 0) >= item.sentAfter;
      expect(done || Math.max(...read) > item.sentAfter).toBe(true);
    }
  };
  const emit = (input: number) => queues[input]!.push({ sentAfter: id });
  const deliverAbort = () => {
    const checkpoint = aborts.shift();
    if (checkpoint === undefined) return;
    aborted.add(checkpoint);
    perform(machine.handle({ kind: 'abort', checkpoint }));
    // I8: nothing is held for an aborted checkpoint.
    expect(blocked.size === 0 || blockedFor > checkpoint).toBe(true);
  };

  for (const choice of choices) {
    const input = (choice >> 3) % inputs;
    switch (choice & 7) {
      case 0: {
        const previous = id;
        if (previous > 0 && snapshots.at(-1) !== previous && !aborts.includes(previous)) {
          if (!aborted.has(previous)) aborts.push(previous);
        }
        id += 1;
        for (const queue of queues) queue.push({ barrier: id });
        break;
      }
      case 1:
        if (id > 0 && snapshots.at(-1) !== id && !aborts.includes(id) && !aborted.has(id)) {
          aborts.push(id);
        }
        break;
      case 2:
        deliverAbort();
        break;
      case 3:
        emit(input);
        break;
      default:
        consume(input);
    }
  }
  // Everything comes in the end: no input stays held, and the queues run dry (I8, I9).
  while (aborts.length > 0) deliverAbort();
  for (let round = 0; round < choices.length + 1; round += 1) {
    for (let input = 0; input < inputs; input += 1) consume(input);
  }
  expect(queues.flat()).toEqual([]);
  expect(blocked.size).toBe(0);
  expect(machine.aligning).toBeUndefined();
  if (id > 0 && !aborted.has(id)) expect(snapshots.at(-1)).toBe(id);
}

describe('aligner in random interleavings', () => {
  for (const mode of ['exactly-once', 'at-least-once'] as const) {
    test(`I4, I5 and I8 hold, ${mode}`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(1_000)), (inputs, choices) =>
          simulate(mode, inputs, choices),
        ),
        { numRuns: 3_000 },
      );
    });
  }
});
