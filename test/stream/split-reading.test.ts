/** Which split is read next: bounded-splits.ts and flowing-splits.ts by themselves, over readers at hand. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Source, SourceBatch } from '../../src/stream/source.js';
import { BoundedSplits } from '../../src/stream/task/bounded-splits.js';
import { FlowingSplits } from '../../src/stream/task/flowing-splits.js';
import { ObservedSplits } from '../../src/stream/task/observed-splits.js';
import { OpenReaders } from '../../src/stream/task/open-readers.js';
import { freshSplit } from '../../src/stream/task/source-splits.js';
import { SplitReader } from '../../src/stream/task/split-reader.js';
import { SplitTimes } from '../../src/stream/task/split-times.js';
import { TaskGate } from '../../src/stream/task/task-gate.js';
import type { TimeProbe } from '../../src/stream/task/time-probe.js';
import { context } from '../connectors/source-kit.js';

interface Options {
  /** Times of the records of each split. */
  readonly splits: readonly (readonly number[])[];
  readonly isTimed?: boolean;
  readonly maxOpen?: number;
  readonly batchRecords?: number;
  /** How a poll answers; `never an end`: not at all, once the records are read. */
  readonly answers?: 'at once' | 'later' | 'never an end';
  readonly failsToClose?: boolean;
  /** The source says of each split that no record is earlier. */
  readonly earliestMs?: readonly number[];
}

/** What SourceHead does with splits, and what is written down of it. */
class Reading {
  readonly observers: ObservedSplits;
  readonly open: OpenReaders;
  readonly readers: SplitReader[];
  readonly ended: number[] = [];
  /** Each record, in the order of reading, as `split:record`. */
  readonly read: string[] = [];
  /** By split: how often a reader was opened, and polled. */
  readonly opened: number[];
  readonly polled: number[];
  readonly #times = new SplitTimes({ outOfOrdernessMs: 0 });
  openMost = 0;

  constructor(options: Options) {
    const { splits, isTimed = true, maxOpen = 64, batchRecords = 2, answers = 'at once' } = options;
    const { failsToClose = false } = options;
    this.opened = splits.map(() => 0);
    this.polled = splits.map(() => 0);
    this.open = new OpenReaders(maxOpen);
    const firstTime = (batch: SourceBatch<unknown>) => batch.records[0] as number;
    this.observers = new ObservedSplits(() => ({ firstTime }) as unknown as TimeProbe);
    if (isTimed) this.observers.attach('times', this.#times);
    const source: Source<number> = {
      kind: 'at hand',
      splits: async () => [],
      open: async ({ id }, position) => {
        const records = splits[Number(id)]!;
        this.opened[Number(id)]! += 1;
        let next = (position as number | undefined) ?? 0;
        let start = next;
        const poll = (): SourceBatch<number> | undefined => {
          start = next;
          const batch = records.slice(next, next + batchRecords);
          next += batch.length;
          return batch.length === 0 ? undefined : { records: batch };
        };
        return {
          poll: () => {
            this.polled[Number(id)]! += 1;
            if (answers === 'never an end' && next === records.length) return new Promise(() => {});
            return answers === 'later' ? Promise.resolve().then(poll) : poll();
          },
          position: (taken) => start + taken,
          describe: () => id,
          close: () => {
            if (failsToClose) throw new Error(`${id} does not close`);
          },
        };
      },
    };
    const given = { source, context, gate: new TaskGate(), wake: () => {}, open: this.open };
    this.readers = splits.map((_, i) => {
      this.observers.add(i, options.earliestMs?.[i]);
      return new SplitReader(given, freshSplit({ id: `${i}`, bounded: true }, i), i, true);
    });
  }

  readonly finish = (reader: SplitReader): void => {
    this.ended.push(reader.index);
    reader.progress.finished = true;
    this.observers.finish(reader.index);
  };

  /** As SourceHead emits. */
  emit(reader: SplitReader, chunkRecords: number): void {
    const { records } = reader.batch!;
    const end = Math.min(records.length, reader.at + chunkRecords);
    this.observers.begin(reader.index);
    for (; reader.at < end; reader.at += 1) {
      this.read.push(`${reader.index}:${String(reader.progress.records)}`);
      if (this.observers.areTimed) this.#times.observe(records[reader.at] as number);
      reader.progress.records += 1;
    }
    if (reader.at === records.length) reader.usedUp();
  }

  /** Where it stands, −∞ for one that has not been touched. */
  ownMs(reader: SplitReader): number {
    return this.observers.ownMs(reader.index);
  }

  /** Where those stand that have not ended. */
  standing(): readonly number[] {
    return this.readers
      .filter(({ progress }) => !progress.finished)
      .map((reader) => this.ownMs(reader));
  }

  look(): void {
    this.openMost = Math.max(this.openMost, this.readers.filter(({ isOpen }) => isOpen).length);
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Reads bounded splits to their end.
 * @param atChoice told each that is read next
 * @param first how many are there at the beginning
 */
async function readBounded(
  reading: Reading,
  atChoice: (reader: SplitReader, bounded: BoundedSplits) => void = () => {},
  first = reading.readers.length,
): Promise<BoundedSplits> {
  const { observers, open, finish, readers } = reading;
  const bounded = new BoundedSplits({ observers, open, alignment: undefined, ended: finish });
  bounded.add(readers.slice(0, first));
  for (let quiet = 0; bounded.count > 0; ) {
    const moved = bounded.advance();
    reading.look();
    const { next } = bounded;
    if (next !== undefined) {
      atChoice(next, bounded);
      reading.emit(next, bounded.chunkRecords);
      quiet = 0;
    } else if (moved) quiet = 0;
    else {
      quiet += 1;
      if (quiet > 20) throw new Error('reading stands still');
      await turn();
    }
  }
  return bounded;
}

const all = (splits: Options['splits']): string[] =>
  splits.flatMap((records, i) => records.map((_, at) => `${i}:${at}`)).sort();

describe('bounded splits', () => {
  it('are read one after the other in list order without event time, one open at a time (B1)', async () => {
    const splits = [[5, 6, 7], [], [1, 2, 3], [0]];
    const reading = new Reading({ splits, isTimed: false });
    await readBounded(reading);
    expect(reading.read).toEqual(['0:0', '0:1', '0:2', '2:0', '2:1', '2:2', '3:0']);
    expect(reading.ended).toEqual([0, 1, 2, 3]);
    expect(reading.openMost).toBe(1);
  });

  it('are all touched before the first is read, then read by time (B2)', async () => {
    const splits = [
      [300, 301, 302],
      [100, 101, 102],
      [200, 201],
    ];
    const reading = new Reading({ splits });
    await readBounded(reading, () => {
      expect(Math.min(...reading.standing())).toBeGreaterThan(Number.NEGATIVE_INFINITY);
    });
    expect(reading.read.map((name) => name[0])).toEqual([...'111', ...'22', ...'000']);
    expect(reading.opened).toEqual([1, 1, 1]);
  });

  it.each(['at once', 'later'] as const)(
    'are polled ahead only when one has come to its end (B3), if they answer %s',
    async (answers) => {
      const splits = Array.from({ length: 6 }, (_, i) => [10 * i, 10 * i + 1, 10 * i + 2]);
      const earliestMs = splits.map(([first]) => first!);
      const reading = new Reading({ splits, earliestMs, answers, batchRecords: 1 });
      const polledAhead: number[] = [];
      await readBounded(reading, (next) => {
        const later = reading.polled.slice(next.index + 1);
        polledAhead[next.index] = Math.max(
          polledAhead[next.index] ?? 0,
          later.filter((polls) => polls > 0).length,
        );
      });
      expect(polledAhead).toEqual([0, 2, 2, 2, 1, 0]);
      expect(reading.opened).toEqual([1, 1, 1, 1, 1, 1]);
    },
  );

  it('of one time are left after a few records for one that stands earlier (B4)', async () => {
    const days = Array.from({ length: 1_000 }, (_, i) => i);
    const reading = new Reading({ splits: [days, days, days], batchRecords: 500 });
    let furthest = 0;
    await readBounded(reading, () => {
      const stand = reading.standing();
      furthest = Math.max(furthest, Math.max(...stand) - Math.min(...stand));
    });
    expect(furthest).toBeLessThanOrEqual(64);
  });

  it.each([1, 2, 3, 20])(
    'that are found later are touched though %i readers are taken (B3)',
    async (maxOpen) => {
      const splits = Array.from({ length: 24 }, (_, i) => [50 - i, 60 - i, 70 - i, 80 - i, 90 - i]);
      const found = Math.min(maxOpen, 22);
      const reading = new Reading({ splits, maxOpen, answers: 'later', batchRecords: 1 });
      let choices = 0;
      const add = (_: SplitReader, bounded: BoundedSplits): void => {
        choices += 1;
        if (choices === 2) bounded.add(reading.readers.slice(found));
      };
      await readBounded(reading, add, found);
      expect([...reading.read].sort()).toEqual(all(splits));
      expect(reading.openMost).toBeLessThanOrEqual(maxOpen);
      expect(reading.open.count).toBe(0);
    },
  );

  it.each([1, 2, 16])(
    'tell that one could not be closed, with %i open at most',
    async (maxOpen) => {
      const splits = Array.from({ length: 20 }, (_, i) => [i, 20 + i, 40 + i]);
      const reading = new Reading({ splits, maxOpen, failsToClose: true });
      await expect(readBounded(reading)).rejects.toThrow('0 does not close');
    },
  );

  const drawn = fc.record({
    // A split's first time, and what each record adds.
    splits: fc.array(
      fc.tuple(fc.nat(200), fc.array(fc.integer({ min: -3, max: 30 }), { maxLength: 12 })),
      { minLength: 1, maxLength: 24 },
    ),
    maxOpen: fc.integer({ min: 1, max: 20 }),
    batchRecords: fc.integer({ min: 1, max: 5 }),
    answers: fc.constantFrom('at once' as const, 'later' as const),
    isTimed: fc.boolean(),
  });

  it('give every record once and in order, the least time first, with no more open than may be (B2–B4)', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async ({ splits: made, ...options }) => {
        const splits = made.map(([first, steps]) => {
          let timeMs = first;
          return steps.map((step) => {
            timeMs += step;
            return timeMs;
          });
        });
        const reading = new Reading({ splits, ...options });
        await readBounded(reading, (next) => {
          if (!options.isTimed) return;
          expect(reading.ownMs(next)).toBe(Math.min(...reading.standing()));
        });
        expect([...reading.read].sort()).toEqual(all(splits));
        for (const [i] of splits.entries()) {
          const own = reading.read.filter((name) => name.startsWith(`${i}:`));
          expect(own).toEqual(own.map((_, at) => `${i}:${at}`));
        }
        expect(reading.ended.toSorted((a, b) => a - b)).toEqual(splits.map((_, i) => i));
        expect(reading.openMost).toBeLessThanOrEqual(options.maxOpen);
        expect(reading.open.count).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

describe('flowing splits', () => {
  function flowing(
    reading: Reading,
    mayDrift: (timeMs: number) => boolean = () => true,
  ): FlowingSplits {
    const { observers, open, finish, readers } = reading;
    const splits = new FlowingSplits({ observers, open, ended: finish, mayDrift });
    splits.add(readers);
    return splits;
  }

  /** Until nothing moves any more. */
  async function readOn(reading: Reading, splits: FlowingSplits, now: () => number): Promise<void> {
    for (let quiet = 0; quiet < 5; ) {
      const moved = splits.advance(now());
      reading.look();
      const next = splits.next();
      if (next !== undefined) reading.emit(next, splits.chunkRecords);
      if (moved || next !== undefined) quiet = 0;
      else {
        quiet += 1;
        await turn();
      }
    }
  }
  const clock = () => performance.now();

  it('are all read, though some never answer (F1)', async () => {
    const splits = [[], [1, 2, 3], [], [4, 5, 6]];
    const reading = new Reading({ splits, answers: 'never an end', isTimed: false });
    await readOn(reading, flowing(reading), clock);
    expect([...reading.read].sort()).toEqual(all(splits));
    expect(reading.ended).toEqual([]);
  });

  it('take turns without event time (F1)', async () => {
    const splits = [
      [1, 2, 3, 4, 5, 6],
      [1, 2, 3, 4, 5, 6],
      [1, 2, 3, 4, 5, 6],
    ];
    const reading = new Reading({ splits, answers: 'never an end', isTimed: false });
    await readOn(reading, flowing(reading), clock);
    expect(reading.read.map((name) => name[0]).join('')).toBe('001122001122001122');
  });

  it('with event time are read where time is least, of those that have something at hand (F1)', async () => {
    const splits = [[100, 110, 120, 130], [105, 115, 125, 135], []];
    const reading = new Reading({ splits, answers: 'never an end', batchRecords: 1 });
    await readOn(reading, flowing(reading), clock);
    const times = reading.read.map((name) => splits[Number(name[0])]![Number(name.slice(2))]);
    expect(times).toEqual([100, 105, 110, 115, 120, 125, 130, 135]);
  });

  it('wait when they are too far ahead of other sources', async () => {
    let limitMs = 110;
    const splits = [[100, 105, 111, 120]];
    const reading = new Reading({ splits, answers: 'never an end', batchRecords: 1 });
    const flow = flowing(reading, (timeMs) => timeMs <= limitMs);
    await readOn(reading, flow, clock);
    // Where it stands after 111 is 110.
    expect(reading.read).toEqual(['0:0', '0:1', '0:2', '0:3']);
    limitMs = 104;
    const held = new Reading({ splits, answers: 'never an end', batchRecords: 1 });
    const wait = flowing(held, (timeMs) => timeMs <= limitMs);
    await readOn(held, wait, clock);
    expect(held.read).toEqual(['0:0', '0:1', '0:2']);
    limitMs = 110;
    await readOn(held, wait, clock);
    expect(held.read).toEqual(['0:0', '0:1', '0:2', '0:3']);
  });

  it('make room for each other after a turn, when more are there than may be open (F2)', async () => {
    const splits = Array.from({ length: 7 }, (_, i) => [i, i, i]);
    const reading = new Reading({ splits, answers: 'never an end', maxOpen: 2, isTimed: false });
    const flow = flowing(reading);
    await readOn(reading, flow, clock);
    expect(new Set(reading.read.map((name) => name[0]))).toEqual(new Set(['0', '1']));
    expect(flow.dueMs).toBeGreaterThan(performance.now() - 1_000);
    for (let turns = 1; turns < 8; turns += 1) {
      // Nobody's turn is over before that; and then each one's is that has nothing to give.
      const later = flow.dueMs! + 1;
      flow.advance(later);
      await readOn(reading, flow, clock);
    }
    expect([...reading.read].sort()).toEqual(all(splits));
    expect(reading.openMost).toBeLessThanOrEqual(2);
    // Those that were closed are opened again where they stand.
    expect(Math.max(...reading.opened)).toBeGreaterThan(1);
  });

  it('get longer turns while their polls are cut off and give nothing, up to a limit (F3)', async () => {
    const reading = new Reading({
      splits: [[], []],
      answers: 'never an end',
      maxOpen: 1,
      isTimed: false,
    });
    const flow = flowing(reading);
    const turnMs: number[] = [];
    for (let turns = 0; turns < 14; turns += 1) {
      await readOn(reading, flow, () => 0);
      const reader = reading.readers.find(({ kind }) => kind === 'polling')!;
      turnMs.push(Math.round(flow.dueMs! - reader.openedMs));
      flow.advance(flow.dueMs!);
    }
    expect(turnMs).toEqual([
      250, 250, 250, 250, 500, 500, 1_000, 1_000, 2_000, 2_000, 4_000, 4_000, 4_000, 4_000,
    ]);
  });

  it('tell that one could not be closed when its turn was over', async () => {
    const splits = Array.from({ length: 3 }, (_, i) => [i]);
    const options = { splits, maxOpen: 1, isTimed: false } as const;
    const reading = new Reading({ ...options, answers: 'never an end', failsToClose: true });
    const flow = flowing(reading);
    await readOn(reading, flow, clock);
    flow.advance(flow.dueMs! + 1);
    await expect(readOn(reading, flow, clock)).rejects.toThrow('0 does not close');
  });

  it('make room as well when they are too far ahead of other sources: who waits may be the one behind (F2)', async () => {
    const splits = [
      [500, 600, 700],
      [500, 600, 700],
      [1, 2, 3],
    ];
    const reading = new Reading({ splits, answers: 'never an end', maxOpen: 2, batchRecords: 1 });
    const flow = flowing(reading, (timeMs) => timeMs <= 400);
    await readOn(reading, flow, clock);
    expect([...reading.read].sort()).toEqual(['0:0', '1:0']);
    for (let turns = 0; turns < 3 && !reading.read.includes('2:2'); turns += 1) {
      flow.advance(flow.dueMs! + 1);
      await readOn(reading, flow, clock);
    }
    expect([...reading.read].sort()).toEqual(['0:0', '1:0', '2:0', '2:1', '2:2']);
    expect(reading.openMost).toBe(2);
  });

  it('that end are told, and are no more', async () => {
    const splits = [[1], [], [2, 3]];
    const reading = new Reading({ splits, isTimed: false });
    const flow = flowing(reading);
    await readOn(reading, flow, clock);
    expect(reading.ended.toSorted()).toEqual([0, 1, 2]);
    expect([flow.count, reading.open.count, flow.next(), flow.dueMs]).toEqual([
      0,
      0,
      undefined,
      undefined,
    ]);
  });
});
