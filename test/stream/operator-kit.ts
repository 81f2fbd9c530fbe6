/**
 * Runs an operator over a sequence of items, as a task would: plainly; with an output that is full
 * after every record; and with a snapshot and a restore into a fresh operator between every two
 * items. Whatever way it is run, the result has to be the same.
 */

import { NOT_BEHIND } from '../../src/channels/element.js';
import type { RecordsMode } from '../../src/channels/record-keeper.js';
import { keyGroupOf } from '../../src/hashring/key-group.js';
import type {
  Capture,
  Operator,
  OperatorContext,
  Receiver,
  RestoredSection,
  TaskSplits,
} from '../../src/stream/operator.js';

export const KEY_GROUPS = 16;

export type Item =
  | {
      readonly record: unknown;
      readonly at?: number;
      readonly key?: unknown;
      /** The record's mark. */
      readonly behind?: number;
      /** Of an operator with several: the port that it comes to. */
      readonly port?: number;
      /** Every instance gets it. */
      readonly isBroadcast?: boolean;
    }
  | { readonly watermark: number };

export type Emitted =
  | {
      readonly record: unknown;
      readonly at: number;
      readonly tag?: string;
      /** Absent: the record has no mark. */
      readonly behind?: number;
    }
  | { readonly watermark: number };

export interface KitOptions {
  /** Tags of side outputs that somebody reads. */
  readonly sides?: readonly string[];
  readonly instance?: number;
  readonly formerOwner?: (group: number) => number | undefined;
  readonly parallelism?: number;
  readonly ownsGroup?: (group: number) => boolean;
  readonly records?: RecordsMode;
  readonly splits?: TaskSplits;
  readonly incremental?: boolean;
  /** The operator stands under a policy for errors. */
  readonly undoes?: boolean;
  readonly reject?: OperatorContext['reject'];
}

/** One operator with everything around it. */
export class Harness {
  readonly emitted: Emitted[] = [];
  /** Watermarks, and when it was idle. */
  readonly time: (number | 'idle' | 'idle, silent')[] = [];
  readonly counters: Record<string, number> = {};
  readonly operator: Operator;
  /** Of an operator that takes its time. */
  readonly opened: void | Promise<void>;
  readonly turn = { pause: false };
  /** The output is full after every record. */
  stingy = false;
  /** Times the operator had to be resumed. */
  resumed = 0;
  alive = 0;
  woken = 0;

  constructor(create: () => Operator, options: KitOptions = {}, restored: RestoredSection[] = []) {
    this.operator = create();
    const output: Receiver = {
      onElement: (record, timestamp, _group, behind) =>
        this.#emit({ record, at: timestamp, ...markOf(behind) }),
      onWatermark: (timeMs) => {
        this.emitted.push({ watermark: timeMs });
        this.time.push(timeMs);
      },
      onIdle: (isSilent) => this.time.push(isSilent ? 'idle, silent' : 'idle'),
    };
    const context: OperatorContext = {
      operator: 'under-test',
      instance: options.instance ?? 0,
      parallelism: options.parallelism ?? 1,
      keyGroups: KEY_GROUPS,
      records: options.records,
      incremental: options.incremental,
      undoes: options.undoes,
      ...(options.reject === undefined ? {} : { reject: options.reject }),
      ownsGroup: options.ownsGroup ?? (() => true),
      formerOwner: options.formerOwner ?? (() => undefined),
      splits: options.splits,
      turn: this.turn,
      output,
      side: (tag) =>
        options.sides?.includes(tag)
          ? {
              onElement: (record, timestamp, _group, behind) =>
                this.#emit({ record, at: timestamp, tag, ...markOf(behind) }),
              onWatermark: () => {},
            }
          : undefined,
      alive: () => {
        this.alive += 1;
      },
      count: (counter, by) => {
        this.counters[counter] = (this.counters[counter] ?? 0) + by;
      },
      pause: () => {
        this.turn.pause = true;
      },
      wake: () => {
        this.woken += 1;
      },
      fail: (error) => {
        throw error;
      },
    };
    this.opened = this.operator.open(context, restored);
  }

  feed(item: Item): void {
    this.drain(); // What a restore has left to be done comes first (task.ts, K2).
    if ('watermark' in item) this.operator.onWatermark(item.watermark);
    else {
      const group = 'key' in item ? keyGroupOf(item.key, KEY_GROUPS) : 0;
      const { port } = item;
      const to = port === undefined ? this.operator : this.operator.ports![port]!;
      to.onElement(item.record, item.at ?? Number.NaN, group, item.behind ?? NOT_BEHIND);
    }
    this.drain();
  }

  drain(): void {
    this.turn.pause = false;
    while (this.operator.suspended === true) {
      this.resumed += 1;
      this.operator.resume?.();
      this.turn.pause = false;
    }
  }

  settle(): void {
    this.operator.settle?.();
    this.drain();
  }

  /** The sections as bytes; `meanwhile` runs between the cut and the rest of the work. */
  snapshot(meanwhile: () => void = () => {}): RestoredSection[] {
    const capture = this.operator.capture?.(1);
    meanwhile();
    return capture === undefined ? [] : sectionsOf(capture);
  }

  #emit(emitted: Emitted): void {
    this.emitted.push(emitted);
    if (this.stingy) this.turn.pause = true;
  }
}

const markOf = (behind: number) => (behind === NOT_BEHIND ? {} : { behind });

/** Completes a capture in the smallest slices. */
export function sectionsOf(capture: Capture, instance = 0): RestoredSection[] {
  while (!capture.step(0)) {}
  return capture.take().sections.map(({ name, chunks }) => ({
    name,
    instance,
    bytes: new Uint8Array(Buffer.concat(chunks)),
  }));
}

export function runPlain(create: () => Operator, items: readonly Item[], options?: KitOptions) {
  const harness = new Harness(create, options);
  for (const item of items) harness.feed(item);
  harness.settle();
  return harness;
}

export function runStingy(create: () => Operator, items: readonly Item[], options?: KitOptions) {
  const harness = new Harness(create, options);
  harness.stingy = true;
  for (const item of items) harness.feed(item);
  harness.settle();
  return harness;
}

/**
 * Between every two items: a cut; then the old operator processes the next item before the rest of
 * the snapshot is taken, which must not show in it; then a fresh operator goes on from the snapshot.
 */
export function runRestoring(create: () => Operator, items: readonly Item[], options?: KitOptions) {
  const emitted: Emitted[] = [];
  const counters: Record<string, number> = {};
  let harness = new Harness(create, options);
  for (const [i, item] of items.entries()) {
    harness.stingy = i % 2 === 1;
    harness.feed(item);
    const before = { emitted: [...harness.emitted], counters: { ...harness.counters } };
    const next = items[i + 1];
    const sections = harness.snapshot(() => {
      if (next !== undefined) harness.feed(next);
    });
    emitted.push(...before.emitted);
    addCounters(counters, before.counters);
    harness = new Harness(create, options, sections);
  }
  harness.settle();
  emitted.push(...harness.emitted);
  addCounters(counters, harness.counters);
  return { emitted, counters };
}

/** Behind every item all instances are replaced, by as many as `sizes` says in turn. */
export function runRescaling(
  create: () => Operator,
  items: readonly Item[],
  sizes: readonly number[],
  more?: KitOptions,
): { readonly emitted: readonly Emitted[]; readonly counters: Readonly<Record<string, number>> } {
  const emitted: Emitted[] = [];
  const counters: Record<string, number> = {};
  let harnesses = [new Harness(create, more)];
  for (const [i, item] of items.entries()) {
    const former = harnesses.length;
    for (const [instance, harness] of harnesses.entries()) {
      const isFor =
        'watermark' in item ||
        item.isBroadcast === true ||
        keyGroupOf(item.key, KEY_GROUPS) % former === instance;
      if (isFor) harness.feed(item);
    }
    const sections = harnesses.flatMap(({ operator }, instance) => {
      const capture = operator.capture?.(1);
      return capture === undefined ? [] : sectionsOf(capture, instance);
    });
    for (const harness of harnesses) {
      emitted.push(...harness.emitted);
      addCounters(counters, harness.counters);
    }
    const size = sizes[i % sizes.length]!;
    harnesses = Array.from({ length: size }, (_, instance) => {
      const options: KitOptions = {
        ...more,
        instance,
        parallelism: size,
        ownsGroup: (group) => group % size === instance,
        ...(size === former ? {} : { formerOwner: (group: number) => group % former }),
      };
      const own = size === former ? sections.filter((one) => one.instance === instance) : sections;
      return new Harness(create, options, own);
    });
  }
  return { emitted, counters };
}

function addCounters(to: Record<string, number>, from: Readonly<Record<string, number>>): void {
  for (const [name, by] of Object.entries(from)) to[name] = (to[name] ?? 0) + by;
}

/** The items with watermarks that never go back, the last of which closes everything. */
export function rising(items: readonly Item[]): readonly Item[] {
  let highest = Number.NEGATIVE_INFINITY;
  const all = items.map((item) => {
    if (!('watermark' in item)) return item;
    highest = Math.max(highest, item.watermark);
    return { watermark: highest };
  });
  return [...all, { watermark: Number.POSITIVE_INFINITY }];
}

/** Without watermarks. */
export function recordsOf(emitted: readonly Emitted[]): Exclude<Emitted, { watermark: number }>[] {
  return emitted.filter((one) => 'record' in one);
}

export function watermarksOf(emitted: readonly Emitted[]): number[] {
  return emitted.flatMap((one) => ('watermark' in one ? [one.watermark] : []));
}
