import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildRing, pointAfter } from '../../src/hashring/ring.js';

const ids = fc.uniqueArray(fc.string({ maxLength: 5 }), { minLength: 1, maxLength: 8 });
const virtualNodes = fc.integer({ min: 1, max: 20 });

describe('the ring', () => {
  test('has its points in order, as many for a member as its weight says', () => {
    const weights = fc.constantFrom(0.01, 0.5, 1, 2.5);
    fc.assert(
      fc.property(ids, weights, virtualNodes, (names, weight, points) => {
        const ring = buildRing(
          names.map((id) => ({ id, weight })),
          points,
        );
        expect([...ring.places]).toEqual([...ring.places].sort((a, b) => a - b));
        names.forEach((_, owner) => {
          const own = ring.owners.filter((each) => each === owner).length;
          expect(own).toBe(Math.max(1, Math.round(points * weight)));
        });
      }),
    );
  });

  test('leaves the other points where they are when a member goes', () => {
    fc.assert(
      fc.property(ids, virtualNodes, (names, points) => {
        fc.pre(names.length > 1);
        const named = (members: readonly string[]) => {
          const ring = buildRing(
            members.map((id) => ({ id })),
            points,
          );
          return [...ring.owners].map((owner, i) => [ring.places[i], members[owner]]);
        };
        const without = named(names).filter(([, id]) => id !== names[0]);
        expect(named(names.slice(1))).toEqual(without);
      }),
    );
  });

  test('finds the first point clockwise, as a search from the start would', () => {
    const place = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(ids, virtualNodes, place, (names, points, from) => {
        const ring = buildRing(
          names.map((id) => ({ id })),
          points,
        );
        for (const start of [from, ring.places[0]!, ring.places.at(-1)!, 0, 0xffff_ffff]) {
          const found = ring.places.findIndex((each) => each >= start);
          expect(pointAfter(ring, start)).toBe(found === -1 ? 0 : found);
        }
      }),
    );
  });
});
