/** Runs the operators of a job that has no branches one behind the other, and applies changes to a table. */

import { isDeepStrictEqual } from 'node:util';
import type { RecordsMode } from '../../src/channels/record-keeper.js';
import type { StreamEnvironment } from '../../src/stream/api/environment.js';
import type { GraphNode } from '../../src/stream/graph/graph.js';
import type { RestoredSection } from '../../src/stream/operator.js';
import { draw, sink, source } from './graph-kit.js';
import { Harness, type Item, type KitOptions } from './operator-kit.js';

export type Way = 'plain' | 'stingy' | 'restoring';
export const WAYS: readonly Way[] = ['plain', 'stingy', 'restoring'];

export interface Changed {
  readonly change: string;
  readonly [field: string]: unknown;
}

/** The operators between the source and the sink, in a line. `restoring`: from a snapshot of each after each record. */
export class Line {
  readonly #nodes: readonly GraphNode[];
  readonly #way: Way;
  readonly #options: KitOptions;
  #harnesses: Harness[];

  constructor(
    build: (env: StreamEnvironment) => { sinkTo(to: never): unknown },
    way: Way = 'plain',
    options: { readonly records?: RecordsMode; readonly undoes?: boolean } = {},
  ) {
    const graph = draw((env) => void build(env).sinkTo(sink() as never));
    this.#nodes = graph.nodes.filter(({ kind }) => kind === 'operator');
    this.#way = way;
    this.#options = options;
    this.#harnesses = this.#nodes.map((_, i) => this.#harness(i));
  }

  /** What comes out at the end for a record. */
  feed(record: unknown, at?: number): readonly unknown[] {
    return this.#through({ record, at: at ?? Number.NaN });
  }

  watermark(ms: number): readonly unknown[] {
    return this.#through({ watermark: ms });
  }

  #through(item: Item): readonly unknown[] {
    let items: readonly Item[] = [item];
    for (const [i, harness] of this.#harnesses.entries()) {
      const tag = this.#nodes[i + 1]?.inputs[0]?.tag ?? this.#lastTag(i);
      harness.emitted.length = 0;
      for (const one of items) harness.feed(one);
      items = harness.emitted.filter((one) => 'watermark' in one || one.tag === tag);
    }
    if (this.#way === 'restoring') this.restore();
    return items.flatMap((one) => ('record' in one ? [one.record] : []));
  }

  restore(): void {
    this.#harnesses = this.#harnesses.map((harness, i) => this.#harness(i, harness.snapshot()));
  }

  #lastTag(i: number): string | undefined {
    return i === this.#nodes.length - 1 && this.#nodes[i]!.type === 'aggregate'
      ? 'changes'
      : undefined;
  }

  #harness(i: number, restored?: RestoredSection[]): Harness {
    const sides = ['changes'];
    const harness = new Harness(this.#nodes[i]!.create!, { ...this.#options, sides }, restored);
    harness.stingy = this.#way === 'stingy';
    return harness;
  }
}

export const from = <T>(env: StreamEnvironment) => env.from(source<T>());

/** Each change as a text: `+I {…}`. */
export const told = (changes: readonly unknown[]): readonly string[] =>
  (changes as readonly Changed[]).map(({ change, ...row }) => `${change} ${JSON.stringify(row)}`);

/** The rows that there are, as changes make them. What makes no sense throws. */
export class Table {
  readonly rows: unknown[] = [];
  #replaced: unknown;

  apply(changes: readonly unknown[]): this {
    for (const { change, ...row } of changes as readonly Changed[]) {
      if ((change === '+U') !== (this.#replaced !== undefined))
        throw new Error(`a ${change} alone`);
      this.#replaced = change === '-U' ? row : undefined;
      if (change === '+I' || change === '+U') {
        this.rows.push(row);
        continue;
      }
      const at = this.rows.findIndex((one) => isDeepStrictEqual(one, row));
      if (at < 0) throw new Error(`${change} of a row that is not there: ${JSON.stringify(row)}`);
      this.rows.splice(at, 1);
    }
    return this;
  }

  get sorted(): readonly string[] {
    return sorted(this.rows);
  }
}

export const sorted = (rows: readonly unknown[]): readonly string[] =>
  rows.map((row) => JSON.stringify(row)).sort();
