import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HoldfastError } from '../../src/base/errors.js';
import { collect, ndjsonFiles, print } from '../../src/connectors/index.js';
import type { Sink } from '../../src/stream/sink.js';
import { type SinkConformanceOptions, sinkConformance } from '../../src/testing/index.js';
import { stagedFiles } from '../job/fixtures/staged-sink.js';
import {
  Ledger,
  type LooseMistake,
  ledgerSink,
  looseSink,
  type Mistake,
  type Row,
  rowsAsState,
} from './ledger-sink.js';

const folderOf = ({ id }: Row) => `of/${id % 2 === 0 ? 'even' : 'odd'}`;
const record = (id: number): Row => ({ id });
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-conformance-'));
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

/** Lines of the files in a folder, in the order of their names as `order` gives it. */
async function lines(folder: string, order: (name: string) => number): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  const sorted = names
    .filter((name) => !name.startsWith('.'))
    .sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1));
  const texts = await Promise.all(sorted.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
}

function ofLedger(mistake?: Mistake): SinkConformanceOptions<Row> {
  const ledger = new Ledger();
  return {
    create: () => ledgerSink(ledger, mistake),
    record,
    committed: () => ledger.shown,
    reset: () => ledger.reset(),
    ...(mistake === undefined ? {} : { timeoutMs: 150 }),
  };
}

const ofState = (isSelfish: boolean): SinkConformanceOptions<Row> => ({
  create: () => rowsAsState(isSelfish),
  record,
  committed: ({ collected }) => collected,
  reset: () => {},
});

function ofLoose(mistake?: LooseMistake): SinkConformanceOptions<Row> {
  const shown: Row[] = [];
  return {
    create: () => looseSink(shown, mistake),
    record,
    committed: () => shown,
    reset: () => {
      shown.length = 0;
    },
    guarantee: 'at-least-once',
  };
}

function ofFolder(name: string, create: (folder: string) => Sink<Row>, shown: string) {
  const folder = () => join(root, name);
  return {
    create: () => create(folder()),
    record,
    // `stagedFiles` has the checkpoint in the midst of its names, ndjsonFiles in front.
    committed: () => lines(join(folder(), shown), (file) => Number(file.split('.')[2] ?? 0) || 0),
    reset: () => rm(folder(), { recursive: true, force: true }),
  } satisfies SinkConformanceOptions<Row>;
}

const sound: Readonly<Record<string, () => SinkConformanceOptions<Row>>> = {
  ndjsonFiles: () => ofFolder('renamed', (folder) => ndjsonFiles(folder), '.'),
  'ndjsonFiles with partitions': () => ({
    ...ofFolder('partitioned', (folder) => ndjsonFiles(folder, { partitionBy: folderOf }), '.'),
    committed: async () => {
      const folders = ['even', 'odd'].map((name) => join(root, 'partitioned', 'of', name));
      return (await Promise.all(folders.map((folder) => lines(folder, () => 0)))).flat();
    },
    ordered: false,
  }),
  'files of one’s own': () => ofFolder('own', (folder) => stagedFiles(folder), 'published'),
  'a ledger in memory': () => ofLedger(),
  collect: () => ({ ...ofState(false), create: () => collect('rows') }),
  'rows as state': () => ofState(false),
  'at least once': () => ofLoose(),
  print: () => ({
    create: () => print() as Sink<Row>,
    record,
    committed: ({ printed }) => printed,
    reset: () => {},
    guarantee: 'at-least-once',
  }),
};

describe.each(Object.keys(sound))('%s', (name) => {
  test.each(sinkConformance(sound[name]!()).map((one) => [one.clause, one] as const))(
    '%s',
    async (_, one) => {
      await one.run();
    },
  );
});

/** Each mistake, and the clause that is about it. */
const MISTAKES: readonly (readonly [Mistake, string])[] = [
  ['publishes in prepare', 'hidden-until-commit'],
  ['cuts when it has staged', 'synchronous-cut'],
  ['publishes in reverse', 'commit-shows-all'],
  ['has a Map in its transactions', 'commit-shows-all'],
  ['publishes again with every commit', 'commit-twice'],
  ['fails when a transaction was committed before', 'commit-twice'],
  ['repeats the last batch when there is nothing new', 'commit-of-nothing'],
  ['has the rows in its transactions', 'small-transaction'],
  ['loses rows on abort', 'abort-keeps-rows'],
  ['notes a cut when it has been staged', 'abort-while-preparing'],
  ['forgets rows on any abort', 'abort-of-unknown'],
  ['repeats rows when it hears of an abort again', 'abort-twice'],
  ['keeps the newest batch only', 'overlapping-checkpoints'],
  ['knows the newest cut only', 'abort-of-several'],
  ['keeps the newest batch only', 'subsumed-after-crash'],
  ['names batches without the instance', 'instances'],
  ['publishes when it closes', 'close-publishes-nothing'],
  ['drops what it has prepared when it closes', 'close-publishes-nothing'],
  ['knows what it has committed in memory only', 'commit-after-crash'],
  ['stages in memory', 'commit-after-crash'],
  ['publishes first and forgets the batch later', 'commit-cut-short'],
  ['ends a commit at the first batch that is gone', 'commit-in-part'],
  ['publishes what it finds staged when it opens', 'restore-drops-newer'],
  ['publishes everything staged with a commit', 'start-without-checkpoint'],
  ['names batches without the epoch', 'zombie'],
  ['is full for ever', 'back-pressure'],
  ['closes once only', 'close-twice'],
  ['writes asynchronously', 'hidden-until-commit'],
  ['never ends a prepare', 'hidden-until-commit'],
  ['opens without a writer', 'hidden-until-commit'],
];
const LOOSE_MISTAKES: readonly (readonly [LooseMistake, string])[] = [
  ['delivers when it closes', 'delivered-by-checkpoint'],
  ['forgets a row', 'again-after-crash'],
  ['loses rows on abort', 'abort-keeps-rows'],
];

async function broken(options: SinkConformanceOptions<Row>, clause: string): Promise<Error> {
  const found = sinkConformance(options).find((one) => one.clause === clause)!;
  const error = await found.run().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HoldfastError);
  const { code, message } = error as HoldfastError;
  expect(code).toBe('ERR_HOLDFAST_SINK_CONTRACT');
  expect(message).toContain(`clause '${clause}' of the contract of sinks is broken: `);
  return error as HoldfastError;
}

describe('a sink that', () => {
  test.each(MISTAKES)('%s breaks %s', async (mistake, clause) => {
    await broken(ofLedger(mistake), clause);
  });

  test.each(LOOSE_MISTAKES)('%s breaks %s', async (mistake, clause) => {
    await broken(ofLoose(mistake), clause);
  });

  test('takes no other instance’s state breaks rescale', async () => {
    await broken(ofState(true), 'rescale');
  });

  test('names what it lacks: the clause, the moment, the rows', async () => {
    const twice = await broken(ofLedger('publishes again with every commit'), 'commit-twice');
    expect(twice.message).toContain('after the same commit again, shown twice: {"id":0}, {"id":1}');
    const lost = await broken(ofLedger('loses rows on abort'), 'abort-keeps-rows');
    expect(lost.message).toContain('missing: {"id":0}, {"id":1}, {"id":2}.');
    const map = await broken(ofLedger('has a Map in its transactions'), 'commit-shows-all');
    expect(map.message).toContain('transaction.names is an object (Map)');
    const stuck = await broken(ofLedger('never ends a prepare'), 'hidden-until-commit');
    expect(stuck.message).toContain('prepare() has not settled for 150 ms');
    const full = await broken(ofLedger('is full for ever'), 'back-pressure');
    expect(full.message).toContain('has not called context.wake() for 150 ms');
  });
});

test('each clause has a mistake that it finds', () => {
  const tried = new Set([
    'rescale',
    ...[...MISTAKES, ...LOOSE_MISTAKES].map(([, clause]) => clause),
  ]);
  const clauses = [ofLedger(), ofLoose()].flatMap((options) => sinkConformance(options));
  expect(clauses.map(({ clause }) => clause).filter((clause) => !tried.has(clause))).toEqual([]);
});

test('cleans up after a case that failed, too, and tells of crashes', async () => {
  const done: string[] = [];
  const ledger = new Ledger();
  const options: SinkConformanceOptions<Row> = {
    create: () => ledgerSink(ledger, 'loses rows on abort'),
    record,
    committed: async () => ledger.shown,
    reset: () => {
      done.push('reset');
      ledger.reset();
    },
    crash: (sink) => {
      done.push(`crash of ${sink.kind}`);
    },
    cleanup: () => {
      done.push('cleanup');
    },
  };
  await broken(options, 'abort-keeps-rows');
  expect(done.splice(0)).toEqual(['reset', 'cleanup']);
  await sinkConformance(options)
    .find(({ clause }) => clause === 'commit-in-part')!
    .run();
  expect(done).toEqual(['reset', 'crash of ledger', 'cleanup']);
});

test('leaves out what the sink does not promise', () => {
  const names = (more: Partial<SinkConformanceOptions<Row>>) =>
    sinkConformance({ ...ofLedger(), ...more }).map(({ clause }) => clause);
  expect(names({})).toContain('rescale');
  expect(names({ rescales: false })).not.toContain('rescale');
  expect(names({ guarantee: 'at-least-once' })).not.toContain('commit-twice');
  expect(new Set(names({})).size).toBe(names({}).length);
});

test('an unordered sink may show rows in any order', async () => {
  const options = { ...ofLedger('publishes in reverse'), ordered: false };
  await sinkConformance(options)
    .find(({ clause }) => clause === 'commit-shows-all')!
    .run();
});

test.each([
  [{ create: undefined }, 'sinkConformance.create'],
  [{ committed: [] }, 'sinkConformance.committed'],
  [{ crash: true }, 'sinkConformance.crash'],
  [{ ordered: 'yes' }, 'sinkConformance.ordered'],
  [{ guarantee: 'at-most-once' }, 'sinkConformance.guarantee'],
  [{ timeoutMs: 0 }, 'sinkConformance.timeoutMs'],
  [{ rescale: true }, 'sinkConformance.rescales'],
])('%j is refused', (more, name) => {
  const act = () => sinkConformance({ ...ofLedger(), ...more } as SinkConformanceOptions<Row>);
  expect(act).toThrow(expect.objectContaining({ code: 'ERR_HOLDFAST_BAD_OPTION' }));
  expect(act).toThrow(name);
});
