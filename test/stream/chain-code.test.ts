/** A straight piece of a chain as one function does what its operators do one after the other (C1–C4 of chain-code.ts). */

import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { NOT_BEHIND } from '../../src/channels/element.js';
import type { Operator, OperatorContext, Receiver } from '../../src/stream/operator.js';
import { filterOperator } from '../../src/stream/operators/filter-operator.js';
import { mapOperator } from '../../src/stream/operators/map-operator.js';
import { timestampsOperator } from '../../src/stream/operators/timestamps-operator.js';
import { type ChainStep, compileChain } from '../../src/stream/task/chain-code.js';
import { LocatedError, LocatedReceiver } from '../../src/stream/task/located-error.js';

type Callback = (record: number) => unknown;
type Kind = 'map' | 'filter' | 'timestamps';

const OPERATORS = {
  map: (fn: Callback) => mapOperator(fn)(),
  filter: (fn: Callback) => filterOperator(fn)(),
  timestamps: (fn: Callback) => timestampsOperator(fn, { outOfOrdernessMs: 5 })(),
};

/** Notes all that it is given; fails on multiples of 11. */
class Last implements Receiver {
  readonly seen: unknown[] = [];

  onElement(...given: [unknown, number, number, number]): void {
    if ((given[0] as number) % 11 === 0) throw new Error('the last');
    this.seen.push(given);
  }

  onWatermark(timeMs: number): void {
    this.seen.push(timeMs);
  }

  onIdle(isSilent: boolean): void {
    this.seen.push(isSilent);
  }
}

interface Chain {
  readonly head: Receiver;
  readonly last: Last;
}

function chain(kinds: readonly Kind[], callbacks: readonly Callback[], compiles: boolean): Chain {
  const last = new Last();
  const steps: ChainStep[] = [];
  let head: Receiver = last;
  for (let i = kinds.length - 1; i >= 0; i -= 1) {
    const operator: Operator = OPERATORS[kinds[i]!](callbacks[i]!);
    const id = `operator ${i}`;
    operator.open({ operator: id, output: head, turn: { pause: false } } as OperatorContext, []);
    steps.unshift({ id, operator, inline: operator.inline });
    head = new LocatedReceiver(operator, id);
  }
  return { head: compiles ? compileChain({ steps, next: last })! : head, last };
}

/** What comes out for these records, and the errors, each with its operator and its record. */
function outcome({ head, last }: Chain, records: readonly number[]): unknown {
  const errors = records.map((record, i) => {
    try {
      head.onElement(record, i, 7, NOT_BEHIND);
    } catch (error) {
      const { operator, record: shown, error: cause } = error as LocatedError;
      return [operator, shown, String(cause)];
    }
    return undefined;
  });
  head.onIdle?.(true);
  head.onWatermark(Number.POSITIVE_INFINITY);
  return { errors, seen: last.seen };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('a straight piece as one function', () => {
  it('gives the same records, times, marks, watermarks and errors as its operators (C1)', () => {
    const step = fc.record({
      kind: fc.constantFrom<Kind>('map', 'filter', 'timestamps'),
      failsAt: fc.integer({ min: 2, max: 13 }),
      promises: fc.integer({ min: 20, max: 200 }),
      add: fc.nat(5),
    });
    const records = fc.array(fc.nat(150), { maxLength: 150 });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 5 }), records, (steps, list) => {
        const kinds = steps.map(({ kind }) => kind);
        const callbacks = steps.map(({ kind, failsAt, promises, add }) => (record: number) => {
          if (record % failsAt === 1) throw new Error(`fails at ${record}`);
          if (record === promises) return Promise.resolve(record);
          if (kind === 'filter') return [record % 3 !== 0, 'yes', undefined][add % 3];
          return record + add;
        });
        const expected = outcome(chain(kinds, callbacks, false), list);
        expect(outcome(chain(kinds, callbacks, true), list)).toEqual(expected);
      }),
    );
  });

  it('goes into the operator that ends it, and names that one (C1)', () => {
    const fails = new Error('window');
    const operator = {
      open: () => {},
      onElement: () => {
        throw fails;
      },
      onWatermark: () => {},
    };
    const map: Operator = mapOperator((record: number) => record + 1)();
    const steps = [
      { id: 'map', operator: map, inline: map.inline },
      { id: 'window', operator, inline: undefined },
    ];
    const head = compileChain({ steps, next: undefined })!;
    let thrown: unknown;
    try {
      head.onElement(1, Number.NaN, 0, NOT_BEHIND);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(LocatedError);
    expect(thrown).toMatchObject({ operator: 'window', record: '2', error: fails });
  });

  it('has a source of its own each time it is written (C3)', () => {
    const sources: string[] = [];
    const Real = Function;
    vi.stubGlobal('Function', function made(...texts: string[]) {
      sources.push(texts.at(-1)!);
      return new Real(...texts);
    });
    chain(['map'], [(record) => record], true);
    chain(['map'], [(record) => record], true);
    expect(sources).toHaveLength(2);
    expect(sources[0]).not.toBe(sources[1]);
  });

  it('is not written where code generation is switched off (C4)', () => {
    vi.stubGlobal('Function', function refused() {
      throw new EvalError('Code generation from strings disallowed for this context');
    });
    const operator = mapOperator((record: number) => record)();
    const steps = [{ id: 'map', operator, inline: operator.inline }];
    expect(compileChain({ steps, next: new Last() })).toBeUndefined();
  });
});
