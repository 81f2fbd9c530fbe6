import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HoldfastError } from '../../src/base/errors.js';
import { fromCollection, generate, ndjsonFile, textFile } from '../../src/connectors/index.js';
import type { Source, SourceReader, SourceSplit } from '../../src/stream/source.js';
import { type SourceConformanceOptions, sourceConformance } from '../../src/testing/index.js';

let root: string;
const file = (name: string) => join(root, name);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-sources-'));
  const rows = Array.from({ length: 300 }, (_, i) =>
    JSON.stringify({ i, text: 'é'.repeat(i % 7) }),
  );
  await writeFile(file('rows.ndjson'), `${rows.join('\n')}\n`);
  await writeFile(file('lines.txt'), rows.join('\r\n'));
  await writeFile(file('empty.txt'), '');
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

const SPLITS = 3;
const RECORDS = 50;

interface Row {
  readonly p: number;
  readonly i: number;
}

/** What one can get wrong, one at a time; `undefined`: nothing. */
type Mistake =
  | 'other splits each time'
  | 'two ids alike'
  | 'a class in a split'
  | 'says not that it ends'
  | 'ends and goes on'
  | 'position of the batch, not of the record'
  | 'position that changes'
  | 'position with a function'
  | 'one place for all readers'
  | 'takes what it reads away'
  | 'shuffled'
  | 'times that are missing'
  | 'times of now'
  | 'describes nothing'
  | 'waits for the far side when it hears of a checkpoint'
  | 'is deaf at its end'
  | 'lets go of more than was committed'
  | 'closes once'
  | 'never answers after close'
  | 'opens at the start';

/** Rows in memory, in batches of seven; the mistakes are those of real programs. */
function rowSource(
  mistake?: Mistake,
  shared: { next: number; taken: number } = { next: 0, taken: 0 },
) {
  let listed = 0;
  const source: Source<Row> = {
    kind: 'rows',
    async splits() {
      listed += 1;
      const splits: SourceSplit[] = Array.from({ length: SPLITS }, (_, p) => ({
        id: mistake === 'two ids alike' ? 'split' : `split ${p}`,
        p,
        ...(mistake === 'says not that it ends' ? {} : { bounded: true }),
        ...(mistake === 'other splits each time' ? { at: Math.random() } : {}),
        ...(mistake === 'a class in a split' ? { path: new (class Path {})() } : {}),
      }));
      expect(listed).toBeGreaterThan(0);
      return splits;
    },
    async open(split, position) {
      return reader(
        split['p'] as number,
        position as { next: number } | undefined,
        mistake,
        shared,
      );
    },
  };
  return source;
}

/** What is gone on the far side nobody can read again. */
const LETS_GO: readonly (Mistake | undefined)[] = [
  'takes what it reads away',
  'lets go of more than was committed',
];

const soon = () => new Promise<void>((resolve) => setImmediate(resolve));

function reader(
  p: number,
  position: { next: number } | undefined,
  mistake: Mistake | undefined,
  shared: { next: number; taken: number },
): SourceReader<Row> {
  const own = { next: mistake === 'opens at the start' ? 0 : (position?.next ?? 0) };
  const place = mistake === 'one place for all readers' ? shared : own;
  let start = place.next;
  let closed = false;
  let ends = 0;
  const changing = { next: 0 };
  return {
    poll() {
      if (closed && mistake === 'never answers after close') return new Promise(() => {});
      start = LETS_GO.includes(mistake) ? Math.max(place.next, shared.taken) : place.next;
      if (start >= RECORDS) {
        ends += 1;
        if (mistake === 'ends and goes on' && ends > 1) return { records: [{ p, i: RECORDS }] };
        return undefined;
      }
      place.next = Math.min(RECORDS, start + 7);
      if (mistake === 'takes what it reads away') shared.taken = place.next;
      const records = Array.from({ length: place.next - start }, (_, k) => ({ p, i: start + k }));
      if (mistake === 'shuffled' && Math.random() < 0.5) records.reverse();
      const times = Float64Array.from(records, ({ i }) =>
        mistake === 'times of now' ? performance.now() + Math.random() : i,
      );
      return {
        records,
        timestamps: mistake === 'times that are missing' ? times.subarray(1) : times,
      };
    },
    position(taken) {
      const next = mistake === 'position of the batch, not of the record' ? start : start + taken;
      if (mistake === 'position that changes') return Object.assign(changing, { next });
      if (mistake === 'position with a function') return { next, again: () => next };
      return { next };
    },
    committed() {
      if (mistake === 'waits for the far side when it hears of a checkpoint') return soon();
      if (mistake === 'is deaf at its end' && start >= RECORDS) throw new Error('no connection');
      if (mistake === 'lets go of more than was committed') shared.taken = place.next;
    },
    describe: (at) => (mistake === 'describes nothing' ? '' : `row ${start + at} of ${p}`),
    close() {
      if (closed && mistake === 'closes once') throw new Error('it is closed already');
      closed = true;
      if (mistake === 'never answers after close') return new Promise(() => {});
    },
  };
}

function ofRows(mistake?: Mistake): SourceConformanceOptions<Row> {
  const shared = { next: 0, taken: 0 };
  return {
    create: () => rowSource(mistake, shared),
    records: ({ p }) => Array.from({ length: RECORDS }, (_, i) => ({ p: p as number, i })),
    reset: () => {
      shared.next = 0;
      shared.taken = 0;
    },
    timeoutMs: mistake === undefined ? 10_000 : 100,
  };
}

const sound: Readonly<Record<string, () => SourceConformanceOptions<never>>> = {
  'rows of one’s own': () => ofRows() as never,
  fromCollection: () =>
    ({ create: () => fromCollection(Array.from({ length: 2_500 }, (_, i) => i)) }) as never,
  'generate, bounded': () =>
    ({ create: () => generate((i) => ({ i }), { count: 400, splits: 3 }) }) as never,
  'generate, unbounded': () => ({ create: () => generate((i) => ({ i }), { splits: 2 }) }) as never,
  textFile: () => ({ create: () => textFile([file('lines.txt'), file('empty.txt')]) }) as never,
  ndjsonFile: () => ({ create: () => ndjsonFile(file('rows.ndjson')), most: 1_000 }) as never,
};

describe.each(Object.entries(sound))('%s keeps', (_, options) => {
  test.each(sourceConformance({ create: () => rowSource() }).map(({ clause }) => clause))(
    '%s',
    async (clause) => {
      const found = sourceConformance(options()).find((one) => one.clause === clause)!;
      await found.run();
    },
  );
});

const found: Readonly<Record<Mistake, string>> = {
  'other splits each time': 'splits-same',
  'two ids alike': 'splits-same',
  'a class in a split': 'splits-same',
  'says not that it ends': 'bounded-said',
  'ends and goes on': 'bounded-said',
  'position of the batch, not of the record': 'resume-anywhere',
  'position that changes': 'position-still',
  'position with a function': 'position-still',
  'one place for all readers': 'side-by-side',
  'takes what it reads away': 'zombie-harmless',
  shuffled: 'read-same',
  'times that are missing': 'times-told',
  'times of now': 'times-told',
  'describes nothing': 'described',
  'waits for the far side when it hears of a checkpoint': 'committed-any-time',
  'is deaf at its end': 'committed-any-time',
  'lets go of more than was committed': 'committed-any-time',
  'closes once': 'close-any-time',
  'never answers after close': 'close-any-time',
  'opens at the start': 'resume-often',
};

test.each(Object.entries(found))('a source with "%s" breaks %s', async (mistake, clause) => {
  const cases = sourceConformance(ofRows(mistake as Mistake));
  const error = await cases
    .find((one) => one.clause === clause)!
    .run()
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  expect(error).toBeInstanceOf(HoldfastError);
  expect(error).toMatchObject({ code: 'ERR_HOLDFAST_SOURCE_CONTRACT', details: { clause } });
  expect((error as Error).message).toContain(`clause '${clause}'`);
});

test('every clause is broken by one of the mistakes', () => {
  const clauses = sourceConformance({ create: () => rowSource() }).map(({ clause }) => clause);
  expect(new Set(Object.values(found))).toEqual(new Set(clauses));
});

test('options are checked at the door', () => {
  const wrong = (options: object) => () => sourceConformance(options as never);
  expect(wrong({})).toThrow(/sourceConformance\.create/);
  expect(wrong({ create: () => {}, records: 7 })).toThrow(/sourceConformance\.records/);
  expect(wrong({ create: () => {}, most: 0 })).toThrow(/sourceConformance\.most/);
  expect(wrong({ create: () => {}, speed: 1 })).toThrow(/speed/);
});
