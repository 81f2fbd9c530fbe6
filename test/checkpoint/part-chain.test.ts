import { describe, expect, test } from 'vitest';
import {
  CHAIN_FILES_MAX,
  partsToRewrite,
  SMALL_PART_BYTES,
} from '../../src/checkpoint/compaction.js';
import { chainOf, filesOf, linkPart } from '../../src/checkpoint/parts/part-chain.js';
import type { PartDescriptor, PartFile } from '../../src/checkpoint/store.js';

const A = { operator: 'a', name: 's' };
const B = { operator: 'b', name: 's' };

function written(
  file: string,
  bytes: Readonly<Record<'a' | 'b', number>> = { a: 10, b: 10 },
  instance = 0,
): PartFile {
  return {
    file,
    bytes: bytes.a + bytes.b + 1,
    sha256: '',
    vertex: 'v',
    instance,
    sections: [
      { operator: 'v', name: '~task', bytes: 1 },
      { ...A, bytes: bytes.a },
      { ...B, bytes: bytes.b },
    ],
  };
}

const namesOf = (part: PartDescriptor) => filesOf(part).map(({ file }) => file);
const chainNames = (part: PartDescriptor, section: typeof A) =>
  chainOf(part, section)?.map(({ file, section: at }) => `${file.file}/${at}`);

describe('the chain of a part', () => {
  test('is each section back to where it is in full, and the files of all of them', () => {
    const four = linkPart(written('4'), [], undefined);
    const five = linkPart(written('5'), [A, B], four);
    const six = linkPart(written('6'), [A], five);
    const seven = linkPart(written('7'), [A, B], six);
    expect(four.earlier).toBeUndefined();
    expect(chainNames(seven, A)).toEqual(['4/1', '5/1', '6/1', '7/1']);
    expect(chainNames(seven, B)).toEqual(['6/2', '7/2']);
    expect(chainNames(seven, { operator: 'v', name: '~task' })).toEqual(['7/0']);
    expect(namesOf(seven)).toEqual(['4', '5', '6', '7']);
    // No longer than needed: once `a` is in full as well, its files go.
    const eight = linkPart(written('8'), [B], seven);
    expect(namesOf(eight)).toEqual(['6', '7', '8']);
    expect(namesOf(linkPart(written('9'), [], eight))).toEqual(['9']);
    expect(namesOf(linkPart({ ...written(''), sections: [] }, [], eight))).toEqual([]);
    // Files are named flat, whatever they themselves build on.
    for (const file of eight.earlier ?? []) expect(Object.keys(file)).not.toContain('earlier');
  });

  test('is refused where it has no beginning', () => {
    const lonely = { ...written('5'), sections: [{ ...A, bytes: 1, delta: true as const }] };
    expect(chainOf(lonely, A)).toBeUndefined();
    expect(chainOf(lonely, B)).toBeUndefined();
    const gap = { ...lonely, earlier: [written('3'), { ...written('4'), sections: [] }] };
    expect(chainOf(gap, A)).toBeUndefined();
    for (const base of [undefined, { ...written('4'), sections: [] }]) {
      expect(() => linkPart(written('5'), [A], base)).toThrow(
        expect.objectContaining({ code: 'ERR_HOLDFAST_INTERNAL' }),
      );
    }
  });
});

describe('compaction', () => {
  const FULL = SMALL_PART_BYTES * 4;

  /** A part with one section in full, and so many deltas of that size behind it. */
  function chained(deltas: number, deltaBytes: number, instance = 0, full = FULL): PartDescriptor {
    let part = linkPart(written('0', { a: full, b: 10 }, instance), [], undefined);
    for (let i = 1; i <= deltas; i += 1) {
      part = linkPart(written(`${i}`, { a: deltaBytes, b: 10 }, instance), [A], part);
    }
    return part;
  }

  test('is due when the changes exceed half of the whole, or the chain is long', () => {
    expect(partsToRewrite([chained(1, FULL / 2 - 1)])).toEqual([]);
    const large = chained(2, FULL / 4);
    expect(partsToRewrite([large])).toEqual([large]);
    expect(partsToRewrite([chained(CHAIN_FILES_MAX - 2, 1)])).toEqual([]);
    const long = chained(CHAIN_FILES_MAX - 1, 1);
    expect(partsToRewrite([long])).toEqual([long]);
    const whole = chained(0, 0);
    expect(partsToRewrite([whole])).toEqual([]);
  });

  test('counts values where it can: state that only grows is due for the length of its chain alone', () => {
    function growing(perFile: number, live: (file: number) => number, files: number) {
      let part: PartDescriptor | undefined;
      for (let i = 0; i < files; i += 1) {
        const made = written(`${i}`, { a: FULL, b: 10 });
        const sections = made.sections.map((section) =>
          section.operator === 'a' ? { ...section, entries: perFile, live: live(i) } : section,
        );
        part = linkPart({ ...made, sections }, i === 0 ? [] : [A], part);
      }
      return part!;
    }
    const grows = (files: number) => growing(100, (i) => 100 * (i + 1), files);
    expect(partsToRewrite([grows(CHAIN_FILES_MAX - 1)])).toEqual([]);
    const long = grows(CHAIN_FILES_MAX);
    expect(partsToRewrite([long])).toEqual([long]);
    // The same values again and again: half as much in vain as there is.
    const changes = (files: number) => growing(100, () => 250, files);
    expect(partsToRewrite([changes(3)])).toEqual([]);
    const vain = changes(4);
    expect(partsToRewrite([vain])).toEqual([vain]);
    const emptied = growing(100, (i) => (i === 0 ? 100 : 0), 2);
    expect(partsToRewrite([emptied])).toEqual([emptied]);
  });

  test('spares what is small the trouble', () => {
    const small = chained(0, 0, 0, 100);
    expect(partsToRewrite([small])).toEqual([small]);
  });

  test('is spread over instances, and reaches each of them within few checkpoints', () => {
    const parts = Array.from({ length: 8 }, (_, instance) => chained(0, 0, instance));
    const rewritten: number[][] = [];
    let longest = 0;
    for (let checkpoint = 1; checkpoint < 400; checkpoint += 1) {
      const due = partsToRewrite(parts).map(({ instance }) => instance);
      rewritten.push(due);
      for (const [at, part] of parts.entries()) {
        const deltas = due.includes(at) ? [] : [A];
        const bytes = { a: deltas.length === 0 ? FULL : 100, b: 10 };
        parts[at] = linkPart(written(`${at}/${checkpoint}`, bytes, at), deltas, part);
        longest = Math.max(longest, filesOf(parts[at]).length);
      }
    }
    expect(Math.max(...rewritten.map((due) => due.length))).toBe(2);
    expect(longest).toBeLessThanOrEqual(CHAIN_FILES_MAX + 3);
    for (let instance = 0; instance < 8; instance += 1) {
      expect(rewritten.filter((due) => due.includes(instance)).length).toBeGreaterThan(5);
    }
  });
});
