/** The clauses of the contract of sources. docs/own-sources.md says what each is for. */

import { isDeepStrictEqual } from 'node:util';
import type { SourceReader, SourceSplit } from '../stream/source.js';
import { type SourceStage, shown } from './source-stage.js';

/** A clause, and how it is tried. Pure description: source-conformance.ts gives it a stage. */
export interface SourceClause {
  readonly clause: string;
  readonly name: string;
  play(stage: SourceStage): Promise<void>;
}

/** Most positions that are tried of one split: the first and the last, and some in between. */
const POSITIONS = 24;
const HOPS = 40;

export const SOURCE_CLAUSES: readonly SourceClause[] = [
  {
    clause: 'splits-same',
    name: 'every process lists the same splits, with unique ids, as data that a snapshot can keep',
    async play(stage) {
      const splits = await stage.splits(stage.source());
      const ids = new Set<string>();
      for (const split of splits) {
        stage.check(typeof split?.id === 'string', `a split has no id: ${shown(split)}`);
        stage.check(!ids.has(split.id), `two splits have the id '${split.id}'`);
        ids.add(split.id);
        stage.kept(`split '${split.id}'`, split);
      }
      const again = await stage.splits(stage.source());
      stage.check(
        isDeepStrictEqual(again, splits),
        `the list differs from one process to the next: ${shown(splits)}, then ${shown(again)}`,
      );
    },
  },
  {
    clause: 'read-same',
    name: 'a split gives the same records in the same order each time it is read',
    async play(stage) {
      await stage.each(async (_, split, wanted) => {
        for (const [time, open] of [
          ['a first time', 'open'],
          ['a second time', 'open'],
          ['on from a look (isTouch)', 'touch'],
        ] as const) {
          const reader = await stage[open](stage.source(), split);
          const records = await stage.read(reader);
          stage.expect(`when split '${split.id}' is read ${time}`, records, wanted);
          await stage.close(reader);
        }
      });
    },
  },
  {
    clause: 'bounded-said',
    name: 'a split that ends declares bounded: true, and stays at its end; no other ends',
    async play(stage) {
      await stage.each(async (source, split, wanted) => {
        const isBounded = (split['bounded'] ?? (source as { bounded?: boolean }).bounded) === true;
        if (!isBounded) {
          stage.check(
            wanted.length >= stage.most,
            `split '${split.id}' ends after ${wanted.length} records, and does not declare ` +
              'bounded: true. (If it does not end, it must have more records than `most` for the kit)',
          );
          return;
        }
        if (wanted.length >= stage.most) return;
        const reader = await stage.open(source, split);
        await stage.read(reader, wanted.length + 1);
        stage.check(
          (await stage.batch(reader)) === undefined,
          `split '${split.id}' gives records after its end`,
        );
        const position = reader.position(0);
        await stage.close(reader);
        const next = await stage.open(stage.source(), split, position);
        const rest = await stage.read(next);
        stage.expect(`when split '${split.id}' is opened at its end`, rest, []);
      });
    },
  },
  {
    clause: 'resume-anywhere',
    name: 'a reader opened at a position goes on with the next record, in another process and instance',
    async play(stage) {
      await stage.each(async (source, split, wanted) => {
        const positions = await positionsOf(stage, await stage.open(source, split), wanted.length);
        for (const [taken, position] of positions) {
          const reader = await stage.open(stage.source(), split, position, taken % 3);
          const rest = await stage.read(reader, wanted.length - taken);
          stage.expect(
            `when split '${split.id}' is opened behind record ${taken}`,
            rest,
            wanted.slice(taken),
          );
          await stage.close(reader);
        }
      });
    },
  },
  {
    clause: 'resume-often',
    name: 'a restart after every single record reads each once',
    async play(stage) {
      await stage.each(async (_, split, wanted) => {
        const records: unknown[] = [];
        let position: unknown;
        for (let hop = 0; hop < Math.min(HOPS, wanted.length); hop += 1) {
          const reader = await stage.open(stage.source(), split, position);
          const batch = await stage.batch(reader);
          stage.check(batch !== undefined, `split '${split.id}' ends after ${hop} records`);
          records.push(batch!.records[0]);
          position = stage.kept('a position', reader.position(1));
          await stage.close(reader);
        }
        const when = `when split '${split.id}' is opened anew for each record`;
        stage.expect(when, records, wanted.slice(0, HOPS));
      });
    },
  },
  {
    clause: 'position-still',
    name: 'a position does not change by asking for it, nor by reading on',
    async play(stage) {
      await stage.each(async (source, split) => {
        const reader = await stage.open(source, split);
        const batch = await stage.batch(reader);
        if (batch === undefined) return;
        const position = reader.position(1);
        const kept = stage.kept('a position', position);
        stage.check(
          isDeepStrictEqual(stage.kept('a position', reader.position(1)), kept),
          `split '${split.id}' tells another position when it is asked twice`,
        );
        for (let i = 0; i < 3; i += 1) {
          if ((await stage.poll(reader)) !== undefined) reader.position(0);
        }
        stage.check(
          isDeepStrictEqual(stage.kept('a position', position), kept),
          `a position of split '${split.id}' changes while the reader goes on: it was ${shown(kept)}, ` +
            `it is ${shown(position)}`,
        );
      });
    },
  },
  {
    clause: 'side-by-side',
    name: 'readers of several splits, taken in turns, do not disturb each other',
    async play(stage) {
      const source = stage.source();
      const splits = await stage.splits(source);
      const open: { split: SourceSplit; reader: SourceReader<unknown>; records: unknown[] }[] = [];
      for (const split of splits.slice(0, 8)) {
        open.push({ split, reader: await stage.open(source, split), records: [] });
      }
      let active = open;
      while (active.length > 0) {
        const going: typeof open = [];
        for (const one of active) {
          const batch = await stage.poll(one.reader);
          if (batch !== undefined) one.records.push(...batch.records);
          if (batch !== undefined && one.records.length < stage.most) going.push(one);
        }
        active = going;
      }
      for (const { split, records } of open) {
        const wanted = await stage.wanted(split);
        const when = `when split '${split.id}' is read beside others`;
        stage.expect(when, records.slice(0, stage.most), wanted);
      }
    },
  },
  {
    clause: 'zombie-harmless',
    name: 'a reader that was given up, and goes on, takes nothing from the one that follows it',
    async play(stage) {
      await stage.each(async (source, split, wanted) => {
        const zombie = await stage.open(source, split);
        const first = await stage.batch(zombie);
        if (first === undefined) return;
        const position = stage.kept('a position', zombie.position(1));
        const reader = await stage.open(stage.source(), split, position);
        const records: unknown[] = [];
        let isOver = false;
        while (records.length < wanted.length - 1) {
          // The zombie may fail.
          if (!isOver) isOver = (await stage.poll(zombie).catch(() => undefined)) === undefined;
          const batch = await stage.batch(reader);
          if (batch === undefined) break;
          records.push(...batch.records);
        }
        const when = `when split '${split.id}' is read while an older reader goes on`;
        stage.expect(when, records.slice(0, wanted.length - 1), wanted.slice(1));
      });
    },
  },
  {
    clause: 'times-told',
    name: 'event times, where a batch has them, are one number per record, and the same each time',
    async play(stage) {
      await stage.each(async (_, split) => {
        const [first, second] = [await timesOf(stage, split), await timesOf(stage, split)];
        stage.check(
          isDeepStrictEqual(first, second),
          `split '${split.id}' gives other event times when it is read again`,
        );
      });
    },
  },
  {
    clause: 'described',
    name: 'every record can be told by where it comes from',
    async play(stage) {
      await stage.each(async (source, split) => {
        const reader = await stage.open(source, split);
        const batch = await stage.batch(reader);
        for (let at = 0; at < (batch?.records.length ?? 0); at += 1) {
          const text: unknown = reader.describe(at);
          stage.check(
            typeof text === 'string' && text !== '',
            `describe(${at}) of split '${split.id}' gives ${shown(text)}`,
          );
        }
      });
    },
  },
  {
    clause: 'committed-any-time',
    name: 'a reader that hears of checkpoints takes it while it reads, twice, and when it has given all',
    async play(stage) {
      await stage.each(async (source, split, wanted) => {
        const reader = await stage.open(source, split);
        if (reader.committed === undefined) return;
        const hear = (checkpoint: number, position: unknown): void => {
          const answer: unknown = reader.committed!(checkpoint, position);
          stage.check(
            answer === undefined,
            `committed() of split '${split.id}' gives ${shown(answer)}: nobody waits for it`,
          );
        };
        hear(1, undefined);
        const batch = await stage.batch(reader);
        if (batch !== undefined) {
          const position = stage.kept('a position', reader.position(1));
          hear(2, position);
          hear(2, position);
          const next = await stage.open(stage.source(), split, position);
          const rest = await stage.read(next, wanted.length - 1);
          const when = `when split '${split.id}' is opened where committed() was told that it stands`;
          stage.expect(when, rest, wanted.slice(1));
          await stage.close(next);
        }
        if (wanted.length >= stage.most) return;
        while ((await stage.poll(reader)) !== undefined);
        hear(3, stage.kept('a position', reader.position(0)));
      });
    },
  },
  {
    clause: 'close-any-time',
    name: 'a reader can be closed twice, and while a poll is under way',
    async play(stage) {
      await stage.each(async (source, split, wanted) => {
        const unread = await stage.open(source, split);
        await stage.close(unread);
        await stage.close(unread);
        const reader = await stage.open(source, split);
        const polled = Promise.resolve(reader.poll());
        polled.catch(() => {});
        await stage.close(reader);
        await stage.close(reader);
        const next = await stage.open(source, split);
        const records = await stage.read(next);
        stage.expect(`when split '${split.id}' is opened after that`, records, wanted);
      });
    },
  },
];

/** The position behind each number of records, asked of a reader while it reads on. */
async function positionsOf(
  stage: SourceStage,
  reader: SourceReader<unknown>,
  count: number,
): Promise<ReadonlyMap<number, unknown>> {
  const step = Math.max(1, Math.ceil(count / POSITIONS));
  const positions = new Map<number, unknown>();
  const note = (before: number, records: number) => {
    for (let taken = 0; taken <= records; taken += 1) {
      const at = before + taken;
      const isWanted = at % step === 0 || taken === records || at === count;
      if (at > count || !isWanted) continue;
      positions.set(at, stage.kept('a position', reader.position(taken)));
    }
  };
  let read = 0;
  while (read < count) {
    const batch = await stage.poll(reader);
    if (batch === undefined) break;
    note(read, batch.records.length);
    read += batch.records.length;
  }
  await stage.close(reader);
  return positions;
}

async function timesOf(stage: SourceStage, split: SourceSplit): Promise<readonly number[]> {
  const reader = await stage.open(stage.source(), split);
  const times: number[] = [];
  while (times.length < stage.most) {
    const batch = await stage.batch(reader);
    if (batch?.timestamps === undefined) break;
    const given = Array.from(batch.timestamps);
    stage.check(
      given.length >= batch.records.length,
      `split '${split.id}' gives ${given.length} event times for ${batch.records.length} records`,
    );
    for (const time of given.slice(0, batch.records.length)) {
      stage.check(
        typeof time === 'number' && !Number.isNaN(time),
        `split '${split.id}' gives ${shown(time)} for an event time`,
      );
      times.push(time);
    }
  }
  await stage.close(reader);
  return times.slice(0, stage.most);
}
