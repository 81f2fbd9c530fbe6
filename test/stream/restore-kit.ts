/** Runs an operator while it is replaced again and again: by other instances, or after snapshots that build on others. */

import { expect } from 'vitest';
import { keyGroupOf } from '../../src/hashring/key-group.js';
import type { Operator, RestoredSection } from '../../src/stream/operator.js';
import {
  type Emitted,
  Harness,
  type Item,
  KEY_GROUPS,
  type KitOptions,
  sectionsOf,
} from './operator-kit.js';

/** At each divisible pause, and between all items, all instances are replaced by others, each time of another number. */
export function runRescaled(
  create: () => Operator,
  items: readonly Item[],
  sizes: readonly number[],
): readonly Emitted[] {
  const emitted: Emitted[] = [];
  let turn = 0;
  let size = 1;
  const ownerOf = (group: number, of_: number) => group % of_;
  let harnesses = [new Harness(create)];
  const replace = (): void => {
    const former = size;
    const sections: RestoredSection[] = harnesses.flatMap((harness, instance) => {
      emitted.push(...harness.emitted);
      return sectionsOf(harness.operator.capture!(1)!, instance);
    });
    size = sizes[turn % sizes.length]!;
    turn += 1;
    harnesses = Array.from({ length: size }, (_, instance) => {
      const options: KitOptions = {
        instance,
        parallelism: size,
        ownsGroup: (group) => ownerOf(group, size) === instance,
        formerOwner: (group) => ownerOf(group, former),
      };
      const harness = new Harness(create, options, sections);
      harness.stingy = true;
      return harness;
    });
  };
  for (const item of items) {
    if ('watermark' in item) {
      // Each instance gets it; whoever is half-done gets it again after the restore, and so do the others.
      for (let isDone = false; !isDone; ) {
        for (const { operator, turn: gate } of harnesses) {
          gate.pause = false;
          if (operator.suspended === true) operator.resume?.();
          else operator.onWatermark(item.watermark);
        }
        for (const { operator, turn: gate } of harnesses) {
          while (operator.suspended === true && operator.divisible !== true) {
            gate.pause = false;
            operator.resume?.();
          }
        }
        isDone = harnesses.every(({ operator }) => operator.suspended !== true);
        if (!isDone) replace();
      }
    } else {
      const group = keyGroupOf(item.key, KEY_GROUPS);
      harnesses[ownerOf(group, size)]!.feed(item);
    }
    replace();
  }
  return [...emitted, ...harnesses.flatMap((harness) => harness.emitted)];
}

/** After each item a snapshot, which may build on the last that completed; some do not complete, and some are restored. */
export function runIncremental(
  create: () => Operator,
  items: readonly Item[],
  fates: readonly number[],
) {
  let emitted: Emitted[] = [];
  let deltas = 0;
  let checkpoint = 0;
  let harness = new Harness(create, { incremental: true });
  let completed:
    | { number: number; sections: readonly RestoredSection[]; emitted: number }
    | undefined;
  const redo: Item[] = [];
  for (const [i, item] of items.entries()) {
    harness.feed(item);
    redo.push(item);
    emitted.push(...harness.emitted.splice(0));
    checkpoint += 1;
    const capture = harness.operator.capture!(checkpoint, completed?.number)!;
    while (!capture.step(0)) {}
    const fate = fates[i % fates.length]!;
    const taken = capture.take().sections;
    if (fate > 0) {
      const sections = taken.map(({ name, chunks, on }): RestoredSection => {
        const bytes = new Uint8Array(Buffer.concat(chunks));
        if (on === undefined) return { name, instance: 0, bytes, checkpoint };
        expect(on).toBe(completed!.number);
        deltas += 1;
        const before = completed!.sections.find((section) => section.name === name)!;
        return { ...before, deltas: [...(before.deltas ?? []), bytes], checkpoint };
      });
      completed = { number: checkpoint, sections, emitted: emitted.length };
      redo.length = 0;
    }
    if (fate === 2 && completed !== undefined) {
      // A crash: goes on from the last that completed, and does the rest again.
      emitted = emitted.slice(0, completed.emitted);
      harness = new Harness(create, { incremental: true }, [...completed.sections]);
      for (const again of redo) harness.feed(again);
      emitted.push(...harness.emitted.splice(0));
    }
  }
  return { emitted, deltas };
}
