/**
 * The conformance suite of sources: whatever a source reads, reading it in pieces, with a new reader
 * opened at the position after every record, reads the same.
 */

import { expect, it } from 'vitest';
import { HoldfastError } from '../../src/base/errors.js';
import type {
  Source,
  SourceBatch,
  SourceContext,
  SourceReader,
  SourceSplit,
} from '../../src/stream/source.js';

export const context: SourceContext = {
  operator: 'source',
  instance: 0,
  run: 'kit',
  epoch: 1,
  incarnation: 1,
  checkpoints: undefined,
  alive: () => {},
};

/** Splits and positions survive what a snapshot does to them. */
export function throughSnapshot<V>(value: V): V {
  return structuredClone(value);
}

export async function readSplit<T>(
  source: Source<T>,
  split: SourceSplit,
  position?: unknown,
): Promise<T[]> {
  const reader = await source.open(split, position, context);
  try {
    return await readRest(reader);
  } finally {
    await reader.close();
  }
}

export async function readRest<T>(reader: SourceReader<T>): Promise<T[]> {
  const records: T[] = [];
  for (;;) {
    const batch = await reader.poll();
    if (batch === undefined) return records;
    for (const record of batch.records) records.push(record);
  }
}

export async function readAll<T>(source: Source<T>): Promise<T[]> {
  const records: T[] = [];
  for (const split of await source.splits()) {
    for (const record of await readSplit(source, split)) records.push(record);
  }
  return records;
}

/** The error that `act` ends with; fails when it ends well or with another class of error. */
export async function failureOf(act: () => unknown): Promise<HoldfastError> {
  let result: unknown;
  try {
    result = await act();
  } catch (error) {
    expect(error).toBeInstanceOf(HoldfastError);
    return error as HoldfastError;
  }
  throw new Error(`it did not fail, but gave ${JSON.stringify(result)?.slice(0, 200)}`);
}

/** Every index, or about `count` of them, the first and the last included. */
function sample(length: number, count: number): readonly number[] {
  const step = Math.max(1, Math.floor(length / count));
  const indexes = new Set<number>([0, length - 1, length]);
  for (let i = 0; i < length; i += step) indexes.add(i);
  return [...indexes].filter((i) => i >= 0 && i <= length).sort((a, b) => a - b);
}

export interface Conformance<T> {
  readonly source: () => Source<T>;
  readonly expected: readonly T[];
  /** Per split; all where undefined. */
  readonly samples?: number;
}

export function conforms<T>(name: string, make: () => Promise<Conformance<T>>): void {
  it(`${name}: all splits together are the input, in order`, async () => {
    const { source, expected } = await make();
    expect(await readAll(source())).toEqual(expected);
  });

  it(`${name}: a reader that was opened for a look reads the same when it goes on`, async () => {
    const { source, expected } = await make();
    const given: T[] = [];
    const first = source();
    for (const split of await first.splits()) {
      const reader = await first.open(split, undefined, { ...context, isTouch: true });
      given.push(...(await readRest(reader)));
      await reader.close();
    }
    expect(given).toEqual(expected);
  });

  it(`${name}: split ids are unique, the list is the same each time`, async () => {
    const { source } = await make();
    const splits = await source().splits();
    expect(new Set(splits.map((split) => split.id)).size).toBe(splits.length);
    expect(await source().splits()).toEqual(splits);
    expect(throughSnapshot(splits)).toEqual(splits);
  });

  it(`${name}: a restore after any record goes on with the next one`, async () => {
    const { source, samples = Number.POSITIVE_INFINITY } = await make();
    const first = source();
    for (const split of await first.splits()) {
      const all = await readSplit(first, split);
      const wanted = sample(all.length, samples);
      const positions = new Map<number, unknown>();
      const reader = await first.open(split, undefined, context);
      let emitted = 0;
      const note = (batch: SourceBatch<T> | undefined) => {
        const count = batch?.records.length ?? 0;
        for (const k of wanted) {
          if (k >= emitted && k <= emitted + count) {
            positions.set(k, throughSnapshot(reader.position(k - emitted)));
          }
        }
        emitted += count;
      };
      note(undefined);
      for (;;) {
        const batch = await reader.poll();
        note(batch);
        if (batch === undefined) break;
      }
      await reader.close();
      expect(positions.size).toBe(wanted.length);
      const second = source();
      for (const [k, position] of positions) {
        const rest = await readSplit(second, throughSnapshot(split), position);
        expect(rest.length, `after ${k} records`).toBe(all.length - k);
        expect(rest, `after ${k} records`).toEqual(all.slice(k));
      }
    }
  });

  it(`${name}: a restore between every two records, one reader each, reads everything once`, async () => {
    const { source, samples = Number.POSITIVE_INFINITY } = await make();
    const first = source();
    for (const split of await first.splits()) {
      const all = await readSplit(first, split);
      const hops = Math.min(all.length, samples);
      const got: T[] = [];
      let position: unknown;
      for (let hop = 0; hop < hops; hop += 1) {
        const reader = await source().open(split, position, context);
        let batch = await reader.poll();
        while (batch !== undefined && batch.records.length === 0) batch = await reader.poll();
        expect(typeof reader.describe(0)).toBe('string');
        got.push(batch!.records[0]!);
        position = throughSnapshot(reader.position(1));
        await reader.close();
      }
      expect(got).toEqual(all.slice(0, hops));
    }
  });

  it(`${name}: a reader at its end stays there, and its position gives nothing`, async () => {
    const { source } = await make();
    const first = source();
    for (const split of await first.splits()) {
      const reader = await first.open(split, undefined, context);
      await readRest(reader);
      expect(await reader.poll()).toBeUndefined();
      const position = throughSnapshot(reader.position(0));
      await reader.close();
      expect(await readSplit(first, split, position)).toEqual([]);
    }
  });
}
