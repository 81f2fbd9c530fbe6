/**
 * Writes a straight piece of a chain as one function: operators that pass each record on at once, and the receiver
 * behind them.
 *
 *  C1  The function does what the operators' `onElement` do one after the other, and names the operator that an error was thrown
 *      in, with its record, as LocatedReceiver does. Watermarks and idleness go from operator to operator.
 *  C2  Only numbers of steps are in its source, never a name or a value that a user has chosen. Callbacks and
 *      operators are bound by parameters.
 *  C3  Each function has a source of its own, so V8 learns the types of each chain, and of each call in it, apart. Of one text
 *      that is compiled twice it would share what it has learned, and then treat every callback as one of many.
 *  C4  Where code generation from strings is switched off, the operators call each other.
 */

import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { InlineStep, Operator, Receiver } from '../operator.js';
import { known, LocatedReceiver, locateRecord } from './located-error.js';

/** An operator of a straight piece. */
export interface ChainStep {
  /** Operator id. */
  readonly id: string;
  readonly operator: Operator;
  /** Undefined: only of the last one, which may do with the record as it likes. */
  readonly inline: InlineStep | undefined;
}

export interface StraightChain {
  /** At least one. */
  readonly steps: readonly ChainStep[];
  /** What stands behind them, if the last one passes records on at once. */
  readonly next: Receiver | undefined;
}

type ChainReceiver = new (operator: Operator, id: string) => Receiver;

/** Counts the functions of this thread (C3). */
let made = 0;

/** Undefined where code generation from strings is switched off (C4). */
export function compileChain({ steps, next }: StraightChain): Receiver | undefined {
  const bound: Record<string, unknown> = {
    LocatedReceiver,
    located: (error: unknown, at: number, record: unknown) =>
      locateRecord(error, steps[at]!.id, known(steps[at]!.operator, record)),
    passes,
    asyncCallbackError,
    next,
  };
  for (const [k, { operator, inline }] of steps.entries()) {
    if (inline === undefined) bound[`o${k}`] = operator;
    else bound[`f${k}`] = inline.fn;
    if (inline?.kind === 'timestamps') bound[`o${k}`] = inline.times;
  }
  made += 1;
  const source = `'use strict';
return class extends LocatedReceiver {
onElement(record, timestamp, group, behind) {
let v = record, r = record, at = 0;
try {
${stepsText(steps, 0)}
} catch (error) { throw located(error, at, r); }
}
};
//# sourceURL=holdfast:chain-${made}`;
  try {
    const make = new Function(...Object.keys(bound), source) as (
      ...given: unknown[]
    ) => ChainReceiver;
    const { operator, id } = steps[0]!;
    return new (make(...Object.values(bound)))(operator, id);
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}

/** `v` is the record on its way, `r` what step `at` was given. */
function stepsText(steps: readonly ChainStep[], k: number): string {
  const step = steps[k];
  if (step === undefined) return 'next.onElement(v, timestamp, group, behind);';
  const begin = k === 0 ? '' : `at = ${k}; r = v;\n`;
  const rest = (): string => stepsText(steps, k + 1);
  switch (step.inline?.kind) {
    case undefined:
      return `${begin}o${k}.onElement(v, timestamp, group, behind);`;
    case 'map':
      return `${begin}const m${k} = f${k}(v);
if (typeof m${k} === 'object' && m${k} !== null && typeof m${k}.then === 'function') throw asyncCallbackError('map');
v = m${k}; group = 0;
${rest()}`;
    case 'filter':
      return `${begin}const p${k} = f${k}(v);
if (p${k} === true || (p${k} && passes(p${k}))) {
group = 0;
${rest()}
}`;
    case 'timestamps':
      return `${begin}const r${k} = v;
timestamp = f${k}(v);
behind = o${k}.take(timestamp);
${rest()}
at = ${k}; r = r${k};
o${k}.passed();`;
  }
}

function passes(answer: unknown): boolean {
  if (isThenable(answer)) throw asyncCallbackError('filter');
  return true;
}
