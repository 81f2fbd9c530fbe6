import { expect, test } from 'vitest';
import type { RestoredSection, StateSection } from '../../src/stream/operator.js';
import {
  type CountingInstance,
  encodeCounters,
  restoreCounters,
} from '../../src/stream/state/counter-section.js';

const KEY_GROUPS = 12;

/** Group g of 1…12 lives on instance (g + shift) mod parallelism. */
function tableOf(parallelism: number, shift: number): Uint16Array {
  return Uint16Array.from({ length: KEY_GROUPS + 1 }, (_, g) => (g + shift) % parallelism);
}

function instancesOf(parallelism: number, keyed: boolean, shift = 0): CountingInstance[] {
  const table = keyed ? tableOf(parallelism, shift) : undefined;
  return Array.from({ length: parallelism }, (_, instance) => ({ instance, parallelism, table }));
}

function asRestored({ name, chunks }: StateSection, instance: number): RestoredSection {
  return { name, instance, bytes: chunks[0]! };
}

function restored(sections: readonly RestoredSection[], to: CountingInstance): number {
  let late = 0;
  restoreCounters(sections, to, (counter, by) => {
    expect(counter).toBe('lateRecords');
    late += by;
  });
  return late;
}

for (const keyed of [true, false]) {
  test(`a change of parallelism loses and doubles no counter (keyed: ${keyed})`, () => {
    for (const before of [1, 2, 3, 5]) {
      const sections = instancesOf(before, keyed).map((old) =>
        asRestored(encodeCounters({ lateRecords: 10 ** old.instance }, old), old.instance),
      );
      for (const after of [1, 2, 3, 4, 7]) {
        const all = instancesOf(after, keyed, 1).map((to) => restored(sections, to));
        const expected = Number('1'.repeat(before));
        expect(all.reduce((sum, late) => sum + late, 0)).toBe(expected);
      }
    }
  });

  test(`with the same parallelism each has its own again (keyed: ${keyed})`, () => {
    for (const own of instancesOf(3, keyed)) {
      const section = asRestored(encodeCounters({ lateRecords: 7 }, own), own.instance);
      expect(restored([section, { ...section, name: 'windows' }], own)).toBe(7);
    }
  });
}

test('bytes that are no counters are refused', () => {
  const [only] = instancesOf(1, false);
  const section = encodeCounters({ lateRecords: 1 }, only!);
  const bytes = section.chunks[0]!;
  for (const torn of [new Uint8Array(0), bytes.subarray(0, 5), new Uint8Array(20).fill(255)]) {
    expect(() => restored([{ name: section.name, instance: 0, bytes: torn }], only!)).toThrow(
      expect.objectContaining({ code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT' }),
    );
  }
});
