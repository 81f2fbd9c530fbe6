/** `map()` state is as a plain Map is: while it is walked through, where callbacks fail, and however many entries expire. */

import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { MapState } from '../../src/stream/api/state-specs.js';
import { map } from '../../src/stream/api/state-specs.js';
import type { Operator } from '../../src/stream/operator.js';
import { GuardedOperator } from '../../src/stream/task/guarded-operator.js';
import { Harness, runPlain, runRestoring } from './operator-kit.js';
import { at, of, shown } from './process-kit.js';

type Change =
  | readonly ['set', number]
  | readonly ['delete', number]
  | readonly ['clear']
  | readonly ['fail'];
/** Walks through the entries, and does some changes at each of them. */
type Step = Change | readonly ['walk', readonly (readonly Change[])[]];
type Like = Pick<MapState<number, number>, 'set' | 'delete' | 'clear' | 'entries'>;

function change(entries: Like, [what, key]: Change): void {
  if (what === 'set') entries.set(key, key);
  else if (what === 'delete') entries.delete(key);
  else if (what === 'clear') entries.clear();
  else throw new Error('told to fail');
}

/** Does the steps, and gives what was seen. */
function follow(entries: Like, steps: readonly Step[]): string {
  const seen: unknown[] = [];
  for (const step of steps) {
    if (step[0] !== 'walk') {
      change(entries, step);
      continue;
    }
    const changes = [...step[1]];
    for (const [key] of entries.entries()) {
      seen.push(key);
      for (const next of changes.shift() ?? []) change(entries, next);
    }
    seen.push('.');
  }
  return [...seen, ...[...entries.entries()].map(([key]) => key)].join(' ');
}

const mapOf = (ttlMs?: number) =>
  of({
    state: { by: map<number, number>({ ttlMs }) },
    onElement: (record, { state: { by } }, out) =>
      out.emit(follow(by, (record as unknown as { steps: readonly Step[] }).steps)),
  });

const guarded = (create: () => Operator) => () => new GuardedOperator(create(), undefined);

const key = fc.nat(4);
const alteration: fc.Arbitrary<Change> = fc.oneof(
  { arbitrary: fc.tuple(fc.constant('set' as const), key), weight: 5 },
  { arbitrary: fc.tuple(fc.constant('delete' as const), key), weight: 4 },
  fc.constant(['clear'] as const),
);
const walk = fc.tuple(
  fc.constant('walk' as const),
  fc.array(fc.array(alteration, { maxLength: 3 }), { maxLength: 5 }),
);
const stepsOf = fc.tuple(
  fc.array(fc.oneof({ arbitrary: alteration, weight: 2 }, walk), { maxLength: 8 }),
  fc.boolean(),
);

describe.each([undefined, 1_000])('map state with ttlMs %s', (ttlMs) => {
  it('does what a plain Map does, also while it is walked through and where callbacks fail', () => {
    const create = mapOf(ttlMs);
    fc.assert(
      fc.property(fc.array(stepsOf, { maxLength: 6 }), (drawn) => {
        const programs = drawn.map(([steps, fails]) =>
          fails ? [...steps, ['fail'] as const] : steps,
        );
        const items = programs.map((steps) => at(0, 'a', { steps }));
        let plain = new Map<number, number>();
        const expected: string[] = [];
        for (const steps of programs) {
          const before = new Map(plain);
          try {
            expected.push(`${follow(plain, steps)} at 0`);
          } catch {
            plain = before;
          }
        }
        expect(shown(runPlain(guarded(create), items).emitted)).toEqual(expected);
        expect(shown(runRestoring(guarded(create), items).emitted)).toEqual(expected);

        const all = new Map<number, number>();
        const good = drawn.map(([steps]) => `${follow(all, steps)} at 0`);
        const whole = drawn.map(([steps]) => at(0, 'a', { steps }));
        expect(shown(runPlain(create, whole).emitted)).toEqual(good);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['deletes what is next', [[['delete', 1]]]],
    [
      'deletes what it is at, and sets another',
      [
        [
          ['delete', 0],
          ['set', 3],
        ],
      ],
    ],
    [
      'deletes what it is at, and sets it again',
      [
        [
          ['delete', 0],
          ['set', 0],
        ],
      ],
    ],
    ['clears', [[['clear']]]],
    ['clears, and sets', [[['clear'], ['set', 3]]]],
  ] as const)('is walked through while the callback %s', (_what, changes) => {
    const sets: readonly Step[] = [0, 1, 2].map((each) => ['set', each] as const);
    for (const some of [sets, sets.slice(0, 1), []]) {
      const steps: readonly Step[] = [...some, ['walk', changes]];
      const expected = [`${follow(new Map(), steps)} at 0`];
      for (const create of [mapOf(ttlMs), guarded(mapOf(ttlMs))]) {
        expect(shown(runPlain(create, [at(0, 'a', { steps })]).emitted)).toEqual(expected);
      }
    }
  });
});

describe('entries that expire', () => {
  afterEach(() => vi.restoreAllMocks());

  /** Counts the entries that are gone through, of any Map: by loops and by copies. */
  const countSteps = () => {
    const counted = { steps: 0 };
    const { entries } = Map.prototype;
    vi.spyOn(Map.prototype, Symbol.iterator).mockImplementation(function* (
      this: Map<unknown, unknown>,
    ) {
      for (const entry of entries.call(this)) {
        counted.steps += 1;
        yield entry as [unknown, unknown];
      }
      return undefined;
    });
    return counted;
  };

  const creates = { plain: mapOf(10), guarded: guarded(mapOf(10)) };

  it.each(['plain', 'guarded'] as const)('are gone through once as all do at once: %s', (kind) => {
    const harness = new Harness(creates[kind]);
    const steps: readonly Step[] = Array.from({ length: 500 }, (_, i) => ['set', i] as const);
    harness.feed(at(0, 'a', { steps }));
    harness.feed(at(5, 'a', { steps: [['set', 500]] }));
    const counted = countSteps();
    harness.feed({ watermark: 12 });
    expect(counted.steps).toBeLessThan(1_000);
    vi.restoreAllMocks();
    harness.feed(at(13, 'a', { steps: [] }));
    expect(shown(harness.emitted).at(-1)).toBe('500 at 13');
  });

  it.each(['plain', 'guarded'] as const)('cost nothing of those that are left: %s', (kind) => {
    const harness = new Harness(creates[kind]);
    // Each record has a time of its own, so entries expire one by one.
    for (let i = 0; i < 500; i += 1) {
      harness.feed(at(i / 100, 'a', { steps: [['set', i]] }));
    }
    harness.emitted.length = 0;
    harness.feed({ watermark: 10 });
    const counted = countSteps();
    for (let i = 1; i < 300; i += 1) harness.feed({ watermark: 10 + i / 100 });
    // One that has expired and one that has not, for each watermark; what else is gone through is small.
    expect(counted.steps).toBeLessThan(300 * 6);
    vi.restoreAllMocks();
    harness.feed(at(13, 'a', { steps: [] }));
    expect(shown(harness.emitted).at(-1)?.split(' ').slice(0, 2)).toEqual(['301', '302']);
  });

  it('go at their time, in whatever order they were set', () => {
    const time = fc.nat(30);
    const put = fc.tuple(fc.nat(99), time);
    const items = fc.array(fc.oneof({ arbitrary: put, weight: 9 }, time), {
      minLength: 200,
      maxLength: 400,
    });
    fc.assert(
      fc.property(items, fc.boolean(), (drawn, isSteady) => {
        const harness = new Harness(guarded(mapOf(10)));
        const plain = new Map<number, number>();
        let nowMs = 0;
        const free = (): void => {
          for (const [each, untilMs] of plain) if (untilMs <= nowMs) plain.delete(each);
        };
        for (const [i, item] of drawn.entries()) {
          if (typeof item === 'number') {
            nowMs = Math.max(nowMs, item / 2);
            harness.feed({ watermark: nowMs });
            free();
            continue;
          }
          // Mostly new keys at rising times, so that order is found, kept and lost.
          const [drawnKey, ms] = item;
          const each = isSteady || i < 150 ? i : drawnKey;
          const atMs = isSteady || i < 150 ? nowMs : nowMs + ms / 10;
          harness.feed(at(atMs, 'a', { steps: [['set', each]] }));
          const seenMs = Math.max(atMs, nowMs);
          if ((plain.get(each) ?? 0) <= seenMs) plain.delete(each); // It comes last.
          plain.set(each, atMs + 10);
          const left = [...plain].filter(([, untilMs]) => untilMs > seenMs);
          expect(shown(harness.emitted).at(-1)).toBe(
            `${left.map(([one]) => one).join(' ')} at ${atMs}`,
          );
        }
      }),
      { numRuns: 25 },
    );
  });
});
