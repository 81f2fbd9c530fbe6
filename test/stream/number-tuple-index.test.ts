import { expect, it } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { NumberTupleIndex } from '../../src/stream/state/number-tuple-index.js';

it('tells tuples of one hash apart, as they are found and as they go', () => {
  // Of so many, some eighteen pairs have the same 32 bits.
  const random = seededRandom(1);
  const tuples = Array.from({ length: 400_000 }, (_, i) => [random.next(), i]);
  let compared = 0;
  const index = new NumberTupleIndex((place) => {
    compared += 1;
    return tuples[place]!;
  });
  for (const [place, tuple] of tuples.entries()) index.set(tuple, place);
  expect(compared).toBe(0);
  expect(tuples.findIndex((tuple, place) => index.get([...tuple]) !== place)).toBe(-1);
  expect(compared).toBeGreaterThan(tuples.length);
  for (const [place, tuple] of tuples.entries()) {
    if (place % 2 === 0) index.delete(tuple);
  }
  const wrong = tuples.findIndex(
    (tuple, place) => index.get(tuple) !== (place % 2 === 0 ? -1 : place),
  );
  expect(wrong).toBe(-1);
});
