/** Random programs for a draft of a flat object, and what is seen and comes of them. */

import fc from 'fast-check';
import { staleDraft } from '../../../src/base/stale-draft.js';
import { copyValue } from '../../../src/codec/value-codec.js';

export type Fields = Record<string, unknown>;

/** What is seen on the way, and what comes of it. */
export interface Told {
  readonly seen: unknown[];
  readonly outcome:
    | { readonly value: unknown; readonly isSame: boolean }
    | { readonly error: unknown };
}

export type Step =
  | readonly ['read' | 'delete' | 'has', string]
  | readonly ['write', string, unknown]
  | readonly ['add', string, unknown]
  | readonly ['spread' | 'keys' | 'json' | 'entries' | 'forIn' | 'assign' | 'throw']
  | readonly ['self' | 'selfInside', string];
export type Ending = 'nothing' | 'draft' | 'spread' | 'null' | 'inside' | 'fresh';

export const failure = new Error('told to fail');

export function take(draft: Fields, seen: unknown[], step: Step): void {
  const [what] = step;
  switch (what) {
    case 'read':
      seen.push(draft[step[1]]);
      break;
    case 'has':
      seen.push(step[1] in draft, Object.hasOwn(draft, step[1]));
      break;
    case 'delete':
      seen.push(delete draft[step[1]]);
      break;
    case 'write':
    case 'add':
      draft[step[1]] = step[2];
      break;
    case 'spread':
      seen.push({ ...draft });
      break;
    case 'keys':
      seen.push(Object.keys(draft), Reflect.ownKeys(draft));
      break;
    case 'json':
      seen.push(JSON.stringify(draft, (_, one) => (typeof one === 'bigint' ? `${one}n` : one)));
      break;
    case 'entries':
      seen.push(Object.entries(draft), Object.values(draft));
      break;
    case 'forIn':
      for (const key in draft) seen.push(key);
      break;
    case 'assign':
      seen.push(Object.assign({ first: 1 }, draft));
      break;
    case 'self':
      draft[step[1]] = draft;
      break;
    case 'selfInside':
      draft[step[1]] = [{ draft }];
      break;
    case 'throw':
      throw failure;
  }
}

export function answerOf(draft: Fields, ending: Ending): unknown {
  switch (ending) {
    case 'nothing':
      return undefined;
    case 'draft':
      return draft;
    case 'spread':
      return { ...draft, more: 1 };
    case 'null':
      return null;
    case 'inside':
      return { of: draft, more: 1 };
    case 'fresh':
      return { fresh: true };
  }
}

/** @param changed makes a value of `base` by a callback */
export function told(
  base: Fields,
  steps: readonly Step[],
  ending: Ending,
  changed: (base: Fields, change: (draft: unknown) => unknown) => unknown,
): Told {
  const seen: unknown[] = [];
  try {
    const value = changed(base, (draft) => {
      for (const step of steps) take(draft as Fields, seen, step);
      return answerOf(draft as Fields, ending);
    });
    // State keeps a copy, which nothing is put into that is no data.
    return { seen, outcome: { value: copyValue(value), isSame: value === base } };
  } catch (error) {
    if (error === failure) return { seen, outcome: { error } };
    const isOfDraft =
      staleDraft(error) !== undefined ||
      (error as { code?: string }).code === 'ERR_HOLDFAST_UNSUPPORTED_VALUE';
    // immer leaves a draft inside of a new object as it is, where nobody can read it any more.
    return {
      seen,
      outcome: { error: isOfDraft ? 'in itself' : (error as { code?: string }).code },
    };
  }
}

/** The keys of objects, few enough that each shape is met again and again. */
export const SHAPES = [
  ['a'],
  ['a', 'b'],
  ['b', 'a'],
  ['a', 'b', 'c'],
  ['constructor', 'then', 'base'],
  ['x y', '"\\\n', '\u2028', '\ud800', '`', "']", ''],
  Array.from({ length: 31 }, (_, i) => `k${i}`),
];
export const primitive = fc.constantFrom(
  0,
  1,
  1.5,
  Number.NaN,
  'x',
  '',
  true,
  false,
  null,
  undefined,
  7n,
);
const written = fc.oneof(
  { arbitrary: primitive, weight: 4 },
  fc.constantFrom(1, 2).map((n) => [n]),
  fc.constantFrom(1, 2).map((n) => ({ n })),
);
export const stepOf = (key: fc.Arbitrary<string>): fc.Arbitrary<Step> =>
  fc.oneof(
    { arbitrary: fc.tuple(fc.constant('read' as const), key), weight: 4 },
    { arbitrary: fc.tuple(fc.constant('write' as const), key, written), weight: 6 },
    fc.tuple(fc.constant('has' as const), key),
    fc.tuple(fc.constant('delete' as const), key),
    fc.tuple(fc.constant('add' as const), fc.constantFrom('new', 'newer'), written),
    fc.constantFrom<Step>(['spread'], ['keys'], ['json'], ['entries'], ['forIn'], ['assign']),
  );
export const lastOf = (key: fc.Arbitrary<string>): fc.Arbitrary<Step> =>
  fc.oneof(
    fc.constant<Step>(['throw']),
    fc.tuple(fc.constantFrom('self' as const, 'selfInside' as const), key),
  );
export const ending = fc.constantFrom<Ending>(
  'nothing',
  'nothing',
  'draft',
  'spread',
  'null',
  'inside',
  'fresh',
);
