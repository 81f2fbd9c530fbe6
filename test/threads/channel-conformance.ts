import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ControlElement,
  type Element,
  type Gate,
  type InputChannel,
  NOT_BEHIND,
  type OutputChannel,
} from '../../src/channels/element.js';
import { positionOf, StoredFrames } from '../../src/channels/element-frames.js';
import { same } from '../base/value-arbitraries.js';

export interface Channel {
  readonly output: OutputChannel;
  readonly input: InputChannel;
  readonly gate: Gate;
  /** Was the consumer woken since it last said that it sleeps? */
  consumerSleeps(): void;
  readonly consumerWoken: boolean;
  /** Was the producer woken since it last said that it sleeps? */
  producerSleeps(): void;
  readonly producerWoken: boolean;
}

export interface ChannelCase {
  readonly name: string;
  /** Of a small capacity: a few hundred small records at most. */
  make(options: { readonly batchRecordsMax: number }): Channel;
}

/** One entry of a channel's content, batches taken apart. */
export type Item =
  | {
      readonly record: unknown;
      readonly timestamp: number;
      readonly group: number;
      readonly behind: number;
    }
  | ControlElement;

export function itemsOf(element: Element): Item[] {
  if (element.kind !== 'batch') return [element];
  return Array.from({ length: element.count }, (_, i) => ({
    record: element.records[i],
    timestamp: element.timestamps?.[i] ?? Number.NaN,
    group: element.groups?.[i] ?? 0,
    behind: element.behind?.[i] ?? NOT_BEHIND,
  }));
}

/** Takes all there is, pumping what waits. */
export function drain(channel: Channel): Item[] {
  const items: Item[] = [];
  for (;;) {
    const element = channel.input.take();
    if (element !== undefined) items.push(...itemsOf(element));
    else if (!channel.output.pump()) return items;
  }
}

const controls: fc.Arbitrary<ControlElement> = fc.oneof(
  fc.nat().map((checkpoint) => ({ kind: 'barrier' as const, checkpoint })),
  fc.double({ noNaN: true }).map((timeMs) => ({ kind: 'watermark' as const, timeMs })),
  fc.constant({ kind: 'end' as const }),
  fc.boolean().map((isSilent) => ({ kind: 'idle' as const, isSilent })),
);

const step = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('push' as const), fc.nat(40)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('control' as const), controls) },
  { weight: 1, arbitrary: fc.constant(['flush'] as const) },
  { weight: 1, arbitrary: fc.constant(['pump'] as const) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('take' as const), fc.nat(5)) },
);

/** What every channel keeps, wherever its ends live. */
export function describeChannel({ name, make }: ChannelCase): void {
  describe(`channel: ${name}`, () => {
    it('gives back everything in order, whatever the calls', () => {
      fc.assert(
        fc.property(
          fc.array(step, { maxLength: 80 }),
          fc.integer({ min: 1, max: 9 }),
          (steps, max) => {
            const channel = make({ batchRecordsMax: max });
            const { output, input } = channel;
            const sent: Item[] = [];
            const received: Item[] = [];
            const push = (): void => {
              const n = sent.length;
              const item = {
                record: { n, text: `record ${n}` },
                timestamp: n * 2,
                group: (n % 7) + 1,
                // Runs of records with and without, so that batches of both kinds follow each other.
                behind: n % 5 === 1 && n % 3 === 0 ? n * 2 + 0.5 : NOT_BEHIND,
              };
              output.push(item.record, item.timestamp, item.group, item.behind);
              sent.push(item);
            };
            for (const [kind, argument] of steps) {
              if (kind === 'push') for (let i = 0; i < argument; i += 1) push();
              else if (kind === 'flush') output.flush();
              else if (kind === 'pump') output.pump();
              else if (kind === 'control') {
                output.control(argument);
                sent.push(argument);
              } else {
                for (let i = 0; i < argument; i += 1) {
                  const { ready } = input;
                  const element = input.take();
                  if (element !== undefined) {
                    expect(ready).toBe(true);
                    received.push(...itemsOf(element));
                  }
                }
              }
            }
            output.flush();
            received.push(...drain(channel));
            expect(same(received, sent)).toBe(true);
            expect(input.ready).toBe(false);
            expect(output.pending).toBe(false);
            expect(output.blocked).toBe(false);
          },
        ),
        { numRuns: 300 },
      );
    });

    it('keeps each element that a barrier overtakes with exactly one end, and moves none', () => {
      fc.assert(
        fc.property(
          fc.array(step, { maxLength: 40 }),
          fc.array(step, { maxLength: 20 }),
          fc.integer({ min: 1, max: 5 }),
          fc.boolean(),
          (before, after, max, waits) => {
            const { output, input } = make({ batchRecordsMax: max });
            let pushed = 0;
            const act = ([kind, argument]: (typeof before)[number]): void => {
              for (let i = 0; kind === 'push' && i < argument; i += 1) {
                const behind = pushed % 4 === 3 ? pushed + 1 : NOT_BEHIND;
                output.push({ n: pushed, text: `record ${pushed}` }, pushed, 7, behind);
                pushed += 1;
              }
              if (kind === 'flush') output.flush();
              if (kind === 'pump') output.pump();
              for (let i = 0; kind === 'take' && i < argument; i += 1) input.take();
            };
            before.forEach(act);
            output.control({ kind: 'watermark', timeMs: 5 });
            output.control({ kind: 'barrier', checkpoint: 2 ** 40 + 1 });
            expect(input.announced).toBe(undefined);
            // What comes between the barrier and its announcement is behind both.
            if (waits) after.filter(([kind]) => kind !== 'take').forEach(act);
            const produced = output.announce(2 ** 40 + 1, true);
            const first = positionOf(produced[0] ?? new Uint8Array(0));
            const { announced } = input;
            expect(announced).toMatchObject({ checkpoint: 2 ** 40 + 1, urgent: true });
            if (produced.length > 0) expect(first).toBe(announced!.position);
            after.filter(([kind]) => kind === 'take' || kind === 'pump').forEach(act);
            const { position } = input;
            const consumed = input.peek(announced!.position);
            const stored = new StoredFrames();
            const kept = [
              ...consumed,
              ...produced.filter((frame) => positionOf(frame) >= position),
            ].flatMap((frame) => itemsOf(stored.decode(frame)));
            const rest: Item[] = [];
            for (;;) {
              const element = input.take();
              if (element === undefined && !output.pump()) break;
              if (element !== undefined) rest.push(...itemsOf(element));
            }
            const isBarrier = (item: Item) => 'kind' in item && item.kind === 'barrier';
            // Unless the barrier has been taken already: then nothing is left to be kept.
            const end = rest.findIndex(isBarrier);
            expect(same(kept, rest.slice(0, Math.max(0, end)))).toBe(true);
          },
        ),
        { numRuns: 300 },
      );
    });

    it('is empty at first', () => {
      const { output, input } = make({ batchRecordsMax: 4 });
      expect(input.ready).toBe(false);
      expect(input.take()).toBe(undefined);
      expect(output.pending).toBe(false);
      expect(output.blocked).toBe(false);
      expect(output.pump()).toBe(false);
      output.flush();
      expect(input.take()).toBe(undefined);
    });

    it('carries timestamps where records have them, and groups on keyed edges only', () => {
      const plain = make({ batchRecordsMax: 4 });
      plain.output.push('a', Number.NaN, 0, NOT_BEHIND);
      plain.output.flush();
      const first = plain.input.take();
      expect(first).toMatchObject({
        kind: 'batch',
        count: 1,
        timestamps: undefined,
        groups: undefined,
      });
      const behind = NOT_BEHIND;
      plain.output.push('b', Number.NaN, 0, NOT_BEHIND);
      plain.output.push('c', 5, 0, NOT_BEHIND);
      plain.output.flush();
      expect(drain(plain)).toEqual([
        { record: 'b', timestamp: Number.NaN, group: 0, behind },
        { record: 'c', timestamp: 5, group: 0, behind },
      ]);
      plain.output.push('d', Number.NaN, 0, NOT_BEHIND);
      plain.output.flush();
      expect(plain.input.take()).toMatchObject({ timestamps: undefined });
      const keyed = make({ batchRecordsMax: 4 });
      keyed.output.push('a', -1.5, 1_024, NOT_BEHIND);
      keyed.output.flush();
      expect(drain(keyed)).toEqual([{ record: 'a', timestamp: -1.5, group: 1_024, behind }]);
    });

    it('carries the marks of records that are behind, in batches that have some, and no others', () => {
      const { output, input } = make({ batchRecordsMax: 4 });
      const sent = (...marks: readonly number[]): readonly number[] => {
        for (const mark of marks) output.push('a', 1, 0, mark);
        output.flush();
        const received: number[] = [];
        for (;;) {
          const element = input.take();
          if (element?.kind === 'batch') {
            const own = itemsOf(element).map((item) =>
              'behind' in item ? item.behind : Number.NaN,
            );
            expect(element.behind !== undefined).toBe(own.some((mark) => mark !== NOT_BEHIND));
            received.push(...own);
          } else if (!output.pump()) return received;
        }
      };
      // The time 0, and those before it, are times; and nothing of one batch shows in the next.
      for (const marks of [
        [NOT_BEHIND, NOT_BEHIND],
        [NOT_BEHIND, 7.5, NOT_BEHIND],
        [0, NOT_BEHIND, -8],
        [NOT_BEHIND, NOT_BEHIND, NOT_BEHIND],
        [NOT_BEHIND, 3],
      ]) {
        expect(sent(...marks)).toEqual(marks);
      }
    });

    it('keeps marks in the frames of an unaligned checkpoint', () => {
      const { output, input } = make({ batchRecordsMax: 4 });
      output.push('a', 1, 0, NOT_BEHIND);
      output.push('b', 2, 0, 30);
      output.control({ kind: 'barrier', checkpoint: 3 });
      const overtaken = output.announce(3, true);
      const frames = [...input.peek(input.announced!.position), ...overtaken];
      const stored = new StoredFrames();
      expect(frames.flatMap((frame) => itemsOf(stored.decode(frame)))).toMatchObject([
        { record: 'a', behind: NOT_BEHIND },
        { record: 'b', behind: 30 },
      ]);
    });

    it('blocks a producer whose consumer does not take, within a bound, and loses nothing', () => {
      const channel = make({ batchRecordsMax: 4 });
      const { output, input, gate } = channel;
      let pushed = 0;
      while (!gate.closed) {
        expect(output.blocked).toBe(false);
        output.push(pushed, Number.NaN, 0, NOT_BEHIND);
        pushed += 1;
        expect(pushed).toBeLessThan(1_000);
      }
      expect(output.blocked).toBe(true);
      // What one record still emits, and control elements, need no credit.
      output.push(pushed, Number.NaN, 0, NOT_BEHIND);
      output.control({ kind: 'barrier', checkpoint: 1 });
      channel.producerSleeps();
      expect(channel.producerWoken).toBe(false);
      const received: Item[] = [];
      while (output.blocked) {
        const element = input.take();
        if (element !== undefined) received.push(...itemsOf(element));
        else expect(channel.producerWoken).toBe(true);
        if (channel.producerWoken) output.pump();
      }
      expect(channel.producerWoken).toBe(true);
      received.push(...drain(channel));
      expect(received).toEqual([
        ...Array.from({ length: pushed + 1 }, (_, i) => ({
          record: i,
          timestamp: Number.NaN,
          group: 0,
          behind: NOT_BEHIND,
        })),
        { kind: 'barrier', checkpoint: 1 },
      ]);
      expect(output.blocked).toBe(false);
      // The gate is the task's to open.
      expect(gate.closed).toBe(true);
    });

    it('wakes a sleeping consumer for records and for control elements', () => {
      const channel = make({ batchRecordsMax: 4 });
      channel.consumerSleeps();
      channel.output.push(1, Number.NaN, 0, NOT_BEHIND);
      channel.output.flush();
      expect(channel.consumerWoken).toBe(true);
      drain(channel);
      channel.consumerSleeps();
      expect(channel.consumerWoken).toBe(false);
      channel.output.control({ kind: 'end' });
      expect(channel.consumerWoken).toBe(true);
      expect(drain(channel)).toEqual([{ kind: 'end' }]);
    });
  });
}
