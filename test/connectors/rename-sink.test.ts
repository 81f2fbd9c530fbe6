import { execFileSync } from 'node:child_process';
import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNFIT_RECORD } from '../../src/base/failure.js';
import type { Committer } from '../../src/connectors/committer.js';
import { checkDistinctTargets, createCommitter } from '../../src/connectors/committers.js';
import { type NdjsonFilesOptions, ndjsonFiles } from '../../src/connectors/files/ndjson-files.js';
import { SinkCommitter } from '../../src/job/checkpoints/sink-committer.js';
import type { GraphNodeData } from '../../src/stream/graph/graph.js';
import type { SinkTransaction, SinkWriter } from '../../src/stream/sink.js';
import { prepare, sinkContext, type TestContext } from './sink-kit.js';
import { failureOf } from './source-kit.js';

let root: string;
let serial = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-sink-'));
});
afterAll(async () => {
  await rm(root, { recursive: true });
});
const folder = () => {
  serial += 1;
  return join(root, `out-${serial}`);
};

const committerOf = (directory: string, options?: NdjsonFilesOptions): Committer =>
  createCommitter(ndjsonFiles(directory, options).committer!);
const fresh = (run: string) => ({ run, checkpoint: undefined, transactions: [] });
const writerOf = (directory: string, context: TestContext): SinkWriter<unknown> =>
  ndjsonFiles(directory).open(context) as SinkWriter<unknown>;

async function parts(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.startsWith('part-')).sort();
}
async function staged(directory: string): Promise<string[]> {
  return (await readdir(join(directory, '.staging')))
    .filter((name) => !/^(run\.json|published-\d+)$/.test(name))
    .sort();
}
/** What a reader of the folder sees. */
async function rows(directory: string): Promise<unknown[]> {
  const all: unknown[] = [];
  for (const name of await parts(directory)) {
    const text = await readFile(join(directory, name), 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    for (const line of text.split('\n').slice(0, -1)) all.push(JSON.parse(line));
  }
  return all;
}

interface Run {
  readonly committer: Committer;
  readonly writer: SinkWriter<unknown>;
  readonly context: TestContext;
}
async function start(directory: string, run: string, options?: NdjsonFilesOptions): Promise<Run> {
  const committer = committerOf(directory, options);
  await committer.recover(fresh(run));
  const context = sinkContext({ run });
  return { committer, writer: writerOf(directory, context), context };
}
async function cut(
  writer: SinkWriter<unknown>,
  checkpoint: number,
  ...records: unknown[]
): Promise<SinkTransaction[]> {
  for (const record of records) writer.write(record, 0);
  const prepared = await prepare(writer, checkpoint);
  return prepared?.transaction === undefined
    ? []
    : [JSON.parse(JSON.stringify(prepared.transaction)) as SinkTransaction];
}
/** A first run that published checkpoint 1 (`a`) and 2 (`b`). */
async function published(directory: string, run: string): Promise<SinkTransaction[]> {
  const { committer, writer } = await start(directory, run);
  await committer.commit(1, await cut(writer, 1, 'a'));
  const second = await cut(writer, 2, 'b');
  await committer.commit(2, second);
  await writer.close();
  return second;
}

describe('ndjsonFiles', () => {
  it('shows rows with the commit of their checkpoint, in files named in order', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    const first = await cut(writer, 1, { a: 1 }, 'ü', null);
    expect(await parts(out)).toEqual([]);
    expect(await staged(out)).toHaveLength(1);
    await committer.commit(1, first);
    expect(await rows(out)).toEqual([{ a: 1 }, 'ü', null]);
    expect(await cut(writer, 2)).toEqual([]);
    await committer.commit(3, await cut(writer, 3, 'last'));
    await writer.close();
    expect(await parts(out)).toEqual(['part-0000000001-0.ndjson', 'part-0000000003-0.ndjson']);
    expect(await rows(out)).toEqual([{ a: 1 }, 'ü', null, 'last']);
    expect(await staged(out)).toEqual([]);
  });

  it('writes large parts in blocks, is full meanwhile, and says when it no longer is', async () => {
    const out = folder();
    const { committer, writer, context } = await start(out, 'run-1');
    const record = { text: 'x'.repeat(1_000) };
    let count = 0;
    while (!writer.full) {
      writer.write(record, 0);
      count += 1;
    }
    expect(count).toBeGreaterThan(1_000);
    expect(context.wakes).toBe(0);
    await new Promise<void>((resolve) => {
      const look = () => (context.wakes > 0 ? resolve() : setImmediate(look));
      look();
    });
    expect(writer.full).toBe(false);
    const transactions = await cut(writer, 1);
    expect(transactions).toEqual([
      { parts: [expect.objectContaining({ rows: count, bytes: count * 1_012 })] },
    ]);
    await committer.commit(1, transactions);
    expect(await rows(out)).toHaveLength(count);
  });

  it('keeps rows of a checkpoint that was given up, and commits them with the next', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    await cut(writer, 1, 'given up');
    await cut(writer, 2);
    const third = await cut(writer, 3, 'completed');
    await committer.commit(3, third);
    expect(await rows(out)).toEqual(['given up', 'completed']);
    expect(await cut(writer, 4)).toEqual([]);
  });

  it('names a part again while its commit has not come', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    const first = await cut(writer, 1, 'a');
    const second = await cut(writer, 2, 'b');
    await committer.commit(1, first);
    await committer.commit(2, second);
    expect(await rows(out)).toEqual(['a', 'b']);
  });

  it('lets prepares overlap', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    const pending = [1, 2, 3].map((n) => {
      writer.write(n, 0);
      return writer.prepare!(n);
    });
    const last = (await Promise.all(pending))[2]!.transaction!;
    await committer.commit(3, [last]);
    expect(await rows(out)).toEqual([1, 2, 3]);
  });

  it('leaves nothing behind when it is closed with rows in no checkpoint', async () => {
    const out = folder();
    const { writer } = await start(out, 'run-1');
    writer.write('lost to the restart', 0);
    await writer.close();
    expect(await staged(out)).toEqual([]);
  });

  class Account {
    readonly #cents = 5;
    get cents() {
      return this.#cents;
    }
  }

  it('refuses what JSON would lose, by the path to it', async () => {
    const { writer } = await start(folder(), 'run-1');
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const losses: readonly (readonly [record: unknown, why: string])[] = [
      [undefined, 'no undefined'],
      [5n, 'no bigint'],
      [{ nested: 5n }, 'no bigint (at nested)'],
      [() => 1, 'no function'],
      [Symbol('s'), 'no symbol'],
      [Number.NaN, 'no NaN'],
      [new Date(Number.NaN), 'no invalid dates'],
      [new Map([[1, 2]]), 'of a Map'],
      [new Set([1]), 'of a Set'],
      [new Error('x'), 'of an Error'],
      [{ toJSON: () => undefined }, 'its toJSON() gave nothing'],
      [cycle, 'circular'],
      [{ key: Number.NaN, n: 1 }, 'no NaN (at key)'],
      [{ key: Number.NEGATIVE_INFINITY }, 'no -Infinity (at key)'],
      [{ order: { lines: [{ price: 1 }, { price: Infinity }] } }, 'at order.lines[1].price'],
      [{ a: { 'b c': new Map() } }, 'of a Map (at a["b c"])'],
      [[1, [new Set()]], 'of a Set (at [1][0])'],
      [{ e: new TypeError('x') }, 'of an Error (at e)'],
      [{ e: Object.assign(new RangeError('x'), { code: 7 }) }, '(at e)'],
      [{ bytes: Uint8Array.of(1) }, 'a Uint8Array as an object (at bytes)'],
      [{ bytes: Buffer.from('x') }, '(at bytes)'],
      [{ bytes: new ArrayBuffer(1) }, '(at bytes)'],
      [{ at: [new Date(Number.NaN)] }, 'no invalid dates (at at[0])'],
      [{ list: [undefined] }, 'undefined in a list (at list[0])'],
      [{ pattern: /x/ }, 'of a RegExp (at pattern)'],
      [{ f: () => 1 }, 'no function (at f)'],
      [{ s: Symbol('s') }, 'no symbol (at s)'],
      [Object.assign([1], { total: 5 }), 'leave out the property "total" of a list'],
      [{ a: { found: /(b)c/.exec('abc') } }, 'of a list (at a.found)'],
      [[-0, { left: undefined }, Number.NaN], 'no NaN (at [2])'],
      [{ inner: { toJSON: () => undefined } }, 'toJSON() gave nothing (at inner)'],
      [{ inner: { toJSON: () => ({ deep: Number.NaN }) } }, 'no NaN (at inner)'],
      [{ secret: new Account() }, 'make an empty object of an Account (at secret)'],
      [new Account(), 'make an empty object of an Account'],
      [{ seen: new WeakMap() }, 'make an empty object of a WeakMap (at seen)'],
      [
        new (class Row {
          value = Number.NaN;
        })(),
        'no NaN (at value)',
      ],
    ];
    for (const [record, why] of losses) {
      const error = await failureOf(() => writer.write(record, 0));
      expect(error.code).toBe('ERR_HOLDFAST_SINK');
      expect(error.message).toContain('plain JSON data');
      expect(error.message).toContain(why);
    }
    await writer.close();
  });

  it('writes what JSON holds as JSON.stringify does', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    const records = [
      {},
      null,
      { key: null, left: undefined, at: new Date(5), deep: [{ a: [] }, null, 'x', -0.5, true] },
      new (class Row {
        readonly id = 1;
        readonly inner = { ok: true };
      })(),
      { toJSON: () => ({ own: 1 }) },
      JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}'),
      Object.create(null, { a: { value: 1, enumerable: true } }),
    ];
    await committer.commit(1, await cut(writer, 1, ...records));
    expect(await rows(out)).toEqual(records.map((record) => JSON.parse(JSON.stringify(record))));
  });

  it('keeps the sign of zero, wherever it stands', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    const records = [
      -0,
      [-0, 0, '-0', '"-00"'],
      { mean: -0, deep: { mean: [0, -0, -0.5], text: '-000' } },
      { toJSON: () => ({ own: -0 }) },
    ];
    const commit = await cut(writer, 1, ...records);
    await committer.commit(1, commit);
    expect(await rows(out)).toEqual([...records.slice(0, 3), { own: -0 }]);
  });

  it('refuses nonsense options', async () => {
    for (const act of [
      () => ndjsonFiles(''),
      () => ndjsonFiles('x', { existing: 'keep' as never }),
      () => ndjsonFiles('x', { onRewind: true as never }),
      () => ndjsonFiles('x', { mode: 'append' } as never),
      () => ndjsonFiles('x', { partitionBy: 'day' as never }),
    ]) {
      expect((await failureOf(act)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    }
    const sink = ndjsonFiles('x', { existing: undefined, onRewind: undefined });
    expect(sink.committer).toMatchObject({ existing: 'refuse', onRewind: 'refuse' });
  });

  it('refuses two sinks of one job on one folder', async () => {
    const sinks = ['one', 'two'].map((id) => ({ id, committer: ndjsonFiles('same').committer }));
    const error = await failureOf(() => checkDistinctTargets(sinks));
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain("'one' and 'two'");
    checkDistinctTargets([sinks[0]!, { id: 'x', committer: undefined }]);
  });

  it('refuses a folder where another sink stages, or where checkpoints are, and checkpoints where one stages', async () => {
    const [out, linked] = [folder(), folder()];
    await mkdir(join(out, '.staging'), { recursive: true });
    await symlink(join(out, '.staging'), linked);
    const sinkOf = (id: string, directory: string) => {
      return { id, committer: ndjsonFiles(directory).committer };
    };
    const one = sinkOf('one', out);
    for (const within of [join(out, '.staging'), join(out, '.staging', 'a', 'b'), linked]) {
      for (const sinks of [
        [one, sinkOf('two', within)],
        [sinkOf('two', within), one],
      ]) {
        const error = await failureOf(() => checkDistinctTargets(sinks));
        expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
        expect(error.message).toMatch(/the sink 'two' writes to .*where the sink 'one' keeps/);
      }
      const error = await failureOf(() => checkDistinctTargets([one], within));
      expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
      expect(error.message).toMatch(/the checkpoint directory is .*where the sink 'one' keeps/);
    }
    const checkpoints = folder();
    for (const within of [checkpoints, join(checkpoints, 'parts'), join(checkpoints, 'out')]) {
      const error = await failureOf(() =>
        checkDistinctTargets([sinkOf('one', within)], checkpoints),
      );
      expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
      expect(error.message).toContain(`'one' writes to '${within}', which is `);
    }
    // Beside each other, a name that begins with the other's, and folders below that nobody looks into.
    const apart = [one, sinkOf('two', `${out}-2`), sinkOf('three', join(out, 'three'))];
    checkDistinctTargets(apart, `${out}-checkpoints`);
    checkDistinctTargets(apart, join(out, 'checkpoints'));
  });

  it('refuses two sinks into one folder through links, also to a folder that is not there yet', async () => {
    const [real, linked] = [folder(), folder()];
    await mkdir(real);
    await symlink(real, linked);
    for (const below of ['', 'deep/er']) {
      const sinks = [real, linked].map((directory) => {
        const { committer } = ndjsonFiles(join(directory, below));
        return { id: directory, committer };
      });
      const error = await failureOf(() => checkDistinctTargets(sinks));
      expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
      expect(error.message).toContain(`'${real}' and '${linked}'`);
      expect(error.message).toContain(`through '${join(real, below)}'`);
    }
  });

  it('writes through no link that stands where its own files belong', async () => {
    const out = folder();
    const other = folder();
    await mkdir(join(out, '.staging'), { recursive: true });
    await mkdir(other);
    const file = join(other, 'file');
    await writeFile(file, 'not mine');
    await symlink(file, join(out, '.staging', 'run.json.tmp'));
    const { committer, writer } = await start(out, 'run-1');
    await committer.commit(1, await cut(writer, 1, 'a'));
    expect(await readFile(file, 'utf8')).toBe('not mine');
    expect(await rows(out)).toEqual(['a']);

    const linked = folder();
    await mkdir(linked);
    await symlink(other, join(linked, '.staging'));
    for (const act of [
      () => committerOf(linked).check!(fresh('run-1')),
      () => committerOf(linked).recover(fresh('run-1')),
    ]) {
      const error = await failureOf(act);
      expect(error.code).toBe('ERR_HOLDFAST_SINK');
      expect(error.message).toContain(`'${join(linked, '.staging')}' is no folder, but a link`);
    }
    expect(await readdir(other)).toEqual(['file']);
  });

  it.skipIf(process.platform === 'win32')(
    'waits for no FIFO in the place of its mark',
    async () => {
      const out = folder();
      await mkdir(join(out, '.staging'), { recursive: true });
      const path = join(out, '.staging', 'run.json');
      execFileSync('mkfifo', [path]);
      const error = await failureOf(() => committerOf(out).recover(fresh('run-1')));
      expect(error.code).toBe('ERR_HOLDFAST_SINK');
      expect(error.message).toContain(`'${path}': it is a FIFO`);
    },
  );

  it('fails the task and every later cut when the folder cannot be written', async () => {
    const out = folder();
    const { context, writer } = await start(out, 'run-1');
    await rm(out, { recursive: true });
    await writeFile(out, 'a file where the folder was');
    const error = await failureOf(() => cut(writer, 1, 'a'));
    expect(error.code).toBe('ERR_HOLDFAST_SINK');
    expect(error.message).toContain(out);
    expect(context.failures).toEqual([error]);
    expect(await failureOf(() => cut(writer, 2))).toBe(error);
    expect(await failureOf(() => writer.write('b', 0))).toBe(error);
    await writer.close();
  });
});

describe('recovery of the rename sink', () => {
  it('commits what the manifest promised, twice if need be, and drops the rest', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    const first = await cut(writer, 1, 'a');
    const second = await cut(writer, 2, 'b');
    await cut(writer, 3, 'c');
    writer.write('d', 0);
    // The process dies here: checkpoint 2 is durable, nothing was committed.
    const next = committerOf(out);
    await next.recover({ run: 'run-1', checkpoint: 2, transactions: second });
    expect(await rows(out)).toEqual(['a', 'b']);
    expect((await staged(out)).filter((name) => !name.includes('-open-'))).toEqual([]);
    await next.recover({ run: 'run-1', checkpoint: 2, transactions: second });
    await next.commit(2, second);
    await committer.commit(1, first);
    expect(await rows(out)).toEqual(['a', 'b']);
    await writer.close();
  });

  it('finishes a commit that was cut short between two instances', async () => {
    const out = folder();
    const { committer } = await start(out, 'run-1');
    const transactions: SinkTransaction[] = [];
    for (const instance of [0, 1, 2]) {
      const writer = writerOf(out, sinkContext({ instance }));
      transactions.push(...(await cut(writer, 5, `row of ${instance}`)));
    }
    await committer.commit(5, [transactions[1]!]);
    expect(await rows(out)).toEqual(['row of 1']);
    await committerOf(out).recover({ run: 'run-1', checkpoint: 5, transactions });
    expect(await rows(out)).toEqual(['row of 0', 'row of 1', 'row of 2']);
  });

  it('finishes a rename of which only the new name survived, or both did', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    const transactions = await cut(writer, 1, 'a');
    const [name] = await staged(out);
    await link(join(out, '.staging', name!), join(out, 'part-0000000001-0.ndjson'));
    await committer.commit(1, transactions);
    expect(await rows(out)).toEqual(['a']);
    expect(await staged(out)).toEqual([]);
  });

  it('never writes over another file', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    const transactions = await cut(writer, 1, 'a');
    await writeFile(join(out, 'part-0000000001-0.ndjson'), '"foreign"\n');
    const error = await failureOf(() => committer.commit(1, transactions));
    expect(error.code).toBe('ERR_HOLDFAST_SINK');
    expect(error.message).toContain('part-0000000001-0.ndjson');
    expect(await rows(out)).toEqual(['foreign']);
    expect(await staged(out)).toHaveLength(1);
  });

  it('starts again before the first checkpoint without the rows of the first try', async () => {
    const out = folder();
    const { writer, committer } = await start(out, 'run-1');
    await cut(writer, 1, 'never completed');
    await committer.recover(fresh('run-1'));
    expect(await staged(out)).toEqual([]);
    expect(await rows(out)).toEqual([]);
  });

  it('names published parts that are newer than the restored checkpoint, or removes them', async () => {
    const out = folder();
    const second = await published(out, 'run-1');
    const restored = { run: 'run-1', checkpoint: 1, transactions: [] };
    const error = await failureOf(() => committerOf(out).recover(restored));
    expect(error.code).toBe('ERR_HOLDFAST_SINK_REWOUND');
    expect(error.message).toContain('part-0000000002-0.ndjson');
    expect(error.message).not.toContain('part-0000000001');
    expect(await rows(out)).toEqual(['a', 'b']);
    await committerOf(out).recover({ run: 'run-1', checkpoint: 2, transactions: second });
    await committerOf(out, { onRewind: 'remove' }).recover(restored);
    expect(await rows(out)).toEqual(['a']);
  });

  it('is asked first, and changes nothing: what recover refuses, check refuses', async () => {
    const out = folder();
    await committerOf(out).check!(fresh('run-1'));
    const second = await published(out, 'run-1');
    const restored = { run: 'run-1', checkpoint: 1, transactions: [] };
    const rewound = await failureOf(() => committerOf(out).check!(restored));
    expect(rewound.code).toBe('ERR_HOLDFAST_SINK_REWOUND');
    for (const state of [fresh('run-2'), { ...restored, run: 'run-2' }]) {
      const occupied = await failureOf(() => committerOf(out).check!(state));
      expect(occupied.code).toBe('ERR_HOLDFAST_SINK_OCCUPIED');
    }
    await committerOf(out).check!({ run: 'run-1', checkpoint: 2, transactions: second });
    await committerOf(out, { onRewind: 'remove' }).check!(restored);
    for (const existing of ['append', 'overwrite'] as const) {
      await committerOf(out, { existing }).check!(fresh('run-2'));
    }
    await writeFile(join(out, '.staging', 'run.json'), 'damaged');
    await committerOf(out, { existing: 'overwrite' }).check!(fresh('run-2'));
    const damaged = await failureOf(() => committerOf(out).check!(restored));
    expect(damaged.code).toBe('ERR_HOLDFAST_SINK');
    expect(await rows(out)).toEqual(['a', 'b']);
  });

  it('removes nothing of one sink when another one refuses', async () => {
    const [willing, unwilling] = [folder(), folder()];
    await published(willing, 'run-1');
    await published(unwilling, 'run-1');
    const sinks = [
      { id: 'willing', committer: ndjsonFiles(willing, { onRewind: 'remove' }).committer },
      { id: 'unwilling', committer: ndjsonFiles(unwilling).committer },
    ] as unknown as readonly GraphNodeData[];
    const committer = new SinkCommitter(sinks, 'run-1', async () => {});
    let removes = 0;
    const recovering = committer.recover(1, [], ['willing', 'unwilling'], async () => {
      removes += 1;
    });
    const error = await failureOf(() => recovering);
    expect(error.code).toBe('ERR_HOLDFAST_SINK_REWOUND');
    expect(removes).toBe(0);
    expect(await rows(willing)).toEqual(['a', 'b']);
    await committer.recover(1, [], ['willing']);
    expect(await rows(willing)).toEqual(['a']);
  });

  it('refuses, extends or replaces the folder of another run', async () => {
    const out = folder();
    await published(out, 'run-1');
    await writeFile(join(out, 'README'), 'not a part');
    const error = await failureOf(() => committerOf(out).recover(fresh('run-2')));
    expect(error.code).toBe('ERR_HOLDFAST_SINK_OCCUPIED');
    expect(error.message).toContain('run-1');
    expect(error.message).toContain('part-0000000001-0.ndjson');

    const second = await start(out, 'run-2', { existing: 'append' });
    await second.committer.commit(1, await cut(second.writer, 1, 'c'));
    expect(await parts(out)).toContain('part-0000000003-0.ndjson');
    expect(await rows(out)).toEqual(['a', 'b', 'c']);
    const restored = { run: 'run-2', checkpoint: 1, transactions: [] };
    await committerOf(out, { existing: 'append' }).recover(restored);
    const older = { run: 'run-2', checkpoint: undefined, transactions: [] };
    const rewound = await failureOf(() => committerOf(out, { existing: 'append' }).recover(older));
    expect(rewound.code).toBe('ERR_HOLDFAST_SINK_REWOUND');
    expect(rewound.message).toContain('part-0000000003');
    expect(rewound.message).not.toContain('part-0000000002');

    const third = await start(out, 'run-3', { existing: 'overwrite' });
    expect(await parts(out)).toEqual([]);
    await third.committer.commit(1, await cut(third.writer, 1, 'd'));
    expect(await rows(out)).toEqual(['d']);
    expect(await readdir(out)).toContain('README');
  });

  it('does not resume a run in a folder that another one took', async () => {
    const out = folder();
    const second = await published(out, 'run-1');
    await start(out, 'run-2', { existing: 'append' });
    const restored = { run: 'run-1', checkpoint: 2, transactions: second };
    for (const existing of ['refuse', 'append', 'overwrite'] as const) {
      const error = await failureOf(() => committerOf(out, { existing }).recover(restored));
      expect(error.code).toBe('ERR_HOLDFAST_SINK_OCCUPIED');
      expect(error.message).toContain('run-2');
    }
    expect(await rows(out)).toEqual(['a', 'b']);
  });

  it('publishes nothing once another run has taken the folder', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    const transactions = await cut(writer, 1, 'a');
    await start(out, 'run-2');
    const error = await failureOf(() => committer.commit(1, transactions));
    expect(error.code).toBe('ERR_HOLDFAST_SINK');
    expect(error.message).toContain('run run-2 has taken it over');
    expect(await rows(out)).toEqual([]);
  });

  it('removes what a process was still writing that died before its first checkpoint', async () => {
    const out = folder();
    const { writer } = await start(out, 'run-1');
    await cut(writer, 1, 'a');
    writer.write('x'.repeat(200_000), 0);
    while ((await staged(out)).length < 2) await new Promise((resolve) => setImmediate(resolve));
    // Its checkpoint 1 may have become durable, and stays.
    await committerOf(out).recover(fresh('run-2'));
    expect(await staged(out)).toEqual([expect.stringMatching(/^run-1-1-0-/)]);
    await writer.close();
  });

  it('leaves staged files of other runs alone, also of one with a longer name', async () => {
    const out = folder();
    const other = await start(out, 'run-1-2');
    await cut(other.writer, 1, 'other');
    const { committer, writer } = await start(out, 'run-1');
    await cut(writer, 1, 'own');
    expect(await staged(out)).toHaveLength(2);
    await committer.recover(fresh('run-1'));
    expect(await staged(out)).toEqual([expect.stringMatching(/^run-1-2-1-/)]);
  });

  it('does not take an emptied folder for one where everything was published', async () => {
    const out = folder();
    const second = await published(out, 'run-1');
    await rm(out, { recursive: true });
    const restored = { run: 'run-1', checkpoint: 2, transactions: second };
    const error = await failureOf(() => committerOf(out).recover(restored));
    expect(error.code).toBe('ERR_HOLDFAST_SINK');
    expect(error.message).toContain('emptied, moved or exchanged');
  });

  it('says that the record of whose a folder is has gone', async () => {
    const out = folder();
    const second = await published(out, 'run-1');
    await rm(join(out, '.staging'), { recursive: true });
    const restored = { run: 'run-1', checkpoint: 2, transactions: second };
    for (const act of [
      () => committerOf(out).check!(restored),
      () => committerOf(out).recover(restored),
      () => committerOf(out).recover(fresh('run-2')),
    ]) {
      const error = await failureOf(act);
      expect(error.code).toBe('ERR_HOLDFAST_SINK_OCCUPIED');
      expect(error.message).toContain('no record of whose they are');
      expect(error.message).toContain(join(out, '.staging', 'run.json'));
      expect(error.message).toContain('part-0000000001-0.ndjson, part-0000000002-0.ndjson');
      expect(error.message).not.toContain('another run');
    }
    expect(await rows(out)).toEqual(['a', 'b']);
  });

  it('accepts that readers take published parts away', async () => {
    const out = folder();
    const second = await published(out, 'run-1');
    for (const name of await parts(out)) await rm(join(out, name));
    await committerOf(out).recover({ run: 'run-1', checkpoint: 2, transactions: second });
    expect(await rows(out)).toEqual([]);
  });

  it('does not take a staged part that is gone for one that was published', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    await committer.commit(1, await cut(writer, 1, 'a'));
    const promised = await cut(writer, 2, 'b');
    for (const name of await staged(out)) await rm(join(out, '.staging', name));
    const restored = { run: 'run-1', checkpoint: 2, transactions: promised };
    for (const act of [
      () => committer.commit(2, promised),
      () => committerOf(out).recover(restored),
    ]) {
      const error = await failureOf(act);
      expect(error.code).toBe('ERR_HOLDFAST_SINK');
      expect(error.message).toContain('part-0000000002-0.ndjson');
      expect(error.message).toContain('neither staged nor published');
    }
    expect(await rows(out)).toEqual(['a']);
  });

  it('knows nothing of what readers of a folder of version 0.1.0 have taken away', async () => {
    const out = folder();
    const second = await published(out, 'run-1');
    for (const name of await readdir(join(out, '.staging'))) {
      if (name.startsWith('published-')) await rm(join(out, '.staging', name));
    }
    for (const name of await parts(out)) await rm(join(out, name));
    await committerOf(out).recover({ run: 'run-1', checkpoint: 2, transactions: second });
    const writer = writerOf(out, sinkContext({ run: 'run-1' }));
    const committer = committerOf(out);
    await committer.recover({ run: 'run-1', checkpoint: 2, transactions: second });
    const third = await cut(writer, 3, 'c');
    for (const name of await staged(out)) await rm(join(out, '.staging', name));
    expect((await failureOf(() => committer.commit(3, third))).message).toContain('neither staged');
  });

  it('does not go on in a folder that was deleted under it', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    await committer.commit(1, await cut(writer, 1, 'a'));
    await rm(out, { recursive: true });
    // A writer makes the folder again, and promises a part in it.
    const promised = await cut(writer, 2, 'b');
    expect((await failureOf(() => committer.commit(2, promised))).code).toBe('ERR_HOLDFAST_SINK');
    const restored = { run: 'run-1', checkpoint: 2, transactions: promised };
    const error = await failureOf(() => committer.recover(restored));
    expect(error.code).toBe('ERR_HOLDFAST_SINK');
    expect(error.message).toContain('the folder was deleted, emptied, moved or exchanged');
  });

  it('takes a new folder for a run that goes on', async () => {
    const out = folder();
    const committer = committerOf(out);
    await committer.recover({ run: 'run-1', checkpoint: 7, transactions: [] });
    await committer.commit(8, await cut(writerOf(out, sinkContext()), 8, 'x'));
    expect(await parts(out)).toEqual(['part-0000000008-0.ndjson']);
  });

  it('refuses handles that lead elsewhere', async () => {
    const out = folder();
    const { committer, writer } = await start(out, 'run-1');
    const [good] = (await cut(writer, 1, 'a')) as unknown as [{ parts: [{ staged: string }] }];
    const part = good.parts[0];
    const secret = join(root, 'secret');
    await writeFile(secret, '"secret"\n');
    for (const bad of [
      { ...part, staged: '../../secret' },
      { ...part, staged: part.staged.replace('run-1', '../run-1') },
      { ...part, staged: part.staged.replace('run-1', 'run-2') },
      { ...part, instance: '../../0' },
      { ...part, instance: 1 },
      { ...part, checkpoint: 2 },
      { ...part, staged: 7 },
    ]) {
      const error = await failureOf(() => committer.commit(1, [{ parts: [bad] }]));
      expect(error.code).toBe('ERR_HOLDFAST_SINK');
      expect(error.message).toContain('no transaction of ndjsonFiles');
    }
    expect((await failureOf(() => committer.commit(1, [{}]))).code).toBe('ERR_HOLDFAST_SINK');
    expect(await rows(out)).toEqual([]);
    expect(await readFile(secret, 'utf8')).toBe('"secret"\n');
  });

  it('refuses a damaged record of whose the folder is, unless it is overwritten', async () => {
    for (const content of [
      '',
      '{',
      '{"format":2,"run":"run-1","base":0}',
      '{"format":1,"run":"/"}',
    ]) {
      const out = folder();
      await mkdir(join(out, '.staging'), { recursive: true });
      await writeFile(join(out, '.staging', 'run.json'), content);
      const error = await failureOf(() => committerOf(out).recover(fresh('run-1')));
      expect(error.code).toBe('ERR_HOLDFAST_SINK');
      expect(error.message).toContain('run.json');
      await committerOf(out, { existing: 'overwrite' }).recover(fresh('run-1'));
    }
  });

  it('says what is wrong with a folder that cannot be made', async () => {
    const file = join(root, 'file');
    await writeFile(file, '');
    for (const bad of [file, join(file, 'below')]) {
      const error = await failureOf(() => committerOf(bad).recover(fresh('run-1')));
      expect(error.code).toBe('ERR_HOLDFAST_SINK');
      expect(error.message).toContain(bad);
    }
  });

  it('begins an overwriting start anew when it was cut short', async () => {
    const out = folder();
    await published(out, 'run-1');
    // What a crash leaves: one part removed, the marker still the old run's.
    await rename(join(out, 'part-0000000001-0.ndjson'), join(root, 'gone'));
    const { committer, writer } = await start(out, 'run-2', { existing: 'overwrite' });
    await committer.commit(1, await cut(writer, 1, 'x'));
    expect(await rows(out)).toEqual(['x']);
  });
});

describe('exactly once under any schedule of faults', () => {
  const outcome = fc.constantFrom(
    'complete',
    'given up',
    'crash before the manifest',
    'crash before the commit',
    'crash in the commit',
    'crash after the commit',
  );
  const step = fc.record({ rows: fc.nat(5), outcome, instances: fc.integer({ min: 1, max: 3 }) });

  it('a reader sees each row once, all of them after the last commit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
        const out = folder();
        let committer = committerOf(out);
        await committer.recover(fresh('run'));
        let manifest: { checkpoint: number; next: number; transactions: SinkTransaction[] } = {
          checkpoint: 0,
          next: 0,
          transactions: [],
        };
        let next = 0;
        let checkpoint = 0;
        const open = (count: number) =>
          Array.from({ length: count }, (_, instance) =>
            writerOf(out, sinkContext({ run: 'run', instance })),
          );
        let writers = open(2);
        const recover = async (instances: number) => {
          // The old writers are zombies: they are not closed before the new ones work.
          const zombies = writers;
          committer = committerOf(out);
          await committer.recover({
            run: 'run',
            checkpoint: manifest.checkpoint === 0 ? undefined : manifest.checkpoint,
            transactions: manifest.transactions,
          });
          expect((await rows(out)).length).toBe(manifest.next);
          next = manifest.next;
          checkpoint = manifest.checkpoint;
          writers = open(instances);
          for (const zombie of zombies) zombie.write('zombie', 0);
          await Promise.all(zombies.map((zombie) => zombie.close()));
        };
        const last = { rows: 1, outcome: 'complete', instances: 1 } as const;
        for (const { rows: count, outcome: end, instances } of [...steps, last]) {
          for (let i = 0; i < count; i += 1) writers[next % writers.length]!.write(next++, 0);
          checkpoint += 1;
          const transactions = (
            await Promise.all(writers.map((writer) => cut(writer, checkpoint)))
          ).flat();
          if (end === 'given up') continue;
          if (end !== 'crash before the manifest') {
            manifest = { checkpoint, next, transactions };
            if (end === 'crash in the commit') {
              await committer.commit(checkpoint, transactions.slice(0, 1));
            } else if (end !== 'crash before the commit') {
              await committer.commit(checkpoint, transactions);
            }
          }
          if (end.startsWith('crash')) await recover(instances);
          const seen = await rows(out);
          expect([...seen].sort((a, b) => Number(a) - Number(b))).toEqual(
            Array.from({ length: manifest.next }, (_, i) => i),
          );
        }
        await Promise.all(writers.map((writer) => writer.close()));
        expect(await staged(out)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

describe('ndjsonFiles with partitions', () => {
  interface Row {
    readonly day: string;
    readonly n: number;
  }
  const partitionBy = ({ day }: Row) => day;
  const begin = async (out: string, run = 'run-1', options: NdjsonFilesOptions<Row> = {}) => {
    const sink = ndjsonFiles<Row>(out, { ...options, partitionBy });
    const committer = createCommitter(sink.committer!);
    await committer.recover(fresh(run));
    const writer = (await sink.open(sinkContext({ run }))) as SinkWriter<unknown>;
    return { committer, writer };
  };
  const found = async (out: string) => {
    const all = await readdir(out, { recursive: true });
    return all.filter((name) => /part-[^/]*$/.test(name)).sort();
  };

  it('has a file for each partition and checkpoint, and shows all of a checkpoint at once', async () => {
    const out = folder();
    const { committer, writer } = await begin(out);
    const first = await cut(
      writer,
      1,
      { day: 'a', n: 1 },
      { day: 'b/c', n: 2 },
      { day: 'a', n: 3 },
    );
    expect(await found(out)).toEqual([]);
    await committer.commit(1, first);
    await committer.commit(1, first); // again, as after a crash
    await committer.commit(2, await cut(writer, 2, { day: 'b/c', n: 4 }));
    await writer.close();
    const names = [
      'a/part-0000000001-0.ndjson',
      'b/c/part-0000000001-0.ndjson',
      'b/c/part-0000000002-0.ndjson',
    ];
    expect(await found(out)).toEqual(names);
    expect(await readFile(join(out, names[0]!), 'utf8')).toBe(
      '{"day":"a","n":1}\n{"day":"a","n":3}\n',
    );
    expect(await staged(out)).toEqual([]);
  });

  it('publishes what was promised, and makes the folders, after a crash', async () => {
    const out = folder();
    const { writer } = await begin(out);
    const promised = await cut(writer, 1, { day: 'x/y', n: 1 }, { day: 'z', n: 2 });
    const { committer } = createdAgain(out);
    await committer.recover({ run: 'run-1', checkpoint: 1, transactions: promised });
    expect(await found(out)).toEqual([
      'x/y/part-0000000001-0.ndjson',
      'z/part-0000000001-0.ndjson',
    ]);
    // A reader takes a whole partition away; its next rows make the folder again.
    await rm(join(out, 'z'), { recursive: true });
    await committer.commit(2, await cut(writer, 2, { day: 'z', n: 3 }));
    expect(await found(out)).toEqual([
      'x/y/part-0000000001-0.ndjson',
      'z/part-0000000002-0.ndjson',
    ]);
    await writer.close();
  });

  it('sees the parts of partitions when another run comes, and when an older checkpoint is restored', async () => {
    const out = folder();
    const { committer, writer } = await begin(out);
    await committer.commit(1, await cut(writer, 1, { day: 'a', n: 1 }));
    await committer.commit(2, await cut(writer, 2, { day: 'a/b', n: 2 }));
    await writer.close();
    const other = await failureOf(() => begin(out, 'run-2'));
    expect(other.code).toBe('ERR_HOLDFAST_SINK_OCCUPIED');
    expect(other.message).toContain('a/part-0000000001-0.ndjson');
    const rewound = createdAgain(out).committer;
    const state = { run: 'run-1', checkpoint: 1, transactions: [] };
    expect((await failureOf(() => rewound.recover(state))).code).toBe('ERR_HOLDFAST_SINK_REWOUND');
    await createdAgain(out, 'remove').committer.recover(state);
    expect(await found(out)).toEqual(['a/part-0000000001-0.ndjson']);
    await begin(out, 'run-3', { existing: 'overwrite' });
    expect(await found(out)).toEqual([]);
  });

  it('leaves the folder of another sink alone', async () => {
    const out = folder();
    const inner = join(out, 'late');
    await published(inner, 'other');
    await begin(out, 'run-1', { existing: 'overwrite' });
    expect(await parts(inner)).toHaveLength(2);
  });

  it.each([
    '',
    '.',
    '..',
    '../up',
    '/etc',
    'a//b',
    'a/',
    '.hidden',
    'a\\b',
    'c:',
    'a\nb',
    'x'.repeat(201),
    'é'.repeat(101), // 202 bytes
    '😀'.repeat(51),
    `${'x'.repeat(199)}/`.repeat(3),
    'a\ud800', // half a surrogate pair
    7,
    undefined,
    null,
  ])('refuses %j as a partition', async (day) => {
    const { writer } = await begin(folder());
    const error = await failureOf(() => writer.write({ day, n: 1 }, 0));
    expect(error.code).toBe('ERR_HOLDFAST_SINK');
    expect(error.message).toContain('partitionBy gave');
    expect(error.details).toMatchObject({ [UNFIT_RECORD]: true }); // so that it is not tried ten times
    await writer.close();
  });

  it('takes names of as many bytes as it says', async () => {
    const out = folder();
    const { committer, writer } = await begin(out);
    const days = ['x'.repeat(200), 'é'.repeat(100), '😀'.repeat(50)];
    await committer.commit(1, await cut(writer, 1, ...days.map((day, n) => ({ day, n }))));
    await writer.close();
    expect(await found(out)).toEqual(days.map((day) => `${day}/part-0000000001-0.ndjson`).sort());
  });

  it('refuses a transaction whose partition leads elsewhere', async () => {
    const out = folder();
    const { committer, writer } = await begin(out);
    const [transaction] = await cut(writer, 1, { day: 'a', n: 1 });
    const [part] = (transaction as unknown as { parts: readonly object[] }).parts;
    const error = await failureOf(() =>
      committer.commit(1, [{ parts: [{ ...part, partition: '../elsewhere' }] }]),
    );
    expect(error.code).toBe('ERR_HOLDFAST_SINK');
    await writer.close();
  });

  it('refuses more open partitions than a transaction has room for', async () => {
    const { writer } = await begin(folder());
    for (let n = 0; n < 1_000; n += 1) writer.write({ day: `d${n}`, n }, 0);
    writer.write({ day: 'd7', n: 7 }, 0);
    const error = await failureOf(() => writer.write({ day: 'one more', n: 0 }, 0));
    expect(error.message).toContain('more than 1000 partitions');
    const [transaction] = await cut(writer, 1);
    expect(JSON.stringify(transaction).length).toBeLessThan(1024 * 1024);
    writer.write({ day: 'one more', n: 0 }, 0); // a cut makes room
    await writer.close();
  });

  function createdAgain(out: string, onRewind: 'refuse' | 'remove' = 'refuse') {
    return {
      committer: createCommitter(ndjsonFiles<Row>(out, { partitionBy, onRewind }).committer!),
    };
  }
});
