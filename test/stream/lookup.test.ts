/** Look-ups in a bounded table: the operator by itself. */

import assert from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import { discard, fromCollection, ndjsonFile } from '../../src/connectors/index.js';
import type { Operator, RestoredSection } from '../../src/stream/operator.js';
import type { Source } from '../../src/stream/source.js';
import { draw, nodeOf, source, thrownBy } from './graph-kit.js';
import { Harness, type Item, type KitOptions, recordsOf } from './operator-kit.js';

interface Flight {
  readonly id: number;
  readonly from: string | null;
}
interface Airport {
  readonly code: string | null;
  readonly city: string;
}

const airports: readonly Airport[] = [
  ...Array.from({ length: 1_200 }, (_, i) => ({ code: `A${i}`, city: `city ${i}` })),
  { code: 'A7', city: 'city 7, west' },
  { code: null, city: 'nowhere' },
];

function create(
  table: Source<Airport>,
  kind: 'inner' | 'left' = 'left',
  tableKey = ({ code }: Airport) => code,
): () => Operator {
  const graph = draw((env) => {
    env
      .from(source<Flight>('flights'))
      .lookup(table, {
        key: ({ from }) => from,
        tableKey,
        kind,
        select: ({ id }, airport: Airport | null) => `${id} ${airport?.city ?? 'unknown'}`,
      })
      .sinkTo(discard());
  });
  return nodeOf(graph, 'lookup').create!;
}

async function opened(
  operator: () => Operator,
  options: KitOptions = {},
  restored: RestoredSection[] = [],
): Promise<Harness> {
  const harness = new Harness(operator, options, restored);
  await harness.opened;
  return harness;
}

const flight = (id: number, from: string | null): Item => ({
  record: { id, from },
  at: id,
  behind: 9,
});
const lines = ({ emitted }: Harness) =>
  recordsOf(emitted).map(({ record, at }) => `${record} at ${at}`);

describe('lookup', () => {
  it('gives each record the rows of its key', async () => {
    const harness = await opened(create(fromCollection(airports)));
    harness.stingy = true;
    for (const item of [flight(1, 'A3'), flight(2, 'A7'), flight(3, 'B'), flight(4, null)]) {
      harness.feed(item);
    }
    expect(lines(harness)).toEqual([
      '1 city 3 at 1',
      '2 city 7 at 2',
      '2 city 7, west at 2',
      '3 unknown at 3',
      '4 unknown at 4',
    ]);
    expect(recordsOf(harness.emitted).every(({ behind }) => behind === 9)).toBe(true);
    expect(harness.counters).toEqual({});
    const inner = await opened(create(fromCollection(airports), 'inner'));
    for (const item of [flight(3, 'B'), flight(4, null), flight(5, 'A0')]) inner.feed(item);
    expect(lines(inner)).toEqual(['5 city 0 at 5']);
    expect(inner.counters).toEqual({ nullKeys: 1 });
  });

  it('has the table that it began with after a restore, on any instance', async () => {
    const first = await opened(create(fromCollection(airports)), { incremental: true });
    const sections = first.snapshot();
    const changed = create({
      ...fromCollection<Airport>([]),
      splits: () => Promise.reject(new Error('the table was read again')),
    });
    for (const instance of [0, 1, 5]) {
      const options = { instance, parallelism: 6, formerOwner: () => 0 };
      const harness = await opened(changed, options, sections);
      harness.feed(flight(1, 'A1199'));
      expect(lines(harness)).toEqual(['1 city 1199 at 1']);
    }
    // Nothing has changed since, so nothing is written again.
    const capture = first.operator.capture!(2, 1)!;
    while (!capture.step(0)) {}
    const delta = capture.take().sections.flatMap(({ chunks }) => [...chunks]);
    expect(delta.reduce((bytes, { length }) => bytes + length, 0)).toBeLessThan(200);
  });

  it('waits for the whole table, and stops reading it when nobody waits any more', async () => {
    let give: ((batch: undefined) => void) | undefined;
    let closed = 0;
    const slow: Source<Airport> = {
      kind: 'slow',
      bounded: true,
      splits: async () => [{ id: 'one' }],
      open: async () => ({
        poll: () =>
          new Promise((resolve) => {
            give = resolve;
          }),
        position: () => 0,
        describe: () => 'one',
        close() {
          closed += 1;
        },
      }),
    };
    const harness = new Harness(create(slow));
    let isOpen = false;
    const opening = (harness.opened as Promise<void>).then(() => {
      isOpen = true;
    });
    while (give === undefined) await Promise.resolve();
    expect(isOpen).toBe(false);
    await harness.operator.close?.();
    give(undefined);
    await opening;
    expect(closed).toBe(1);
  });

  it('fails, naming itself, for a table without an end, and for what is no table', async () => {
    const endless = { ...fromCollection(airports), bounded: undefined };
    await expect(new Harness(create(endless)).opened).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_SOURCE',
      message: expect.stringContaining('may go on for ever'),
    });
    for (const [table, message] of [
      [5, 'needs a source for its table'],
      [{ ...endless, bounded: false }, 'this source has none'],
      [
        ndjsonFile<Airport>('airports.ndjson', { malformed: 'bad' }),
        'no side output for malformed',
      ],
    ] as const) {
      expect(thrownBy(() => create(table as never))).toMatchObject({
        code: 'ERR_HOLDFAST_BAD_OPTION',
        message: expect.stringContaining(message),
      });
    }
  });

  it('names itself and the row on which tableKey throws, or gives no key', async () => {
    const rows = fromCollection(airports.slice(0, 3));
    const fails = ({ code }: Airport) => (code === 'A2' ? assert.fail('no code') : code);
    await expect(new Harness(create(rows, 'left', fails)).opened).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_USER_CODE',
      message: expect.stringMatching(/^lookup \('.+'\).* item 2 of the collection .*no code$/),
      cause: { message: 'no code' },
    });
    const none = ({ code }: Airport) => (code === 'A2' ? (undefined as never) : code);
    await expect(new Harness(create(rows, 'left', none)).opened).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_UNSUPPORTED_KEY',
      message: expect.stringMatching(/item 2 of the collection .*cannot be undefined/),
    });
  });

  it('leaves out a record on which select throws, where failures are put aside', async () => {
    const graph = draw((env) => {
      env
        .from(source<Flight>('flights'))
        .lookup(fromCollection(airports), {
          key: ({ from }) => from,
          tableKey: ({ code }) => code,
          select: ({ id }, { city }) => {
            if (id === 2 && city.endsWith('west')) throw new Error('west');
            return id;
          },
        })
        .sinkTo(discard());
    });
    const harness = await opened(nodeOf(graph, 'lookup').create!, { undoes: true });
    harness.feed(flight(1, 'A7'));
    expect(() => harness.feed(flight(2, 'A7'))).toThrow('west');
    harness.feed(flight(3, 'A1'));
    expect(lines(harness)).toEqual(['1 at 1', '1 at 1', '3 at 3']);
  });
});
