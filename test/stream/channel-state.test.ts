import { describe, expect, it } from 'vitest';
import { type Batch, type Element, NOT_BEHIND } from '../../src/channels/element.js';
import { ElementFrames, StoredFrames } from '../../src/channels/element-frames.js';
import {
  type ChannelName,
  decodeChannel,
  encodeChannel,
  isChannelFor,
  parseChannelSection,
} from '../../src/stream/task/channel-state.js';
import { RestoredChannels } from '../../src/stream/task/restored-channels.js';
import { batchOf } from './task-kit.js';

const channel = { port: 0, input: 1, from: 12, to: 3 };

/**
 * A section of version 1, as it was written by 0.1.0: a watermark, a batch of two shapes with
 * times and key groups, and one of columns. What reads it today reads it for ever; another format needs another version.
 */
const GOLDEN = [
  'AQEFAAAAIAAAACAAAAADAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAERAaAAAAGgAAAABAwAAAQAAAAAAAAAAAAAAAgAA',
  'AAAAAAAAAPA/AAAAAACAREAAAAAAAAD4fwcACQAAAAAAAgAAAAAAAAAaAAAAAAAAABMCQW6BRHRleHRC5LURAkFhEAAA',
  'AAAAABRAAAAAAAAA6AEAAOgBAAABAwAAAgAAAAAAAAAAAAAACQAAAAAAAAAAAPA/AAAAAAAAAAAAAAAAAADwPwAAAAAA',
  'AABAAAAAAAAACEAAAAAAAAAQQAAAAAAAABRAAAAAAAAAGEAAAAAAAAAcQAAAAAAAACBAAQACAAMABAAFAAYABwAIAAkA',
  'AAAAAAAACQAAACIAAABbImYscyxkLGIiLFsibiIsImtleSIsImF0IiwiYmlnIl1dAAAAAAAAAAAAAAAA4L8AAAAAAADg',
  'PwAAAAAAAPg/AAAAAAAABEAAAAAAAAAMQAAAAAAAABJAAAAAAAAAFkAAAAAAAAAaQAAAAAAAAB5AAAAAAAAAAAAAAAAA',
  'AADwPwAAAAAAAABAAAAAAAAACEAAAAAAAAAQQAAAAAAAABRAAAAAAAAAGEAAAAAAAAAcQAAAAAAAACBAAIDGpH6NAwAA',
  'gMakfo0DAACAxqR+jQMAAIDGpH6NAwAAgMakfo0DAACAxqR+jQMAAIDGpH6NAwAAgMakfo0DAACAxqR+jQMABQAAAAUA',
  'AAAFAAAABQAAAAUAAAAFAAAABQAAAAUAAAAFAAAAAAAAAC0AAAAAAAAAa2V5IDBrZXkgMWtleSAya2V5IDNrZXkgNGtl',
  'eSA1a2V5IDZrZXkgN2tleSA4AAAA',
].join('');

/** Of version 2: a watermark, and a batch of which the second record has a mark. */
const GOLDEN_2 = [
  'AgEFAAAAIAAAACAAAAADAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAERAeAAAAHgAAAABBwAAAQAAAAAAAAAAAAAAAgAA',
  'AAAAAAAAAPA/AAAAAACAREAAAAAAAAAoQAAAAAAAAPD/AAAAAABAREAHAAkAAAAAAAIAAAAAAAAAGgAAAAAAAAATAkFu',
  'gUR0ZXh0QuS1EQJBYRAAAAAAAAAUQAAAAAAAAA==',
].join('');

const marked: readonly Element[] = [
  { kind: 'watermark', timeMs: 40 },
  batchOf([
    { record: { n: 1, text: 'äµ' }, timestamp: 41, group: 7 },
    { record: ['a', new Date(5)], timestamp: 12, group: 9, behind: 40.5 },
  ]),
];

describe('a channel in a checkpoint', () => {
  it('is named by consumer, input and instances', () => {
    const { name } = encodeChannel('output', channel, { frames: [] });
    expect(name).toBe('~output:1:12:3');
    expect(parseChannelSection(name)).toEqual({ side: 'output', ...channel });
    const second = { ...channel, port: 1, input: 0 };
    const { name: ported } = encodeChannel('input', second, { frames: [] });
    expect(ported).toBe('~input:1.0:12:3');
    expect(parseChannelSection(ported)).toEqual({ side: 'input', ...second });
    for (const other of ['~task', 'rows', '~input:1:2', '~input:a:1:2', '~input:0.1:1:2']) {
      expect(parseChannelSection(other)).toBe(undefined);
    }
  });

  it('is written and read as it was in version 2, with marks', () => {
    const frames = new ElementFrames();
    const { chunks } = encodeChannel('input', channel, {
      position: 5,
      frames: marked.flatMap((element) => frames.encode(element)),
    });
    expect(Buffer.concat(chunks).toString('base64')).toBe(GOLDEN_2);
    const { position, frames: read } = decodeChannel(Buffer.from(GOLDEN_2, 'base64'));
    const stored = new StoredFrames();
    expect(position).toBe(5);
    expect(stored.decode(read[0]!)).toEqual({ kind: 'watermark', timeMs: 40 });
    const batch = stored.decode(read[1]!) as Batch;
    expect(batch.records).toEqual([{ n: 1, text: 'äµ' }, ['a', new Date(5)]]);
    expect([...batch.timestamps!.slice(0, 2)]).toEqual([41, 12]);
    expect([...batch.behind!.slice(0, 2)]).toEqual([NOT_BEHIND, 40.5]);
    expect([...batch.groups!.slice(0, 2)]).toEqual([7, 9]);
  });

  it('is read as it was in version 1, without marks', () => {
    const { position, frames: read } = decodeChannel(Buffer.from(GOLDEN, 'base64'));
    const stored = new StoredFrames();
    expect(position).toBe(5);
    expect(read.map((frame) => structuredClone(stored.decode(frame)))).toMatchObject([
      { kind: 'watermark', timeMs: 40 },
      {
        kind: 'batch',
        count: 2,
        behind: undefined,
        records: [{ n: 1, text: 'äµ' }, ['a', new Date(5)]],
      },
      {
        kind: 'batch',
        count: 9,
        records: Array.from({ length: 9 }, (_, n) => ({
          n: n - 0.5,
          key: `key ${n}`,
          at: new Date(n),
          big: 10n ** 15n,
        })),
      },
    ]);
  });

  it('that is damaged or of another version is refused by name', () => {
    const bytes = Buffer.from(GOLDEN, 'base64');
    const corrupt = { code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT' };
    const thrown = (act: () => unknown): unknown => {
      try {
        act();
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(thrown(() => decodeChannel(bytes.subarray(0, 20)))).toMatchObject(corrupt);
    const newer = Buffer.from(bytes);
    newer[0] = 3;
    expect(thrown(() => decodeChannel(newer))).toMatchObject(corrupt);
    const broken = Buffer.from(bytes);
    broken[14] = 9; // the first frame's kind
    const [frame] = decodeChannel(broken).frames;
    expect(thrown(() => new StoredFrames().decode(frame!))).toMatchObject(corrupt);
    const unknown = Buffer.from(GOLDEN_2, 'base64');
    unknown[10 + 32 + 4 + 5]! |= 8; // a flag of the batch's that this version does not know
    const [, flagged] = decodeChannel(unknown).frames;
    expect(thrown(() => new StoredFrames().decode(flagged!))).toMatchObject(corrupt);
  });

  it('names a record that cannot be kept', () => {
    const batch = batchOf([{ record: { fn: () => 1 } }]);
    expect(() => new ElementFrames().encode(batch)).toThrowError(/unaligned.*'aligned'/s);
  });
});

describe('who is given it', () => {
  const heirs = (to: number, partition: Parameters<typeof isChannelFor>[2]['partition']) =>
    [0, 1, 2].filter((instance) =>
      isChannelFor(to, instance, { partition, before: 5, parallelism: 3, isMoved: false }),
    );

  it('the same instance when nothing has changed', () => {
    const same = { before: 3, parallelism: 3 };
    for (const partition of ['hash', 'forward', 'rebalance', 'broadcast'] as const) {
      const given = [0, 1, 2].filter((i) =>
        isChannelFor(1, i, { ...same, partition, isMoved: false }),
      );
      expect(given).toEqual([1]);
    }
    expect(isChannelFor(1, 2, { ...same, partition: 'hash', isMoved: true })).toBe(true);
  });

  it('one instance without keys, all with keys, each its forerunner in a broadcast', () => {
    for (const partition of ['forward', 'rebalance'] as const) {
      expect([0, 1, 2, 3, 4].map((to) => heirs(to, partition))).toEqual([[0], [1], [2], [0], [1]]);
    }
    expect(heirs(4, 'hash')).toEqual([0, 1, 2]);
    expect([0, 1, 2, 3, 4].map((to) => heirs(to, 'broadcast'))).toEqual([[0], [1], [2], [], []]);
    const more = { partition: 'broadcast', before: 2, parallelism: 5, isMoved: false } as const;
    const given = [0, 1].map((to) => [0, 1, 2, 3, 4].filter((i) => isChannelFor(to, i, more)));
    expect(given).toEqual([
      [0, 2, 4],
      [1, 3],
    ]);
  });
});

describe('what was in flight', () => {
  const numbered = (position: number, ...items: { n: number; group: number }[]) => {
    const [frame] = new ElementFrames().encode(
      batchOf(items.map(({ n, group }) => ({ record: n, group }))),
    );
    new DataView(frame!.buffer).setInt32(8, position, true);
    return frame!;
  };
  const section = (
    side: 'input' | 'output',
    name: ChannelName,
    content: Parameters<typeof encodeChannel>[2],
  ) => {
    const { name: text, chunks } = encodeChannel(side, name, content);
    return { name: text, instance: 0, bytes: chunks[0]! };
  };
  const control = (element: Element) => new ElementFrames().encode(element)[0]!;
  const restored = (
    sections: ReturnType<typeof section>[],
    more: Partial<ConstructorParameters<typeof RestoredChannels>[0]> = {},
  ) =>
    new RestoredChannels({
      restored: [{ operator: 'consumer', sections }],
      placeOf: () => 0,
      inputOf: (_, { port, input }) =>
        port === 0 && input === 0 ? { partition: 'hash' } : undefined,
      ownsGroup: () => true,
      formerOwner: () => undefined,
      isRescaled: false,
      ...more,
    });
  const taken = (channels: RestoredChannels): unknown[] => {
    const all: unknown[] = [];
    for (;;) {
      const next = channels.take();
      if (next === undefined) return all;
      const { element } = next;
      if (element.kind === 'batch') all.push(...element.records.slice(0, element.count));
      else all.push(`${element.kind}${element.kind === 'watermark' ? ` ${element.timeMs}` : ''}`);
    }
  };
  const to0 = { port: 0, input: 0, from: 0, to: 0 };

  it('comes per channel in the order of sending, from the consumer’s position on', () => {
    const sections = [
      section('output', to0, {
        frames: [numbered(6, { n: 3, group: 1 }), numbered(7, { n: 4, group: 1 })],
      }),
      section('input', to0, { position: 7, frames: [numbered(0, { n: 2, group: 1 })] }),
      section('output', { ...to0, from: 1 }, { frames: [numbered(-3, { n: 9, group: 1 })] }),
    ];
    expect(taken(restored(sections))).toEqual([2, 4, 9]);
    // A part each, and a restore tells of parts one by one: the producer's may come first.
    const entries = sections.map((one) => ({ operator: 'consumer', sections: [one] }));
    expect(taken(restored([], { restored: entries }))).toEqual([2, 4, 9]);
    expect(taken(restored([], { restored: entries.toReversed() }))).toEqual([2, 4, 9]);
    // Positions count modulo 2³².
    const wrapped = [
      section('input', to0, { position: -(2 ** 31), frames: [] }),
      section('output', to0, {
        frames: [
          numbered(2 ** 31 - 1, { n: 1, group: 1 }),
          numbered(-(2 ** 31), { n: 2, group: 1 }),
        ],
      }),
    ];
    expect(taken(restored(wrapped))).toEqual([2]);
  });

  it('comes to the later operators of a chain first, which have been sent it earlier', () => {
    const chain = ['head', 'middle', 'tail'];
    const entries = ['middle', 'head', 'tail', 'middle'].map((operator, at) => {
      const frames = [numbered(0, { n: at, group: 1 })];
      return { operator, sections: [section('input', { ...to0, from: at }, { frames })] };
    });
    const placeOf = (operator: string) => chain.indexOf(operator);
    expect(taken(restored([], { restored: entries, placeOf }))).toEqual([2, 0, 3, 1]);
  });

  it('leaves out barriers, ends, other instances’ keys, and after a rescale watermarks', () => {
    const frames = [
      control({ kind: 'barrier', checkpoint: 1 }),
      control({ kind: 'watermark', timeMs: 5 }),
      numbered(0, { n: 1, group: 1 }, { n: 2, group: 2 }, { n: 3, group: 1 }),
      numbered(0, { n: 4, group: 2 }),
      control({ kind: 'end' }),
    ];
    const sections = [section('input', to0, { frames })];
    const ownsGroup = (group: number) => group === 1;
    const moved = { ownsGroup, formerOwner: () => 0 };
    expect(taken(restored(sections, moved))).toEqual(['watermark 5', 1, 3]);
    expect(taken(restored(sections, { ...moved, isRescaled: true }))).toEqual([1, 3]);
    // The owners before may not be known, as those of what has no state are not.
    expect(taken(restored(sections, { ownsGroup, isRescaled: true }))).toEqual([1, 3]);
    const some = batchOf([
      { record: 1, group: 1, behind: 11 },
      { record: 2, group: 2 },
      { record: 3, group: 1 },
      { record: 4, group: 1, behind: 14 },
    ]);
    const kept = restored([section('input', to0, { frames: new ElementFrames().encode(some) })], {
      ...moved,
    }).take()?.element as Batch;
    expect(kept.records).toEqual([1, 3, 4]);
    expect([...kept.behind!]).toEqual([11, NOT_BEHIND, 14]);
    const channels = restored(sections);
    channels.take();
    expect(channels.rest('consumer', to0, 0)).toEqual(frames.slice(2));
    expect(channels.rest('consumer', to0, 1)).toEqual([]);
  });

  it('is damage where it lies with an instance that did not have its key group', () => {
    const origin = { checkpoint: 7, part: 'c7.part' };
    const sections = [
      { ...section('input', to0, { frames: [numbered(0, { n: 1, group: 3 })] }), origin },
    ];
    for (const owners of [
      { ownsGroup: () => false },
      { ownsGroup: () => true, formerOwner: () => 1, isRescaled: true },
      { ownsGroup: () => false, formerOwner: () => 1, isRescaled: true },
    ]) {
      expect(() => taken(restored(sections, owners))).toThrowError(
        expect.objectContaining({
          code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
          message: expect.stringMatching(/checkpoint 7 .*'c7\.part'.*key group 3/s),
        }),
      );
    }
  });

  it('is refused when the input is gone, or has keys now', () => {
    const name = { ...to0, input: 1 };
    expect(() => restored([section('input', name, { frames: [] })])).toThrowError(/input 2/);
    const [plain] = new ElementFrames().encode({
      kind: 'batch',
      records: [1],
      timestamps: undefined,
      behind: undefined,
      groups: undefined,
      count: 1,
    });
    const keyless = [section('input', to0, { frames: [plain!] })];
    expect(() => restored(keyless).take()).toThrowError(/by key now/);
    expect(taken(restored(keyless, { inputOf: () => ({ partition: 'forward' }) }))).toEqual([1]);
  });
});
