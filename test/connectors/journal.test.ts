import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Journal } from '../../src/connectors/iterable/journal.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-journal-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

let lives = 0;
const open = (where = directory, fileBytes = 400) => {
  lives += 1;
  return Journal.open({
    directory: where,
    source: 'clicks',
    epoch: lives,
    incarnation: 1,
    sync: false,
    fileBytes,
  });
};

async function readAll(journal: Journal, from = journal.first): Promise<unknown[]> {
  const records: unknown[] = [];
  for (;;) {
    const more = await journal.read(from + records.length);
    if (more.length === 0) return records;
    records.push(...more);
  }
}

const rows = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ id: from + i, text: 'row' }));

test('what was written is read again by the next life, from any number on', async () => {
  const first = await open();
  for (let i = 0; i < 40; i += 4) await first.append(rows(i, i + 4));
  await first.close();
  const second = await open();
  expect([second.first, second.end]).toEqual([0, 40]);
  for (const from of [0, 1, 7, 39]) expect(await readAll(second, from)).toEqual(rows(from, 40));
  expect(await second.read(40)).toEqual([]);
  await second.append(rows(40, 43));
  expect(await readAll(second)).toEqual(rows(0, 43));
  await second.close();
});

test('a frame that a death cut off is not there; the next life goes on in its place', async () => {
  const first = await open();
  await first.append(rows(0, 3));
  await first.append(rows(3, 5));
  await first.close();
  const [name] = await readdir(directory);
  const whole = (await readFile(join(directory, name!))).length;
  await truncate(join(directory, name!), whole - 1);
  const second = await open();
  expect(second.end).toBe(3);
  await second.append(rows(3, 4));
  await second.close();
  expect(await readAll(await open())).toEqual(rows(0, 4));
});

test('what a given-up thread still writes is not read, once its successor has written', async () => {
  const zombie = await open();
  await zombie.append(rows(0, 3));
  const next = await open();
  await zombie.append([{ id: 'of the zombie' }]);
  await next.append(rows(3, 5));
  await zombie.append([{ id: 'of the zombie' }]);
  expect(await readAll(next)).toEqual(rows(0, 5));
  await Promise.all([zombie.close(), next.close()]);
  const last = await open();
  expect(await readAll(last)).toEqual(rows(0, 5));
});

test('cut removes whole files, and only what lies before the number', async () => {
  const journal = await open();
  for (let i = 0; i < 100; i += 5) await journal.append(rows(i, i + 5));
  const [filesBefore, bytesBefore] = [(await readdir(directory)).length, journal.bytes];
  await journal.dropBefore(52);
  expect((await readdir(directory)).length).toBeLessThan(filesBefore);
  expect(journal.bytes).toBeLessThan(bytesBefore);
  expect(journal.first).toBeLessThanOrEqual(52);
  expect(await readAll(journal, 52)).toEqual(rows(52, 100));
  await journal.close();
  const next = await open();
  await next.dropBefore(100);
  expect([await readdir(directory), next.first, next.end]).toEqual([[], 100, 100]);
  await next.append(rows(100, 101));
  expect(await readAll(next)).toEqual(rows(100, 101));
});

test('it may go on beyond its end: what was lost with the machine is in the checkpoint', async () => {
  const first = await open();
  await first.append(rows(0, 3));
  await first.close();
  const second = await open();
  await second.skipTo(9);
  await second.append(rows(9, 11));
  await second.close();
  const third = await open();
  expect([third.first, third.end, await readAll(third)]).toEqual([9, 11, rows(9, 11)]);
});

test('damage is told with the file, and is no end', async () => {
  const journal = await open();
  await journal.append(rows(0, 3));
  await journal.append(rows(3, 5));
  await journal.close();
  const [name] = await readdir(directory);
  const path = join(directory, name!);
  const bytes = await readFile(path);
  bytes[20]! ^= 1;
  await writeFile(path, bytes);
  await expect(open()).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_SOURCE',
    message: expect.stringContaining(`'${path}': the frame at byte 4 has another checksum`),
  });
  await writeFile(path, 'something else');
  await expect(open()).rejects.toThrow('it does not begin as a journal does');
});

test('a file in the middle that is missing is told', async () => {
  const journal = await open();
  for (let i = 0; i < 60; i += 5) await journal.append(rows(i, i + 5));
  await journal.close();
  const names = (await readdir(directory)).sort();
  expect(names.length).toBeGreaterThan(2);
  await rm(join(directory, names[1]!));
  await expect(open()).rejects.toThrow(/records \d+ to \d+ are missing before it/);
});

test('a folder that cannot be used is told, and so is a record that cannot be kept', async () => {
  await writeFile(join(directory, 'file'), '');
  await expect(open(join(directory, 'file'))).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_SOURCE',
  });
  const journal = await open();
  await expect(journal.append([{ call: () => {} }])).rejects.toMatchObject({
    name: 'HoldfastError',
  });
  expect(journal.end).toBe(0);
  await journal.append(rows(0, 1));
  await journal.close();
});

test('any mixture of lives, zombies, cut-off frames and cuts reads what was written, in order', async () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        by: fc.integer({ min: 1, max: 9 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('die' as const),
        torn: fc.integer({ min: 0, max: 30 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('zombie' as const),
        by: fc.integer({ min: 1, max: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('cut' as const),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
  );
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      run += 1;
      const where = join(directory, `run-${run}`);
      let journal = await open(where, 150);
      const zombies: Journal[] = [];
      let [first, end] = [0, 0];
      for (const one of steps) {
        if (one.kind === 'append') {
          await journal.append(rows(end, end + one.by));
          end += one.by;
        } else if (one.kind === 'cut') {
          first += Math.floor((end - first) * one.share);
          await journal.dropBefore(first);
        } else if (one.kind === 'zombie') {
          // It has been superseded by a life that wrote: nothing of it may show.
          if (zombies.length > 0) await zombies[0]!.append(rows(-one.by, 0));
        } else {
          zombies.unshift(journal);
          const wroteBefore = end;
          if (one.torn > 0) {
            // A frame that was never answered, cut off somewhere.
            await journal.append(rows(end, end + 2));
            await cutOff(where, one.torn);
          }
          journal = await open(where, 150);
          const kept = journal.end - wroteBefore;
          expect([0, 2]).toContain(kept);
          end += kept;
          await journal.append(rows(end, end + 1));
          end += 1;
        }
        expect(journal.end).toBe(end);
      }
      expect(await readAll(journal, first)).toEqual(rows(first, end));
      for (const one of [journal, ...zombies]) await one.close();
    }),
    { numRuns: 40 },
  );
}, 120_000);

/** Takes bytes off the newest file, as if they had never been written; not more than its last frame has. */
async function cutOff(where: string, bytes: number): Promise<void> {
  const names = (await readdir(where)).sort((a, b) => {
    const life = (name: string) => name.slice(17);
    return life(a) < life(b) ? -1 : life(a) > life(b) ? 1 : a < b ? -1 : 1;
  });
  const path = join(where, names.at(-1)!);
  const { length } = await readFile(path);
  await truncate(path, length - Math.min(bytes, 30));
}
