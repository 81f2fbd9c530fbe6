/** Joins by themselves: what is fed to them, and a plain loop over the same rows. */

import fc from 'fast-check';
import { discard } from '../../src/connectors/index.js';
import type { DataStream, KeyedStream } from '../../src/stream/api/data-stream.js';
import type { Operator } from '../../src/stream/operator.js';
import { markOf } from '../../src/stream/operators/lateness.js';
import { draw, nodeOf, source } from './graph-kit.js';
import {
  type Emitted,
  type Item,
  type KitOptions,
  recordsOf,
  runPlain,
  runRescaling,
  runRestoring,
  runStingy,
} from './operator-kit.js';

export type Side = 'left' | 'right';

export interface Row {
  readonly k: string | null;
  readonly id: string;
  readonly time: number;
}

/** A row as it comes: its split's time before it was `splitMs`. */
export interface Coming {
  readonly side: Side;
  readonly row: Row;
  readonly splitMs: number;
}

export type Rows = KeyedStream<Row, string | null>;

/** The operator of a join, and its side outputs. */
export function joined(
  type: string,
  join: (left: Rows, right: Rows) => DataStream<unknown>,
): () => Operator {
  const graph = draw((env) => {
    const [left, right] = ['a', 'b'].map((name) =>
      env
        .from(source<Row>(name))
        .withTimestamps(({ time }) => time)
        .keyBy(({ k }) => k),
    );
    const stream = join(left!, right!);
    stream.sinkTo(discard());
    for (const tag of SIDES.sides) {
      try {
        stream.sideOutput(tag as never).sinkTo(discard());
      } catch {
        // The join has none of that name.
      }
    }
  });
  return nodeOf(graph, type).create!;
}

export const SIDES: KitOptions & { readonly sides: readonly string[] } = {
  sides: ['lateLeft', 'lateRight'],
};

/** `left and right`, `left and nobody`. */
export const pair = (left: Row | null, right: Row | null): string =>
  `${left?.id ?? 'nobody'} and ${right?.id ?? 'nobody'}`;

/** What the operator is fed: rows with their marks, and the watermark that both splits have come to. */
export function itemsOf(coming: readonly Coming[]): readonly Item[] {
  const splits = { left: Number.NEGATIVE_INFINITY, right: Number.NEGATIVE_INFINITY };
  const items: Item[] = [];
  let said = Number.NEGATIVE_INFINITY;
  for (const { side, row, splitMs } of coming) {
    splits[side] = splitMs;
    const watermark = Math.min(splits.left, splits.right);
    if (watermark > said) {
      said = watermark;
      items.push({ watermark });
    }
    items.push({
      record: row,
      at: row.time,
      key: row.k,
      port: side === 'left' ? 0 : 1,
      behind: markOf(row.time, splitMs),
    });
  }
  return [...items, { watermark: Number.POSITIVE_INFINITY }];
}

/** Two splits, somewhat out of order, and interleaved in two ways: what comes of them has to be the same. */
export const twoSplits: fc.Arbitrary<readonly (readonly Coming[])[]> = fc
  .record({
    left: split('left'),
    right: split('right'),
    one: fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
    other: fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
  })
  .map(({ left, right, one, other }) => [
    interleaved(left, right, one),
    interleaved(left, right, other),
  ]);

const DISORDER_MS = 4;

function split(side: Side): fc.Arbitrary<readonly Coming[]> {
  return fc
    .array(
      fc.record({ k: fc.constantFrom('a', 'b', 'c', null), step: fc.nat(6), back: fc.nat(9) }),
      { maxLength: 18 },
    )
    .map((drawn) => {
      let newest = 0;
      let splitMs = Number.NEGATIVE_INFINITY;
      return drawn.map(({ k, step, back }, i): Coming => {
        const time = newest + step - back;
        const coming = { side, row: { k, id: `${side[0]}${i}`, time }, splitMs };
        newest = Math.max(newest, time);
        splitMs = Math.max(splitMs, newest - DISORDER_MS - 1);
        return coming;
      });
    });
}

function interleaved(
  left: readonly Coming[],
  right: readonly Coming[],
  turns: readonly boolean[],
): readonly Coming[] {
  const [lefts, rights] = [[...left], [...right]];
  const all: Coming[] = [];
  for (const isLeft of turns) {
    const next = (isLeft ? lefts : rights).shift();
    if (next !== undefined) all.push(next);
  }
  return [...all, ...lefts, ...rights];
}

export const told = (emitted: readonly Emitted[]): readonly string[] =>
  recordsOf(emitted)
    .map(({ record, at, tag }) =>
      tag === undefined ? `${record} at ${at}` : `${tag}: ${(record as Row).id}`,
    )
    .sort();

/** However the operator is run, and in whichever way two splits lie between each other. */
export function runs(create: () => Operator, items: readonly Item[]) {
  return [
    runPlain(create, items, SIDES),
    runStingy(create, items, SIDES),
    runRestoring(create, items, SIDES),
    runRescaling(create, items, [2, 3, 1], SIDES),
  ];
}
